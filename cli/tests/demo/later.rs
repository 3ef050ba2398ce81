//! The second chapter: a list of values, and instances that end.

use serde_json::json;

use crate::{STORY, id};

/// The lines of one of the chapter's reports that are about this instance.
fn lines(report: &str, role: &str) -> Vec<&'static str> {
    let text = STORY["later"][report]["text"].as_str().unwrap();
    text.lines()
        .filter(|line| line.starts_with("-- ") && line.contains(id(role)))
        .collect()
}

/// The verdict and the annotation under the new policy.
fn found(role: &str) -> (&'static str, &'static str) {
    let instances = STORY["later"]["found"]["instances"].as_array().unwrap();
    let mut instances = instances.iter();
    let seen = instances.find(|seen| seen["role"] == role).unwrap();
    let [verdict, annotation] = ["verdict", "annotation"].map(|name| seen[name].as_str());
    (verdict.unwrap_or("-"), annotation.unwrap_or_default())
}

#[test]
fn begins_with_the_customers_table() {
    let change = &STORY["later"]["policyChange"];
    let changed: Vec<_> = change["changes"].as_array().unwrap().iter().collect();
    let changed: Vec<_> = changed
        .iter()
        .map(|it| {
            (
                it["ruleId"].as_i64().unwrap(),
                it["change"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(changed, [(-1, "add"), (3, "change"), (4, "add")]);
    let rule = STORY["policy"].as_array().unwrap();
    let rule = rule.iter().find(|rule| rule["RuleId"] == 3).unwrap();
    assert_eq!(
        change["changes"][1]["attributes"]["Default"],
        json!({"before": rule["Default"], "after": "today()+30d"})
    );
}

/// What the old rule filled in is no end date.
#[test]
fn takes_the_dates_of_the_old_rule_back() {
    let later = &STORY["later"];
    let warnings = later["policyChange"]["warnings"].as_array().unwrap();
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert!(
        warning
            .as_str()
            .unwrap()
            .contains("all those dates have passed"),
        "{warning}"
    );
    let written = ["report", "sweepReport"].iter().flat_map(|report| {
        let entries = STORY[report]["json"]["entries"].as_array().unwrap();
        entries.iter().filter(|it| it["tagKey"] == "Expires")
    });
    assert_eq!(later["undoneTags"], written.count());
    for role in ["wiki", "rookie"] {
        assert_eq!(
            lines("noticeReport", role),
            [format!(
                "-- Instance {} missing tag Expires. New tag created.",
                id(role)
            )]
        );
        assert_eq!(lines("endReport", role), Vec::<&str>::new());
    }
    // The rule is not for what its group would replace.
    assert_eq!(found("worker"), ("COMPLIANT", ""));
    assert_eq!(lines("noticeReport", "worker"), Vec::<&str>::new());
}

#[test]
fn suggests_the_allowed_value_and_leaves_the_value_alone() {
    assert_eq!(found("shop"), ("COMPLIANT", ""));
    assert_eq!(
        found("search"),
        (
            "NON_COMPLIANT",
            "value of tag Env not allowed (rule 4; found prod, did you mean Prod?)"
        )
    );
    assert_eq!(
        lines("noticeReport", "search"),
        [format!(
            "-- Instance {} value of tag Env not allowed. Reported only: it is \"prod\", did you mean Prod?",
            id("search")
        )]
    );
    assert_eq!(lines("endReport", "search"), Vec::<&str>::new());
}

#[test]
fn announces_what_ends_and_ends_only_what_nobody_needs() {
    for role in ["billing", "builder"] {
        let [line] = lines("noticeReport", role)[..] else {
            panic!("{role}");
        };
        for part in [
            "is to be terminated. Reason: Its end date comes (rule 3).",
            "2 days are left",
            "00:00 UTC unless Expires is set to a later date.",
        ] {
            assert!(line.contains(part), "{line}");
        }
    }
    assert_eq!(lines("endReport", "billing"), Vec::<&str>::new());
    assert_eq!(
        lines("endReport", "builder"),
        [format!(
            "-- {} has been terminated. Reason: Expired tag Expires (rule 3).",
            id("builder")
        )]
    );
    let answer = &STORY["later"]["endReport"]["answer"];
    for (count, expected) in [
        ("terminated", 1),
        ("tagged", 0),
        ("refused", 0),
        ("deferred", 0),
    ] {
        assert_eq!(answer[count], expected, "{count}");
    }
}

/// It would be a reason for a shutdown in every sweep.
#[test]
fn leaves_the_exempt_instance_alone() {
    assert_eq!(found("vault").0, "-");
    for report in ["noticeReport", "endReport"] {
        assert_eq!(lines(report, "vault"), Vec::<&str>::new(), "{report}");
    }
}

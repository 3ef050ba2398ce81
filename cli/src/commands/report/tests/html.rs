//! The page as HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::fleet::{inputs, instance, policy, sample};
use crate::commands::report::acts::Acts;
use crate::commands::report::page::{InstanceRow, ReportPage};
use crate::commands::report::render::html;
use crate::forecast::Forecast;
use crate::forecast::inputs::Inputs;

fn html_of(inputs: &Inputs) -> String {
    let forecast = Forecast::new(inputs, &inputs.policy);
    html(&ReportPage::new("A title", inputs, &forecast, None)).unwrap()
}

fn rows(inputs: &Inputs) -> Vec<InstanceRow> {
    let forecast = Forecast::new(inputs, &inputs.policy);
    ReportPage::new("A title", inputs, &forecast, None).rows
}

/// What the page itself is between `before` and `after`.
fn between<'a>(html: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = html.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

/// The browser runs and applies what has these hashes, and nothing else: were they wrong, the page would be bare.
#[test]
fn the_hashes_are_of_what_is_on_the_page() {
    let html = html_of(&inputs(sample(), vec![instance("i-a", &[])]));
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let style = hash(between(&html, "<style>", "</style>"));
    let script = hash(between(&html, "<script>", "</script>"));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
        )
    );
    // It could not be had otherwise: attributes are neither styles nor scripts to such a policy.
    for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
        assert!(!html.contains(attribute), "{attribute}");
    }
}

#[test]
fn it_names_no_place_to_load_from() {
    let html = html_of(&inputs(sample(), vec![instance("i-a", &[("Name", "web")])]));
    for place in [
        "http:", "https:", "//cdn", " src=", "url(", "@import", "<link", "<iframe",
    ] {
        assert!(!html.contains(place), "{place}");
    }
}

/// Everything that comes from outside: names, values, keys, VPCs, launchers, exemptions, files, the title.
#[test]
fn escapes_foreign_text() {
    let evil = "</script><img src=x onerror=alert(1)>\"'&";
    let rule =
        json!({"RuleId": 1, "TagKey": evil, "Action": "Update", "Required": "Y", "Default": evil});
    let by = json!({"RuleId": 2, "TagKey": "<b>By</b>", "Action": "UserLookup", "Required": "Y"});
    let mut strange = instance("i-a", &[("Name", evil), ("<b>By</b>", evil)]);
    strange.vpc_id = Some(evil.to_owned());
    let exempt = instance(
        "i-b",
        &[("tagwarden:exempt-until", &format!("2099-01-01 {evil}"))],
    );
    let mut inputs = inputs(policy(&[rule, by]), vec![strange, exempt]);
    inputs.from = evil.to_owned();
    inputs.policy.name = evil.to_owned();
    inputs.notes = vec![evil.to_owned()];
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let acts = Acts::new(evil.to_owned(), &[], inputs.at, inputs.at);
    let html = html(&ReportPage::new(evil, &inputs, &forecast, Some(acts))).unwrap();
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains("<b>By"), "{html}");
    assert_eq!(html.matches("</script>").count(), 1);
    assert_eq!(html.matches("<script>").count(), 1);
    let escaped = "&lt;&#x2f;script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;";
    assert!(html.matches(escaped).count() >= 12, "{html}");
}

#[test]
fn drops_characters_that_html_forbids() {
    let name = "a\u{0}b\u{8}c\u{1b}[31m\r\nd\u{85}e";
    let html = html_of(&inputs(sample(), vec![instance("i-a", &[("Name", name)])]));
    assert!(html.contains("<b>a\u{fffd}b\u{fffd}c\u{fffd}[31m\u{fffd}\nd\u{fffd}e</b>"));
    assert!(!html.contains(|it: char| it.is_control() && it != '\n'));
}

/// A name that turns round what follows it would show another one.
#[test]
fn no_name_looks_like_another() {
    let name = "a\u{202e}b\u{2066}c\u{200b}d\u{200f}e";
    let html = html_of(&inputs(sample(), vec![instance("i-a", &[("Name", name)])]));
    assert!(html.contains("<b>a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e</b>"));
}

#[test]
fn sorts_affected_instances_first() {
    let whole = [("ProjectCode", "P"), ("CreatedBy", "ann"), ("Expires", "x")];
    let rows = rows(&inputs(
        sample(),
        vec![
            instance(
                "i-a",
                &[("tagwarden:exempt-until", "2099-12-31 under repair")],
            ),
            instance("i-b", &whole),
            instance("i-c", &[("CreatedBy", "ann"), ("Expires", "x")]),
            instance("i-d", &[]),
            instance("i-e", &[("ProjectCode", ""), ("CreatedBy", "ann")]),
        ],
    ));
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.id.as_str(),
                row.verdict,
                row.marks.as_str(),
                row.steps.join("; "),
            )
        })
        .collect();
    let tag = |key: &str, value: &str| format!("tag {key} = {value:?}");
    assert_eq!(
        told,
        [
            (
                "i-d",
                "non-compliant",
                "terminate noncompliant",
                "terminate".to_owned()
            ),
            (
                "i-c",
                "non-compliant",
                "tag noncompliant",
                tag("ProjectCode", "Proj007")
            ),
            (
                "i-e",
                "non-compliant",
                "tag noncompliant",
                [tag("ProjectCode", "Proj007"), tag("Expires", "2026-11-23")].join("; ")
            ),
            ("i-b", "compliant", "", String::new()),
            ("i-a", "not applicable", "", String::new()),
        ]
    );
    assert_eq!(
        rows[4].finding.as_deref(),
        Some("Exempt until 2099-12-31: under repair.")
    );
}

#[test]
fn shows_each_step_with_its_obstacle() {
    let owned = [("aws:autoscaling:groupName", "workers")];
    let terminate = json!({"RuleId": 1, "TagKey": "a: b", "Action": "Terminate", "Required": "Y"});
    let notify = json!({"RuleId": 2, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    let rows = rows(&inputs(
        policy(&[terminate, notify]),
        vec![instance("i-a", &owned)],
    ));
    let refused = &rows[0].steps[0];
    assert!(refused.starts_with("not done: terminate: "), "{refused}");
    assert!(
        refused.contains("the Auto Scaling group workers"),
        "{refused}"
    );
    assert_eq!(rows[0].steps[1], "reported only");
    assert_eq!(rows[0].marks, "person noncompliant");
}

#[test]
fn says_what_the_data_does_not_show() {
    let rule = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    let mut inputs = inputs(policy(&[rule]), Vec::new());
    inputs.notes = vec!["A recording does not tell.".to_owned()];
    let html = html_of(&inputs);
    for said in [
        "<li>A recording does not tell.",
        "The policy has no rule with the action UserLookup",
        "The launch dates of the instances are not known.",
        "No ledger was read, so the page does not show what was done.",
        "The policy applies to none of these instances.",
        "There are no instances.",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

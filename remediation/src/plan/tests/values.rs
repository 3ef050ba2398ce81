//! Which values are written, and which are reported in the place of a write.

use super::*;

/// A policy of format 2 with one rule for `Env`.
fn env_rule(members: &Value) -> Policy {
    let mut rule = json!({
        "RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "Prod",
        "Allowed": ["Prod", "Stage", "team-*"],
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    policy(json!([{"RuleId": -1, "PolicyFormat": 2}, rule]))
}

fn env(defect: DefectName, remedy: Remedy) -> Step {
    Step {
        instance_id: ID.to_owned(),
        cause: Cause::Tag {
            rule_id: 1,
            tag_key: "Env".to_owned(),
            defect,
        },
        remedy,
    }
}

fn notify(correction: &str) -> Remedy {
    Remedy::Notify {
        correction: Some(correction.to_owned()),
    }
}

#[rstest]
fn a_value_that_is_not_allowed_is_reported_and_never_overwritten(
    #[values("Update", "UserLookup", "Notify")] action: &str,
    #[values("Y", "N")] required: &str,
) {
    let policy = env_rule(&json!({"Action": action, "Required": required}));
    for (value, correction) in [
        ("PROD", r#"it is "PROD", did you mean Prod?"#),
        ("asdf", r#"it is "asdf", allowed: Prod, Stage, team-*"#),
    ] {
        let steps = plan_one(&policy, &at_once(), &instance(60, &[("Env", value)]));
        let expected = Steps {
            in_order: vec![env(DefectName::NotAllowed, notify(correction))],
            ..Steps::default()
        };
        assert_eq!(steps, expected);
    }
}

#[rstest]
#[case("Stop", Remedy::Stop { terminate_on: None })]
#[case("Terminate", Remedy::Terminate)]
fn only_what_is_not_nearly_allowed_is_shut_down(#[case] action: &str, #[case] remedy: Remedy) {
    let policy = env_rule(&json!({"Action": action}));
    let shutdowns = |value| {
        let steps = plan_one(&policy, &at_once(), &instance(60, &[("Env", value)]));
        steps.shutdowns
    };
    assert_eq!(shutdowns("asdf"), [env(DefectName::NotAllowed, remedy)]);
    for value in ["Prod", "team-x", "prod", " Stage", "Team_X", " "] {
        assert_eq!(shutdowns(value), [], "{value:?}");
    }
    let optional = env_rule(&json!({"Action": action, "Required": "N"}));
    let steps = plan_one(&optional, &at_once(), &instance(60, &[("Env", "asdf")]));
    assert_eq!(steps.shutdowns, []);
    assert_eq!(steps.in_order.len(), 1);
}

#[test]
fn a_countdown_is_for_this_defect_and_survives_no_other() {
    let policy = env_rule(&json!({"Action": "Terminate"}));
    let plan_of = |value, countdowns| {
        let context = PlanContext {
            countdowns,
            ..PlanContext::default()
        };
        let instance = instance(60, &[("Env", value)]);
        plan(&policy, &enforcing(), &[instance], &context, now())
    };
    let begun = plan_of("asdf", BTreeMap::new()).countdowns;
    let (name, change) = begun.first_key_value().unwrap();
    assert_eq!(name.reason.to_string(), "not-allowed#Env");
    assert_eq!(
        CountdownReason::from_name("not-allowed#Env"),
        Some(name.reason.clone())
    );
    let running = BTreeMap::from([(name.clone(), change.new)]);
    let running = BTreeMap::from([(ID.to_owned(), running)]);
    // Another value that is not allowed is the same defect; an allowed one, or nearly one, ends it.
    assert!(plan_of("other", running.clone()).gone.is_empty());
    for value in ["Prod", "prod", ""] {
        let gone = plan_of(value, running.clone()).gone;
        assert!(gone.contains_key(name), "{value:?}");
    }
}

#[test]
fn a_launcher_who_is_not_allowed_is_reported() {
    let policy = env_rule(&json!({"Action": "UserLookup", "Default": null}));
    let launched_by = |name: &str| {
        let launcher = Some(Launcher::Known(name.to_owned()));
        plan_with(
            &policy,
            &at_once(),
            &instance(60, &[("Name", "web")]),
            launcher,
        )
        .in_order
    };
    assert_eq!(
        launched_by("team-x"),
        [env(DefectName::Missing, tag("team-x"))]
    );
    let correction = r#"it would get "stage", did you mean Stage?"#;
    assert_eq!(
        launched_by("stage"),
        [env(DefectName::Missing, notify(correction))]
    );
    let nobody = Some(Launcher::TooOld);
    let steps = plan_with(
        &policy,
        &at_once(),
        &instance(60, &[("Name", "web")]),
        nobody,
    );
    let correction = r#"it would get "Undefined", allowed: Prod, Stage, team-*"#;
    assert_eq!(
        steps.in_order,
        [env(DefectName::Missing, notify(correction))]
    );
}

#[test]
fn a_day_that_is_not_allowed_is_reported() {
    let rule = json!({"Action": "Function", "Default": "today()", "Allowed": "2027-*"});
    let steps = plan_one(
        &env_rule(&rule),
        &at_once(),
        &instance(60, &[("Name", "web")]),
    );
    let correction = r#"it would get "2026-11-23", allowed: 2027-*"#;
    assert_eq!(
        steps.in_order,
        [env(DefectName::Missing, notify(correction))]
    );
}

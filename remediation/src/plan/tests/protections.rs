//! Exemptions that cannot be read, and holds.

use super::*;

/// An exemption that cannot be read protects to the end of the 14th day after its first report.
#[rstest]
#[case::never_reported(None, Some("2026-12-07"))]
#[case::reported_today(Some(0), Some("2026-12-07"))]
#[case::its_last_day(Some(14), Some("2026-11-23"))]
#[case::over(Some(15), None)]
fn an_unreadable_exemption_protects_for_14_days(
    #[case] days_ago: Option<i64>,
    #[case] until: Option<&str>,
) {
    let owner = rule("Terminate", "");
    let reported = days_ago.map(|days| (ID.to_owned(), now() - TimeDelta::days(days)));
    let context = PlanContext {
        unreadable_exemptions: reported.into_iter().collect(),
        ..PlanContext::default()
    };
    for (key, value) in [
        ("tagwarden:exempt-until", "31.12.2026 audit"),
        ("Exempt-Until", "2026-12-31 audit"),
    ] {
        let instance = instance(60, &[(key, value)]);
        let instances = std::slice::from_ref(&instance);
        let steps: Steps = plan(&owner, &at_once(), instances, &context, now()).into();
        let refused = until.map(|until| {
            let reason = Reason::UnreadableExemption {
                key: key.to_owned(),
                value: value.to_owned(),
                until: until.parse().unwrap(),
            };
            (missing_owner(Remedy::Terminate), Outcome::Refused(reason))
        });
        assert_eq!(steps.shutdowns.is_empty(), until.is_some());
        assert_eq!(steps.settled, Vec::from_iter(refused));
    }
}

/// It exempts from nothing but a shutdown.
#[test]
fn an_unreadable_exemption_does_not_prevent_tags() {
    let instance = instance(60, &[("exempt-until", "soon")]);
    let steps = plan_one(&rule("Update", "nobody"), &enforcing(), &instance);
    assert_eq!(steps.in_order, [missing_owner(tag("nobody"))]);
    assert_eq!(steps.settled, []);
}

#[test]
fn says_how_to_write_an_unreadable_exemption() {
    let reason = Reason::UnreadableExemption {
        key: "Exempt-Until".to_owned(),
        value: "soon".to_owned(),
        until: "2026-12-07".parse().unwrap(),
    };
    assert_eq!(
        reason.to_string(),
        "its tag \"Exempt-Until\" = \"soon\" looks like an exemption and cannot be read: write \
         tagwarden:exempt-until = \"2026-12-31 why\"; it protects the instance until the end of 2026-12-07"
    );
}

#[rstest]
#[case("Update", tag("nobody"))]
#[case("Stop", Remedy::Stop { terminate_on: None })]
#[case("Terminate", Remedy::Terminate)]
fn a_hold_refuses_every_act(#[case] action: &str, #[case] remedy: Remedy) {
    let held = policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": "Y", "Default": "nobody"},
        {"RuleId": 2, "TagKey": "Team", "Action": "Notify", "Required": "Y"},
        {"RuleId": 9, "Hold": "the network is being moved"},
    ]));
    for mode in [Mode::Enforce, Mode::DryRun] {
        let settings = Settings {
            mode,
            ..enforcing()
        };
        let steps = plan_one(&held, &settings, &instance(60, &[("Name", "web")]));
        let reason = "the network is being moved".to_owned();
        let refused = Outcome::Refused(Reason::Hold { reason });
        assert_eq!(steps.settled, [(missing_owner(remedy.clone()), refused)]);
        assert_eq!(steps.shutdowns, []);
        // What is only reported is still reported.
        assert_eq!(steps.in_order.len(), 1);
        assert_eq!(
            steps.in_order[0].remedy,
            Remedy::Notify { correction: None }
        );
    }
}

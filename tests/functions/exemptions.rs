//! Exemptions: the tag that exempts an instance is reported, keeps it unchanged, and ends by itself.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{RULE, TABLE, VPC, World, old};

const KEY: &str = "tagwarden:exempt-until";
/// The world's clock starts at noon on this day.
const TODAY: &str = "2026-11-23 moves house";
const YESTERDAY: &str = "2026-11-22 moves house";

/// The verdict and annotation that the rule last sent to Config for an instance. Read from the calls, because the
/// dashboard does not show `NOT_APPLICABLE`.
fn told(world: &World, id: &str) -> (String, Option<String>) {
    let calls = world.account.calls();
    let evaluation = calls
        .iter()
        .filter(|call| call.operation == "PutEvaluations")
        .filter_map(|call| call.parameters["Evaluations"].as_array())
        .flatten()
        .rfind(|evaluation| evaluation["ComplianceResourceId"] == json!(id))
        .unwrap();
    let text = |name: &str| evaluation[name].as_str().map(ToOwned::to_owned);
    (text("ComplianceType").unwrap(), text("Annotation"))
}

fn not_applicable(annotation: &str) -> (String, Option<String>) {
    ("NOT_APPLICABLE".to_owned(), Some(annotation.to_owned()))
}

fn non_compliant(annotation: &str) -> (String, Option<String>) {
    ("NON_COMPLIANT".to_owned(), Some(annotation.to_owned()))
}

const AT_FAULT: &str = "missing tag ProjectCode (rule 1); missing tag CreatedBy (rule 2); optional: missing tag Expires (rule 3)";

#[tokio::test(start_paused = true)]
async fn rule_shows_the_reason_until_the_exemption_ends() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    world.evaluate_all().await;
    assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));

    // The next evaluation takes it off the dashboard.
    world.account.set_tag(&id, KEY, TODAY);
    world.evaluate_all().await;
    let exempt = not_applicable("Exempt until 2026-11-23: moves house.");
    assert_eq!(told(&world, &id), exempt);
    assert_eq!(world.verdict(&id), None);

    world.account.advance(TimeDelta::hours(11));
    world.evaluate_all().await;
    assert_eq!(told(&world, &id), exempt);
    world.account.advance(TimeDelta::hours(1));
    world.evaluate_all().await;
    let ended = format!("{AT_FAULT}; its exemption ended on 2026-11-23");
    assert_eq!(told(&world, &id), non_compliant(&ended));
    assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));
}

#[tokio::test(start_paused = true)]
async fn rule_respects_an_exemption_in_every_event() {
    let world = World::new();
    let id = world.instance(&[(KEY, TODAY)]);
    for event in [
        world.account.change_event(RULE, &id),
        world.account.oversized_event(RULE, &id),
        world.account.scheduled_event(RULE),
    ] {
        world.evaluate(event).await.unwrap();
        let exempt = not_applicable("Exempt until 2026-11-23: moves house.");
        assert_eq!(told(&world, &id), exempt);
    }
}

/// An event can wait for hours. The exemption is judged on the day of the evaluation, not of the event.
#[tokio::test(start_paused = true)]
async fn ignores_an_exemption_that_ended_while_the_event_waited() {
    let world = World::new();
    let id = world.instance(&[("Name", "web"), (KEY, TODAY)]);
    let event = world.account.change_event(RULE, &id);
    world.account.advance(TimeDelta::hours(12));
    world.evaluate(event).await.unwrap();
    assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));
}

#[rstest]
#[case::at_fault(&[(KEY, "soon")], "NON_COMPLIANT", AT_FAULT)]
#[case::at_fault_without_reason(&[(KEY, "2026-12-31")], "NON_COMPLIANT", AT_FAULT)]
#[case::compliant(&[(KEY, "soon"), ("ProjectCode", "P1"), ("CreatedBy", "ann"), ("Expires", "x")], "COMPLIANT", "")]
#[tokio::test(start_paused = true)]
async fn reports_and_ignores_an_unreadable_exemption(
    #[case] tags: &[(&str, &str)],
    #[case] verdict: &str,
    #[case] at_fault: &str,
) {
    let world = World::new();
    let id = world.instance(tags);
    world.evaluate_all().await;
    let note = "tagwarden:exempt-until is not a date and a reason (2026-12-31 why)";
    let parts = [at_fault, note];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let expected = (verdict.to_owned(), Some(parts.join("; ")));
    assert_eq!(told(&world, &id), expected);
}

#[tokio::test(start_paused = true)]
async fn omits_an_ended_exemption_of_a_compliant_instance() {
    let world = World::new();
    let tags = [
        ("ProjectCode", "P1"),
        ("CreatedBy", "ann"),
        ("Expires", "x"),
    ];
    let id = world.instance(&[&tags[..], &[(KEY, YESTERDAY)]].concat());
    world.evaluate_all().await;
    assert_eq!(told(&world, &id), ("COMPLIANT".to_owned(), None));
}

#[tokio::test(start_paused = true)]
async fn reports_out_of_scope_before_exempt() {
    let world = World::new().set("TAGWARDEN_VPC_IDS", VPC);
    let elsewhere = old(&[(KEY, TODAY)]).vpc("vpc-0fedcba9876543210");
    let id = world.account.launch(elsewhere);
    let event = world.account.change_event(RULE, &id);
    world.evaluate(event).await.unwrap();
    let expected = not_applicable("The instance is not in a VPC of this policy.");
    assert_eq!(told(&world, &id), expected);
}

/// A rule that terminates and a rule that tags.
fn strict_rules() -> [Value; 2] {
    [
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody"}),
        json!({"RuleId": 2, "TagKey": "Team", "Action": "Terminate", "Required": "Y"}),
    ]
}

#[tokio::test(start_paused = true)]
async fn remediation_leaves_an_instance_alone_until_its_exemption_ends() {
    let world = World::with_table(&strict_rules()).enforcing();
    let id = world.instance(&[(KEY, TODAY)]);
    let before = world.tags(&id);
    for hours in [0, 11] {
        world.account.advance(TimeDelta::hours(hours));
        assert_eq!(world.sweep().await["instances"], 0);
        assert_eq!(world.remediate_ids(&[&id]).await["instances"], 0);
    }
    assert_eq!(world.writes(), 0);
    assert_eq!(world.tags(&id), before);
    assert_eq!(world.reports(), Vec::<String>::new());

    world.account.advance(TimeDelta::hours(1));
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["deferred"]),
        (&json!(1), &json!(1))
    );
    // A run that writes a tag to an instance does not shut it down.
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.sweep().await["terminated"], 1);
    assert_eq!(world.state(&id), "shutting-down");
}

#[rstest]
#[case(TODAY, false)]
#[case(YESTERDAY, true)]
#[tokio::test(start_paused = true)]
async fn dry_run_plans_nothing_while_an_exemption_holds(
    #[case] value: &str,
    #[case] planned: bool,
) {
    let world =
        World::with_table(&strict_rules()).set("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate");
    world.instance(&[(KEY, value)]);
    assert_eq!(world.sweep().await["wouldTerminate"], i32::from(planned));
    assert_eq!(world.reports().is_empty(), !planned);
}

/// The exemption appears at each DescribeInstances of the run in turn, after the first. The call that would tag or
/// terminate the instance is then never made.
#[tokio::test(start_paused = true)]
async fn spares_an_instance_exempted_during_the_run() {
    for nth in 1..=2 {
        let world = World::with_table(&strict_rules()).enforcing();
        let id = world.instance(&[("Name", "web")]);
        let exempted = id.clone();
        let mut calls = 0;
        world.account.on_call("DescribeInstances", move |account| {
            calls += 1;
            if calls == nth + 1 {
                account.set_tag(&exempted, KEY, TODAY);
            }
        });
        let answer = world.sweep().await;
        assert_eq!(answer["terminated"], 0);
        assert_eq!(world.state(&id), "running");
        assert_eq!(world.account.count("TerminateInstances"), 0);
        // By the third DescribeInstances its tags have been written.
        assert_eq!(world.tag(&id, "Owner").is_some(), nth == 2);
    }
}

/// Otherwise a policy could exempt every instance by default.
#[tokio::test(start_paused = true)]
async fn rejects_a_rule_for_the_exemption_tag() {
    let rows = [
        json!({"RuleId": 1, "TagKey": KEY, "Action": "Update", "Required": "Y", "Default": "2099-12-31 for ever"}),
    ];
    let world = World::with_table(&rows).enforcing();
    let id = world.instance(&[("Name", "web")]);
    let event = world.account.scheduled_event(RULE);
    let sweep = crate::support::scheduled_event();
    let problem = r#"rule 1: TagKey "tagwarden:exempt-until" begins with tagwarden:, which is reserved for tagwarden"#;
    for answer in [world.evaluate(event).await, world.remediate(sweep).await] {
        let (kind, message) = answer.unwrap_err();
        assert_eq!(kind, "InvalidPolicyTable");
        assert!(
            message.contains(TABLE) && message.contains(problem),
            "{message}"
        );
    }
    assert_eq!((world.writes(), world.verdict(&id)), (0, None));
}

/// A typing error in an exemption must not cost a machine. Its tags are written all the same.
#[rstest]
#[case::value(KEY, "31.12.2026 audit")]
#[case::no_reason(KEY, "2026-12-31")]
#[case::key_in_another_case("Tagwarden:Exempt-Until", TODAY)]
#[case::no_prefix("exempt-until", TODAY)]
#[tokio::test(start_paused = true)]
async fn an_exemption_that_cannot_be_read_protects_from_a_shutdown(
    #[case] key: &str,
    #[case] value: &str,
) {
    let world = World::with_table(&strict_rules()).enforcing();
    let id = world.instance(&[(key, value)]);
    let answer = world.sweep().await;
    assert_eq!(answer["terminated"], 0, "{answer}");
    assert_eq!(answer["refused"], 1, "{answer}");
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.tag(&id, "Owner").as_deref(), Some("nobody"));
    let report = world.reports().join("\n");
    assert!(report.contains("cannot be read"), "{report}");
    assert!(report.contains(&format!("{key:?} = {value:?}")), "{report}");
}

#[tokio::test(start_paused = true)]
async fn the_dashboard_names_a_misspelt_exemption() {
    let world = World::with_table(&strict_rules());
    let id = world.instance(&[("Exempt-Until", TODAY), ("Owner", "ann"), ("Team", "a")]);
    let event = world.account.change_event(RULE, &id);
    world.evaluate(event).await.unwrap();
    assert_eq!(world.verdict(&id).as_deref(), Some("COMPLIANT"));
    let expected = "\"Exempt-Until\" exempts nothing: the key must be tagwarden:exempt-until";
    assert_eq!(world.annotation(&id).as_deref(), Some(expected));
}

//! The Config rule: each kind of event, and the results it sends to Config.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{RULE, TABLE, VPC, World, customers_rules, old};

const GOOD: [(&str, &str); 2] = [("ProjectCode", "P1"), ("CreatedBy", "ann")];

fn counts(compliant: usize, non_compliant: usize, not_applicable: usize) -> Value {
    json!({
        "evaluated": compliant + non_compliant + not_applicable, "compliant": compliant,
        "nonCompliant": non_compliant, "notApplicable": not_applicable,
    })
}

#[tokio::test(start_paused = true)]
async fn evaluates_the_item_in_the_event() {
    let world = World::new();
    let good = world.instance(&GOOD);
    let bad = world.instance(&[("Name", "web")]);

    let event = world.account.change_event(RULE, &good);
    assert_eq!(world.evaluate(event).await, Ok(counts(1, 0, 0)));
    let event = world.account.change_event(RULE, &bad);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));

    assert_eq!(world.verdict(&good).as_deref(), Some("COMPLIANT"));
    assert_eq!(world.verdict(&bad).as_deref(), Some("NON_COMPLIANT"));
    assert_eq!(
        world.annotation(&bad).as_deref(),
        Some(
            "missing tag ProjectCode (rule 1); missing tag CreatedBy (rule 2); optional: missing tag Expires (rule 3)"
        )
    );
    assert_eq!(world.account.count("DescribeInstances"), 0);
}

#[tokio::test(start_paused = true)]
async fn fetches_an_oversized_item_as_of_the_change() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    let event = world.account.oversized_event(RULE, &id);
    // The instance was tagged while the event waited, but the event describes the time before.
    world.account.advance(chrono::TimeDelta::hours(2));
    world.account.set_tag(&id, "ProjectCode", "P1");
    world.account.set_tag(&id, "CreatedBy", "ann");
    world.account.record_configuration(&id);

    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
    assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));
    assert_eq!(world.account.count("GetResourceConfigHistory"), 1);
}

#[tokio::test(start_paused = true)]
async fn removes_a_deleted_instance_from_the_dashboard() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    world.evaluate_all().await;
    assert!(world.verdict(&id).is_some());

    let event = world.account.deleted_event(RULE, &id);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 0, 1)));
    assert_eq!(world.verdict(&id), None);
}

#[rstest]
#[case("OK", json!(false), counts(0, 1, 0))]
#[case("OK", Value::Null, counts(0, 1, 0))]
#[case("ResourceDiscovered", json!(false), counts(0, 1, 0))]
#[case("ResourceDeleted", json!(false), counts(0, 0, 1))]
#[case("ResourceDeletedNotRecorded", json!(false), counts(0, 0, 1))]
#[case("ResourceNotRecorded", json!(false), counts(0, 0, 1))]
#[case("OK", json!(true), counts(0, 0, 1))]
#[tokio::test(start_paused = true)]
async fn evaluates_by_the_status_of_the_item(
    #[case] status: &str,
    #[case] event_left_scope: Value,
    #[case] expected: Value,
) {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    for oversized in [false, true] {
        let mut event = if oversized {
            world.account.oversized_event(RULE, &id)
        } else {
            world.account.change_event(RULE, &id)
        };
        let text = event["invokingEvent"].as_str().unwrap();
        let mut invoking: Value = serde_json::from_str(text).unwrap();
        let member = if oversized {
            "configurationItemSummary"
        } else {
            "configurationItem"
        };
        invoking[member]["configurationItemStatus"] = json!(status);
        event["invokingEvent"] = json!(invoking.to_string());
        if event_left_scope.is_null() {
            event.as_object_mut().unwrap().remove("eventLeftScope");
        } else {
            event["eventLeftScope"] = event_left_scope.clone();
        }
        assert_eq!(world.evaluate(event).await, Ok(expected.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_not_applicable_for_other_resource_types() {
    let world = World::new();
    let id = world.instance(&[]);
    let mut event = world.account.change_event(RULE, &id);
    let text = event["invokingEvent"].as_str().unwrap();
    event["invokingEvent"] = json!(text.replace("AWS::EC2::Instance", "AWS::EC2::Volume"));
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 0, 1)));
}

#[tokio::test(start_paused = true)]
async fn scheduled_event_evaluates_every_instance_in_scope() {
    let world = World::new().set("TAGWARDEN_VPC_IDS", VPC);
    let good = world.instance(&GOOD);
    let untagged = world.instance(&[]);
    let elsewhere = world.account.launch(old(&[]).vpc("vpc-0fedcba9876543210"));
    let terminated = world.instance(&[]);
    world.account.terminate(&terminated);

    assert_eq!(world.evaluate_all().await, counts(1, 1, 0));
    assert_eq!(world.verdict(&good).as_deref(), Some("COMPLIANT"));
    assert_eq!(world.verdict(&untagged).as_deref(), Some("NON_COMPLIANT"));
    assert_eq!(
        world.annotation(&untagged).as_deref(),
        Some("The instance has no tags at all.")
    );
    assert_eq!(world.verdict(&elsewhere), None);
    assert_eq!(world.verdict(&terminated), None);
}

#[tokio::test(start_paused = true)]
async fn scheduled_event_removes_vanished_instances_from_the_dashboard() {
    let world = World::new();
    let stays = world.instance(&GOOD);
    let terminated = world.instance(&[]);
    let forgotten = world.instance(&GOOD);
    assert_eq!(world.evaluate_all().await, counts(2, 1, 0));
    world.account.terminate(&terminated);
    world.account.forget(&forgotten);

    assert_eq!(world.evaluate_all().await, counts(1, 0, 2));
    assert_eq!(world.verdict(&stays).as_deref(), Some("COMPLIANT"));
    assert_eq!(world.verdict(&terminated), None);
    assert_eq!(world.verdict(&forgotten), None);
    assert_eq!(world.evaluate_all().await, counts(1, 0, 0));
}

/// The instance is launched between the call that reads Config's results and the call that lists the instances. It must
/// be evaluated like the others.
#[tokio::test(start_paused = true)]
async fn keeps_an_instance_launched_during_the_evaluation() {
    let world = World::new();
    world.instance(&GOOD);
    let late = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let launched = late.clone();
    world
        .account
        .on_next_call("GetComplianceDetailsByConfigRule", move |account| {
            *launched.lock().unwrap() = account.launch(old(&[]));
        });
    assert_eq!(world.evaluate_all().await, counts(1, 1, 0));
    let late = late.lock().unwrap().clone();
    assert_eq!(world.verdict(&late).as_deref(), Some("NON_COMPLIANT"));
}

/// Config charges for each result, so an unchanged result is not sent again. `NON_COMPLIANT` is the exception, because
/// it starts Config's automatic remediation.
#[tokio::test(start_paused = true)]
async fn does_not_resend_unchanged_results() {
    let world = World::new();
    let good = world.instance(&GOOD);
    let spoilt = world.instance(&GOOD);
    let bad = world.instance(&[]);
    assert_eq!(world.evaluate_all().await, counts(2, 1, 0));
    assert_eq!(
        sent(&world),
        [vec![good.clone(), spoilt.clone(), bad.clone()]]
    );

    world.account.remove_tag(&spoilt, "CreatedBy");
    let new = world.instance(&GOOD);
    assert_eq!(world.evaluate_all().await, counts(2, 2, 0));
    assert_eq!(
        sent(&world)[1..],
        [vec![spoilt.clone(), bad.clone(), new.clone()]]
    );
    let shown = [&good, &spoilt, &bad, &new].map(|id| world.verdict(id).unwrap());
    assert_eq!(
        shown,
        ["COMPLIANT", "NON_COMPLIANT", "NON_COMPLIANT", "COMPLIANT"]
    );
}

/// A missing tag of a rule with Required=N shows only in the annotation.
#[tokio::test(start_paused = true)]
async fn resends_a_result_whose_annotation_changed() {
    let world = World::new();
    let id = world.instance(&GOOD);
    world.evaluate_all().await;
    assert!(world.annotation(&id).unwrap().contains("Expires"));
    world.account.set_tag(&id, "Expires", "2099-12-31");
    assert_eq!(world.evaluate_all().await, counts(1, 0, 0));
    assert_eq!(world.annotation(&id), None);
}

/// `NOT_APPLICABLE` removes a result, so sending it again would change nothing.
#[tokio::test(start_paused = true)]
async fn sends_not_applicable_once() {
    let world = World::new();
    let id = world.instance(&GOOD);
    world.evaluate_all().await;
    world
        .account
        .set_tag(&id, "tagwarden:exempt-until", "2099-12-31 why");
    assert_eq!(world.evaluate_all().await, counts(0, 0, 1));
    assert_eq!(world.evaluate_all().await, counts(0, 0, 1));
    let sent: Vec<usize> = sent(&world).iter().map(Vec::len).collect();
    assert_eq!(sent, [1, 1, 0]);
}

/// Config needs a PutEvaluations, even an empty one, to know that the rule was evaluated.
#[tokio::test(start_paused = true)]
async fn puts_an_empty_list_when_nothing_changed() {
    let world = World::new();
    assert_eq!(world.evaluate_all().await, counts(0, 0, 0));
    world.instance(&GOOD);
    assert_eq!(world.evaluate_all().await, counts(1, 0, 0));
    assert_eq!(world.evaluate_all().await, counts(1, 0, 0));
    let sent = sent(&world);
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 0]);
}

/// The instances of each PutEvaluations.
fn sent(world: &World) -> Vec<Vec<String>> {
    let calls = world.account.calls().into_iter();
    let puts = calls.filter(|call| call.operation == "PutEvaluations");
    puts.map(|call| call.resources).collect()
}

#[tokio::test(start_paused = true)]
async fn answers_not_applicable_outside_the_given_vpcs() {
    let world = World::new().set("TAGWARDEN_VPC_IDS", VPC);
    let elsewhere = world.account.launch(old(&[]).vpc("vpc-0fedcba9876543210"));
    let event = world.account.change_event(RULE, &elsewhere);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 0, 1)));
    assert_eq!(world.verdict(&elsewhere), None);
}

#[tokio::test(start_paused = true)]
async fn stores_nothing_in_test_mode() {
    let world = World::new();
    let id = world.instance(&[]);
    for mut event in [
        world.account.change_event(RULE, &id),
        world.account.scheduled_event(RULE),
    ] {
        event["resultToken"] = json!("TESTMODE");
        event["configRuleName"] = json!("no-such-rule");
        assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
    }
    assert_eq!(world.verdict(&id), None);
    for call in world.account.calls() {
        if call.operation == "PutEvaluations" {
            assert_eq!(call.parameters["TestMode"], json!(true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_parameters_override_the_environment() {
    let world = World::new().set("TAGWARDEN_VPC_IDS", VPC);
    world.account.create_table("other");
    world.account.put_item(
        "other",
        json!({"RuleId": 9, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
    );
    let elsewhere = world
        .account
        .launch(old(&[("ProjectCode", "P1")]).vpc("vpc-0fedcba9876543210"));
    let mut event = world.account.change_event(RULE, &elsewhere);
    event["ruleParameters"] =
        json!(json!({"policyTable": "other", "vpcIds": "vpc-0fedcba9876543210"}).to_string());
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
    assert_eq!(
        world.annotation(&elsewhere).as_deref(),
        Some("missing tag Owner (rule 9)")
    );
}

#[tokio::test(start_paused = true)]
async fn resends_results_that_config_did_not_store() {
    let world = World::new();
    let ids: Vec<String> = (0..3).map(|_| world.instance(&[])).collect();
    world.account.fail_evaluations_once([ids[1].clone()]);
    assert_eq!(world.evaluate_all().await, counts(0, 3, 0));
    let puts: Vec<usize> = sent(&world).iter().map(Vec::len).collect();
    assert_eq!(puts, [3, 1]);
    assert_eq!(world.verdict(&ids[1]).as_deref(), Some("NON_COMPLIANT"));
}

#[tokio::test(start_paused = true)]
async fn names_results_that_config_never_stores() {
    let world = World::new();
    let id = world.instance(&[]);
    for _ in 0..10 {
        world.account.fail_evaluations_once([id.clone()]);
    }
    let account = world.account.clone();
    let failing = id.clone();
    world.account.on_call("PutEvaluations", move |_| {
        account.fail_evaluations_once([failing.clone()]);
    });
    let event = world.account.scheduled_event(RULE);
    let (kind, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(kind, "AwsError");
    assert!(message.contains(&id), "{message}");
    assert!(message.contains("FailedEvaluations"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn fails_on_an_unknown_result_token() {
    let world = World::new();
    let id = world.instance(&[]);
    let mut event = world.account.change_event(RULE, &id);
    event["resultToken"] = json!("made-up");
    let (kind, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(kind, "AwsError");
    assert!(message.contains("InvalidResultToken"), "{message}");
}

/// A warm function must read the table again for each event.
#[tokio::test(start_paused = true)]
async fn applies_a_table_change_at_once() {
    let world = World::new();
    let id = world.instance(&GOOD);
    let rule = world.rule();
    let event = || world.lambda_event(world.account.scheduled_event(RULE));
    rule.handle(event()).await.unwrap();
    assert_eq!(world.verdict(&id).as_deref(), Some("COMPLIANT"));

    let mut row = customers_rules().remove(2);
    row["Required"] = json!("Y");
    world.account.put_item(TABLE, row);
    rule.handle(event()).await.unwrap();
    assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));
}

/// `event` with these members of its `invokingEvent`.
fn with_members(mut event: Value, members: &[(&str, Value)]) -> Value {
    let text = event["invokingEvent"].as_str().unwrap();
    let mut invoking: Value = serde_json::from_str(text).unwrap();
    for (pointer, value) in members {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        invoking.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    event["invokingEvent"] = json!(invoking.to_string());
    event
}

#[tokio::test(start_paused = true)]
async fn a_null_member_says_no_more_than_an_absent_one() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    let null = Value::Null;
    let events = [
        (
            world.account.change_event(RULE, &id),
            vec![
                "/configurationItemDiff",
                "/configurationItem/awsAccountId",
                "/configurationItem/relationships",
            ],
        ),
        (
            world.account.oversized_event(RULE, &id),
            vec![
                "/configurationItemSummary/changeType",
                "/configurationItemSummary/awsAccountId",
            ],
        ),
        (
            world.account.scheduled_event(RULE),
            vec!["/awsAccountId", "/recordVersion"],
        ),
    ];
    for (event, members) in events {
        let members: Vec<_> = members
            .into_iter()
            .map(|name| (name, null.clone()))
            .collect();
        let mut event = with_members(event, &members);
        for member in [
            "eventLeftScope",
            "ruleParameters",
            "executionRoleArn",
            "configRuleArn",
            "accountId",
            "version",
        ] {
            event[member] = Value::Null;
        }
        assert_eq!(
            world.evaluate(event.clone()).await,
            Ok(counts(0, 1, 0)),
            "{event}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_without_configuration_and_tags_is_an_error_and_not_an_untagged_instance() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    for nothing in [Value::Null, json!({})] {
        let members = [
            ("/configurationItem/configuration", nothing.clone()),
            ("/configurationItem/tags", nothing),
        ];
        let event = with_members(world.account.change_event(RULE, &id), &members);
        let (kind, message) = world.evaluate(event).await.unwrap_err();
        assert_eq!(kind, "EmptyConfigurationItem");
        assert!(message.contains(&id), "{message}");
        assert_eq!(world.verdict(&id), None);
    }
    // Its tags alone are enough.
    let members = [("/configurationItem/configuration", Value::Null)];
    let event = with_members(world.account.change_event(RULE, &id), &members);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_value_of_blanks_is_empty() {
    let world = World::new();
    let id = world.instance(&[("ProjectCode", " \u{200b}"), ("CreatedBy", "ann")]);
    let event = world.account.change_event(RULE, &id);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
    let expected =
        "empty tag ProjectCode (rule 1; only blanks); optional: missing tag Expires (rule 3)";
    assert_eq!(world.annotation(&id).as_deref(), Some(expected));
}

/// The rule writes nothing but its results, so a hold does not concern it.
#[tokio::test(start_paused = true)]
async fn goes_on_under_a_hold() {
    let world = World::new();
    let id = world.instance(&[("Name", "web")]);
    let hold = json!({"RuleId": 9, "Hold": "the network is being moved"});
    world.account.put_item(TABLE, hold);
    let event = world.account.change_event(RULE, &id);
    assert_eq!(world.evaluate(event).await, Ok(counts(0, 1, 0)));
}

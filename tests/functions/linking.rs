//! Linked policies: one function's report makes another look at the same instances, and what else comes through a
//! topic makes nobody do anything.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    TABLE, World, compliance_change, customers_rules, scheduled_event, sqs_batch,
};

const COSTS_TABLE: &str = "costs-policy";
const COSTS_LEDGER: &str = "costs-ledger";

/// The second function of a pair: `CostCenter` is its own tag.
fn costs(first: &World, rows: &[Value]) -> World {
    let account = &first.account;
    account.create_table(COSTS_TABLE);
    for row in rows {
        account.put_item(COSTS_TABLE, row.clone());
    }
    let second = first.beside("costs");
    second.set("TAGWARDEN_POLICY_TABLE", COSTS_TABLE)
}

fn enforcing(second: World) -> World {
    let account = &second.account;
    account.create_table_with_keys(COSTS_LEDGER, "Pk", "Sk");
    second
        .set("TAGWARDEN_MODE", "enforce")
        .set("TAGWARDEN_LEDGER_TABLE", COSTS_LEDGER)
        .set("TAGWARDEN_GRACE_MINUTES", "0")
        .set("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate")
}

fn cost_center(action: &str) -> Value {
    json!({"RuleId": 1, "TagKey": "CostCenter", "Action": action, "Required": "Y", "Default": "4711"})
}

/// The ways from a topic to a function.
const WAYS: [&str; 3] = ["lambda", "sqs", "raw"];

/// What a subscriber gets of a message.
fn delivered(way: &str, message: &str) -> Value {
    let topic = "arn:aws:sns:us-east-1:111111111111:reports";
    let notification = json!({"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": message,
                              "Timestamp": "2026-11-23T12:00:00.000Z"});
    match way {
        "lambda" => json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0",
                                        "EventSubscriptionArn": topic, "Sns": notification}]}),
        "sqs" => sqs_batch(&[("1", notification.to_string())]),
        "raw" => sqs_batch(&[("1", message.to_owned())]),
        other => panic!("{other}"),
    }
}

/// The report's JSON in each message of the account, with the function that sent it, from the `from`-th on.
fn reports_from(world: &World, from: usize) -> Vec<Value> {
    let published = world.account.published().into_iter().skip(from);
    let reports = published.map(|publication| {
        let body: Value = serde_json::from_str(&publication.message).unwrap();
        serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap()
    });
    reports.collect()
}

/// Delivers each report to both functions, as two topics with two subscriptions each would do, until nobody publishes
/// any more. Gives who published, and by how many hops.
async fn settle(pair: [&World; 2], way: &str) -> Vec<(String, u64)> {
    let mut seen = Vec::new();
    let mut delivered_so_far = 0;
    while seen.len() < 20 {
        let new = reports_from(pair[0], delivered_so_far);
        if new.is_empty() {
            return seen;
        }
        delivered_so_far += new.len();
        for report in new {
            let source = report["source"].as_str().unwrap().to_owned();
            seen.push((source, report["hops"].as_u64().unwrap()));
            for world in pair {
                let event = delivered(way, &report.to_string());
                world.remediate(event).await.unwrap();
            }
        }
    }
    panic!("the circle does not end: {seen:?}");
}

fn order(seen: &[(String, u64)]) -> Vec<(&str, u64)> {
    seen.iter()
        .map(|(who, hops)| (who.as_str(), *hops))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_report_says_who_sent_it_from_where() {
    let world = World::new().enforcing();
    world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    world.sweep().await;
    let report = &reports_from(&world, 0)[0];
    assert_eq!(report["source"], "tagwarden/tagwarden");
    assert_eq!(report["account"], "111111111111");
    assert_eq!(report["region"], "us-east-1");
    assert_eq!(report["hops"], 0);
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn a_report_makes_another_function_look_at_the_same_instances(
    #[values("lambda", "sqs", "raw")] way: &str,
) {
    let first = World::new().enforcing();
    let second = enforcing(costs(&first, &[cost_center("Update")]));
    let id = first.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let other = first.instance(&[
        ("ProjectCode", "P1"),
        ("CreatedBy", "bob"),
        ("Expires", "x"),
    ]);
    first.sweep().await;

    let seen = settle([&first, &second], way).await;
    // What the second did is news for the first, which finds nothing to do.
    assert_eq!(
        order(&seen),
        [("tagwarden/tagwarden", 0), ("tagwarden/costs", 1)]
    );
    assert_eq!(second.tag(&id, "CostCenter").as_deref(), Some("4711"));
    assert_eq!(second.tag(&other, "CostCenter"), None);
}

/// Nothing remembers what was reported, and every look finds the same again.
#[tokio::test(start_paused = true)]
async fn a_circle_ends_also_where_nothing_is_remembered() {
    let mut rows = customers_rules();
    rows.push(json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}));
    let first = World::with_table(&rows);
    let second = costs(&first, &[cost_center("Notify")]);
    first.instance(&[("Name", "web")]);
    first.sweep().await;
    let seen = settle([&first, &second], "sqs").await;
    let expected = [
        ("tagwarden/tagwarden", 0),
        ("tagwarden/costs", 1),
        ("tagwarden/tagwarden", 2),
        ("tagwarden/costs", 3),
    ];
    assert_eq!(order(&seen), expected);
}

/// A report of what would be done is for the sweep, which still reports it.
#[tokio::test(start_paused = true)]
async fn a_linked_run_publishes_only_what_it_did_or_what_needs_a_person() {
    let first = World::new().enforcing();
    let rows = [
        cost_center("Update"),
        json!({"RuleId": 2, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
    ];
    let second = costs(&first, &rows);
    first
        .account
        .create_table_with_keys(COSTS_LEDGER, "Pk", "Sk");
    let second = second.set("TAGWARDEN_LEDGER_TABLE", COSTS_LEDGER);
    let id = first.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let lines = |from: usize| {
        let of_costs = reports_from(&first, from).into_iter();
        let mut of_costs = of_costs.filter(|report| report["source"] == "tagwarden/costs");
        let report = of_costs.next().unwrap();
        assert_eq!(of_costs.next(), None);
        let entries = report["entries"].as_array().unwrap().iter();
        let keys: Vec<String> = entries
            .map(|entry| format!("{} {}", entry["tagKey"], entry["outcome"]).replace('"', ""))
            .collect();
        (keys, report["repeated"].clone())
    };

    first.sweep().await;
    settle([&first, &second], "sqs").await;
    assert_eq!(lines(0), (vec!["Owner done".to_owned()], json!(0)));
    let so_far = first.account.published().len();
    second.sweep().await;
    // It was not reported before, and what was is not reported again.
    assert_eq!(
        lines(so_far),
        (vec!["CostCenter would-do".to_owned()], json!(1))
    );
    assert_eq!(second.tag(&id, "CostCenter"), None);
}

/// A notice needs a person. If a linked run kept it back, it would count as given.
#[tokio::test(start_paused = true)]
async fn a_linked_run_publishes_notices() {
    let first = World::new().enforcing();
    let second =
        enforcing(costs(&first, &[cost_center("Terminate")])).set("TAGWARDEN_NOTICE_HOURS", "24");
    second.set_subscriptions(1);
    let id = first.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    first.sweep().await;
    let seen = settle([&first, &second], "sqs").await;
    assert_eq!(order(&seen)[1], ("tagwarden/costs", 1));
    let report = &reports_from(&first, 1)[0];
    assert_eq!(report["entries"][0]["instanceId"], json!(id));
    assert!(
        report["entries"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("this is the notice"),
        "{report}"
    );
    // It counts: a day later the shutdown is due.
    first.account.advance(chrono::TimeDelta::hours(25));
    second.sweep().await;
    first.account.advance(chrono::TimeDelta::minutes(5));
    second.sweep().await;
    assert_eq!(first.state(&id), "terminated");
}

/// Where something else started the run as well, it publishes everything, and the circle still ends.
#[tokio::test(start_paused = true)]
async fn a_batch_with_a_report_and_an_event_publishes_everything() {
    let world = World::new();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let report = report(&id);
    let alone = sqs_batch(&[("1", report.to_string())]);
    world.remediate(alone).await.unwrap();
    assert_eq!(world.account.published(), []);
    let both = sqs_batch(&[
        ("1", report.to_string()),
        ("2", compliance_change(&id).to_string()),
    ]);
    world.remediate(both).await.unwrap();
    let published = &reports_from(&world, 0)[0];
    assert_eq!(published["entries"][0]["outcome"], "would-do");
    assert_eq!(published["hops"], 1);
}

/// Another function's report, as its JSON is.
fn report(id: &str) -> Value {
    json!({
        "version": 1, "runId": "20261123T120000Z-8476a536", "source": "tagwarden/other", "account": "111111111111",
        "region": "us-east-1", "hops": 0, "mode": "enforce", "part": 1, "parts": 1, "summary": {}, "repeated": 0,
        "instanceIds": [id], "entries": [],
    })
}

#[rstest]
#[case::own(|report: &mut Value| report["source"] = json!("tagwarden/tagwarden"))]
#[case::other_account(|report: &mut Value| report["account"] = json!("222222222222"))]
#[case::other_region(|report: &mut Value| report["region"] = json!("eu-west-1"))]
#[case::too_many_hops(|report: &mut Value| report["hops"] = json!(3))]
#[case::no_instances(|report: &mut Value| report["instanceIds"] = json!([]))]
#[case::other_resources(|report: &mut Value| report["instanceIds"] = json!(["vol-0a1b2c3d4e5f60718"]))]
#[tokio::test(start_paused = true)]
async fn ignores_reports_that_are_not_for_it(#[case] change: fn(&mut Value)) {
    let world = World::new().enforcing();
    let id = world.instance(&[]);
    let mut report = report(&id);
    change(&mut report);
    assert_eq!(
        world.remediate(report.clone()).await.unwrap()["instances"],
        0
    );
    for way in WAYS {
        let event = delivered(way, &report.to_string());
        world.remediate(event).await.unwrap();
    }
    assert_eq!(world.account.calls(), []);
}

/// Reports of older versions say neither who sent them nor how many hops they made.
#[rstest]
#[case::hops_2(|report: &mut Value| report["hops"] = json!(2))]
#[case::older(|report: &mut Value| {
    for member in ["source", "account", "region", "hops"] {
        report.as_object_mut().unwrap().remove(member);
    }
})]
#[case::newer(|report: &mut Value| report["addedLater"] = json!({"any": "thing"}))]
#[case::another_kind_beside_it(|report: &mut Value| {
    let ids = report["instanceIds"].as_array_mut().unwrap();
    ids.push(json!("vol-0a1b2c3d4e5f60718"));
})]
#[tokio::test(start_paused = true)]
async fn follows_other_reports(
    #[case] change: fn(&mut Value),
    #[values("lambda", "sqs", "raw")] way: &str,
) {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let mut report = report(&id);
    change(&mut report);
    let event = delivered(way, &report.to_string());
    world.remediate(event).await.unwrap();
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj007"));
}

/// What a topic carries beside reports. Each must be nothing: no look, no error, no message that comes again.
fn others() -> Vec<(&'static str, String)> {
    let alarm = json!({
        "AlarmName": "tagwarden-DeadLettersAlarm-1ABC2DEF", "AlarmDescription": "gave up", "AWSAccountId": "111111111111",
        "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed", "StateChangeTime": "2026-11-23T12:00:00.000+0000",
        "Region": "US East (N. Virginia)", "AlarmArn": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:x",
        "OldStateValue": "OK", "OKActions": [], "AlarmActions": [], "InsufficientDataActions": [],
        "Trigger": {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Dimensions": []},
    });
    let letter = json!({
        "version": 1, "audience": "owner", "owner": "ann", "runId": "20261123T120000Z-8476a536", "mode": "enforce",
        "kinds": ["notice"], "threadId": "ann 2026-11-23", "left": 0,
        "entries": [{"kind": "notice", "instanceId": "i-0a1b2c3d4e5f60718"}],
    });
    let chat = json!({
        "version": "1.0", "source": "custom", "id": "1",
        "content": {"textType": "client-markdown", "title": "t", "description": "i-0a1b2c3d4e5f60718"},
        "metadata": {"threadId": "ann 2026-11-23", "enableCustomActions": false},
    });
    let text = |value: Value| value.to_string();
    vec![
        ("alarm", text(alarm)),
        ("letter", text(letter)),
        ("chat", text(chat)),
        ("foreign JSON", text(json!({"hello": "world"}))),
        ("a list", text(json!(["i-0a1b2c3d4e5f60718"]))),
        ("null", text(json!(null))),
        ("ids that are not", text(json!({"instanceIds": "all"}))),
        ("no ids", text(json!({"instanceIds": []}))),
        ("ids of others", text(json!({"instanceIds": ["eni-1"]}))),
        (
            "broken report",
            text(json!({"instanceIds": 5, "runId": "x"})),
        ),
        (
            "other event",
            text(json!({"detail-type": "EC2 Spot Instance Interruption Warning", "detail": {}})),
        ),
        (
            "broken event",
            text(json!({"detail-type": "Config Rules Compliance Change"})),
        ),
        (
            "event of another account",
            text(compliance_change("i-0a1b2c3d")).replace("111111111111", "222222222222"),
        ),
        (
            "other Config message",
            text(json!({"messageType": "SomethingNew"})),
        ),
        (
            "another topic's",
            text(json!({"Type": "Notification", "Message": "hello"})),
        ),
        (
            "records",
            text(json!({"Records": [{"s3": {"bucket": {"name": "b"}}}]})),
        ),
        (
            "test event of S3",
            text(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Records": []})),
        ),
        (
            "plain text",
            "You have chosen to subscribe to the topic reports.".to_owned(),
        ),
        ("nothing", String::new()),
        ("broken JSON", "{\"instanceIds\": [".to_owned()),
    ]
}

#[tokio::test(start_paused = true)]
async fn ignores_whatever_else_comes_through_a_topic() {
    let world = World::new().enforcing();
    world.instance(&[]);
    for (name, message) in others() {
        let answer = world.remediate(delivered("lambda", &message)).await;
        assert_eq!(answer.unwrap()["instances"], 0, "{name}");
        let answer = world.remediate(delivered("sqs", &message)).await;
        assert_eq!(answer, Ok(json!({"batchItemFailures": []})), "{name}");
    }
    assert_eq!(world.account.calls(), []);
}

/// Without SNS's envelope only known shapes can be told from a message that somebody sends to this function by mistake.
#[tokio::test(start_paused = true)]
async fn ignores_known_shapes_also_without_an_envelope() {
    let world = World::new().enforcing();
    world.instance(&[]);
    let mut known = 0;
    for (name, message) in others() {
        if ["alarm", "letter", "chat"].contains(&name) {
            let answer = world.remediate(delivered("raw", &message)).await;
            assert_eq!(answer, Ok(json!({"batchItemFailures": []})), "{name}");
            known += 1;
        }
    }
    assert_eq!(known, 3);
    assert_eq!(world.account.calls(), []);
}

/// A stack whose policy is broken says so to whoever follows its reports. There are no instances to look at: an empty list is
/// not every instance.
#[rstest]
#[tokio::test(start_paused = true)]
async fn a_broken_policy_of_another_function_makes_nobody_do_anything(
    #[values("lambda", "sqs", "raw")] way: &str,
) {
    let first = World::new().enforcing();
    let id = first.instance(&[]);
    let tagged = first.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let broken = json!({"RuleId": 9, "TagKey": "Owner", "Action": "Typo", "Required": "Y"});
    first.account.put_item(TABLE, broken);
    let second = enforcing(costs(&first, &[cost_center("Update")]));
    first
        .remediate(scheduled_event())
        .await
        .expect_err("the policy is broken");
    let [document] = reports_from(&first, 0).try_into().unwrap();
    assert_eq!(document["instanceIds"], json!([]));
    assert!(!document["policyProblems"].as_array().unwrap().is_empty());

    let before = second.account.calls().len();
    let answer = second.remediate(delivered(way, &document.to_string()));
    let answer = answer.await.unwrap();
    match way {
        "lambda" => assert_eq!(answer["instances"], 0),
        _ => assert_eq!(answer, json!({"batchItemFailures": []})),
    }
    // Nothing is read, written, shut down or published for it.
    assert_eq!(second.account.calls().len(), before);
    for id in [&id, &tagged] {
        assert_eq!(second.state(id), "running");
        assert_eq!(second.tag(id, "CostCenter"), None);
    }

    // What comes in the same batch is served.
    let batch = sqs_batch(&[
        ("1", document.to_string()),
        ("2", compliance_change(&tagged).to_string()),
    ]);
    let answer = second.remediate(batch).await;
    assert_eq!(answer, Ok(json!({"batchItemFailures": []})));
    assert_eq!(second.tag(&tagged, "CostCenter").as_deref(), Some("4711"));
    assert_eq!(second.state(&id), "running");
}

#[tokio::test(start_paused = true)]
async fn serves_what_stands_beside_messages_of_others() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let mut bodies = vec![compliance_change(&id).to_string()];
    for (_, message) in others() {
        let event = delivered("sqs", &message);
        bodies.push(event["Records"][0]["body"].as_str().unwrap().to_owned());
    }
    let messages: Vec<(&str, String)> = bodies.into_iter().map(|body| ("1", body)).collect();
    let answer = world.remediate(sqs_batch(&messages)).await;
    assert_eq!(answer, Ok(json!({"batchItemFailures": []})));
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj007"));
}

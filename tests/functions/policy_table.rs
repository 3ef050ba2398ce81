//! Reading the policy table from DynamoDB: invalid, empty, missing, denied, in pages.

use serde_json::json;
use tagwarden_sandbox::Fault;

use crate::support::{RULE, TABLE, World, compliance_change, customers_rules, scheduled_event};

fn invalid_table() -> World {
    World::with_table(&[
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "Lookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "tomorrow()"}),
        json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
    ])
    .enforcing()
}

const PROBLEMS: [&str; 3] = [
    "rule 1: Default is missing: Action Update needs the value to write",
    r#"rule 2: Action "Lookup" is not an action"#,
    r#"rule 3: Default "tomorrow()" is not a known function"#,
];

#[tokio::test(start_paused = true)]
async fn names_every_invalid_row_and_does_nothing() {
    let world = invalid_table();
    let untagged = world.instance(&[]);
    let bare = world.instance(&[("Name", "web")]);
    let deleted = world.account.deleted_event(RULE, &bare);
    for event in [
        world.account.scheduled_event(RULE),
        world.account.change_event(RULE, &bare),
        deleted,
    ] {
        let (kind, message) = world.evaluate(event).await.unwrap_err();
        assert_eq!(kind, "InvalidPolicyTable");
        for problem in PROBLEMS {
            assert!(message.contains(problem), "{message}");
        }
    }
    for event in [
        scheduled_event(),
        compliance_change(&untagged),
        json!({"instanceIds": [bare]}),
    ] {
        let (kind, message) = world.remediate(event).await.unwrap_err();
        assert_eq!(kind, "InvalidPolicyTable");
        for problem in PROBLEMS {
            assert!(message.contains(problem), "{message}");
        }
    }
    assert_eq!(world.writes(), 0);
    assert_eq!(world.account.count("PutEvaluations"), 0);
    assert_eq!(world.account.compliance(RULE).len(), 0);
    assert_eq!(world.state(&untagged), "running");
}

#[tokio::test(start_paused = true)]
async fn sweep_reports_an_invalid_table_to_the_topic() {
    let world = invalid_table();
    world.remediate(scheduled_event()).await.unwrap_err();
    let reports = world.reports();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains(TABLE), "{}", reports[0]);
    for problem in PROBLEMS {
        assert!(
            reports[0].contains(&format!("-- {problem}")),
            "{}",
            reports[0]
        );
    }
    // An event for one instance must not report the table, because a thousand events would report it a thousand times.
    let id = world.instance(&[]);
    world.remediate(compliance_change(&id)).await.unwrap_err();
    assert_eq!(world.reports().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rejects_an_empty_table() {
    let world = World::with_table(&[]).enforcing();
    world.instance(&[]);
    let (kind, message) = world.remediate(scheduled_event()).await.unwrap_err();
    assert_eq!(kind, "InvalidPolicyTable");
    assert!(message.contains("the table has no rules"), "{message}");
    let event = world.account.scheduled_event(RULE);
    assert_eq!(
        world.evaluate(event).await.unwrap_err().0,
        "InvalidPolicyTable"
    );
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn names_a_missing_table() {
    let world = World::new()
        .enforcing()
        .set("TAGWARDEN_POLICY_TABLE", "nowhere");
    world.instance(&[]);
    let (kind, message) = world.remediate(scheduled_event()).await.unwrap_err();
    assert_eq!(kind, "UnreadablePolicyTable");
    assert!(message.contains(r#""nowhere""#), "{message}");
    assert!(message.contains("ResourceNotFoundException"), "{message}");
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn reports_access_denied_to_the_table() {
    let world = World::new();
    world.account.fail(
        Fault::new(
            "Scan",
            "AccessDeniedException",
            "not authorized to perform: dynamodb:Scan",
        )
        .always(),
    );
    let event = world.account.scheduled_event(RULE);
    let (kind, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(kind, "UnreadablePolicyTable");
    assert!(
        message.contains("dynamodb:Scan: AccessDeniedException"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn reads_every_page_of_the_table() {
    let mut rows = customers_rules();
    rows.push(json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}));
    let world = World::with_table(&rows);
    world.account.scan_page_items(1);
    world.account.scan_with_empty_page();
    let id = world.instance(&[
        ("ProjectCode", "P1"),
        ("CreatedBy", "bob"),
        ("Expires", "x"),
    ]);
    world.evaluate_all().await;
    assert_eq!(
        world.annotation(&id).as_deref(),
        Some("missing tag Owner (rule 4)")
    );
    assert!(world.account.count("Scan") >= 4);
}

#[tokio::test(start_paused = true)]
async fn ignores_foreign_attributes_of_any_type() {
    let world = World::with_table(&[]);
    world.account.put_raw_item(
        TABLE,
        json!({
            "RuleId": {"N": "1"}, "TagKey": {"S": "Owner"}, "Action": {"S": "Notify"}, "Required": {"S": "Y"},
            "Default": {"NULL": true}, "Icon": {"B": "AAECAw=="}, "Tags": {"SS": ["a", "b"]},
        }),
    );
    let id = world.instance(&[("Name", "web")]);
    world.evaluate_all().await;
    assert_eq!(
        world.annotation(&id).as_deref(),
        Some("missing tag Owner (rule 1)")
    );

    world.account.put_raw_item(
        TABLE,
        json!({
            "RuleId": {"N": "2"}, "TagKey": {"B": "AAECAw=="}, "Action": {"S": "Notify"}, "Required": {"S": "Y"},
        }),
    );
    let event = world.account.scheduled_event(RULE);
    let (kind, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(kind, "InvalidPolicyTable");
    assert!(
        message.contains("rule 2: TagKey must be a string (S)"),
        "{message}"
    );
}

//! The whole loop: the rule evaluates, Config sends changes, the remediation acts, the rule evaluates again.

use serde_json::{Value, json};
use tagwarden_sandbox::Call;

use crate::support::{LEDGER, RULE, World, old, sqs_batch};

#[tokio::test(start_paused = true)]
async fn remediation_fixes_what_the_rule_finds() {
    let world = World::new().enforcing();
    let good = world.instance(&[
        ("ProjectCode", "P1"),
        ("CreatedBy", "bob"),
        ("Expires", "x"),
    ]);
    let bare = world.instance(&[("Name", "web")]);
    let empty = world.instance(&[("ProjectCode", ""), ("CreatedBy", "bob")]);
    let untagged = world.instance(&[]);
    let protected = world.account.launch(old(&[]).protected());

    let before = world.evaluate_all().await;
    assert_eq!(
        (&before["compliant"], &before["nonCompliant"]),
        (&json!(1), &json!(4))
    );

    let changes = world.account.take_compliance_changes();
    let ids: Vec<String> = (0..changes.len())
        .map(|number| number.to_string())
        .collect();
    let messages: Vec<(&str, String)> = ids
        .iter()
        .zip(&changes)
        .map(|(id, change)| (id.as_str(), change.to_string()))
        .collect();
    let answer = world.remediate(sqs_batch(&messages)).await;
    assert_eq!(answer, Ok(json!({"batchItemFailures": []})));

    let after = world.evaluate_all().await;
    assert_eq!(
        after,
        json!({"evaluated": 5, "compliant": 3, "nonCompliant": 1, "notApplicable": 1})
    );
    for id in [&good, &bare, &empty] {
        assert_eq!(world.verdict(id).as_deref(), Some("COMPLIANT"));
    }
    assert_eq!(world.verdict(&untagged), None);
    assert_eq!(world.verdict(&protected).as_deref(), Some("NON_COMPLIANT"));

    // The fixed instances cause compliance changes too. These must lead to no further call, but for one that asks the
    // ledger whether a countdown is over.
    let changes: Vec<Value> = world.account.take_compliance_changes();
    world.account.forget_calls();
    let messages: Vec<(&str, String)> = changes
        .iter()
        .map(|change| ("1", change.to_string()))
        .collect();
    world.remediate(sqs_batch(&messages)).await.unwrap();
    let calls = world.account.calls();
    let is_query = |call: &&Call| call.operation == "Query" && call.resources == [LEDGER];
    assert_eq!(calls.iter().find(|call| !is_query(call)), None);
    assert_eq!(world.account.compliance(RULE).len(), 4);
}

//! The report: its template from the policy table, and the schema of its JSON.

use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::json_schema;
use crate::support::{TABLE, World, customers_rules, delivered, old};

/// The customer's table with this template.
fn with_template(template: &str) -> World {
    let mut rows = customers_rules();
    rows.push(json!({"RuleId": 1000, "ReportTemplate": template}));
    World::with_table(&rows)
}

#[tokio::test(start_paused = true)]
async fn renders_the_template_from_the_policy_table() {
    let world = with_template(
        "{{ summary.wouldTag }} instance in {{ region }}{{ ' (dry run)' if dryRun }}:\n\
         {% for group in groups %}\n{{ group.title | upper }}\n{% for entry in group.entries %}\n\
         * {{ entry.instanceId }}: {{ entry.tagKey }} = {{ entry.tagValue }}\n{% endfor %}\n{% endfor %}\n",
    );
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    world.sweep().await;
    assert_eq!(
        world.reports(),
        [format!(
            "1 instance in us-east-1 (dry run):\nWOULD BE TAGGED\n* {id}: ProjectCode = Proj007\n"
        )]
    );
    // The template leaves the JSON for programs unchanged.
    let body: Value = serde_json::from_str(&world.account.published()[0].message).unwrap();
    let report: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
    assert_eq!(report["entries"][0]["tagValue"], "Proj007");
}

#[tokio::test(start_paused = true)]
async fn falls_back_to_the_built_in_template() {
    let world = with_template("{{ heading }}\n{{ groups | shout }}\n").enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let answer = world.sweep().await;
    assert_eq!(answer["tagged"], 1);
    let report = world.reports().remove(0);
    let line = format!("-- Instance {id} missing tag ProjectCode. New tag created.\n");
    assert!(report.contains(&line), "{report}");
    assert!(
        report.ends_with(
            "\nThis is the built-in text: the report's template (row 1000 of the policy table) cannot be used. \
             Line 2: unknown filter: filter shout is unknown.\n"
        ),
        "{report}"
    );
}

/// The template is the remediation's business. The rule must evaluate even when the template is invalid.
#[tokio::test(start_paused = true)]
async fn rule_ignores_the_template() {
    let world = with_template("{{ broken");
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let answer = world.evaluate_all().await;
    assert_eq!(
        (&answer["evaluated"], &answer["nonCompliant"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        world.annotation(&id).as_deref(),
        Some("missing tag ProjectCode (rule 1)")
    );
}

#[tokio::test(start_paused = true)]
async fn rejects_a_second_template_row() {
    let world = with_template("{{ heading }}");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 1001, "ReportTemplate": "{{ heading }}"}),
    );
    let _ = world.instance(&[]);
    let event = world.account.scheduled_event(crate::support::RULE);
    let (kind, message) = world.evaluate(event).await.unwrap_err();
    assert_eq!(kind, "InvalidPolicyTable");
    let problem = "rule 1001: ReportTemplate is in the table twice: row 1000 also has it";
    assert!(message.contains(problem), "{message}");
}

/// A run aborts when the policy changes. A template is not part of the policy.
#[tokio::test(start_paused = true)]
async fn completes_a_run_although_the_template_changes() {
    let world = with_template("Old: {{ closing }}").enforcing();
    let id = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    world.account.on_next_call("DescribeInstances", |account| {
        account.put_item(
            TABLE,
            json!({"RuleId": 1000, "ReportTemplate": "New: {{ closing }}"}),
        );
    });
    assert_eq!(world.sweep().await["tagged"], 1);
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj007"));
    assert_eq!(world.reports(), ["Old: 1 instance looked at: 1 tagged."]);
}

#[tokio::test(start_paused = true)]
async fn publishes_json_that_conforms_to_the_schema() {
    let dry = World::new();
    let _ = dry.instance(&[]);
    let _ = dry.instance(&[("CreatedBy", "")]);
    dry.sweep().await;
    assert_eq!(count_conforming_messages(&dry), 1);

    let mut rows = customers_rules();
    rows.push(json!({"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y"}));
    rows.push(json!({"RuleId": 5, "TagKey": "Team", "Action": "Notify", "Required": "N"}));
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "2");
    let ids = [
        old(&[]),
        old(&[]).protected(),
        old(&[("Owner", "x"), ("ProjectCode", "")]),
        old(&[("Team", "x")]).auto_scaling_group("web"),
        // CloudTrail does not show its launch yet.
        old(&[("Owner", "x")])
            .ago(chrono::TimeDelta::minutes(3))
            .without_trail(),
        old(&[]),
        old(&[]),
        old(&[("Owner", "x"), ("Team", "x")]).ago(chrono::TimeDelta::days(100)),
    ]
    .map(|launch| world.account.launch(launch));
    for id in &ids {
        world.account.deny("CreateTags", id);
    }
    // It gets its tags, and so is not stopped yet.
    let _ = world.instance(&[("Name", "db")]);
    world.sweep().await;
    for id in &ids {
        world.account.allow("CreateTags", id);
    }
    // The next run reports what could not be published, under the id of the run that did it.
    let denied = Fault::new("Publish", "AuthorizationError", "no").status(403);
    world.account.fail(denied);
    let event = crate::support::scheduled_event();
    let _ = world.remediate(event).await.unwrap_err();
    world.sweep().await;
    assert_eq!(count_conforming_messages(&world), 2);
    let entries: Vec<Value> = world
        .account
        .published()
        .iter()
        .flat_map(|it| {
            let body: Value = serde_json::from_str(&it.message).unwrap();
            let report: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
            report["entries"].as_array().unwrap().clone()
        })
        .collect();
    for (member, values) in [
        ("outcome", &["done", "deferred", "refused", "failed"][..]),
        ("remedy", &["tag", "stop", "terminate", "notify"]),
        ("finding", &["untagged", "missing", "empty"]),
    ] {
        for value in values {
            let is_there = entries.iter().any(|entry| entry[member] == *value);
            assert!(is_there, "no entry has {member} = {value}: {entries:#?}");
        }
    }
    assert!(entries.iter().any(|entry| entry["runId"].is_string()));
}

/// A broken policy is told once a day, and also to programs in a form that they know.
#[tokio::test(start_paused = true)]
async fn reports_a_broken_policy_once_a_day_as_a_document() {
    let world = World::new().enforcing();
    let row = json!({"RuleId": 9, "TagKey": "Owner", "Action": "Notfy", "Required": "Y"});
    world.account.put_item(TABLE, row);
    for sweeps in 1..=3 {
        let event = crate::support::scheduled_event();
        let (kind, _) = world.remediate(event).await.unwrap_err();
        assert_eq!(kind, "InvalidPolicyTable");
        assert_eq!(count_conforming_messages(&world), 1, "{sweeps}");
        world.account.advance(chrono::TimeDelta::hours(2));
    }
    let document = world.documents().remove(0);
    let problems = document["policyProblems"].as_array().unwrap();
    assert!(
        problems[0].as_str().unwrap().starts_with("rule 9: Action"),
        "{problems:?}"
    );
    let text = world.reports().remove(0);
    assert!(text.contains("is not valid.\n-- rule 9: Action"), "{text}");
    world.account.advance(chrono::TimeDelta::days(1));
    let event = crate::support::scheduled_event();
    let _ = world.remediate(event).await.unwrap_err();
    assert_eq!(count_conforming_messages(&world), 2);
}

/// Counts the published messages. Asserts that each conforms to the schema and has no member that the schema lacks.
fn count_conforming_messages(world: &World) -> usize {
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
    let published = world.account.published();
    for publication in &published {
        let report: Value = serde_json::from_str(&delivered(publication, "https")).unwrap();
        assert!(json_schema::conforms(&schema, &report), "{report}");
        assert_members_are_in_schema(&schema, &report);
        assert_members_are_in_schema(&schema["properties"]["summary"], &report["summary"]);
        for entry in report["entries"].as_array().unwrap() {
            assert_members_are_in_schema(&schema["$defs"]["entry"], entry);
        }
    }
    published.len()
}

fn assert_members_are_in_schema(schema: &Value, object: &Value) {
    for name in object.as_object().unwrap().keys() {
        assert!(schema["properties"].get(name).is_some(), "{name}");
    }
}

/// Without this test a schema that accepts anything would pass the one above.
#[test]
fn schema_rejects_malformed_reports() {
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
    let sound = json!({
        "version": 1, "runId": "20261123T120000Z-8476a536", "mode": "enforce", "part": 1, "parts": 1, "repeated": 0,
        "summary": {
            "instances": 1, "tagged": 1, "stopped": 0, "terminated": 0, "notified": 0, "deferred": 0, "refused": 0,
            "failed": 0, "wouldTag": 0, "wouldStop": 0, "wouldTerminate": 0,
        },
        "instanceIds": ["i-0a1b2c3d4e5f60718"],
        "entries": [{
            "instanceId": "i-0a1b2c3d4e5f60718", "finding": "missing", "ruleId": 1, "tagKey": "Owner", "remedy": "tag",
            "tagValue": "ann", "outcome": "done",
        }],
        "addedLater": true,
    });
    assert!(json_schema::conforms(&schema, &sound));
    let broken = json!({"policyProblems": ["x"], "instanceIds": [], "entries": []});
    let mut broken_policy = sound.clone();
    broken_policy
        .as_object_mut()
        .unwrap()
        .extend(broken.as_object().unwrap().clone());
    assert!(json_schema::conforms(&schema, &broken_policy));
    broken_policy["entries"] = sound["entries"].clone();
    assert!(!json_schema::conforms(&schema, &broken_policy));
    for (pointer, wrong) in [
        ("/version", json!(2)),
        ("/runId", json!("now")),
        ("/mode", json!("Enforce")),
        ("/part", json!(0)),
        ("/summary", json!({})),
        ("/instanceIds/0", json!("vpc-1")),
        ("/entries", json!([])),
        ("/entries/0/outcome", json!("failed")),
        ("/entries/0/finding", json!("untagged")),
        ("/entries/0/remedy", json!("tagged")),
        ("/entries/0/tagValue", json!(null)),
    ] {
        let mut report = sound.clone();
        *report.pointer_mut(pointer).unwrap() = wrong;
        assert!(!json_schema::conforms(&schema, &report), "{pointer}");
    }
}

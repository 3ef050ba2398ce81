//! What `docs/ledger.md` shows is what the commands write.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_sandbox::Service;

use crate::scene::{Scene, timeless, wrote};

const GUIDE: &str = include_str!("../../../docs/ledger.md");

/// The guide has this text, whatever the times in it.
fn guide_shows(text: &str) {
    assert!(
        timeless(GUIDE).contains(&timeless(text)),
        "docs/ledger.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_real_output() {
    let scene = Scene::new("guide");
    let web = scene.launch(&[("Name", "web")]);
    let db = scene.launch(&[("Name", "db"), ("ProjectCode", "")]);
    let run = scene.remediate(&[&web, &db]);
    guide_shows(&scene.told(&["history"]));
    scene.account.set_tag(&web, "ProjectCode", "Shop");
    guide_shows(&scene.told(&[
        "undo",
        "--run",
        &run,
        "--tag",
        "ProjectCode",
        "--tag",
        "Expires",
        "--yes",
    ]));
    guide_shows(&scene.told(&["history", "--trigger", "undo"]));
    guide_shows(&scene.told(&["undo", "--run", &run, "--tag", "ProjectCode"]));
}

/// What docs/ledger.md says an operator must be allowed is what the commands call, neither more nor less.
#[test]
fn the_guide_lists_the_permissions() {
    let scene = Scene::new("permissions");
    let ids = ["", "x"].map(|_| scene.launch(&[("Name", "x"), ("K", "v"), ("L", "v")]));
    let mut emptied = wrote(&ids[0], "L", "v", "done");
    emptied["TagsBefore"] = json!({"L": ""});
    let acts = [wrote(&ids[0], "K", "v", "done"), emptied];
    scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let called = |arguments: &[&str]| -> BTreeSet<String> {
        scene.account.forget_calls();
        scene.told(arguments);
        let calls = scene.account.calls().into_iter();
        // Who calls may be asked without a permission.
        let calls = calls.filter(|call| call.service != Service::Sts);
        calls
            .map(|call| match (call.service, call.operation.as_str()) {
                // IAM asks for the permission of each write in it.
                (Service::DynamoDb, "TransactWriteItems") => "dynamodb:PutItem".to_owned(),
                (Service::DynamoDb, operation) => format!("dynamodb:{operation}"),
                (_, operation) => format!("ec2:{operation}"),
            })
            .collect()
    };
    let row = |command: &str| -> BTreeSet<String> {
        let begin = format!("| `{command}` |");
        let row = GUIDE.lines().rfind(|line| line.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("no row for {command}"));
        let quoted = row.split('`').skip(3).step_by(2);
        quoted
            .filter(|word| word.contains(':'))
            .map(ToOwned::to_owned)
            .collect()
    };
    assert_eq!(row("tagwarden history"), called(&["history"]));
    let dry = called(&["undo", "--since", "1h", "--dry-run"]);
    assert_eq!(row("tagwarden undo --dry-run"), dry);
    let undo: BTreeSet<String> = called(&["undo", "--since", "1h", "--yes"]);
    assert!(undo.is_superset(&dry));
    let more: BTreeSet<String> = undo.difference(&dry).cloned().collect();
    assert_eq!(row("tagwarden undo"), more);
}

//! `tagwarden diff`: exit 0, 2 or 1, and nothing is ever written.

use serde_json::{Value, json};

use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

#[test]
fn finds_no_difference_in_equal_tables() {
    let world = World::new("diff-same");
    world.write("policy.yaml", SAMPLE);
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        stdout(&output),
        "The policy table acme_cloud_policy_tagging_def in us-east-1 (account 111111111111, keys of the environment), against policy.yaml:\n\n\
         No changes: the table is like the file.\n"
    );
    assert_eq!(world.writes(), 0);
}

#[test]
fn differences_are_shown_attribute_by_attribute() {
    let world = World::new("diff-differences");
    let item = json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Note": {"a": [1]}});
    world.account.put_item(TABLE, item);
    let file = SAMPLE
        .replace("Proj007", "\"Proj 042\"")
        .replace(
            "UserLookup\n    Required: Y",
            "Notify\n    Required: N\n    Owner: true",
        )
        .replace("RuleId: 3", "RuleId: 4");
    world.write("policy.yaml", &file);
    let output = world.run(&["diff", "policy.yaml"]);
    // Together with the rule that stays, two would have one key.
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains(r#"rule 4: TagKey "Expires" already has a rule: rule 3"#),
        "{message}"
    );
    assert!(
        message.contains("Only in the table: rule 3 (Expires)."),
        "{message}"
    );

    let output = world.run(&["diff", "--prune", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    insta::assert_snapshot!(stdout(&output));
    assert_eq!(world.writes(), 0);
}

#[test]
fn rows_only_in_the_table_are_a_difference_with_prune_alone() {
    let world = World::new("diff-only");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 9, "TagKey": "Old", "Action": "Notify", "Required": "N"}),
    );
    world.write("policy.yaml", SAMPLE);
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("Only in the table, and kept: rule 9 (Old).\n"));
    let output = world.run(&["diff", "policy.yaml", "--prune"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stdout(&output).ends_with("0 rules to add, 0 to change, 1 to delete.\n"));
}

#[test]
fn the_json_document() {
    let world = World::new("diff-json");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 9, "TagKey": "Old", "Action": "Notify", "Required": "N"}),
    );
    let file = SAMPLE
        .replace("    Default: Proj007\n", "    Default: null\n    Note: x\n")
        .replace("Update", "Stop");
    world.write("policy.yaml", &file);
    let output = world.run(&["diff", "policy.yaml", "--output", "json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document,
        json!({
            "table": TABLE,
            "region": "us-east-1",
            "account": "111111111111",
            "accountProblem": null,
            "profile": null,
            "stack": null,
            "changes": [{
                "ruleId": 1,
                "change": "change",
                "attributes": {
                    "Action": {"before": "Update", "after": "Stop"},
                    "Default": {"before": "Proj007", "after": null},
                    "Note": {"after": "x"},
                },
            }],
            "onlyInTable": [9], "version": 1,
        })
    );
}

#[test]
fn shows_an_invalid_file_without_calling_aws() {
    for command in ["diff", "push"] {
        let world = World::new(&format!("{command}-invalid"));
        world.write("policy.yaml", &SAMPLE.replace("UserLookup", "UserLokup"));
        let output = world.run(&[command, "policy.yaml"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(message.contains("--> policy.yaml:9:13"), "{message}");
        assert!(message.contains("did you mean UserLookup?"), "{message}");
        assert!(message.contains("Nothing was done."), "{message}");
        assert_eq!(world.account.calls().len(), 0);
    }
}

#[test]
fn takes_the_table_from_the_option_or_the_environment() {
    let world = World::new("diff-table");
    world.account.create_table("mine");
    world.write("policy.yaml", SAMPLE);
    let named = |output: std::process::Output| {
        stdout(&output).contains("policy table mine in eu-west-1 (account ")
    };
    let option = [
        "diff",
        "policy.yaml",
        "--table",
        "mine",
        "--region",
        "eu-west-1",
    ];
    assert!(named(world.run(&option)));
    let mut command = world.command(&["diff", "policy.yaml", "--region", "eu-west-1"]);
    assert!(named(
        command
            .env("TAGWARDEN_POLICY_TABLE", "mine")
            .output()
            .unwrap()
    ));
}

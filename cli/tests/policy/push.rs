//! `tagwarden push`: what it writes, what it spares, what it refuses.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// A policy of so many rules.
fn many(rules: usize) -> String {
    let mut file = "rules:\n".to_owned();
    for id in 1..=rules {
        let _ = writeln!(
            file,
            "  - {{RuleId: {id}, TagKey: key{id}, Action: Notify, Required: N}}"
        );
    }
    file
}

#[test]
fn nothing_to_do_writes_nothing() {
    let world = World::new("push-nothing");
    world.write("policy.yaml", SAMPLE);
    // It has nothing to ask either.
    let output = world.run(&["push", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).ends_with("Nothing to do: the table is like the file.\n"));
    assert_eq!(world.writes(), 0);
}

#[test]
fn writes_differences_and_keeps_foreign_attributes() {
    let world = World::new("push-changes");
    world.account.put_raw_item(
        TABLE,
        json!({
            "RuleId": {"N": "2"}, "TagKey": {"S": "CreatedBy"}, "Action": {"S": "UserLookup"},
            "Required": {"S": "Y"}, "Default": {"S": "unused"},
            "Teams": {"SS": ["a", "b"]}, "Seal": {"B": "AQID"}, "Status": {"NULL": true}, "Name": {"M": {"x": {"N": "1"}}},
        }),
    );
    let file = SAMPLE.replace("Proj007", "Proj042").replace(
        "    Action: UserLookup\n",
        "    Action: Notify\n    Count: 1.50\n",
    ) + "  - {RuleId: 4, TagKey: Owner, Action: Notify, Required: N, Allowed: {$dynamodb: {NS: [1, 2]}}}\nformat: 1\n";
    world.write("policy.yaml", &file);
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    insta::assert_snapshot!(stdout(&output));
    assert_eq!(
        world.items(),
        [
            json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj042"}),
            json!({
                "RuleId": 2, "TagKey": "CreatedBy", "Action": "Notify", "Required": "Y", "Count": 1.5,
                "Teams": ["a", "b"], "Seal": "AQID", "Status": null, "Name": {"x": 1},
            }),
            json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
            json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "N", "Allowed": [1, 2]}),
        ]
    );
    assert_eq!(world.writes(), 1);
    // Rule 3 is like the file: it is not written.
    let calls = world.account.calls();
    let transaction = calls
        .iter()
        .find(|call| call.operation == "TransactWriteItems");
    let items = &transaction.unwrap().parameters["TransactItems"];
    assert_eq!(items.as_array().unwrap().len(), 3);

    let output = world.run(&["push", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn rows_that_the_file_lacks_go_only_with_prune() {
    let world = World::new("push-prune");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 9, "TagKey": "Old", "Action": "Notify", "Required": "N"}),
    );
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let output = world.run(&["push", "-y", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items().len(), 4);
    let output = world.run(&["push", "-y", "--prune", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let ids: Vec<Value> = world
        .items()
        .iter()
        .map(|item| item["RuleId"].clone())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn fills_an_empty_table() {
    let world = World::without_table("push-fill");
    world.account.create_table(TABLE);
    world.write("policy.yaml", SAMPLE);
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items().len(), 3);
}

#[test]
fn writes_nothing_without_a_terminal_or_yes() {
    let world = World::new("push-unasked");
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let output = world.run(&["push", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).ends_with("0 rules to add, 1 to change, 0 to delete.\n"));
    assert_eq!(
        stderr(&output),
        "error: cannot ask for consent: standard input is not a terminal\n\n\
         Nothing was written. To continue without a question, add --yes.\n"
    );
    assert_eq!(world.writes(), 0);
}

/// What somebody else does between the reading and the writing, and the rule that the message then names.
fn lost_race(test: &str, file: &str, meddle: fn(&tagwarden_sandbox::Account), rule: &str) {
    let world = World::new(test);
    world.write("policy.yaml", file);
    world.account.on_next_call("TransactWriteItems", meddle);
    let output = world.run(&["push", "--yes", "--prune", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        stderr(&output),
        format!(
            "error: somebody else has changed the table since it was read: {rule}\n\n\
             Nothing was written. Run the command again: it shows the difference as it is now.\n"
        )
    );
    let first = &world.items()[0];
    assert_eq!(first["Default"], "Proj007", "all or nothing");
}

#[test]
fn does_not_overwrite_a_row_changed_since() {
    let file = SAMPLE
        .replace("Proj007", "Proj042")
        .replace("today()", "today()+30d");
    lost_race(
        "push-race-altered",
        &file,
        |account| {
            account.put_item(
                TABLE,
                json!({"RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "Default": "today()"}),
            );
        },
        "rule 3",
    );
}

#[test]
fn notices_an_attribute_added_since() {
    let file = SAMPLE
        .replace("Proj007", "Proj042")
        .replace("UserLookup", "Notify");
    lost_race(
        "push-race-attribute",
        &file,
        |account| {
            account.put_item(
                TABLE,
                json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Default": "x"}),
            );
        },
        "rule 2",
    );
}

#[test]
fn does_not_overwrite_a_row_added_since() {
    let file = SAMPLE.replace("Proj007", "Proj042")
        + "  - {RuleId: 4, TagKey: Owner, Action: Notify, Required: N}\n";
    lost_race(
        "push-race-added",
        &file,
        |account| {
            account.put_item(
                TABLE,
                json!({"RuleId": 4, "TagKey": "Team", "Action": "Stop", "Required": "Y"}),
            );
        },
        "rule 4",
    );
}

#[test]
fn does_not_delete_a_row_changed_since() {
    let file = SAMPLE.replace("Proj007", "Proj042");
    let file = file.split("  - RuleId: 3").next().unwrap();
    lost_race(
        "push-race-deleted",
        file,
        |account| {
            account.put_item(
                TABLE,
                json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "Y", "Default": "today()"}),
            );
        },
        "rule 3",
    );
}

#[test]
fn does_not_recreate_a_row_deleted_since() {
    let world = World::new("push-race-gone");
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    world.account.clear_table(TABLE);
    world.account.put_item(TABLE, json!({"RuleId": 1}));
    world
        .account
        .on_next_call("TransactWriteItems", |account| account.clear_table(TABLE));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("since it was read: rule 1\n"),
        "{output:?}"
    );
    assert_eq!(world.items().len(), 0);
}

#[test]
fn checks_the_table_again_after_writing() {
    let world = World::new("push-together");
    let owner = "  - {RuleId: 4, TagKey: Owner, Action: Notify, Required: N}\n";
    world.write("policy.yaml", &(SAMPLE.to_owned() + owner));
    world.account.on_next_call("TransactWriteItems", |account| {
        account.put_item(
            TABLE,
            json!({"RuleId": 8, "TagKey": "Owner", "Action": "Notify", "Required": "N"}),
        );
    });
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        stderr(&output),
        "error: the changes were written (1 rule), but somebody else wrote too, and the table is now invalid: the policy \
         has 1 problem: rule 8: TagKey \"Owner\" already has a rule: rule 4\n\n\
         The functions do nothing until it is valid. `tagwarden pull` shows the table as it is.\n"
    );
}

/// A file of 150 rules for an empty table, and somebody else who puts one of them there before the second step.
fn crossed_in_the_second_step(name: &str) -> World {
    let world = World::new(name);
    world.account.clear_table(TABLE);
    world.write("policy.yaml", &many(150));
    let mut step = 0;
    world.account.on_call("TransactWriteItems", move |account| {
        step += 1;
        if step == 2 {
            account.put_item(
                TABLE,
                json!({"RuleId": 120, "TagKey": "theirs", "Action": "Notify", "Required": "N"}),
            );
        }
    });
    world
}

#[test]
fn writes_more_than_100_rows_in_steps_and_reports_each() {
    let world = crossed_in_the_second_step("push-many");
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output)
            .contains("DynamoDB writes up to 100 rows at once, so these are written in steps.")
    );
    let message = stderr(&output);
    assert!(
        message.contains("since it was read: rule 120\n"),
        "{message}"
    );
    assert!(
        message.contains("100 of 150 rows were written before, and stay."),
        "{message}"
    );
    assert_eq!(world.items().len(), 101);
    // The next run goes on where this one ended.
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("49 rules to add, 1 to change, 0 to delete."),
        "{output:?}"
    );
    assert_eq!(world.items().len(), 150);
    assert_eq!(world.writes(), 3);
}

#[test]
fn writes_100_rows_in_one_step() {
    let world = World::new("push-hundred");
    world.account.clear_table(TABLE);
    world.write("policy.yaml", &many(100));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!stdout(&output).contains("in steps"), "{output:?}");
    assert_eq!((world.items().len(), world.writes()), (100, 1));
}

#[test]
fn does_not_write_to_a_table_that_stays_invalid() {
    let world = World::new("push-union");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 9, "TagKey": "Old", "Action": "Delete", "Required": "N"}),
    );
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains(r#"rule 9: Action "Delete" is not an action"#),
        "{message}"
    );
    assert!(message.contains("Delete them with --prune"), "{message}");
    assert_eq!(world.writes(), 0);
    // A broken table is mended so.
    let output = world.run(&["push", "--yes", "--prune", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn throttling_is_waited_for() {
    let world = World::new("push-throttled");
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    world
        .account
        .fail(Fault::new("TransactWriteItems", "ThrottlingException", "Rate exceeded").times(1));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items()[0]["Default"], "Proj042");
}

#[test]
fn reports_what_was_written_as_json() {
    let world = World::new("push-json");
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let arguments = ["push", "--yes", "policy.yaml", "--output", "json"];
    let document = |written: usize, changes: Value| {
        json!({
            "version": 1, "table": TABLE, "region": "us-east-1", "account": "111111111111", "accountProblem": null,
            "profile": null, "stack": null, "changes": changes, "onlyInTable": [],
            "written": written,
        })
    };
    let change = json!([{
        "ruleId": 1, "change": "change",
        "attributes": {"Default": {"before": "Proj007", "after": "Proj042"}},
    }]);
    for expected in [document(1, change), document(0, json!([]))] {
        let output = world.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stderr(&output), "");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told, expected);
    }
    assert_eq!(world.writes(), 1);
}

#[test]
fn reports_what_was_written_before_a_failure_as_json() {
    let world = crossed_in_the_second_step("push-json-fails");
    let output = world.run(&["push", "--yes", "policy.yaml", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["written"], 100);
    assert_eq!(told["changes"].as_array().unwrap().len(), 150);
    assert!(
        stderr(&output).starts_with("error: somebody else has changed the table"),
        "{output:?}"
    );
}

#[test]
fn writes_nothing_as_json_without_yes() {
    let world = World::new("push-json-unasked");
    world.write("policy.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let output = world.run(&["push", "policy.yaml", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(message.contains("Proj007 -> Proj042"), "{message}");
    assert!(
        message.ends_with("Nothing was written. To continue without a question, add --yes.\n"),
        "{message}"
    );
    assert_eq!(world.writes(), 0);
}

#[test]
fn says_what_a_format_does_to_older_functions() {
    let world = World::new("push-format");
    world.write("policy.yaml", &format!("{SAMPLE}format: 2\n"));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    insta::assert_snapshot!(stdout(&output));
    let rows = world.items();
    assert_eq!(rows[0], json!({"RuleId": -1, "PolicyFormat": 2}));
    assert_eq!(rows.len(), 4);

    let output = world.run(&["push", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!stdout(&output).contains("older tagwarden"), "{output:?}");
    let output = world.run(&["pull"]);
    assert_eq!(stdout(&output), format!("{SAMPLE}format: 2\n"));
}

#[test]
fn a_newer_attribute_makes_the_table_one_of_format_2() {
    let world = World::new("push-allowed");
    let file = SAMPLE.replace(
        "    Default: Proj007\n",
        "    Default: Proj007\n    Allowed: [Proj007, Proj042, \"lab-*\"]\n",
    );
    world.write("policy.yaml", &file);
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    insta::assert_snapshot!(stdout(&output));
    let rows = world.items();
    assert_eq!(rows[0], json!({"RuleId": -1, "PolicyFormat": 2}));
    assert_eq!(rows[1]["Allowed"], json!(["Proj007", "Proj042", "lab-*"]));

    // What is pulled and pushed again changes nothing.
    let output = world.run(&["pull", "again.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = world.run(&["diff", "--prune", "again.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // The file decides about the attribute.
    world.write("policy.yaml", &format!("{SAMPLE}format: 2\n"));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items()[1].get("Allowed"), None);
}

#[test]
fn columns_of_an_older_table_keep_their_meaning() {
    let world = World::new("push-columns");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 4, "TagKey": "Owner", "Action": "Notify", "Required": "N", "Allowed": "by ann"}),
    );
    let output = world.run(&["pull", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        world
            .read("policy.yaml")
            .ends_with("    Allowed: by ann\nformat: 1\n")
    );
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = world.run(&["diff", "--prune", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // A file without the column leaves it in the table.
    let file = format!("{SAMPLE}  - {{RuleId: 4, TagKey: Owner, Action: Notify, Required: Y}}\n");
    world.write("policy.yaml", &file);
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items()[3]["Allowed"], "by ann");
}

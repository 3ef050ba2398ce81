//! `tagwarden pull`: the table as a file, and back.

use serde_json::json;

use crate::support::{HERE, stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// A rule with an attribute of every type.
fn put_every_type(world: &World) {
    world.account.put_raw_item(
        TABLE,
        json!({
            "RuleId": {"N": "4"}, "TagKey": {"S": "Owner"}, "Action": {"S": "Notify"}, "Required": {"S": "N"},
            "Text": {"S": "no: it's \"quoted\"\n"}, "Yes": {"S": "yes"}, "Number": {"N": "1.5"},
            "Long": {"N": "12345678901234567890.123456789"}, "Flag": {"BOOL": false}, "Nothing": {"NULL": true},
            "List": {"L": [{"N": "1"}, {"S": "1"}]}, "Map": {"M": {"$dynamodb": {"M": {"SS": {"S": "x"}}}}},
            "Binary": {"B": "AAEC/w=="}, "Texts": {"SS": ["b", "a"]}, "Numbers": {"NS": ["2", "10"]},
            "Binaries": {"BS": ["AQ==", "Ag=="]},
        }),
    );
}

#[test]
fn pulls_the_customers_table() {
    let world = World::new("pull-sample");
    let output = world.run(&["pull"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), SAMPLE);
    assert_eq!(stderr(&output), "");
}

#[test]
fn pulls_and_pushes_every_type() {
    for format in ["yaml", "json"] {
        let world = World::new(&format!("pull-types-{format}"));
        put_every_type(&world);
        let file = format!("policy.{format}");
        let output = world.run(&["pull", &file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stdout(&output), "");
        assert_eq!(
            stderr(&output),
            format!("4 rules written to {file}, from {HERE}\n")
        );
        insta::assert_snapshot!(file.clone(), world.read(&file));

        let output = world.run(&["diff", "--prune", &file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let before = world.items();
        world.account.clear_table(TABLE);
        let output = world.run(&["push", "--yes", &file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(world.items(), before);
    }
}

#[test]
fn takes_the_format_from_the_option() {
    let world = World::new("pull-format");
    let output = world.run(&["pull", "--output", "json"]);
    assert!(
        stdout(&output).starts_with("{\n  \"rules\": ["),
        "{output:?}"
    );
    world.run(&["pull", "policy.json", "--output", "yaml"]);
    assert_eq!(world.read("policy.json"), SAMPLE);
}

#[test]
fn replaces_a_file_only_with_force() {
    let world = World::new("pull-force");
    world.write("policy.yaml", "# mine\n");
    let output = world.run(&["pull", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("\"policy.yaml\" already exists"),
        "{message}"
    );
    assert!(message.contains("--force"), "{message}");
    assert_eq!(world.read("policy.yaml"), "# mine\n");
    let output = world.run(&["pull", "--force", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.read("policy.yaml"), SAMPLE);
}

#[test]
fn warns_when_it_pulls_an_invalid_table() {
    let world = World::new("pull-broken");
    world.account.put_item(
        TABLE,
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Delete", "Required": "N"}),
    );
    let output = world.run(&["pull", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains("warning: as it is, the policy has 1 problem: rule 3: Action"),
        "{message}"
    );
    assert!(world.read("policy.yaml").contains("Action: Delete"));
}

#[test]
fn all_pages_of_a_large_table_are_read() {
    let world = World::new("pull-pages");
    world.account.scan_page_items(1);
    assert_eq!(stdout(&world.run(&["pull"])), SAMPLE);
    assert!(world.account.count("Scan") > 2);
}

//! Keys that look like other keys: refused in a file, and named in a table that has them already.

use serde_json::json;

use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// A file with a key that has a blank at its end.
fn blank() -> String {
    SAMPLE.replace("TagKey: ProjectCode", "TagKey: \"ProjectCode \"")
}

#[test]
fn a_file_with_such_a_key_is_not_used() {
    let world = World::new("keys-file");
    world.write("policy.yaml", &blank());
    for arguments in [
        &["check", "policy.yaml"][..],
        &["diff", "policy.yaml"],
        &["push", "--yes", "policy.yaml"],
        &["plan", "--policy", "policy.yaml"],
        &["plan", "--against", "policy.yaml"],
    ] {
        let output = world.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let shown = format!("{}{}", stdout(&output), stderr(&output));
        assert!(
            shown.contains("\"ProjectCode \" has blanks around it, or characters that nobody sees"),
            "{shown}"
        );
        assert!(shown.contains("policy.yaml:3:13"), "{shown}");
        assert!(shown.contains("did you mean \"ProjectCode\"?"), "{shown}");
    }
    assert_eq!(world.writes(), 0);
}

/// Functions run by such tables, and go on.
#[test]
fn a_table_with_such_a_key_keeps_its_meaning() {
    let world = World::new("keys-table");
    world.account.launch(
        tagwarden_sandbox::Launch::new()
            .tag("ProjectCode", "P1")
            .tag("CreatedBy", "ann"),
    );
    for (id, key) in [(1, "ProjectCode "), (4, "exempt-until")] {
        world.account.put_item(
            TABLE,
            json!({"RuleId": id, "TagKey": key, "Action": "Update", "Required": "Y", "Default": "P1"}),
        );
    }
    let cautions = [
        "rule 1: TagKey \"ProjectCode \" has blanks around it, or characters that nobody sees",
        "rule 4: TagKey \"exempt-until\" looks like the key of an exemption, tagwarden:exempt-until",
    ];
    let output = world.run(&["pull", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for caution in cautions {
        assert!(
            stderr(&output).contains(&format!("warning: {caution}\n")),
            "{output:?}"
        );
    }
    let output = world.run(&["plan"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // The blank can be seen.
    assert!(
        stdout(&output).contains("+ \"ProjectCode \" = \"P1\""),
        "{output:?}"
    );
    for caution in cautions {
        assert!(
            stdout(&output).contains(&format!("The policy table {TABLE}, {caution}.\n")),
            "{output:?}"
        );
    }
    let output = world.run(&["apply", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stderr(&output).contains(&format!("the policy table {TABLE}, {}", cautions[0])),
        "{output:?}"
    );
    assert!(world.account.count("CreateTags") > 0);
}

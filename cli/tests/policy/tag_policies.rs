//! `tagwarden import` and `tagwarden export`, and what `docs/tag-policies.md` shows of them.

use crate::support::{stderr, stdout};
use crate::world::World;

const GUIDE: &str = include_str!("../../../docs/tag-policies.md");

/// The block of the guide that begins with `start`.
fn block(start: &str) -> String {
    let mut blocks = GUIDE.split("```").skip(1).step_by(2);
    let block = blocks.find_map(|block| {
        let (_, text) = block.split_once('\n')?;
        text.starts_with(start).then(|| text.to_owned())
    });
    block.unwrap_or_else(|| panic!("docs/tag-policies.md has no block that begins with {start:?}"))
}

fn guide_shows(text: &str) {
    assert!(
        GUIDE.contains(text.trim_end()),
        "docs/tag-policies.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_real_output() {
    let world = World::without_table("tag-policies");
    let effective =
        block("{\n  \"tags\": {\n    \"costcenter\": {\n      \"tag_key\": \"CostCenter\"");
    world.write("tags.json", &effective);
    let output = world.run(&["import", "--tag-policy", "tags.json", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    guide_shows(stderr(&output));
    guide_shows(&world.read("policy.yaml"));
    assert_eq!(world.run(&["check", "policy.yaml"]).status.code(), Some(0));

    let output = world.run(&["export", "--tag-policy", "--policy", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    guide_shows(stdout(&output));
    assert_eq!(stderr(&output), "");

    // And back: the tag policy as it is attached.
    world.write("again.json", stdout(&output));
    let again = world.run(&["import", "--tag-policy", "again.json"]);
    assert_eq!(stdout(&again), world.read("policy.yaml"));
}

#[test]
fn no_file_is_replaced_unasked() {
    let world = World::without_table("tag-policies-force");
    world.write("tags.json", r#"{"tags": {"owner": {"tag_key": "Owner"}}}"#);
    world.write("policy.yaml", "mine");
    let import = ["import", "--tag-policy", "tags.json", "policy.yaml"];
    let output = world.run(&import);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("already exists"), "{output:?}");
    assert_eq!(world.read("policy.yaml"), "mine");
    let output = world.run(&[&import[..], &["--force"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let export = [
        "export",
        "--tag-policy",
        "--policy",
        "policy.yaml",
        "tags.json",
    ];
    assert_eq!(world.run(&export).status.code(), Some(1));
}

#[test]
fn the_table_is_exported_without_a_file() {
    let world = World::new("tag-policies-table");
    let output = world.run(&["export", "--tag-policy"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("\"projectcode\""), "{output:?}");
    let notes = "note: A tag policy writes nothing and shuts nothing down: the actions and sources of the rules 1, 2, 3 are left out.\n";
    assert_eq!(stderr(&output), notes);
}

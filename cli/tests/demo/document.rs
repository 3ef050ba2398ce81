//! The JSON document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::STORY;
use crate::support::{stdout, tagwarden};

#[test]
fn the_help_names_every_field_of_the_document() {
    let output = tagwarden(&["demo", "--help"]);
    let help = stdout(&output);
    let words: BTreeSet<&str> = help.split(|c: char| !c.is_alphanumeric()).collect();
    let members = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    for part in [
        &*STORY,
        &STORY["before"],
        &STORY["before"]["instances"][0],
        &STORY["report"],
        &STORY["left"][0],
        &STORY["secondSweep"],
        &STORY["later"],
        &STORY["calls"],
        &STORY["calls"]["byOperation"]["sns:Publish"],
    ] {
        for field in members(part) {
            assert!(words.contains(field.as_str()), "{field}");
        }
    }
}

#[test]
fn writes_plain_json_whatever_the_colours() {
    let output = tagwarden(&["demo", "--output=json", "--color=always"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["left"], STORY["left"]);
    assert!(stdout(&output).ends_with("}\n"));
}

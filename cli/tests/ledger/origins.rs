//! Where the values come from that tagwarden wrote: in `history` and in `undo`.

use serde_json::Value;

use crate::scene::Scene;

/// A near miss gives its value, and the rule's default is the other one's.
#[test]
fn history_and_undo_say_where_values_come_from() {
    let scene = Scene::new("origins");
    let near = scene.launch(&[("projectcode", "Proj042"), ("CreatedBy", "ann")]);
    let plain = scene.launch(&[("Name", "web"), ("CreatedBy", "ann")]);
    let run = scene.remediate(&[&near, &plain]);
    let document = |command: &[&str]| -> Value {
        let line = [command, &["--output", "json"]].concat();
        serde_json::from_str(&scene.told(&line)).unwrap()
    };
    let of = |list: &Value, id: &str| {
        let mut acts = list.as_array().unwrap().iter();
        let act = acts.find(|it| it["instanceId"] == id && it["tagKey"] == "ProjectCode");
        act.unwrap()["valueOrigin"].clone()
    };
    let (history, undo) = (
        document(&["history"]),
        document(&["undo", "--run", &run, "--dry-run"]),
    );
    for list in [&history["acts"], &undo["tags"]] {
        assert_eq!(of(list, &near), "near-miss:projectcode");
        assert_eq!(of(list, &plain), "default");
    }
    let words = |command: &[&str]| {
        scene
            .told(command)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let expected = "\"Proj042\", from its tag projectcode";
    assert!(
        words(&["history"]).contains(expected),
        "{}",
        words(&["history"])
    );
    let undo = words(&["undo", "--run", &run, "--dry-run"]);
    assert!(
        undo.contains("from its tag") && undo.contains("projectcode"),
        "{undo}"
    );
}

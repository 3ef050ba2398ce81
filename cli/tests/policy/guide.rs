//! What `docs/policy-file.md` shows is what the commands write.

use crate::support::{HERE, stderr, stdout};
use crate::world::{SAMPLE, World};

const GUIDE: &str = include_str!("../../../docs/policy-file.md");

/// The guide has this text, as a block of its own or part of one.
fn guide_shows(text: &str) {
    assert!(
        GUIDE.contains(text.trim_end()),
        "docs/policy-file.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_real_output() {
    let world = World::new("guide");
    assert_eq!(
        stderr(&world.run(&["pull", "policy.yaml"])),
        format!("3 rules written to policy.yaml, from {HERE}\n")
    );
    guide_shows(&format!("3 rules written to policy.yaml, from {HERE}"));
    assert_eq!(world.read("policy.yaml"), SAMPLE);
    guide_shows(SAMPLE);

    let edited = SAMPLE.replace("Proj007", "Proj042")
        + "  - RuleId: 4\n    TagKey: Owner\n    Action: Notfy\n    Required: Y\n    Comment: agreed with the auditors\n";
    world.write("policy.yaml", &edited);
    let output = world.run(&["check", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    guide_shows(stdout(&output));

    world.write("policy.yaml", &edited.replace("Notfy", "Notify"));
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    guide_shows(stdout(&output));
    let output = world.run(&["push", "policy.yaml"]);
    guide_shows(stderr(&output));
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    guide_shows(stdout(&output));
    let output = world.run(&["diff", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    guide_shows(stdout(&output));

    // Somebody is faster.
    world.write("policy.yaml", &edited.replace("Notfy", "Stop"));
    world.account.on_next_call("TransactWriteItems", |account| {
        let theirs = serde_json::json!({"RuleId": 4, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"});
        account.put_item(crate::world::TABLE, theirs);
    });
    let output = world.run(&["push", "--yes", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    guide_shows(stderr(&output));
}

/// Every policy in the guide and in the reference is valid.
#[test]
fn guide_shows_valid_policies() {
    const REFERENCE: &str = include_str!("../../../docs/policy.md");
    let world = World::new("guide-files");
    let blocks = |page: &'static str| page.split("```").skip(1).step_by(2);
    let blocks = blocks(GUIDE).chain(blocks(REFERENCE));
    let mut checked = 0;
    for block in blocks {
        let Some((language @ ("yaml" | "json"), text)) = block.split_once('\n') else {
            continue;
        };
        // A part of a file is shown without its beginning.
        if text.contains("rules") {
            let file = format!("guide.{language}");
            world.write(&file, text);
            let output = world.run(&["check", &file]);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
}

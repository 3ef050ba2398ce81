//! What `docs/plan.md` shows is what the commands write.

use std::path::PathBuf;
use std::process::Output;

use crate::fleet::{RECORDED_AT, recording};
use crate::recorded::offline;
use crate::support::{stderr, stdout};
use crate::world::SAMPLE;

const GUIDE: &str = include_str!("../../../docs/plan.md");

/// The guide has this text, as a block of its own or part of one.
pub fn guide_shows(text: &str) {
    assert!(
        GUIDE.contains(text.trim_end()),
        "docs/plan.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_real_output() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plan-guide");
    std::fs::create_dir_all(&directory).unwrap();
    for name in ["fleet.json", "launches.json"] {
        std::fs::copy(recording(name), directory.join(name)).unwrap();
    }
    let new = "rules:\n  - {RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: Proj042}\n  \
               - {RuleId: 3, TagKey: Expires, Action: Terminate, Required: Y}\n";
    let broken = "{\"Reservations\": [\n {\"Instances\": [\n  \
                  {\"InstanceId\": \"i-0a1b2c3d4e5f60718\", \"LaunchTime\": \"yesterday\"}]}]}";
    for (name, text) in [
        ("policy.yaml", SAMPLE),
        ("new.yaml", new),
        ("broken.json", broken),
    ] {
        std::fs::write(directory.join(name), text).unwrap();
    }
    let run = |line: &str| -> Output {
        // What is run is what the guide says to run.
        guide_shows(&format!("$ tagwarden {line}\n"));
        let arguments: Vec<&str> = line.split(' ').collect();
        offline(&arguments)
            .current_dir(&directory)
            .output()
            .unwrap()
    };
    let at = format!(
        "--instances fleet.json --events launches.json --policy policy.yaml --at {RECORDED_AT}"
    );
    guide_shows(stdout(&run(&format!("plan {at}"))));
    let against = at.replace(
        "--policy policy.yaml",
        "--policy new.yaml --against policy.yaml --rules-may-destroy stop-and-terminate",
    );
    guide_shows(stdout(&run(&format!("plan {against}"))));
    guide_shows(stderr(&run(
        "plan --instances broken.json --policy policy.yaml",
    )));
}

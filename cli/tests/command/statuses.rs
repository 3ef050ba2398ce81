//! Every exit status of every command: what ends with it, and that help and guide name the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use tagwarden_sandbox::{Identity, Launch};

use crate::countdowns::begin_an_hour_ago;
use crate::doctor::clinic::Clinic;
use crate::support::{stderr, stdout, tagwarden};
use crate::world::{SAMPLE, World};
use crate::{subcommands, support};

const GUIDE: &str = include_str!("../../../docs/command.md");

/// A command line, and the status that it ends with. They run in this order, in one account.
const CASES: &[(&str, i32)] = &[
    ("check policy.yaml", 0),
    ("check broken.yaml", 1),
    ("check", 64),
    ("completions bash", 0),
    ("completions bash > full", 1),
    ("completions csh", 64),
    ("demo", 0),
    ("demo > full", 1),
    ("demo --output xml", 64),
    ("diff policy.yaml", 0),
    ("diff absent.yaml", 1),
    ("diff other.yaml", 2),
    ("diff", 64),
    ("doctor", 0),
    ("doctor --expect-account 222222222222", 1),
    ("doctor --stack other", 2),
    ("doctor --output xml", 64),
    ("explain i-00000000000000001", 0),
    ("explain i-00000000000000fff", 1),
    ("explain i-1", 64),
    ("export --tag-policy --policy policy.yaml", 0),
    ("export --tag-policy --policy broken.yaml", 1),
    ("export", 64),
    ("history --ledger-table ledger", 0),
    ("history --ledger-table absent", 1),
    ("history --since yesterday", 64),
    ("import --tag-policy tags.json", 0),
    ("import --tag-policy policy.yaml", 1),
    ("import", 64),
    ("man", 0),
    ("man /dev/null/man", 1),
    ("man --nonsense", 64),
    ("plan --policy whole.yaml", 0),
    ("plan --policy broken.yaml", 1),
    ("plan", 2),
    ("plan --only nonsense", 64),
    ("preflight right.json --policy policy.yaml", 0),
    ("preflight policy.yaml --policy policy.yaml", 1),
    ("preflight bare.json --policy policy.yaml", 2),
    ("preflight", 64),
    ("pull", 0),
    ("pull --table absent", 1),
    ("pull one two", 64),
    ("push policy.yaml --yes", 0),
    // Nobody is there to answer.
    ("push other.yaml", 1),
    ("push --nonsense", 64),
    ("report page.html", 0),
    ("report no/such/page.html", 1),
    ("report", 64),
    ("apply --ledger-table ledger", 1),
    ("apply --ledger-table ledger --yes ^C", 130),
    ("apply --ledger-table ledger --yes", 0),
    ("apply --nonsense", 64),
    ("undo --since 1h --ledger-table ledger --yes", 0),
    ("undo --since 1h --ledger-table absent", 1),
    ("undo", 64),
];

/// An account with an instance that lacks a tag, and files.
fn world() -> World {
    let world = World::new("statuses");
    world.account.create_table_with_keys("ledger", "Pk", "Sk");
    let bare = Launch::new()
        .ago(TimeDelta::hours(1))
        .launched_by(Identity::iam_user("ann"));
    world.account.launch(bare.clone().tag("Name", "web"));
    world.account.launch(bare.tag("Name", "db"));
    begin_an_hour_ago(&world.account, "ledger");
    world.write("policy.yaml", SAMPLE);
    world.write("tags.json", r#"{"tags": {"owner": {"tag_key": "Owner"}}}"#);
    world.write("other.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    world.write("broken.yaml", &SAMPLE.replace("Update", "Updated"));
    let plan =
        |changes| format!("{{\"format_version\": \"1.2\", \"resource_changes\": [{changes}]}}");
    world.write("right.json", &plan(""));
    let bare = r#"{"address": "aws_instance.web", "type": "aws_instance", "change": {"actions": ["create"], "after": {}}}"#;
    world.write("bare.json", &plan(bare));
    world.write(
        "whole.yaml",
        "rules:\n  - {RuleId: 1, TagKey: Name, Action: Notify, Required: Y}\n",
    );
    // A sound stack, for doctor.
    Clinic::around(world).into_world()
}

/// How the command line ends; `> full` writes to a disk that is full, and `^C` interrupts it as it writes a tag.
fn status(world: &World, line: &str) -> (Option<i32>, String) {
    let has = |end: &str| line.strip_suffix(end);
    let (is_full, is_interrupted) = (has(" > full"), has(" ^C"));
    let words = is_full.or(is_interrupted).unwrap_or(line);
    let words: Vec<&str> = words.split(' ').collect();
    let mut command = world.command(&words);
    command.stderr(Stdio::piped()).stdout(Stdio::piped());
    if is_full.is_some() {
        let full = std::fs::File::options().write(true).open("/dev/full");
        command.stdout(full.unwrap());
    }
    let child: Arc<Mutex<Option<u32>>> = Arc::default();
    if is_interrupted.is_some() {
        let child = Arc::clone(&child);
        world.account.on_call("CreateTags", move |_| {
            if let Some(id) = child.lock().unwrap().take() {
                let mut kill = Command::new("kill");
                assert!(
                    kill.args(["-INT", &id.to_string()])
                        .status()
                        .unwrap()
                        .success()
                );
                // The answer waits until the signal has arrived for sure.
                std::thread::sleep(Duration::from_millis(300));
            }
        });
    }
    let mut known = child.lock().unwrap();
    let running = command.spawn().unwrap();
    *known = Some(running.id());
    drop(known);
    let output = running.wait_with_output().unwrap();
    (output.status.code(), support::stderr(&output).to_owned())
}

/// The statuses of each command that the cases show.
fn shown() -> BTreeMap<String, BTreeSet<i32>> {
    let mut shown: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for (line, status) in CASES {
        let command = line.split(' ').next().unwrap().to_owned();
        shown.entry(command).or_default().insert(*status);
    }
    shown
}

#[cfg(target_os = "linux")]
#[test]
fn each_command_ends_with_each_of_its_statuses() {
    let world = world();
    let wrong = CASES.iter().filter_map(|(line, expected)| {
        let (status, message) = status(&world, line);
        (status != Some(*expected))
            .then(|| format!("{line}: {status:?}, not {expected}\n{message}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_command_is_left_out() {
    let commands: BTreeSet<String> = subcommands().into_iter().collect();
    let shown: BTreeSet<String> = shown().into_keys().collect();
    assert_eq!(shown, commands);
}

#[test]
fn help_names_the_same_statuses() {
    for (command, statuses) in shown() {
        let output = tagwarden(&[&command, "--help"]);
        let section = stdout(&output).split("Exit status:\n").nth(1).unwrap();
        let named = section.lines().filter_map(|line| {
            let (number, _) = line.trim_start().split_once("  ")?;
            number.parse().ok()
        });
        assert_eq!(named.collect::<BTreeSet<i32>>(), statuses, "{command}");
    }
}

/// The guide has one table: a column for each status, a row for each command.
#[test]
fn guide_names_the_same_statuses() {
    let section = GUIDE.split("## Exit status\n").nth(1).unwrap();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let mut table = section.lines().filter(|line| line.starts_with('|'));
    let head = cells(table.next().unwrap());
    let rows = table.skip(1).map(|line| {
        let row = cells(line);
        let named = head.iter().zip(&row).skip(1);
        let named = named.filter(|(_, meaning)| !meaning.is_empty());
        let statuses = named.map(|(status, _)| status.parse().unwrap());
        (row[0].trim_matches('`').to_owned(), statuses.collect())
    });
    let rows: BTreeMap<String, BTreeSet<i32>> = rows.collect();
    assert_eq!(rows, shown());
}

#[test]
fn a_wrong_command_line_is_no_difference() {
    for line in ["plan --nonsense", "diff", "nonsense", ""] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = tagwarden(&words);
        assert_eq!(
            output.status.code(),
            Some(64),
            "{line}: {}",
            stderr(&output)
        );
    }
}

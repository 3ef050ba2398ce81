//! Readers that go away, `-` as a stream, and files that are replaced whole.

use std::process::{Command, Output, Stdio};

use tagwarden_sandbox::Fault;

use crate::apply::{LEDGER, acts, with_ledger};
use crate::fleet::{RECORDED_AT, VPC, recording};
use crate::recorded::{offline, policy};
use crate::support::{command, stderr, stdout};
use crate::world::{SAMPLE, TABLE, World};

/// A pipe that nobody reads.
fn gone() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

/// Runs the command into a pipe that nobody reads.
fn unheard(mut command: Command) -> Output {
    command
        .stdout(gone())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

/// Ends with this status into a pipe that nobody reads, and says nothing about it.
fn ends_unheard(command: Command, expected: i32) {
    let how = format!("{command:?}");
    let output = unheard(command);
    assert_eq!(output.status.code(), Some(expected), "{how}: {output:?}");
    assert_eq!(stderr(&output), "", "{how}");
}

#[test]
fn a_reader_that_goes_away_changes_no_status_of_what_only_reads() {
    let policy = policy("unheard", SAMPLE);
    let fleet = recording("fleet.json");
    let sources = ["--instances", &fleet, "--policy", &policy];
    for format in ["text", "json", "csv", "markdown"] {
        let arguments = [&["plan", "--output", format], &sources[..]].concat();
        let same = [&arguments[..], &["--against", &policy]].concat();
        for (arguments, status) in [(&arguments, 2), (&same, 0)] {
            let output = unheard(offline(arguments));
            assert_eq!(output.status.code(), Some(status), "{output:?}");
            // Where the form has no place for notes, they are on standard error.
            assert_eq!(
                stderr(&output).contains("note: "),
                format == "csv",
                "{output:?}"
            );
            assert!(!stderr(&output).contains("error"), "{output:?}");
        }
    }
    ends_unheard(offline(&[&["report", "-"], &sources[..]].concat()), 0);
    let broken = crate::recorded::policy("unheard-broken", "rules: []\n");
    for form in ["text", "json"] {
        ends_unheard(offline(&["check", "--output", form, &policy]), 0);
        ends_unheard(offline(&["check", "--output", form, &policy, &broken]), 1);
    }
    for form in ["text", "json"] {
        for (id, status) in [("i-00000000000000001", 0), ("i-000000000000000ff", 1)] {
            let explain = [&["explain", "--output", form, id], &sources[..]].concat();
            let output = unheard(offline(&explain));
            assert_eq!(output.status.code(), Some(status), "{output:?}");
        }
    }
    ends_unheard(command(&["demo"]), 0);
    ends_unheard(command(&["demo", "--output", "json"]), 0);
    ends_unheard(command(&["man"]), 0);
    ends_unheard(command(&["completions", "bash"]), 0);
    ends_unheard(command(&["--help"]), 0);
    ends_unheard(command(&["plan", "--help"]), 0);
    ends_unheard(command(&["--version"]), 0);

    let world = with_ledger("unheard-reads");
    world.write("same.yaml", SAMPLE);
    world.write("other.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    for form in ["text", "json"] {
        ends_unheard(world.command(&["diff", "--output", form, "same.yaml"]), 0);
        ends_unheard(world.command(&["diff", "--output", form, "other.yaml"]), 2);
        ends_unheard(
            world.command(&["history", "--output", form, "--ledger-table", LEDGER]),
            0,
        );
    }
    ends_unheard(world.command(&["pull"]), 0);
    ends_unheard(world.command(&["pull", "-"]), 0);
    ends_unheard(world.command(&["plan"]), 2);
}

#[test]
fn a_reader_that_goes_away_keeps_nothing_from_being_done() {
    for form in ["text", "json"] {
        let world = with_ledger(&format!("unheard-writes-{form}"));
        world.write("other.yaml", &SAMPLE.replace("Proj007", "Proj042"));
        let push = ["push", "--yes", "--output", form, "other.yaml"];
        ends_unheard(world.command(&push), 0);
        assert_eq!(world.items()[0]["Default"], "Proj042");

        let apply = [
            "apply",
            "--yes",
            "--output",
            form,
            "--vpc-ids",
            VPC,
            "--ledger-table",
            LEDGER,
        ];
        ends_unheard(world.command(&apply), 0);
        let done = |remedy: &str| {
            let acts = acts(&world);
            let done = |act: &&serde_json::Value| act["State"] == "done" && act["Remedy"] == remedy;
            acts.iter().filter(done).count()
        };
        assert!(done("tag") > 10, "{form}");

        let undo = [
            "undo",
            "--yes",
            "--output",
            form,
            "--since",
            "1h",
            "--ledger-table",
            LEDGER,
        ];
        ends_unheard(world.command(&undo), 0);
        assert!(done("untag") > 0, "{form}");
    }
}

/// Failures stay failures, too.
#[test]
fn a_reader_that_goes_away_hides_no_failure() {
    let world = with_ledger("unheard-failure");
    let denied = Fault::new("CreateTags", "UnauthorizedOperation", "You may not.");
    world.account.fail(denied.always());
    let output = unheard(world.command(&["apply", "--yes", "--vpc-ids", VPC]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("failed"), "{output:?}");
}

/// The command, without AWS, with this file as its standard input.
fn with_input(arguments: &[&str], input: &str) -> Output {
    let input = std::fs::File::open(input).unwrap();
    offline(arguments).stdin(input).output().unwrap()
}

#[test]
fn every_file_may_be_standard_input() {
    let policy = policy("dash", SAMPLE);
    let (fleet, launches) = (recording("fleet.json"), recording("launches.json"));
    let plan = |[instances, events, policy]: [&str; 3]| {
        [
            "plan",
            "--at",
            RECORDED_AT,
            "--instances",
            instances,
            "--events",
            events,
            "--policy",
            policy,
        ]
        .map(ToOwned::to_owned)
    };
    let files = [fleet.as_str(), launches.as_str(), policy.as_str()];
    let same = |output: &Output, path: &str| stdout(output).replacen("standard input", path, 1);
    let whole = plan(files);
    let expected = offline(&whole.each_ref().map(String::as_str))
        .output()
        .unwrap();
    for nth in 0..3 {
        let mut paths = files;
        paths[nth] = "-";
        let arguments = plan(paths);
        let output = with_input(&arguments.each_ref().map(String::as_str), files[nth]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(same(&output, files[nth]), stdout(&expected));
    }
    let against = [
        "plan",
        "--instances",
        &fleet,
        "--policy",
        &policy,
        "--against",
        "-",
    ];
    let output = with_input(&against, &policy);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("against standard input"),
        "{output:?}"
    );

    let output = with_input(&["check", "-"], &policy);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), "standard input: 3 rules, no problems\n");
}

#[test]
fn standard_input_has_one_reader() {
    let policy = policy("dashes", SAMPLE);
    let fleet = recording("fleet.json");
    for (arguments, both) in [
        (
            &["plan", "--instances", "-", "--policy", "-"][..],
            "both --policy and --instances",
        ),
        (
            &[
                "plan",
                "--instances",
                &fleet,
                "--policy",
                "-",
                "--against",
                "-",
            ],
            "both --policy and --against",
        ),
        (
            &[
                "report",
                "-",
                "--instances",
                "-",
                "--policy",
                &policy,
                "--events",
                "-",
            ],
            "both --instances and --events",
        ),
        (&["check", "-", &policy, "-"], "both FILE and FILE"),
    ] {
        let output = with_input(arguments, &policy);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(&output), "");
        let expected = format!("error: standard input can be read only once, and {both} are -\n");
        assert!(stderr(&output).starts_with(&expected), "{output:?}");
    }
}

#[test]
fn the_tables_commands_take_streams() {
    let world = World::new("streams");
    let output = world.run(&["pull", "-"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), SAMPLE);
    assert!(!world.path("-").exists());
    let output = world.run(&["pull", "--output", "json", "-"]);
    assert!(stdout(&output).starts_with("{\n"), "{output:?}");

    world.write("new.yaml", &SAMPLE.replace("Proj007", "Proj042"));
    let with_input = |arguments: &[&str]| {
        let input = std::fs::File::open(world.path("new.yaml")).unwrap();
        world.command(arguments).stdin(input).output().unwrap()
    };
    let output = with_input(&["diff", "-"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stdout(&output).contains("against standard input:"),
        "{output:?}"
    );
    // It cannot answer a question as well.
    let output = with_input(&["push", "-"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.starts_with(
            "error: cannot ask for consent: standard input is the policy\n\nNothing was written."
        ),
        "{message}"
    );
    assert_eq!(world.writes(), 0);
    let output = with_input(&["push", "--yes", "-"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(world.items()[0]["Default"], "Proj042");
}

#[cfg(target_os = "linux")]
mod files {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Pulls over a file, with its permissions and behind its link.
    #[test]
    fn keeps_permissions_and_links() {
        let world = World::new("save-link");
        world.write("policy.yaml", "# mine\n");
        let target = world.path("policy.yaml");
        std::fs::set_permissions(&target, PermissionsExt::from_mode(0o640)).unwrap();
        symlink("policy.yaml", world.path("link.yaml")).unwrap();
        let output = world.run(&["pull", "--force", "link.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(world.read("policy.yaml"), SAMPLE);
        assert!(world.path("link.yaml").is_symlink());
        let mode = target.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // A link that leads nowhere gets a file.
        symlink("later.yaml", world.path("dangling.yaml")).unwrap();
        let output = world.run(&["pull", "--force", "dangling.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(world.read("later.yaml"), SAMPLE);
        // A new file is for everybody whom the mask lets in.
        let output = world.run(&["pull", "new.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        world.write("other.yaml", "");
        let mode = |name: &str| world.path(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode("new.yaml"), mode("other.yaml"));
        let left = std::fs::read_dir(world.path("")).unwrap();
        let left = left.filter(|it| {
            it.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".tagwarden")
        });
        assert_eq!(left.count(), 0);
    }

    /// Runs the command where no file may have more than so many blocks of 512 bytes, which fails a write as a full disk
    /// does.
    fn with_little_room(world: &World, arguments: &[&str], blocks: u32) -> Output {
        let command = world.command(arguments);
        let line: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {blocks}; {}", line.join(" ")),
        ]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .current_dir(command.get_current_dir().unwrap())
            .output()
            .unwrap()
    }

    #[test]
    fn a_full_disk_leaves_the_old_file() {
        let world = World::new("save-full");
        for nth in 10..60 {
            world.account.put_item(
                TABLE,
                serde_json::json!({"RuleId": nth, "TagKey": format!("Key{nth}"), "Action": "Notify", "Required": "N"}),
            );
        }
        world.write("policy.yaml", "# mine\n");
        let output = with_little_room(&world, &["pull", "--force", "policy.yaml"], 2);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            stderr(&output).contains("\"policy.yaml\" cannot be written: "),
            "{output:?}"
        );
        assert_eq!(world.read("policy.yaml"), "# mine\n");
        // Nor does a new file appear by half.
        let output = with_little_room(&world, &["pull", "new.yaml"], 2);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!world.path("new.yaml").exists());

        world.write("page.html", "mine");
        let (fleet, policy) = (recording("fleet.json"), policy("save-full", SAMPLE));
        let arguments = [
            "report",
            "--force",
            "page.html",
            "--instances",
            &fleet,
            "--policy",
            &policy,
        ];
        let output = with_little_room(&world, &arguments, 2);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(world.read("page.html"), "mine");
        assert_eq!(std::fs::read_dir(world.path("")).unwrap().count(), 2);
    }
}

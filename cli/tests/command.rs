//! The command line itself: help, manual, completions, colours, exit statuses. `demo` stands for every subcommand.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

#[path = "command/completions.rs"]
mod completions;
#[path = "command/man.rs"]
mod man;
// Here, because a test program of its own would cost every build a link.
#[path = "doctor/mod.rs"]
mod doctor;
#[path = "command/statuses.rs"]
mod statuses;

#[path = "support/countdowns.rs"]
mod countdowns;
mod support;
#[allow(dead_code, reason = "the policy's own tests use the rest of it")]
#[path = "policy/world.rs"]
mod world;

use std::process::Stdio;

use support::{command, stderr, stdout, tagwarden};

#[test]
fn colours_are_as_asked_for() {
    let has_colours = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let written = [stdout(&output), stderr(&output)].concat();
        assert!(!written.is_empty());
        // Not an attribute such as bold, but red.
        ["\u{1b}[31m", "\u{1b}[38;5;1m"]
            .iter()
            .any(|red| written.contains(red))
    };
    let (no_color, force) = (("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"));
    assert!(has_colours(&["demo", "--color", "always"], &[]));
    assert!(has_colours(&["--color=always", "demo"], &[no_color]));
    assert!(has_colours(&["demo"], &[force]));
    assert!(!has_colours(&["demo"], &[]));
    assert!(!has_colours(&["demo"], &[no_color, force]));
    assert!(!has_colours(&["demo", "--color", "never"], &[force]));
    // The messages about the command line itself keep to it too.
    assert!(has_colours(&["nonsense", "--color", "always"], &[]));
    assert!(!has_colours(&["nonsense", "--color", "never"], &[force]));
}

#[test]
fn rejects_a_wrong_command_line() {
    for (arguments, culprit) in [
        (&["nonsense"][..], "'nonsense'"),
        (&["demo", "--output", "xml"], "'xml'"),
        (&["demo", "--color", "sometimes"], "'sometimes'"),
        (&["demo", "extra"], "'extra'"),
        (&["check"], "<FILE>..."),
        (&["push", "policy.yaml", "--profile"], "'--profile <NAME>'"),
    ] {
        let output = tagwarden(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(message.starts_with("error: "), "{message}");
        assert!(message.contains(culprit), "{message}");
    }
}

#[test]
fn nothing_typed_is_answered_with_the_help() {
    let output = tagwarden(&[]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(stderr(&output), stdout(&tagwarden(&["-h"])));
}

#[test]
fn help() {
    let output = tagwarden(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output));
}

/// The subcommands, as the help lists them, but for `help` itself.
fn subcommands() -> Vec<String> {
    let help = tagwarden(&["--help"]);
    let list = stdout(&help).split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(ToOwned::to_owned).collect();
    assert!(names.len() > 8, "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

#[test]
fn help_of_the_subcommands() {
    for subcommand in subcommands() {
        let output = tagwarden(&[&subcommand, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let help = stdout(&output);
        insta::assert_snapshot!(format!("help_of_{subcommand}"), help);
        for section in ["\nExamples:\n  ", "\nExit status:\n  0    "] {
            assert!(help.contains(section), "{subcommand}: {help}");
        }
    }
}

#[test]
fn help_fits_a_small_terminal() {
    let mut commands = subcommands();
    commands.push("--color=auto".to_owned());
    for command in commands {
        for help in ["--help", "-h"] {
            let output = tagwarden(&[&command, help]);
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            for line in stdout(&output).lines() {
                assert!(line.chars().count() <= 80, "{command} {help}: {line}");
            }
        }
    }
}

#[test]
fn version() {
    let output = tagwarden(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        concat!("tagwarden ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn ignores_a_broken_pipe() {
    for format in ["table", "json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(&["demo", "--output", format]);
        let child = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(stderr(&output), "", "{format}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn reports_a_full_disk_and_what_to_do() {
    for format in ["table", "json"] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = command(&["demo", "--output", format]);
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert_eq!(
            stderr(&output),
            "error: the output could not be written: No space left on device (os error 28)\n\n\
             Check where the output goes, then run the command again.\n",
            "{format}"
        );
    }
}

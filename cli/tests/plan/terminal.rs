//! `tagwarden apply` on a terminal: it asks, and shows how far it is. The terminal is that of `script` (util-linux).

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::apply::{LEDGER, with_ledger};
use crate::fleet::VPC;
use crate::support::{HERE, stdout};
use crate::world::World;

/// Runs the command on a terminal on which `typed` is typed.
fn on_a_terminal(world: &World, arguments: &[&str], typed: &str) -> Output {
    on_a_terminal_but(world, arguments, "", typed)
}

/// The same, with some of its output redirected as a shell has it.
fn on_a_terminal_but(world: &World, arguments: &[&str], redirection: &str, typed: &str) -> Output {
    typed_into(&world.command(arguments), redirection, typed)
}

/// Runs `command` on a terminal on which `typed` is typed.
pub fn typed_into(command: &Command, redirection: &str, typed: &str) -> Output {
    let line: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut terminal = Command::new("script");
    let line = format!("{} {redirection}", line.join(" "));
    terminal.args(["-qec", &line, "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let mut running = terminal
        .env("TERM", "xterm")
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    drop(input);
    output
}

#[test]
fn yes_is_done_and_progress_is_shown() {
    let world = with_ledger("terminal-yes");
    // Slow enough for the line to be seen.
    world.account.latency(Duration::from_millis(150));
    let arguments = ["apply", "--vpc-ids", VPC, "--ledger-table", LEDGER];
    let output = on_a_terminal(&world, &arguments, "y\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains(
            &format!("Tag 13 instances, terminate 1 instance, begin to count down 1 shutdown in {HERE}? [y/N] ")
        ),
        "{text}"
    );
    for phase in [
        "Reading instances",
        "Tagging instances",
        "Stopping and terminating instances",
    ] {
        assert!(text.contains(phase), "{phase}: {text}");
    }
    assert!(text.contains("13 tagged, 1 terminated"), "{text}");
}

#[test]
fn takes_any_other_answer_for_no() {
    let world = with_ledger("terminal-no");
    let arguments = ["apply", "--ledger-table", LEDGER];
    let output = on_a_terminal(&world, &arguments, "\n");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stdout(&output).contains("the answer was not yes"),
        "{output:?}"
    );
    assert_eq!(world.account.count("CreateTags"), 0);
}

/// A plan that nobody can have read is not agreed to, whatever is typed.
#[test]
fn asks_nothing_about_a_plan_that_nobody_reads() {
    let world = with_ledger("terminal-unheard");
    world.write(
        "policy.yaml",
        &crate::world::SAMPLE.replace("Proj007", "Proj042"),
    );
    for arguments in [
        &["apply", "--ledger-table", LEDGER][..],
        &["push", "policy.yaml"],
    ] {
        let output = on_a_terminal_but(&world, arguments, "| (exec <&-; sleep 3)", "y\n");
        let text = stdout(&output);
        assert!(text.contains("nobody reads what would be done"), "{text}");
        assert!(!text.contains("[y/N]"), "{text}");
    }
    assert_eq!(world.account.count("CreateTags"), 0);
    assert_eq!(world.writes(), 0);
}

#[test]
fn keeps_the_question_out_of_the_json() {
    let world = with_ledger("terminal-json");
    let arguments = ["apply", "--ledger-table", LEDGER, "--output", "json"];
    let output = on_a_terminal_but(&world, &arguments, "> done.json", "y\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("Will terminate"), "{text}");
    assert!(text.contains("? [y/N] "), "{text}");
    let document: serde_json::Value = serde_json::from_str(&world.read("done.json")).unwrap();
    assert!(document["runId"].is_string(), "{document}");
}

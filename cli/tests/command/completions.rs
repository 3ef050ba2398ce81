//! `tagwarden completions`.

use std::process::Command;

use rstest::rstest;

use crate::subcommands;
use crate::support::{stderr, stdout, tagwarden};

/// What bash offers for the last of `words`, with the command's completions and nothing else.
fn offered(words: &[&str]) -> Vec<String> {
    let script = tagwarden(&["completions", "bash"]);
    // As bash calls it: the words, which one is asked about, and that one and the one before it as arguments.
    let ask = r#"
        eval "$SCRIPT"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _tagwarden tagwarden "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", ask, "bash"])
        .args(words)
        .env("SCRIPT", stdout(&script))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let offered = stdout(&output).lines();
    offered
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

#[rstest]
#[case::a_subcommand(&["tagwarden", "pl"], &["plan"])]
#[case::an_option(&["tagwarden", "apply", "--topic"], &["--topic-arn"])]
#[case::an_option_of_all(&["tagwarden", "check", "--col"], &["--color"])]
#[case::a_value(&["tagwarden", "plan", "--output", "m"], &["markdown"])]
#[case::a_value_that_the_functions_read(&["tagwarden", "apply", "--untagged", ""], &["terminate", "stop", "notify"])]
#[case::a_shell(&["tagwarden", "completions", "z"], &["zsh"])]
#[case::a_file(&["tagwarden", "plan", "--policy", "Cargo.t"], &["Cargo.toml"])]
#[case::no_file_where_none_is_meant(&["tagwarden", "plan", "--profile", "Cargo.t"], &["Cargo.t"])]
fn bash_completes(#[case] words: &[&str], #[case] expected: &[&str]) {
    assert_eq!(offered(words), expected);
}

#[test]
fn bash_is_offered_every_subcommand() {
    let offered = offered(&["tagwarden", ""]);
    for subcommand in subcommands() {
        assert!(offered.contains(&subcommand), "{subcommand}: {offered:?}");
    }
}

#[rstest]
#[case("bash")]
#[case("elvish")]
#[case("fish")]
#[case("powershell")]
#[case("zsh")]
fn every_shell_knows_every_subcommand_and_option(#[case] shell: &str) {
    let output = tagwarden(&["completions", shell]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output), "");
    let script = stdout(&output);
    for word in subcommands() {
        // Elvish and PowerShell name them after what stands before, as `tagwarden;plan`.
        let places = ["'", ";", "\"", " "].map(|before| format!("{before}{word}"));
        assert!(
            places.iter().any(|place| script.contains(place)),
            "{word}: {script}"
        );
    }
    for option in ["max-destructive-per-hour", "dry-run", "prune"] {
        assert!(script.contains(option), "{option}: {script}");
    }
}

#[test]
fn help_and_guide_say_for_every_shell_where_to_put_it() {
    const GUIDE: &str = include_str!("../../../docs/command.md");

    let help = tagwarden(&["completions", "--help"]);
    for place in [
        "~/.local/share/bash-completion/completions/tagwarden",
        "~/.zfunc/_tagwarden",
        "~/.config/fish/completions/tagwarden.fish",
        "~/.config/elvish/rc.elv",
        "$PROFILE",
    ] {
        assert!(stdout(&help).contains(place), "{place}: {help:?}");
        assert!(GUIDE.contains(place), "{place}");
    }
}

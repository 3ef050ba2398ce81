//! The runbook: every alarm has its part, and every command that it names exists, with its options.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::moto::REQUIREMENTS;
use crate::template::{STACK, Template};
use crate::venv;

const NAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/cli_names.py");

/// A file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn every_alarm_has_its_part_in_the_runbook() {
    let template = Template::read(STACK);
    let alarms = template.resources.iter();
    let alarms = alarms.filter(|it| it.kind == "AWS::CloudWatch::Alarm");
    let alarms: BTreeSet<&str> = alarms.map(|it| it.id.as_str()).collect();
    let page = read("docs/runbook.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let headings: BTreeSet<&str> = headings.filter(|it| it.ends_with("Alarm")).collect();
    assert_eq!(headings, alarms);
    // What the commands ask for by its name in the template.
    let resources: BTreeSet<&str> = template.resources.iter().map(|it| it.id.as_str()).collect();
    let asked = page.split("resource ").skip(1);
    let asked: BTreeSet<&str> = asked
        .map(|rest| rest.split(|it: char| !it.is_alphanumeric()).next().unwrap())
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert!(asked.len() > 4, "{asked:?}");
    assert!(asked.is_subset(&resources), "{asked:?}");
}

#[test]
fn the_commands_of_the_pages_exist() {
    let mut commands = Vec::new();
    for page in [
        "docs/runbook.md",
        "docs/deploy.md",
        "docs/deployer.md",
        "docs/organization.md",
        "docs/unproven.md",
    ] {
        commands.extend(shell_commands(&read(page)));
    }
    let example = read("examples/github-policy.yml").replace("run: |", "");
    let in_example = shell_commands(&format!("```sh\n{example}"));
    assert_eq!(in_example.len(), 3, "{in_example:?}");
    commands.extend(in_example);
    assert!(commands.len() > 30, "{commands:?}");
    let (of_aws, others): (Vec<&String>, Vec<&String>) =
        commands.iter().partition(|it| it.starts_with("aws "));
    assert_eq!(unknown_to_the_cli(&of_aws), "");
    for command in others {
        let words: Vec<&str> = command.split_whitespace().collect();
        let help = match words[0] {
            "tagwarden" => read(&format!(
                "cli/tests/snapshots/command__help_of_{}.snap",
                words[1]
            )),
            script if script.starts_with("scripts/") => read(script),
            _ => continue,
        };
        let own = words.iter().take_while(|it| **it != "--");
        for option in own.filter(|it| it.starts_with("--")) {
            assert!(
                help.contains(option),
                "{command}: {option} is not in the help"
            );
        }
    }
}

/// A page's blocks of shell, without line breaks in commands.
pub fn shell_blocks(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().replace("\\\n", " "));
    blocks.collect()
}

/// The commands of a page's blocks of shell: each simple command, also in `$(…)`.
fn shell_commands(page: &str) -> Vec<String> {
    let text = shell_blocks(page).concat();
    let starts = ["aws ", "tagwarden ", "scripts/"];
    let mut commands = Vec::new();
    for line in text.lines() {
        for start in starts {
            for (place, _) in line.match_indices(start) {
                let before = line[..place].trim_end();
                let begins = before.is_empty() || before.ends_with(['(', '{', ';', '|', '&', ':']);
                if begins {
                    commands.push(simple(&line[place..]));
                }
            }
        }
    }
    commands
}

/// The command up to its end, without commands in its arguments.
fn simple(line: &str) -> String {
    let (mut text, mut depth, mut quote) = (String::new(), 0, None);
    let mut characters = line.chars().peekable();
    while let Some(it) = characters.next() {
        match it {
            '$' if quote != Some('\'') && characters.peek() == Some(&'(') => {
                depth += 1;
                characters.next();
                text.push('X');
            }
            ')' if depth > 0 && quote != Some('\'') => depth -= 1,
            _ if depth > 0 => {}
            ')' | '}' | ';' | '|' | '&' | '#' | '>' if quote.is_none() => break,
            '\'' | '"' if quote.is_none() => {
                quote = Some(it);
                text.push(it);
            }
            _ if quote == Some(it) => {
                quote = None;
                text.push(it);
            }
            _ => text.push(it),
        }
    }
    text
}

/// What the AWS CLI does not know of these commands.
pub fn unknown_to_the_cli(commands: &[&String]) -> String {
    let mut python = Command::new(venv::installed("moto", REQUIREMENTS).join("python"));
    let mut child = python
        .arg(NAMES)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for command in commands {
        writeln!(input, "{command}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{commands:#?}");
    String::from_utf8(output.stdout).unwrap()
}

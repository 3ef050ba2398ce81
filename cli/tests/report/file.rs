//! Where the page goes, and what stands in the way.

use std::process::Output;

use crate::fleet::{AT, SOURCES, directory, page};
use crate::support::{command, stderr, stdout};

fn run(directory: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = command(&[&["report"], arguments].concat());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.starts_with("TAGWARDEN_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).output().unwrap()
}

#[test]
fn replaces_no_page_without_force() {
    let directory = directory("file", 3);
    let with = |more: &[&str]| run(&directory, &[&["page.html"], &SOURCES[..], more].concat());
    let output = with(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), "");
    assert_eq!(stderr(&output), "3 instances written to page.html\n");
    let written = std::fs::read_to_string(directory.join("page.html")).unwrap();
    assert!(written.starts_with("<!DOCTYPE html>\n<html lang=\"en\">\n"));
    assert!(written.ends_with("</html>\n"), "{written}");

    std::fs::write(directory.join("page.html"), "mine").unwrap();
    let output = with(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: \"page.html\" already exists\n\nName another file, or replace this one with --force.\n"
    );
    let kept = std::fs::read_to_string(directory.join("page.html")).unwrap();
    assert_eq!(kept, "mine");

    let output = with(&["--force"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let replaced = std::fs::read_to_string(directory.join("page.html")).unwrap();
    assert_eq!(replaced, written);
}

#[test]
fn standard_output_gets_the_same_page_and_nothing_else() {
    let written = std::fs::read_to_string(page("output", 12)).unwrap();
    let directory = directory("output", 12);
    let output = run(&directory, &[&["-"], &SOURCES[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), written);
    assert_eq!(stderr(&output), "");
}

#[test]
fn names_a_file_that_cannot_be_written() {
    let directory = directory("unwritable", 1);
    let output = run(&directory, &[&["no/such/page.html"], &SOURCES[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.starts_with("error: \"no/such/page.html\" cannot be written: "),
        "{message}"
    );
}

#[test]
fn the_command_line_says_what_it_needs() {
    let directory = directory("usage", 1);
    for (arguments, culprit) in [
        (&[][..], "<FILE>"),
        (&["page.html", "--at", AT], "--instances"),
        (&["page.html", "--since", "yesterday"], "'yesterday'"),
        (&["page.html", "--against", "table"], "'--against'"),
    ] {
        let output = run(&directory, arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(stderr(&output).contains(culprit), "{output:?}");
    }
}

/// The terminal is that of `script` (util-linux).
#[cfg(target_os = "linux")]
#[test]
fn writes_no_page_to_a_terminal() {
    let line = format!(
        "'{}' report - --instances fleet.json --policy policy.yaml",
        env!("CARGO_BIN_EXE_tagwarden")
    );
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(directory("terminal", 1))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = stdout(&output);
    assert!(told.contains("standard output is a terminal"), "{told}");
    assert!(!told.contains("<html"), "{told}");
}

#[test]
fn makes_no_page_of_an_invalid_policy() {
    let directory = directory("problems", 1);
    std::fs::write(directory.join("policy.yaml"), "rules: []\n").unwrap();
    let output = run(&directory, &[&["page.html"], &SOURCES[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!directory.join("page.html").exists());
}

/// Ten thousand instances are all there, in a page that can be sent by mail.
#[test]
fn ten_thousand_instances_are_one_page() {
    let written = std::fs::read_to_string(page("large-file", 10_000)).unwrap();
    let rows = written.matches("<tr").count();
    assert!(rows > 10_000, "{rows}");
    for number in [0, 4_999, 9_999] {
        assert_eq!(written.matches(&format!("i-{number:017x}")).count(), 1);
    }
    assert!(written.len() < 5_000_000, "{} bytes", written.len());
}

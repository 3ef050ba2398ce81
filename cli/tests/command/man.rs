//! `tagwarden man`: a page for each command, which says what its help says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use regex_lite::Regex;

use crate::subcommands;
use crate::support::{command, stderr, stdout, tagwarden};

/// The pages as they are written into a directory of the test's own, by the names of their files.
fn pages(test: &str) -> BTreeMap<String, String> {
    // It is made, with what is above it.
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("man-{test}/man1"));
    let _ = std::fs::remove_dir_all(&directory);
    let output = tagwarden(&["man", directory.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), "");
    let pages: BTreeMap<String, String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    assert_eq!(
        stderr(&output),
        format!("{} pages written to {}\n", pages.len(), directory.display())
    );
    pages
}

/// The text of a page without what is for the typesetter.
fn plain(page: &str) -> String {
    let fonts = Regex::new(r"\\f[BIR]").unwrap();
    let text = fonts.replace_all(page, "").into_owned();
    text.replace(r"\-", "-")
        .replace(r"\(ti", "~")
        .replace(r"\*(Aq", "'")
        .replace(r"\(aq", "'")
        .replace(r"\&", "")
        .replace(r"\\", r"\")
}

/// The lines of a section.
fn section(page: &str, title: &str) -> String {
    let begin = format!(".SH {title}\n");
    let quoted = format!(".SH \"{title}\"\n");
    let (_, rest) = page
        .split_once(&begin)
        .or_else(|| page.split_once(&quoted))
        .unwrap_or_else(|| panic!("no section {title}: {page}"));
    rest.split("\n.SH ").next().unwrap().to_owned()
}

#[test]
fn every_command_has_a_page_that_names_its_options() {
    let pages = pages("options");
    let long = Regex::new(r"--[a-z][a-z-]+").unwrap();
    let mut commands = subcommands();
    commands.push(String::new());
    assert_eq!(pages.len(), commands.len());
    for name in commands {
        let (file, arguments) = match name.as_str() {
            "" => ("tagwarden.1".to_owned(), vec!["--help"]),
            name => (format!("tagwarden-{name}.1"), vec![name, "--help"]),
        };
        let page = plain(&pages[&file]);
        let help = tagwarden(&arguments);
        let options: Vec<&str> = stdout(&help)
            .lines()
            .filter(|line| line.trim_start().starts_with('-'))
            .filter_map(|line| long.find(line).map(|found| found.as_str()))
            .collect();
        assert!(options.contains(&"--help"), "{file}: {options:?}");
        for option in options {
            assert!(page.contains(option), "{file} does not name {option}");
        }
    }
}

#[test]
fn every_page_has_the_sections_that_people_look_for() {
    for (file, page) in pages("sections") {
        for title in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "EXIT STATUS",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            assert!(!section(&page, title).trim().is_empty(), "{file}: {title}");
        }
        assert!(section(&page, "ENVIRONMENT").contains("NO_COLOR"), "{file}");
    }
}

#[test]
fn examples_keep_their_lines() {
    let pages = pages("examples");
    for (file, page) in &pages {
        let examples = section(page, "EXAMPLES");
        let examples = examples.strip_prefix(".nf\n").unwrap();
        let examples = plain(examples.strip_suffix("\n.fi").unwrap());
        for line in examples.lines() {
            // 80 columns, less the 7 that `man` indents by.
            assert!(line.chars().count() <= 73, "{file}: {line}");
        }
    }
    let plan = plain(&section(&pages["tagwarden-plan.1"], "EXAMPLES"));
    assert!(
        plan.contains(
            "\naws cloudtrail lookup-events --output json --lookup-attributes \\\n  AttributeKey=EventName,"
        ),
        "{plan}"
    );
}

#[test]
fn variables_are_those_that_the_help_names() {
    let pages = pages("environment");
    let variable = Regex::new("TAGWARDEN_[A-Z_]+").unwrap();
    for subcommand in subcommands() {
        let environment = section(&pages[&format!("tagwarden-{subcommand}.1")], "ENVIRONMENT");
        let help = tagwarden(&[&subcommand, "--help"]);
        for name in variable.find_iter(stdout(&help)) {
            let name = name.as_str();
            assert!(environment.contains(name), "{subcommand}: {name}");
        }
        let calls_aws = stdout(&help).contains("--endpoint-url");
        for name in ["AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"] {
            assert_eq!(
                environment.contains(name),
                calls_aws,
                "{subcommand}: {name}"
            );
        }
    }
    assert!(!section(&pages["tagwarden-pull.1"], "ENVIRONMENT").contains("LEDGER"));
}

#[test]
fn without_a_directory_all_pages_go_to_standard_output() {
    let output = tagwarden(&["man"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let pages = pages("stdout");
    assert_eq!(
        stdout(&output).len(),
        pages.values().map(String::len).sum::<usize>()
    );
    for page in pages.values() {
        assert!(stdout(&output).contains(page.as_str()));
    }
}

#[test]
fn names_a_directory_that_cannot_be_created() {
    let mut command = command(&["man", "Cargo.toml"]);
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.starts_with("error: \"Cargo.toml\" cannot be written: "),
        "{message}"
    );
}

//! `scripts/live-check` and docs/unproven.md: both have the same claims, the calls exist, and on moto, as far as that goes, a check
//! sees what is there.

use std::process::{Command, Output};

use crate::moto::REQUIREMENTS;
use crate::pages::{read, unknown_to_the_cli};
use crate::stack::deployment;
use crate::venv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/live-check");
const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/live_calls.py");

fn python() -> Command {
    Command::new(venv::installed("moto", REQUIREMENTS).join("python"))
}

fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_has_the_scripts_claims() {
    let output = python().args([SCRIPT, "--list"]).output().unwrap();
    let (list, errors) = printed(&output);
    assert!(output.status.success(), "{errors}");
    let claims: Vec<(&str, &str)> = list
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .collect();
    let page = read("docs/unproven.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split(" | ").collect())
        .collect();
    assert_eq!(rows.len(), claims.len());
    for (row, (name, says)) in rows.iter().zip(claims) {
        assert_eq!(row[0], format!("| `{name}`"));
        assert_eq!(row[1].replace('`', ""), says);
        assert!(row[2].len() > 30, "{name}: what follows is not said");
        let by_script = format!("`scripts/live-check --only {name}` |");
        assert!(
            row[3] == by_script || row[3].starts_with("by hand: "),
            "{name}"
        );
    }
}

#[test]
fn its_calls_exist() {
    let output = python().args([CALLS, SCRIPT]).output().unwrap();
    let (calls, errors) = printed(&output);
    assert!(output.status.success(), "{errors}");
    let calls: Vec<String> = calls.lines().map(ToOwned::to_owned).collect();
    assert!(calls.len() > 40, "{calls:?}");
    assert_eq!(unknown_to_the_cli(&calls.iter().collect::<Vec<_>>()), "");
}

/// Runs the script in a Region of moto, with these arguments.
fn check(arguments: &[&str]) -> Output {
    let deployment = deployment("sa-east-1");
    let fixtures = deployment.directory.join("fixtures");
    let mut script = deployment.command(&python().get_program().to_string_lossy());
    script
        .args([
            SCRIPT,
            "--region",
            "sa-east-1",
            "--bucket",
            "zips",
            "--fixtures",
        ])
        .arg(fixtures)
        .args(arguments)
        .env("LIVE_CHECK_LOOKS", "2")
        .env("LIVE_CHECK_PAUSE", "0")
        .stdin(std::process::Stdio::null());
    script.output().unwrap()
}

#[test]
fn it_runs_in_the_account_that_is_named_only() {
    for (arguments, says) in [
        (
            &["--account", "111122223333", "--yes"][..],
            "nothing was done",
        ),
        (&["--yes"], "--account is missing"),
        // Nobody agrees.
        (&["--account", "123456789012"], "Nothing was done."),
        (
            &["--account", "123456789012", "--only", "nothing"],
            "invalid choice",
        ),
    ] {
        let output = check(arguments);
        let (shown, errors) = printed(&output);
        assert_eq!(output.status.code(), Some(2), "{shown}{errors}");
        assert!(errors.contains(says), "{errors}");
        assert!(
            !shown.contains("pass") && !shown.contains("FAIL"),
            "{shown}"
        );
    }
}

/// moto takes alarms for topics of other Regions, which AWS does not: the check sees that.
#[test]
fn a_check_says_what_it_saw() {
    let only = ["alarm-region", "organization-pack"];
    let mut arguments = vec!["--account", "123456789012", "--yes"];
    arguments.extend(only.iter().flat_map(|it| ["--only", it]));
    let output = check(&arguments);
    let (shown, errors) = printed(&output);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[0].starts_with("FAIL  alarm-region: "),
        "{shown}{errors}"
    );
    assert!(lines[0].contains("Seen: it took arn:aws:sns:us-east-1:123456789012:"));
    assert!(
        lines[1].starts_with("skip  organization-pack: by hand"),
        "{shown}"
    );
    assert!(shown.contains("1 of 2 failed"), "{shown}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(errors, "", "everything was removed");
    let mut alarms = deployment("sa-east-1").aws();
    let alarms = alarms
        .args(["cloudwatch", "describe-alarms"])
        .output()
        .unwrap();
    assert!(!printed(&alarms).0.contains("live-check"));
}

/// An AWS CLI that answers most calls with nothing, refuses some, and writes each down.
const STUB: &str = r#"#!/bin/sh
echo "$*" >>"$CALLS"
case $4 in
    get-caller-identity) echo '{"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/someone"}' ;;
    create-topic) echo '{"TopicArn": "arn:aws:sns:sa-east-1:123456789012:topic"}' ;;
    create-queue | delete-topic | describe-table) echo "$4 is refused" >&2 && exit 254 ;;
    describe-stacks) echo 'the stack does not exist' >&2 && exit 254 ;;
    *) echo '{}' ;;
esac
"#;

/// What fails in a way that nobody foresaw ends neither the run nor the removal, and hides nothing.
#[test]
fn a_check_that_breaks_does_not_end_the_run() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-stub");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let stub = folder.join("aws");
    std::fs::write(&stub, STUB).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let arguments = ["stack-set-names", "confirmed-subscription", "log-level"];
    let mut script = python();
    script
        .args([SCRIPT, "--account", "123456789012", "--region", "sa-east-1"])
        .args(["--bucket", "zips", "--yes", "--zips", "/nowhere"])
        .args(arguments.iter().flat_map(|it| ["--only", it]))
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("CALLS", folder.join("calls"))
        .env("LIVE_CHECK_LOOKS", "1")
        .env("LIVE_CHECK_PAUSE", "0");
    let output = script.output().unwrap();
    let (shown, errors) = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}{errors}");
    let lines: Vec<&str> = shown.lines().collect();
    for (line, (name, parts)) in lines.iter().zip([
        ("stack-set-names", &["Seen: KeyError: 'OperationId'"][..]),
        (
            "confirmed-subscription",
            &[
                "Seen: create-queue is refused",
                "not everything was removed: delete-topic is refused",
            ],
        ),
        ("log-level", &["/nowhere is not a folder"]),
    ]) {
        assert!(line.starts_with(&format!("FAIL  {name}: ")), "{shown}");
        for part in parts {
            assert!(line.contains(part), "{line}");
        }
    }
    assert!(shown.contains("3 of 3 failed"), "{shown}");
    let calls = std::fs::read_to_string(folder.join("calls")).unwrap();
    for stack in ["tagwarden-live-check", "tagwarden-live-check-fails"] {
        let removed = format!("s3 rm --recursive s3://zips/{stack}/");
        assert!(calls.contains(&removed), "{calls}");
    }
    assert_eq!(errors, "", "everything else was removed");
}

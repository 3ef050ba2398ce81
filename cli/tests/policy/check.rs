//! `tagwarden check`: each broken file, each of its problems at its place.

use std::path::PathBuf;
use std::process::Output;

use rstest::rstest;
use serde_json::Value;

use crate::support::{command, stderr, stdout};

/// Checks files of `broken/`, by their names.
pub fn check(arguments: &[&str]) -> Output {
    let broken = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policy/broken");
    let mut command = command(&["check"]);
    command
        .args(arguments)
        .current_dir(broken)
        .output()
        .unwrap()
}

/// `LINE:COLUMN severity` of each problem of a file, from the JSON document.
fn places(file: &str) -> Vec<String> {
    let output = check(&["--output", "json", file]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = document["problems"].as_array().unwrap().iter();
    problems
        .map(|problem| {
            assert_eq!(problem["file"], file);
            let severity = problem["severity"].as_str().unwrap();
            format!("{}:{} {severity}", problem["line"], problem["column"])
        })
        .collect()
}

#[rstest]
#[case("action.yaml", &["5:13 error", "10:13 error", "14:13 error", "16:5 error"])]
#[case("required.yaml", &["2:54 error", "3:54 error", "4:54 error", "5:54 error", "6:44 error"])]
#[case("names.yaml", &["2:5 error", "3:5 error", "4:5 error", "5:5 error", "6:5 warning", "10:5 error", "11:5 warning"])]
#[case("twice.yaml", &["7:13 error", "10:13 error", "14:5 error"])]
#[case("default.yaml", &["2:5 error", "10:14 error", "15:14 error", "20:14 error", "21:5 error"])]
#[case("limits.yaml", &["3:13 error", "7:13 error", "14:14 error", "15:13 error", "19:13 error"])]
#[case("tab.yaml", &["2:13 error"])]
#[case("yaml.yaml", &["2:5 error", "7:5 error", "12:5 warning", "12:14 error", "13:5 error"])]
#[case("shape.yaml", &["1:1 error", "2:1 error"])]
#[case("empty.yaml", &["1:1 error"])]
#[case("template.yaml", &["5:3 warning", "10:5 error"])]
#[case("template.json", &["5:5 error"])]
#[case("report.yaml", &["2:77 error", "4:33 error", "7:3 error"])]
#[case("keys.yaml", &["2:25 error", "4:25 error", "5:25 error", "7:25 warning", "8:25 error", "9:69 warning"])]
#[case("escapes.json", &["3:62 error", "4:69 error"])]
fn shows_each_problem_at_its_place(#[case] file: &str, #[case] expected: &[&str]) {
    assert_eq!(places(file), expected);
    let output = check(&[file]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(file, stdout(&output));
}

#[test]
fn warnings_alone_do_not_fail() {
    let expected = [
        "7:5 warning",
        "9:13 warning",
        "12:14 warning",
        "13:5 warning",
        "22:15 warning",
        "23:55 warning",
        "24:70 warning",
    ];
    assert_eq!(places("warnings.yaml"), expected);
    let output = check(&["warnings.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("warnings.yaml", stdout(&output));
}

#[test]
fn fails_for_one_broken_file_among_many() {
    let output = check(&["warnings.yaml", "empty.yaml", "shape.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let summaries: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("yaml: "))
        .collect();
    assert_eq!(
        summaries,
        [
            "warnings.yaml: 6 rules, 7 warnings",
            "empty.yaml: 1 error",
            "shape.yaml: 2 errors",
        ]
    );
}

/// Rules of 60 keys, of which this many must be there.
fn many_keys(required: usize) -> String {
    let rules = (1..=60).map(|id| {
        let required = if id <= required { "Y" } else { "N" };
        format!("  - {{RuleId: {id}, TagKey: Key{id}, Action: Update, Required: {required}, Default: a}}\n")
    });
    format!("rules:\n{}", rules.collect::<String>())
}

#[test]
fn warns_about_more_tags_than_an_instance_can_have() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check-many");
    std::fs::create_dir_all(&directory).unwrap();
    for (required, expected) in [(50, "60 rules, no problems"), (51, "60 rules, 1 warning")] {
        std::fs::write(directory.join("many.yaml"), many_keys(required)).unwrap();
        let mut command = command(&["check", "many.yaml"]);
        let output = command.current_dir(&directory).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = stdout(&output);
        assert!(
            text.ends_with(&format!("many.yaml: {expected}\n")),
            "{text}"
        );
        let warning = "an instance may need 51 tags, and EC2 stores at most 50 on each";
        assert_eq!(text.contains(warning), required > 50, "{text}");
        assert_eq!(text.contains("many.yaml:52:26"), required > 50, "{text}");
    }
}

/// Whatever one of the files is, the others are checked too.
#[test]
fn reports_on_every_file() {
    let files = [
        "warnings.yaml",
        "absent.yaml",
        "../broken",
        "shape.yaml",
        "empty.yaml",
    ];
    let output = check(&files);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    let summaries: Vec<&str> = text
        .lines()
        .filter(|line| {
            files
                .iter()
                .any(|file| line.starts_with(&format!("{file}: ")))
        })
        .collect();
    assert_eq!(
        summaries,
        [
            "warnings.yaml: 6 rules, 7 warnings",
            "absent.yaml: 1 error",
            "../broken: 1 error",
            "shape.yaml: 2 errors",
            "empty.yaml: 1 error",
        ]
    );
    insta::assert_snapshot!("absent.yaml", stdout(&check(&["absent.yaml"])));

    let output = check(&[&["--output", "json"], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checked = document["files"].as_array().unwrap();
    assert_eq!(checked.len(), files.len());
    assert_eq!(
        checked[1],
        serde_json::json!({"file": "absent.yaml", "rules": 0, "errors": 1, "warnings": 0})
    );
    let problems = document["problems"].as_array().unwrap().iter();
    let of = |file: &str| problems.clone().find(|it| it["file"] == file).unwrap();
    assert_eq!(
        *of("absent.yaml"),
        serde_json::json!({
            "file": "absent.yaml", "line": 1, "column": 1, "severity": "error",
            "message": "the file cannot be read: No such file or directory (os error 2)",
            "help": "Check the path. `tagwarden pull FILE` writes a file from the policy table.",
        })
    );
    assert_eq!(
        of("../broken")["message"],
        "the file cannot be read: is a directory"
    );
}

#[test]
fn colours_the_excerpt_on_demand() {
    let is_red =
        |arguments: &[&str]| stdout(&check(arguments)).contains("\u{1b}[1m\u{1b}[91merror");
    assert!(is_red(&["--color", "always", "empty.yaml"]));
    assert!(!is_red(&["empty.yaml"]));
}

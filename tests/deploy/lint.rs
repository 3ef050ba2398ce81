//! Linters find nothing in the templates, and every suppression has a reason.

use std::process::Command;

use crate::moto::REQUIREMENTS;
use crate::template::{CENTRAL, HOOK, MEMBERS, MEMBERS_PACK, PACK, STACK, Suppressed, Template};
use crate::venv;

const CHECKOV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/requirements.txt");

const ALL: [&str; 6] = [STACK, PACK, HOOK, MEMBERS, MEMBERS_PACK, CENTRAL];

fn assert_finds_nothing(linter: &mut Command) {
    let output = linter.output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{linter:?}\n{found}\n{errors}");
}

#[test]
fn cfn_lint_finds_no_errors_or_warnings() {
    let programs = venv::installed("moto", REQUIREMENTS);
    let mut linter = Command::new(programs.join("cfn-lint"));
    let output = linter.args(ALL).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn checkov_finds_nothing() {
    let mut linter = Command::new(venv::installed("checkov", CHECKOV).join("checkov"));
    // By relative paths, because checkov takes a path with a part of 40 characters for a secret.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let files = ALL.map(|template| template.strip_prefix(root).unwrap());
    linter
        .current_dir(root)
        .args(["--framework", "cloudformation", "--compact", "--quiet"])
        // Check only these files, and send nothing to checkov's makers.
        .arg("--skip-download")
        .env_remove("BC_API_KEY")
        .args(files.iter().flat_map(|file| ["--file", file]));
    assert_finds_nothing(&mut linter);
}

#[test]
fn suppressions_have_reasons() {
    let of = |template| Template::read(template).suppressed;
    for suppressed in [STACK, HOOK, MEMBERS, CENTRAL].into_iter().flat_map(of) {
        let Suppressed {
            resource,
            check,
            comment,
        } = suppressed;
        assert!(
            comment.len() > 20,
            "{resource} suppresses {check} without a reason"
        );
    }
}

/// See [PutConformancePack](https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html) and
/// [`CreateStack`](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html), which takes
/// 51,200 bytes as a text and 1 MB from a bucket. Every way in docs/deploy.md takes the stack's from a bucket.
#[test]
fn templates_fit_the_size_limits() {
    for (template, limit) in [
        (STACK, 500_000),
        (MEMBERS, 500_000),
        (PACK, 51_200),
        (MEMBERS_PACK, 51_200),
        (HOOK, 51_200),
        (CENTRAL, 51_200),
    ] {
        let size = std::fs::metadata(template).unwrap().len();
        assert!(size <= limit, "{template}: {size} bytes");
    }
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let as_text = guide
        .lines()
        .find(|line| line.contains("--template-body") && !line.contains("conformance-pack.yaml"));
    assert_eq!(as_text, None);
}

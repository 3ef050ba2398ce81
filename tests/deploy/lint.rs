//! Linters find nothing in the templates, and every suppression has a reason.

use std::collections::BTreeSet;
use std::process::Command;

use crate::moto::REQUIREMENTS;
use crate::stack::PACKAGED;
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

/// The types that some Regions do not have, each with the Regions and the reason why a template has it all the same.
const MISSING: [(&str, &[&str], &str); 3] = [
    (
        "AWS::Config::RemediationConfiguration",
        &[
            "ap-east-2",
            "ap-southeast-6",
            "ap-southeast-7",
            "mx-central-1",
        ],
        "docs/deploy.md: there, no pack and no button; the stack's own rule and remediation work",
    ),
    (
        "AWS::CloudFormation::LambdaHook",
        &[
            "cn-north-1",
            "cn-northwest-1",
            "us-gov-east-1",
            "us-gov-west-1",
        ],
        "docs/hook.md: there, no hook",
    ),
    (
        // CloudFormation accepts a type that a Region does not have if its condition does not hold:
        // https://aws.amazon.com/blogs/mt/handling-region-parity-with-infrastructure-as-code/
        "AWS::Chatbot::SlackChannelConfiguration",
        &[
            "cn-north-1",
            "cn-northwest-1",
            "us-gov-east-1",
            "us-gov-west-1",
        ],
        "behind a condition, which holds only where somebody names a Slack channel",
    ),
];

/// In all Regions, also those of China and of `GovCloud`.
#[test]
fn cfn_lint_finds_only_what_some_regions_miss() {
    let programs = venv::installed("moto", REQUIREMENTS);
    let mut linter = Command::new(programs.join("cfn-lint"));
    linter.args(["--regions", "ALL_REGIONS", "--format", "parseable", "--"]);
    let output = linter.args(ALL).output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let pattern = "E3006:Resource type '([^']+)' does not exist in '([^']+)'$";
    let pattern = regex_lite::Regex::new(pattern).unwrap();
    let mut missing = BTreeSet::new();
    for line in found.lines() {
        let Some(parts) = pattern.captures(line) else {
            panic!("{line}")
        };
        missing.insert((parts[1].to_owned(), parts[2].to_owned()));
    }
    let listed = MISSING.iter().flat_map(|(kind, regions, _)| {
        let pair = |region: &&str| ((*kind).to_owned(), (*region).to_owned());
        regions.iter().map(pair)
    });
    assert_eq!(
        missing,
        listed.collect(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let slack = Template::read(STACK).resources;
    let slack = slack.iter().find(|it| it.id == "SlackChannel").unwrap();
    assert_eq!(slack.condition.as_deref(), Some("HasSlackChannel"));
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
    let as_text = guide.lines().find(|line| {
        line.contains("--template-body file") && !line.contains("conformance-pack.yaml")
    });
    assert_eq!(as_text, None);
}

/// What `scripts/deploy` uploads is larger than what CloudFormation takes as a text, and the guide says so.
#[test]
fn the_packaged_template_fits_its_way_of_deployment() {
    const AS_A_TEXT: u64 = 51_200;
    let size = std::fs::metadata(&*PACKAGED).unwrap().len();
    assert!(size <= 500_000, "{size}");
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let warns = guide.contains("51,200 bytes");
    assert_eq!(warns, size > AS_A_TEXT, "docs/deploy.md on {size} bytes");
}

//! `scripts/publish` on moto: another partition, a release, and wrong command lines. members.rs has the rest.

use std::fs;
use std::path::Path;

use crate::deployment::{Deployment, run_to_success};
use crate::script::release;

const PUBLISH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/publish");

/// Zips of both functions, in a folder of their own.
fn packaged(region: &'static str) -> Deployment {
    let deployment = Deployment {
        directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("publish-{region}")),
        ..crate::stack::deployment(region)
    };
    let _ = fs::remove_dir_all(&deployment.directory);
    deployment.package();
    deployment
}

/// A Region of another partition has ARNs and host names of its own.
#[test]
fn publishes_in_another_partition() {
    let deployment = packaged("cn-north-1");
    let mut publish = deployment.command(PUBLISH);
    publish.args(["--prefix", "acme-cn", "--regions", "cn-north-1"]);
    let refused = publish.output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(
        message.contains("there is no bucket acme-cn-cn-north-1"),
        "{message}"
    );
    let printed = run_to_success(publish.args(["--organization", "o-a1b2c3d4e5"]));
    let url = "https://acme-cn-cn-north-1.s3.cn-north-1.amazonaws.com.cn/tagwarden/organization-";
    assert!(printed.contains(url), "{printed}");
    let mut policy = deployment.aws();
    policy.args([
        "s3api",
        "get-bucket-policy",
        "--bucket",
        "acme-cn-cn-north-1",
        "--output",
        "text",
    ]);
    let policy = run_to_success(&mut policy);
    assert!(
        policy.contains("arn:aws-cn:s3:::acme-cn-cn-north-1/*"),
        "{policy}"
    );
    let published = std::fs::read_to_string(
        deployment
            .directory
            .join("lambda/organization.published.yaml"),
    )
    .unwrap();
    assert!(published.contains("Architectures: [x86_64]") && !published.contains("_ZIP"));
}

#[test]
fn a_wrong_command_line_publishes_nothing() {
    let deployment = crate::stack::deployment("eu-south-2");
    for (arguments, why) in [
        (
            &["--regions", "eu-west-1"][..],
            "--prefix must be the beginning",
        ),
        (
            &["--prefix", "Acme", "--regions", "eu-west-1"],
            "--prefix must be the beginning",
        ),
        (&["--prefix", "acme"], "--regions must be Regions"),
        (
            &["--prefix", "acme", "--regions", "eu-west-1 us-east-1"],
            "--regions must be Regions",
        ),
        (
            &[
                "--prefix",
                "acme",
                "--regions",
                "eu-west-1",
                "--organization",
                "acme",
            ],
            "--organization must be an organization's id",
        ),
        (
            &[
                "--prefix",
                "acme",
                "--regions",
                "eu-west-1",
                "--zips",
                "nowhere",
            ],
            "nowhere is not a folder",
        ),
        (
            &[
                "--prefix",
                "acme",
                "--regions",
                "eu-west-1",
                "--zips",
                "docs",
            ],
            "holds neither the files of a release",
        ),
        (&["--bucket", "acme"], "--bucket is not an option"),
        (&["--prefix"], "--prefix needs a value"),
    ] {
        let mut publish = deployment.command(PUBLISH);
        let refused = publish
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(why), "{arguments:?}: {message}");
    }
}

/// The files of a release are checked against their sums before anything is called.
#[test]
fn publishes_a_release() {
    let deployment = packaged("eu-south-2");
    let folder = deployment.directory.join("a release");
    release(&folder);
    let publish = || {
        let mut publish = deployment.command(PUBLISH);
        publish.args([
            "--prefix",
            "acme-release",
            "--regions",
            "eu-south-2",
            "--organization",
            "o-a1b2c3d4e5",
        ]);
        publish.arg("--zips").arg(&folder);
        publish
    };
    let printed = run_to_success(&mut publish());
    assert!(printed.contains("(tagwarden for arm64)"), "{printed}");
    fs::write(folder.join("tagwarden-rule-arm64.zip"), "something else").unwrap();
    let refused = publish().output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(
        message.contains("is not what SHA256SUMS says. Do not publish it"),
        "{message}"
    );
}

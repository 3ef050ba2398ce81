//! GitHub's workflows: linters find nothing, and the release that they put together can be deployed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::moto::REQUIREMENTS;
use crate::script::{Scene, TOOLS};
use crate::venv;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The workflows, and the action.
const WORKFLOWS: [&str; 2] = [
    ".github/workflows/release.yml",
    "examples/github-policy.yml",
];

fn linter(name: &str) -> Command {
    let programs = venv::installed("lint", TOOLS);
    let path = std::env::var("PATH").unwrap();
    let mut linter = Command::new(programs.join(name));
    // actionlint runs shellcheck.
    linter
        .env("PATH", format!("{}:{path}", programs.display()))
        .current_dir(ROOT);
    linter
}

#[test]
fn actionlint_and_zizmor_find_nothing() {
    let output = linter("actionlint").args(WORKFLOWS).output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
    let mut zizmor = linter("zizmor");
    zizmor.args(["--offline", "--no-progress", "--min-confidence", "medium"]);
    let output = zizmor.args(WORKFLOWS).arg("action.yml").output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
}

/// The script of a step of the release's workflow.
fn step(job: &str, name: &str) -> String {
    const READ: &str = "\
import sys, yaml
steps = yaml.safe_load(open(sys.argv[1]))['jobs'][sys.argv[2]]['steps']
print(next(step['run'] for step in steps if step.get('name') == sys.argv[3]))";
    let python = venv::installed("moto", REQUIREMENTS).join("python");
    let workflow = Path::new(ROOT).join(WORKFLOWS[0]);
    let output = Command::new(python)
        .args(["-c", READ])
        .arg(workflow)
        .args([job, name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the jobs before have uploaded.
fn uploads(folder: &Path) {
    let write = |path: &str, text: &str| {
        let path = folder.join("downloaded").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for architecture in ["arm64", "x86_64"] {
        for function in ["rule", "remediation"] {
            let path = format!("functions-{architecture}/tagwarden-{function}.zip");
            write(&path, architecture);
        }
        let path = format!("functions-{architecture}/architecture");
        write(&path, &format!("{architecture}\n"));
    }
    for target in ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"] {
        write(
            &format!("command-{target}/tagwarden-{target}.tar.gz"),
            target,
        );
    }
    write("materials/tagwarden_bin.cdx.json", "{}");
}

#[test]
fn the_release_that_is_put_together_can_be_deployed() {
    let scene = Scene::new("published", &serde_json::json!({}));
    let folder = scene.folder.join("work");
    fs::create_dir_all(&folder).unwrap();
    for name in [
        "scripts",
        "cloudformation",
        "Cargo.toml",
        "CHANGELOG.md",
        "LICENSE",
    ] {
        symlink(Path::new(ROOT).join(name), folder.join(name)).unwrap();
    }
    uploads(&folder);
    let script = step("publish", "Put the files together");
    let output = Command::new("bash")
        .args(["-eo", "pipefail", "-c", &script])
        .env("RUST", "1.95.0")
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let notes = fs::read_to_string(folder.join("NOTES.md")).unwrap();
    assert!(notes.contains("compiled by Rust 1.95.0"), "{notes}");
    let release = folder.join("release");
    let sums = fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    let listed: Vec<&str> = sums
        .lines()
        .filter_map(|it| it.split("  ").nth(1))
        .collect();
    for file in [
        "tagwarden-rule-arm64.zip",
        "tagwarden-remediation-x86_64.zip",
        "tagwarden-aarch64-apple-darwin.tar.gz",
        "tagwarden_bin.cdx.json",
        "tagwarden.yaml",
        "conformance-pack.yaml",
        "deploy",
        "publish",
        "LICENSE",
    ] {
        assert!(listed.contains(&file), "{file}: {sums}");
    }
    // Every file is listed, and nothing else is there.
    assert_eq!(listed.len() + 1, fs::read_dir(&release).unwrap().count());
    let done = scene.run(&["--zips", &release.to_string_lossy()]);
    assert_eq!(done.status, Some(0), "{}", done.all());
}

/// The stacks' output `Version`, which people compare with the functions' logs and answers.
#[test]
fn the_templates_name_the_version_of_the_functions() {
    let mut named = 0;
    for file in fs::read_dir(Path::new(ROOT).join("cloudformation")).unwrap() {
        let template = fs::read_to_string(file.unwrap().path()).unwrap();
        let (_, outputs) = template.split_once("\nOutputs:\n").unwrap_or_default();
        let Some((_, version)) = outputs.split_once("  Version:\n") else {
            continue;
        };
        let value = version
            .lines()
            .find(|line| line.contains("Value: "))
            .unwrap();
        assert_eq!(
            value.trim(),
            format!("Value: \"{}\"", env!("CARGO_PKG_VERSION"))
        );
        named += 1;
    }
    assert!(named > 0);
}

/// The tag must be the version, which must have notes.
#[test]
fn a_tag_of_another_version_is_no_release() {
    let script = step("check", "The tag is the version");
    let version = env!("CARGO_PKG_VERSION");
    for (tag, fits) in [(format!("v{version}"), true), ("v9.9.9".to_owned(), false)] {
        let output = Command::new("bash")
            .args(["-eo", "pipefail", "-c", &script])
            .env("GITHUB_REF_NAME", &tag)
            .current_dir(ROOT)
            .output();
        assert_eq!(output.unwrap().status.success(), fits, "{tag}");
    }
}

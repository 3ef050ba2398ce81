//! The ways in: pre-commit runs the hooks, and the commands of the action and of the examples run as their programs would
//! run them.

#![cfg(unix)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod action;
mod examples;
mod hooks;
#[path = "../../../tests/support/venv.rs"]
mod venv;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const GUIDE: &str = include_str!("../../../docs/ways-in.md");
/// pre-commit, which also brings a reader of YAML.
const PRE_COMMIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/ways_in/requirements.txt"
);

const POLICY: &str =
    "rules:\n  - RuleId: 1\n    TagKey: Owner\n    Action: Notify\n    Required: Y\n";

const RIGHT: &str = "Resources:\n  Web:\n    Type: AWS::EC2::Instance\n    Properties:\n      Tags: [{Key: Owner, Value: ann}]\n";

const WRONG: &str = "Resources:\n  Web:\n    Type: AWS::EC2::Instance\n";

/// A folder with the policy, and with programs that stand in for others.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ways-in-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let place = Self { folder };
        place.write("policy.yaml", POLICY);
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Puts a program on the PATH.
    fn program(&self, name: &str, script: &str) {
        let path = self.folder.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Puts the built command on the PATH.
    fn with_tagwarden(self) -> Self {
        let built = env!("CARGO_BIN_EXE_tagwarden");
        std::os::unix::fs::symlink(built, self.folder.join("bin/tagwarden")).unwrap();
        self
    }

    /// A command in the folder, which finds the programs there before those of the system.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            self.folder.join("bin").display()
        );
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", path);
        command.env("HOME", &self.folder);
        command
    }

    /// Runs a script as Actions and GitLab do.
    fn bash(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let mut bash = self.command("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
        bash.envs(variables.iter().copied()).output().unwrap()
    }
}

/// A document in YAML.
fn yaml(text: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
    let python = venv::installed("pre-commit", PRE_COMMIT).join("python");
    let output = Command::new(python)
        .args(["-c", script, text])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The block of the guide that begins with `start`.
fn block(start: &str) -> Value {
    let mut blocks = GUIDE.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.starts_with(start)).unwrap();
    yaml(block.split("```").next().unwrap())
}

/// What a person reads.
fn shown(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

//! `scripts/deploy` with an AWS CLI that stands in for versions 1 and 2: what is asked, passed on, shown and advised. The
//! other tests of this folder run the script with the real CLI, on moto.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::venv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/deploy");
const FAKE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/fake_aws.py");
/// Linters.
pub const TOOLS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/lint-requirements.txt"
);

/// An account, and a folder with zips.
#[derive(Debug)]
pub struct Scene {
    pub folder: PathBuf,
    version: &'static str,
}

/// What the script did.
#[derive(Debug)]
pub struct Done {
    pub status: Option<i32>,
    pub printed: String,
    pub errors: String,
    pub calls: Vec<Vec<String>>,
}

impl Scene {
    /// An account like this, and what `scripts/build` writes.
    pub fn new(name: &str, account: &Value) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("script-{name}"));
        let _ = fs::remove_dir_all(&folder);
        let programs = folder.join("bin");
        fs::create_dir_all(&programs).unwrap();
        let python = venv::installed("lint", TOOLS).join("python");
        let aws = format!("#!/bin/sh\nexec '{}' '{FAKE}' \"$@\"\n", python.display());
        executable(&programs.join("aws"), &aws);
        fs::write(folder.join("account.json"), account.to_string()).unwrap();
        let built = folder.join("lambda");
        fs::create_dir_all(&built).unwrap();
        for function in ["tagwarden-rule", "tagwarden-remediation"] {
            fs::write(built.join(format!("{function}.zip")), "a zip").unwrap();
        }
        fs::write(built.join("architecture"), "arm64\n").unwrap();
        Self {
            folder,
            version: "2",
        }
    }

    /// The script with this bucket. It knows its Region by `AWS_REGION`.
    fn script(&self, arguments: &[&str]) -> Command {
        let mut script = self.program(SCRIPT);
        script.args(["--bucket", "zips"]).args(arguments);
        script
    }

    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("FAKE_AWS", &self.folder)
            .env("FAKE_VERSION", self.version)
            .env("AWS_REGION", "eu-west-1")
            .env("CARGO_TARGET_DIR", &self.folder)
            .env("TMPDIR", &self.folder)
            .stdin(Stdio::null());
        command
    }

    /// Runs the script to its end, without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.done(self.script(arguments).output().unwrap())
    }

    fn done(&self, output: Output) -> Done {
        let calls = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        Done {
            status: output.status.code(),
            printed: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
            calls: calls
                .lines()
                .map(|it| serde_json::from_str(it).unwrap())
                .collect(),
        }
    }

    /// A parameter of the stack, as the script left it.
    fn parameter(&self, name: &str) -> Value {
        let account = fs::read_to_string(self.folder.join("account.json")).unwrap();
        let account: Value = serde_json::from_str(&account).unwrap();
        account["parameters"][name].clone()
    }
}

impl Done {
    /// What it printed, errors too.
    pub fn all(&self) -> String {
        format!("{}{}", self.printed, self.errors)
    }

    /// How many calls of this operation there were.
    fn count(&self, operation: &str) -> usize {
        let is = |call: &&Vec<String>| call.iter().any(|it| it == operation);
        self.calls.iter().filter(is).count()
    }
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A stack that stands.
fn standing() -> Value {
    json!({
        "status": "UPDATE_COMPLETE", "tables": ["acme_cloud_policy_tagging_def"], "ownTable": "acme_cloud_policy_tagging_def",
        "parameters": {
            "Architecture": "arm64", "PolicyTableName": "acme_cloud_policy_tagging_def", "CreatePolicyTable": "true",
            "ProtectTables": "false",
        },
    })
}

#[test]
fn both_versions_of_the_cli_deploy_in_the_region_that_is_meant() {
    for version in ["1", "2"] {
        let mut scene = Scene::new(&format!("version-{version}"), &json!({}));
        scene.version = version;
        let done = scene.run(&["Mode=enforce"]);
        assert_eq!(done.status, Some(0), "{version}: {}", done.all());
        assert!(done.printed.contains("the outputs"), "{}", done.printed);
        assert_eq!(scene.parameter("Mode"), "enforce");
        assert_eq!(scene.parameter("Architecture"), "arm64");
        for call in &done.calls {
            assert_eq!(call[..2], ["--region", "eu-west-1"], "{call:?}");
        }
    }
}

#[test]
fn the_region_is_the_options_the_environments_or_the_profiles() {
    for (arguments, variables, profile, expected) in [
        (
            &["--region", "eu-west-1"][..],
            &[("AWS_REGION", "us-east-1")][..],
            None,
            Some("eu-west-1"),
        ),
        (
            &[],
            &[("AWS_DEFAULT_REGION", "eu-west-1")],
            None,
            Some("eu-west-1"),
        ),
        (&[], &[], Some("eu-west-1"), Some("eu-west-1")),
        (&[], &[], None, None),
    ] {
        let scene = Scene::new("regions", &json!({"profileRegion": profile}));
        let mut script = scene.script(arguments);
        script
            .env_remove("AWS_REGION")
            .envs(variables.iter().copied());
        let done = scene.done(script.output().unwrap());
        if let Some(expected) = expected {
            assert_eq!(done.status, Some(0), "{}", done.all());
            let call = done.calls.last().unwrap();
            assert_eq!(call[..2], ["--region", expected]);
        } else {
            assert_eq!(done.status, Some(2));
            assert!(done.errors.contains("no Region"), "{}", done.errors);
        }
    }
}

#[test]
fn a_bucket_elsewhere_is_refused_before_anything_is_made() {
    for (location, fits) in [
        ("eu-west-1", true),
        ("EU", true),
        ("None", false),
        ("us-west-2", false),
    ] {
        let scene = Scene::new("bucket", &json!({"bucketLocation": location}));
        let done = scene.run(&[]);
        assert_eq!(
            done.status,
            Some(if fits { 0 } else { 2 }),
            "{location}: {}",
            done.all()
        );
        if !fits {
            assert_eq!(done.count("package") + done.count("deploy"), 0);
            assert!(
                done.errors.contains("its own Region only"),
                "{}",
                done.errors
            );
        }
    }
}

#[test]
fn what_follows_two_hyphens_reaches_the_cli() {
    let scene = Scene::new("options", &json!({}));
    let options = [
        "Mode=enforce",
        "--",
        "--tags",
        "Team=cloud",
        "Cost Center=4 2",
        "--role-arn",
        "arn:aws:iam::1:role/d",
    ];
    let done = scene.run(&options);
    assert_eq!(done.status, Some(0), "{}", done.all());
    let deploy = done.calls.iter().find(|call| call[3] == "deploy").unwrap();
    let tail = &deploy[deploy.len() - 5..];
    assert_eq!(tail, &options[2..]);
    // A flag that belongs to the execution is passed there.
    let scene = Scene::new("options-2", &json!({}));
    let done = scene.run(&["--", "--disable-rollback"]);
    let execute = done
        .calls
        .iter()
        .find(|call| call[3] == "execute-change-set");
    assert_eq!(execute.unwrap().last().unwrap(), "--disable-rollback");
    for (option, says) in [
        ("--parameter-overrides", "give parameters as"),
        ("--region", "before --"),
        ("--stack-name", "see --stack"),
    ] {
        let done = Scene::new("options-3", &json!({})).run(&["--", option, "x"]);
        assert_eq!((done.status, done.calls.len()), (Some(2), 0), "{option}");
        assert!(done.errors.contains(says), "{}", done.errors);
    }
}

#[test]
fn changes_are_shown_before_they_run() {
    let scene = Scene::new("review", &json!({}));
    for arguments in [&["--review"][..], &["--", "--no-execute-changeset"]] {
        let done = scene.run(arguments);
        assert_eq!(done.status, Some(0), "{}", done.all());
        assert_eq!(done.count("execute-change-set"), 0);
        let lines = [
            "  Add                        Queue ",
            "  Modify, REPLACED           Topic ",
        ];
        for line in lines {
            assert!(done.printed.contains(line), "{}", done.printed);
        }
        assert!(
            done.printed
                .contains("execute-change-set --change-set-name arn:aws:"),
            "{}",
            done.printed
        );
    }
    let done = scene.run(&[]);
    let (shown, executed) = (
        done.printed.find("Modify, REPLACED"),
        done.printed.find("Waiting for the stack"),
    );
    assert!(shown.is_some() && shown < executed, "{}", done.printed);
}

/// In a terminal, which Python's pty is here.
#[test]
fn a_person_is_asked() {
    // A launcher of Python's may have put other programs before the one that stands in.
    const TERMINAL: &str = "\
import os, pty, sys
os.environ['PATH'] = f'{sys.argv[1]}:' + os.environ['PATH']
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:])))";
    for (arguments, answer, is_done) in [
        (&[][..], "n\n", false),
        (&[], "y\n", true),
        (&["--yes"], "", true),
    ] {
        let scene = Scene::new("asked", &json!({}));
        let mut terminal = scene.program("python3");
        terminal
            .args(["-c", TERMINAL])
            .arg(scene.folder.join("bin"));
        terminal.args([SCRIPT, "--bucket", "zips"]);
        terminal.args(arguments);
        let mut child = terminal
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(keyboard);
        let done = scene.done(output);
        assert_eq!(
            done.status,
            Some(i32::from(!is_done)),
            "{answer:?}: {}",
            done.all()
        );
        assert_eq!(
            done.count("execute-change-set") > 0,
            is_done,
            "{}",
            done.all()
        );
        assert_eq!(done.count("delete-change-set") == 1, !is_done);
        let is_asked = done.printed.contains("Change this? [y/N]");
        assert_eq!(is_asked, !answer.is_empty(), "{}", done.printed);
    }
}

#[test]
fn a_policy_table_that_exists_is_used() {
    let table = "acme_cloud_policy_tagging_def";
    let mut other = standing();
    other["tables"] = json!(["corp", table]);
    let mut foreign = standing();
    foreign["parameters"]["CreatePolicyTable"] = json!("false");
    foreign["ownTable"] = json!("");
    for (name, account, arguments, expected) in [
        ("first", json!({}), &[][..], Value::Null),
        ("returns", json!({"tables": [table]}), &[], json!("false")),
        ("own", standing(), &["Mode=enforce"], json!("true")),
        ("renamed", other, &["PolicyTableName=corp"], json!("false")),
        (
            "new-name",
            standing(),
            &["PolicyTableName=new"],
            json!("true"),
        ),
        ("foreign", foreign, &["Mode=enforce"], json!("false")),
        (
            "given",
            json!({"tables": [table]}),
            &["CreatePolicyTable=true"],
            json!("true"),
        ),
        (
            "central",
            json!({"tables": [table]}),
            &["PolicyTableArn=arn:aws:dynamodb:eu-west-1:1:table/t"],
            Value::Null,
        ),
    ] {
        let scene = Scene::new(&format!("table-{name}"), &account);
        let done = scene.run(arguments);
        assert_eq!(done.status, Some(0), "{name}: {}", done.all());
        assert_eq!(scene.parameter("CreatePolicyTable"), expected, "{name}");
        let says = done.printed.contains("is used as it is");
        assert_eq!(says, matches!(name, "returns" | "renamed"), "{name}");
    }
}

/// A stack that created no table under its old name would create none under the new one, and have no policy.
#[test]
fn a_policy_table_that_is_nowhere_is_refused() {
    let mut foreign = standing();
    foreign["parameters"]["CreatePolicyTable"] = json!("false");
    foreign["ownTable"] = json!("");
    let scene = Scene::new("table-nowhere", &foreign);
    let done = scene.run(&["PolicyTableName=new"]);
    assert_eq!(done.status, Some(2), "{}", done.all());
    let says = "the table new does not exist: give CreatePolicyTable=true to create it";
    assert!(done.errors.contains(says), "{}", done.errors);
    assert_eq!(done.count("deploy"), 0);
    let done = scene.run(&["PolicyTableName=new", "CreatePolicyTable=true"]);
    assert_eq!(done.status, Some(0), "{}", done.all());
    assert_eq!(scene.parameter("CreatePolicyTable"), "true");
}

#[test]
fn what_aws_refuses_is_said_and_ends_with_status_1() {
    let unknown = "cannot see whether the policy table acme_cloud_policy_tagging_def";
    for (denied, arguments, says, changes) in [
        ("package", &[][..], "the zips cannot be uploaded", 0),
        (
            "cp",
            &["--package-only"],
            "the template cannot be uploaded",
            0,
        ),
        ("describe-stacks", &[], "cannot read the stack tagwarden", 0),
        ("list-stack-resources", &[], unknown, 0),
        ("describe-table", &[], unknown, 0),
        ("deploy", &[], "the changes cannot be worked out", 0),
        ("describe-change-set", &[], "the changes cannot be read", 0),
        ("execute-change-set", &[], "cannot be carried out", 1),
    ] {
        let mut account = standing();
        account["tables"] = json!([]);
        account["ownTable"] = json!("");
        account["denied"] = json!([denied]);
        let scene = Scene::new(&format!("denied-{denied}"), &account);
        let done = scene.run(&[arguments, &["Mode=enforce"]].concat());
        assert_eq!(done.status, Some(1), "{denied}: {}", done.all());
        for part in [says, "AccessDenied"] {
            assert!(done.errors.contains(part), "{denied}: {}", done.errors);
        }
        assert_eq!(done.count("execute-change-set"), changes, "{denied}");
    }
}

/// AWS updates such a stack with the option only.
#[test]
fn what_a_failure_left_standing_goes_on_with_the_option() {
    for status in ["CREATE_FAILED", "UPDATE_FAILED"] {
        let mut account = standing();
        account["status"] = json!(status);
        let scene = Scene::new(&format!("left-{status}"), &account);
        let done = scene.run(&["Mode=enforce"]);
        assert_eq!(done.status, Some(1), "{}", done.all());
        for part in [
            "-- --disable-rollback",
            "cloudformation rollback-stack --stack-name tagwarden",
        ] {
            assert!(done.errors.contains(part), "{}", done.errors);
        }
        assert_eq!(done.count("execute-change-set"), 0);
        let done = scene.run(&["Mode=enforce", "--", "--disable-rollback"]);
        assert_eq!(done.status, Some(0), "{}", done.all());
        let wait = done.calls.iter().find(|call| call[3] == "wait").unwrap();
        assert_eq!(wait[4], "stack-update-complete");
        // A stack that never stood is protected as a new one is.
        let protects = if status == "CREATE_FAILED" {
            "true"
        } else {
            "false"
        };
        assert_eq!(scene.parameter("ProtectTables"), protects);
    }
}

#[test]
fn tables_are_protected_once_the_stack_stands() {
    let template = fs::read_to_string(crate::template::STACK).unwrap();
    if !template.contains("\n  ProtectTables:\n") {
        return;
    }
    let mut without = standing();
    without["parameters"]
        .as_object_mut()
        .unwrap()
        .remove("ProtectTables");
    for (name, account, arguments, expected, changes) in [
        ("new", json!({}), &[][..], json!("true"), 2),
        (
            "given",
            json!({}),
            &["ProtectTables=false"],
            json!("false"),
            1,
        ),
        ("upgraded", without, &["Mode=enforce"], json!("true"), 2),
        ("set", standing(), &["Mode=enforce"], json!("false"), 1),
    ] {
        let scene = Scene::new(&format!("protect-{name}"), &account);
        let done = scene.run(arguments);
        assert_eq!(done.status, Some(0), "{name}: {}", done.all());
        assert_eq!(scene.parameter("ProtectTables"), expected, "{name}");
        assert_eq!(done.count("execute-change-set"), changes, "{name}");
        // The first change set does not protect what a failure would have to delete.
        let first = done.calls.iter().find(|call| call[3] == "deploy").unwrap();
        assert!(!first.contains(&"ProtectTables=true".to_owned()));
    }
}

#[test]
fn a_stack_that_cannot_be_updated_is_explained() {
    for (status, advice) in [
        (
            "ROLLBACK_COMPLETE",
            "cloudformation delete-stack --stack-name tagwarden",
        ),
        (
            "DELETE_FAILED",
            "cloudformation delete-stack --stack-name tagwarden",
        ),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "Wait for it"),
    ] {
        let scene = Scene::new(&format!("stuck-{status}"), &json!({"status": status}));
        let done = scene.run(&[]);
        assert_eq!(done.status, Some(1), "{}", done.all());
        assert!(done.errors.contains(advice), "{status}: {}", done.errors);
        assert_eq!(done.count("execute-change-set"), 0);
    }
    // The first failure is told with its cause, not what was cancelled for it.
    let scene = Scene::new("stuck", &json!({"ends": "ROLLBACK_COMPLETE"}));
    let done = scene.run(&[]);
    assert_eq!(done.status, Some(1), "{}", done.all());
    for part in [
        "NoAvailableConfigurationRecorder",
        "delete-stack",
        "docs/runbook.md#rollback_complete",
    ] {
        assert!(done.errors.contains(part), "{}", done.errors);
    }
    assert!(!done.errors.contains("cancelled"), "{}", done.errors);
}

/// A stack that has only a change set, which somebody did not want, is created.
#[test]
fn an_answer_of_no_does_not_stand_in_the_way() {
    let scene = Scene::new("again", &json!({"status": "REVIEW_IN_PROGRESS"}));
    let done = scene.run(&[]);
    assert_eq!(done.status, Some(0), "{}", done.all());
    let waits: Vec<_> = done.calls.iter().filter(|call| call[3] == "wait").collect();
    assert_eq!(waits[0][4], "stack-create-complete");
}

#[test]
fn nothing_to_change_is_no_failure() {
    let scene = Scene::new("nothing", &standing());
    let done = scene.run(&[]);
    assert_eq!(done.status, Some(0), "{}", done.all());
    assert!(done.printed.contains("Nothing changes"), "{}", done.printed);
}

/// A release in a folder, as `.github/workflows/release.yml` makes it.
pub fn release(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut sums = String::new();
    let mut add = |name: String, content: &str| {
        fs::write(folder.join(&name), content).unwrap();
        let sum = Command::new("sha256sum")
            .arg(folder.join(&name))
            .output()
            .unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let sum = sum.split(' ').next().unwrap();
        writeln!(sums, "{sum}  {name}").unwrap();
    };
    for architecture in ["arm64", "x86_64"] {
        for function in ["rule", "remediation"] {
            add(
                format!("tagwarden-{function}-{architecture}.zip"),
                architecture,
            );
        }
    }
    for template in crate::resolved::every_template() {
        let name = template.rsplit('/').next().unwrap().to_owned();
        add(name, &fs::read_to_string(&template).unwrap());
    }
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
}

#[test]
fn a_release_is_deployed_without_building() {
    let scene = Scene::new("release", &json!({}));
    fs::remove_file(scene.folder.join("lambda/architecture")).unwrap();
    let folder = scene.folder.join("a release");
    release(&folder);
    let (path, url) = (
        folder.display().to_string(),
        format!("file://{}", folder.display()).replace(' ', "%20"),
    );
    for (arguments, architecture) in [
        (&["--zips", &path][..], "arm64"),
        (&["--zips", &path, "--architecture", "x86_64"], "x86_64"),
        (&["--release", &url, "--architecture", "x86_64"], "x86_64"),
        (&["--release", &url, "--hook"], "arm64"),
    ] {
        let done = scene.run(arguments);
        assert_eq!(done.status, Some(0), "{arguments:?}: {}", done.all());
        assert_eq!(scene.parameter("Architecture"), architecture);
    }
    // The script may stand alone beside these files.
    let alone = folder.join("deploy");
    fs::copy(SCRIPT, &alone).unwrap();
    let mut alone = scene.program(&alone.to_string_lossy());
    let output = alone
        .args(["--bucket", "zips", "--zips", "."])
        .current_dir(&folder)
        .output();
    let done = scene.done(output.unwrap());
    assert_eq!(done.status, Some(0), "{}", done.all());
}

#[test]
fn a_release_that_is_not_what_it_says_is_refused() {
    let scene = Scene::new("tampered", &json!({}));
    let folder = scene.folder.join("release");
    for (file, says) in [
        ("tagwarden-rule-arm64.zip", "is not what SHA256SUMS says"),
        ("tagwarden.yaml", "is not what SHA256SUMS says"),
        ("SHA256SUMS", "SHA256SUMS has no line for"),
    ] {
        release(&folder);
        fs::write(folder.join(file), "something else").unwrap();
        let done = scene.run(&["--zips", &folder.to_string_lossy()]);
        assert_eq!((done.status, done.calls.len()), (Some(2), 0), "{file}");
        assert!(done.errors.contains(says), "{}", done.errors);
    }
    let done = scene.run(&["--release", "file:///nowhere"]);
    assert_eq!((done.status, done.calls.len()), (Some(2), 0));
    assert!(
        done.errors.contains("cannot download file:///nowhere/"),
        "{}",
        done.errors
    );
}

#[test]
fn scripts_are_sound_for_the_oldest_bash() {
    let programs = venv::installed("lint", TOOLS);
    let root = env!("CARGO_MANIFEST_DIR");
    let mut checked = Command::new(programs.join("shellcheck"));
    checked.current_dir(root);
    for script in bash_scripts() {
        checked.arg(&script);
        let text = fs::read_to_string(Path::new(root).join(&script)).unwrap();
        // macOS has bash 3.2 and BSD's tools.
        for newer in [
            "declare -A",
            "local -A",
            "mapfile",
            "readarray",
            ",,}",
            "^^}",
            "local -n",
            "sed -i",
            "realpath",
            "readlink -f",
            "grep -P",
            "date -d",
            "stat -c",
            "xargs -r",
            "&>>",
            "|&",
            "wait -n",
            "@Q}",
            "printf -v \"$",
            "EPOCHSECONDS",
            "timeout ",
        ] {
            let line = text
                .lines()
                .find(|it| it.contains(newer) && !it.trim().starts_with('#'));
            assert_eq!(line, None, "{script}: {newer} is not there on macOS");
        }
    }
    let output = checked.output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
}

/// The scripts for users that bash runs: `scripts/deny` is for developers.
fn bash_scripts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut scripts: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.starts_with("#!/usr/bin/env bash")
        })
        .map(|path| format!("scripts/{}", path.file_name().unwrap().to_string_lossy()))
        .filter(|script| script != "scripts/deny")
        .collect();
    scripts.sort();
    assert!(scripts.contains(&"scripts/deploy".to_owned()));
    scripts
}

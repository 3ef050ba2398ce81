//! A folder with files, and the command in it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::plans::Plan;
use crate::support::{command, stderr, stdout};

/// Who owns it must be said, which project pays is filled in, and one value is limited.
pub const POLICY: &str = "\
rules:
  - RuleId: 1
    TagKey: ProjectCode
    Action: Update
    Required: Y
    Default: Proj007
  - RuleId: 2
    TagKey: CreatedBy
    Action: UserLookup
    Required: Y
  - RuleId: 3
    TagKey: Owner
    Action: Notify
    Required: Y
  - RuleId: 4
    TagKey: Env
    Action: Update
    Required: N
    Default: Prod
    Allowed: [Prod, Stage, team-*]
";

/// A folder of its own for one test.
#[derive(Debug)]
pub struct Scene(pub PathBuf);

impl Scene {
    pub fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("preflight-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let scene = Self(folder);
        scene.write("policy.yaml", POLICY);
        scene
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn plan(&self, plan: &Plan) {
        self.write("plan.json", plan.json().to_string());
    }

    /// Runs `tagwarden preflight`, with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = command(&["preflight"]);
        command.args(arguments).current_dir(&self.0);
        command.env_remove("TAGWARDEN_VPC_IDS");
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its options reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// The JSON document for a plan, judged by the policy file.
    pub fn judge(&self, plan: &Plan, more: &[&str]) -> Value {
        self.plan(plan);
        let arguments = ["plan.json", "--policy", "policy.yaml", "--output", "json"];
        let output = self.run(&[&arguments[..], more].concat());
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
        let errors = document["counts"]["errors"].as_u64().unwrap();
        let is_strict = more.contains(&"--strict");
        if !is_strict {
            let expected = if errors > 0 { 2 } else { 0 };
            assert_eq!(output.status.code(), Some(expected), "{document:#}");
        }
        assert_eq!(stderr(&output), "", "{}", stdout(&output));
        document
    }
}

/// `level kind tag` of each finding of the only resource, in their order.
pub fn findings(document: &Value) -> Vec<String> {
    let resources = document["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 1, "{document:#}");
    findings_of(&resources[0])
}

pub fn findings_of(resource: &Value) -> Vec<String> {
    let findings = resource["findings"].as_array().unwrap().iter();
    findings
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default();
            let line = format!("{} {} {}", text("level"), text("kind"), text("tagKey"));
            line.trim_end().to_owned()
        })
        .collect()
}

//! cfn-lint evaluates the conditions of templates, and so does tagwarden: in which of their cases is there an owner?

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::{CFN_LINT, folder, preflight, support, venv};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles/templates.py");

/// A template, and why the two differ about it.
struct Case {
    name: &'static str,
    text: String,
    difference: Option<(&'static str, &'static str, &'static str)>,
}

/// A template with an instance that has these tags.
fn instance(name: &'static str, tags: &str) -> Case {
    let text = format!(
        "Parameters:\n  Stage: {{Type: String}}\n  Fixed: {{Type: String, Default: b}}\nConditions:\n  A: !Equals [!Ref Stage, a]\n  \
         B: !Equals [!Ref Stage, b]\n  NotA: !Not [!Condition A]\n  Known: !Equals [!Ref Fixed, b]\nResources:\n  Web:\n    \
         Type: AWS::EC2::Instance\n    Properties:\n      ImageId: ami-0a1b2c3d4e5f60718\n      {tags}\n"
    );
    Case {
        name,
        text,
        difference: None,
    }
}

fn text(name: &'static str, text: &str) -> Case {
    Case {
        name,
        text: text.to_owned(),
        difference: None,
    }
}

impl Case {
    /// tagwarden says one thing, and cfn-lint the other.
    fn differs(mut self, ours: &'static str, theirs: &'static str, reason: &'static str) -> Self {
        self.difference = Some((ours, theirs, reason));
        self
    }
}

fn cases() -> Vec<Case> {
    let owner = "{Key: Owner, Value: ann}";
    let none = "!Ref AWS::NoValue";
    vec![
        instance("there", &format!("Tags: [{owner}]")),
        instance("not-there", "Tags: [{Key: Env, Value: Prod}]"),
        instance("no-tags", "InstanceType: t3.micro"),
        instance("no-value", &format!("Tags: {none}")),
        instance("if-item", &format!("Tags: [!If [A, {owner}, {none}], {{Key: Env, Value: Prod}}]")),
        instance("if-list", &format!("Tags: !If [A, [{owner}], [{{Key: Env, Value: Prod}}]]")),
        instance("if-both", &format!("Tags: !If [A, [{owner}], [{{Key: Owner, Value: bob}}]]")),
        instance("if-neither", &format!("Tags: !If [A, {none}, [{{Key: Env, Value: Prod}}]]")),
        instance("if-nested", &format!("Tags: !If [A, !If [B, [{owner}], {none}], [{owner}]]"))
            .differs(
                "sometimes",
                "always",
                "cfn-lint knows that A and B cannot both hold, and tagwarden does not compare conditions: a warning, never an error",
            ),
        instance(
            "if-opposites",
            &format!("Tags: [!If [A, {owner}, {none}], !If [NotA, {owner}, {none}]]"),
        )
        .differs(
            "sometimes",
            "always",
            "tagwarden does not compare conditions, so that this is a warning, never an error",
        ),
        instance("if-known", &format!("Tags: [!If [Known, {owner}, {none}]]")).differs(
            "always",
            "sometimes",
            "tagwarden takes the default of a parameter that is not given, and cfn-lint any value",
        ),
        text(
            "group",
            "Resources:\n  Jobs:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      MaxSize: '1'\n      MinSize: '1'\n      \
             Tags: [{Key: Owner, Value: ann, PropagateAtLaunch: true}]\n",
        ),
        text(
            "group-alone",
            "Resources:\n  Jobs:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      MaxSize: '1'\n      MinSize: '1'\n      \
             Tags: [{Key: Owner, Value: ann, PropagateAtLaunch: false}]\n",
        )
        .differs("never", "always", "the tag stays with the group, and cfn-lint was asked for the group's own"),
        text(
            "json",
            r#"{"Resources": {"Web": {"Type": "AWS::EC2::Instance", "Properties": {"Tags": [{"Key": "Owner", "Value": "ann"}]}}}}"#,
        ),
        text("several", "Resources:\n  A: {Type: AWS::EC2::Instance}\n  B: {Type: AWS::EC2::Instance, Properties: {Tags: [{Key: Owner, Value: a}]}}\n"),
        text("broken-yaml", "Resources:\n  Web: {Type: AWS::EC2::Instance\n"),
        text("broken-json", "{\"Resources\": {\"Web\": }"),
        text("tab", "Resources:\n\tWeb: {Type: AWS::EC2::Instance}\n"),
    ]
}

#[test]
fn cfn_lint_finds_owners_in_the_same_cases() {
    let (cases, folder) = (cases(), folder("templates"));
    let mut script = Command::new(venv::installed("moto", CFN_LINT).join("python"));
    script.arg(SCRIPT).current_dir(&folder);
    for case in &cases {
        std::fs::create_dir_all(folder.join(case.name)).unwrap();
        let path = folder.join(case.name).join("template");
        std::fs::write(&path, &case.text).unwrap();
        script.arg(path);
    }
    let output = script.output().unwrap();
    let theirs: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));

    let mut wrong = Vec::new();
    for case in &cases {
        let path = folder.join(case.name).join("template");
        let theirs = &theirs[path.to_str().unwrap()];
        let mut command =
            support::command(&["preflight", "template", "--policy", "../policy.yaml"]);
        let status = command
            .current_dir(folder.join(case.name))
            .output()
            .unwrap()
            .status;
        let is_read = status.code() != Some(1);
        let Some(theirs) = theirs.as_object() else {
            if is_read {
                wrong.push(format!("{}: only tagwarden reads it", case.name));
            }
            continue;
        };
        if !is_read {
            wrong.push(format!("{}: only cfn-lint reads it", case.name));
            continue;
        }
        let errors = preflight(&folder, case.name, "template", "error");
        let warnings = preflight(&folder, case.name, "template", "warning");
        for (resource, theirs) in theirs {
            let finding = (case.name.to_owned(), resource.clone(), "Owner");
            let ours = if errors.contains(&finding) {
                "never"
            } else if warnings.contains(&finding) {
                "sometimes"
            } else {
                "always"
            };
            let theirs = theirs.as_str().unwrap();
            match case.difference {
                None if ours == theirs => {}
                Some((expected, other, _)) if (expected, other) == (ours, theirs) => {}
                _ => wrong.push(format!(
                    "{}: tagwarden says {ours} of {resource}, cfn-lint {theirs}, and expected is {:?}",
                    case.name, case.difference
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! iam-policy-validator judges the policies of all templates, and the deployer's: actions that exist, resources and
//! condition keys that fit the action, and who may assume a role or use a resource.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::resolved::{Given, Resolved, Whole, every_template};
use crate::venv;

const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/iam-requirements.txt"
);
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/iam.py");

/// What the linter found in a policy.
#[derive(Debug, Deserialize)]
struct Finding {
    policy: String,
    statement: Option<String>,
    check: String,
    message: String,
}

/// The findings that stay: the check, a part of the policy's name and statement, and the reason.
const EXPLAINED: &[(&str, &str, &str)] = &[
    (
        "missing_required_condition_any_of",
        "deployer-policy Some(\"Zips\")",
        "the statement names the bucket, which may be another account's",
    ),
    (
        "overly_permissive",
        "deployer-policy Some(\"Look\")",
        "read only: what a template needs, alarms and mappings, whose ids are not known before",
    ),
    (
        "overly_permissive",
        "deployer-policy Some(\"Mappings\")",
        "a mapping's id is not known before; the condition names the functions",
    ),
    (
        "overly_permissive",
        "deployer-policy-extras Some(\"Slack\")",
        "read only, but for the creation, which has no resource",
    ),
    (
        "overly_permissive",
        "Key.0 Some(\"Account\")",
        "in a key's policy `*` is the key, and this is AWS's default statement, without which nobody can delete the key",
    ),
    (
        "overly_permissive",
        "Key.0 Some(\"Alarms\")",
        "in a key's policy `*` is the key",
    ),
    (
        "overly_permissive",
        "central.Key.0 Some(\"Members\")",
        "in a key's policy `*` is the key, and the conditions name the organization, the roles' path and the services",
    ),
    (
        "forallvalues_allow_without_null_check",
        "TagInstances",
        "EC2 refuses CreateTags without tags, so that there are always keys",
    ),
    (
        "forallvalues_allow_without_null_check",
        "TagVolumes",
        "EC2 refuses CreateTags without tags, so that there are always keys",
    ),
    (
        "confused_deputy_risk",
        "SlackRole",
        "no document says that Amazon Q Developer sends a source, and the role grants nothing",
    ),
    (
        "confused_deputy_risk",
        "InvokeRole",
        "no document says that CloudFormation's hooks send a source, and without it the hook would be silent",
    ),
];

/// Runs the linter on policies: name, kind and document. The caller's name keeps its files apart.
fn judge(caller: &str, policies: &[(String, &'static str, Value)]) -> Vec<Finding> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("iam-{caller}"));
    let policies: Map<String, Value> = policies
        .iter()
        .map(|(name, kind, document)| (name.clone(), json!({"type": kind, "document": document})))
        .collect();
    let python = venv::installed("iam", REQUIREMENTS).join("python");
    let mut judge = Command::new(python)
        .arg(JUDGE)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = judge.stdin.take().unwrap();
    input
        .write_all(Value::from(policies).to_string().as_bytes())
        .unwrap();
    drop(input);
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The policies of a template in two stacks, of which one has everything itself and one uses what others have: name, kind
/// and document.
fn policies(path: &str) -> Vec<(String, &'static str, Value)> {
    let whole = Whole::read(path);
    let template = Path::new(path).file_stem().unwrap().to_string_lossy();
    let mut found = Vec::new();
    for (variant, more) in [("own", OWN), ("shared", SHARED)] {
        let resources = whole.resources(&given(&whole, more));
        found.extend(policies_of(&format!("{variant}.{template}"), &resources));
    }
    found
}

fn policies_of(
    stack: &str,
    resources: &BTreeMap<String, Resolved>,
) -> Vec<(String, &'static str, Value)> {
    let mut found = Vec::new();
    for (id, resource) in resources {
        let properties = &resource.properties;
        let documents = match resource.kind.as_str() {
            "AWS::IAM::Role" => {
                let own = properties["Policies"].as_array().into_iter().flatten();
                let own = own.map(|it| ("IDENTITY_POLICY", &it["PolicyDocument"]));
                let trust = &properties["AssumeRolePolicyDocument"];
                own.chain([("TRUST_POLICY", trust)]).collect()
            }
            "AWS::IAM::Policy" => vec![("IDENTITY_POLICY", &properties["PolicyDocument"])],
            "AWS::KMS::Key" => vec![("RESOURCE_POLICY", &properties["KeyPolicy"])],
            "AWS::DynamoDB::Table" if !properties["ResourcePolicy"].is_null() => {
                vec![(
                    "RESOURCE_POLICY",
                    &properties["ResourcePolicy"]["PolicyDocument"],
                )]
            }
            _ if !properties["PolicyDocument"].is_null() => {
                vec![("RESOURCE_POLICY", &properties["PolicyDocument"])]
            }
            _ => vec![],
        };
        for (at, (kind, document)) in documents.into_iter().enumerate() {
            let name = format!("{stack}.{id}.{at}");
            found.push((name, kind, with_arns(document, resources)));
        }
    }
    found
}

/// What else a stack may have.
const OWN: &[(&str, &str)] = &[
    ("KmsKeyArn", "arn:aws:kms:eu-west-1:111122223333:key/own"),
    ("TagKeys", "Owner,CostCenter"),
];

/// What a stack may use of others.
const SHARED: &[(&str, &str)] = &[
    ("OrganizationId", "o-a1b2c3d4e5"),
    (
        "PolicyTableArn",
        "arn:aws:dynamodb:eu-west-1:222233334444:table/policy",
    ),
    (
        "PolicyKeyArn",
        "arn:aws:kms:eu-west-1:222233334444:key/policy",
    ),
    (
        "ReportTopicArn",
        "arn:aws:sns:eu-west-1:222233334444:reports",
    ),
    (
        "ReportTopicKeyArn",
        "arn:aws:kms:eu-west-1:222233334444:key/reports",
    ),
    (
        "PermissionsBoundary",
        "arn:aws:iam::111122223333:policy/boundary",
    ),
];

/// Everything that acts, and more.
fn given(whole: &Whole, more: &[(&str, &str)]) -> Given {
    const ALL: [(&str, &str); 13] = [
        ("Mode", "enforce"),
        ("Untagged", "stop"),
        ("TerminateAfterDays", "14"),
        ("RulesMayDestroy", "stop-and-terminate"),
        ("ResourceTypes", "AWS::EC2::Instance,AWS::EC2::Volume"),
        ("CreateLettersTopic", "true"),
        (
            "LettersTopicArn",
            "arn:aws:sns:eu-west-1:999999999999:letters",
        ),
        ("ContactTopics", "arn:aws:sns:eu-west-1:111122223333:team-*"),
        ("MailFrom", "tagwarden@acme.example"),
        ("MailDomains", "acme.example"),
        ("SlackWorkspaceId", "T0123ABCDEF"),
        ("SlackChannelId", "C0123ABCDEF"),
        (
            "TriggerTopicArn",
            "arn:aws:sns:eu-west-1:111122223333:reports",
        ),
    ];
    // What has no default.
    let has_default = |name: &str| !whole.template["Parameters"][name]["Default"].is_null();
    let needed = SHARED.iter().filter(|it| !has_default(it.0));
    let known = |it: &&(&str, &str)| !whole.template["Parameters"][it.0].is_null();
    let all: Vec<_> = ALL
        .iter()
        .chain(needed)
        .chain(more)
        .filter(known)
        .copied()
        .collect();
    Given::named("tagwarden").with(&all)
}

/// The document with an ARN in the place of each reference to a resource.
fn with_arns(document: &Value, resources: &BTreeMap<String, Resolved>) -> Value {
    let mut text = document.to_string();
    for (id, resource) in resources {
        let arn = arn(id, &resource.kind);
        for reference in [format!("${{{id}}}"), format!("${{{id}.Arn}}")] {
            text = text.replace(&reference, &arn);
        }
    }
    serde_json::from_str(&text).unwrap()
}

fn arn(id: &str, kind: &str) -> String {
    let (service, place, name) = match kind {
        "AWS::DynamoDB::Table" => ("dynamodb", "eu-west-1", format!("table/{id}")),
        "AWS::SNS::Topic" => ("sns", "eu-west-1", id.to_owned()),
        "AWS::SQS::Queue" => ("sqs", "eu-west-1", id.to_owned()),
        "AWS::KMS::Key" => ("kms", "eu-west-1", format!("key/{id}")),
        "AWS::Lambda::Function" => ("lambda", "eu-west-1", format!("function:{id}")),
        "AWS::Logs::LogGroup" => ("logs", "eu-west-1", format!("log-group:{id}:*")),
        "AWS::Events::Rule" => ("events", "eu-west-1", format!("rule/{id}")),
        "AWS::IAM::Role" => ("iam", "", format!("role/{id}")),
        _ => return id.to_owned(),
    };
    format!("arn:aws:{service}:{place}:111122223333:{name}")
}

#[test]
fn the_policies_have_no_unexplained_findings() {
    let mut policies: Vec<_> = every_template()
        .iter()
        .flat_map(|it| policies(it))
        .collect();
    assert!(policies.len() > 20, "{}", policies.len());
    for (name, policy) in crate::deployer::policies() {
        let name = name.trim_end_matches(".json").to_owned();
        policies.push((name, "IDENTITY_POLICY", policy));
    }
    let mut needed = BTreeSet::new();
    let mut unexplained = Vec::new();
    for finding in judge("templates", &policies) {
        let place = format!("{} {:?}", finding.policy, finding.statement);
        let explained = EXPLAINED
            .iter()
            .find(|it| it.0 == finding.check && place.contains(it.1));
        match explained {
            Some(it) => {
                needed.insert((it.0, it.1));
            }
            None => unexplained.push(format!("{place} {}: {}", finding.check, finding.message)),
        }
    }
    assert_eq!(unexplained, [""; 0], "{}", unexplained.join("\n"));
    let listed: BTreeSet<_> = EXPLAINED.iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(listed, needed, "a reason is not needed any more");
}

/// A linter that is asked wrongly finds nothing, too.
#[test]
fn the_linter_of_policies_finds_what_is_wrong() {
    let statement = |action: &str, resource: &str, condition: Value| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Wrong", "Effect": "Allow", "Action": [action], "Resource": resource, "Condition": condition,
        }]})
    };
    let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/*";
    let nonsense = json!({"StringEquals": {"ec2:Nonsense": "x"}});
    let wrong = [
        (
            "invalid_action",
            statement("ec2:StopInstance", instance, json!({})),
        ),
        (
            "resource_mismatch",
            statement("sqs:SendMessage", instance, json!({})),
        ),
        (
            "invalid_condition_key",
            statement("ec2:CreateTags", instance, nonsense),
        ),
    ];
    let policies = wrong
        .clone()
        .map(|(check, document)| (format!("wrong.{check}"), "IDENTITY_POLICY", document));
    let found = judge("wrong", &policies);
    for (check, _) in wrong {
        let policy = format!("wrong.{check}");
        let is = |it: &Finding| it.check == check && it.policy == policy;
        assert!(found.iter().any(is), "{check}: {found:?}");
    }
}

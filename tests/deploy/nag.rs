//! cdk-nag, AWS's own collection of rules for CDK apps, judges the templates by the packs AWS Solutions and NIST 800-53.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::node;
use crate::resolved::{Whole, every_template};

const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/nag.js");

/// The findings that stay, each with the reason. A rule that ends in `[` is that rule for all of its findings.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "AwsSolutions-IAM5[Resource::*]",
        "these actions have no resources; permissions.rs has the list and demands a comment for each",
    ),
    (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*]",
        "tagwarden judges every instance, and the conditions of the statements exclude those of managers",
    ),
    (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:volume/*]",
        "tagwarden judges every volume",
    ),
    (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:config:<AWS::Region>:<AWS::AccountId>:config-rule/*]",
        "Config generates the id at the end, and the stack does not know the conformance pack's rule",
    ),
    (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>:stack/*]",
        "the hook reads the tags of whatever stack is deployed",
    ),
    (
        "AwsSolutions-IAM5[Resource::{\"Fn::If\":[\"MailFromIsIdentity\"",
        "the identity of an address is itself or any domain above it; ses:FromAddress is limited",
    ),
    (
        "AwsSolutions-L1",
        "Python 3.13 is a supported runtime, and a test of the newest would fail whenever Lambda gets one",
    ),
    (
        "NIST.800.53.R5-CloudWatchLogGroupEncrypted",
        "CloudWatch encrypts with its own key; KmsKeyArn names the customer's",
    ),
    (
        "NIST.800.53.R5-IAMNoInlinePolicy",
        "a role and its policies belong together: a managed policy could be attached to others",
    ),
    (
        "NIST.800.53.R5-LambdaConcurrency",
        "a reservation fails in new accounts; checkov's CKV_AWS_115 has the reason of each function",
    ),
    (
        "NIST.800.53.R5-LambdaDLQ",
        "checkov's CKV_AWS_116 has the reason of each function",
    ),
    (
        "NIST.800.53.R5-LambdaInsideVPC",
        "checkov's CKV_AWS_117 has the reason of each function",
    ),
    (
        "NIST.800.53.R5-DynamoDBInBackupPlan",
        "the tables have point-in-time recovery; a backup plan is the account's and selects by tags, which a stack passes on",
    ),
];

/// Runs cdk-nag on all templates. Returns the rules, each with the resources that break it.
fn judge() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nag");
    fs::create_dir_all(&folder).unwrap();
    let report = folder.join("out/validation-report.json");
    let _ = fs::remove_file(&report);
    let templates: Vec<PathBuf> = every_template()
        .iter()
        .map(|path| {
            let name = Path::new(path).with_extension("json");
            let prepared = folder.join(name.file_name().unwrap());
            fs::write(&prepared, prepare(path).to_string()).unwrap();
            prepared
        })
        .collect();
    let ran = node::script(JUDGE)
        .arg(folder.join("out"))
        .args(templates)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for plugin in report["pluginReports"].as_array().unwrap() {
        if plugin["pluginName"] == "CloudFormation Validate" {
            continue; // cfn-lint checks the same.
        }
        for violation in plugin["violations"].as_array().unwrap() {
            let rule = violation["ruleName"].as_str().unwrap();
            let resources = found.entry(rule.to_owned()).or_default();
            for construct in violation["violatingConstructs"].as_array().unwrap() {
                let path = construct["constructPath"].as_str().unwrap();
                resources.insert(path.replace("/Template", ""));
            }
        }
    }
    found
}

/// The template as CDK reads it.
fn prepare(path: &str) -> Value {
    let mut template = Whole::read(path).template.clone();
    let members = template.as_object_mut().unwrap();
    members.remove("Outputs");
    let resources = members["Resources"].as_object_mut().unwrap();
    // CDK does not know a hook's filter by names. cdk-nag has no rule for hooks.
    resources.retain(|_, it| it["Type"] != "AWS::CloudFormation::LambdaHook");
    for resource in resources.values_mut() {
        // A path until `aws cloudformation package` replaces it.
        if resource["Properties"]["Code"].is_string() {
            resource["Properties"]["Code"] = json!({"S3Bucket": "zips", "S3Key": "zip"});
        }
    }
    template
}

#[test]
fn cdk_nag_finds_nothing_unexplained() {
    let found = judge();
    // It looks at the functions and the tables, or it finds nothing because it reads nothing.
    assert!(found.contains_key("NIST.800.53.R5-IAMNoInlinePolicy"));
    let explains = |rule: &str, explained: &str| {
        rule == explained || explained.ends_with('"') && rule.starts_with(explained)
    };
    let unexplained: Vec<_> = found
        .iter()
        .filter(|(rule, _)| !EXPLAINED.iter().any(|(it, _)| explains(rule, it)))
        .collect();
    assert_eq!(unexplained, []);
    let unneeded: Vec<_> = EXPLAINED
        .iter()
        .filter(|(it, _)| !found.keys().any(|rule| explains(rule, it)))
        .collect();
    assert_eq!(unneeded, [] as [&(&str, &str); 0]);
}

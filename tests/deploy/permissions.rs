//! The roles grant exactly what the code calls. `docs/permissions.md` is the table of grants and calls.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::code::{self, Calls};
use crate::template::{HOOK, STACK, Statement, Template};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");

/// Grants that no source line names, each with what needs it.
const BY_OTHERS: [(&str, &str, &str); 12] = [
    (
        "",
        "logs:CreateLogStream",
        "Lambda, to write the function's log",
    ),
    (
        "",
        "logs:PutLogEvents",
        "Lambda, to write the function's log",
    ),
    (
        "RemediationRole",
        "sqs:DeleteMessage",
        "Lambda, to feed the queue's messages to the function",
    ),
    (
        "RemediationRole",
        "sqs:GetQueueAttributes",
        "Lambda, to feed the queue's messages to the function",
    ),
    (
        "RemediationRole",
        "sqs:ReceiveMessage",
        "Lambda, to feed the queue's messages to the function",
    ),
    (
        "RemediationRole",
        "kms:Decrypt",
        "DynamoDB, to read and write an encrypted table; SNS, to accept a message for an encrypted topic",
    ),
    (
        "RuleRole",
        "kms:Decrypt",
        "DynamoDB, to read an encrypted table",
    ),
    (
        "SeedRole",
        "kms:Decrypt",
        "DynamoDB, to read and write an encrypted table",
    ),
    (
        "RemediationRole",
        "kms:GenerateDataKey",
        "SNS, to accept a message for an encrypted topic",
    ),
    (
        "AutomationRole",
        "lambda:InvokeFunction",
        "the script in RemediationDocument",
    ),
    (
        "HookRole",
        "kms:Decrypt",
        "DynamoDB, to read an encrypted table",
    ),
    (
        "InvokeRole",
        "lambda:InvokeFunction",
        "CloudFormation, to ask the hook",
    ),
];

/// The statements of both templates.
fn statements() -> Vec<Statement> {
    let of = |template| Template::read(template).statements;
    of(STACK).into_iter().chain(of(HOOK)).collect()
}

/// What needs an action that a role grants; `None` if nothing does.
pub fn needed_by(role: &str, action: &str) -> Option<String> {
    let others = BY_OTHERS
        .iter()
        .find(|(of, granted, _)| *granted == action && (of.is_empty() || *of == role));
    if let Some((_, _, who)) = others {
        return Some((*who).to_owned());
    }
    let calls = match role {
        "RuleRole" => code::of_the_rule(),
        "RemediationRole" => code::of_the_remediation(),
        "HookRole" => code::of_the_hook(),
        // Its function is in the template itself.
        "SeedRole" => ["dynamodb:PutItem", "dynamodb:Scan"]
            .map(|call| {
                (
                    call.to_owned(),
                    ["cloudformation/tagwarden.yaml".to_owned()].into(),
                )
            })
            .into(),
        _ => Calls::new(),
    };
    let files = calls.get(action)?;
    let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    Some(files.join(", "))
}

fn granted(statements: &[Statement], role: &str) -> BTreeSet<String> {
    let of_the_role = statements.iter().filter(|statement| statement.role == role);
    of_the_role
        .flat_map(|statement| statement.actions.clone())
        .collect()
}

#[test]
fn grants_every_call_in_the_code() {
    let statements = statements();
    for (role, calls) in [
        ("RuleRole", code::of_the_rule()),
        ("HookRole", code::of_the_hook()),
        ("RemediationRole", code::of_the_remediation()),
    ] {
        let granted = granted(&statements, role);
        for (call, files) in calls {
            assert!(
                granted.contains(&call),
                "{call}, in {files:?}, is not granted to {role} in its template"
            );
        }
    }
}

#[test]
fn grants_nothing_unneeded() {
    for statement in statements() {
        for action in &statement.actions {
            let (role, sid) = (&statement.role, &statement.sid);
            assert!(
                needed_by(role, action).is_some(),
                "{action} is granted to {role} ({sid}) in its template, and nothing calls it"
            );
        }
    }
}

#[test]
fn grants_nothing_wider_than_needed() {
    // The actions for which AWS's Service Authorization Reference lists no resource.
    const WITHOUT_RESOURCES: [&str; 8] = [
        "cloudtrail:LookupEvents",
        "config:GetResourceConfigHistory",
        "config:PutEvaluations",
        "ec2:DescribeInstances",
        "ec2:DescribeSpotInstanceRequests",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
    ];
    let text = [STACK, HOOK].map(|it| std::fs::read_to_string(it).unwrap());
    let text = text.join("\n");
    for statement in statements() {
        assert_eq!(statement.effect, "Allow", "{statement:?}");
        let wildcard = statement.actions.iter().find(|action| action.contains('*'));
        assert_eq!(wildcard, None, "{statement:?}");
        if statement.resources.iter().any(|resource| resource == "*") {
            for action in &statement.actions {
                assert!(
                    WITHOUT_RESOURCES.contains(&action.as_str()),
                    "{statement:?}"
                );
            }
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for pair in lines.windows(2) {
        if pair[1] == r#"Resource: "*""# {
            assert!(
                pair[0].starts_with(r#"# "*": "#),
                "a wildcard resource without a comment, after {:?}",
                pair[0]
            );
        }
    }
}

/// In a dry run the remediation's role must be able to change nothing but its own ledger.
#[test]
fn grants_instance_changes_only_when_enforcing() {
    for statement in statements() {
        for action in &statement.actions {
            let condition = match action.as_str() {
                "ec2:CreateTags" if statement.sid == "TagVolumes" => Some("TagsVolumes"),
                "ec2:CreateTags" => Some("TagsInstances"),
                "ec2:StopInstances" => Some("MayStop"),
                "ec2:TerminateInstances" => Some("MayTerminate"),
                "ec2:DescribeVolumes" => Some("CoversVolumes"),
                _ if action.starts_with("ec2:Describe") => None,
                _ if action.starts_with("ec2:") => {
                    panic!("{action}: this test does not know under which condition to grant it")
                }
                _ => continue,
            };
            assert_eq!(statement.condition.as_deref(), condition, "{statement:?}");
        }
    }
}

/// Compares docs/permissions.md with the template and the sources. Rewrites it if `UPDATE_DOCS` is set.
#[test]
fn documented_table_is_current() {
    let table = table(&statements()) + &crate::combinations::tables();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let written = std::fs::read_to_string(TABLE).unwrap_or_default();
    assert_eq!(
        written, table,
        "docs/permissions.md is out of date: UPDATE_DOCS=1 cargo test --test deploy"
    );
}

fn table(statements: &[Statement]) -> String {
    let mut text = "\
# What each role may do, and what needs it

Made from `cloudformation/tagwarden.yaml`, `cloudformation/hook.yaml` (HookRole, InvokeRole) and the functions' sources by
`tests/deploy/permissions.rs`, which fails when a call is not granted, a grant is not needed, or this table is out of date. To rewrite it:
`UPDATE_DOCS=1 cargo test --test deploy`.

| Role | Granted | Statement | Action | Resource | Only where | Needed by |
|---|---|---|---|---|---|---|
"
    .to_owned();
    for statement in statements {
        let when = statement.condition.as_deref().unwrap_or_default();
        let when: Vec<&str> = when.split(" and ").map(in_words).collect();
        let when = when.join(", and ");
        let resources = statement.resources.join("`, `");
        let mut conditions = Vec::new();
        for (test, value) in &statement.conditions {
            conditions.push(format!("`{test}: {value}`"));
        }
        for action in &statement.actions {
            let Statement { role, sid, .. } = statement;
            let who = needed_by(role, action).unwrap_or_default();
            let conditions = conditions.join(", ");
            let _ = writeln!(
                text,
                "| {role} | {when} | {sid} | `{action}` | `{resources}` | {conditions} | {who} |"
            );
        }
    }
    text
}

/// What a condition of the template means; the empty text is none.
fn in_words(condition: &str) -> &str {
    match condition {
        "" => "always",
        "CoversVolumes" => "`ResourceTypes` has volumes",
        "TagsInstances" => "`Mode=enforce`, and `ResourceTypes` has instances",
        "TagsVolumes" => "`Mode=enforce`, and `ResourceTypes` has volumes",
        "MayStop" => {
            "`Mode=enforce`, `ResourceTypes` has instances, and `Untagged` or `RulesMayDestroy` stops"
        }
        "MayTerminate" => {
            "`Mode=enforce`, `ResourceTypes` has instances, and `Untagged`, `RulesMayDestroy` or `TerminateAfterDays` terminates"
        }
        "CreatesLettersTopic" => "`CreateLettersTopic=true`",
        "SendsMail" => "`MailFrom` and `MailDomains` are set",
        "HasContactTopics" => "`ContactTopics` names topics",
        "SeedsPolicy" => "`SeedPolicy=true`, and `PolicyTableArn` is empty",
        "HasKmsKey" => "`KmsKeyArn` names a key",
        "EncryptsPolicyTable" => "`KmsKeyArn` names a key, and `PolicyTableArn` is empty",
        "HasPolicyKey" => "`PolicyKeyArn` names a key",
        "OwnsTopics" => "`ReportTopicArn` is empty, or `CreateLettersTopic=true`",
        "HasReportTopicKey" => "`ReportTopicKeyArn` names a key",
        other => other,
    }
}

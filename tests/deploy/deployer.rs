//! `cloudformation/deployer-policy.json` and `deployer-policy-extras.json` allow what a deployment needs, and nothing else.
//!
//! CloudFormation makes the stack's resources with the deployer's permissions. The provider's schemas say which actions
//! each type needs for each operation; what of this the templates do not use is listed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::deployer_unused::UNUSED;
use crate::resolved::{Whole, plain};
use crate::template::{CENTRAL, HOOK, MEMBERS, STACK};

/// The policy of the stack, and the policy for the hook and for Slack.
const POLICIES: [&str; 2] = ["deployer-policy.json", "deployer-policy-extras.json"];
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deployer.md");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/deploy");

/// Actions that no schema names, each with what needs it.
const BY_OTHERS: &[(&str, &str)] = &[
    (
        "cloudformation:ContinueUpdateRollback",
        "whoever fixes a failed rollback",
    ),
    (
        "cloudformation:CreateChangeSet",
        "`aws cloudformation deploy`",
    ),
    (
        "cloudformation:DeleteChangeSet",
        "whoever rejects a change set",
    ),
    ("cloudformation:DeleteStack", "whoever removes the stack"),
    (
        "cloudformation:DescribeChangeSet",
        "`aws cloudformation deploy`",
    ),
    (
        "cloudformation:DescribeStackEvents",
        "whoever reads why a deployment failed",
    ),
    (
        "cloudformation:DescribeStacks",
        "`aws cloudformation deploy`, and `scripts/deploy` for the outputs",
    ),
    (
        "cloudformation:ExecuteChangeSet",
        "`aws cloudformation deploy`",
    ),
    (
        "cloudformation:RollbackStack",
        "whoever takes back what `--disable-rollback` left",
    ),
    (
        "cloudformation:GetTemplateSummary",
        "`aws cloudformation deploy`",
    ),
    (
        "cloudformation:ListStackResources",
        "`scripts/deploy`, for the policy table, `tagwarden doctor`, and whoever looks for a resource",
    ),
    (
        "lambda:InvokeFunction",
        "CloudFormation, to fill a new policy table",
    ),
    ("s3:GetBucketLocation", "`aws cloudformation package`"),
    (
        "s3:ListBucket",
        "`aws cloudformation package`, which looks for the same zip",
    ),
    (
        "s3:PutObject",
        "`aws cloudformation package`, for the zips and the template",
    ),
];

/// The calls of `scripts/deploy`, with the actions that they take.
const CALLS: &[(&str, &[&str])] = &[
    (
        "cloudformation package",
        &[
            "s3:GetBucketLocation",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:PutObject",
        ],
    ),
    (
        "cloudformation deploy",
        &[
            "cloudformation:CreateChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplateSummary",
            "s3:PutObject",
        ],
    ),
    (
        "cloudformation describe-stacks",
        &["cloudformation:DescribeStacks"],
    ),
    ("s3 cp", &["s3:PutObject"]),
    ("s3api get-bucket-location", &["s3:GetBucketLocation"]),
    ("dynamodb describe-table", &["dynamodb:DescribeTable"]),
    (
        "cloudformation list-stack-resources",
        &["cloudformation:ListStackResources"],
    ),
    (
        "cloudformation describe-stack-events",
        &["cloudformation:DescribeStackEvents"],
    ),
    (
        "cloudformation describe-change-set",
        &["cloudformation:DescribeChangeSet"],
    ),
    (
        "cloudformation execute-change-set",
        &["cloudformation:ExecuteChangeSet"],
    ),
    (
        "cloudformation delete-change-set",
        &["cloudformation:DeleteChangeSet"],
    ),
    ("cloudformation wait", &["cloudformation:DescribeStacks"]),
    // Of this machine only.
    ("configure get", &[]),
    // What it advises.
    (
        "cloudformation rollback-stack",
        &["cloudformation:RollbackStack"],
    ),
    (
        "cloudformation delete-stack",
        &["cloudformation:DeleteStack"],
    ),
    (
        "cloudformation continue-update-rollback",
        &["cloudformation:ContinueUpdateRollback"],
    ),
];

/// The policies, by their file.
pub fn policies() -> Vec<(&'static str, Value)> {
    let folder = Path::new(STACK).parent().unwrap();
    let read = |name: &'static str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        (name, serde_json::from_str(&text).unwrap())
    };
    POLICIES.map(read).into()
}

/// The statements of both policies.
fn statements() -> Vec<Value> {
    let of = |(_, policy): (_, Value)| policy["Statement"].as_array().unwrap().clone();
    policies().into_iter().flat_map(of).collect()
}

/// What a deployer deploys, or a `StackSet` with the deployer's policies.
const TEMPLATES: [&str; 4] = [STACK, HOOK, MEMBERS, CENTRAL];

/// The actions of a statement.
fn actions(statement: &Value) -> BTreeSet<String> {
    let actions = statement["Action"].as_array().unwrap().iter();
    actions.map(plain).collect()
}

fn allowed() -> BTreeSet<String> {
    statements().iter().flat_map(actions).collect()
}

/// The actions that the types of the templates need, with the types.
fn needed() -> BTreeMap<String, BTreeSet<String>> {
    needed_for(&TEMPLATES)
}

fn needed_for(templates: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut needed = BTreeMap::<String, BTreeSet<String>>::new();
    for template in templates {
        for (kind, schema) in &Whole::read(template).schemas {
            for operation in ["create", "read", "update", "delete"] {
                let actions = schema["handlers"][operation]["permissions"].as_array();
                for action in actions.into_iter().flatten().map(plain) {
                    let unused = |it: &&(&str, &str, &[&str])| {
                        it.0 == kind && it.2.contains(&action.as_str())
                    };
                    if !UNUSED.iter().any(|it| unused(&it)) {
                        needed.entry(action).or_default().insert(kind.clone());
                    }
                }
            }
        }
    }
    needed
}

#[test]
fn the_deployer_may_do_what_every_resource_needs() {
    let allowed = allowed();
    let missing: Vec<_> = needed()
        .into_iter()
        .filter(|(action, _)| !allowed.contains(action))
        .collect();
    assert_eq!(missing, []);
    for (action, _) in BY_OTHERS {
        assert!(allowed.contains(*action), "{action}");
    }
}

/// The role of a self-managed `StackSet` needs the first policy only.
#[test]
fn the_first_policy_is_enough_for_members() {
    let (_, first) = policies().swap_remove(0);
    let statements = first["Statement"].as_array().unwrap().iter();
    let allowed: BTreeSet<String> = statements.flat_map(actions).collect();
    for (action, kinds) in needed_for(&[MEMBERS]) {
        let is_for_the_central_table = ["PutResourcePolicy", "DeleteResourcePolicy"]
            .iter()
            .any(|it| action == format!("dynamodb:{it}"));
        assert_eq!(
            allowed.contains(&action),
            !is_for_the_central_table,
            "{action} for {kinds:?}"
        );
    }
    for template in [STACK, MEMBERS] {
        let written = Whole::read(template).template.to_string();
        assert!(!written.contains("\"ResourcePolicy\""), "{template}");
    }
}

#[test]
fn the_deployer_may_do_nothing_else() {
    let needed = needed();
    for action in allowed() {
        let by_others = BY_OTHERS.iter().any(|it| it.0 == action);
        assert!(
            by_others || needed.contains_key(&action),
            "nothing needs {action}"
        );
        assert!(!action.contains('*'), "{action}");
    }
    for (action, _) in BY_OTHERS {
        let both = needed.contains_key(*action);
        assert!(
            !both,
            "{action}: a schema names it, so that it needs no other reason"
        );
    }
}

#[test]
fn what_is_left_out_is_for_properties_that_no_template_has() {
    let templates = TEMPLATES.map(Whole::read);
    for (kind, property, actions) in UNUSED {
        let mut named = BTreeSet::new();
        for whole in &templates {
            let resources = whole.template["Resources"].as_object().unwrap();
            for (id, resource) in resources.iter().filter(|(_, it)| it["Type"] == *kind) {
                assert!(
                    resource["Properties"][property].is_null(),
                    "{id} has {property}"
                );
            }
            let text = whole
                .schemas
                .get(*kind)
                .map(|it| it["handlers"].to_string());
            let text = text.unwrap_or_default();
            named.extend(
                actions
                    .iter()
                    .filter(|it| text.contains(&format!("\"{it}\""))),
            );
        }
        let listed: BTreeSet<_> = actions.iter().collect();
        assert_eq!(
            named, listed,
            "{kind} {property}: the schema does not name these"
        );
    }
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>: blanks do not count.
#[test]
fn each_deployer_policy_fits_into_a_managed_policy() {
    for (name, policy) in policies() {
        let size = policy.to_string().len();
        assert!(size <= 6144, "{name}: {size}");
    }
}

/// What acts on something is limited to what the stack may have made.
#[test]
fn the_deployer_acts_on_the_stack_only() {
    const READING: [&str; 4] = ["Describe", "Get", "List", "BatchDescribe"];
    // What has no resources.
    const ELSEWHERE: [&str; 4] = [
        "chatbot:CreateSlackChannelConfiguration",
        "cloudformation:ActivateType",
        "cloudformation:DeactivateType",
        "cloudformation:SetTypeConfiguration",
    ];
    for statement in statements() {
        if statement["Resource"] != "*" || !statement["Condition"].is_null() {
            continue;
        }
        for action in actions(&statement) {
            let (_, operation) = action.split_once(':').unwrap();
            let reads = READING.iter().any(|it| operation.starts_with(it));
            assert!(reads || ELSEWHERE.contains(&action.as_str()), "{action}");
        }
    }
}

/// The script makes no call that is not in the list above.
#[test]
fn the_deployer_may_run_the_script() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    // The script's own names for its calls.
    let script = script.replace("formation ", "aws cloudformation ");
    let script = script.replace("cloudaws cloudformation ", "cloudformation ");
    let script = script.replace("cloud ", "aws ");
    let call = regex_lite::Regex::new(
        r"(?m)(?:^|\$\(|\||&&|if|!)\s*aws (?:--[a-z-]+ \S+ )*([a-z0-9]+ [a-z0-9-]+)\b",
    )
    .unwrap();
    let allowed = allowed();
    let mut called = BTreeSet::new();
    for found in call.captures_iter(&script) {
        let words = found[1].to_owned();
        let known = CALLS.iter().find(|it| it.0 == words);
        let (_, actions) = known.unwrap_or_else(|| panic!("scripts/deploy calls aws {words}"));
        for action in *actions {
            assert!(allowed.contains(*action), "{action}");
        }
        called.insert(words);
    }
    assert_eq!(called.len(), CALLS.len(), "{called:?}");
}

/// The variant of the guide: roles only with the boundary.
#[test]
fn the_guide_limits_roles_to_a_boundary() {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let (_, block) = guide.split_once("```json\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let mut variant: Value = serde_json::from_str(block).unwrap();
    let statements = statements();
    let mut original = statements
        .iter()
        .find(|it| it["Sid"] == variant["Sid"])
        .unwrap()
        .clone();
    let boundary = "arn:aws:iam::111122223333:policy/boundary";
    assert_eq!(
        variant["Condition"].take(),
        json!({"StringEquals": {"iam:PermissionsBoundary": boundary}})
    );
    let mut without = actions(&original);
    // Whoever may take the boundary away has none.
    assert!(without.remove("iam:DeleteRolePermissionsBoundary"));
    assert_eq!(actions(&variant), without);
    for it in [&mut variant, &mut original] {
        it.as_object_mut()
            .unwrap()
            .retain(|name, _| !["Action", "Condition"].contains(&name.as_str()));
    }
    assert_eq!(variant, original);
}

/// Compares the table in docs/deployer.md with the policy. Rewrites it if `UPDATE_DOCS` is set.
#[test]
fn the_table_of_the_guide_is_current() {
    const START: &str = "<!-- Made by tests/deploy/deployer.rs -->\n";
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let (before, _) = guide.split_once(START).unwrap();
    let current = format!("{before}{START}{}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(GUIDE, &current).unwrap();
    } else {
        assert_eq!(
            guide, current,
            "out of date: UPDATE_DOCS=1 cargo test --test deploy"
        );
    }
}

fn table() -> String {
    let needed = needed();
    let mut text = "\n| Statement | On | Actions | Needed by |\n|---|---|---|---|\n".to_owned();
    for statement in statements() {
        let resources = match &statement["Resource"] {
            Value::Array(all) => all.iter().map(plain).collect(),
            one => vec![plain(one)],
        };
        let actions = actions(&statement);
        let mut by = BTreeSet::new();
        for action in &actions {
            let kinds = needed.get(action).cloned().unwrap_or_default();
            by.extend(kinds.iter().map(|it| it.replace("AWS::", "")));
            by.extend(
                BY_OTHERS
                    .iter()
                    .filter(|it| it.0 == action)
                    .map(|it| it.1.to_owned()),
            );
        }
        let listed = |all: Vec<String>| all.join(", ");
        let code = |all: Vec<String>| listed(all.into_iter().map(|it| format!("`{it}`")).collect());
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            plain(&statement["Sid"]),
            code(resources),
            code(actions.into_iter().collect()),
            listed(by.into_iter().collect()),
        );
    }
    text
}

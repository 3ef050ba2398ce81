//! The policy table and the ledger.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ScalarAttributeType, SseType, TableDescription};
use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::{Item, read_items, row};
use tagwarden_core::Policy;

use super::checks::{
    Area, Check, LEDGER_KEY, LEDGER_MISSING, LEDGER_UNPROTECTED, LEDGER_UNSET, POLICY_CAUTION,
    POLICY_EMPTY, POLICY_HELD, POLICY_INVALID, POLICY_KEY, POLICY_MISSING, POLICY_UNPROTECTED,
};
use super::exam::{Exam, Look, UnseenNoted};
use super::functions::FunctionPair;
use super::stack::StackParts;

const ABSENT: [&str; 1] = ["ResourceNotFoundException"];

/// The most problems of a policy that a message has. `tagwarden check` shows all.
const MOST_PROBLEMS: usize = 3;

/// The rows that say something about the policy, and are no rules, do not make a policy.
const RULE_ATTRIBUTE: &str = "TagKey";

/// What was seen of the tables.
#[derive(Clone, Debug, Default)]
pub struct TableViews {
    /// The policy; `None` if it was not seen, or is not valid.
    pub policy: Option<Policy>,
    /// The ARN of the key of KMS that encrypts the policy table, which may be AWS's own.
    pub policy_key: Option<String>,
    /// The same of the ledger.
    pub ledger_key: Option<String>,
    /// The policy table's name or ARN.
    pub policy_table: Option<String>,
    /// The ledger's name.
    pub ledger: Option<String>,
}

/// Looks at both tables.
pub async fn examine(exam: &mut Exam, pair: &FunctionPair, parts: &StackParts) -> TableViews {
    let named = |variable: &str, logical: &str| {
        let function = pair.remediation.as_ref().or(pair.rule.as_ref());
        let set = function.and_then(|it| it.variable(variable));
        set.or_else(|| parts.id(logical).map(ToOwned::to_owned))
    };
    let mut views = TableViews {
        policy_table: named("TAGWARDEN_POLICY_TABLE", "PolicyTable"),
        ledger: named("TAGWARDEN_LEDGER_TABLE", "LedgerTable"),
        ..TableViews::default()
    };
    examine_policy(exam, &mut views).await;
    examine_ledger(exam, pair, &mut views).await;
    views
}

async fn examine_policy(exam: &mut Exam, views: &mut TableViews) {
    let Some(table) = views.policy_table.clone() else {
        let look = Look::new(Area::Policy, "whether the policy is valid");
        exam.not_asked(
            look,
            "neither a function's settings nor the stack name the table",
        );
        return;
    };
    let client = Client::new(&exam.config_of(&table));
    let expected = [("RuleId", ScalarAttributeType::N)];
    let look = Look::minor(
        Area::Policy,
        "whether the policy table is protected from deletion",
    );
    let described = describe(&client, &table).await;
    match exam.see_if_any(look, &ABSENT, described) {
        Ok(None) => {
            let what = format!("The policy table {table} does not exist.");
            let deploy = exam.deploy(&["CreatePolicyTable=true"]);
            exam.complain(POLICY_MISSING, what, [deploy]);
            return;
        }
        Ok(Some(described)) => {
            views.policy_key = key_of(&described);
            if !has_key(&described, &expected) {
                let what = format!("The key of the table {table} is not the number RuleId.");
                let deploy = exam.deploy(&["PolicyTableName=NAME"]);
                exam.complain(POLICY_KEY, what, [deploy]);
                return;
            }
            judge_protection(exam, POLICY_UNPROTECTED, &table, &described);
        }
        Err(UnseenNoted) => {}
    }
    let look = Look::new(Area::Policy, "whether the policy is valid");
    let items = read_items(&client, &table).await;
    if let Some(items) = exam.see(look, items) {
        views.policy = judge_policy(exam, &table, items);
    }
}

fn judge_policy(exam: &mut Exam, table: &str, items: Vec<Item>) -> Option<Policy> {
    let push = exam.tagwarden_for(table, &["push", "policy.yaml"]);
    let elsewhere = exam.elsewhere(table);
    if !items.iter().any(|item| item.contains_key(RULE_ATTRIBUTE)) {
        let what = format!("The policy table {table} has no rules.{elsewhere}");
        exam.complain(POLICY_EMPTY, what, [push]);
        return None;
    }
    let held = items.iter().find(|item| item.contains_key("Hold"));
    let held = held.and_then(|item| item.get("RuleId")?.as_n().ok().cloned());
    let policy = match Policy::from_rows(items.into_iter().map(row)) {
        Ok(policy) => policy,
        Err(invalid) => {
            let problems = invalid.problems();
            let first = problems.iter().take(MOST_PROBLEMS).map(ToString::to_string);
            let first: Vec<String> = first.collect();
            let more = problems.len().saturating_sub(MOST_PROBLEMS);
            let more = match more {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let what = format!(
                "The policy table {table} is not valid: {}{more}.{elsewhere}",
                first.join("; ")
            );
            let fixes = [
                exam.tagwarden_for(table, &["pull", "policy.yaml"]),
                "tagwarden check policy.yaml".to_owned(),
                push,
            ];
            exam.complain(POLICY_INVALID, what, fixes);
            return None;
        }
    };
    if let Some(reason) = policy.hold() {
        let what = format!(
            "Nothing is written or shut down, because the policy table {table} holds: {reason}.{elsewhere}"
        );
        let key = format!(r#"{{"RuleId": {{"N": "{}"}}}}"#, held.unwrap_or_default());
        let delete = [
            "dynamodb",
            "delete-item",
            "--table-name",
            table,
            "--key",
            &key,
        ];
        let delete = exam.aws_at(table, &delete);
        exam.complain(POLICY_HELD, what, [delete]);
    }
    for caution in policy.cautions() {
        let what = format!("The policy table {table}, {caution}.{elsewhere}");
        let fixes = [
            exam.tagwarden_for(table, &["pull", "policy.yaml"]),
            push.clone(),
        ];
        exam.complain(POLICY_CAUTION, what, fixes);
    }
    Some(policy)
}

async fn examine_ledger(exam: &mut Exam, pair: &FunctionPair, views: &mut TableViews) {
    let Some(table) = views.ledger.clone() else {
        let look = Look::new(Area::Ledger, "whether there is a ledger");
        if pair.remediation.is_some() {
            let what = "The remediation has no ledger (TAGWARDEN_LEDGER_TABLE).";
            let repair = exam.repair();
            exam.complain(LEDGER_UNSET, what, repair);
        } else {
            exam.not_asked(look, "the remediation's settings were not seen");
        }
        return;
    };
    let look = Look::new(Area::Ledger, "whether there is a ledger");
    let client = Client::new(&exam.config_of(&table));
    let described = describe(&client, &table).await;
    let Ok(described) = exam.see_if_any(look, &ABSENT, described) else {
        return;
    };
    let Some(described) = described else {
        let what = format!("The ledger {table} does not exist.");
        let repair = exam.repair();
        exam.complain(LEDGER_MISSING, what, repair);
        return;
    };
    views.ledger_key = key_of(&described);
    let expected = [
        ("Pk", ScalarAttributeType::S),
        ("Sk", ScalarAttributeType::S),
    ];
    if !has_key(&described, &expected) {
        let what = format!("The key of the table {table} is not Pk and Sk.");
        let repair = exam.repair();
        exam.complain(LEDGER_KEY, what, repair);
        return;
    }
    judge_protection(exam, LEDGER_UNPROTECTED, &table, &described);
}

async fn describe(client: &Client, table: &str) -> Result<TableDescription, AwsError> {
    const CALL: &str = "dynamodb:DescribeTable";
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| AwsError::new(CALL, &error))?;
    let none = || AwsError::unreadable(CALL, "the answer describes no table");
    described.table.ok_or_else(none)
}

/// Whether the table has this key: the names and types of its attributes, the partition key first.
fn has_key(described: &TableDescription, expected: &[(&str, ScalarAttributeType)]) -> bool {
    let schema = described.key_schema();
    let is_it = |name: &str, of: &ScalarAttributeType| {
        let mut definitions = described.attribute_definitions().iter();
        definitions.any(|it| it.attribute_name() == name && it.attribute_type() == of)
    };
    schema.len() == expected.len()
        && schema
            .iter()
            .zip(expected)
            .all(|(element, (name, of))| element.attribute_name() == *name && is_it(name, of))
}

fn judge_protection(exam: &mut Exam, check: Check, table: &str, described: &TableDescription) {
    if described.deletion_protection_enabled() == Some(true) {
        return;
    }
    let what = format!(
        "The table {table} is not protected from deletion.{}",
        exam.elsewhere(table)
    );
    let protect = exam.aws_at(
        table,
        &[
            "dynamodb",
            "update-table",
            "--table-name",
            table,
            "--deletion-protection-enabled",
        ],
    );
    exam.complain(check, what, [protect]);
}

/// The key that encrypts the table, if KMS has it.
fn key_of(described: &TableDescription) -> Option<String> {
    let encryption = described.sse_description()?;
    let is_kms = encryption.sse_type() == Some(&SseType::Kms);
    let key = encryption.kms_master_key_arn().filter(|_| is_kms)?;
    Some(key.to_owned())
}

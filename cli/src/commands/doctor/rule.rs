//! The Config rule, the stack's or the conformance pack's: whether it is there, may call the function, and works.

use aws_sdk_config::Client;
use aws_sdk_config::types::{
    ConfigRule, ConfigRuleEvaluationStatus, ConfigRuleState, RemediationException,
};
use serde_json::Value;
use tagwarden_aws::AwsError;
use tagwarden_core::{Kind, Kinds};

use super::checks::{
    Area, REMEDIATION_EXCEPTIONS, RULE_FAILING, RULE_MISSING, RULE_NOT_ACTIVE, RULE_NOT_ALLOWED,
    RULE_SCOPE, RULE_TWICE,
};
use super::exam::{Exam, Look};
use super::functions::LambdaFunction;
use super::stack::StackParts;
use crate::words::count;

/// The most resources with an exception that a message names, and its command.
const MOST_NAMED: usize = 5;

/// Looks at every Config rule that calls the function. Gives their names, as far as they were seen.
pub async fn examine(
    exam: &mut Exam,
    function: Option<&LambdaFunction>,
    parts: &StackParts,
    kinds: Kinds,
) -> Vec<String> {
    let Some(function) = function else {
        let look = Look::new(
            Area::ConfigRule,
            "whether a Config rule calls the rule's function",
        );
        exam.not_asked(look, "the rule's function was not seen");
        return Vec::new();
    };
    let client = Client::new(&exam.access.config);
    judge_permission(exam, function).await;
    let look = Look::new(
        Area::ConfigRule,
        "whether a Config rule calls the rule's function",
    );
    let rules = client.describe_config_rules().into_paginator().items();
    let rules = rules.send().try_collect().await;
    let rules: Result<Vec<ConfigRule>, _> = rules;
    let rules = rules.map_err(|error| AwsError::new("config:DescribeConfigRules", &error));
    let Some(mut rules) = exam.see(look, rules) else {
        return Vec::new();
    };
    rules.retain(|rule| {
        let source = rule.source().and_then(|it| it.source_identifier());
        source.is_some_and(|it| it == function.arn)
    });
    let names: Vec<&str> = rules
        .iter()
        .filter_map(|it| it.config_rule_name())
        .collect();
    match names.as_slice() {
        [] => {
            let mut what = format!("No Config rule calls the function {}.", function.name);
            let deploy = exam.deploy(&["CreateConfigRule=true"]);
            let mut fixes = vec![deploy];
            if parts.parameter("CreateConfigRule") == Some("false") {
                what.push_str(" The stack leaves the rule to a conformance pack.");
                let packs = ["configservice", "describe-conformance-pack-status"];
                fixes.insert(0, exam.aws(&packs));
            }
            exam.complain(RULE_MISSING, what, fixes);
        }
        [_] => {}
        several => {
            let what = format!(
                "Several Config rules call the function {}: {}.",
                function.name,
                several.join(", ")
            );
            // The pack's rule has the Remediate button.
            let deploy = exam.deploy(&["CreateConfigRule=false"]);
            exam.complain(RULE_TWICE, what, [deploy]);
        }
    }
    for rule in &rules {
        judge_rule(exam, rule, kinds);
    }
    for name in &names {
        judge_evaluation(exam, &client, function, name).await;
        judge_exceptions(exam, &client, name).await;
    }
    names.into_iter().map(ToOwned::to_owned).collect()
}

fn judge_rule(exam: &mut Exam, rule: &ConfigRule, kinds: Kinds) {
    let name = rule.config_rule_name().unwrap_or_default();
    let state = rule.config_rule_state();
    if let Some(state) = state.filter(|it| **it != ConfigRuleState::Active) {
        let what = format!("The Config rule {name} is in {}.", state.as_str());
        let deploy = exam.deploy(&[]);
        exam.complain(RULE_NOT_ACTIVE, what, [deploy]);
    }
    let Some(scope) = rule.scope() else {
        return;
    };
    let covered = scope.compliance_resource_types();
    let left = kinds.iter().map(Kind::config_type);
    let left: Vec<&str> = left
        .filter(|it| !covered.iter().any(|covered| covered == it))
        .collect();
    if !covered.is_empty() && !left.is_empty() {
        let what = format!(
            "The Config rule {name} does not cover {}.",
            left.join(" and ")
        );
        let types: Vec<&str> = kinds.iter().map(Kind::config_type).collect();
        let deploy = exam.deploy(&[&format!("ResourceTypes={}", types.join(","))]);
        exam.complain(RULE_SCOPE, what, [deploy]);
    }
}

/// Config calls the function by its resource policy.
async fn judge_permission(exam: &mut Exam, function: &LambdaFunction) {
    let look = Look::new(
        Area::ConfigRule,
        "whether AWS Config may call the rule's function",
    );
    let client = aws_sdk_lambda::Client::new(&exam.access.config);
    let policy = client.get_policy().function_name(&function.name);
    let policy = policy.send().await;
    let policy = policy.map_err(|error| AwsError::new("lambda:GetPolicy", &error));
    let Ok(policy) = exam.see_if_any(look, &["ResourceNotFoundException"], policy) else {
        return;
    };
    let policy = policy.and_then(|it| it.policy).unwrap_or_default();
    let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
    let statements = policy.get("Statement").and_then(Value::as_array);
    let account = exam.access.account.as_deref().ok();
    let mut statements = statements.into_iter().flatten();
    if statements.any(|statement| allows_config(statement, account)) {
        return;
    }
    let what = format!(
        "The policy of the function {} does not let AWS Config call it.",
        function.name
    );
    let fix = exam.aws(&[
        "lambda",
        "add-permission",
        "--function-name",
        &function.name,
        "--statement-id",
        "config",
        "--action",
        "lambda:InvokeFunction",
        "--principal",
        "config.amazonaws.com",
        "--source-account",
        account.unwrap_or("ACCOUNT"),
    ]);
    exam.complain(RULE_NOT_ALLOWED, what, [fix]);
}

fn allows_config(statement: &Value, account: Option<&str>) -> bool {
    let text = |path: &str| statement.pointer(path).and_then(Value::as_str);
    let source = text("/Condition/StringEquals/AWS:SourceAccount")
        .or_else(|| text("/Condition/StringEquals/aws:SourceAccount"));
    let is_ours = match (source, account) {
        (Some(source), Some(account)) => source == account,
        _ => true,
    };
    text("/Effect") == Some("Allow")
        && text("/Principal/Service") == Some("config.amazonaws.com")
        && matches!(text("/Action"), Some("lambda:InvokeFunction" | "lambda:*"))
        && is_ours
}

/// What the rule's last evaluation came to.
async fn judge_evaluation(exam: &mut Exam, client: &Client, function: &LambdaFunction, name: &str) {
    let question = format!("whether the last evaluation of the Config rule {name} failed");
    let look = Look::new(Area::ConfigRule, &question);
    let status = client.describe_config_rule_evaluation_status();
    let status = status.config_rule_names(name).send().await;
    let status =
        status.map_err(|error| AwsError::new("config:DescribeConfigRuleEvaluationStatus", &error));
    let Some(status) = exam.see(look, status) else {
        return;
    };
    let failing = status.config_rules_evaluation_status().iter();
    for status in failing.filter(|status| is_failing(status)) {
        let code = status.last_error_code().unwrap_or("no code");
        let message = status.last_error_message().unwrap_or("no message");
        let what = format!("The Config rule {name} fails: {code}: {message}.");
        let fixes = [
            exam.aws(&[
                "logs",
                "filter-log-events",
                "--log-group-name",
                &function.log_group,
                "--filter-pattern",
                "ERROR",
            ]),
            exam.aws(&[
                "configservice",
                "start-config-rules-evaluation",
                "--config-rule-names",
                name,
            ]),
        ];
        exam.complain(RULE_FAILING, what, fixes);
    }
}

/// Whether the last failure of the call, or of the evaluation, is later than the last success.
fn is_failing(status: &ConfigRuleEvaluationStatus) -> bool {
    let later = |failed: Option<&aws_sdk_config::primitives::DateTime>,
                 succeeded: Option<&aws_sdk_config::primitives::DateTime>| {
        let secs = |it: &aws_sdk_config::primitives::DateTime| it.as_nanos();
        failed
            .is_some_and(|failed| succeeded.is_none_or(|succeeded| secs(failed) > secs(succeeded)))
    };
    later(
        status.last_failed_invocation_time(),
        status.last_successful_invocation_time(),
    ) || later(
        status.last_failed_evaluation_time(),
        status.last_successful_evaluation_time(),
    )
}

/// Config writes an exception for a resource whose automatic remediation failed five times.
async fn judge_exceptions(exam: &mut Exam, client: &Client, name: &str) {
    let question = format!("whether AWS Config gave up on resources of the rule {name}");
    let look = Look::new(Area::ConfigRule, &question);
    let exceptions = client
        .describe_remediation_exceptions()
        .config_rule_name(name);
    let exceptions = exceptions.send().await;
    let exceptions =
        exceptions.map_err(|error| AwsError::new("config:DescribeRemediationExceptions", &error));
    let Some(exceptions) = exam.see(look, exceptions) else {
        return;
    };
    let more = if exceptions.next_token().is_some() {
        " or more"
    } else {
        ""
    };
    let exceptions = exceptions.remediation_exceptions();
    if exceptions.is_empty() {
        return;
    }
    let first = || exceptions.iter().take(MOST_NAMED);
    let ids: Vec<&str> = first().map(RemediationException::resource_id).collect();
    let what = format!(
        "AWS Config gave up on {}{more} of the rule {name}, such as {}.",
        count(exceptions.len(), "resource"),
        ids.join(", ")
    );
    let keys: Vec<String> = first()
        .map(|it| {
            format!(
                "ResourceType={},ResourceId={}",
                it.resource_type(),
                it.resource_id()
            )
        })
        .collect();
    let mut fix = vec![
        "configservice",
        "delete-remediation-exceptions",
        "--config-rule-name",
        name,
        "--resource-keys",
    ];
    fix.extend(keys.iter().map(String::as_str));
    let fix = exam.aws(&fix);
    exam.complain(REMEDIATION_EXCEPTIONS, what, [fix]);
}

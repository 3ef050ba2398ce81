//! The two functions: whether they are there, run, and have settings that they can read.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use tagwarden_aws::AwsError;
use tagwarden_aws::lambda::logging;
use tagwarden_core::settings::{Environment, PolicySettings};
use tagwarden_remediation::Settings;

use super::checks::{
    Area, FUNCTION_INACTIVE, FUNCTION_MISSING, FUNCTION_OFF, FUNCTION_SETTINGS,
    FUNCTION_SETTINGS_DIFFER, STACK_MISSING,
};
use super::exam::{Exam, Look, UnseenNoted};
use super::stack::StackParts;

/// A function as Lambda describes it.
#[derive(Clone, Debug)]
pub struct LambdaFunction {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The ARN of its role.
    pub role: String,
    /// The log group that it writes to.
    pub log_group: String,
    /// When its code or its settings were last changed, as Lambda writes it.
    pub last_modified: String,
    variables: BTreeMap<String, String>,
}

impl LambdaFunction {
    /// The trimmed value of a variable; `None` if it is unset or blank.
    pub fn variable(&self, name: &str) -> Option<String> {
        let variable = |name: &str| self.variables.get(name).cloned();
        Environment::new(&variable).get(name)
    }
}

/// Both functions, as far as they were seen, and the remediation's settings.
#[derive(Clone, Debug, Default)]
pub struct FunctionPair {
    /// That of the Config rule.
    pub rule: Option<LambdaFunction>,
    /// The remediation.
    pub remediation: Option<LambdaFunction>,
    /// What the remediation's variables mean; `None` if they were not seen, or cannot be read.
    pub settings: Option<Settings>,
}

/// Looks at both functions.
pub async fn examine(exam: &mut Exam, parts: &StackParts) -> FunctionPair {
    let client = Client::new(&exam.access.config);
    let mut pair = FunctionPair::default();
    let mut missing = Vec::new();
    for (logical, suffix) in [
        ("RuleFunction", "rule"),
        ("RemediationFunction", "remediation"),
    ] {
        let usual = format!("{}-{suffix}", exam.stack);
        let name = parts.id(logical).unwrap_or(&usual).to_owned();
        let question = format!("whether the function {name} runs, and its settings");
        let look = Look::new(Area::Functions, &question);
        let described = client.get_function_configuration().function_name(&name);
        let described = described.send().await;
        let described =
            described.map_err(|error| AwsError::new("lambda:GetFunctionConfiguration", &error));
        let described = exam.see_if_any(look, &["ResourceNotFoundException"], described);
        match described {
            Err(UnseenNoted) => {}
            Ok(None) => missing.push(name),
            Ok(Some(described)) => {
                let function = LambdaFunction::new(&name, &described);
                judge_state(exam, &function, &described);
                judge_concurrency(exam, &client, &function, parts).await;
                match suffix {
                    "rule" => pair.rule = Some(function),
                    _ => pair.remediation = Some(function),
                }
            }
        }
    }
    judge_missing(exam, parts, &missing);
    judge_settings(exam, &mut pair);
    pair
}

impl LambdaFunction {
    fn new(name: &str, described: &GetFunctionConfigurationOutput) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let logging = described.logging_config();
        let group = logging.and_then(|logging| logging.log_group());
        let variables = described.environment().and_then(|it| it.variables());
        Self {
            name: name.to_owned(),
            arn: text(described.function_arn()),
            role: text(described.role()),
            log_group: group.map_or_else(|| format!("/aws/lambda/{name}"), ToOwned::to_owned),
            last_modified: text(described.last_modified()),
            variables: variables.cloned().unwrap_or_default().into_iter().collect(),
        }
    }
}

fn judge_missing(exam: &mut Exam, parts: &StackParts, missing: &[String]) {
    if let ([rule, remediation], Some(false)) = (missing, parts.exists) {
        let what = format!(
            "There is no stack {:?} in {}, and no function {rule} or {remediation}.",
            exam.stack, exam.access.region
        );
        let deploy = exam.deploy(&[]);
        exam.complain(STACK_MISSING, what, [deploy]);
        // Nothing of them was seen that could be sound.
        exam.seen.remove(&Area::Functions);
        return;
    }
    for name in missing {
        // What the stack created has other names where its parameter Name is set.
        let hint = match parts.exists {
            Some(true) => "",
            _ => " Its name is a guess, because the stack's resources were not seen.",
        };
        let what = format!("The function {name} does not exist.{hint}");
        let repair = exam.repair();
        exam.complain(FUNCTION_MISSING, what, repair);
    }
}

fn judge_state(
    exam: &mut Exam,
    function: &LambdaFunction,
    described: &GetFunctionConfigurationOutput,
) {
    let state = described.state();
    let update = described.last_update_status();
    let wrong = match (state, update) {
        // Lambda wakes one that nobody called for weeks, and one that was just made is ready in a moment.
        (Some(State::Active | State::Inactive | State::Pending) | None, update) => {
            let is_failed = update == Some(&LastUpdateStatus::Failed);
            is_failed.then(|| ("was not updated", described.last_update_status_reason()))
        }
        (Some(_), _) => Some(("is not active", described.state_reason())),
    };
    let Some((what, reason)) = wrong else {
        return;
    };
    let state = state.map_or("Active", State::as_str);
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let what = format!("The function {} {what} ({state}){reason}.", function.name);
    let deploy = exam.deploy(&[]);
    exam.complain(FUNCTION_INACTIVE, what, [deploy]);
}

/// A reservation of 0 is how people stop a function at once.
async fn judge_concurrency(
    exam: &mut Exam,
    client: &Client,
    function: &LambdaFunction,
    parts: &StackParts,
) {
    let question = format!(
        "whether somebody switched the function {} off",
        function.name
    );
    let look = Look::new(Area::Functions, &question);
    let reserved = client
        .get_function_concurrency()
        .function_name(&function.name);
    let reserved = reserved.send().await;
    let reserved = reserved.map_err(|error| AwsError::new("lambda:GetFunctionConcurrency", &error));
    let Some(reserved) = exam.see(look, reserved) else {
        return;
    };
    if reserved.reserved_concurrent_executions() == Some(0) {
        let what = format!(
            "The function {} is switched off: its reserved concurrency is 0.",
            function.name
        );
        let of = ["--function-name", function.name.as_str()];
        let is_remediation = parts.id("RemediationFunction") == Some(function.name.as_str());
        let usual = parts.parameter("ReservedConcurrency");
        let on = match usual.filter(|it| is_remediation && *it != "0") {
            None => [&["lambda", "delete-function-concurrency"], &of[..]].concat(),
            Some(usual) => {
                let number = ["--reserved-concurrent-executions", usual];
                [&["lambda", "put-function-concurrency"], &of[..], &number].concat()
            }
        };
        let on = exam.aws(&on);
        exam.complain(FUNCTION_OFF, what, [on]);
    }
}

/// Whether each function can read its settings, as this version of tagwarden reads them.
fn judge_settings(exam: &mut Exam, pair: &mut FunctionPair) {
    let mut wrong = Vec::new();
    for function in [&pair.rule, &pair.remediation].into_iter().flatten() {
        let variable = |name: &str| function.variables.get(name).cloned();
        if let Err(error) = logging::check(&Environment::new(&variable)) {
            wrong.push((function.name.clone(), error));
        }
    }
    let mut of_rule = None;
    if let Some(rule) = &pair.rule {
        let variable = |name: &str| rule.variables.get(name).cloned();
        match PolicySettings::from_environment(&Environment::new(&variable)) {
            Ok(settings) => of_rule = Some(settings),
            Err(error) => wrong.push((rule.name.clone(), error)),
        }
    }
    if let Some(remediation) = &pair.remediation {
        let variable = |name: &str| remediation.variables.get(name).cloned();
        match Settings::from_environment(&Environment::new(&variable)) {
            Ok(settings) => pair.settings = Some(settings),
            Err(error) => wrong.push((remediation.name.clone(), error)),
        }
    }
    for (name, error) in wrong {
        let what = format!("The function {name} does not start: {error}.");
        let repair = exam.repair();
        exam.complain(FUNCTION_SETTINGS, what, repair);
    }
    if let (Some(rule), Some(remediation)) = (of_rule, &pair.settings) {
        compare_settings(exam, &rule, &remediation.policy);
    }
}

/// Both functions must judge the same resources by the same policy: the remediation asks again what the rule answered.
fn compare_settings(exam: &mut Exam, rule: &PolicySettings, remediation: &PolicySettings) {
    let table = |settings: &PolicySettings| exam.table_arn(&settings.policy_table);
    let different = [
        ("TAGWARDEN_POLICY_TABLE", table(rule) != table(remediation)),
        ("TAGWARDEN_VPC_IDS", rule.scope != remediation.scope),
        ("TAGWARDEN_RESOURCE_TYPES", rule.kinds != remediation.kinds),
    ];
    let different = different.iter().filter(|(_, is_so)| *is_so);
    let different: Vec<&str> = different.map(|(variable, _)| *variable).collect();
    if different.is_empty() {
        return;
    }
    let what = format!(
        "The Config rule's function and the remediation have different values of {}.",
        different.join(", ")
    );
    let repair = exam.repair();
    exam.complain(FUNCTION_SETTINGS_DIFFER, what, repair);
}

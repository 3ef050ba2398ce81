//! Both functions in this process, on a clock that skips every wait. Calls and simulated seconds are exact. The seconds
//! are those of latency, quotas and pauses only, without processor time.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden_core::settings::{Environment, PolicySettings};
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_rule::Rule;
use tagwarden_sandbox::Account;

use super::bound::Calls;
use super::fleet::{Fleet, LEDGER, RULE};

/// The cost of one event.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Every call, including refused calls and retries.
    pub calls: Calls,
    /// The refusals, by error code.
    pub refused: BTreeMap<String, usize>,
    /// The simulated time from the event to its answer.
    pub time: TimeDelta,
    /// The bytes of all SNS messages.
    pub report: usize,
    /// The function's answer.
    pub answer: Value,
}

/// The error codes of throttling in EC2, CloudTrail and the other services.
const THROTTLED: [&str; 3] = [
    "RequestLimitExceeded",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
];

impl Cost {
    /// The number of throttled calls.
    pub fn throttled(&self) -> usize {
        let codes = THROTTLED.iter();
        codes.filter_map(|code| self.refused.get(*code)).sum()
    }
}

/// The cost of the rule's scheduled evaluation.
pub async fn rule(fleet: &Fleet) -> Cost {
    let settings = environment(fleet, |it| PolicySettings::from_environment(it).unwrap());
    let rule = Rule::new(&sdk_config(&fleet.account), settings);
    let event = lambda_event(&fleet.account, schedule_of_rule(fleet));
    let start = begin(fleet);
    let answer = rule.handle(event).await.unwrap();
    start.cost(answer)
}

/// The cost of the remediation's sweep.
pub async fn sweep(fleet: &Fleet) -> Cost {
    let settings = environment(fleet, |it| Settings::from_environment(it).unwrap());
    let remediation = Remediation::new(&sdk_config(&fleet.account), settings);
    let event = lambda_event(&fleet.account, schedule_of_sweep());
    // What every report but the first has written down before.
    let mark = json!({"Pk": "told#changes", "Sk": "reported", "Edition": 1});
    fleet.account.put_item(LEDGER, mark);
    let start = begin(fleet);
    let answer = remediation.handle(event).await.unwrap();
    start.cost(answer)
}

/// The scheduled event that AWS Config sends to the rule.
pub fn schedule_of_rule(fleet: &Fleet) -> Value {
    fleet.account.scheduled_event(RULE)
}

/// The scheduled event that EventBridge sends to the remediation.
pub fn schedule_of_sweep() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:111111111111:rule/tagwarden-sweep"], "detail": {},
    })
}

/// The cost of the calls that `account` received since its log was cleared.
pub fn cost(account: &Account, time: TimeDelta, answer: Value) -> Cost {
    let mut calls = Calls::new();
    let mut refused = BTreeMap::new();
    for call in account.calls() {
        if let Err(code) = call.outcome {
            *refused.entry(code).or_default() += 1;
        }
        *calls.entry(call.operation).or_default() += 1;
    }
    let published = account.published();
    Cost {
        calls,
        refused,
        time,
        report: published.iter().map(|it| it.message.len()).sum(),
        answer,
    }
}

struct Start<'a> {
    account: &'a Account,
    at: chrono::DateTime<chrono::Utc>,
}

fn begin(fleet: &Fleet) -> Start<'_> {
    let account = &fleet.account;
    account.forget_calls();
    Start {
        account,
        at: account.now(),
    }
}

impl Start<'_> {
    fn cost(&self, answer: Value) -> Cost {
        cost(self.account, self.account.now() - self.at, answer)
    }
}

fn environment<T>(fleet: &Fleet, read: impl FnOnce(&Environment<'_>) -> T) -> T {
    let variables: BTreeMap<&str, &str> = fleet
        .variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    read(&Environment::new(&|name| {
        variables.get(name).map(|value| (*value).to_owned())
    }))
}

/// The SDK's configuration, as in the functions.
fn sdk_config(account: &Account) -> SdkConfig {
    let config = account.sdk_config().into_builder();
    let retry = RetryConfig::adaptive().with_max_attempts(5);
    config.retry_config(retry).build()
}

fn lambda_event(account: &Account, payload: Value) -> LambdaEvent<Value> {
    let mut context = Context::default();
    context.invoked_function_arn = format!(
        "arn:aws:lambda:{}:{}:function:tagwarden",
        account.region(),
        account.id()
    );
    let deadline = account.now() + TimeDelta::minutes(15);
    context.deadline = deadline.timestamp_millis().unsigned_abs();
    LambdaEvent::new(payload, context)
}

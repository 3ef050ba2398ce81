//! Inputs that nobody wrote: a function answers any event, and reports by any template, without a panic.
//!
//! A short run is part of the tests. `TAGWARDEN_FUZZ_SECONDS=600 cargo test --test fuzz` goes on for ten minutes a target.
//! What fails is printed with its seed: add the input to `corpus/`, and it is tried in every run.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

#[allow(
    unused_imports,
    reason = "the replay of old ledgers uses the rest of it"
)]
#[path = "../golden/imports.rs"]
mod imports;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};

use imports::{Environment, PolicySettings, Rule};
use lambda_runtime::{Context, LambdaEvent};
use mutate::{Chance, corpus, each_seed, json, text};
use serde_json::Value;
use serde_json::json as to_json;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Launch, paused_runtime};

const TABLE: &str = "acme_cloud_policy_tagging_def";
const LEDGER: &str = "ledger";

/// An account with two instances, a policy and, maybe, a report template.
fn account(template: Option<&str>) -> Account {
    let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
    account.create_config_rule("tagwarden");
    account.create_table(TABLE);
    account.create_table_with_keys(LEDGER, "Pk", "Sk");
    account.create_topic("reports");
    let rule = to_json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P1"});
    account.put_item(TABLE, rule);
    if let Some(template) = template {
        account.put_item(TABLE, to_json!({"RuleId": 9, "ReportTemplate": template}));
    }
    account.launch(Launch::new().ago(chrono::TimeDelta::hours(1)));
    account.launch(
        Launch::new()
            .ago(chrono::TimeDelta::hours(1))
            .tag("Name", "web"),
    );
    account
}

fn event(account: &Account, payload: Value) -> LambdaEvent<Value> {
    let mut context = Context::default();
    let id = account.id();
    context.invoked_function_arn = format!("arn:aws:lambda:us-east-1:{id}:function:tagwarden");
    LambdaEvent::new(payload, context)
}

/// The remediation answers, or gives an error.
fn remediate(account: &Account, payload: Value) {
    let topic = format!("arn:aws:sns:us-east-1:{}:reports", account.id());
    let variable = |name: &str| match name {
        "TAGWARDEN_MODE" => Some("enforce".to_owned()),
        "TAGWARDEN_LEDGER_TABLE" => Some(LEDGER.to_owned()),
        "TAGWARDEN_TOPIC_ARN" => Some(topic.clone()),
        _ => None,
    };
    let settings = Settings::from_environment(&Environment::new(&variable)).unwrap();
    let remediation = Remediation::new(&account.sdk_config(), settings);
    let answer = remediation.handle(event(account, payload));
    let _ = paused_runtime().unwrap().block_on(answer);
}

/// The Config rule answers, or gives an error.
fn evaluate(account: &Account, payload: Value) {
    let settings = PolicySettings::from_environment(&Environment::new(&|_| None)).unwrap();
    let rule = Rule::new(&account.sdk_config(), settings);
    let _ = paused_runtime()
        .unwrap()
        .block_on(rule.handle(event(account, payload)));
}

/// Panics with the input if `test` does.
fn survives(seed: u64, input: &str, test: impl FnOnce()) {
    let result = catch_unwind(AssertUnwindSafe(test));
    assert!(result.is_ok(), "seed {seed}, input:\n{input}");
}

#[test]
fn the_remediation_answers_any_event() {
    let corpus = corpus("remediation");
    let account = account(None);
    each_seed(200, |seed| {
        let payload = json(&corpus, &mut Chance::new(seed));
        survives(seed, &payload.to_string(), || {
            remediate(&account, payload.clone());
        });
    });
}

#[test]
fn the_rule_answers_any_event() {
    let corpus = corpus("rule");
    let account = account(None);
    each_seed(200, |seed| {
        let payload = json(&corpus, &mut Chance::new(seed));
        survives(seed, &payload.to_string(), || {
            evaluate(&account, payload.clone());
        });
    });
}

/// CloudFormation waits for the answer: nothing in the event makes an error of it.
#[test]
fn the_hook_answers_any_event_with_a_status() {
    let corpus = corpus("hook");
    let account = account(None);
    let settings = PolicySettings::from_environment(&Environment::new(&|_| None)).unwrap();
    let rule = Rule::new(&account.sdk_config(), settings);
    each_seed(200, |seed| {
        let mut payload = json(&corpus, &mut Chance::new(seed));
        let Some(members) = payload.as_object_mut() else {
            return;
        };
        members.entry("hookTypeName").or_insert(Value::Null);
        survives(seed, &payload.to_string(), || {
            let answer = rule.handle(event(&account, payload.clone()));
            let answer = paused_runtime().unwrap().block_on(answer).unwrap();
            let (status, code) = (&answer["hookStatus"], answer.get("errorCode"));
            let is_failed = status == "FAILED" && code == Some(&Value::from("NonCompliant"));
            assert!(
                is_failed || (status == "SUCCESS" && code.is_none()),
                "{answer}"
            );
            assert!(answer["message"].as_str().is_some_and(|it| !it.is_empty()));
        });
    });
}

#[test]
fn a_report_is_published_by_any_template() {
    let corpus = corpus("template");
    each_seed(30, |seed| {
        let template = text(&corpus, &mut Chance::new(seed));
        survives(seed, &template, || {
            let account = account(Some(&template));
            remediate(
                &account,
                to_json!({"detail-type": "Scheduled Event", "detail": {}}),
            );
            // A policy with a template that cannot be stored, or is refused, is reported as well.
            assert_eq!(account.published().len(), 1);
        });
    });
}

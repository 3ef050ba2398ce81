//! `PutEvaluations`, what becomes of them, and `GetComplianceDetailsByConfigRule`.

use aws_sdk_config::Client;
use aws_sdk_config::types::{ComplianceType, Evaluation};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tagwarden_sandbox::Account;

use crate::{minutes, noon, refusal, sdk_time, utc};

const RULE: &str = "tagging";

fn account_with_rule() -> (Account, Client) {
    let account = Account::starting_at(noon());
    account.create_config_rule(RULE);
    let client = Client::new(&account.sdk_config());
    (account, client)
}

fn token(event: &Value) -> &str {
    event["resultToken"].as_str().unwrap()
}

fn evaluation(id: &str, compliance: &str, time: DateTime<Utc>) -> Evaluation {
    annotated(id, compliance, time, None)
}

fn annotated(id: &str, compliance: &str, time: DateTime<Utc>, note: Option<&str>) -> Evaluation {
    Evaluation::builder()
        .compliance_resource_type("AWS::EC2::Instance")
        .compliance_resource_id(id)
        .compliance_type(ComplianceType::from(compliance))
        .set_annotation(note.map(str::to_owned))
        .ordering_timestamp(sdk_time(time))
        .build()
        .unwrap()
}

/// Puts one evaluation with a token of its own.
async fn put(account: &Account, config: &Client, evaluation: Evaluation) {
    let event = account.scheduled_event(RULE);
    let call = config
        .put_evaluations()
        .evaluations(evaluation)
        .result_token(token(&event));
    assert!(call.send().await.unwrap().failed_evaluations().is_empty());
}

async fn refused(account: &Account, config: &Client, evaluation: Evaluation) -> (String, String) {
    let event = account.scheduled_event(RULE);
    let call = config
        .put_evaluations()
        .evaluations(evaluation)
        .result_token(token(&event));
    refusal(call.send().await)
}

#[tokio::test(start_paused = true)]
async fn stores_and_shows_verdicts() {
    let (account, config) = account_with_rule();
    put(
        &account,
        &config,
        annotated("i-1", "NON_COMPLIANT", noon(), Some("no Name")),
    )
    .await;
    put(&account, &config, evaluation("i-2", "COMPLIANT", noon())).await;
    let compliance = account.compliance(RULE);
    assert_eq!(compliance.len(), 2);
    assert_eq!(compliance["i-1"].compliance_type, "NON_COMPLIANT");
    assert_eq!(compliance["i-1"].annotation.as_deref(), Some("no Name"));
    assert_eq!(compliance["i-1"].ordering_timestamp, noon());
    assert_eq!(compliance["i-2"].annotation, None);

    let answer = config
        .get_compliance_details_by_config_rule()
        .config_rule_name(RULE)
        .send();
    let answer = answer.await.unwrap();
    let result = &answer.evaluation_results()[0];
    assert_eq!(
        result.compliance_type(),
        Some(&ComplianceType::NonCompliant)
    );
    assert_eq!(result.annotation(), Some("no Name"));
    assert_eq!(utc(result.result_recorded_time().unwrap()), noon());
    let identifier = result.evaluation_result_identifier().unwrap();
    assert_eq!(utc(identifier.ordering_timestamp().unwrap()), noon());
    let qualifier = identifier.evaluation_result_qualifier().unwrap();
    assert_eq!(qualifier.resource_id(), Some("i-1"));
    assert_eq!(qualifier.config_rule_name(), Some(RULE));
}

#[tokio::test(start_paused = true)]
async fn removes_a_verdict_on_not_applicable() {
    let (account, config) = account_with_rule();
    put(
        &account,
        &config,
        evaluation("i-1", "NON_COMPLIANT", noon()),
    )
    .await;
    put(
        &account,
        &config,
        evaluation("i-1", "NOT_APPLICABLE", noon() + minutes(1)),
    )
    .await;
    assert!(account.compliance(RULE).is_empty());
    // And an older verdict that comes late does not bring it back.
    put(
        &account,
        &config,
        evaluation("i-1", "NON_COMPLIANT", noon()),
    )
    .await;
    assert!(account.compliance(RULE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn keeps_a_newer_verdict_when_an_older_one_arrives() {
    let (account, config) = account_with_rule();
    let later = noon() + chrono::TimeDelta::milliseconds(1);
    put(&account, &config, evaluation("i-1", "COMPLIANT", later)).await;
    put(
        &account,
        &config,
        evaluation("i-1", "NON_COMPLIANT", noon()),
    )
    .await;
    assert_eq!(account.compliance(RULE)["i-1"].compliance_type, "COMPLIANT");
    put(&account, &config, evaluation("i-1", "NON_COMPLIANT", later)).await;
    assert_eq!(
        account.compliance(RULE)["i-1"].compliance_type,
        "NON_COMPLIANT"
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_more_than_a_hundred_evaluations_in_a_call() {
    let (account, config) = account_with_rule();
    let event = account.scheduled_event(RULE);
    let many = |n: usize| {
        let all = (0..n)
            .map(|n| evaluation(&format!("i-{n:03}"), "COMPLIANT", noon()))
            .collect();
        config
            .put_evaluations()
            .set_evaluations(Some(all))
            .result_token(token(&event))
            .send()
    };
    let (code, message) = refusal(many(101).await);
    assert_eq!(code, "ValidationException");
    assert!(
        message.ends_with(
            "at 'evaluations' failed to satisfy constraint: Member must have length less than or \
             equal to 100"
        ),
        "{message}"
    );
    assert!(account.compliance(RULE).is_empty());
    // A token is good for as many calls as it takes.
    many(100).await.unwrap();
    many(0).await.unwrap();
    assert_eq!(account.compliance(RULE).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn refuses_annotations_outside_1_to_256_characters() {
    let (account, config) = account_with_rule();
    for wrong in [String::new(), "x".repeat(257)] {
        let wrong = annotated("i-1", "NON_COMPLIANT", noon(), Some(&wrong));
        let (code, message) = refused(&account, &config, wrong).await;
        assert_eq!(code, "ValidationException");
        assert!(
            message.contains("at 'evaluations.1.member.annotation'"),
            "{message}"
        );
    }
    let longest = "ü".repeat(256);
    put(
        &account,
        &config,
        annotated("i-1", "NON_COMPLIANT", noon(), Some(&longest)),
    )
    .await;
    assert_eq!(
        account.compliance(RULE)["i-1"].annotation.as_deref(),
        Some(longest.as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_unknown_verdicts_and_resource_types() {
    let (account, config) = account_with_rule();
    let (code, _) = refused(&account, &config, evaluation("i-1", "FINE", noon())).await;
    assert_eq!(code, "ValidationException");
    let (code, _) = refused(&account, &config, evaluation("", "COMPLIANT", noon())).await;
    assert_eq!(code, "ValidationException");
    let verdict = evaluation("i-1", "INSUFFICIENT_DATA", noon());
    assert_eq!(
        refused(&account, &config, verdict).await.0,
        "InvalidParameterValueException"
    );
    let mut odd = evaluation("i-1", "COMPLIANT", noon());
    odd.compliance_resource_type = "instance".to_owned();
    assert_eq!(
        refused(&account, &config, odd).await.0,
        "InvalidParameterValueException"
    );
    assert!(account.compliance(RULE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_tokens_it_did_not_issue() {
    let (account, config) = account_with_rule();
    let verdict = || evaluation("i-1", "COMPLIANT", noon());
    let with = |token: &str| {
        config
            .put_evaluations()
            .evaluations(verdict())
            .result_token(token)
    };
    for token in ["", "TESTMODE", "made-up"] {
        let (code, message) = refusal(with(token).send().await);
        assert_eq!(code, "InvalidResultTokenException");
        assert_eq!(message, "Result Token provided is invalid");
    }
    let event = account.scheduled_event(RULE);
    account.delete_config_rule(RULE);
    let (code, _) = refusal(with(token(&event)).send().await);
    assert_eq!(code, "NoSuchConfigRuleException");
}

#[tokio::test(start_paused = true)]
async fn stores_nothing_in_test_mode_but_requires_a_token() {
    let (account, config) = account_with_rule();
    let test = || {
        let call = config
            .put_evaluations()
            .evaluations(evaluation("i-1", "COMPLIANT", noon()));
        call.test_mode(true)
    };
    let (code, message) = refusal(test().send().await);
    assert_eq!(code, "ValidationException");
    assert!(message.contains("'resultToken'"), "{message}");
    let answer = test().result_token("TESTMODE").send().await.unwrap();
    assert!(answer.failed_evaluations().is_empty());
    assert!(account.compliance(RULE).is_empty());
    assert!(account.take_compliance_changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn returns_one_failed_evaluation_and_stores_the_others() {
    let (account, config) = account_with_rule();
    account.fail_evaluations_once(["i-2"]);
    let event = account.scheduled_event(RULE);
    let both = || {
        config
            .put_evaluations()
            .evaluations(evaluation("i-1", "COMPLIANT", noon()))
            .evaluations(annotated("i-2", "NON_COMPLIANT", noon(), Some("why")))
            .result_token(token(&event))
            .send()
    };
    let answer = both().await.unwrap();
    assert_eq!(
        answer.failed_evaluations(),
        [annotated("i-2", "NON_COMPLIANT", noon(), Some("why"))]
    );
    assert_eq!(
        account.compliance(RULE).into_keys().collect::<Vec<_>>(),
        ["i-1"]
    );
    assert!(both().await.unwrap().failed_evaluations().is_empty());
    assert_eq!(account.compliance(RULE).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn emits_an_event_only_when_compliance_changes() {
    let (account, config) = account_with_rule();
    let verdicts = [
        "COMPLIANT",
        "COMPLIANT",
        "NON_COMPLIANT",
        "NON_COMPLIANT",
        "NOT_APPLICABLE",
    ];
    let mut heard = Vec::new();
    for (minute, verdict) in (0..).zip(verdicts) {
        put(
            &account,
            &config,
            evaluation("i-1", verdict, noon() + minutes(minute)),
        )
        .await;
        let kind = |event: &Value, result: &str| {
            event["detail"][result]["complianceType"]
                .as_str()
                .map(str::to_owned)
        };
        let changes = account.take_compliance_changes();
        heard.extend(changes.iter().map(|event| {
            (
                kind(event, "oldEvaluationResult"),
                kind(event, "newEvaluationResult").unwrap(),
            )
        }));
    }
    let text = |text: &str| text.to_owned();
    assert_eq!(
        heard,
        [
            (None, text("COMPLIANT")),
            (Some(text("COMPLIANT")), text("NON_COMPLIANT")),
            (Some(text("NON_COMPLIANT")), text("NOT_APPLICABLE")),
        ]
    );
    // A verdict that is none from the start changes nothing.
    put(
        &account,
        &config,
        evaluation("i-2", "NOT_APPLICABLE", noon()),
    )
    .await;
    assert!(account.take_compliance_changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn wraps_a_compliance_change_in_an_eventbridge_envelope() {
    let (account, config) = account_with_rule();
    put(
        &account,
        &config,
        annotated("i-1", "NON_COMPLIANT", noon(), Some("no Name")),
    )
    .await;
    let event = account.take_compliance_changes().remove(0);
    assert_eq!(event["detail-type"], "Config Rules Compliance Change");
    assert_eq!(event["source"], "aws.config");
    assert_eq!(event["account"], "111111111111");
    assert_eq!(event["time"], "2026-01-01T12:00:00Z");
    let detail = &event["detail"];
    assert_eq!(detail["messageType"], "ComplianceChangeNotification");
    assert_eq!(detail["resourceId"], "i-1");
    assert_eq!(detail["resourceType"], "AWS::EC2::Instance");
    assert_eq!(detail["configRuleName"], RULE);
    assert_eq!(
        detail["configRuleARN"],
        account.scheduled_event(RULE)["configRuleArn"]
    );
    assert_eq!(detail["awsAccountId"], "111111111111");
    assert_eq!(detail["newEvaluationResult"]["annotation"], "no Name");
    assert_eq!(detail.get("oldEvaluationResult"), None);
}

#[tokio::test(start_paused = true)]
async fn lists_details_in_pages_and_by_compliance() {
    let (account, config) = account_with_rule();
    for number in 0..25 {
        let verdict = if number % 5 == 0 {
            "NON_COMPLIANT"
        } else {
            "COMPLIANT"
        };
        put(
            &account,
            &config,
            evaluation(&format!("i-{number:02}"), verdict, noon()),
        )
        .await;
    }
    let details = || {
        config
            .get_compliance_details_by_config_rule()
            .config_rule_name(RULE)
    };
    let first = details().send().await.unwrap();
    assert_eq!(first.evaluation_results().len(), 10);
    let pages = async |limit: i32| {
        let mut pages = details().limit(limit).into_paginator().send();
        let mut sizes = Vec::new();
        while let Some(page) = pages.next().await {
            sizes.push(page.unwrap().evaluation_results().len());
        }
        sizes
    };
    assert_eq!(pages(12).await, [12, 12, 1]);
    assert_eq!(pages(25).await, [25]);
    assert_eq!(pages(100).await, [25]);
    let wrong = details()
        .compliance_types(ComplianceType::NonCompliant)
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.evaluation_results().len(), 5);

    assert_eq!(
        refusal(details().limit(101).send().await).0,
        "ValidationException"
    );
    assert_eq!(
        refusal(details().limit(-1).send().await).0,
        "ValidationException"
    );
    let token = details().next_token("made-up").send().await;
    assert_eq!(refusal(token).0, "InvalidNextTokenException");
    let other = config
        .get_compliance_details_by_config_rule()
        .config_rule_name("other");
    assert_eq!(refusal(other.send().await).0, "NoSuchConfigRuleException");
}

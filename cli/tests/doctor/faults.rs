//! Each fault by itself is found by its check, and by no other.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tagwarden_sandbox::Described;

use super::clinic::{
    ALARM, CONFIG_RULE, Clinic, EVENT_RULES, KEY, LEDGER, MAPPING, RECORDER, REMEDIATION, RULE,
    TRAIL, arn, role,
};
use crate::support::{stderr, stdout};
use crate::world::TABLE;

/// A check, and what makes it find something.
pub type Injection = (&'static str, fn(&Clinic));

fn change(clinic: &Clinic, of: Described, key: &str, member: &str, value: Value) {
    clinic.account.redescribe(of, key, |it| it[member] = value);
}

/// Every check, with a fault. A check may be there more than once.
#[rustfmt::skip]
pub const INJECTIONS: &[Injection] = &[
    ("stack-missing", |it| {
        it.account.forget_description(Described::Stack, "tagwarden");
        it.account.forget_description(Described::Function, RULE);
        it.account.forget_description(Described::Function, REMEDIATION);
    }),
    ("stack-failed", |it| change(it, Described::Stack, "tagwarden", "StackStatus", json!("ROLLBACK_COMPLETE"))),
    ("stack-failed", |it| change(it, Described::Stack, "tagwarden", "StackStatus", json!("UPDATE_ROLLBACK_FAILED"))),
    ("stack-version", |it| change(it, Described::Stack, "tagwarden", "Outputs", json!([{"OutputKey": "Version", "OutputValue": "0.0.9"}]))),
    ("stack-version", |it| change(it, Described::Stack, "tagwarden", "Outputs", json!([{"OutputKey": "TopicArn", "OutputValue": "x"}]))),
    ("stack-changing", |it| change(it, Described::Stack, "tagwarden", "StackStatus", json!("UPDATE_IN_PROGRESS"))),
    ("function-missing", |it| it.account.forget_description(Described::Function, RULE)),
    ("function-missing", |it| it.account.forget_description(Described::Function, REMEDIATION)),
    ("function-inactive", |it| change(it, Described::Function, RULE, "State", json!("Failed"))),
    ("function-inactive", |it| change(it, Described::Function, RULE, "LastUpdateStatus", json!("Failed"))),
    ("function-off", |it| it.account.describe(Described::FunctionConcurrency, REMEDIATION, json!({"ReservedConcurrentExecutions": 0}))),
    ("function-versions", |it| it.starts_with_version(RULE, "0.0.9")),
    ("function-settings", |it| it.set_variable("TAGWARDEN_GRACE_MINUTES", "soon")),
    ("function-settings", |it| it.set_variable("TAGWARDEN_LOG_LEVEL", "loud")),
    ("function-settings-differ", |it| it.set_variable_of(RULE, "TAGWARDEN_POLICY_TABLE", LEDGER)),
    ("function-settings-differ", |it| it.set_variable_of(RULE, "TAGWARDEN_VPC_IDS", "vpc-00000000000000001")),
    ("function-settings-differ", |it| it.set_variable_of(RULE, "TAGWARDEN_RESOURCE_TYPES", "instance,volume")),
    ("recorder-missing", |it| it.account.forget_description(Described::Recorder, RECORDER)),
    ("recorder-off", |it| change(it, Described::RecorderStatus, RECORDER, "recording", json!(false))),
    ("recorder-failing", |it| {
        let status = json!({"name": RECORDER, "recording": true, "lastStatus": "FAILURE", "lastErrorCode": "NoSuchBucket"});
        it.account.describe(Described::RecorderStatus, RECORDER, status);
    }),
    ("type-not-recorded", |it| change(it, Described::Recorder, RECORDER, "recordingGroup", json!({
        "allSupported": false, "resourceTypes": ["AWS::S3::Bucket"], "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
    }))),
    ("type-not-recorded", |it| change(it, Described::Recorder, RECORDER, "recordingGroup", json!({
        "allSupported": false, "exclusionByResourceTypes": {"resourceTypes": ["AWS::EC2::Instance", "AWS::EC2::VPC"]},
        "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
    }))),
    ("recorded-daily", |it| change(it, Described::Recorder, RECORDER, "recordingMode", json!({"recordingFrequency": "DAILY"}))),
    ("recorded-daily", |it| change(it, Described::Recorder, RECORDER, "recordingMode", json!({
        "recordingFrequency": "CONTINUOUS",
        "recordingModeOverrides": [{"resourceTypes": ["AWS::EC2::Instance", "AWS::EC2::VPC"], "recordingFrequency": "DAILY"}],
    }))),
    ("rule-missing", |it| it.account.forget_description(Described::ConfigRule, CONFIG_RULE)),
    ("rule-missing", |it| {
        let parameters = json!([{"ParameterKey": "CreateConfigRule", "ParameterValue": "false"}]);
        change(it, Described::Stack, "tagwarden", "Parameters", parameters);
        it.account.forget_description(Described::ConfigRule, CONFIG_RULE);
    }),
    ("rule-not-active", |it| change(it, Described::ConfigRule, CONFIG_RULE, "ConfigRuleState", json!("DELETING"))),
    ("rule-scope", |it| change(it, Described::ConfigRule, CONFIG_RULE, "Scope", json!({"ComplianceResourceTypes": ["AWS::EC2::Volume"]}))),
    ("rule-not-allowed", |it| it.account.forget_description(Described::FunctionPolicy, RULE)),
    ("rule-not-allowed", |it| it.account.redescribe(Described::FunctionPolicy, RULE, |policy| {
        policy["Statement"][0]["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!("222222222222");
    })),
    ("rule-failing", |it| change(it, Described::ConfigRuleStatus, CONFIG_RULE, "LastFailedInvocationTime", json!(1_795_000_001))),
    ("remediation-exceptions", |it| it.account.describe(Described::RemediationExceptions, CONFIG_RULE, json!([
        {"ConfigRuleName": CONFIG_RULE, "ResourceType": "AWS::EC2::Instance", "ResourceId": "i-00000000000000001"},
    ]))),
    ("rule-twice", |it| it.create_config_rule("tagwarden-conformance-pack-abc")),
    ("mapping-missing", |it| it.account.forget_description(Described::EventSourceMapping, MAPPING)),
    ("mapping-off", |it| change(it, Described::EventSourceMapping, MAPPING, "State", json!("Disabled"))),
    ("mapping-failing", |it| change(it, Described::EventSourceMapping, MAPPING, "LastProcessingResult", json!("PROBLEM: access denied"))),
    ("event-rule-missing", |it| it.account.forget_description(Described::EventRule, EVENT_RULES[0])),
    ("event-rule-missing", |it| change(it, Described::EventRule, EVENT_RULES[1], "Targets", json!([]))),
    ("event-rule-off", |it| change(it, Described::EventRule, EVENT_RULES[2], "State", json!("DISABLED"))),
    ("event-rule-narrow", |it| {
        it.account.forget_description(Described::ConfigRule, CONFIG_RULE);
        it.create_config_rule("another-name");
    }),
    ("event-rule-narrow", |it| {
        let pattern = json!({"source": ["aws.config"], "detail": {"resourceType": ["AWS::EC2::Volume"]}});
        change(it, Described::EventRule, EVENT_RULES[0], "EventPattern", json!(pattern.to_string()));
    }),
    ("queue-missing", |it| it.account.delete_queue(&it.queue)),
    ("queue-not-allowed", |it| it.account.unset_queue_attribute(&it.queue, "Policy")),
    ("queue-old", |it| it.account.describe(Described::Metric, "ApproximateAgeOfOldestMessage/tagwarden-Queue-1ABC", json!({"Maximum": 86_400.0}))),
    ("dead-letters", |it| it.account.put_message(&it.dead_letters, "{}")),
    ("no-dead-letters", |it| it.account.unset_queue_attribute(&it.queue, "RedrivePolicy")),
    ("no-dead-letters", |it| it.account.delete_queue(&it.dead_letters)),
    ("policy-missing", |it| it.account.delete_table(TABLE)),
    ("policy-key", |it| it.set_both("TAGWARDEN_POLICY_TABLE", LEDGER)),
    ("policy-empty", |it| it.account.clear_table(TABLE)),
    ("policy-invalid", |it| it.account.put_item(TABLE, json!({"RuleId": 4, "TagKey": "Team", "Action": "Explode", "Required": "Y"}))),
    ("policy-held", |it| {
        it.account.put_item(TABLE, json!({"RuleId": 8, "PolicyFormat": 2}));
        it.account.put_item(TABLE, json!({"RuleId": 9, "Hold": "the network is being moved"}));
    }),
    ("policy-caution", |it| {
        it.account.put_item(TABLE, json!({"RuleId": 4, "TagKey": "Team ", "Action": "Notify", "Required": "Y"}));
        it.account.describe(Described::CostTag, "Team ", json!({"TagKey": "Team ", "Status": "Active"}));
    }),
    ("policy-unprotected", |it| it.account.protect_table(TABLE, false)),
    ("ledger-unset", |it| {
        it.set_variable("TAGWARDEN_LEDGER_TABLE", "");
        it.account.describe(Described::StackResources, "tagwarden", json!([]));
    }),
    ("ledger-missing", |it| it.account.delete_table(LEDGER)),
    ("ledger-key", |it| it.set_variable("TAGWARDEN_LEDGER_TABLE", TABLE)),
    ("ledger-unprotected", |it| it.account.protect_table(LEDGER, false)),
    ("topic-missing", |it| it.set_variable("TAGWARDEN_TOPIC_ARN", &arn("sns", "gone"))),
    ("notice-unread", |it| it.account.set_subscriptions(&it.topic, 0)),
    ("subscription-pending", |it| it.account.subscribe_unconfirmed(&it.topic, "ann@acme.example")),
    ("reports-unread", |it| {
        it.set_variable("TAGWARDEN_MODE", "dry-run");
        it.account.set_subscriptions(&it.topic, 0);
    }),
    ("trail-missing", |it| it.account.forget_description(Described::Trail, TRAIL)),
    ("trail-missing", |it| {
        change(it, Described::Trail, TRAIL, "IsMultiRegionTrail", json!(false));
        change(it, Described::Trail, TRAIL, "HomeRegion", json!("eu-west-1"));
    }),
    ("trail-off", |it| change(it, Described::TrailStatus, TRAIL, "IsLogging", json!(false))),
    ("trail-without-management", |it| change(it, Described::TrailSelectors, TRAIL, "EventSelectors", json!([
        {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true},
        {"ReadWriteType": "All", "IncludeManagementEvents": false},
    ]))),
    ("trail-without-management", |it| it.account.describe(Described::TrailSelectors, TRAIL, json!({"AdvancedEventSelectors": [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["true"]}]},
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]},
    ]}))),
    ("permission-missing", |it| it.account.deny_role(&role(REMEDIATION), "ec2:StopInstances")),
    ("permission-missing", |it| it.account.deny_role(&role(RULE), "dynamodb:Scan")),
    ("permission-missing", |it| {
        it.account.encrypt_table(LEDGER, &arn("kms", &format!("key/{KEY}")));
        it.account.deny_role(&role(REMEDIATION), "kms:Decrypt");
    }),
    ("key-unusable", |it| change(it, Described::Key, KEY, "KeyState", json!("PendingDeletion"))),
    ("key-policy", |it| it.account.redescribe(Described::KeyPolicy, KEY, |policy| policy["Statement"] = json!([policy["Statement"][0]]))),
    ("key-policy", |it| {
        let key = arn("kms", &format!("key/{KEY}"));
        let parameters = json!([{"ParameterKey": "KmsKeyArn", "ParameterValue": key}]);
        change(it, Described::Stack, "tagwarden", "Parameters", parameters);
    }),
    ("key-policy", |it| it.account.encrypt_topic(&it.topic, "alias/aws/sns")),
    ("alarm-ringing", |it| change(it, Described::Alarm, ALARM, "StateValue", json!("ALARM"))),
    ("cost-tag-inactive", |it| it.account.forget_description(Described::CostTag, "ProjectCode")),
];

#[test]
fn is_silent_on_a_sound_account() {
    let clinic = Clinic::new("sound");
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new());
    assert_eq!(report.document["unseen"], json!([]));
    assert_eq!(report.document["sound"], json!(true));
    assert_eq!(report.document["mode"], json!("enforce"));
    assert_eq!(report.status, 0);
    for area in report.document["areas"].as_array().unwrap() {
        assert_eq!(area["state"], "sound", "{area}");
    }
    let calls = clinic.account.calls();
    let write = |operation: &str| {
        let reads = ["Describe", "Get", "List", "Filter", "Simulate", "Scan"];
        !reads.iter().any(|read| operation.starts_with(read))
    };
    let writes: Vec<_> = calls.iter().filter(|call| write(&call.operation)).collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(calls.len() > 40, "{}", calls.len());
}

/// Some faults hide parts, which are then not seen. They show no others.
#[test]
fn finds_each_fault_and_no_other() {
    // One process for each would take a minute, one account for each does not.
    for (number, (check, inject)) in INJECTIONS.iter().enumerate() {
        let clinic = Clinic::new(&format!("fault-{number}"));
        inject(&clinic);
        let report = clinic.examine();
        assert_eq!(report.checks(), [*check], "{number}: {}", report.document);
        let found = report.document["faults"].as_array().unwrap();
        let is_fault = !found.is_empty();
        let is_unseen = report.document["unseen"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["hides"] == "fault");
        assert_eq!(
            report.status,
            if is_fault || is_unseen { 2 } else { 0 },
            "{check}"
        );
        let found = found
            .iter()
            .chain(report.document["notes"].as_array().unwrap());
        for found in found {
            let area = found["area"].as_str().unwrap();
            assert_ne!(report.state(area), "sound", "{found}");
            let fixes = found["fixes"].as_array().unwrap();
            assert!(!fixes.is_empty(), "{found}");
            for fix in fixes {
                let fix = fix.as_str().unwrap();
                let is_command = ["aws ", "scripts/deploy ", "tagwarden "]
                    .iter()
                    .any(|it| fix.starts_with(it));
                assert!(is_command, "{fix}");
                assert!(
                    !fix.starts_with("aws ") || fix.contains(" --region us-east-1"),
                    "{fix}"
                );
            }
            let what = found["what"].as_str().unwrap();
            assert!(what.ends_with('.'), "{what}");
            assert!(!what.contains(".."), "{what}");
        }
    }
}

/// The pack's rule is as good as the stack's.
#[test]
fn is_silent_where_the_pack_brings_the_rule() {
    let clinic = Clinic::new("pack");
    clinic
        .account
        .forget_description(Described::ConfigRule, CONFIG_RULE);
    clinic.create_config_rule("tagwarden-conformance-pack-x1y2z3");
    assert_eq!(clinic.examine().checks(), Vec::<String>::new());
}

/// The policy that the deployment guide has for a key of the customer's is one that doctor accepts, and each of its
/// statements for services is needed.
#[test]
fn accepts_the_key_policy_of_the_guide() {
    const DEPLOY: &str = include_str!("../../../docs/deploy.md");
    let section = DEPLOY.split("### A key of your own\n").nth(1).unwrap();
    let policy = section.split("```json\n").nth(1).unwrap();
    let policy = policy.split("```").next().unwrap();
    let policy: Value = serde_json::from_str(&policy.replace("eu-west-1", "us-east-1")).unwrap();
    let with_policy = |name: &str, policy: &Value| {
        let clinic = Clinic::new(&format!("key-{name}"));
        let key = arn("kms", &format!("key/{KEY}"));
        let parameters = json!([{"ParameterKey": "KmsKeyArn", "ParameterValue": key}]);
        change(
            &clinic,
            Described::Stack,
            "tagwarden",
            "Parameters",
            parameters,
        );
        clinic
            .account
            .describe(Described::KeyPolicy, KEY, policy.clone());
        clinic.examine().checks()
    };
    assert_eq!(with_policy("whole", &policy), Vec::<String>::new());
    for of_a_service in [1, 2] {
        let mut less = policy.clone();
        less["Statement"]
            .as_array_mut()
            .unwrap()
            .remove(of_a_service);
        let checks = with_policy(&of_a_service.to_string(), &less);
        assert_eq!(checks, ["key-policy"], "{less}");
    }
}

/// A reservation that the stack has is restored, not removed.
#[test]
fn a_kill_switch_is_turned_back_to_what_the_stack_has() {
    let clinic = Clinic::new("switch");
    let parameters = json!([{"ParameterKey": "ReservedConcurrency", "ParameterValue": "3"}]);
    change(
        &clinic,
        Described::Stack,
        "tagwarden",
        "Parameters",
        parameters,
    );
    for function in [RULE, REMEDIATION] {
        let off = json!({"ReservedConcurrentExecutions": 0});
        clinic
            .account
            .describe(Described::FunctionConcurrency, function, off);
    }
    let report = clinic.examine();
    let fixes = |number: usize| {
        report.document["faults"][number]["fixes"][0]
            .as_str()
            .unwrap()
    };
    assert!(
        fixes(0)
            .starts_with("aws lambda delete-function-concurrency --function-name tagwarden-rule ")
    );
    assert!(fixes(1).contains("put-function-concurrency --function-name tagwarden-remediation --reserved-concurrent-executions 3 "));
}

/// What the stack covers counts in every part.
#[test]
fn asks_for_volumes_where_the_stack_covers_them() {
    let clinic = Clinic::new("volumes");
    clinic.set_both("TAGWARDEN_RESOURCE_TYPES", "instance,volume");
    let report = clinic.examine();
    let expected = ["type-not-recorded", "rule-scope", "event-rule-narrow"];
    assert_eq!(report.checks(), expected, "{}", report.document);
    clinic.account.deny_role(&role(RULE), "ec2:DescribeVolumes");
    let report = clinic.examine();
    assert!(report.checks().contains(&"permission-missing".to_owned()));
}

/// The catalogue is what the guide lists.
#[test]
fn every_check_has_a_fault_here() {
    let injected: BTreeSet<&str> = INJECTIONS.iter().map(|(check, _)| *check).collect();
    assert_eq!(injected, super::guide::checks_of_the_guide());
    assert!(injected.len() >= 12);
}

#[test]
fn all_faults_of_a_kind_are_named_at_once() {
    let clinic = Clinic::new("several");
    for (check, inject) in INJECTIONS {
        if [
            "recorder-off",
            "mapping-off",
            "dead-letters",
            "policy-held",
            "alarm-ringing",
        ]
        .contains(check)
        {
            inject(&clinic);
        }
    }
    let report = clinic.examine();
    let found = [
        "recorder-off",
        "mapping-off",
        "dead-letters",
        "policy-held",
        "alarm-ringing",
    ];
    assert_eq!(report.checks(), found);
    let text = clinic.text();
    assert!(
        text.contains(
            "Faults keep tagwarden from working, in whole or in part: 5 faults, 0 notes."
        ),
        "{text}"
    );
    let markdown = clinic.run(&["doctor", "--output", "markdown"]);
    let markdown = stdout(&markdown);
    assert!(markdown.contains("\n- **fault**, Events: "), "{markdown}");
    assert!(
        markdown.contains("\n      aws lambda update-event-source-mapping --uuid"),
        "{markdown}"
    );
    assert!(
        markdown.contains("\n| Queue and dead letters | 1 fault |\n"),
        "{markdown}"
    );
}

#[test]
fn a_command_that_fixes_the_recorder_keeps_what_it_recorded() {
    let clinic = Clinic::new("put");
    change(
        &clinic,
        Described::Recorder,
        RECORDER,
        "recordingGroup",
        json!({
            "allSupported": false, "resourceTypes": ["AWS::S3::Bucket"], "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
        }),
    );
    let report = clinic.examine();
    let fix = report.document["faults"][0]["fixes"][0].as_str().unwrap();
    assert!(
        fix.contains(r#""resourceTypes":["AWS::S3::Bucket","AWS::EC2::Instance"]"#),
        "{fix}"
    );
    assert!(fix.contains("AWSServiceRoleForConfig"), "{fix}");
}

#[test]
fn names_the_stack_and_the_region_that_it_looked_at() {
    let clinic = Clinic::new("elsewhere");
    let output = clinic.run(&["doctor", "--stack", "other"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.starts_with(
            "The stack other in us-east-1 (account 111111111111, keys of the environment):\n"
        ),
        "{text}"
    );
    assert!(text.contains("There is no stack \"other\" in us-east-1, and no function other-rule or other-remediation."), "{text}");
    assert!(
        text.contains("scripts/deploy --bucket BUCKET --stack other --region us-east-1\n"),
        "{text}"
    );
    assert_eq!(stderr(&output), "");
}

#[test]
fn asks_the_region_of_a_central_table_and_topic() {
    let clinic = Clinic::new("central");
    let table = format!("arn:aws:dynamodb:eu-west-1:111111111111:table/{TABLE}");
    clinic.set_both("TAGWARDEN_POLICY_TABLE", &table);
    clinic.account.protect_table(TABLE, false);
    let report = clinic.examine();
    // The sandbox does not take an ARN for `Scan`.
    let notes = report.document["notes"].as_array().unwrap();
    let note = notes
        .iter()
        .find(|it| it["check"] == "policy-unprotected")
        .unwrap();
    let fix = note["fixes"][0].as_str().unwrap();
    assert!(fix.contains(" --region eu-west-1"), "{fix}");
}

//! Answers of a form that nobody expects never count as sound, and names that look alike are not taken for each other.

use serde_json::json;
use tagwarden_sandbox::{Described, Fault};

use super::clinic::{ALARM, Clinic, KEY, RECORDER, REMEDIATION, arn, role};
use crate::world::TABLE;

/// An answer that lacks what doctor reads, and the part that it is about.
type OddAnswer = (&'static str, fn(&Clinic));

#[rustfmt::skip]
const ODD: &[OddAnswer] = &[
    ("key", |it| it.account.redescribe(Described::Key, KEY, |key| key["KeyState"] = json!(null))),
    ("recorder", |it| it.account.forget_description(Described::RecorderStatus, RECORDER)),
    ("permissions", |it| it.account.simulate_as(&role(REMEDIATION), "ec2:StopInstances", json!({"EvalDecision": null}))),
    ("permissions", |it| it.account.simulate_as(&role(REMEDIATION), "ec2:StopInstances", json!({"EvalActionName": "ec2:Other"}))),
];

#[test]
fn an_answer_of_unexpected_form_is_not_seen() {
    for (number, (area, inject)) in ODD.iter().enumerate() {
        let clinic = Clinic::new(&format!("odd-{number}"));
        inject(&clinic);
        let report = clinic.examine();
        assert_eq!(report.checks(), Vec::<String>::new(), "{number}");
        assert_eq!(report.state(area), "unseen", "{number}");
        assert_eq!(report.status, 2, "{number}: {}", report.document);
    }
}

/// More keys than a call takes.
#[test]
fn asks_for_all_cost_allocation_tags() {
    let clinic = Clinic::new("many-tags");
    for number in 0..120 {
        let key = format!("Key{number:03}");
        let rule =
            json!({"RuleId": 100 + number, "TagKey": key, "Action": "Notify", "Required": "Y"});
        clinic.account.put_item(TABLE, rule);
        let tag = json!({"TagKey": key, "Status": "Active"});
        clinic.account.describe(Described::CostTag, &key, tag);
    }
    assert_eq!(clinic.examine().state("costs"), "sound");
    clinic
        .account
        .forget_description(Described::CostTag, "Key119");
    let report = clinic.examine();
    assert_eq!(report.checks(), ["cost-tag-inactive"]);
}

/// The names of the stack `tagwarden-prod` begin with those of `tagwarden`.
#[test]
fn alarms_of_other_stacks_do_not_count() {
    let clinic = Clinic::new("other-alarms");
    let of = |name: &str| json!({"AlarmName": name, "StateValue": "ALARM", "AlarmDescription": "It rings."});
    let other = "tagwarden-prod-DeadLettersAlarm-1ABC";
    clinic.account.describe(Described::Alarm, other, of(other));
    assert_eq!(clinic.examine().checks(), Vec::<String>::new());
    for operation in ["DescribeStacks", "ListStackResources"] {
        let denied = Fault::new(operation, "AccessDeniedException", "No.");
        clinic.account.fail(denied.status(403).always());
    }
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new(), "{}", report.document);
    clinic.account.describe(Described::Alarm, ALARM, of(ALARM));
    assert_eq!(clinic.examine().checks(), ["alarm-ringing"]);
}

#[test]
fn a_stack_that_is_not_there_has_no_alarms() {
    let clinic = Clinic::new("no-stack");
    let account = &clinic.account;
    account.forget_description(Described::Stack, "tagwarden");
    let ringing =
        json!({"AlarmName": ALARM, "StateValue": "ALARM", "AlarmDescription": "It rings."});
    account.describe(Described::Alarm, ALARM, ringing);
    let report = clinic.examine();
    assert!(!report.checks().contains(&"alarm-ringing".to_owned()));
    assert_eq!(report.state("alarms"), "unused");
}

/// A multi-Region key has a key of the same id in each Region, with a policy of its own.
#[test]
fn keys_of_the_same_id_in_two_regions_are_two_keys() {
    let clinic = Clinic::new("two-keys");
    let key = arn("kms", &format!("key/{KEY}")).replace("us-east-1", "eu-west-1");
    let parameters = json!([{"ParameterKey": "KmsKeyArn", "ParameterValue": key}]);
    clinic
        .account
        .redescribe(Described::Stack, "tagwarden", |stack| {
            stack["Parameters"] = parameters;
        });
    clinic.examine();
    assert_eq!(clinic.account.count("DescribeKey"), 2);
}

/// CloudFormation changes nothing where neither the template nor a parameter is new.
#[test]
fn what_was_changed_by_hand_is_reverted_by_a_change_set() {
    let clinic = Clinic::new("revert");
    clinic
        .account
        .unset_queue_attribute(&clinic.queue, "Policy");
    let fixes = |clinic: &Clinic| {
        let report = clinic.examine();
        let fixes = report.document["faults"][0]["fixes"].as_array().unwrap();
        let fixes = fixes.iter().map(|it| it.as_str().unwrap().to_owned());
        fixes.collect::<Vec<_>>()
    };
    let found = fixes(&clinic);
    let of = "--stack-name tagwarden --change-set-name tagwarden-revert --region us-east-1";
    assert_eq!(
        found,
        [
            format!(
                "aws cloudformation create-change-set --use-previous-template --deployment-mode REVERT_DRIFT --capabilities \
                 CAPABILITY_IAM {of} --parameters $(aws cloudformation describe-stacks --stack-name tagwarden --output text \
                 --region us-east-1 --query \"Stacks[0].Parameters[].join('', ['ParameterKey=', ParameterKey, \
                 ',UsePreviousValue=true'])\")"
            ),
            format!("aws cloudformation wait change-set-create-complete {of}"),
            format!("aws cloudformation describe-change-set {of}"),
            format!("aws cloudformation execute-change-set {of}"),
        ]
    );
    // Where the stack may not be seen, it is not known whether there is one.
    let denied = Fault::new("DescribeStacks", "AccessDeniedException", "No.");
    clinic.account.fail(denied.status(403).always());
    let found = fixes(&clinic);
    assert_eq!(
        found,
        ["scripts/deploy --bucket BUCKET --stack tagwarden --region us-east-1"]
    );
}

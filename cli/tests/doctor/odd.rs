//! Answers of a form that nobody expects never count as sound, and names that look alike are not taken for each other.

use serde_json::{Value, json};
use tagwarden_sandbox::{Described, Fault};

use super::clinic::{ALARM, Clinic, KEY, RECORDER, REMEDIATION, RULE, arn, role};
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

fn whole(clinic: &Clinic) -> String {
    clinic.examine().document.to_string()
}

/// The commands for a policy table of another account work there, where this profile is unknown.
#[test]
fn commands_for_a_central_table_are_for_its_account() {
    let clinic = Clinic::new("central-account");
    let table = format!("arn:aws:dynamodb:eu-west-1:999999999999:table/{TABLE}");
    clinic.set_both("TAGWARDEN_POLICY_TABLE", &table);
    clinic.account.protect_table(TABLE, false);
    let profile = "[profile member]\naws_access_key_id = AKIASANDBOX000000000\naws_secret_access_key = sandbox\nregion = us-east-1\n";
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("doctor-central-config");
    std::fs::write(&file, profile).unwrap();
    let mut command = clinic.command(&["doctor", "--output", "json", "--profile", "member"]);
    command.env("AWS_CONFIG_FILE", &file);
    let output = command.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(document["profile"], "member");
    let notes = document["notes"].as_array().unwrap();
    let mut notes = notes
        .iter()
        .filter(|it| it["check"] == "policy-unprotected");
    let note = notes.next().unwrap();
    let what = note["what"].as_str().unwrap();
    assert!(
        what.ends_with(" Run the commands in account 999999999999."),
        "{what}"
    );
    let fix = note["fixes"][0].as_str().unwrap();
    assert!(fix.ends_with(" --region eu-west-1"), "{fix}");
}

/// Each state of a key has its own way out.
#[test]
fn says_what_to_do_for_each_state_of_a_key() {
    for (state, first) in [
        ("Updating", None),
        ("Disabled", Some("aws kms enable-key ")),
        ("PendingDeletion", Some("aws kms cancel-key-deletion ")),
        ("PendingImport", Some("aws kms get-parameters-for-import ")),
        (
            "Unavailable",
            Some("aws kms describe-custom-key-stores --region us-east-1"),
        ),
        ("Creating", Some("aws kms describe-key ")),
    ] {
        let clinic = Clinic::new(&format!("key-{state}"));
        clinic
            .account
            .redescribe(Described::Key, KEY, |key| key["KeyState"] = json!(state));
        let report = clinic.examine();
        let fix = report.document["faults"][0]["fixes"][0].as_str();
        match first {
            None => assert_eq!(fix, None, "{state}"),
            Some(first) => assert!(fix.unwrap().starts_with(first), "{state}: {fix:?}"),
        }
    }
}

/// A condition on what doctor does not know may allow the action.
#[test]
fn what_the_simulator_does_not_know_is_no_fault() {
    let clinic = Clinic::new("context-missing");
    let role = role(REMEDIATION);
    let unknown =
        json!({"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:PrincipalOrgID"]});
    clinic
        .account
        .simulate_as(&role, "ec2:StopInstances", unknown);
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new());
    assert_eq!(report.state("permissions"), "unseen");
    assert_eq!(report.status, 2);
    assert!(whole(&clinic).contains("ask for aws:PrincipalOrgID"));
    // An explicit deny stands, whatever else is not known.
    let denied =
        json!({"EvalDecision": "explicitDeny", "MissingContextValues": ["aws:PrincipalOrgID"]});
    clinic
        .account
        .simulate_as(&role, "ec2:StopInstances", denied);
    assert_eq!(clinic.examine().checks(), ["permission-missing"]);
}

#[test]
fn a_function_that_sleeps_or_is_just_made_is_sound() {
    let clinic = Clinic::new("asleep");
    for state in ["Inactive", "Pending"] {
        clinic
            .account
            .redescribe(Described::Function, REMEDIATION, |function| {
                function["State"] = json!(state);
            });
        assert_eq!(clinic.examine().state("functions"), "sound", "{state}");
    }
}

/// The last start counts, and versions that are the same in both functions do not differ.
#[test]
fn compares_the_last_starts_of_the_functions() {
    let clinic = Clinic::new("starts");
    let line = |version: &str| {
        let line = json!({"fields": {"message": "tagwarden started", "version": version}});
        line.to_string()
    };
    let group = format!("/aws/lambda/{REMEDIATION}");
    let version = env!("CARGO_PKG_VERSION");
    let lines = json!([
        {"timestamp": 1, "message": line("0.0.8")},
        {"timestamp": 3, "message": line(version)},
        {"timestamp": 2, "message": line("0.0.9")},
    ]);
    clinic.account.describe(Described::Log, &group, lines);
    assert_eq!(clinic.examine().checks(), Vec::<String>::new());
    for function in [RULE, REMEDIATION] {
        clinic.starts_with_version(function, "0.0.9");
    }
    assert_eq!(clinic.examine().checks(), Vec::<String>::new());
}

/// The output gets into the logs of pipelines.
#[test]
fn endpoints_of_subscriptions_are_not_shown_whole() {
    let clinic = Clinic::new("endpoints");
    clinic
        .account
        .subscribe_unconfirmed(&clinic.topic, "ann@acme.example");
    let shown = whole(&clinic);
    assert!(shown.contains("NAME@acme.example"), "{shown}");
    assert!(!shown.contains("ann@"), "{shown}");
}

//! What belongs to others, what is young, and what IAM's simulator is told.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_sandbox::Described;

use super::clinic::{ALARM, Clinic, KEY, REMEDIATION, RULE, Report, TRAIL, arn, role};
use crate::world::TABLE;

/// Why a part was not seen, of all that hides no more than a note.
fn unseen_notes(report: &Report, area: &str) -> Vec<String> {
    let unseen = report.document["unseen"].as_array().unwrap().iter();
    unseen
        .filter(|it| it["area"] == area && it["hides"] == "note")
        .map(|it| it["why"].as_str().unwrap().to_owned())
        .collect()
}

/// CloudTrail shows the selectors of the organization's trail to the management account only.
#[test]
fn a_trail_of_the_organization_is_not_seen_and_hides_no_fault() {
    let clinic = Clinic::new("foreign-trail");
    let account = &clinic.account;
    let foreign = TRAIL.replace("111111111111", "999999999999");
    account.redescribe(Described::Trail, TRAIL, |trail| {
        trail["TrailARN"] = json!(foreign);
    });
    account.describe(Described::TrailStatus, &foreign, json!({"IsLogging": true}));
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new(), "{}", report.document);
    assert_eq!(report.status, 0);
    assert_eq!(report.state("trail"), "unseen");
    let why = unseen_notes(&report, "trail");
    assert!(
        why[0].contains("the account that it belongs to only"),
        "{why:?}"
    );
    // One that is off does not log, whoever it belongs to.
    let off = json!({"IsLogging": false});
    account.describe(Described::TrailStatus, &foreign, off);
    assert_eq!(clinic.examine().checks(), ["trail-off"]);
}

/// KMS shows the policy of a key to the key's account only.
#[test]
fn a_key_of_another_account_is_not_seen_and_hides_no_fault() {
    let clinic = Clinic::new("foreign-key");
    let account = &clinic.account;
    let foreign = arn("kms", &format!("key/{KEY}")).replace("111111111111", "999999999999");
    account.encrypt_topic(&clinic.topic, &foreign);
    account.redescribe(Described::Key, KEY, |key| key["Arn"] = json!(foreign));
    account.forget_description(Described::KeyPolicy, KEY);
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new(), "{}", report.document);
    assert_eq!(report.status, 0);
    let why = unseen_notes(&report, "key");
    assert!(why[0].contains("account 999999999999's"), "{why:?}");
}

/// The alarm on the sweeps is raised until the first of them has ended.
#[test]
fn the_alarm_on_the_sweeps_may_ring_for_a_day() {
    let clinic = Clinic::new("young-alarm");
    let set = |age: TimeDelta| {
        let at = (Utc::now() - age).to_rfc3339_opts(SecondsFormat::Millis, true);
        clinic.account.redescribe(Described::Alarm, ALARM, |alarm| {
            alarm["MetricName"] = json!("sweeps");
            alarm["StateValue"] = json!("ALARM");
            alarm["AlarmConfigurationUpdatedTimestamp"] = json!(at);
        });
        clinic.examine()
    };
    let young = set(TimeDelta::hours(1));
    assert_eq!(young.checks(), Vec::<String>::new());
    assert_eq!(young.status, 0);
    let why = unseen_notes(&young, "alarms");
    assert!(why[0].contains("less than a day old"), "{why:?}");
    assert_eq!(set(TimeDelta::hours(25)).checks(), ["alarm-ringing"]);
}

/// The context entries of every call of the simulator: type and values by name.
fn context(clinic: &Clinic) -> BTreeMap<String, (String, Vec<String>)> {
    let mut entries = BTreeMap::new();
    for call in clinic.account.calls() {
        if call.operation != "SimulatePrincipalPolicy" {
            continue;
        }
        let text = |name: String| call.parameters.get(name)?.as_str().map(ToOwned::to_owned);
        for number in 1.. {
            let entry = format!("ContextEntries.member.{number}");
            let Some(name) = text(format!("{entry}.ContextKeyName")) else {
                break;
            };
            let kind = text(format!("{entry}.ContextKeyType")).unwrap();
            let values =
                (1..).map_while(|it| text(format!("{entry}.ContextKeyValues.member.{it}")));
            entries.insert(name, (kind, values.collect()));
        }
    }
    entries
}

/// The roles' policies ask for the keys of tags, and for the recipients of mail. IAM would refuse without them.
#[test]
fn tells_the_simulator_what_the_conditions_ask_for() {
    let clinic = Clinic::new("context");
    let letters = clinic.account.create_topic("tagwarden-Letters-1ABC");
    for (name, value) in [
        ("TAGWARDEN_LETTERS_TOPIC_ARN", letters.as_str()),
        ("TAGWARDEN_MAIL_FROM", "tagwarden@acme.example"),
        ("TAGWARDEN_MAIL_DOMAINS", "*.Acme.example,other.example"),
    ] {
        clinic.set_variable(name, value);
    }
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new(), "{}", report.document);
    let context = context(&clinic);
    let entry = |kind: &str, values: &[&str]| {
        let values = values.iter().map(|it| (*it).to_owned());
        Some((kind.to_owned(), values.collect::<Vec<_>>()))
    };
    let found = |name: &str| context.get(name).cloned();
    let keys = entry("stringList", &["CreatedBy", "Expires", "ProjectCode"]);
    assert_eq!(found("aws:TagKeys"), keys, "{context:?}");
    let recipients = entry("stringList", &["owner@any.acme.example"]);
    assert_eq!(found("ses:Recipients"), recipients, "{context:?}");
    let region = entry("string", &["us-east-1"]);
    assert_eq!(found("aws:RequestedRegion"), region, "{context:?}");
    // What refuses them is named.
    let denied = role(REMEDIATION);
    clinic.account.deny_role(&denied, "ec2:CreateTags");
    let report = clinic.examine();
    let what: &Value = &report.document["faults"][0]["what"];
    assert!(
        what.as_str()
            .unwrap()
            .contains("with the tags of the policy"),
        "{what}"
    );
}

/// A name and the ARN of the same table are the same setting.
#[test]
fn settings_that_mean_the_same_do_not_differ() {
    let clinic = Clinic::new("same-settings");
    let table = arn("dynamodb", &format!("table/{TABLE}"));
    clinic.set_variable_of(RULE, "TAGWARDEN_POLICY_TABLE", &table);
    clinic.set_variable_of(RULE, "TAGWARDEN_RESOURCE_TYPES", "");
    let report = clinic.examine();
    assert_eq!(report.checks(), Vec::<String>::new(), "{}", report.document);
}

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::plan::{Outcome, StepFailure};

fn stored(act: &Act) -> Value {
    let item: serde_dynamo::Item = serde_dynamo::to_item(act).unwrap();
    serde_dynamo::from_item(item).unwrap()
}

fn read(item: &Value) -> Act {
    let item: serde_dynamo::Item = serde_dynamo::to_item(item).unwrap();
    serde_dynamo::from_item(item).unwrap()
}

fn tag(value: &str, unknown: Option<Unknown>) -> Remedy {
    Remedy::Tag {
        value: value.to_owned(),
        unknown,
        origin: Some(ValueOrigin::NearMiss("projectcode".to_owned())),
    }
}

fn cause(rule_id: i64, tag_key: &str, defect: DefectName) -> Cause {
    Cause::Tag {
        rule_id,
        tag_key: tag_key.to_owned(),
        defect,
    }
}

#[rstest]
#[case(Cause::Untagged, Remedy::Terminate, &[])]
#[case(Cause::Untagged, Remedy::Stop { terminate_on: None }, &[])]
#[case(Cause::Untagged, Remedy::Stop { terminate_on: NaiveDate::from_ymd_opt(2026, 12, 1) }, &[])]
#[case(cause(2, "CreatedBy", DefectName::Missing), tag("Undefined", Some(Unknown::TooOld)), &[("a", "b")])]
#[case(cause(1, "ProjectCode", DefectName::Empty), tag("P1", None), &[("ProjectCode", "")])]
#[case(cause(4, "Owner", DefectName::Missing), Remedy::Terminate, &[("a", "")])]
fn keeps_the_step(#[case] cause: Cause, #[case] remedy: Remedy, #[case] tags: &[(&str, &str)]) {
    let step = Step {
        instance_id: "i-00000001".into(),
        cause,
        remedy,
    };
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let act = Act::of(step.clone(), &tags).unwrap();
    let read = read(&stored(&act));
    assert_eq!(read, act);
    assert_eq!(read.step, step);
}

/// Items as the version before `Defect`, `Abandoned` and `Code` wrote them.
fn old_items() -> [Value; 7] {
    [
        json!({
            "InstanceId": "i-00000001", "Remedy": "tag", "RuleId": 1, "TagKey": "ProjectCode", "TagValue": "Proj007",
            "TagsBefore": {}, "State": "done",
        }),
        json!({
            "InstanceId": "i-00000002", "Remedy": "tag", "RuleId": 2, "TagKey": "CreatedBy", "TagValue": "Undefined",
            "Unknown": "too-old", "TagsBefore": {"CreatedBy": ""}, "State": "begun",
        }),
        json!({
            "InstanceId": "i-00000003", "Remedy": "terminate", "TagsBefore": {}, "State": "refused",
            "Why": "the instance is protected against it",
        }),
        json!({
            "InstanceId": "i-00000004", "Remedy": "stop", "TerminateOn": "2026-12-01", "TagsBefore": {}, "State": "spared",
            "Why": "the instance has changed since it was first looked at",
        }),
        json!({
            "InstanceId": "i-00000005", "Remedy": "terminate", "RuleId": 4, "TagKey": "Owner",
            "TagsBefore": {"Name": "web", "Owner": ""}, "State": "failed",
            "Why": "its function ended before it was done",
        }),
        json!({
            "InstanceId": "i-00000006", "Remedy": "untag", "RuleId": 1, "TagKey": "ProjectCode", "TagValue": "",
            "TagsBefore": {"ProjectCode": "Proj007"}, "State": "done", "Undoes": "20261123T120000Z-1a2b3c4d",
        }),
        json!({
            "InstanceId": "i-00000007", "Remedy": "untag", "RuleId": 1, "TagKey": "ProjectCode",
            "TagsBefore": {"ProjectCode": "Proj007"}, "State": "done", "Undoes": "20261123T120000Z-1a2b3c4d",
        }),
    ]
}

/// What an older item said, an older function still finds: nothing is lost and nothing has another value.
#[test]
fn adds_attributes_to_old_items_and_changes_none() {
    for old in old_items() {
        let act = read(&old);
        let new = stored(&act);
        for (name, value) in old.as_object().unwrap() {
            assert_eq!(new.get(name), Some(value), "{name} of {old}");
        }
        let added: Vec<&String> = new
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| old.get(name.as_str()).is_none())
            .collect();
        let known = ["Defect", "Abandoned", "Code"];
        assert!(
            added.iter().all(|name| known.contains(&name.as_str())),
            "{added:?}"
        );
        assert_eq!(read(&new), act);
    }
}

#[test]
fn infers_the_cause_of_old_items() {
    let causes = old_items().map(|item| read(&item).step.cause.to_string());
    assert_eq!(
        causes,
        [
            "missing tag ProjectCode (rule 1)",
            "empty tag CreatedBy (rule 2)",
            "no tags found",
            "no tags found",
            "empty tag Owner (rule 4)",
            "empty tag ProjectCode (rule 1)",
            "missing tag ProjectCode (rule 1)",
        ]
    );
}

#[test]
fn never_infers_the_cause_of_new_items() {
    let mut item = old_items()[0].clone();
    item["Defect"] = json!("empty");
    assert!(read(&item).step.cause.is_empty_tag());
    // A version that knows more defects wrote it.
    item["Defect"] = json!("expired");
    assert!(!read(&item).step.cause.is_empty_tag());
}

#[test]
fn stores_an_abandoned_act_as_older_functions_do() {
    let mut act = read(&old_items()[0]);
    act.abandon();
    let item = stored(&act);
    assert_eq!(item["State"], "failed");
    assert_eq!(item["Why"], "its function ended before it was done");
    assert_eq!(item["Abandoned"], true);
    assert_eq!(read(&item).state, ActState::Abandoned);
    assert_eq!(read(&old_items()[4]).state, ActState::Abandoned);
}

#[test]
fn keeps_the_code_of_a_failure() {
    let text = "ec2:CreateTags: UnauthorizedOperation: You are not authorized: really.";
    let mut act = read(&old_items()[0]);
    act.settle(&Outcome::Failed(StepFailure {
        code: Some("UnauthorizedOperation".to_owned()),
        text: text.to_owned(),
    }));
    let mut item = stored(&act);
    assert_eq!(item["Code"], "UnauthorizedOperation");
    assert_eq!(item["Why"], text);
    // Older versions wrote no such attribute.
    item.as_object_mut().unwrap().remove("Code");
    assert_eq!(read(&item), act);
    for text in [
        "ec2:StopInstances: dispatch failure: timeout",
        "note: Important: it was not done",
        "no answer from ec2:StopInstances: Important: it was not done",
        "ec2:StopInstances: : nothing",
    ] {
        item["Why"] = json!(text);
        assert_eq!(read(&item).code, None, "{text}");
    }
}

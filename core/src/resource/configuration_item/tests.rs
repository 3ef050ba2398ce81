//! Items in every format in which Config gives them.

use serde_json::json;

use super::*;
use crate::State;

#[test]
fn only_two_statuses_are_of_a_resource_that_is_there() {
    for (status, is_present) in [
        (ItemStatus::Ok, true),
        (ItemStatus::ResourceDiscovered, true),
        (ItemStatus::ResourceDeleted, false),
        (ItemStatus::ResourceDeletedNotRecorded, false),
        (ItemStatus::ResourceNotRecorded, false),
    ] {
        assert_eq!(status.is_present(), is_present, "{status:?}");
    }
}
fn item(members: Value) -> ConfigurationItem {
    let mut item = json!({
        "configurationItemStatus": "OK",
        "configurationItemCaptureTime": "2026-11-23T08:00:00.000Z",
        "resourceType": "AWS::EC2::Instance",
        "resourceId": "i-0a1b2c3d4e5f60718",
    });
    let Value::Object(members) = members else {
        panic!("the members of an item must be an object")
    };
    item.as_object_mut().unwrap().extend(members);
    serde_json::from_value(item).unwrap()
}

#[test]
fn reads_tags_in_every_format() {
    let expected = BTreeMap::from([("Owner".to_owned(), "ann".to_owned())]);
    for members in [
        json!({"tags": {"Owner": "ann"}}),
        json!({"tags": {"Owner": "ann"}, "configuration": {"tags": []}}),
        json!({"tags": {}, "configuration": {"tags": [{"key": "Owner", "value": "ann"}]}}),
        json!({"configuration": {"tags": [{"key": "Owner", "value": "ann"}]}}),
        json!({"tags": null, "configuration": {"tags": [{"Key": "Owner", "Value": "ann"}]}}),
        json!({"configuration": {"Tags": [{"Key": "Owner", "Value": "ann"}]}}),
        json!({"configuration": r#"{"tags":[{"key":"Owner","value":"ann"}]}"#}),
    ] {
        assert_eq!(
            item(members.clone()).into_resource().unwrap().tags,
            expected,
            "{members}"
        );
    }
}

#[test]
fn reads_a_tag_without_a_value_as_empty() {
    let instance = item(json!({"tags": {"A": null}, "configuration": {"tags": [{"key": "B"}]}}));
    let instance = instance.into_resource().unwrap();
    assert_eq!(instance.tags.get("A").map(String::as_str), Some(""));
    assert_eq!(instance.tags.get("B").map(String::as_str), Some(""));
}

#[test]
fn an_item_without_tags_and_description_describes_nothing() {
    for (members, expected) in [
        (json!({}), true),
        (json!({"tags": null, "configuration": null}), true),
        (json!({"tags": {}, "configuration": {}}), true),
        (json!({"tags": {"Owner": ""}}), false),
        (
            json!({"configuration": {"state": {"name": "running"}}}),
            false,
        ),
        (
            json!({"tags": {}, "configuration": {"tags": [{"key": "A"}]}}),
            false,
        ),
    ] {
        assert_eq!(
            item(members.clone()).describes_nothing(),
            expected,
            "{members}"
        );
    }
}

#[test]
fn takes_the_first_launch_from_the_primary_interface() {
    let instance = item(json!({"configuration": {
        "vpcId": "vpc-1",
        "state": {"code": 16, "name": "running"},
        "launchTime": "2026-11-20T00:00:00.000Z",
        "networkInterfaces": [
            {"attachment": {"deviceIndex": 1, "attachTime": "2026-01-01T00:00:00.000Z"}},
            {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
        ],
    }}))
    .into_resource()
    .unwrap();
    assert_eq!(
        instance.launched_at,
        Some("2026-11-01T00:00:00Z".parse().unwrap())
    );
    assert_eq!(instance.state, State::Running);
    assert_eq!(instance.vpc_id.as_deref(), Some("vpc-1"));
}

#[test]
fn a_restart_changes_started_at_but_not_launched_at() {
    let instance = item(json!({"configuration": {
        "launchTime": "2026-11-20T00:00:00.000Z",
        "networkInterfaces": [
            {"attachment": {"deviceIndex": 0, "attachTime": "2026-11-01T00:00:00.000Z"}},
        ],
    }}))
    .into_resource()
    .unwrap();
    let started_at = Some("2026-11-20T00:00:00Z".parse().unwrap());
    assert_eq!(instance.started_at, started_at);
    assert!(instance.launched_at < started_at);
}

#[test]
fn a_spot_instance_has_a_request_even_if_aws_does_not_name_it() {
    for (configuration, expected) in [
        (json!({}), None),
        (
            json!({"instanceLifecycle": null, "spotInstanceRequestId": null}),
            None,
        ),
        (
            json!({"instanceLifecycle": "scheduled", "spotInstanceRequestId": ""}),
            None,
        ),
        (json!({"instanceLifecycle": "spot"}), Some("")),
        (
            json!({"spotInstanceRequestId": "sir-abcd1234"}),
            Some("sir-abcd1234"),
        ),
        (
            json!({"instanceLifecycle": "spot", "spotInstanceRequestId": "sir-abcd1234"}),
            Some("sir-abcd1234"),
        ),
    ] {
        let as_text = json!({"configuration": configuration.to_string()});
        for members in [json!({"configuration": configuration}), as_text] {
            let instance = item(members.clone()).into_resource().unwrap();
            assert_eq!(instance.spot_request_id.as_deref(), expected, "{members}");
        }
    }
}

#[test]
fn has_an_operator_only_if_it_is_managed() {
    for (operator, expected) in [
        (Value::Null, None),
        (json!({}), None),
        (json!({"managed": null, "principal": null}), None),
        (
            json!({"managed": false, "principal": "eks.amazonaws.com"}),
            None,
        ),
        (json!({"managed": true}), Some("an AWS service")),
        (
            json!({"managed": true, "principal": ""}),
            Some("an AWS service"),
        ),
        (
            json!({"managed": true, "principal": "eks.amazonaws.com", "hiddenByDefault": true}),
            Some("eks.amazonaws.com"),
        ),
    ] {
        let members = json!({"configuration": {"operator": operator}});
        let instance = item(members).into_resource().unwrap();
        assert_eq!(instance.operator.as_deref(), expected, "{operator}");
    }
}

/// A volume as an event has it, and as its history has it.
fn volume_items(tags: &Value) -> [ConfigurationItem; 2] {
    let configuration = json!({
        "attachments": [{"instanceId": "i-1", "state": "attached"}], "state": {"value": "in-use"},
        "createTime": "2026-11-01T00:00:00.000Z", "tags": tags,
    });
    let related = |name: &str| {
        json!([
            {"resourceId": "i-2", "resourceType": "AWS::EC2::Instance", name: "Is attached to Instance"},
            {"resourceId": "i-1", "resourceType": "AWS::EC2::Instance", name: "Is attached to Instance "},
            {"resourceId": "i-9", "resourceType": "AWS::EC2::Instance", name: "Is associated with Instance"},
            {"resourceId": null, "resourceType": "AWS::EC2::Instance", name: "Is attached to Instance"},
        ])
    };
    let members = json!({
        "resourceType": "AWS::EC2::Volume", "resourceId": "vol-0a1b2c3d4e5f60718", "awsRegion": "us-east-1",
        "availabilityZone": "us-east-1a", "resourceCreationTime": "2026-11-01T00:00:00.000Z", "tags": {"Name": "data"},
    });
    let with = |others: Value| {
        let mut members = members.clone();
        let others = others.as_object().unwrap().clone();
        members.as_object_mut().unwrap().extend(others);
        item(members)
    };
    [
        with(json!({
            "awsAccountId": "111122223333", "relationships": related("name"), "configuration": configuration,
        })),
        with(json!({
            "accountId": "111122223333", "relationships": related("relationshipName"),
            "configuration": configuration.to_string(),
        })),
    ]
}

#[test]
fn reads_a_volume_from_what_config_says_of_every_resource() {
    for tags in [
        json!([{"key": "Env", "value": "prod"}]),
        json!([{"Key": "Env", "Value": "prod"}]),
        json!([{"tagName": "Env", "tagValue": "prod"}]),
    ] {
        for item in volume_items(&tags) {
            assert!(!item.describes_nothing());
            let volume = item.into_resource().unwrap();
            let mut expected = Resource::new(Kind::Volume, "vol-0a1b2c3d4e5f60718", State::InUse);
            expected.attached_to = vec!["i-1".to_owned(), "i-2".to_owned()];
            expected.launched_at = Some("2026-11-01T00:00:00Z".parse().unwrap());
            expected.details.availability_zone = Some("us-east-1a".to_owned());
            expected.details.stated_region = Some("us-east-1".to_owned());
            expected.details.owner_id = Some("111122223333".to_owned());
            expected.details.is_whole = true;
            let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            expected.tags = [tag("Env", "prod"), tag("Name", "data")].into();
            assert_eq!(volume, expected);
        }
    }
}

/// Most volumes have no tags at all. That is known of an item that says when the volume was created.
#[test]
fn a_volume_without_tags_is_described() {
    for (members, expected) in [
        (
            json!({"resourceCreationTime": "2026-11-01T00:00:00.000Z"}),
            false,
        ),
        (json!({"relationships": []}), false),
        (json!({"configuration": {"state": "available"}}), false),
        (json!({"configuration": null, "tags": null}), true),
    ] {
        let mut all = json!({"resourceType": "AWS::EC2::Volume", "resourceId": "vol-0a1b2c3d"});
        let others = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(others);
        assert_eq!(item(all).describes_nothing(), expected, "{members}");
    }
}

/// Config records hundreds of types. An item of one that tagwarden does not know is read, and is no resource.
#[test]
fn an_unknown_type_is_no_resource() {
    for configuration in [
        json!(null),
        json!("not json"),
        json!({"state": 7, "tags": "none"}),
        json!({"state": {"name": {}}, "tags": [{"Key": 1}, 7]}),
    ] {
        let item = item(json!({
            "resourceType": "AWS::S3::Bucket", "resourceId": "logs", "configuration": configuration,
            "relationships": "none", "resourceCreationTime": 7,
        }));
        assert_eq!(item.kind(), None);
        assert_eq!(item.into_resource(), None);
    }
}

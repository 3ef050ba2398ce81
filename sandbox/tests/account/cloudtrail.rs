//! `LookupEvents`, and the records of the launches.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey as Key};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Identity, Launch};

use crate::{minutes, noon, refusal, sdk_time, utc};

fn account_with_trail() -> (Account, Client) {
    let account = Account::starting_at(noon());
    let client = Client::new(&account.sdk_config());
    (account, client)
}

fn by(key: Key, value: &str) -> LookupAttribute {
    LookupAttribute::builder()
        .attribute_key(key)
        .attribute_value(value)
        .build()
        .unwrap()
}

async fn look_up(cloudtrail: &Client, key: Key, value: &str) -> Vec<Event> {
    let request = cloudtrail.lookup_events().lookup_attributes(by(key, value));
    request.send().await.unwrap().events.unwrap()
}

fn names(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event.event_name().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn records_who_launched_what() {
    let (account, cloudtrail) = account_with_trail();
    let launch = Launch::new()
        .launched_by(Identity::assumed_role("Developer", "alice@example.com"))
        .tag("Name", "web")
        .ago(minutes(30));
    let ids = account.launch_many(launch, 2);

    let events = look_up(&cloudtrail, Key::ResourceName, &ids[1]).await;
    assert_eq!(names(&events), ["RunInstances"]);
    let event = &events[0];
    assert_eq!(event.username(), Some("alice@example.com"));
    assert_eq!(event.event_source(), Some("ec2.amazonaws.com"));
    assert_eq!(event.read_only(), Some("false"));
    assert_eq!(utc(event.event_time().unwrap()), noon() - minutes(30));
    let named: Vec<_> = event
        .resources()
        .iter()
        .map(|r| r.resource_name().unwrap())
        .collect();
    assert!(
        ids.iter().all(|id| named.contains(&id.as_str())),
        "{named:?}"
    );

    let record: Value = serde_json::from_str(event.cloud_trail_event().unwrap()).unwrap();
    assert_eq!(Some(&record), account.trail_event(&ids[0]).as_ref());
    assert_eq!(record["eventID"], event.event_id().unwrap());
    assert_eq!(record["eventTime"], "2026-01-01T11:30:00Z");
    assert_eq!(record["recipientAccountId"], "111111111111");
    assert_eq!(record["eventType"], "AwsApiCall");
    assert_eq!(record["readOnly"], false);
    for text in ["sourceIPAddress", "userAgent", "requestID"] {
        assert!(record[text].is_string(), "{text}");
    }
    let identity = &record["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(
        identity["sessionContext"]["sessionIssuer"]["userName"],
        "Developer"
    );
    assert_eq!(
        identity["arn"],
        "arn:aws:sts::111111111111:assumed-role/Developer/alice@example.com"
    );
    let items = record["responseElements"]["instancesSet"]["items"]
        .as_array()
        .unwrap();
    let launched: Vec<_> = items
        .iter()
        .map(|item| item["instanceId"].as_str().unwrap())
        .collect();
    assert_eq!(launched, ids);
    assert_eq!(
        record["requestParameters"]["instancesSet"]["items"][0]["maxCount"],
        2
    );
    let specification = &record["requestParameters"]["tagSpecificationSet"]["items"][0];
    assert_eq!(
        specification["tags"],
        json!([{"key": "Name", "value": "web"}])
    );
}

#[tokio::test(start_paused = true)]
async fn records_an_auto_scaling_launch_under_its_service_linked_role() {
    let (account, _cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new().auto_scaling_group("web"));
    assert_eq!(
        account.instance(&id).unwrap().tags["aws:autoscaling:groupName"],
        "web"
    );
    let identity = &account.trail_event(&id).unwrap()["userIdentity"];
    assert_eq!(identity["invokedBy"], "autoscaling.amazonaws.com");
    let by_alice = Launch::new()
        .auto_scaling_group("web")
        .launched_by(Identity::iam_user("alice"));
    let id = account.launch(by_alice);
    assert_eq!(
        account.trail_event(&id).unwrap()["userIdentity"]["userName"],
        "alice"
    );
}

#[tokio::test(start_paused = true)]
async fn records_nothing_for_a_launch_without_a_trail() {
    let (account, cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new().without_trail().ago(minutes(60)));
    assert!(
        look_up(&cloudtrail, Key::ResourceName, &id)
            .await
            .is_empty()
    );
    assert_eq!(account.trail_event(&id), None);
    assert_eq!(account.run_instances_event(&id), None);
}

#[tokio::test(start_paused = true)]
async fn shows_an_event_after_the_lag() {
    let (account, cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new());
    let seen = async || look_up(&cloudtrail, Key::ResourceName, &id).await.len();
    account.advance(TimeDelta::seconds(299));
    assert_eq!(seen().await, 0);
    account.advance(TimeDelta::seconds(1));
    assert_eq!(seen().await, 1);
    account.trail_lag(minutes(15));
    assert_eq!(seen().await, 0);
    tokio::time::sleep(std::time::Duration::from_mins(10)).await;
    assert_eq!(seen().await, 1);
}

#[tokio::test(start_paused = true)]
async fn delivers_the_record_to_eventbridge_at_once() {
    let (account, _cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new());
    let event = account.run_instances_event(&id).unwrap();
    assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
    assert_eq!(event["source"], "aws.ec2");
    assert_eq!(event["account"], "111111111111");
    assert_eq!(event["region"], "us-east-1");
    assert_eq!(event["time"], "2026-01-01T12:00:00Z");
    assert_eq!(Some(&event["detail"]), account.trail_event(&id).as_ref());
}

#[tokio::test(start_paused = true)]
async fn finds_later_changes_of_an_instance_by_event_name_and_user() {
    let (account, cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new().ago(minutes(60)));
    let ec2 = aws_sdk_ec2::Client::new(&account.sdk_config());
    let tag = aws_sdk_ec2::types::Tag::builder()
        .key("a")
        .value("b")
        .build();
    ec2.create_tags()
        .resources(&id)
        .tags(tag)
        .send()
        .await
        .unwrap();
    account.advance(minutes(1));
    account.terminate(&id);
    account.advance(minutes(10));
    let events = look_up(&cloudtrail, Key::ResourceName, &id).await;
    assert_eq!(
        names(&events),
        ["TerminateInstances", "CreateTags", "RunInstances"]
    );
    let usernames: Vec<_> = events
        .iter()
        .map(|event| event.username().unwrap())
        .collect();
    assert_eq!(usernames, ["somebody-else", "tagwarden", "alice"]);
    let by_name = look_up(&cloudtrail, Key::EventName, "RunInstances").await;
    assert_eq!(names(&by_name), ["RunInstances"]);
    let by_user = look_up(&cloudtrail, Key::Username, "somebody-else").await;
    assert_eq!(names(&by_user), ["TerminateInstances"]);
    let by_id = look_up(&cloudtrail, Key::EventId, by_name[0].event_id().unwrap()).await;
    assert_eq!(by_id, by_name);
    let by_key = by_name[0].access_key_id().unwrap();
    assert_eq!(
        look_up(&cloudtrail, Key::AccessKeyId, by_key).await,
        by_name
    );
    assert_eq!(
        look_up(&cloudtrail, Key::EventSource, "ec2.amazonaws.com")
            .await
            .len(),
        3
    );
    assert_eq!(look_up(&cloudtrail, Key::ReadOnly, "true").await.len(), 0);
    assert_eq!(
        look_up(&cloudtrail, Key::ResourceType, "AWS::EC2::Instance")
            .await
            .len(),
        3
    );
}

#[tokio::test(start_paused = true)]
async fn lists_events_newest_first_in_pages_of_fifty_within_the_time_range() {
    let (account, cloudtrail) = account_with_trail();
    for age in 1..=120 {
        account.launch(Launch::new().ago(minutes(10 + age)));
    }
    let attribute = || by(Key::EventName, "RunInstances");
    let request = cloudtrail.lookup_events().lookup_attributes(attribute());
    let mut pages = request.into_paginator().send();
    let (mut sizes, mut times) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.events().len());
        times.extend(
            page.events()
                .iter()
                .map(|event| utc(event.event_time().unwrap())),
        );
        // What happens meanwhile moves nothing.
        account.launch(Launch::new().ago(minutes(6)));
    }
    assert_eq!(sizes, [50, 50, 20]);
    let expected: Vec<_> = (1..=120).map(|age| noon() - minutes(10 + age)).collect();
    assert_eq!(times, expected);

    let window = cloudtrail
        .lookup_events()
        .lookup_attributes(attribute())
        .start_time(sdk_time(noon() - minutes(13)))
        .end_time(sdk_time(noon() - minutes(11)));
    assert_eq!(window.send().await.unwrap().events().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn hides_events_older_than_ninety_days() {
    let (account, cloudtrail) = account_with_trail();
    account.launch(Launch::new().ago(TimeDelta::days(90)));
    account.launch(Launch::new().ago(TimeDelta::days(91)));
    let all = cloudtrail
        .lookup_events()
        .start_time(sdk_time(noon() - TimeDelta::days(365)));
    assert_eq!(all.send().await.unwrap().events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_invalid_lookups() {
    let (_account, cloudtrail) = account_with_trail();
    let two = cloudtrail
        .lookup_events()
        .lookup_attributes(by(Key::EventName, "RunInstances"))
        .lookup_attributes(by(Key::Username, "alice"));
    assert_eq!(
        refusal(two.send().await).0,
        "InvalidLookupAttributesException"
    );
    let odd = cloudtrail
        .lookup_events()
        .lookup_attributes(by(Key::from("Colour"), "red"));
    assert_eq!(
        refusal(odd.send().await).0,
        "InvalidLookupAttributesException"
    );
    let empty = cloudtrail
        .lookup_events()
        .lookup_attributes(by(Key::Username, ""));
    assert_eq!(
        refusal(empty.send().await).0,
        "InvalidLookupAttributesException"
    );
    for size in [0, 51] {
        let call = cloudtrail.lookup_events().max_results(size).send().await;
        assert_eq!(refusal(call).0, "InvalidMaxResultsException");
    }
    let backwards = cloudtrail
        .lookup_events()
        .start_time(sdk_time(noon()))
        .end_time(sdk_time(noon() - minutes(1)));
    assert_eq!(
        refusal(backwards.send().await).0,
        "InvalidTimeRangeException"
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_a_token_with_other_parameters() {
    let (account, cloudtrail) = account_with_trail();
    for _ in 0..3 {
        account.launch(Launch::new().ago(minutes(10)));
    }
    let ask = |name: &str| {
        let attribute = by(Key::EventName, name);
        cloudtrail
            .lookup_events()
            .lookup_attributes(attribute)
            .max_results(2)
    };
    let first = ask("RunInstances").send().await.unwrap();
    let token = first.next_token().unwrap();
    let second = ask("RunInstances").next_token(token).send().await.unwrap();
    assert_eq!((second.events().len(), second.next_token()), (1, None));
    for wrong in [
        ask("CreateTags").next_token(token),
        ask("RunInstances").max_results(3).next_token(token),
        ask("RunInstances").next_token("made-up"),
    ] {
        assert_eq!(refusal(wrong.send().await).0, "InvalidNextTokenException");
    }
}

#[tokio::test(start_paused = true)]
async fn adds_any_record_to_the_history() {
    let (account, cloudtrail) = account_with_trail();
    let id = account.launch(Launch::new().without_trail());
    account.record_trail_event(
        json!({"eventName": "RunInstances", "errorCode": "Server.InsufficientInstanceCapacity",
               "responseElements": null}),
        &[&id],
    );
    account.advance(minutes(5));
    let events = look_up(&cloudtrail, Key::ResourceName, &id).await;
    assert_eq!(events[0].username(), None);
    let record: Value = serde_json::from_str(events[0].cloud_trail_event().unwrap()).unwrap();
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["eventTime"], "2026-01-01T12:00:00Z");
}

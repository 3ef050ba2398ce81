//! `GetResourceConfigHistory`.

use aws_sdk_config::Client;
use aws_sdk_config::operation::get_resource_config_history::builders::GetResourceConfigHistoryFluentBuilder;
use aws_sdk_config::types::{ChronologicalOrder, ConfigurationItemStatus, ResourceType};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Launch};

use crate::{noon, refusal, sdk_time, utc};

/// An instance that Config recorded on the days 0, 1 and 20, where it now is day 30.
fn account_with_history() -> (Account, String, Client) {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new());
    for (tag, days) in [("first", 1), ("second", 19), ("third", 10)] {
        account.set_tag(&id, "Name", tag);
        account.record_configuration(&id);
        account.advance(TimeDelta::days(days));
    }
    let client = Client::new(&account.sdk_config());
    (account, id, client)
}

fn ask(config: &Client, id: &str) -> GetResourceConfigHistoryFluentBuilder {
    config
        .get_resource_config_history()
        .resource_type(ResourceType::Instance)
        .resource_id(id)
}

/// The `Name`s on each page.
async fn pages(request: GetResourceConfigHistoryFluentBuilder) -> Vec<Vec<String>> {
    let mut pages = request.into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        let items = page.configuration_items().iter();
        names.push(
            items
                .map(|item| item.tags().unwrap()["Name"].clone())
                .collect(),
        );
    }
    names
}

#[tokio::test(start_paused = true)]
async fn spans_seven_days_a_call_and_returns_empty_pages() {
    let (_account, id, config) = account_with_history();
    let empty = Vec::<&str>::new;
    // Day 30 to 23, 23 to 16, 16 to 9, 9 to 2, 2 to 0.
    let expected = [
        empty(),
        vec!["third"],
        empty(),
        empty(),
        vec!["second", "first"],
    ];
    assert_eq!(pages(ask(&config, &id)).await, expected);
    let forward = ask(&config, &id).chronological_order(ChronologicalOrder::Forward);
    // Day 0 to 7, 7 to 14, 14 to 20.
    assert_eq!(
        pages(forward).await,
        [vec!["first", "second"], empty(), vec!["third"]]
    );
}

#[tokio::test(start_paused = true)]
async fn finds_the_item_at_a_given_time() {
    let (_account, id, config) = account_with_history();
    let second = sdk_time(noon() + TimeDelta::days(1));
    let answer = ask(&config, &id)
        .later_time(second)
        .limit(1)
        .send()
        .await
        .unwrap();
    let item = &answer.configuration_items()[0];
    assert_eq!(item.tags().unwrap()["Name"], "second");
    assert_eq!(
        utc(item.configuration_item_capture_time().unwrap()),
        noon() + TimeDelta::days(1)
    );
    assert_eq!(
        item.configuration_item_status(),
        Some(&ConfigurationItemStatus::Ok)
    );
    assert_eq!(item.account_id(), Some("111111111111"));
    let arn = format!("arn:aws:ec2:us-east-1:111111111111:instance/{id}");
    assert_eq!(item.arn(), Some(arn.as_str()));
    assert_eq!(item.resource_id(), Some(id.as_str()));
    assert_eq!(
        item.relationships()[0].relationship_name(),
        Some("Is contained in Subnet")
    );
    let configuration: Value = serde_json::from_str(item.configuration().unwrap()).unwrap();
    assert_eq!(configuration["instanceId"], id);
    assert_eq!(
        configuration["tags"],
        json!([{"key": "Name", "value": "second"}])
    );
    assert!(answer.next_token().is_some());

    let next = ask(&config, &id)
        .later_time(second)
        .limit(1)
        .next_token(answer.next_token().unwrap());
    let answer = next.send().await.unwrap();
    assert_eq!(
        answer.configuration_items()[0].tags().unwrap()["Name"],
        "first"
    );
    assert_eq!(answer.next_token(), None);
}

#[tokio::test(start_paused = true)]
async fn returns_the_item_an_oversized_event_names() {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new().tag("Name", "then"));
    let event = account.oversized_event("tagging", &id);
    account.advance(TimeDelta::days(8));
    account.set_tag(&id, "Name", "now");
    account.record_configuration(&id);
    let invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    let captured = &invoking["configurationItemSummary"]["configurationItemCaptureTime"];
    let captured = captured.as_str().unwrap().parse().unwrap();
    let config = Client::new(&account.sdk_config());
    let answer = ask(&config, &id)
        .later_time(sdk_time(captured))
        .limit(1)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.configuration_items()[0].tags().unwrap()["Name"],
        "then"
    );
}

#[tokio::test(start_paused = true)]
async fn lists_a_deleted_instance_without_configuration() {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new());
    let _ = account.deleted_event("tagging", &id);
    let config = Client::new(&account.sdk_config());
    let answer = ask(&config, &id).send().await.unwrap();
    let item = &answer.configuration_items()[0];
    assert_eq!(
        item.configuration_item_status(),
        Some(&ConfigurationItemStatus::ResourceDeleted)
    );
    assert_eq!(item.configuration(), None);
}

#[tokio::test(start_paused = true)]
async fn refuses_unknown_resources_and_tokens() {
    let (account, id, config) = account_with_history();
    let unrecorded = account.launch(Launch::new());
    let (code, message) = refusal(ask(&config, &unrecorded).send().await);
    assert_eq!(code, "ResourceNotDiscoveredException");
    assert!(message.contains(&unrecorded), "{message}");
    let volume = ask(&config, &id)
        .resource_type(ResourceType::Volume)
        .send()
        .await;
    assert_eq!(refusal(volume).0, "ResourceNotDiscoveredException");
    assert_eq!(
        refusal(ask(&config, &id).limit(101).send().await).0,
        "ValidationException"
    );
    let token = ask(&config, &id).next_token("made-up").send().await;
    assert_eq!(refusal(token).0, "InvalidNextTokenException");
    let backwards = ask(&config, &id)
        .earlier_time(sdk_time(noon()))
        .later_time(sdk_time(noon() - TimeDelta::days(1)));
    assert_eq!(
        refusal(backwards.send().await).0,
        "InvalidTimeRangeException"
    );
}

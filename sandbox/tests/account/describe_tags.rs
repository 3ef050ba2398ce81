//! `DescribeTags`, and descriptions that do not show what is true.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag};
use chrono::TimeDelta;
use tagwarden_sandbox::{InstanceState, Launch};

use crate::{account_with_ec2, refusal};

fn filter(name: &str, values: &[&str]) -> Filter {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

/// The resources, keys and values that `DescribeTags` shows.
async fn listed(ec2: &Client, filters: Vec<Filter>) -> Vec<(String, String, String)> {
    let pages = ec2
        .describe_tags()
        .set_filters(Some(filters))
        .into_paginator();
    let tags = pages.page_size(5).items().send();
    let tags: Result<Vec<_>, _> = tags.collect().await;
    tags.unwrap()
        .into_iter()
        .map(|tag| {
            assert_eq!(tag.resource_type, Some(ResourceType::Instance));
            (
                tag.resource_id.unwrap(),
                tag.key.unwrap(),
                tag.value.unwrap(),
            )
        })
        .collect()
}

/// The keys of the tags that `DescribeInstances` shows of an instance, and its state.
async fn described(ec2: &Client, id: &str) -> (Vec<String>, String) {
    let answer = ec2.describe_instances().instance_ids(id).send().await;
    let reservations = answer.unwrap().reservations.unwrap();
    let instance = &reservations[0].instances()[0];
    let keys = instance.tags().iter().map(|tag| tag.key.clone().unwrap());
    let state = instance.state.as_ref().unwrap().name.as_ref().unwrap();
    (keys.collect(), state.as_str().to_owned())
}

#[tokio::test(start_paused = true)]
async fn lists_tags_by_resource_and_key_in_pages() {
    let (account, ec2) = account_with_ec2();
    let many = (0..7).fold(Launch::new(), |launch, n| launch.tag(format!("k{n}"), "v"));
    let one = account.launch(many);
    let two = account.launch(Launch::new().tag("Name", "<web> & more").tag("Empty", ""));
    account.launch(Launch::new());
    let all = listed(&ec2, Vec::new()).await;
    assert_eq!(all.len(), 9);
    assert!(all.is_sorted());
    assert_eq!(account.count("DescribeTags"), 2);
    let of_two = [
        (two.clone(), "Empty".to_owned(), String::new()),
        (two.clone(), "Name".to_owned(), "<web> & more".to_owned()),
    ];
    assert_eq!(
        listed(&ec2, vec![filter("resource-id", &[&two])]).await,
        of_two
    );
    for (filters, expected) in [
        (vec![filter("resource-id", &[&one, &two])], 9),
        (vec![filter("resource-id", &["i-0fffffffffffffff0"])], 0),
        (vec![filter("resource-type", &["instance"])], 9),
        (vec![filter("resource-type", &["volume"])], 0),
        (vec![filter("key", &["k*", "Name"])], 8),
        (vec![filter("key", &["k1"]), filter("value", &["v"])], 1),
        (vec![filter("tag:k2", &["v"])], 1),
    ] {
        assert_eq!(
            listed(&ec2, filters.clone()).await.len(),
            expected,
            "{filters:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_wrong_filters_and_page_sizes() {
    let (_account, ec2) = account_with_ec2();
    let ids: Vec<String> = (0..201).map(|n| format!("i-{n:017x}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let describe = || ec2.describe_tags();
    for (request, code) in [
        (
            describe().filters(filter("resource-id", &ids)),
            "FilterLimitExceeded",
        ),
        (
            describe().filters(filter("vpc-id", &["vpc-1"])),
            "InvalidParameterValue",
        ),
        (describe().max_results(4), "InvalidParameterValue"),
        (describe().max_results(1_001), "InvalidParameterValue"),
        (describe().next_token("x"), "InvalidPaginationToken"),
    ] {
        assert_eq!(refusal(request.send().await).0, code);
    }
    let most = describe().filters(filter("resource-id", &ids[..200]));
    assert!(most.max_results(5).send().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn omits_tags_from_descriptions_of_instances_alone() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().tag("Name", "web"));
    account.omit_tags_times(&id, 2);
    let (shown, tags) = account.described(&id).unwrap();
    assert_eq!((shown.tags.len(), tags.len()), (0, 1));
    for shown in [0, 0, 1, 1] {
        assert_eq!(described(&ec2, &id).await.0.len(), shown);
        assert_eq!(listed(&ec2, Vec::new()).await.len(), 1);
    }
    account.omit_tags(&id);
    for _ in 0..5 {
        assert!(described(&ec2, &id).await.0.is_empty());
    }
    account.show_tags(&id);
    assert_eq!(described(&ec2, &id).await.0, ["Name"]);
    assert_eq!(account.instance(&id).unwrap().tags.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn shows_what_was_true_some_seconds_ago() {
    let (account, ec2) = account_with_ec2();
    let seconds = TimeDelta::seconds;
    let id = account.launch(Launch::new().tag("Name", "web"));
    let other = account.launch(Launch::new());
    account.lag_behind(&id, seconds(10));
    account.set_tag(&id, "Owner", "ann");
    account.advance(seconds(4));
    for id in [&id, &other] {
        let tag = Tag::builder().key("Cost").value("7").build();
        ec2.create_tags()
            .resources(id)
            .tags(tag)
            .send()
            .await
            .unwrap();
    }
    ec2.stop_instances().instance_ids(&id).send().await.unwrap();
    let running = "running".to_owned();
    assert_eq!(
        described(&ec2, &id).await,
        (vec!["Name".to_owned()], running.clone())
    );
    assert_eq!(described(&ec2, &other).await.0, ["Cost"]);
    let of_id = || vec![filter("resource-id", &[&id])];
    assert_eq!(listed(&ec2, of_id()).await.len(), 1);
    assert_eq!(account.instance(&id).unwrap().tags.len(), 3);
    assert_eq!(
        account.instance(&id).unwrap().state,
        InstanceState::Stopping
    );

    account.advance(seconds(6));
    assert_eq!(listed(&ec2, of_id()).await.len(), 2);
    assert_eq!(described(&ec2, &id).await.1, running);
    account.advance(seconds(4));
    assert_eq!(described(&ec2, &id).await.1, "stopping");
    assert_eq!(listed(&ec2, of_id()).await.len(), 3);
    account.remove_tag(&id, "Name");
    assert_eq!(listed(&ec2, of_id()).await.len(), 3);
    account.lag_behind(&id, TimeDelta::zero());
    assert_eq!(listed(&ec2, of_id()).await.len(), 2);
}

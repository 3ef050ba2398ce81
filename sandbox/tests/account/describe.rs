//! `DescribeInstances` and `DescribeInstanceAttribute`.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance, InstanceAttributeName, InstanceLifecycleType};
use chrono::TimeDelta;
use std::slice;
use tagwarden_sandbox::{Account, InstanceState, Launch};

use crate::{account_with_ec2, minutes, noon, refusal, utc};

const UNKNOWN: &str = "i-0fffffffffffffff0";

async fn describe(ec2: &Client, filters: &[(&str, &[&str])]) -> Vec<Instance> {
    let filters = filters.iter().map(|(name, values)| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::builder()
            .name(*name)
            .set_values(Some(values))
            .build()
    });
    let request = ec2
        .describe_instances()
        .set_filters(Some(filters.collect()));
    let answer = request.send().await.unwrap();
    let reservations = answer.reservations.unwrap().into_iter();
    reservations
        .flat_map(|reservation| reservation.instances.unwrap_or_default())
        .collect()
}

async fn ids(ec2: &Client, filters: &[(&str, &[&str])]) -> Vec<String> {
    let instances = describe(ec2, filters).await.into_iter();
    instances
        .map(|instance| instance.instance_id.unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn describes_launched_instances() {
    let (account, ec2) = account_with_ec2();
    let launch = Launch::new()
        .vpc("vpc-1")
        .availability_zone("us-east-1b")
        .instance_type("m7g.large")
        .tag("Name", "a <b> & \"c\"")
        .tag("Empty", "")
        .ago(minutes(90))
        .started_again_ago(minutes(10))
        .spot();
    let id = account.launch(launch);
    assert_eq!(id, "i-00000000000000001");

    let instances = describe(&ec2, &[]).await;
    let instance = &instances[0];
    assert_eq!(instance.instance_id(), Some(id.as_str()));
    assert_eq!(instance.vpc_id(), Some("vpc-1"));
    assert_eq!(
        instance.placement().unwrap().availability_zone(),
        Some("us-east-1b")
    );
    assert_eq!(instance.instance_type().unwrap().as_str(), "m7g.large");
    assert_eq!(
        instance.instance_lifecycle(),
        Some(&InstanceLifecycleType::Spot)
    );
    assert_eq!(
        instance.state().unwrap().name().unwrap().as_str(),
        "running"
    );
    assert_eq!(instance.state().unwrap().code(), Some(16));
    let tags: Vec<_> = instance
        .tags()
        .iter()
        .map(|tag| (tag.key(), tag.value()))
        .collect();
    assert_eq!(
        tags,
        [
            (Some("Empty"), Some("")),
            (Some("Name"), Some("a <b> & \"c\""))
        ]
    );
    assert_eq!(utc(instance.launch_time().unwrap()), noon() - minutes(10));
    let primary = &instance.network_interfaces()[0];
    let attachment = primary.attachment().unwrap();
    assert_eq!(attachment.device_index(), Some(0));
    assert_eq!(utc(attachment.attach_time().unwrap()), noon() - minutes(90));
    assert_eq!(primary.subnet_id(), instance.subnet_id());
}

#[tokio::test(start_paused = true)]
async fn groups_instances_of_one_launch_in_one_reservation() {
    let (account, ec2) = account_with_ec2();
    account.launch_many(Launch::new(), 3);
    account.launch(Launch::new());
    assert!(account.launch_many(Launch::new(), 0).is_empty());
    let answer = ec2.describe_instances().send().await.unwrap();
    let sizes: Vec<_> = answer
        .reservations()
        .iter()
        .map(|r| r.instances().len())
        .collect();
    assert_eq!(sizes, [3, 1]);
    assert_eq!(answer.reservations()[0].owner_id(), Some(account.id()));
}

#[tokio::test(start_paused = true)]
async fn filters_by_the_fields_the_functions_use() {
    let (account, ec2) = account_with_ec2();
    let web = account.launch(
        Launch::new()
            .vpc("vpc-1")
            .tag("Role", "web")
            .tag("aws:x", ""),
    );
    let db = account.launch(Launch::new().vpc("vpc-1").tag("Role", "db").stopped());
    let bare = account.launch(Launch::new().vpc("vpc-2").availability_zone("us-east-1c"));

    assert_eq!(
        ids(&ec2, &[]).await,
        [web.clone(), db.clone(), bare.clone()]
    );
    assert_eq!(
        ids(&ec2, &[("vpc-id", &["vpc-1"])]).await,
        [web.clone(), db.clone()]
    );
    assert_eq!(
        ids(&ec2, &[("vpc-id", &["vpc-2", "vpc-3"])]).await,
        slice::from_ref(&bare)
    );
    assert_eq!(
        ids(&ec2, &[("instance-id", &[&db])]).await,
        slice::from_ref(&db)
    );
    let running = ("instance-state-name", &["pending", "running"][..]);
    assert_eq!(ids(&ec2, &[running]).await, [web.clone(), bare.clone()]);
    assert_eq!(
        ids(&ec2, &[("vpc-id", &["vpc-1"]), running]).await,
        slice::from_ref(&web)
    );
    assert_eq!(
        ids(&ec2, &[("tag-key", &["Role"])]).await,
        [web.clone(), db.clone()]
    );
    assert_eq!(ids(&ec2, &[("tag:Role", &["d?"])]).await, [db]);
    assert_eq!(ids(&ec2, &[("tag:Role", &["*"])]).await.len(), 2);
    assert_eq!(ids(&ec2, &[("tag:role", &["web"])]).await, [""; 0]);
    assert_eq!(
        ids(&ec2, &[("availability-zone", &["us-east-1c"])]).await,
        [bare]
    );
    // Unlike an id that is asked for, one that is filtered by may be unknown.
    assert_eq!(ids(&ec2, &[("instance-id", &[UNKNOWN])]).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn refuses_unknown_filters_and_too_many_values() {
    let (_account, ec2) = account_with_ec2();
    let with = |filter: Filter| ec2.describe_instances().filters(filter).send();

    let unknown = Filter::builder().name("vpc").values("vpc-1").build();
    let (code, message) = refusal(with(unknown).await);
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(message, "The filter 'vpc' is invalid");

    let values = |n: usize| Some((0..n).map(|n| format!("vpc-{n}")).collect());
    let many = |n| {
        Filter::builder()
            .name("vpc-id")
            .set_values(values(n))
            .build()
    };
    assert!(with(many(200)).await.is_ok());
    assert_eq!(refusal(with(many(201)).await).0, "FilterLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn returns_pages_of_a_thousand_unless_the_request_sets_a_size() {
    let (account, ec2) = account_with_ec2();
    let launched = account.launch_many(Launch::new(), 1003);

    let first = ec2.describe_instances().send().await.unwrap();
    assert_eq!(first.reservations()[0].instances().len(), 1000);
    let token = first.next_token().unwrap();
    let second = ec2
        .describe_instances()
        .next_token(token)
        .send()
        .await
        .unwrap();
    assert_eq!(second.reservations()[0].instances().len(), 3);
    assert_eq!(second.next_token(), None);

    let mut pages = ec2
        .describe_instances()
        .max_results(500)
        .into_paginator()
        .send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        let instances = page
            .reservations()
            .iter()
            .flat_map(aws_sdk_ec2::types::Reservation::instances);
        listed.extend(instances.map(|instance| instance.instance_id().unwrap().to_owned()));
    }
    assert_eq!(listed, launched);
    assert_eq!(account.count("DescribeInstances"), 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn returns_no_token_with_the_last_instance() {
    let (account, ec2) = account_with_ec2();
    account.launch_many(Launch::new(), 5);
    let page = ec2
        .describe_instances()
        .max_results(5)
        .send()
        .await
        .unwrap();
    assert_eq!(page.next_token(), None);
}

#[tokio::test(start_paused = true)]
async fn refuses_invalid_page_sizes_and_tokens() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    for size in [4, 0, -1, 1001] {
        let (code, message) = refusal(ec2.describe_instances().max_results(size).send().await);
        assert_eq!(code, "InvalidParameterValue");
        assert!(
            message.contains(&format!("Value ( {size} ) for parameter maxResults")),
            "{message}"
        );
    }
    let (code, message) = refusal(
        ec2.describe_instances()
            .instance_ids(&id)
            .max_results(5)
            .send()
            .await,
    );
    assert_eq!(code, "InvalidParameterCombination");
    assert_eq!(
        message,
        "The parameter instancesSet cannot be used with the parameter maxResults"
    );
    let (code, _) = refusal(ec2.describe_instances().next_token("made-up").send().await);
    assert_eq!(code, "InvalidPaginationToken");
}

#[tokio::test(start_paused = true)]
async fn names_every_unknown_id() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    let other = "i-0fffffffffffffff1";
    let ask = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        ec2.describe_instances().set_instance_ids(Some(ids)).send()
    };
    assert!(ask(&[&id, &id]).await.is_ok());
    assert_eq!(
        refusal(ask(&[&id, UNKNOWN]).await),
        (
            "InvalidInstanceID.NotFound".to_owned(),
            format!("The instance ID '{UNKNOWN}' does not exist")
        )
    );
    assert_eq!(
        refusal(ask(&[UNKNOWN, &id, other]).await).1,
        format!("The instance IDs '{UNKNOWN}, {other}' do not exist")
    );
    assert_eq!(
        refusal(ask(&[UNKNOWN, "web-1"]).await),
        (
            "InvalidInstanceID.Malformed".to_owned(),
            "Invalid id: \"web-1\"".to_owned()
        )
    );
    account.forget(&id);
    assert_eq!(refusal(ask(&[&id]).await).0, "InvalidInstanceID.NotFound");
    assert_eq!(account.instance(&id), None);
}

#[tokio::test(start_paused = true)]
async fn shows_a_terminated_instance_for_an_hour_without_its_network() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().vpc("vpc-1").tag("Name", "web"));
    account.terminate(&id);
    assert_eq!(
        account.instance(&id).unwrap().state,
        InstanceState::ShuttingDown
    );
    assert_eq!(
        ids(&ec2, &[("vpc-id", &["vpc-1"])]).await,
        slice::from_ref(&id)
    );

    account.advance(minutes(1));
    let instance = describe(&ec2, &[("instance-state-name", &["terminated"])])
        .await
        .remove(0);
    assert_eq!(instance.tags().len(), 1);
    assert_eq!((instance.vpc_id(), instance.subnet_id()), (None, None));
    assert!(instance.network_interfaces().is_empty());
    assert_eq!(ids(&ec2, &[("vpc-id", &["vpc-1"])]).await, [""; 0]);

    account.advance(TimeDelta::hours(1));
    assert_eq!(ids(&ec2, &[]).await, [""; 0]);
    assert!(account.instances().is_empty());
}

#[tokio::test(start_paused = true)]
async fn settles_transitional_states_by_tokios_clock() {
    let account = Account::new();
    let id = account.launch(Launch::new().state(InstanceState::Pending));
    assert_eq!(account.instance(&id).unwrap().state, "pending");
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert_eq!(account.instance(&id).unwrap().state, "running");
}

#[tokio::test(start_paused = true)]
async fn reports_protection_attributes() {
    let (account, ec2) = account_with_ec2();
    let plain = account.launch(Launch::new());
    let kept = account.launch(Launch::new().protected().stop_protected());
    for (id, expected) in [(&plain, false), (&kept, true)] {
        let ask = |attribute| {
            ec2.describe_instance_attribute()
                .instance_id(id)
                .attribute(attribute)
                .send()
        };
        let answer = ask(InstanceAttributeName::DisableApiTermination)
            .await
            .unwrap();
        assert_eq!(
            answer.disable_api_termination().unwrap().value(),
            Some(expected)
        );
        let answer = ask(InstanceAttributeName::DisableApiStop).await.unwrap();
        assert_eq!(answer.disable_api_stop().unwrap().value(), Some(expected));
        assert_eq!(
            refusal(ask(InstanceAttributeName::UserData).await).0,
            "SandboxUnsupported"
        );
    }
    let unknown = ec2
        .describe_instance_attribute()
        .instance_id(UNKNOWN)
        .attribute(InstanceAttributeName::DisableApiStop);
    assert_eq!(
        refusal(unknown.send().await).0,
        "InvalidInstanceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_an_unsupported_parameter() {
    let (_account, ec2) = account_with_ec2();
    let asked = ec2
        .describe_instances()
        .include_managed_resources(true)
        .send()
        .await;
    let (code, message) = refusal(asked);
    assert_eq!(code, "SandboxUnsupported");
    assert!(
        message.contains("IncludeManagedResources of DescribeInstances"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn shows_the_spot_request_and_the_operator() {
    let (account, ec2) = account_with_ec2();
    account.launch(Launch::new());
    account.launch_many(Launch::new().spot(), 2);
    account.launch(Launch::new().spot_request("sir-abcd1234"));
    account.launch(Launch::new().operated_by("eks.amazonaws.com"));

    let instances = describe(&ec2, &[]).await;
    let request = |index: usize| instances[index].spot_instance_request_id();
    let spot = Some(&InstanceLifecycleType::Spot);
    assert_eq!(
        (instances[0].instance_lifecycle(), request(0)),
        (None, None)
    );
    assert_eq!(instances[1].instance_lifecycle(), spot);
    assert_ne!(request(1), request(2));
    assert!(request(1).is_some_and(|id| id.len() == 12 && id.starts_with("sir-")));
    assert_eq!(instances[3].instance_lifecycle(), spot);
    assert_eq!(request(3), Some("sir-abcd1234"));
    let operator = |index: usize| {
        let operator = instances[index].operator().unwrap();
        (operator.managed(), operator.principal())
    };
    assert_eq!(operator(0), (Some(false), None));
    assert_eq!(operator(4), (Some(true), Some("eks.amazonaws.com")));
}

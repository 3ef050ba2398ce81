//! `CreateTags` and `DeleteTags`.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Tag;
use aws_sdk_ec2::types::builders::TagBuilder;
use tagwarden_sandbox::{Account, Launch};

use crate::{account_with_ec2, minutes, refusal};

fn tag(key: &str, value: &str) -> Tag {
    TagBuilder::default().key(key).value(value).build()
}

fn tags_of(account: &Account, id: &str) -> BTreeMap<String, String> {
    account.instance(id).unwrap().tags
}

fn map(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let tags = tags.iter();
    tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

async fn set(ec2: &Client, id: &str, tags: Vec<Tag>) -> (String, String) {
    refusal(
        ec2.create_tags()
            .resources(id)
            .set_tags(Some(tags))
            .send()
            .await,
    )
}

#[tokio::test(start_paused = true)]
async fn sets_and_overwrites_tags_on_every_resource() {
    let (account, ec2) = account_with_ec2();
    let one = account.launch(Launch::new().tag("Name", "one").tag("Expires", ""));
    let two = account.launch(Launch::new());
    ec2.create_tags()
        .resources(&one)
        .resources(&two)
        .tags(tag("Expires", "2026-02-01"))
        .tags(tag("ProjectCode", "Proj 7 & <8>"))
        .send()
        .await
        .unwrap();
    let set = [("Expires", "2026-02-01"), ("ProjectCode", "Proj 7 & <8>")];
    assert_eq!(tags_of(&account, &two), map(&set));
    assert_eq!(
        tags_of(&account, &one),
        map(&[set[0], ("Name", "one"), set[1]])
    );

    let call = &account.calls()[0];
    assert_eq!(call.operation, "CreateTags");
    assert_eq!(call.resources, [one, two]);
    assert_eq!(call.parameters["Tag.2.Key"], "ProjectCode");
    assert_eq!(call.outcome, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn refuses_a_whole_call_with_one_unknown_id() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    let both = |other: &str| {
        ec2.create_tags()
            .resources(&id)
            .resources(other)
            .tags(tag("a", "b"))
            .send()
    };
    let (code, message) = refusal(both("i-0fffffffffffffff0").await);
    assert_eq!(code, "InvalidInstanceID.NotFound");
    assert_eq!(
        message,
        "The instance ID 'i-0fffffffffffffff0' does not exist"
    );
    let (code, message) = refusal(both("web-1").await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidID", "The ID 'web-1' is not valid")
    );
    assert_eq!(tags_of(&account, &id), map(&[]));
}

#[tokio::test(start_paused = true)]
async fn refuses_more_than_a_thousand_resources_in_a_call() {
    let (account, ec2) = account_with_ec2();
    let ids = account.launch_many(Launch::new(), 1001);
    let all = |ids: &[String]| {
        ec2.create_tags()
            .set_resources(Some(ids.to_vec()))
            .tags(tag("a", "b"))
            .send()
    };
    assert!(all(&ids[..1000]).await.is_ok());
    assert_eq!(refusal(all(&ids).await).0, "ResourceCountExceeded");
    let tagged = account
        .instances()
        .into_iter()
        .filter(|instance| !instance.tags.is_empty());
    assert_eq!(tagged.count(), 1000);
}

#[tokio::test(start_paused = true)]
async fn refuses_invalid_tags() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    for key in ["aws:created-by", "AWS:x", "Aws:"] {
        let (code, message) = set(&ec2, &id, vec![tag(key, "x")]).await;
        assert_eq!(code, "InvalidParameterValue");
        assert_eq!(
            message,
            "Tag keys starting with 'aws:' are reserved for internal use"
        );
    }
    let refused = [
        vec![tag(&"k".repeat(129), "")],
        vec![tag("k", &"v".repeat(257))],
        vec![tag("", "v")],
        vec![TagBuilder::default().key("k").build()],
        vec![tag("k", "1"), tag("k", "2")],
    ];
    for tags in refused {
        let (code, message) = set(&ec2, &id, tags).await;
        assert_eq!(code, "InvalidParameterValue", "{message}");
    }
    let (code, message) = refusal(ec2.create_tags().resources(&id).send().await);
    assert_eq!(code, "MissingParameter", "{message}");
    let (code, message) = refusal(ec2.create_tags().tags(tag("k", "v")).send().await);
    assert_eq!(code, "MissingParameter", "{message}");
    assert_eq!(tags_of(&account, &id), map(&[]));

    // Characters count, not bytes; and the key may be `aws` alone.
    let longest = vec![tag(&"ü".repeat(128), &"漢".repeat(256)), tag("aws", "x")];
    ec2.create_tags()
        .resources(&id)
        .set_tags(Some(longest))
        .send()
        .await
        .unwrap();
    assert_eq!(tags_of(&account, &id).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn refuses_more_than_fifty_user_tags() {
    let (account, ec2) = account_with_ec2();
    let mut launch = Launch::new().tag("aws:autoscaling:groupName", "web");
    for number in 0..49 {
        launch = launch.tag(format!("key-{number}"), "");
    }
    let id = account.launch(launch);
    let other = account.launch(Launch::new());
    ec2.create_tags()
        .resources(&id)
        .tags(tag("key-49", ""))
        .send()
        .await
        .unwrap();
    // Overwriting needs no room.
    ec2.create_tags()
        .resources(&id)
        .tags(tag("key-49", "x"))
        .send()
        .await
        .unwrap();
    let call = ec2
        .create_tags()
        .resources(&other)
        .resources(&id)
        .tags(tag("key-50", ""));
    assert_eq!(refusal(call.send().await).0, "TagLimitExceeded");
    assert_eq!(tags_of(&account, &id).len(), 51);
    assert_eq!(tags_of(&account, &other), map(&[]));
}

#[tokio::test(start_paused = true)]
async fn tags_a_terminated_instance_while_it_is_visible() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    account.terminate(&id);
    account.advance(minutes(30));
    ec2.create_tags()
        .resources(&id)
        .tags(tag("a", "b"))
        .send()
        .await
        .unwrap();
    account.advance(minutes(30));
    let (code, _) = set(&ec2, &id, vec![tag("a", "c")]).await;
    assert_eq!(code, "InvalidInstanceID.NotFound");
}

#[tokio::test(start_paused = true)]
async fn changes_no_tags_in_a_dry_run() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().tag("a", "b"));
    let create = ec2
        .create_tags()
        .resources(&id)
        .tags(tag("c", "d"))
        .dry_run(true)
        .send()
        .await;
    assert_eq!(refusal(create).0, "DryRunOperation");
    let delete = ec2.delete_tags().resources(&id).dry_run(true).send().await;
    assert_eq!(refusal(delete).0, "DryRunOperation");
    assert_eq!(tags_of(&account, &id), map(&[("a", "b")]));
}

#[tokio::test(start_paused = true)]
async fn deletes_tags_by_key_by_value_or_all() {
    let (account, ec2) = account_with_ec2();
    let launch = Launch::new()
        .tag("a", "1")
        .tag("b", "2")
        .tag("c", "")
        .tag("aws:x", "y");
    let id = account.launch(launch);
    let key = |key: &str| TagBuilder::default().key(key).build();
    let delete = |tags: Vec<Tag>| ec2.delete_tags().resources(&id).set_tags(Some(tags)).send();

    delete(vec![
        tag("a", "other"),
        tag("b", ""),
        tag("c", ""),
        key("none"),
    ])
    .await
    .unwrap();
    assert_eq!(
        tags_of(&account, &id),
        map(&[("a", "1"), ("aws:x", "y"), ("b", "2")])
    );
    delete(vec![key("a")]).await.unwrap();
    assert_eq!(tags_of(&account, &id), map(&[("aws:x", "y"), ("b", "2")]));
    assert_eq!(
        refusal(delete(vec![key("aws:x")]).await).0,
        "InvalidParameterValue"
    );
    delete(vec![]).await.unwrap();
    assert_eq!(tags_of(&account, &id), map(&[("aws:x", "y")]));
}

#[tokio::test(start_paused = true)]
async fn sets_and_removes_tags_from_fixtures() {
    let (account, _ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    account.set_tag(&id, "a", "b");
    assert_eq!(tags_of(&account, &id), map(&[("a", "b")]));
    account.remove_tag(&id, "a");
    assert_eq!(tags_of(&account, &id), map(&[]));
    account.set_tag("i-0fffffffffffffff0", "a", "b");
    assert_eq!(account.instances().len(), 1);
    assert!(account.calls().is_empty());
}

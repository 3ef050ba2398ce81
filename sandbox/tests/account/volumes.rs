//! Volumes: what describes them, tags them and records them, and what EC2 refuses.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Tag, Volume, VolumeState};
use serde_json::json;
use tagwarden_sandbox::{Account, Launch, NewVolume};

use crate::{account_with_ec2, minutes, refusal, utc};

const RULE: &str = "required-tags";

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn all(ec2: &Client) -> Vec<Volume> {
    let output = ec2.describe_volumes().send().await.unwrap();
    output.volumes().to_vec()
}

fn ids(volumes: &[Volume]) -> Vec<&str> {
    volumes.iter().filter_map(Volume::volume_id).collect()
}

#[tokio::test(start_paused = true)]
async fn describes_a_volume_as_it_was_created() {
    let (account, ec2) = account_with_ec2();
    let instance = account.launch(
        Launch::new()
            .availability_zone("us-east-1b")
            .ago(minutes(90))
            .volume(NewVolume::new().size(20).tag("Name", "root"))
            .volume(NewVolume::new()),
    );
    let alone = account.create_volume(NewVolume::new().ago(minutes(5)));
    let volumes = all(&ec2).await;
    let [root, data, third] = volumes.as_slice() else {
        panic!("three volumes: {volumes:?}");
    };
    assert_eq!(root.size(), Some(20));
    assert_eq!(root.availability_zone(), Some("us-east-1b"));
    assert_eq!(root.state(), Some(&VolumeState::InUse));
    assert_eq!(
        utc(root.create_time().unwrap()),
        account.now() - minutes(90)
    );
    assert_eq!(root.tags(), [tag("Name", "root")]);
    assert_eq!(root.multi_attach_enabled(), Some(false));
    let [attachment] = root.attachments() else {
        panic!("one attachment: {root:?}");
    };
    assert_eq!(attachment.instance_id(), Some(instance.as_str()));
    assert_eq!(attachment.device(), Some("/dev/xvda"));
    assert_eq!(attachment.delete_on_termination(), Some(true));
    assert_eq!(data.attachments()[0].device(), Some("/dev/xvdb"));
    assert_eq!(third.volume_id(), Some(alone.as_str()));
    assert_eq!(third.state(), Some(&VolumeState::Available));
    assert!(third.attachments().is_empty() && third.tags().is_empty());
}

#[tokio::test(start_paused = true)]
async fn attaches_as_ec2_does() {
    let (account, ec2) = account_with_ec2();
    let [one, two] = [account.launch(Launch::new()), account.launch(Launch::new())];
    let far = account.launch(Launch::new().availability_zone("us-east-1c"));
    let single = account.create_volume(NewVolume::new());
    let shared = account.create_volume(NewVolume::new().multi_attach());
    assert!(account.attach_volume(&single, &one));
    assert!(
        !account.attach_volume(&single, &two),
        "it is attached to {one}"
    );
    assert!(account.attach_volume(&shared, &one) && account.attach_volume(&shared, &two));
    assert!(
        !account.attach_volume(&shared, &two),
        "it is attached to it"
    );
    assert!(!account.attach_volume(&shared, &far), "another zone");
    let volumes = all(&ec2).await;
    assert_eq!(volumes[1].attachments().len(), 2);
    assert_eq!(account.volumes_of(&two).len(), 1);
    account.detach_volume(&single);
    assert_eq!(account.volume(&single).unwrap().state, "available");
    assert!(account.attach_volume(&single, &two));
}

#[tokio::test(start_paused = true)]
async fn volumes_go_with_their_instance_or_stay_without_it() {
    let (account, ec2) = account_with_ec2();
    let instance = account.launch(
        Launch::new()
            .volume(NewVolume::new())
            .volume(NewVolume::new().kept()),
    );
    account.terminate(&instance);
    assert_eq!(all(&ec2).await.len(), 2, "shutting down");
    account.advance(minutes(1));
    let volumes = all(&ec2).await;
    assert_eq!(ids(&volumes), ["vol-00000000000000002"]);
    assert_eq!(volumes[0].state(), Some(&VolumeState::Available));
    assert!(volumes[0].attachments().is_empty());
}

#[tokio::test(start_paused = true)]
async fn filters() {
    let (account, ec2) = account_with_ec2();
    let launch = Launch::new().volume(NewVolume::new());
    account.launch(launch.volume(NewVolume::new().size(100).tag("Name", "data")));
    account.create_volume(NewVolume::new().availability_zone("us-east-1b"));
    for (name, value, expected) in [
        ("attachment.instance-id", "i-00000000000000001", 2),
        ("attachment.status", "attached", 2),
        ("status", "available", 1),
        ("availability-zone", "us-east-1b", 1),
        ("volume-id", "vol-*2", 1),
        ("size", "8", 2),
        ("volume-type", "gp?", 3),
        ("multi-attach-enabled", "true", 0),
        ("tag-key", "Name", 1),
        ("tag:Name", "data", 1),
        ("tag:Name", "Data", 0),
    ] {
        let call = ec2.describe_volumes().filters(filter(name, value));
        let passed = call.send().await.unwrap().volumes().len();
        assert_eq!(passed, expected, "{name} = {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages() {
    let (account, ec2) = account_with_ec2();
    for _ in 0..1001 {
        account.create_volume(NewVolume::new());
    }
    assert_eq!(all(&ec2).await.len(), 1001, "without MaxResults all");
    let mut token = None;
    let mut sizes = Vec::new();
    let mut seen = Vec::new();
    loop {
        // More than 1,000 gives 1,000.
        let call = ec2.describe_volumes().max_results(5000);
        let page = call.set_next_token(token).send().await.unwrap();
        sizes.push(page.volumes().len());
        seen.extend(ids(page.volumes()).into_iter().map(str::to_owned));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [1000, 1]);
    seen.dedup();
    assert_eq!(seen.len(), 1001);
    let few = ec2.describe_volumes().max_results(4).send().await;
    assert_eq!(refusal(few).0, "InvalidParameterValue");
    let strange = ec2.describe_volumes().next_token("x").send().await;
    assert_eq!(refusal(strange).0, "InvalidPaginationToken");
}

#[tokio::test(start_paused = true)]
async fn describes_named_volumes_all_or_none() {
    let (account, ec2) = account_with_ec2();
    let volume = account.create_volume(NewVolume::new());
    account.create_volume(NewVolume::new());
    let named = || ec2.describe_volumes().volume_ids(&volume);
    assert_eq!(ids(named().send().await.unwrap().volumes()), [&volume]);
    let gone = "vol-0123456789abcdef0";
    for (call, code) in [
        (named().volume_ids(gone), "InvalidVolume.NotFound"),
        (named().volume_ids("vol-1"), "InvalidVolumeID.Malformed"),
        (
            named().volume_ids("i-0123abcd"),
            "InvalidVolumeID.Malformed",
        ),
        (named().max_results(10), "InvalidParameterCombination"),
        (
            named().filters(filter("vpc-id", "vpc-1")),
            "InvalidParameterValue",
        ),
        (named().dry_run(true), "DryRunOperation"),
    ] {
        assert_eq!(refusal(call.send().await).0, code);
    }
}

#[tokio::test(start_paused = true)]
async fn tags_volumes_and_instances_by_one_call() {
    let (account, ec2) = account_with_ec2();
    let instance = account.launch(Launch::new().volume(NewVolume::new().tag("Expires", "")));
    let volume = account.volumes()[0].id.clone();
    let create = || ec2.create_tags().resources(&instance).resources(&volume);
    let call = create()
        .tags(tag("ProjectCode", "7"))
        .tags(tag("Expires", "never"));
    call.send().await.unwrap();
    let tags = BTreeMap::from([
        ("Expires".to_owned(), "never".to_owned()),
        ("ProjectCode".to_owned(), "7".to_owned()),
    ]);
    assert_eq!(account.volume(&volume).unwrap().tags, tags);
    assert_eq!(account.instance(&instance).unwrap().tags, tags);
    let read = ec2
        .describe_tags()
        .filters(filter("resource-type", "volume"));
    let read = read.send().await.unwrap();
    let first = &read.tags()[0];
    assert_eq!((read.tags().len(), first.key()), (2, Some("Expires")));
    assert_eq!(first.resource_id(), Some(volume.as_str()));
    // Where one is refused, nothing is written.
    for (id, code) in [
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("i-0123456789abcdef0", "InvalidInstanceID.NotFound"),
        ("vol-012345678", "InvalidID"),
    ] {
        let call = create().resources(id).tags(tag("Owner", "carl"));
        assert_eq!(refusal(call.send().await).0, code);
    }
    assert_eq!(account.volume(&volume).unwrap().tags, tags);
    let delete = ec2.delete_tags().resources(&volume);
    let wrong_value = delete.clone().tags(tag("ProjectCode", "8"));
    wrong_value.send().await.unwrap();
    delete.tags(tag("Expires", "never")).send().await.unwrap();
    let left = account.volume(&volume).unwrap().tags;
    assert_eq!(
        left,
        BTreeMap::from([("ProjectCode".to_owned(), "7".to_owned())])
    );
    account.set_tag(&volume, "Owner", "carl");
    account.remove_tag(&volume, "ProjectCode");
    assert!(account.volume(&volume).unwrap().tags.contains_key("Owner"));
    account.delete_volume(&volume);
    let gone = ec2.create_tags().resources(&volume).tags(tag("a", "b"));
    assert_eq!(refusal(gone.send().await).0, "InvalidVolume.NotFound");
}

#[tokio::test(start_paused = true)]
async fn tags_are_listed_in_the_order_of_ids_page_by_page() {
    let (account, ec2) = account_with_ec2();
    account.launch(
        Launch::new()
            .tag("a", "1")
            .volume(NewVolume::new().tag("a", "1")),
    );
    for id in ["vpc-0a1b2c3d4e5f60718", "subnet-0a1b2c3d"] {
        for key in ["a", "b", "c"] {
            account.tag_network(id, key, "1");
        }
    }
    let first = ec2.describe_tags().max_results(5).send().await.unwrap();
    let next = ec2
        .describe_tags()
        .max_results(5)
        .set_next_token(first.next_token.clone());
    let next = next.send().await.unwrap();
    let read = first.tags().iter().chain(next.tags());
    let kinds: Vec<&str> = read
        .map(|tag| tag.resource_type().unwrap().as_str())
        .collect();
    let expected = [
        "instance", "subnet", "subnet", "subnet", "volume", "vpc", "vpc", "vpc",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test(start_paused = true)]
async fn a_denial_names_the_volume() {
    let (account, ec2) = account_with_ec2();
    let volume = account.create_volume(NewVolume::new());
    account.deny("CreateTags", &volume);
    let call = ec2.create_tags().resources(&volume).tags(tag("a", "b"));
    let (code, message) = refusal(call.send().await);
    assert_eq!(code, "UnauthorizedOperation");
    assert!(
        message.contains(&format!(":volume/{volume} with")),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn keeps_the_quotas_of_describe_volumes() {
    for (max_results, burst) in [(None, 50), (Some(1000), 100)] {
        let (account, ec2) = account_with_ec2();
        account.keep_quotas();
        for _ in 0..burst {
            let call = ec2.describe_volumes().set_max_results(max_results);
            call.send().await.unwrap();
        }
        let attempts = aws_sdk_ec2::config::Builder::from(&account.sdk_config());
        let retry = aws_sdk_ec2::config::retry::RetryConfig::disabled();
        let once = Client::from_conf(attempts.retry_config(retry).build());
        let call = once.describe_volumes().set_max_results(max_results);
        assert_eq!(refusal(call.send().await).0, "RequestLimitExceeded");
    }
}

#[tokio::test(start_paused = true)]
async fn config_records_a_volume_and_its_instance() {
    let (account, _) = account_with_ec2();
    let instance = account.launch(Launch::new().volume(NewVolume::new().tag("Name", "root")));
    let volume = account.volumes()[0].id.clone();
    let item = account.configuration_item(&volume);
    assert_eq!(item["resourceType"], "AWS::EC2::Volume");
    assert_eq!(item["resourceId"], volume.as_str());
    assert_eq!(item["configurationItemStatus"], "ResourceDiscovered");
    let arn = format!("arn:aws:ec2:us-east-1:111111111111:volume/{volume}");
    assert_eq!(item["ARN"], arn);
    assert_eq!(item["tags"], json!({"Name": "root"}));
    assert_eq!(item["configuration"]["state"], json!({"value": "in-use"}));
    let attachment = &item["configuration"]["attachments"][0];
    assert_eq!(attachment["instanceId"], instance.as_str());
    let related = json!([{
        "resourceId": instance,
        "resourceType": "AWS::EC2::Instance",
        "name": "Is attached to Instance",
    }]);
    assert_eq!(item["relationships"], related);

    account.record_configuration(&volume);
    let config = aws_sdk_config::Client::new(&account.sdk_config());
    let history = |kind: &str| {
        let call = config.get_resource_config_history().resource_id(&volume);
        call.resource_type(kind.into()).send()
    };
    let listed = history("AWS::EC2::Volume").await.unwrap();
    assert_eq!(listed.configuration_items().len(), 1);
    let other = history("AWS::EC2::Instance").await;
    assert_eq!(refusal(other).0, "ResourceNotDiscoveredException");
    let oversized = account.oversized_event(RULE, &volume).to_string();
    assert!(oversized.contains("OversizedChangeNotification/AWS::EC2::Volume/vol-"));
    account.delete_volume(&volume);
    let event = account.change_event(RULE, &volume).to_string();
    assert!(event.contains("ResourceDeleted"), "{event}");
}

/// A verdict on a volume is one of its own, with its type in the results and in the event.
#[tokio::test(start_paused = true)]
async fn config_keeps_a_verdict_on_a_volume() {
    let account = Account::new();
    let volume = account.create_volume(NewVolume::new());
    let event = account.change_event(RULE, &volume);
    let config = aws_sdk_config::Client::new(&account.sdk_config());
    let now = aws_smithy_types::DateTime::from_secs(account.now().timestamp());
    let evaluation = aws_sdk_config::types::Evaluation::builder()
        .compliance_resource_type("AWS::EC2::Volume")
        .compliance_resource_id(&volume)
        .compliance_type("NON_COMPLIANT".into())
        .ordering_timestamp(now);
    let put = config
        .put_evaluations()
        .result_token(event["resultToken"].as_str().unwrap());
    put.evaluations(evaluation.build().unwrap())
        .send()
        .await
        .unwrap();
    let shown = account.compliance(RULE);
    assert_eq!(shown[&volume].resource_type, "AWS::EC2::Volume");
    let changes = account.take_compliance_changes();
    assert_eq!(changes[0]["detail"]["resourceType"], "AWS::EC2::Volume");
    assert_eq!(changes[0]["detail"]["resourceId"], volume.as_str());
}

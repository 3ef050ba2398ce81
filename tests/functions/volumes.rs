//! Volumes: judged by their own tags, tagged from their instances, and never shut down.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_sandbox::NewVolume;

use crate::support::{LEDGER, RULE, VPC, World, compliance_change, old, scheduled_event};

/// A world with these rules in format 2, enforcing, whose functions cover instances and volumes.
fn world(rules: &[Value]) -> World {
    of_instances(rules).set("TAGWARDEN_RESOURCE_TYPES", "instance,volume")
}

/// The same, whose functions cover instances alone.
fn of_instances(rules: &[Value]) -> World {
    let format = [json!({"RuleId": -1, "PolicyFormat": 2})];
    World::with_table(&[&format, rules].concat()).enforcing()
}

/// A rule for volumes that takes the tag of the instance, or else `Default`.
fn from_instance() -> Value {
    json!({
        "RuleId": 10, "TagKey": "Project", "Action": "Update", "Required": "Y", "Default": "none", "From": "instance",
        "ResourceTypes": "volume",
    })
}

/// An instance with these tags and a volume of its own: their ids.
fn with_volume(world: &World, tags: &[(&str, &str)], volume: NewVolume) -> (String, String) {
    let instance = world.account.launch(old(tags).volume(volume));
    let volume = world.account.volumes_of(&instance).remove(0).id;
    (instance, volume)
}

fn volume_tag(world: &World, id: &str, key: &str) -> Option<String> {
    world.account.volume(id).unwrap().tags.remove(key)
}

/// The event of a volume that became `NON_COMPLIANT`.
fn volume_change(id: &str) -> Value {
    let mut event = compliance_change(id);
    event["detail"]["resourceType"] = json!("AWS::EC2::Volume");
    event
}

/// What the product is for: an untagged volume of a tagged instance.
#[tokio::test(start_paused = true)]
async fn an_untagged_volume_is_reported_tagged_and_compliant() {
    let world = world(&[from_instance()]);
    let (instance, volume) = with_volume(&world, &[("Project", "shop")], NewVolume::new());
    let event = world.account.change_event(RULE, &volume);
    world.evaluate(event).await.unwrap();
    assert_eq!(world.verdict(&volume).as_deref(), Some("NON_COMPLIANT"));
    let said = world.annotation(&volume);
    assert_eq!(said.as_deref(), Some("missing tag Project (rule 10)"));

    let answer = world.remediate(volume_change(&volume)).await.unwrap();
    assert_eq!(
        (&answer["volumes"], &answer["tagged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        volume_tag(&world, &volume, "Project").as_deref(),
        Some("shop")
    );
    assert_eq!(
        world.lines(),
        [format!(
            "-- Volume {volume} missing tag Project. New tag created. \"shop\" is from its instance {instance}."
        )]
    );
    let document = world.documents().pop().unwrap();
    assert_eq!(document["instanceIds"], json!([]));
    assert_eq!(document["resourceIds"], json!([volume]));
    let entry = &document["entries"][0];
    assert_eq!(entry["resourceType"], "volume");
    assert_eq!(entry["attachedTo"], json!([instance]));
    assert_eq!(entry["valueOrigin"], format!("instance:{instance}"));

    let event = world.account.change_event(RULE, &volume);
    world.evaluate(event).await.unwrap();
    assert_eq!(world.verdict(&volume).as_deref(), Some("COMPLIANT"));
}

/// The schedule evaluates all volumes of a stack that covers them, and none of another stack.
#[tokio::test(start_paused = true)]
async fn the_schedule_evaluates_what_the_stack_covers() {
    let rules = [json!({
        "RuleId": 1, "TagKey": "Project", "Action": "Notify", "Required": "Y", "ResourceTypes": "instance, volume",
    })];
    for (world, volumes) in [(world(&rules), 1), (of_instances(&rules), 0)] {
        let (instance, volume) = with_volume(&world, &[("Project", "shop")], NewVolume::new());
        world.evaluate_all().await;
        assert_eq!(world.verdict(&instance).as_deref(), Some("COMPLIANT"));
        let verdict = world.verdict(&volume);
        assert_eq!(
            verdict.as_deref(),
            (volumes == 1).then_some("NON_COMPLIANT")
        );
        assert_eq!(world.account.count("DescribeVolumes"), volumes);
    }
}

/// A volume that went with its instance keeps no result.
#[tokio::test(start_paused = true)]
async fn a_volume_that_is_gone_leaves_the_dashboard() {
    let world = world(&[from_instance()]);
    let volume = world.account.create_volume(NewVolume::new());
    world.evaluate_all().await;
    assert_eq!(world.verdict(&volume).as_deref(), Some("NON_COMPLIANT"));
    world.account.delete_volume(&volume);
    world.evaluate_all().await;
    assert_eq!(world.verdict(&volume), None);
}

/// A stack of instances makes no call about volumes, whatever the policy and the event say.
#[tokio::test(start_paused = true)]
async fn a_stack_of_instances_knows_no_volumes() {
    let instances = json!({"RuleId": 1, "TagKey": "Project", "Action": "Notify", "Required": "Y"});
    let world = of_instances(&[instances, from_instance()]);
    let (_, volume) = with_volume(&world, &[("Name", "web")], NewVolume::new());
    let answer = world.remediate(volume_change(&volume)).await.unwrap();
    assert_eq!(answer["instances"], 0);
    let by_id = json!({ "resourceIds": [volume] });
    assert_eq!(world.remediate(by_id).await.unwrap()["instances"], 0);
    assert_eq!(world.account.calls(), []);

    let answer = world.sweep().await;
    assert_eq!(world.account.count("DescribeVolumes"), 0);
    assert_eq!(answer.get("volumes"), None);
    let report = world.reports().pop().unwrap();
    let note = "Rule 10 of the policy is for volumes, which this stack does not cover: add AWS::EC2::Volume to its parameter ResourceTypes.";
    assert!(report.contains(note), "{report}");
    assert_eq!(world.documents().pop().unwrap()["notes"], json!([note]));
}

/// One set of tags is one call, for instances and volumes alike.
#[tokio::test(start_paused = true)]
async fn instances_and_volumes_share_a_call() {
    let world = world(&[json!({
        "RuleId": 1, "TagKey": "Project", "Action": "Update", "Required": "Y", "Default": "shop",
        "ResourceTypes": "instance, volume",
    })]);
    let (instance, volume) = with_volume(&world, &[("Name", "web")], NewVolume::new());
    let detached = world.account.create_volume(NewVolume::new());
    let answer = world.sweep().await;
    assert_eq!(answer["tagged"], 3);
    assert_eq!(
        (&answer["instances"], &answer["volumes"]),
        (&json!(1), &json!(2))
    );
    let calls = world.account.calls();
    let writes: Vec<_> = calls
        .iter()
        .filter(|it| it.operation == "CreateTags")
        .collect();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].resources.len(), 3);
    assert_eq!(world.tag(&instance, "Project").as_deref(), Some("shop"));
    for id in [volume, detached] {
        assert_eq!(volume_tag(&world, &id, "Project").as_deref(), Some("shop"));
    }
    let report = world.reports().pop().unwrap();
    assert!(
        report.contains("1 instance and 2 volumes looked at: 3 tagged."),
        "{report}"
    );
}

/// The launch and the volumes of one instance: a source that the run itself writes counts for the next run.
#[tokio::test(start_paused = true)]
async fn a_source_that_this_run_writes_waits_for_the_next() {
    let mut instances = from_instance();
    let members = instances.as_object_mut().unwrap();
    members.extend([
        ("RuleId".to_owned(), json!(1)),
        ("Default".to_owned(), json!("Proj007")),
    ]);
    members.remove("ResourceTypes");
    members.remove("From");
    let world = world(&[instances, from_instance()]);
    let (instance, volume) = with_volume(&world, &[("Name", "web")], NewVolume::new());
    world.sweep().await;
    assert_eq!(world.tag(&instance, "Project").as_deref(), Some("Proj007"));
    assert_eq!(volume_tag(&world, &volume, "Project"), None);
    let lines = world.lines();
    let waits = format!(
        "-- Volume {volume} missing tag Project. Left for later: its value may be that of its instance {instance}, which cannot be \
         read now: its own rule writes it first"
    );
    assert!(lines.iter().any(|it| it.starts_with(&waits)), "{lines:?}");
    world.sweep().await;
    assert_eq!(
        volume_tag(&world, &volume, "Project").as_deref(),
        Some("Proj007")
    );
}

#[rstest]
#[case::one_has_it(&[("Project", "shop")], &[], Some("shop"))]
#[case::both_agree(&[("Project", "shop")], &[("Project", "shop")], Some("shop"))]
#[case::neither(&[], &[("Project", " ")], Some("none"))]
#[case::they_disagree(&[("Project", "shop")], &[("Project", "bank")], None)]
#[tokio::test(start_paused = true)]
async fn several_instances_must_agree(
    #[case] first: &[(&str, &str)],
    #[case] second: &[(&str, &str)],
    #[case] expected: Option<&str>,
) {
    let world = world(&[from_instance()]);
    let named = |tags: &[(&str, &str)]| world.instance(&[tags, &[("Name", "db")]].concat());
    let (first, second) = (named(first), named(second));
    let volume = world.account.create_volume(NewVolume::new().multi_attach());
    for instance in [&first, &second] {
        assert!(world.account.attach_volume(&volume, instance));
    }
    world.sweep().await;
    assert_eq!(volume_tag(&world, &volume, "Project").as_deref(), expected);
    if expected.is_none() {
        assert_eq!(
            world.lines(),
            [format!(
                "-- Volume {volume} missing tag Project. Reported only: its instances disagree: Project is \"shop\" on \
                 {first} and \"bank\" on {second}."
            )]
        );
    }
}

/// The name on the instance comes first, then the instance's launch. Nobody looks for the creation of a volume.
#[rstest]
#[case::by_the_tag(&[("CreatedBy", "bob")], "bob", 0)]
#[case::by_the_launch(&[("Name", "web")], "ann", 1)]
#[tokio::test(start_paused = true)]
async fn a_volume_has_the_launcher_of_its_instance(
    #[case] tags: &[(&str, &str)],
    #[case] expected: &str,
    #[case] look_ups: usize,
) {
    let world = world(&[json!({
        "RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "ResourceTypes": "volume",
    })]);
    let (_, volume) = with_volume(&world, tags, NewVolume::new());
    let detached = world.account.create_volume(NewVolume::new());
    world.sweep().await;
    assert_eq!(
        volume_tag(&world, &volume, "CreatedBy").as_deref(),
        Some(expected)
    );
    assert_eq!(volume_tag(&world, &detached, "CreatedBy"), None);
    assert_eq!(world.account.count("LookupEvents"), look_ups);
    let lines = world.lines();
    let reported = format!(
        "-- Volume {detached} missing tag CreatedBy. Reported only: the volume is attached to no instance, whose \
         launcher it would name."
    );
    assert!(lines.contains(&reported), "{lines:?}");
    let owner = &world.documents().pop().unwrap()["entries"];
    let of_volume = owner
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["instanceId"] == volume.as_str());
    assert_eq!(of_volume.unwrap()["owner"], expected);
}

/// What ends an instance is only reported of its volume, whoever asks for it.
#[rstest]
#[case::by_rule("Terminate", &[("Name", "web")])]
#[case::untagged("Terminate", &[])]
#[case::stop("Stop", &[("Name", "web")])]
#[tokio::test(start_paused = true)]
async fn a_volume_is_never_shut_down(#[case] action: &str, #[case] tags: &[(&str, &str)]) {
    let world = world(&[json!({
        "RuleId": 1, "TagKey": "Owner", "Action": action, "Required": "Y", "ResourceTypes": "instance, volume",
    })]);
    let (instance, volume) = with_volume(&world, tags, NewVolume::new().kept());
    let before = world.account.volume(&volume).unwrap();
    world.sweep().await;
    assert_ne!(world.state(&instance), "running");
    let after = world.account.volume(&volume).unwrap();
    assert_eq!(after.tags, before.tags);
    let lines = world.lines();
    let reported = format!("-- Volume {volume} missing tag Owner. Reported only.");
    assert!(lines.contains(&reported), "{lines:?}");
    // That it was reported is all that the ledger notes.
    let mut items = world.account.items(LEDGER);
    items.retain(|item| item["Pk"] != "told");
    let items = serde_json::to_string(&items).unwrap();
    assert!(!items.contains(&volume), "{items}");
}

/// With VPCs, a volume counts by its instance. A detached one is out of scope.
#[tokio::test(start_paused = true)]
async fn a_volume_counts_by_the_vpc_of_its_instance() {
    let world = world(&[from_instance()]).set("TAGWARDEN_VPC_IDS", VPC);
    let (_, inside) = with_volume(&world, &[("Project", "shop")], NewVolume::new());
    let other = old(&[("Project", "shop")])
        .vpc("vpc-4e5f6071")
        .volume(NewVolume::new());
    let outside = world
        .account
        .volumes_of(&world.account.launch(other))
        .remove(0)
        .id;
    let detached = world.account.create_volume(NewVolume::new());
    for (id, verdict) in [
        (&inside, Some("NON_COMPLIANT")),
        (&outside, None),
        (&detached, None),
    ] {
        let event = world.account.change_event(RULE, id);
        world.evaluate(event).await.unwrap();
        assert_eq!(world.verdict(id).as_deref(), verdict, "{id}");
    }
    let answer = world.remediate(scheduled_event()).await.unwrap();
    assert_eq!(answer["volumes"], 1);
    for (id, expected) in [(&inside, Some("shop")), (&outside, None), (&detached, None)] {
        assert_eq!(
            volume_tag(&world, id, "Project").as_deref(),
            expected,
            "{id}"
        );
    }
}

/// The exemption of the instance is not the volume's.
#[tokio::test(start_paused = true)]
async fn a_volume_is_exempt_by_its_own_tag_only() {
    let world = world(&[from_instance()]);
    let exempt = ("tagwarden:exempt-until", "2026-12-31 moving");
    let (_, volume) = with_volume(&world, &[exempt, ("Project", "shop")], NewVolume::new());
    let (_, own) = with_volume(
        &world,
        &[("Project", "shop")],
        NewVolume::new().tag(exempt.0, exempt.1),
    );
    world.sweep().await;
    assert_eq!(
        volume_tag(&world, &volume, "Project").as_deref(),
        Some("shop")
    );
    assert_eq!(volume_tag(&world, &own, "Project"), None);
}

/// Volumes of Kubernetes are tagged, and the report says where the tags of the next ones come from.
#[tokio::test(start_paused = true)]
async fn the_volumes_of_a_manager_are_tagged_and_said_to_be_so() {
    let world = world(&[from_instance()]);
    let driver = NewVolume::new().tag("kubernetes.io/created-for/pvc/name", "data-0");
    let (instance, volume) = with_volume(&world, &[("Project", "shop")], driver);
    world.sweep().await;
    assert_eq!(
        volume_tag(&world, &volume, "Project").as_deref(),
        Some("shop")
    );
    let entry = &world.documents().pop().unwrap()["entries"][0];
    let by = "the EBS CSI driver, for the claim data-0 (put the tags in its StorageClass, as tagSpecification)";
    assert_eq!(entry["managedBy"], by);
    assert_eq!(entry["attachedTo"], json!([instance]));
}

#[rstest]
#[case::named(|instance: &str, volume: &str| json!({"resourceIds": [instance, volume]}), 1)]
#[case::both(|instance: &str, volume: &str| json!({"instanceIds": [instance], "resourceIds": [volume]}), 1)]
#[tokio::test(start_paused = true)]
async fn takes_resources_of_every_kind_by_their_ids(
    #[case] event: fn(&str, &str) -> Value,
    #[case] number: usize,
) {
    let world = world(&[json!({
        "RuleId": 1, "TagKey": "Project", "Action": "Update", "Required": "Y", "Default": "shop",
        "ResourceTypes": "instance, volume",
    })]);
    let (instance, volume) = with_volume(&world, &[("Name", "web")], NewVolume::new());
    let answer = world.remediate(event(&instance, &volume)).await.unwrap();
    assert_eq!(
        (&answer["instances"], &answer["volumes"]),
        (&json!(number), &json!(1))
    );
    assert_eq!(answer["tagged"], 2);
    for (event, problem) in [
        (json!({"instanceIds": [volume]}), "is not an instance id"),
        (
            json!({"resourceIds": ["subnet-0a1b2c3d"]}),
            "is not a resource id",
        ),
        (json!({"resourceIds": []}), "is empty"),
    ] {
        let (kind, message) = world.remediate(event).await.unwrap_err();
        assert_eq!(kind, "InvalidEvent");
        assert!(message.contains(problem), "{message}");
    }
}

/// The ledger keeps what was written to a volume, and takes it back.
#[tokio::test(start_paused = true)]
async fn the_tags_of_a_volume_are_taken_back() {
    let world = world(&[from_instance()]);
    let (_, volume) = with_volume(&world, &[("Project", "shop")], NewVolume::new());
    world.sweep().await;
    world.account.advance(TimeDelta::days(2));
    world.undo_all().await;
    assert_eq!(volume_tag(&world, &volume, "Project"), None);
}

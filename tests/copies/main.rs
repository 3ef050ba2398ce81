//! Cloud Custodian 0.9.53's action `copy-instance-tags` and a rule with `From: instance`, on the same fifty volumes. Every
//! difference is one of those that are explained here.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{World, old};
use tagwarden_sandbox::{InstanceRecord, NewVolume, VolumeRecord};

#[allow(dead_code, reason = "shared with the tests of the functions")]
#[path = "../functions/support.rs"]
mod support;
#[path = "../support/venv.rs"]
mod venv;

/// The same release as that whose filters are compared.
const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/core/tests/custodian/requirements.txt"
);
const ACTION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/copies/copy_instance_tags.py"
);

/// The keys that are copied.
const KEYS: [&str; 2] = ["ProjectCode", "CostCenter"];

/// What Custodian notes besides, on each volume that is attached. tagwarden writes no key that no rule names.
const NOTES: [&str; 2] = ["LastAttachInstance", "LastAttachTime"];

/// What is the same in both, and why what differs does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Same,
    /// tagwarden never replaces a value that somebody wrote. Custodian writes the instance's over it, also an empty one.
    KeepsValues,
    /// An empty value says nothing. Custodian copies it.
    Empty,
    /// A value that the rule does not allow would be `NON_COMPLIANT` on the volume too. Custodian copies it.
    NotAllowed,
    /// Where the instances of a shared volume disagree, a person decides. Custodian takes what it finds first.
    Disagree,
    /// Each instance of a shared volume may say what it belongs to. Custodian asks the first one alone.
    EveryInstance,
    /// An exempt volume is left alone. Custodian has filters for that, and this policy has none.
    Exempt,
}

/// How a volume is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attached {
    /// To one instance.
    Once,
    /// To a second one that has the same tags as the first.
    TwiceAlike,
    /// To a second one whose `ProjectCode` is P2.
    TwiceUnlike,
    Nowhere,
}

/// A volume and its instances.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// The instance's `ProjectCode`.
    instance: Option<&'static str>,
    /// The volume's.
    volume: Option<&'static str>,
    attached: Attached,
    exempt: bool,
}

/// Every combination of four values on an instance, four on a volume and three ways to be attached; one volume that is
/// detached, and one that is exempt.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for instance in [None, Some("P1"), Some(""), Some("X9")] {
        for volume in [None, Some("P1"), Some("P3"), Some("")] {
            for attached in [Attached::Once, Attached::TwiceAlike, Attached::TwiceUnlike] {
                cases.push(Case {
                    instance,
                    volume,
                    attached,
                    exempt: false,
                });
            }
        }
    }
    let last = Case {
        instance: Some("P1"),
        volume: None,
        attached: Attached::Nowhere,
        exempt: false,
    };
    cases.push(last);
    cases.push(Case {
        attached: Attached::Once,
        exempt: true,
        ..last
    });
    cases
}

/// Why the two differ about a case.
fn why(case: Case) -> Why {
    let Case {
        instance, volume, ..
    } = case;
    let is_shared_unlike = case.attached == Attached::TwiceUnlike;
    match (instance, volume) {
        _ if case.attached == Attached::Nowhere => Why::Same,
        _ if case.exempt => Why::Exempt,
        (Some(theirs), Some(own)) if !own.is_empty() && own != theirs => Why::KeepsValues,
        (_, Some(own)) if !own.is_empty() => Why::Same,
        (Some("P1" | "X9"), _) if is_shared_unlike => Why::Disagree,
        (None | Some(""), _) if is_shared_unlike => Why::EveryInstance,
        (Some("X9"), _) => Why::NotAllowed,
        (Some(""), None) => Why::Empty,
        _ => Why::Same,
    }
}

/// The world of the cases, and the volume of each.
fn world(cases: &[Case]) -> (World, Vec<String>) {
    let mut rows: Vec<Value> = KEYS
        .iter()
        .zip([1, 2])
        .map(|(key, id)| {
            json!({
                "RuleId": id, "TagKey": key, "Action": "Update", "Required": "Y", "From": "instance",
                "ResourceTypes": "volume",
            })
        })
        .collect();
    rows[0]["Allowed"] = json!("P*");
    rows.push(json!({"RuleId": 99, "PolicyFormat": 2}));
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_RESOURCE_TYPES", "instance,volume");
    let account = &world.account;
    let volumes = cases.iter().map(|case| {
        let launch = |project: Option<&str>| {
            let tags = [("Name", "web"), ("CostCenter", "CC1")].into_iter();
            let tags: Vec<(&str, &str)> =
                tags.chain(project.map(|it| ("ProjectCode", it))).collect();
            account.launch(old(&tags))
        };
        let mut volume = NewVolume::new().multi_attach().tag("Mount", "/data");
        if let Some(project) = case.volume {
            volume = volume.tag("ProjectCode", project);
        }
        if case.exempt {
            volume = volume.tag("tagwarden:exempt-until", "2027-01-01 until the move");
        }
        let id = account.create_volume(volume);
        let second = match case.attached {
            Attached::Nowhere => return id,
            Attached::Once => None,
            Attached::TwiceAlike => Some(case.instance),
            Attached::TwiceUnlike => Some(Some("P2")),
        };
        assert!(account.attach_volume(&id, &launch(case.instance)));
        if let Some(project) = second {
            assert!(account.attach_volume(&id, &launch(project)));
        }
        id
    });
    let volumes = volumes.collect();
    (world, volumes)
}

fn tags(tags: &BTreeMap<String, String>) -> Value {
    let tags = tags.iter();
    tags.map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

fn described_instance(instance: &InstanceRecord) -> Value {
    json!({"InstanceId": instance.id, "Tags": tags(&instance.tags)})
}

fn described_volume(volume: &VolumeRecord) -> Value {
    let attachments = volume.attachments.iter();
    let attachments: Vec<Value> = attachments
        .map(|it| json!({"InstanceId": it.instance_id, "AttachTime": it.attach_time.to_rfc3339()}))
        .collect();
    json!({"VolumeId": volume.id, "Attachments": attachments, "Tags": tags(&volume.tags)})
}

/// The tags that Custodian writes, by volume.
fn custodian(world: &World) -> BTreeMap<String, BTreeMap<String, String>> {
    let account = &world.account;
    let input = json!({
        "tags": KEYS,
        "instances": account.instances().iter().map(described_instance).collect::<Vec<_>>(),
        "volumes": account.volumes().iter().map(described_volume).collect::<Vec<_>>(),
    });
    let programs = venv::installed("custodian", REQUIREMENTS);
    let mut process = Command::new(programs.join("python"))
        .arg(ACTION)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&input).unwrap();
    process.stdin.take().unwrap().write_all(&input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(start_paused = true)]
async fn tags_are_those_that_custodian_copies_but_for_what_is_explained() {
    let cases = cases();
    assert_eq!(cases.len(), 50);
    let (world, volumes) = world(&cases);
    let before: Vec<BTreeMap<String, String>> = world
        .account
        .volumes()
        .into_iter()
        .map(|it| it.tags)
        .collect();
    let mut theirs = custodian(&world);

    world.sweep().await;
    let mut seen = BTreeSet::new();
    for ((case, id), before) in cases.iter().zip(&volumes).zip(before) {
        let mut written = theirs.remove(id).unwrap_or_default();
        let is_attached = case.attached != Attached::Nowhere;
        for note in NOTES {
            assert_eq!(written.remove(note).is_some(), is_attached, "{case:?}");
        }
        let ours = world.account.volume(id).unwrap().tags;
        let mut expected = before;
        expected.extend(written);
        let why = why(*case);
        assert_eq!(
            ours != expected,
            why != Why::Same,
            "{case:?}: {why:?}: tagwarden {ours:?}, Custodian {expected:?}"
        );
        // Whatever becomes of the project, the cost center is copied.
        let copied = is_attached && !case.exempt;
        assert_eq!(ours.contains_key("CostCenter"), copied, "{case:?}");
        seen.insert(why);
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!(theirs, BTreeMap::new());

    // The instances are as they were: the rules are for volumes.
    let instances = world.account.instances();
    assert!(instances.iter().all(|it| it.tags["Name"] == "web"));
    // Nothing is written twice.
    let calls = world.account.count("CreateTags");
    world.sweep().await;
    assert_eq!(world.account.count("CreateTags"), calls);
}

//! Cloud Custodian's mailer, c7n-mailer 0.6.52, on the same twenty-two resources: who is written to about each. Every
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
use tagwarden_core::policy::Row;
use tagwarden_core::{Owner, OwnerTags, Policy, Resource, State};
use tagwarden_remediation::identity::UserIdentity;

#[path = "../support/venv.rs"]
mod venv;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mailer/requirements.txt");
const RECIPIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mailer/recipients.py");

/// The launchers that the tests of identities know, as CloudTrail describes them.
const IDENTITIES: &str = include_str!("../../remediation/src/identity/cases.json");

/// Whoever looks after what has no owner.
const ADMINS: &str = "admins@acme.example";

/// What is the same in both, and why what differs does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Same,
    /// One resource has one owner, so that one person decides. The mailer writes to every tag's value.
    OneOwner,
    /// The administrators are written to only if nobody is known. The mailer writes to them if no *tag* names somebody,
    /// also where it knows who launched the resource.
    LauncherIsEnough,
    /// A value that names nobody: empty, `Undefined`, a service, a value that the policy does not allow. The mailer makes
    /// an address of it, and the next tag is not asked.
    NamesNobody,
    /// Blanks around a name do not count.
    Blanks,
    /// Who rows spell names, so that nobody is written to twice.
    Spelling,
    /// A program's session is nobody's name, unless a who row is about it. The mailer makes an address of it.
    Program,
    /// The mailer fails on the event of a launch that a service made by itself.
    Fails,
    /// The account's root user launched it, whom a letter can name. The mailer leaves the root user out.
    Root,
    /// A tag never says where messages go: whoever may write tags could send them out of the company. Addresses and topics stand
    /// in who rows, within what the stack allows. The mailer publishes to any topic that a tag names.
    TopicInATag,
}

/// A resource: its tags, who launched it, whom each writes to, and why that differs.
type Case = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    Why,
);

const CASES: [Case; 22] = [
    (
        &[("Owner", "ann@acme.example")],
        "",
        &["ann@acme.example"],
        &["ann@acme.example"],
        Why::Same,
    ),
    (
        &[("Owner", "team-a")],
        "",
        &["team-a@acme.example"],
        &["team-a@acme.example"],
        Why::Same,
    ),
    (
        &[("CreatedBy", "ben")],
        "",
        &["ben@acme.example"],
        &["ben@acme.example"],
        Why::Same,
    ),
    (
        &[("Owner", "ann"), ("Name", "web")],
        "IAM user",
        &["ann@acme.example"],
        &["ann@acme.example"],
        Why::Same,
    ),
    (&[("Name", "web")], "", &[ADMINS], &[ADMINS], Why::Same),
    (&[], "", &[ADMINS], &[ADMINS], Why::Same),
    (&[("owner", "ann")], "", &[ADMINS], &[ADMINS], Why::Same),
    (
        &[],
        "An AWS service by itself",
        &[ADMINS],
        &["fails: no principalId"],
        Why::Fails,
    ),
    (
        &[("Owner", "ann"), ("CreatedBy", "ben")],
        "",
        &["ann@acme.example"],
        &["ann@acme.example", "ben@acme.example"],
        Why::OneOwner,
    ),
    (
        &[("Owner", "ann")],
        "Person who assumed a role",
        &["ann@acme.example"],
        &["ann@acme.example"],
        Why::Same,
    ),
    (
        &[("Owner", "team-a")],
        "IAM user",
        &["team-a@acme.example"],
        &["ann@acme.example", "team-a@acme.example"],
        Why::OneOwner,
    ),
    (
        &[],
        "IAM user",
        &["ann@acme.example"],
        &[ADMINS, "ann@acme.example"],
        Why::LauncherIsEnough,
    ),
    (
        &[("Name", "web")],
        "Person through IAM Identity Center (SSO)",
        &["ann@example.com"],
        &[ADMINS, "ann@example.com"],
        Why::LauncherIsEnough,
    ),
    (
        &[("Owner", ""), ("CreatedBy", "ben")],
        "",
        &["ben@acme.example"],
        &["@acme.example", "ben@acme.example"],
        Why::NamesNobody,
    ),
    (
        &[("CreatedBy", "Undefined")],
        "",
        &[ADMINS],
        &["Undefined@acme.example"],
        Why::NamesNobody,
    ),
    (
        &[("CreatedBy", "autoscaling.amazonaws.com")],
        "",
        &[ADMINS],
        &["autoscaling.amazonaws.com@acme.example"],
        Why::NamesNobody,
    ),
    (
        &[("Owner", "nobody"), ("CreatedBy", "ben")],
        "",
        &["ben@acme.example"],
        &["ben@acme.example", "nobody@acme.example"],
        Why::NamesNobody,
    ),
    (
        &[("Owner", " ann ")],
        "",
        &["ann@acme.example"],
        &[" ann @acme.example"],
        Why::Blanks,
    ),
    (
        &[("Owner", "Carla@Acme.example")],
        "",
        &["carla@acme.example"],
        &["Carla@Acme.example"],
        Why::Spelling,
    ),
    (
        &[],
        "GitHub Actions (OIDC)",
        &[ADMINS],
        &["GitHubActions@acme.example", ADMINS],
        Why::Program,
    ),
    (
        &[],
        "Root user",
        &["root@acme.example"],
        &[ADMINS],
        Why::Root,
    ),
    (
        &[("Owner", "arn:aws:sns:us-east-1:999999999999:elsewhere")],
        "",
        &[ADMINS],
        &[
            "arn:aws:sns:us-east-1:999999999999:elsewhere",
            "arn:aws:sns:us-east-1:999999999999:elsewhere@acme.example",
        ],
        Why::TopicInATag,
    ),
];

fn identity(who: &str) -> Option<Value> {
    let cases: Vec<Value> = serde_json::from_str(IDENTITIES).unwrap();
    let mut cases = cases.into_iter();
    let case = cases.find(|case| case["who"] == who);
    assert!(case.is_some() || who.is_empty(), "no identity is {who:?}");
    case.map(|case| case["userIdentity"].clone())
}

/// Whom c7n-mailer writes to, for each case.
fn mailer() -> Vec<BTreeSet<String>> {
    let questions = CASES.iter().map(|(tags, launcher, ..)| {
        let tags = tags.iter();
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        let event = identity(launcher).map(|it| json!({"detail": {"userIdentity": it}}));
        json!({"resource": {"InstanceId": "i-0a1b2c3d4e5f60718", "Tags": tags}, "event": event})
    });
    let programs = venv::installed("mailer", REQUIREMENTS);
    let mut process = Command::new(programs.join("python"))
        .arg(RECIPIENTS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&questions.collect::<Vec<_>>()).unwrap();
    process.stdin.take().unwrap().write_all(&input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn policy() -> Policy {
    let rows: Vec<Row> = serde_json::from_value(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "Allowed": "*@*, *ann*, team-*"},
        {"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"},
        {"RuleId": 10, "Who": "carla@acme.example", "Contact": "arn:aws:sns:us-east-1:111111111111:carla"},
        {"RuleId": 99, "PolicyFormat": 2},
    ]))
    .unwrap();
    Policy::from_rows(rows).unwrap()
}

/// Whom tagwarden writes to: the owner, or else the administrators alone.
fn tagwarden(policy: &Policy, (tags, launcher, ..): &Case) -> BTreeSet<String> {
    let tags = tags.iter();
    let tags: BTreeMap<String, String> = tags
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let launcher = identity(launcher).and_then(|identity| {
        let identity: UserIdentity = serde_json::from_value(identity).unwrap();
        identity.name()
    });
    let instance = instance(tags);
    let owner = Owner::of(
        policy,
        &OwnerTags::default(),
        &instance,
        launcher.as_deref(),
    );
    let address = owner.map_or_else(|| ADMINS.to_owned(), |owner| at_home(&owner.name));
    BTreeSet::from([address])
}

/// The address of a name, by the mailer's `org_domain`.
fn at_home(name: &str) -> String {
    if name.contains('@') {
        name.to_owned()
    } else {
        format!("{name}@acme.example")
    }
}

fn instance(tags: BTreeMap<String, String>) -> Resource {
    Resource {
        tags,
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

#[test]
fn owners_are_those_of_custodians_mailer_but_for_what_is_explained() {
    let policy = policy();
    let mut seen = BTreeSet::new();
    for (case, theirs) in CASES.iter().zip(mailer()) {
        let (tags, launcher, ours, expected, why) = case;
        let set = |of: &[&str]| {
            of.iter()
                .map(|it| (*it).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(
            tagwarden(&policy, case),
            set(ours),
            "{tags:?} by {launcher:?}"
        );
        assert_eq!(
            theirs,
            set(expected),
            "the mailer: {tags:?} by {launcher:?}"
        );
        let differ = set(ours) != set(expected);
        assert_eq!(
            differ,
            *why != Why::Same,
            "{tags:?} by {launcher:?}: {why:?}"
        );
        seen.insert(*why);
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

//! A fleet in which each instance has something else to it; the recordings in `recorded/` are of it, made by
//! `cargo run --example record_fleet`.

use std::path::PathBuf;

use chrono::TimeDelta;
use tagwarden_sandbox::{Account, Identity, InstanceState, Launch};

pub const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// When the recordings were made.
pub const RECORDED_AT: &str = "2026-11-23T12:00:00Z";

/// Launches the fleet.
pub fn launch(account: &Account) {
    let bare = || {
        Launch::new()
            .vpc(VPC)
            .ago(TimeDelta::days(2))
            .launched_by(Identity::iam_user("ann"))
    };
    let named = |name: &str| bare().tag("Name", name);
    let whole = |name: &str| {
        named(name)
            .tag("ProjectCode", "Proj042")
            .tag("CreatedBy", "ann")
            .tag("Expires", "2027-01-31")
    };
    let lacking = |name: &str, keys: &[&str]| {
        let tags = [
            ("ProjectCode", "Proj042"),
            ("CreatedBy", "ann"),
            ("Expires", "2027-01-31"),
        ];
        let has = tags.iter().filter(|(key, _)| !keys.contains(key));
        has.fold(named(name), |launch, (key, value)| launch.tag(*key, *value))
    };
    let maria = Identity::assumed_role(
        "AWSReservedSSO_Developer_0123456789abcdef",
        "maria@example.com",
    );
    for launch in [
        whole("web"),
        lacking("search", &["ProjectCode"]),
        lacking("billing", &["CreatedBy"]).launched_by(Identity::iam_user("bob")),
        lacking("reports", &["CreatedBy"]).launched_by(maria),
        whole("mail").tag("ProjectCode", ""),
        lacking("wiki", &["Expires"]),
        bare(),
        bare().protected(),
        bare().ago(TimeDelta::minutes(3)),
        bare().auto_scaling_group("workers"),
        bare().vpc("vpc-0f9e8d7c6b5a40312"),
        bare().state(InstanceState::Terminated),
        named("spare").tag("tagwarden:exempt-until", "2099-12-31 under repair"),
        lacking("archive", &["CreatedBy"]).ago(TimeDelta::days(200)),
    ] {
        account.launch(launch);
    }
    let ci = Identity::assumed_role("ci", "GitHubActions");
    account.launch_many(lacking("node", &["ProjectCode"]).launched_by(ci), 6);
}

/// Where a recording is.
pub fn recording(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/plan/recorded");
    path.join(name).display().to_string()
}

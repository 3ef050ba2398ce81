//! Recordings of fleets in which every tenth instance is of the same kind, and the page of one.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{command, stderr};
use crate::world::SAMPLE;

/// The moment that the pages are of.
pub const AT: &str = "2026-11-23T12:00:00Z";

/// What strangers write into tags, hoping that a page takes it for more than text.
pub const STRANGE: [&str; 5] = [
    "<script>document.documentElement.dataset.intruded='yes'</script>",
    "</script></style></title></td></table><img src=x onerror=\"document.documentElement.dataset.intruded='yes'\">",
    "\" onmouseover=\"document.documentElement.dataset.intruded='yes'\" x='",
    "{{ 7 * 7 }}{% raw %}&lt;b&gt;&amp;",
    "a\u{0}b\u{1b}[31mc\u{202e}d 日本",
];

/// What `aws ec2 describe-instances` would write of so many instances.
///
/// Of ten in a row, the policy applies to eight, and four of these are compliant: two that lack nothing (0, 1), one
/// that lacks what is optional (5), one of another launcher's (9). Not compliant are one without a project (2), one
/// without a launcher (3), one with an empty project (4), and one without any tags (6). One is exempt (7), one is
/// terminated (8). Those numbered 10 to 14 have strange names, if there are as many.
pub fn recording(count: usize) -> Value {
    let instances = (0..count).map(instance).collect::<Vec<_>>();
    json!({"Reservations": [{"Instances": instances}]})
}

fn instance(number: usize) -> Value {
    let strange = number.checked_sub(10).and_then(|at| STRANGE.get(at));
    let name = strange.map_or_else(|| format!("web-{number}"), |name| (*name).to_owned());
    let mut tags = vec![
        ("Name", name.as_str()),
        ("ProjectCode", "Proj042"),
        ("CreatedBy", "ann"),
        ("Expires", "2027-01-31"),
    ];
    let lack =
        |tags: &mut Vec<(&str, &str)>, lacking: &str| tags.retain(|(key, _)| *key != lacking);
    match number % 10 {
        2 => lack(&mut tags, "ProjectCode"),
        3 => lack(&mut tags, "CreatedBy"),
        4 => tags[1].1 = "",
        5 => lack(&mut tags, "Expires"),
        6 => tags.clear(),
        7 => tags.push(("tagwarden:exempt-until", "2099-12-31 under repair")),
        9 => tags[2].1 = strange.map_or("maria@example.com", |strange| strange),
        _ => {}
    }
    let at: DateTime<Utc> = AT.parse().unwrap();
    let days = i64::try_from(number * 3 % 250).unwrap();
    let launched = at - TimeDelta::days(days) - TimeDelta::hours(1);
    let tags = tags.iter();
    json!({
        "InstanceId": format!("i-{number:017x}"),
        "VpcId": format!("vpc-0a1b2c3d4e5f607{:02x}", number % 3),
        "LaunchTime": launched.to_rfc3339_opts(SecondsFormat::Secs, true),
        "State": {"Name": if number % 10 == 8 { "terminated" } else { "running" }},
        "Tags": tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>(),
    })
}

/// A directory of the test's own with `fleet.json`, a recording of so many instances, and `policy.yaml`.
pub fn directory(test: &str, count: usize) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{test}"));
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    write(&directory, count);
    directory
}

/// Writes `fleet.json` and `policy.yaml`.
pub fn write(directory: &Path, count: usize) {
    let recording = recording(count).to_string();
    std::fs::write(directory.join("fleet.json"), recording).unwrap();
    std::fs::write(directory.join("policy.yaml"), SAMPLE).unwrap();
}

/// The options that name the recording.
pub const SOURCES: [&str; 6] = [
    "--instances",
    "fleet.json",
    "--policy",
    "policy.yaml",
    "--at",
    AT,
];

/// The page of a recording of so many instances.
pub fn page(test: &str, count: usize) -> PathBuf {
    let directory = directory(test, count);
    let output = command(&[&["report", "page.html"], &SOURCES[..]].concat())
        .current_dir(&directory)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    directory.join("page.html")
}

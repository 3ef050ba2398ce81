//! The picture in `docs/report-page.md` and the README.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::browser::look;
use crate::fleet::{self, AT, SOURCES};
use crate::scene::{Scene, ended, wrote};

const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report-page.png");

const PEOPLE: [&str; 8] = [
    "ci/GitHubActions",
    "maria@example.com",
    "ann",
    "bob",
    "autoscaling.amazonaws.com",
    "chen@example.com",
    "root",
    "dee@example.com",
];

/// Numbers that look like chance, and are the same every time.
struct Dice(u64);

impl Dice {
    /// A number below `below`.
    fn roll(&mut self, below: u64) -> u64 {
        // Numerical Recipes' linear congruential generator.
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % (1 << 32);
        (self.0 >> 8) % below
    }

    fn is_one_in(&mut self, number: u64) -> bool {
        self.roll(number) == 0
    }
}

/// A fleet as a company may have it.
fn recording(count: u64) -> Value {
    let at: DateTime<Utc> = AT.parse().unwrap();
    let mut dice = Dice(2026);
    let mut instance = |number: u64| {
        // More of the young than of the old.
        let days = dice.roll(180).min(dice.roll(180));
        let launched = at - TimeDelta::days(i64::try_from(days).unwrap()) - TimeDelta::hours(2);
        let vpc = dice.roll(2) + dice.roll(4);
        let person = usize::try_from(dice.roll(8).min(dice.roll(8))).unwrap();
        let mut tags = vec![("Name", format!("shop-{number}"))];
        // One VPC is better kept than the others.
        if vpc == 1 || !dice.is_one_in(4) {
            tags.push(("ProjectCode", "Proj042".to_owned()));
        }
        if !dice.is_one_in(7) {
            tags.push(("CreatedBy", PEOPLE[person].to_owned()));
        }
        if !dice.is_one_in(3) {
            tags.push(("Expires", "2027-01-31".to_owned()));
        }
        if dice.is_one_in(60) {
            tags.clear();
        }
        let tags = tags.iter();
        json!({
            "InstanceId": format!("i-0{:016x}", 0x00a1_b2c3_d4e5_0000 + number * 7919),
            "VpcId": format!("vpc-0a1b2c3d4e5f607{vpc:02x}"),
            "LaunchTime": launched.to_rfc3339_opts(SecondsFormat::Secs, true),
            "State": {"Name": "running"},
            "Tags": tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>(),
        })
    };
    let instances: Vec<Value> = (0..count).map(&mut instance).collect();
    json!({"Reservations": [{"Instances": instances}]})
}

/// A month of acts.
fn acts(scene: &Scene) {
    let mut dice = Dice(7);
    for days in 1..30 {
        let tags =
            (0..dice.roll(12)).map(|_| wrote("i-00000001", "ProjectCode", "Proj007", "done"));
        let mut acts: Vec<Value> = tags.collect();
        if dice.is_one_in(4) {
            acts.push(ended("i-00000002", "terminate", "done", None));
        }
        if dice.is_one_in(6) {
            acts.push(ended(
                "i-00000003",
                "terminate",
                "refused",
                Some("protected"),
            ));
        }
        scene.past(
            TimeDelta::days(days),
            &format!("{days:08x}"),
            "schedule",
            &acts,
        );
    }
}

/// The picture is still made as it is in the documentation, where `UPDATE_DOCS=1` puts it anew.
#[test]
fn picture() {
    let scene = Scene::new("report-picture");
    acts(&scene);
    let page = scene.path("page.html");
    fleet::write(page.parent().unwrap(), 0);
    scene.write("fleet.json", &recording(240).to_string());
    let output = scene.run(&[&["report", "page.html"], &SOURCES[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    look(&page);
    let made = std::fs::read(page.with_file_name("page-wide-light.png")).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PICTURE, &made).unwrap();
    }
    let documented = std::fs::read(PICTURE).unwrap();
    assert_eq!(size(&made), size(&documented));
}

/// A picture's width and height, as a PNG begins with them.
fn size(png: &[u8]) -> &[u8] {
    assert!(png.starts_with(b"\x89PNG"), "it is no PNG");
    &png[16..24]
}

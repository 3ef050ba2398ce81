//! `tagwarden explain`, of the demo's fleet in an account and of recordings.

use std::process::Output;

use chrono::{DateTime, TimeDelta, Utc};
use regex_lite::Regex;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, InstanceState, Launch};

use crate::account::writes;
use crate::countdowns::begin_an_hour_ago;
use crate::demo_fleet;
use crate::fleet::{RECORDED_AT, recording};
use crate::recorded::offline;
use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, World};

const LEDGER: &str = "tagwarden-ledger";

/// The demo's account with a ledger, and the ids of its instances by their roles.
struct Demo {
    world: World,
    ids: Vec<(&'static str, String)>,
}

impl Demo {
    fn new(test: &str) -> Self {
        let world = World::new(&format!("explain-{test}"));
        let account = &world.account;
        account.create_table_with_keys(LEDGER, "Pk", "Sk");
        let members = demo_fleet::members(account.now()).into_iter();
        let ids = members.map(|member| (member.role, account.launch(member.launch)));
        let ids = ids.collect();
        Self { world, ids }
    }

    fn account(&self) -> &Account {
        &self.world.account
    }

    fn id(&self, role: &str) -> &str {
        let mut ids = self.ids.iter();
        &ids.find(|(of, _)| *of == role).unwrap().1
    }

    fn explain(&self, roles: &[&str], options: &[&str]) -> Output {
        let ids = roles.iter().map(|role| self.id(role));
        let line = std::iter::once("explain").chain(ids);
        let line: Vec<&str> = line.chain(options.iter().copied()).collect();
        self.world.run(&line)
    }

    /// What is told of one instance, to programs.
    fn told(&self, role: &str, options: &[&str]) -> Value {
        let options = [options, &["--output", "json"]].concat();
        let output = self.explain(&[role], &options);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["version"], 1);
        document["instances"][0].clone()
    }
}

/// The options that say what the demo's functions know.
const FUNCTION: [&str; 6] = [
    "--ledger-table",
    LEDGER,
    "--mode",
    "enforce",
    "--vpc-ids",
    demo_fleet::VPC,
];

/// A text without the moments of this run.
fn timeless(text: &str) -> String {
    let time = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap();
    let day = Regex::new(r"20\d\d-\d\d-\d\d").unwrap();
    day.replace_all(&time.replace_all(text, "TIME"), "DAY")
        .into_owned()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// What the safeguard `name` says of the first shutdown.
fn safeguard<'v>(instance: &'v Value, name: &str) -> &'v Value {
    let safeguards = instance["shutdowns"][0]["safeguards"].as_array().unwrap();
    safeguards.iter().find(|it| it["name"] == name).unwrap()
}

/// The names of those that hold the first shutdown back.
fn holding(instance: &Value) -> Vec<&str> {
    let safeguards = instance["shutdowns"][0]["safeguards"].as_array().unwrap();
    let holding = safeguards.iter().filter(|it| it["holds"] == true);
    holding.map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn explains_five_instances_of_the_demo_to_a_person() {
    let demo = Demo::new("five");
    begin_an_hour_ago(demo.account(), LEDGER);
    let before = demo.account().instances();
    let roles = ["billing", "cache", "scratch", "vault", "worker"];
    let output = demo.explain(&roles, &FUNCTION);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(timeless(stdout(&output)));
    assert_eq!(demo.account().instances(), before);
    assert_eq!(writes(demo.account()), 0);
}

#[test]
fn says_which_look_up_named_the_launcher() {
    let demo = Demo::new("launcher");
    let step = |instance: &Value| {
        let step = &instance["steps"][0];
        [step["tagValue"].clone(), step["source"].clone()]
    };
    let asked = demo.told("billing", &FUNCTION);
    assert_eq!(step(&asked), ["bob", "cloudtrail"]);
    assert_eq!(asked["launcher"]["source"], "cloudtrail");
    let memory = json!({
        "Pk": demo.id("billing"), "Sk": "memory", "Revision": 1, "LaunchedBy": "the-event",
    });
    demo.account().put_item(LEDGER, memory);
    let noted = demo.told("billing", &FUNCTION);
    assert_eq!(step(&noted), ["the-event", "launch-event"]);
    let id = demo.id("billing");
    let principal = "arn:aws:sts::111111111111:assumed-role/shop/kim";
    let key = "aws:servicecatalog:provisioningPrincipalArn";
    demo.account().set_tag(id, key, principal);
    let tagged = demo.told("billing", &FUNCTION);
    assert_eq!(step(&tagged), ["kim", "service-catalog"]);
}

#[test]
fn reads_the_countdown_from_the_ledger() {
    let demo = Demo::new("countdown");
    // No run has seen it: the first that does begins to count.
    let unseen = demo.told("scratch", &FUNCTION);
    assert_eq!(holding(&unseen), ["two-looks"]);
    assert_eq!(unseen["shutdowns"][0]["countdown"], Value::Null);
    // Seen ten minutes ago.
    let since = Utc::now() - TimeDelta::minutes(10);
    let sk = format!("{}#terminate#untagged", demo.id("scratch"));
    let seen = json!({"Pk": "countdown", "Sk": sk, "Since": since, "SeenAt": since});
    demo.account().put_item(LEDGER, seen);
    let counting = demo.told("scratch", &FUNCTION);
    let shutdown = &counting["shutdowns"][0];
    assert_eq!(shutdown["countdown"]["standing"], "waiting");
    let day = time(&shutdown["countdown"]["day"]);
    assert_eq!(
        day - time(&shutdown["countdown"]["since"]),
        TimeDelta::minutes(15)
    );
    assert_eq!(shutdown["at"]["when"], "after");
    assert_eq!(time(&shutdown["at"]["after"]), day);
    assert_eq!(holding(&counting), ["two-looks"]);
    // Long enough ago.
    let due = demo.told(
        "scratch",
        &[&FUNCTION[..], &["--grace-minutes", "5"]].concat(),
    );
    assert_eq!(holding(&due), Vec::<&str>::new());
    assert_eq!(due["shutdowns"][0]["at"]["when"], "next-run");
    // The dry run holds everything, and yet one sees when it would happen.
    let line = ["--ledger-table", LEDGER, "--mode", "dry-run"];
    let dry = demo.told("scratch", &line);
    assert_eq!(holding(&dry), ["mode", "two-looks"]);
    assert_eq!(time(&dry["shutdowns"][0]["at"]["after"]), day);
    // The reason is gone, and the countdown is still there.
    demo.account()
        .set_tag(demo.id("scratch"), "Name", "scratch");
    let over = demo.told("scratch", &FUNCTION);
    assert_eq!(over["shutdowns"][0]["countdown"]["standing"], "over");
    assert_eq!(over["shutdowns"][0]["at"]["when"], "never");
}

#[test]
fn a_termination_after_a_stop_has_its_day() {
    let mut demo = Demo::new("stop-first");
    let stopped = Launch::new()
        .vpc(demo_fleet::VPC)
        .ago(TimeDelta::days(3))
        .state(InstanceState::Stopped);
    let id = demo.account().launch(stopped);
    demo.ids.push(("stopped", id.clone()));
    let since = Utc::now() - TimeDelta::days(2);
    let sk = format!("{id}#terminate#untagged");
    let seen = json!({
        "Pk": "countdown", "Sk": sk, "Since": since, "SeenAt": since, "IsAfterStop": true,
    });
    demo.account().put_item(LEDGER, seen);
    let options = [
        "--untagged",
        "stop",
        "--terminate-after-days",
        "14",
        "--topic-arn",
        "arn:aws:sns:us-east-1:111111111111:reports",
    ];
    let instance = demo.told("stopped", &[&FUNCTION[..], &options].concat());
    let shutdown = &instance["shutdowns"][0];
    assert_eq!(shutdown["shutdown"], "terminate");
    let wait = time(&shutdown["countdown"]["day"]) - time(&shutdown["countdown"]["since"]);
    assert_eq!(wait, TimeDelta::days(14));
}

#[test]
fn every_safeguard_that_holds_is_named() {
    let demo = Demo::new("safeguards");
    begin_an_hour_ago(demo.account(), LEDGER);
    let vault = demo.told("vault", &FUNCTION);
    assert_eq!(holding(&vault), ["protection"]);
    assert_eq!(vault["shutdowns"][0]["at"]["when"], "never");
    // What has a manager is refused first, and not for its manager alone.
    let managed = ["--manager-tags", "Name"];
    let rule = "rules:\n  - {RuleId: 4, TagKey: Owner, Action: Terminate, Required: Y}\n";
    demo.world.write("owner.yaml", rule);
    let owner = ["--policy", "owner.yaml"];
    let search = demo.told("search", &[&FUNCTION[..], &managed, &owner].concat());
    assert_eq!(holding(&search), ["manager", "permission", "two-looks"]);
    assert!(
        search["manager"]
            .as_str()
            .unwrap()
            .contains("may replace it"),
        "{search}"
    );
    let allowed = [
        "--rules-may-destroy",
        "stop-and-terminate",
        "--notice-hours",
        "24",
    ];
    let search = demo.told("search", &[&FUNCTION[..], &allowed, &owner].concat());
    // It must be announced, and there is no topic.
    assert_eq!(holding(&search), ["notice", "two-looks"]);
    let none = ["--max-destructive-per-hour", "0"];
    let scratch = demo.told("scratch", &[&FUNCTION[..], &none].concat());
    assert_eq!(holding(&scratch), ["budget"]);
    demo.account().set_tag(
        demo.id("search"),
        "tagwarden:exempt_until",
        "2099-12-31 typing error",
    );
    let misspelt = demo.told("search", &[&FUNCTION[..], &owner].concat());
    assert_eq!(misspelt["exemption"]["state"], "unreadable");
    let exemption = safeguard(&misspelt, "exemption");
    let protects = time(&exemption["until"]) - Utc::now();
    assert!((14..=15).contains(&protects.num_days()), "{exemption}");
}

#[test]
fn what_somebody_keeps_removing_is_told_with_its_day() {
    let demo = Demo::new("removed");
    let id = demo.id("search");
    let written: Vec<i64> = (1..=4)
        .map(|hours| (Utc::now() - TimeDelta::hours(5 - hours)).timestamp_millis())
        .collect();
    let memory = json!({
        "Pk": id, "Sk": "memory", "Revision": 4,
        "Tags": {"ProjectCode": {
            "Value": "Proj007", "Rule": "Update:Proj007", "RunId": "20261123T120000Z-1a2b3c4d",
            "ClaimedUntil": 0, "WrittenAt": written,
        }},
    });
    demo.account().put_item(LEDGER, memory);
    let search = demo.told("search", &FUNCTION);
    let step = &search["steps"][0];
    assert_eq!([&step["remedy"], &step["outcome"]], ["tag", "refused"]);
    let pause = time(&step["until"]) - Utc::now();
    assert!((28..=30).contains(&pause.num_days()), "{step}");
    assert_eq!(search["remembered"][0]["tagValue"], "Proj007");
    assert_eq!(
        search["remembered"][0]["writtenAt"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

/// The command of a recording, with the customer's policy and the recorded launches.
fn of_recording(test: &str, arguments: &[&str]) -> Output {
    let (fleet, launches) = (recording("fleet.json"), recording("launches.json"));
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let policy = directory.join(format!("explain-{test}.yaml"));
    std::fs::write(&policy, SAMPLE).unwrap();
    let policy = policy.display().to_string();
    let line = [
        "--instances",
        &fleet,
        "--events",
        &launches,
        "--policy",
        &policy,
    ];
    let line = [&["explain"], arguments, &line, &["--at", RECORDED_AT]].concat();
    offline(&line).output().unwrap()
}

#[test]
fn explains_a_recording_without_aws() {
    let ids = [
        "i-00000000000000007",
        "i-0000000000000000a",
        "i-0000000000000000d",
    ];
    let output = of_recording("recorded", &[&ids[..], &["--output", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [untagged, managed, exempt] = [0, 1, 2].map(|nth| &document["instances"][nth]);
    assert_eq!(untagged["shutdowns"][0]["at"]["when"], "once-looks-agree");
    assert_eq!(
        managed["launcher"],
        json!({"name": "ann", "source": "recording", "problem": null})
    );
    assert!(
        managed["manager"]
            .as_str()
            .unwrap()
            .contains("Auto Scaling group workers")
    );
    assert_eq!(exempt["verdict"], "NOT_APPLICABLE");
    assert_eq!(exempt["exemption"]["until"], "2099-12-31");
}

/// A recording says the same of an instance as the plan of the whole fleet.
#[test]
fn says_the_same_as_the_plan() {
    let plan = offline(&[
        "plan",
        "--instances",
        &recording("fleet.json"),
        "--events",
        &recording("launches.json"),
        "--policy",
        &{
            let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join("explain-same-plan.yaml");
            std::fs::write(&path, SAMPLE).unwrap();
            path.display().to_string()
        },
        "--at",
        RECORDED_AT,
        "--output",
        "json",
    ]);
    let mut plan = plan;
    let planned: Value = serde_json::from_slice(&plan.output().unwrap().stdout).unwrap();
    let planned = planned["instances"].as_array().unwrap();
    let ids: Vec<&str> = planned
        .iter()
        .map(|it| it["instanceId"].as_str().unwrap())
        .collect();
    let output = of_recording("same", &[&ids[..], &["--output", "json"]].concat());
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let explained = explained["instances"].as_array().unwrap();
    assert_eq!(explained.len(), planned.len());
    for (planned, explained) in planned.iter().zip(explained) {
        for member in ["instanceId", "verdict", "annotation"] {
            assert_eq!(planned[member], explained[member]);
        }
        let mut steps = explained["steps"].clone();
        for step in steps.as_array_mut().unwrap() {
            let step = step.as_object_mut().unwrap();
            assert!(step.remove("source").is_some() && step.remove("until").is_some());
        }
        assert_eq!(planned["steps"], steps, "{explained}");
    }
}

#[test]
fn tells_an_id_that_is_wrong_from_one_that_is_not_there() {
    let malformed = of_recording("malformed", &["i-12"]);
    assert_eq!(malformed.status.code(), Some(64));
    assert!(
        stderr(&malformed).contains("not the id of an instance (such as i-"),
        "{malformed:?}"
    );
    let absent = of_recording("absent", &["i-0000000000000dead", "i-00000000000000002"]);
    assert_eq!(absent.status.code(), Some(1));
    // The other one is explained all the same.
    assert!(
        stdout(&absent).starts_with("i-00000000000000002 (search)"),
        "{absent:?}"
    );
    assert!(
        stderr(&absent).contains("there is no i-0000000000000dead in "),
        "{absent:?}"
    );
    let demo = Demo::new("absent");
    let output = demo.world.run(&["explain", "i-0000000000000dead"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("there is no i-0000000000000dead in us-east-1"),
        "{output:?}"
    );
}

/// The guide shows what the command writes. With `UPDATE_DOCS=1`, it is written again.
#[test]
fn guide_shows_the_real_output() {
    let line = format!(
        "explain i-00000000000000007 --instances fleet.json --events launches.json --policy policy.yaml --at {RECORDED_AT}"
    );
    let directory = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explain-guide");
    std::fs::create_dir_all(&directory).unwrap();
    for name in ["fleet.json", "launches.json"] {
        std::fs::copy(recording(name), directory.join(name)).unwrap();
    }
    std::fs::write(directory.join("policy.yaml"), SAMPLE).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let output = offline(&words).current_dir(&directory).output().unwrap();
    let shown = format!(
        "```console\n$ tagwarden {line}\n{}\n```\n",
        stdout(&output).trim_end()
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command.md");
    let guide = std::fs::read_to_string(path).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let begin = guide.find("```console\n$ tagwarden explain").unwrap();
        let end = begin + guide[begin..].find("\n```\n").unwrap() + "\n```\n".len();
        let guide = [&guide[..begin], &shown, &guide[end..]].concat();
        return std::fs::write(path, guide).unwrap();
    }
    assert!(
        guide.contains(&shown),
        "docs/command.md does not show:\n{shown}"
    );
}

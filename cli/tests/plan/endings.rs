//! Policies of format 2 in `plan`, `explain`, `report` and `check`: end dates, conditions, suggestions and sources.

use std::process::Output;

use insta::assert_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

use crate::recorded::{file, offline, policy, told};
use crate::support::{stderr, stdout};

const POLICY: &str = "\
rules:
  - {RuleId: 1, TagKey: Env, When: '!tag:Lab', Action: Notify, Required: Y, Allowed: [Prod, Dev]}
  - {RuleId: 2, TagKey: Expires, When: instance-type = p5*, Action: Function, Required: Y, Default: today()+30d,
     WhenExpired: Terminate, Notice: '14d, 3d, 1d', AtMost: 90d}
  - {RuleId: 3, TagKey: Expires, When: tag:Env = Dev, Action: Notify, Required: N, WhenExpired: Stop, Allowed: [never]}
  - {RuleId: 4, TagKey: Team, When: tag:Env, Action: Update, Required: Y, From: 'tag:Squad', Default: none}
";

const GPU: &str = "p5.48xlarge";
const SMALL: &str = "t3.micro";

fn instance(number: usize, kind: Option<&str>, tags: &[(&str, &str)]) -> Value {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    let mut instance = json!({
        "InstanceId": id(number), "ImageId": "ami-1", "SubnetId": "subnet-1", "State": {"Code": 16, "Name": "running"},
        "Placement": {"AvailabilityZone": "us-east-1a"}, "VpcId": "vpc-1",
        "LaunchTime": "2026-01-01T00:00:00+00:00", "Tags": tags,
    });
    if let Some(kind) = kind {
        instance["InstanceType"] = json!(kind);
    }
    instance
}

fn id(number: usize) -> String {
    format!("i-0a1b2c3d4e5f6{number:04}")
}

/// 1 ends in January; 2 has ended and belongs to a group; 3 has a near miss of a value, and its team under another key;
/// 4 is stopped with the year; 5 and 6 have no rule that reads their dates, or an exemption; 7 lies too far ahead; 8 cannot
/// be read; 9 is for no rule; of 10, the description does not say which rule applies.
fn fleet() -> String {
    let managed = ("aws:autoscaling:groupName", "web");
    let exempt = ("tagwarden:exempt-until", "2027-01-05 audit");
    let gpu = |number: usize,
               name: &'static str,
               date: &'static str,
               more: &[(&'static str, &'static str)]| {
        let tags = [
            ("Name", name),
            ("Env", "Prod"),
            ("Team", "ml"),
            ("Expires", date),
        ];
        instance(number, Some(GPU), &[&tags[..], more].concat())
    };
    let small = |number: usize, tags: &[(&str, &str)]| instance(number, Some(SMALL), tags);
    let instances = [
        gpu(1, "train", "2027-01-10", &[]),
        gpu(2, "group", "2026-12-20", &[managed]),
        small(3, &[("Name", "typo"), ("Env", "prod"), ("Squad", "shop")]),
        small(
            4,
            &[
                ("Name", "dev"),
                ("Env", "Dev"),
                ("Team", "x"),
                ("Expires", "2026-12-31"),
            ],
        ),
        small(
            5,
            &[
                ("Name", "other"),
                ("Env", "Prod"),
                ("Team", "x"),
                ("Expires", "2020-12-31"),
            ],
        ),
        gpu(6, "exempt", "2026-12-20", &[exempt]),
        gpu(7, "far", "2028-01-10", &[]),
        gpu(8, "odd", "31.12.2026", &[]),
        small(9, &[("Name", "lab"), ("Lab", "1")]),
        instance(
            10,
            None,
            &[("Name", "excerpt"), ("Env", "Prod"), ("Team", "x")],
        ),
    ];
    json!({"Reservations": [{"OwnerId": "111111111111", "Instances": instances}]}).to_string()
}

fn run(test: &str, command: &[&str], policy_text: &str, at: &str, more: &[&str]) -> Output {
    let name = format!("endings-{test}");
    let fleet = file(&format!("{name}.json"), &fleet());
    let policy = policy(&name, policy_text);
    let inputs = ["--instances", &fleet, "--policy", &policy, "--at", at];
    let permitted = ["--rules-may-destroy", "stop-and-terminate"];
    let line = [command, &inputs, &permitted, more].concat();
    offline(&line).output().unwrap()
}

fn plan(test: &str, at: &str, more: &[&str]) -> Output {
    run(test, &["plan"], POLICY, at, more)
}

fn explain(test: &str, number: usize, at: &str, more: &[&str]) -> Output {
    let id = id(number);
    run(test, &["explain", &id], POLICY, at, more)
}

#[test]
fn shows_what_ends_next_month() {
    let output = plan("plan", "2026-12-31", &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_snapshot!(told(&output));
}

/// (the moment) → the notice that `plan --at` shows for instance 1, which ends with 10 January.
#[rstest]
#[case("2026-12-27", None)]
#[case("2026-12-28", Some("13 days are left"))]
#[case("2027-01-08", Some("2 days are left"))]
#[case("2027-01-10", Some("this is the last day"))]
#[case("2027-01-11", None)]
fn a_plan_of_then_shows_the_notice_of_then(#[case] at: &str, #[case] notice: Option<&str>) {
    let output = plan(&format!("notice-{at}"), at, &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = document["instances"][0]["steps"].as_array().unwrap();
    let reasons: Vec<&str> = steps
        .iter()
        .filter_map(|it| it["reason"].as_str())
        .collect();
    match notice {
        Some(notice) => assert!(reasons[0].contains(notice), "{reasons:?}"),
        None => assert!(reasons.is_empty(), "{reasons:?}"),
    }
    let is_over = at == "2027-01-11";
    assert_eq!(steps.iter().any(|it| it["outcome"] == "would-do"), is_over);
    let first = &document["endings"].as_array().unwrap();
    assert!(
        first
            .iter()
            .any(|it| it["instanceId"] == json!(id(1)) && it["then"] == "terminated")
    );
    // What a manager would replace is not ended, and what is exempt is not here.
    let of = |number: usize| {
        first
            .iter()
            .find(|it| it["instanceId"] == json!(id(number)))
    };
    assert_eq!(of(2).unwrap()["then"], "only reported");
    assert_eq!(of(6).is_none(), at < "2027-01-06");
}

#[test]
fn explains_how_long_an_instance_has_and_what_keeps_it() {
    let output = explain("explain", 1, "2026-12-31", &["--mode", "enforce"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_snapshot!(told(&output));
    let output = explain("explain", 1, "2026-12-31", &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document["instances"][0]["endDates"],
        json!([{
            "ruleId": 2, "tagKey": "Expires", "date": "2027-01-10", "endsAt": "2027-01-11T00:00:00.000Z", "daysLeft": 10,
            "whenExpired": "Terminate", "noticedAt": null, "latest": "2027-03-31",
            "notices": ["2026-12-28T00:00:00.000Z", "2027-01-08T00:00:00.000Z", "2027-01-10T00:00:00.000Z"],
        }])
    );
    assert_eq!(
        document["instances"][0]["shutdowns"][0]["at"],
        json!({"when": "after", "after": "2027-01-11T00:00:00.000Z"})
    );
}

/// What decides which rule applies, in the words of `explain` and of `plan`.
#[rstest]
#[case::another_condition(3, "does not apply: instance-type = p5* does not hold", Some((2, "fails")))]
#[case::an_earlier_rule(1, "does not apply: rule 2 comes first", Some((3, "behind")))]
#[case::not_known(10, "may apply: whether instance-type = p5* holds is not known, because its description does not say it", Some((2, "undecided")))]
#[case::no_rule(9, "NOT_APPLICABLE: No rule of the policy is for this instance.", Some((1, "fails")))]
fn says_which_condition_decided(
    #[case] number: usize,
    #[case] words: &str,
    #[case] standing: Option<(i64, &str)>,
) {
    let test = format!("standing-{number}");
    let output = explain(&test, number, "2026-12-31", &["--mode", "enforce"]);
    let text: String = stdout(&output)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(text.contains(words), "{text}");
    let output = plan(&test, "2026-12-31", &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instances = document["instances"].as_array().unwrap();
    let of_it = instances
        .iter()
        .find(|it| it["instanceId"] == json!(id(number)));
    let rules = of_it.unwrap()["rules"].as_array().unwrap();
    let (rule_id, expected) = standing.unwrap();
    let rule = rules.iter().find(|it| it["ruleId"] == rule_id).unwrap();
    assert_eq!(rule["standing"], expected, "{rule}");
}

/// "did you mean" is in the annotation, the report's steps, the plan, the explanation and the page.
#[test]
fn suggests_the_nearest_value_everywhere() {
    let at = "2026-12-31";
    let output = plan("mean-json", at, &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let instance = &document["instances"][2];
    let annotation = instance["annotation"].as_str().unwrap();
    assert!(
        annotation.contains("found prod, did you mean Prod?"),
        "{annotation}"
    );
    let steps = instance["steps"].to_string();
    assert!(steps.contains("did you mean Prod?"), "{steps}");
    for (name, output) in [
        ("plan", plan("mean-text", at, &[])),
        (
            "markdown",
            plan("mean-markdown", at, &["--output", "markdown"]),
        ),
        ("explain", explain("mean-explain", 3, at, &[])),
        ("page", run("mean-page", &["report", "-"], POLICY, at, &[])),
    ] {
        let text = stdout(&output);
        assert!(text.contains("did you mean Prod?"), "{name}: {text}");
        // And only once in one sentence.
        assert!(
            !text.contains("did you mean Prod?: it is"),
            "{name}: {text}"
        );
    }
}

/// Where the value comes from: for people and for programs.
#[test]
fn says_where_a_value_comes_from() {
    let output = explain("origin", 3, "2026-12-31", &[]);
    assert!(
        stdout(&output).contains("Write \"shop\": from its tag Squad"),
        "{output:?}"
    );
    let output = explain("origin", 3, "2026-12-31", &["--output", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = document["instances"][0]["steps"].as_array().unwrap();
    let step = steps.iter().find(|it| it["tagKey"] == "Team").unwrap();
    assert_eq!(
        [&step["source"], &step["valueOrigin"]],
        ["tag", "tag:Squad"]
    );
    let output = plan("origin-plan", "2026-12-31", &[]);
    assert!(stdout(&output).contains("from its tag Squad"), "{output:?}");
}

#[test]
fn the_page_shows_what_ends_when() {
    let output = run("page", &["report", "-"], POLICY, "2026-12-31", &[]);
    let page = stdout(&output);
    let section = page.split("What ends when").nth(1).unwrap();
    let position = |number: usize| section.find(&id(number)).unwrap();
    assert!(position(2) < position(4) && position(4) < position(1) && position(1) < position(7));
    for words in [
        "in 10 days",
        "today",
        "11 days ago",
        "only reported",
        "terminated",
        "stopped",
    ] {
        assert!(section.contains(words), "{words}");
    }
}

/// A rule that was filled in with the present day becomes an end date: everything is due.
#[test]
fn warns_where_what_was_filled_in_becomes_an_end() {
    let old = "rules:\n  - {RuleId: 3, TagKey: Expires, Action: Function, Required: N, Default: today()}\n";
    let new = "rules:\n  - {RuleId: 3, TagKey: Expires, Action: Notify, Required: N, WhenExpired: Terminate}\n";
    let before = policy("endings-before", old);
    let more = ["--against", &before, "--fail-on", "destructive"];
    let output = run("newly", &["plan"], new, "2026-12-31", &more);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(
        text.contains("Rule 3 makes Expires an end date. Rule 3 filled it in with today()"),
        "{text}"
    );
    // An end date that is still far off is named with its day, although no run of now does anything.
    assert!(
        text.contains("+ terminate (once its end date has passed, 2028-01-10)"),
        "{text}"
    );
    // The same policy on both sides is no news, also where a description leaves out what a condition asks about.
    let same = policy("endings-same", POLICY);
    let more = ["--against", &same, "--fail-on", "destructive"];
    let output = run("same", &["plan"], POLICY, "2026-12-31", &more);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

/// Less warning is destructive too: the first notice counts.
#[test]
fn a_shorter_first_notice_fails_the_gate() {
    let before = policy("endings-notice-before", POLICY);
    let shorter = POLICY.replace("14d, 3d, 1d", "3d, 1d");
    let more = ["--against", &before, "--fail-on", "destructive"];
    let output = run("notice", &["plan"], &shorter, "2026-12-01", &more);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(
        text.contains("~ terminate with a notice of 3 days, not 14 days"),
        "{text}"
    );
}

#[rstest]
#[case::behind(
    "When: 'tag:Env'",
    "When: 'tag:Env = Prod'",
    "can never apply: rule 1 has the same key"
)]
#[case::without_a_condition(
    "Required: N",
    "When: 'tag:Env'",
    "can never apply: rule 1 has the same key"
)]
#[case::itself(
    "When: 'tag:Env'",
    "When: 'tag:Env = Prod; !tag:Env'",
    "can never hold"
)]
#[case::two_without("Required: N", "Required: N", "already has a rule: rule 1")]
fn check_finds_rules_that_contradict_each_other(
    #[case] first: &str,
    #[case] second: &str,
    #[case] words: &str,
) {
    let rule = |id: i64, more: &str| {
        let required = if more.starts_with("Required") {
            ""
        } else {
            "Required: Y, "
        };
        format!("  - {{RuleId: {id}, TagKey: Team, Action: Notify, {required}{more}}}\n")
    };
    let text = format!("rules:\n{}{}", rule(1, first), rule(2, second));
    let number = words.len() + second.len();
    let policy = policy(&format!("endings-check-{number}"), &text);
    let output = offline(&["check", &policy]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = format!("{}{}", stdout(&output), stderr(&output));
    assert!(text.contains(words), "{text}");
}

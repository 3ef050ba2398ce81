//! End dates: what is announced and when, what is done, and what saves an instance.

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{LEDGER, RULE, TABLE, World, old, sqs_batch};

fn rules(members: &Value) -> Vec<Value> {
    let mut rule = json!({
        "RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate",
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    vec![json!({"RuleId": -1, "PolicyFormat": 2}), rule]
}

/// An account whose remediation enforces with a grace period of 15 minutes. It is 2026-11-23, noon.
fn world(members: &Value) -> World {
    let world = World::with_table(&rules(members)).enforcing();
    world.set("TAGWARDEN_GRACE_MINUTES", "15")
}

fn to(world: &World, moment: &str) {
    let moment: DateTime<Utc> = moment.parse().unwrap();
    let wait = moment - world.account.now();
    assert!(wait >= TimeDelta::zero(), "{moment} has passed");
    world.account.advance(wait);
}

fn is_running(world: &World, id: &str) -> bool {
    let instance = world.account.instance(id);
    instance.is_some_and(|it| it.state == "running")
}

/// The lines of all reports about `id`, and the times of the sweeps that published them.
async fn sweeps(world: &World, id: &str, every: TimeDelta, until: &str) -> Vec<String> {
    let until: DateTime<Utc> = until.parse().unwrap();
    let mut lines = Vec::new();
    while world.account.now() <= until && is_running(world, id) {
        let before = world.reports().len();
        world.sweep().await;
        let new = world.reports().split_off(before);
        let about = new.iter().flat_map(|report| report.lines());
        let at = world.account.now().format("%m-%d %H:%M");
        let about = about.filter(|line| line.starts_with("-- ") && line.contains(id));
        lines.extend(about.map(|line| format!("{at} {}", line.replace(id, "ID"))));
        world.account.advance(every);
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn announces_at_the_times_of_notice_and_then_acts() {
    let world = world(&json!({"Notice": "14d, 3d, 1d"}));
    let id = world.instance(&[("Expires", "2026-12-10")]);
    let lines = sweeps(&world, &id, TimeDelta::hours(6), "2026-12-12T00:00:00Z").await;
    assert_eq!(
        lines,
        [
            "11-27 00:00 -- ID is to be terminated. Reason: Its end date comes (rule 3). Left for later: Expires = 2026-12-10, 13 days are left; it is done after 2026-12-11 00:00 UTC unless Expires is set to a later date.",
            "12-08 00:00 -- ID is to be terminated. Reason: Its end date comes (rule 3). Left for later: Expires = 2026-12-10, 2 days are left; it is done after 2026-12-11 00:00 UTC unless Expires is set to a later date.",
            "12-10 00:00 -- ID is to be terminated. Reason: Its end date comes (rule 3). Left for later: Expires = 2026-12-10, this is the last day; it is done after 2026-12-11 00:00 UTC unless Expires is set to a later date.",
            "12-11 00:00 -- ID has been terminated. Reason: Expired tag Expires (rule 3).",
        ]
    );
    assert!(!is_running(&world, &id));
}

/// What has passed when it is first seen gets its last notice, and its day moves.
#[rstest]
#[case::terminate("Terminate", "shutting-down")]
#[case::stop("Stop", "stopping")]
#[tokio::test(start_paused = true)]
async fn nothing_is_shut_down_without_its_notice(#[case] when: &str, #[case] state: &str) {
    let world = world(&json!({"WhenExpired": when}));
    let id = world.instance(&[("Expires", "2026-11-01")]);
    world.sweep().await;
    assert!(
        world.lines()[0]
            .contains("Expires = 2026-11-01 has passed; it is done after 2026-11-24 12:00 UTC"),
        "{:?}",
        world.lines()
    );
    for _ in 0..23 {
        world.account.advance(TimeDelta::hours(1));
        world.sweep().await;
        assert_eq!(world.state(&id), "running");
    }
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(world.state(&id), state);
}

/// A date two days ahead skips the notices that have passed.
#[tokio::test(start_paused = true)]
async fn times_that_have_passed_are_left_out() {
    let world = world(&json!({"Notice": ["14d", "3d", "1d"]}));
    let id = world.instance(&[("Expires", "2026-11-25")]);
    let lines = sweeps(&world, &id, TimeDelta::hours(6), "2026-11-27T00:00:00Z").await;
    let times: Vec<&str> = lines.iter().map(|line| &line[..11]).collect();
    // The last notice goes out with the sweep of 25 November, midnight; then the day has come.
    assert_eq!(times, ["11-25 00:00", "11-26 00:00"], "{lines:?}");
}

#[rstest]
#[case::later("2027-01-31", "running")]
#[case::word("never", "running")]
#[case::unreadable("31.12.2026", "running")]
#[tokio::test(start_paused = true)]
async fn what_people_set_saves_the_instance(#[case] value: &str, #[case] state: &str) {
    let world = world(&json!({"Allowed": "never"}));
    let id = world.instance(&[("Expires", "2026-11-01")]);
    world.sweep().await;
    world.account.advance(TimeDelta::hours(24));
    world.account.set_tag(&id, "Expires", value);
    world.sweep().await;
    assert_eq!(world.state(&id), state);
    let items = world.account.items(LEDGER);
    assert!(items.iter().all(|item| item["Pk"] != "countdown"));
}

/// Also right before the call.
#[tokio::test(start_paused = true)]
async fn extending_right_before_the_call_saves_the_instance() {
    for nth in 1..=3 {
        let world = world(&json!({}));
        let id = world.instance(&[("Expires", "2026-11-01")]);
        world.sweep().await;
        world.account.advance(TimeDelta::hours(24));
        let mut calls = 0;
        let extended = id.clone();
        world.account.on_call("DescribeInstances", move |account| {
            calls += 1;
            if calls == nth {
                account.set_tag(&extended, "Expires", "2027-01-31");
            }
        });
        world.sweep().await;
        assert_eq!(world.state(&id), "running", "look {nth}");
    }
}

/// A date that moves closer has its whole notice.
#[tokio::test(start_paused = true)]
async fn a_date_that_moves_closer_starts_its_notice_anew() {
    let world = world(&json!({"Notice": "3d, 1d"}));
    let id = world.instance(&[("Expires", "2026-11-30")]);
    to(&world, "2026-11-28T00:00:00Z");
    world.sweep().await;
    to(&world, "2026-11-29T12:00:00Z");
    // It would end now, but for the notice.
    world.account.set_tag(&id, "Expires", "2026-11-28");
    world.sweep().await;
    assert!(
        world.lines()[0].contains("it is done after 2026-11-30 12:00 UTC"),
        "{:?}",
        world.lines()
    );
    to(&world, "2026-11-30T11:59:00Z");
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    to(&world, "2026-11-30T12:00:00Z");
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

#[rstest]
#[case::not_permitted("TAGWARDEN_RULES_MAY_DESTROY", "stop", &[("Expires", "2026-11-01")])]
#[case::managed("TAGWARDEN_UNTAGGED", "terminate", &[("Expires", "2026-11-01"), ("aws:autoscaling:groupName", "web")])]
#[case::exempt("TAGWARDEN_UNTAGGED", "terminate", &[("Expires", "2026-11-01"), ("tagwarden:exempt-until", "2026-12-31 audit")])]
#[case::no_budget("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "0", &[("Expires", "2026-11-01")])]
#[case::dry_run("TAGWARDEN_MODE", "dry-run", &[("Expires", "2026-11-01")])]
#[tokio::test(start_paused = true)]
async fn every_safeguard_holds_for_end_dates(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] tags: &[(&str, &str)],
) {
    let world = world(&json!({})).set(variable, value);
    let id = world.instance(tags);
    for _ in 0..20 {
        world.sweep().await;
        world.account.advance(TimeDelta::hours(6));
    }
    assert_eq!(world.state(&id), "running");
}

#[tokio::test(start_paused = true)]
async fn without_subscribers_nothing_is_ended() {
    let world = world(&json!({}));
    world.set_subscriptions(0);
    let id = world.instance(&[("Expires", "2026-11-01")]);
    for _ in 0..10 {
        world.sweep().await;
        world.account.advance(TimeDelta::hours(6));
    }
    assert_eq!(world.state(&id), "running");
}

/// The last notice and the end come by the function's own messages, not with the next sweep.
#[tokio::test(start_paused = true)]
async fn its_own_messages_bring_the_last_notice_and_the_end_in_time() {
    let world = world(&json!({"Notice": "1d"}));
    let queue = world.account.create_queue("tagwarden");
    let world = world.set("TAGWARDEN_QUEUE_URL", &queue);
    let id = world.instance(&[("Expires", "2026-11-25T06:00:00Z")]);
    world.sweep().await;
    while world.state(&id) == "running" {
        world.account.advance(TimeDelta::minutes(1));
        let messages = world.account.take_messages(&queue);
        let messages: Vec<(&str, String)> = messages.into_iter().map(|it| ("m", it)).collect();
        if !messages.is_empty() {
            world.remediate(sqs_batch(&messages)).await.unwrap();
        }
        let late = world.account.now() - "2026-11-25T06:00:00Z".parse::<DateTime<Utc>>().unwrap();
        assert!(late < TimeDelta::minutes(40), "{late}");
    }
}

/// (value, `Required`) → the verdict and what the dashboard says.
#[rstest]
#[case::in_time("2026-12-31", "COMPLIANT", None)]
#[case::today("2026-11-23", "COMPLIANT", None)]
#[case::expired(
    "2026-11-22",
    "NON_COMPLIANT",
    Some("expired tag Expires (rule 3; 2026-11-22)")
)]
#[case::expired_by_zone(
    "2026-11-23T13:00:00+02:00",
    "NON_COMPLIANT",
    Some("expired tag Expires (rule 3; 2026-11-23T13:00:00+02:00)")
)]
#[case::unreadable(
    "Q4",
    "NON_COMPLIANT",
    Some("unreadable date in tag Expires (rule 3; found Q4, write a date such as 2026-12-31)")
)]
#[case::nearly_a_word(
    "Never",
    "NON_COMPLIANT",
    Some("unreadable date in tag Expires (rule 3; found Never, did you mean never?)")
)]
#[case::word("never", "COMPLIANT", None)]
#[case::too_far(
    "2027-02-22",
    "NON_COMPLIANT",
    Some("value of tag Expires not allowed (rule 3; found 2027-02-22, at most 90 days ahead)")
)]
#[case::as_far_as_may_be("2027-02-21", "COMPLIANT", None)]
#[case::blank(
    " ",
    "COMPLIANT",
    Some("optional: empty tag Expires (rule 3; only blanks)")
)]
#[tokio::test(start_paused = true)]
async fn the_dashboard_names_the_date_and_the_same_text_every_day(
    #[case] value: &str,
    #[case] verdict: &str,
    #[case] annotation: Option<&str>,
) {
    let world = World::with_table(&rules(&json!({"AtMost": "90d", "Allowed": ["never"]})));
    let id = world.instance(&[("Expires", value)]);
    world.evaluate_all().await;
    assert_eq!(world.verdict(&id).as_deref(), Some(verdict));
    assert_eq!(world.annotation(&id).as_deref(), annotation);
    let by_item = world.account.change_event(RULE, &id);
    world.evaluate(by_item).await.unwrap();
    assert_eq!(world.annotation(&id).as_deref(), annotation);
    if value < "2026-11-23" {
        world.account.advance(TimeDelta::days(40));
        world.evaluate_all().await;
        assert_eq!(world.annotation(&id).as_deref(), annotation);
    }
}

/// Nothing but the shutdown itself is done for an end date: no value that somebody set is overwritten.
#[tokio::test(start_paused = true)]
async fn fills_in_a_default_but_for_what_a_manager_would_replace() {
    let members = json!({"Action": "Function", "Default": "today()+30d", "AtMost": "30d"});
    let world = world(&members);
    let id = world.instance(&[("Name", "web")]);
    let member = world.instance(&[("Name", "web"), ("aws:autoscaling:groupName", "web")]);
    let set = world.instance(&[("Expires", "soon")]);
    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").as_deref(), Some("2026-12-23"));
    assert_eq!(world.tag(&member, "Expires"), None);
    assert_eq!(world.tag(&set, "Expires").as_deref(), Some("soon"));
    let report = world.reports().join("\n");
    assert!(report.contains(&format!("-- Instance {member} missing tag Expires. Not tagged: it belongs to the Auto Scaling group web")), "{report}");
    assert!(report.contains(r#"unreadable date in tag Expires. Reported only: it is "soon", write a date such as 2026-12-31."#), "{report}");
}

/// A one-time Spot request launches no other instance, so it has no manager.
#[tokio::test(start_paused = true)]
async fn a_one_time_spot_instance_gets_a_default_and_ends() {
    let members = json!({"Action": "Function", "Default": "today()+2d", "Required": "Y"});
    let world = world(&members);
    let launch = old(&[("Name", "gpu")]).spot_request("sir-aaaaaaaa");
    let id = world.account.launch(launch);
    world.account.make_one_time("sir-aaaaaaaa");
    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").as_deref(), Some("2026-11-25"));
    sweeps(&world, &id, TimeDelta::hours(6), "2026-11-28T00:00:00Z").await;
    assert!(!is_running(&world, &id));
}

/// An edit of the rule between the notice and the day does not shorten what was promised.
#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_day_that_a_notice_named() {
    let world = world(&json!({"Notice": "3d"}));
    let id = world.instance(&[("Expires", "2026-11-01")]);
    world.sweep().await;
    let shorter = rules(&json!({"Notice": "1h"})).pop().unwrap();
    world.account.put_item(TABLE, shorter);
    world.account.advance(TimeDelta::hours(70));
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    world.account.advance(TimeDelta::hours(2));
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

/// GPU instances must end, others may.
#[tokio::test(start_paused = true)]
async fn gpu_instances_must_end() {
    let rows = vec![
        json!({"RuleId": -1, "PolicyFormat": 2}),
        json!({
            "RuleId": 10, "TagKey": "Expires", "When": "instance-type = p4*, p5*", "Action": "Function",
            "Required": "Y", "Default": "today()+14d", "WhenExpired": "Terminate", "Notice": "7d, 1d", "AtMost": "30d",
        }),
        json!({
            "RuleId": 20, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Notify",
            "Allowed": ["never"],
        }),
    ];
    let world = World::with_table(&rows).enforcing();
    let gpu = |tags: &[(&str, &str)]| world.account.launch(old(tags).instance_type("p5.48xlarge"));
    let (new, forever) = (gpu(&[("Name", "gpu")]), gpu(&[("Expires", "never")]));
    let web = world.instance(&[("Name", "web")]);
    let over = world.instance(&[("Expires", "2026-11-01")]);
    world.sweep().await;
    assert_eq!(world.tag(&new, "Expires").as_deref(), Some("2026-12-07"));
    assert_eq!(world.tag(&web, "Expires"), None);
    let report = world.reports().join("\n");
    let expected = [
        format!("-- Instance {forever} unreadable date in tag Expires. Reported only"),
        format!(
            "-- Instance {over} expired tag Expires. Reported only: its end date 2026-11-01 has passed"
        ),
    ];
    for line in expected {
        assert!(report.contains(&line), "{line}\n{report}");
    }
    for _ in 0..80 {
        world.account.advance(TimeDelta::hours(6));
        world.sweep().await;
    }
    assert!(!is_running(&world, &new));
    for id in [&forever, &web, &over] {
        assert!(is_running(&world, id), "{id}");
    }
}

/// What a manager would replace is reported with its manager by each sweep, also after its end date, and is never ended.
#[tokio::test(start_paused = true)]
async fn an_expired_date_of_what_a_manager_would_replace_is_reported_daily() {
    let world = world(&json!({}));
    let id = world.instance(&[
        ("Expires", "2026-11-25"),
        ("aws:autoscaling:groupName", "web"),
    ]);
    let lines = sweeps(&world, &id, TimeDelta::days(1), "2026-11-30T12:00:00Z").await;
    let expected = "-- ID has not been terminated. Reason: Expired tag Expires (rule 3). Refused: it belongs to the Auto \
                    Scaling group web, which would replace it: tag the group.";
    let days: Vec<&str> = lines.iter().map(|line| &line[..5]).collect();
    assert_eq!(
        days,
        ["11-26", "11-27", "11-28", "11-29", "11-30"],
        "{lines:?}"
    );
    for line in &lines {
        assert_eq!(&line[12..], expected);
    }
    let items = world.account.items(LEDGER);
    assert!(items.iter().all(|item| item["Pk"] != "countdown"));
    assert!(is_running(&world, &id));
}

/// While it is exempt, the dashboard leaves it out. Then its notice starts anew, also if one was given before.
#[tokio::test(start_paused = true)]
async fn after_an_exemption_the_notice_starts_anew() {
    let world = world(&json!({"Notice": "3d, 1d"}));
    let id = world.instance(&[("Expires", "2026-11-24")]);
    // The last notice goes out, and the date passes.
    world.sweep().await;
    to(&world, "2026-11-24T00:00:00Z");
    world.sweep().await;
    assert_eq!(world.lines().len(), 1, "{:?}", world.lines());
    world
        .account
        .set_tag(&id, "tagwarden:exempt-until", "2026-11-27 audit");
    let lines = sweeps(&world, &id, TimeDelta::hours(6), "2026-11-27T12:00:00Z").await;
    assert!(
        lines.iter().all(|line| !line.contains("terminated")),
        "{lines:?}"
    );
    // NOT_APPLICABLE takes a result off the dashboard.
    world.evaluate_all().await;
    assert_eq!(world.verdict(&id), None);
    let lines = sweeps(&world, &id, TimeDelta::hours(6), "2026-11-30T00:00:00Z").await;
    let expected = [
        "11-28 00:00 -- ID is to be terminated. Reason: Expired tag Expires (rule 3). Left for later: Expires = 2026-11-24 has passed; it is done after 2026-11-29 00:00 UTC",
        "11-29 00:00 -- ID has been terminated. Reason: Expired tag Expires (rule 3).",
    ];
    let lines: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("terminated"))
        .collect();
    let ends = [lines.first().unwrap(), lines.last().unwrap()];
    for (line, expected) in ends.into_iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert!(!is_running(&world, &id));
}

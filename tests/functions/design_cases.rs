//! Cases by which the design was attacked and that no other test plays: waits, notices, and rules that meet each other.

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{LEDGER, RULE, TABLE, World, customers_rules};
use crate::waiting::{counting, later, rule};

fn format() -> Value {
    json!({"RuleId": -1, "PolicyFormat": 2})
}

fn ending(members: &Value) -> Vec<Value> {
    let mut rule = json!({
        "RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate",
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    vec![format(), rule]
}

/// The hours until `id` does not run any more, by a sweep each hour.
async fn hours_until_shut_down(world: &World, id: &str) -> i64 {
    let start = world.account.now();
    while world.state(id) == "running" {
        assert!(world.account.now() - start < TimeDelta::days(40));
        later(world, 60);
        world.sweep().await;
    }
    (world.account.now() - start).num_hours()
}

/// Whoever may write the table cannot shorten what the administrators promise, and the other way round.
#[rstest]
#[case::setting_is_longer("1h", "72", 72)]
#[case::rule_is_longer("4d, 1d", "2", 96)]
#[case::last_notice_by_the_setting("4d, 1h", "24", 96)]
#[tokio::test(start_paused = true)]
async fn the_longer_of_both_notices_holds(
    #[case] notice: &str,
    #[case] hours: &str,
    #[case] expected: i64,
) {
    let mut rows = vec![format(), rule(4, "Owner", "Terminate")];
    rows[1]["Notice"] = json!(notice);
    let world = World::with_table(&rows).enforcing();
    let world = world.set("TAGWARDEN_NOTICE_HOURS", hours);
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(hours_until_shut_down(&world, &id).await, expected);
}

/// Without a grace period no earlier look is needed, but a notice still is.
#[tokio::test(start_paused = true)]
async fn a_grace_of_0_does_not_shorten_a_notice() {
    let world = World::with_table(&[rule(4, "Owner", "Terminate")]).enforcing();
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[("Name", "web")]);
    let untagged = world.instance(&[]);
    world.sweep().await;
    let said = world.reports().join("\n");
    assert!(said.contains(&id) && said.contains(&untagged), "{said}");
    assert_eq!(hours_until_shut_down(&world, &id).await, 24);
    assert_ne!(world.state(&untagged), "running");
}

/// Tags that arrive a minute after the launch: nobody is told that the instance will go.
#[tokio::test(start_paused = true)]
async fn tags_that_arrive_within_the_grace_period_cause_no_notice() {
    let (world, _) = counting(&[rule(4, "Owner", "Terminate")]);
    let world = world.set("TAGWARDEN_NOTICE_HOURS", "24");
    let id = world.instance(&[]);
    world.remediate_ids(&[&id]).await;
    let items = world.account.items(LEDGER);
    assert!(
        items.iter().all(|item| item["RemindedAt"].is_null()),
        "{items:#?}"
    );
    later(&world, 1);
    world.account.set_tag(&id, "Owner", "ann");
    later(&world, 20);
    world.sweep().await;
    // The first look is reported as one, and names nobody's end.
    assert_eq!(world.reports().len(), 1);
    assert!(
        world.lines()[0].contains("first seen so at"),
        "{:?}",
        world.lines()
    );
    let is_countdown = |item: &Value| item["Pk"] == "countdown";
    assert!(!world.account.items(LEDGER).iter().any(is_countdown));
}

/// The budget is used up for days: a notice stays good as long as its countdown.
#[tokio::test(start_paused = true)]
async fn a_notice_stays_good_while_the_budget_is_used_up() {
    let world = World::with_table(&ending(&json!({"Notice": "3d, 1d"}))).enforcing();
    let world = world.set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = world.instance(&[("Expires", "2026-11-27")]);
    let mut world = world;
    for _ in 0..(4 * 4) {
        world.sweep().await;
        later(&world, 6 * 60);
    }
    // Both notices have been given. It is due in half a day, and ten days long there is no budget.
    world = world.set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "0");
    for _ in 0..(10 * 4) {
        world.sweep().await;
        assert_eq!(world.state(&id), "running");
        later(&world, 6 * 60);
    }
    let told = world
        .reports()
        .join("\n")
        .matches("it is done after")
        .count();
    assert_eq!(told, 2);
    world = world.set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "10");
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

/// Conditions are judged on the instance as found, never on what the run writes.
#[tokio::test(start_paused = true)]
async fn a_value_that_the_run_writes_makes_no_rule_apply_in_it() {
    // With the tag that the run writes, rule 2 would report. As found, rule 3 is for it.
    let mut reports = rule(2, "Owner", "Notify");
    reports["When"] = json!("tag:Env = dev");
    let env = json!({"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "dev"});
    let world = World::with_table(&[
        format(),
        env.clone(),
        reports,
        rule(3, "Owner", "Terminate"),
    ]);
    let world = world.enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    // A run that writes a tag to an instance does not shut it down; the next look decides.
    assert_eq!(world.tag(&id, "Env").as_deref(), Some("dev"));
    assert_eq!(world.state(&id), "running");
    let answer = world.sweep().await;
    assert_eq!(answer["notified"], 1, "{answer}");
    assert_eq!(world.state(&id), "running");

    // The other way round: its own default makes the rule apply that ends the instance, at the next look.
    let mut ends = rule(2, "Owner", "Terminate");
    ends["When"] = json!("tag:Env = dev");
    let world = World::with_table(&[format(), env, ends]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

/// The first rule that holds applies whole: nothing is taken from the rules after it.
#[tokio::test(start_paused = true)]
async fn the_rules_of_a_key_do_not_add_up() {
    let rows = [
        format(),
        json!({
            "RuleId": 10, "TagKey": "Expires", "Action": "Notify", "Required": "Y", "WhenExpired": "Terminate",
            "When": "tag:Kind = gpu",
        }),
        json!({"RuleId": 11, "TagKey": "Expires", "Action": "Function", "Required": "Y", "Default": "today()+30d"}),
    ];
    let world = World::with_table(&rows).enforcing();
    let gpu = world.instance(&[("Kind", "gpu")]);
    let web = world.instance(&[("Kind", "web")]);
    let passed = world.instance(&[("Kind", "web"), ("Expires", "2026-11-01")]);
    for _ in 0..3 {
        world.sweep().await;
        later(&world, 24 * 60);
    }
    assert_eq!(world.tag(&gpu, "Expires"), None);
    assert_eq!(world.tag(&web, "Expires").as_deref(), Some("2026-12-23"));
    assert_eq!(world.state(&passed), "running");
}

/// Started to save its data, an instance that was stopped for its end date has its last notice again, not the whole wait.
#[tokio::test(start_paused = true)]
async fn a_start_after_the_end_date_gives_the_last_notice_again() {
    let rows = ending(&json!({"WhenExpired": "Stop", "Notice": "14d, 1d"}));
    let world = World::with_table(&rows).enforcing();
    let world = world.set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = world.instance(&[("Expires", "2026-11-25")]);
    hours_until_shut_down(&world, &id).await;
    later(&world, 60);
    world.account.start(&id);
    later(&world, 60);
    world.sweep().await;
    assert_eq!(world.state(&id), "running");
    let hours = hours_until_shut_down(&world, &id).await;
    assert!((24..=26).contains(&hours), "{hours}");
}

/// A value that tagwarden wrote and the policy no longer allows is reported like any other.
#[tokio::test(start_paused = true)]
async fn an_own_value_that_is_no_longer_allowed_is_reported() {
    let world = World::new().enforcing();
    let id = world.instance(&[("CreatedBy", "ann"), ("Expires", "x")]);
    world.sweep().await;
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj007"));
    world.account.put_item(TABLE, format());
    let narrower = json!({
        "RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj100",
        "Allowed": ["Proj100", "Proj101"],
    });
    world.account.put_item(TABLE, narrower);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["notified"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj007"));
}

/// A date that is restored has passed long ago: its notice starts over.
#[tokio::test(start_paused = true)]
async fn a_restored_end_date_has_its_notice_again() {
    let rows = ending(&json!({
        "Action": "Function", "Required": "Y", "Default": "today()+14d", "Notice": "3d, 1d",
    }));
    let world = World::with_table(&rows).enforcing();
    let world = world.set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").as_deref(), Some("2026-12-07"));
    world.account.remove_tag(&id, "Expires");
    world.account.advance(TimeDelta::days(200));
    world.sweep().await;
    assert_eq!(world.tag(&id, "Expires").as_deref(), Some("2026-12-07"));
    assert_eq!(world.state(&id), "running");
    let hours = hours_until_shut_down(&world, &id).await;
    assert!((24..=26).contains(&hours), "{hours}");
}

/// Every instance with a date, for 40 days: the annotation changes only when the date passes, whatever is announced.
#[rstest]
#[case::announced("2026-12-20", &[])]
#[case::passes("2026-12-01", &["expired tag Expires (rule 3; 2026-12-01)"])]
#[case::comes_into_reach(
    "2027-03-01",
    &["value of tag Expires not allowed (rule 3; found 2027-03-01, at most 90 days ahead)", ""]
)]
#[case::passed("2026-11-01", &["expired tag Expires (rule 3; 2026-11-01)"])]
#[case::unreadable("Q4", &["unreadable date in tag Expires (rule 3; found Q4, write a date such as 2026-12-31)"])]
#[tokio::test(start_paused = true)]
async fn annotations_of_dates_are_no_news_from_day_to_day(
    #[case] value: &str,
    #[case] expected: &[&str],
) {
    // A dry run announces as well, and shuts nothing down.
    let rows = ending(&json!({"AtMost": "90d", "Notice": "14d, 3d, 1d"}));
    let world = World::with_table(&rows);
    let id = world.instance(&[("Expires", value)]);
    let mut seen: Vec<String> = Vec::new();
    let until: DateTime<Utc> = "2026-12-15T12:00:00Z".parse().unwrap();
    let mut sent = 0;
    while world.account.now() < until {
        world.evaluate_all().await;
        world.sweep().await;
        let said = world.annotation(&id).unwrap_or_default();
        if seen.last() != Some(&said) {
            seen.push(said);
            sent += 1;
        }
        let by_item = world.account.change_event(RULE, &id);
        world.evaluate(by_item).await.unwrap();
        assert_eq!(
            world.annotation(&id).unwrap_or_default(),
            *seen.last().unwrap()
        );
        world.account.advance(TimeDelta::hours(7));
    }
    // What is compliant has nothing to say.
    if seen.len() > expected.len() {
        assert_eq!(seen.remove(0), "");
    }
    assert_eq!(seen, expected, "{sent}");
}

/// The customer's rules under columns of their own, which newer attributes have the names of: every event gives the same.
#[rstest]
#[case::as_texts(json!({
    "Allowed": "Proj0*", "When": "tag:Env = prod", "From": "vpc", "WhenExpired": "Terminate", "AtMost": "1d", "Notice": "1d",
    "ResourceTypes": "volume",
}))]
#[case::as_anything(json!({
    "Allowed": 7, "When": ["x", 1], "From": {"a": 1}, "WhenExpired": true, "AtMost": "soon", "Notice": "", "Who": [],
    "Contact": null, "Tags": "x", "Pattern": "^P", "Normalize": "Y", "Aliases": [],
}))]
#[tokio::test(start_paused = true)]
async fn foreign_columns_of_todays_table_mean_nothing(#[case] columns: Value) {
    let mut rows = customers_rules();
    for row in &mut rows {
        let columns = columns.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(columns);
    }
    let mut seen = Vec::new();
    for rows in [rows, customers_rules()] {
        let world = World::with_table(&rows).enforcing();
        let instances = [
            world.instance(&[("ProjectCode", "asdf"), ("Expires", "2020-01-01")]),
            world.instance(&[("projectcode", "Proj042"), ("Env", "dev")]),
            world.instance(&[("Name", "web"), ("Expires", "never")]),
            world.instance(&[]),
        ];
        world.evaluate_all().await;
        let verdicts = instances
            .each_ref()
            .map(|id| (world.verdict(id), world.annotation(id)));
        let answer = world.sweep().await;
        let found = instances
            .each_ref()
            .map(|id| (world.state(id), world.tags(id)));
        let said = world.reports().join("\n");
        let said = instances
            .iter()
            .fold(said, |said, id| said.replace(id.as_str(), "ID"));
        let lines: Vec<String> = said
            .lines()
            .filter(|line| line.starts_with("-- "))
            .map(ToOwned::to_owned)
            .collect();
        seen.push((
            verdicts,
            answer["tagged"].clone(),
            answer["terminated"].clone(),
            found,
            lines,
        ));
    }
    assert_eq!(seen[0], seen[1]);
}

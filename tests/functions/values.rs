//! Values: those that a rule allows, and where those come from that are written. Through the functions' events.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{LEDGER, TABLE, World, customers_rules};

fn format() -> Value {
    json!({"RuleId": -1, "PolicyFormat": 2})
}

/// A rule for `Env`, which allows these values.
fn env(action: &str, required: &str) -> Value {
    json!({
        "RuleId": 4, "TagKey": "Env", "Action": action, "Required": required, "Default": "Prod",
        "Allowed": ["Prod", "Stage", "team-*"],
    })
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn the_dashboard_shows_what_is_not_allowed(#[values("Y", "N")] required: &str) {
    let world = World::with_table(&[format(), env("Update", required)]);
    let right = world.instance(&[("Env", "team-shop")]);
    let near = world.instance(&[("Env", "PROD")]);
    let wrong = world.instance(&[("Env", "asdf")]);
    world.evaluate_all().await;
    assert_eq!(world.verdict(&right).as_deref(), Some("COMPLIANT"));
    for (id, annotation) in [
        (
            near,
            "value of tag Env not allowed (rule 4; found PROD, did you mean Prod?)",
        ),
        (
            wrong,
            "value of tag Env not allowed (rule 4; found asdf, allowed: Prod, Stage, team-*)",
        ),
    ] {
        assert_eq!(world.verdict(&id).as_deref(), Some("NON_COMPLIANT"));
        assert_eq!(world.annotation(&id).as_deref(), Some(annotation));
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_suggests_and_nothing_is_overwritten() {
    let world = World::with_table(&[format(), env("Update", "Y")]).enforcing();
    let near = world.instance(&[("Env", "PROD")]);
    let empty = world.instance(&[("Env", "")]);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["notified"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.tag(&near, "Env").as_deref(), Some("PROD"));
    assert_eq!(world.tag(&empty, "Env").as_deref(), Some("Prod"));
    let lines = world.lines();
    let line = format!(
        "-- Instance {near} value of tag Env not allowed. Reported only: it is \"PROD\", did you mean Prod?"
    );
    assert!(lines.contains(&line), "{lines:#?}");
}

/// (`Required`, value) → whether the instance is shut down.
#[rstest]
#[case("Y", "asdf", true)]
#[case("N", "asdf", false)]
#[case("Y", "PROD", false)]
#[case("Y", " Stage", false)]
#[case("Y", "Team_Shop", false)]
#[case("Y", "team-shop", false)]
#[tokio::test(start_paused = true)]
async fn shuts_down_only_for_what_is_not_nearly_allowed(
    #[case] required: &str,
    #[case] value: &str,
    #[case] is_shut_down: bool,
) {
    for (action, state) in [("Terminate", "shutting-down"), ("Stop", "stopping")] {
        let world = World::with_table(&[format(), env(action, required)]).enforcing();
        let id = world.instance(&[("Env", value)]);
        world.sweep().await;
        let expected = if is_shut_down { state } else { "running" };
        assert_eq!(world.state(&id), expected, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_countdown_names_the_defect() {
    let world = World::with_table(&[format(), env("Terminate", "Y")])
        .enforcing()
        .set("TAGWARDEN_GRACE_MINUTES", "15");
    let id = world.instance(&[("Env", "asdf")]);
    world.sweep().await;
    let items = world.account.items(LEDGER);
    let countdown = items.iter().find(|item| item["Pk"] == "countdown").unwrap();
    assert_eq!(countdown["Sk"], format!("{id}#terminate#not-allowed#Env"));
    world.account.advance(chrono::TimeDelta::minutes(16));
    world.sweep().await;
    assert_eq!(world.state(&id), "shutting-down");
}

#[rstest]
#[case::newer(json!({"RuleId": -1, "PolicyFormat": 3}), "PolicyFormat 3 is newer than tagwarden")]
#[case::misspelt(json!({"RuleId": 5, "TagKey": "K", "Action": "Stop", "Required": "Y", "Wehn": "x"}), "rule 5: Wehn is not an attribute")]
#[tokio::test(start_paused = true)]
async fn a_table_that_may_mean_something_else_does_nothing(
    #[case] row: Value,
    #[case] expected: &str,
) {
    let mut rows = vec![env("Terminate", "Y"), row];
    if rows[1].get("PolicyFormat").is_none() {
        rows.push(format());
    }
    let world = World::with_table(&rows).enforcing();
    let id = world.instance(&[]);
    let (_, message) = world
        .remediate(crate::support::scheduled_event())
        .await
        .unwrap_err();
    assert!(message.contains(expected), "{message}");
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.writes(), 0);
}

/// The customer's table with columns of their own, as it is in use today: nothing of it has another meaning.
#[tokio::test(start_paused = true)]
async fn the_customers_table_keeps_its_meaning() {
    let columns = json!({
        "Allowed": "by ann", "When": "", "From": "finance", "Who": "ann", "Notice": 7, "Contact": null, "Pattern": "^P",
    });
    let mut rows = customers_rules();
    for row in &mut rows {
        let columns = columns.as_object().unwrap().clone();
        row.as_object_mut().unwrap().extend(columns);
    }
    let with_columns = World::with_table(&rows).enforcing();
    let without = World::new().enforcing();
    for world in [&with_columns, &without] {
        let id = world.instance(&[("ProjectCode", "asdf")]);
        world.sweep().await;
        world.evaluate_all().await;
        assert_eq!(world.verdict(&id).as_deref(), Some("COMPLIANT"));
        assert_eq!(world.tag(&id, "CreatedBy").as_deref(), Some("ann"));
        assert_eq!(world.tag(&id, "Expires").as_deref(), Some("2026-11-23"));
        assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("asdf"));
    }
}

/// What billed the wrong project: the default beside a value that somebody wrote under another spelling of the key.
#[tokio::test(start_paused = true)]
async fn a_near_miss_keeps_its_value() {
    let world = World::new().enforcing();
    let id = world.instance(&[
        ("projectcode", "Proj042"),
        ("CreatedBy", "ann"),
        ("Expires", "x"),
    ]);
    let conflict = world.instance(&[
        ("projectcode", "Proj042"),
        ("Project-Code", "Proj043"),
        ("CreatedBy", "ann"),
        ("Expires", "x"),
    ]);
    let answer = world.sweep().await;
    assert_eq!(
        (&answer["tagged"], &answer["notified"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.tag(&id, "ProjectCode").as_deref(), Some("Proj042"));
    assert_eq!(world.tag(&id, "projectcode").as_deref(), Some("Proj042"));
    assert_eq!(world.tag(&conflict, "ProjectCode"), None);
    let lines = world.lines();
    for line in [
        format!(
            "-- Instance {id} missing tag ProjectCode. New tag created. \"Proj042\" is from its tag projectcode."
        ),
        format!(
            "-- Instance {conflict} missing tag ProjectCode. Reported only: it has the tags \"Project-Code\" = \"Proj043\" \
             and \"projectcode\" = \"Proj042\", write the right value to the key \"ProjectCode\"."
        ),
    ] {
        assert!(lines.contains(&line), "{line}\n{lines:#?}");
    }
    // The ledger says where the value came from.
    let items = world.account.items(LEDGER);
    let acts = items.iter().filter_map(|item| item["Acts"].as_array());
    let act = acts.flatten().find(|act| act["TagKey"] == "ProjectCode");
    assert_eq!(act.unwrap()["ValueOrigin"], "near-miss:projectcode");
    assert_eq!(world.account.items(TABLE).len(), 3);
}

/// Rules whose values come from subnets, VPCs and launchers.
fn from(sources: &Value) -> Vec<Value> {
    vec![
        format(),
        json!({"RuleId": 1, "TagKey": "CostCenter", "Action": "Update", "Required": "Y", "Default": "100", "From": sources}),
        json!({"RuleId": 50, "Who": ["ann", "team-*"], "Tags": {"CostCenter": "4711"}}),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_value_comes_from_the_network_or_the_launcher() {
    let world = World::with_table(&from(&json!(["tag:Project", "vpc", "launcher"]))).enforcing();
    let by_tag = world.instance(&[("Project", "p1")]);
    let by_launcher = world.instance(&[("Name", "web")]);
    world.sweep().await;
    assert_eq!(world.tag(&by_tag, "CostCenter").as_deref(), Some("p1"));
    assert_eq!(
        world.tag(&by_launcher, "CostCenter").as_deref(),
        Some("4711")
    );

    world
        .account
        .tag_network(crate::support::VPC, "CostCenter", "200");
    let by_vpc = world.instance(&[("Name", "db")]);
    world.sweep().await;
    assert_eq!(world.tag(&by_vpc, "CostCenter").as_deref(), Some("200"));
    let lines = world.lines();
    let line = format!(
        "-- Instance {by_vpc} missing tag CostCenter. New tag created. \"200\" is from its VPC {}.",
        crate::support::VPC
    );
    assert!(lines.contains(&line), "{lines:#?}");
}

/// An instance that lacks its launcher's name too gets the value of its VPC in the same run.
#[tokio::test(start_paused = true)]
async fn the_sources_are_read_where_the_launcher_is_looked_up_too() {
    let look_up =
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"});
    let world = World::with_table(&[&from(&json!("vpc"))[..], &[look_up]].concat()).enforcing();
    world
        .account
        .tag_network(crate::support::VPC, "CostCenter", "200");
    let id = world.instance(&[("Name", "db")]);
    world.sweep().await;
    assert_eq!(world.tag(&id, "CreatedBy").as_deref(), Some("ann"));
    assert_eq!(world.tag(&id, "CostCenter").as_deref(), Some("200"));
}

#[tokio::test(start_paused = true)]
async fn the_sources_of_a_thousand_instances_are_one_call() {
    let world = World::with_table(&from(&json!(["subnet", "vpc"]))).enforcing();
    world
        .account
        .tag_network(crate::support::VPC, "CostCenter", "200");
    for _ in 0..1_000 {
        world.instance(&[("Name", "web")]);
    }
    let answer = world.sweep().await;
    assert_eq!(answer["tagged"], 1_000);
    assert_eq!(world.account.count("DescribeTags"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_waited_for_and_one_that_is_denied_is_not() {
    for (code, is_waiting) in [
        ("RequestLimitExceeded", true),
        ("UnauthorizedOperation", false),
    ] {
        let world = World::with_table(&from(&json!(["vpc"]))).enforcing();
        let id = world.instance(&[("Name", "web")]);
        let fault = tagwarden_sandbox::Fault::new("DescribeTags", code, "for a test");
        world.account.fail(fault.always());
        world.sweep().await;
        let expected = (!is_waiting).then_some("100");
        assert_eq!(world.tag(&id, "CostCenter").as_deref(), expected, "{code}");
        let report = world.reports().join("\n");
        assert!(report.contains(crate::support::VPC), "{report}");
        // After a day the next source counts.
        world.account.advance(chrono::TimeDelta::hours(25));
        world.sweep().await;
        assert_eq!(world.tag(&id, "CostCenter").as_deref(), Some("100"));
    }
}

/// One call for each 195 sources and 5 keys, because EC2 takes 200 values in the filters of a call; and each value from its
/// own VPC or subnet.
#[rstest]
#[case::as_many_as_fit(&["vpc"], 195, 5, 1)]
#[case::one_source_more(&["vpc"], 196, 5, 2)]
#[case::one_key_more(&["vpc"], 195, 6, 2)]
#[case::both(&["vpc"], 196, 6, 4)]
#[case::subnets_are_sources_too(&["subnet", "vpc"], 150, 5, 2)]
#[tokio::test(start_paused = true)]
async fn sources_cost_one_call_for_each_195_and_5_keys(
    #[case] from: &[&str],
    #[case] vpcs: usize,
    #[case] keys: usize,
    #[case] calls: usize,
) {
    let key = |number: usize| format!("Cost{number}");
    let rules = (1..=keys).map(|number| {
        json!({
            "RuleId": number, "TagKey": key(number), "Action": "Update", "Required": "Y", "Default": "100", "From": from,
        })
    });
    let rows: Vec<Value> = [format()].into_iter().chain(rules).collect();
    let world = World::with_table(&rows).enforcing();
    let launched: Vec<(String, String)> = (0..vpcs)
        .map(|number| {
            let vpc = format!("vpc-{number:017x}");
            world
                .account
                .tag_network(&vpc, &key(1), &format!("of {vpc}"));
            let id = world
                .account
                .launch(crate::support::old(&[("Name", "web")]).vpc(&vpc));
            (id, vpc)
        })
        .collect();
    let answer = world.sweep().await;
    assert_eq!(answer["tagged"], vpcs, "{answer} {:?}", world.lines());
    assert_eq!(world.account.count("DescribeTags"), calls);
    for (id, vpc) in launched {
        assert_eq!(world.tag(&id, &key(1)), Some(format!("of {vpc}")));
        assert_eq!(world.tag(&id, &key(keys)).as_deref(), Some("100"));
    }
    // What has its values asks no source.
    world.sweep().await;
    assert_eq!(world.account.count("DescribeTags"), calls);
}

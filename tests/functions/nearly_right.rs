//! What stands against a shutdown in the policy itself: `Required=N`, what is nearly right, and a hold.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{TABLE, World};

fn rule(action: &str, required: &str) -> Value {
    json!({"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required, "Default": "nobody"})
}

const HOLD: &str = "the network is being moved";

fn hold() -> Value {
    json!({"RuleId": 9, "Hold": HOLD})
}

/// (`Required`, tags) → whether the instance is shut down.
#[rstest]
#[case::missing("Y", &[("Name", "web")], true)]
#[case::empty("Y", &[("Owner", "")], true)]
#[case::optional_and_missing("N", &[("Name", "web")], false)]
#[case::optional_and_empty("N", &[("Owner", "")], false)]
#[case::blank("Y", &[("Owner", " ")], false)]
#[case::zero_width("Y", &[("Owner", "\u{200b}")], false)]
#[case::key_in_another_case("Y", &[("owner", "ann")], false)]
#[case::key_with_a_blank("Y", &[("Owner ", "ann")], false)]
#[case::key_with_separators("Y", &[("own-er", "ann")], false)]
#[case::another_key("Y", &[("Owners", "ann")], true)]
#[tokio::test(start_paused = true)]
async fn shuts_down_only_for_what_is_required_and_not_nearly_right(
    #[case] required: &str,
    #[case] tags: &[(&str, &str)],
    #[case] is_shut_down: bool,
) {
    for (action, state) in [("Terminate", "shutting-down"), ("Stop", "stopping")] {
        let world = World::with_table(&[rule(action, required)]).enforcing();
        let id = world.instance(tags);
        let answer = world.sweep().await;
        assert_eq!(answer["notified"], i32::from(!is_shut_down), "{answer}");
        let expected = if is_shut_down { state } else { "running" };
        assert_eq!(world.state(&id), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn fills_in_a_value_of_blanks() {
    let world = World::with_table(&[rule("Update", "N")]).enforcing();
    let id = world.instance(&[("Owner", " ")]);
    assert_eq!(world.sweep().await["tagged"], 1);
    assert_eq!(world.tag(&id, "Owner").as_deref(), Some("nobody"));
}

#[rstest]
#[case("Update")]
#[case("Stop")]
#[case("Terminate")]
#[tokio::test(start_paused = true)]
async fn changes_nothing_under_a_hold_and_says_so(#[case] action: &str) {
    let world = World::with_table(&[rule(action, "Y"), hold()]).enforcing();
    let id = world.instance(&[("Name", "web")]);
    let untagged = world.instance(&[]);
    let answer = world.sweep().await;
    assert_eq!(answer["refused"], 2, "{answer}");
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.state(&untagged), "running");
    assert_eq!(world.tag(&id, "Owner"), None);
    let report = world.reports().join("\n");
    let reason = format!("the policy has a hold: {HOLD}");
    assert_eq!(report.matches(&reason).count(), 2, "{report}");
}

/// The hold appears after the plan was made: at each reading of the table in turn.
#[tokio::test(start_paused = true)]
async fn a_hold_that_appears_during_a_run_stops_it() {
    for (action, looks) in [("Update", 1), ("Terminate", 2)] {
        for nth in 1..=looks {
            let world = World::with_table(&[rule(action, "Y")]).enforcing();
            let id = world.instance(&[("Name", "web")]);
            let mut calls = 0;
            world.account.on_call("DescribeInstances", move |account| {
                calls += 1;
                if calls == nth {
                    account.put_item(TABLE, hold());
                }
            });
            let _ = world.remediate(crate::support::scheduled_event()).await;
            assert_eq!(world.state(&id), "running", "{action}, look {nth}");
            assert_eq!(world.tag(&id, "Owner"), None, "{action}, look {nth}");
        }
    }
}

/// The report says what to write.
#[rstest]
#[case(&[("owner", "ann")], r#"missing tag Owner. Reported only: it has the tag "owner", write the key "Owner"."#)]
#[case(&[("Owner", " ")], "empty tag Owner. Reported only: the value is only blanks, write a value.")]
#[tokio::test(start_paused = true)]
async fn reports_what_to_write(#[case] tags: &[(&str, &str)], #[case] expected: &str) {
    let world = World::with_table(&[rule("Terminate", "Y")]).enforcing();
    let id = world.instance(tags);
    world.sweep().await;
    let report = world.reports().join("\n");
    assert!(
        report.contains(&format!("-- Instance {id} {expected}")),
        "{report}"
    );
}

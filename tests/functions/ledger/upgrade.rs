//! The first report after an upgrade says what settings and rules mean since then.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::support::{LEDGER, World, scheduled_event};

const UPGRADED: &str =
    "\n\ntagwarden was upgraded. This is what your settings and rules mean now:\n* ";

/// What the last report's JSON says has changed.
fn changes(world: &World) -> usize {
    let published = world.account.published();
    let body: Value = serde_json::from_str(&published.last().unwrap().message).unwrap();
    let document: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
    document["changes"].as_array().map_or(0, Vec::len)
}

/// Sweeps with an instance that is new, so that there is something to report. Gives whether the report speaks of an upgrade.
async fn sweep_says_it(world: &World) -> bool {
    world.account.advance(TimeDelta::hours(6));
    world.instance(&[("Name", "web")]);
    let before = world.reports().len();
    world.sweep().await;
    let reports = world.reports();
    assert_eq!(reports.len(), before + 1);
    let is_said = reports.last().unwrap().contains(UPGRADED);
    assert_eq!(changes(world) > 0, is_said);
    is_said
}

#[rstest]
#[case::enforcing("enforce", "told")]
#[case::in_a_dry_run("dry-run", "told#dry-run")]
#[tokio::test(start_paused = true)]
async fn reports_once_what_an_upgrade_changes(#[case] mode: &str, #[case] told: &str) {
    let world = World::new().enforcing().set("TAGWARDEN_MODE", mode);
    let note = json!({"Pk": told, "Sk": "2026-10-02", "ExpiresAt": 1_800_000_000});
    world.account.put_item(LEDGER, note);
    assert!(sweep_says_it(&world).await);
    assert!(!sweep_says_it(&world).await);
    world.account.advance(TimeDelta::days(40));
    assert!(!sweep_says_it(&world).await);
}

#[tokio::test(start_paused = true)]
async fn reports_no_changes_of_a_new_deployment() {
    let world = World::new().enforcing();
    assert!(!sweep_says_it(&world).await);
    world.account.advance(TimeDelta::days(2));
    assert!(!sweep_says_it(&world).await);
}

/// A report that SNS did not take has told nobody.
#[tokio::test(start_paused = true)]
async fn reports_the_changes_again_after_a_failed_report() {
    let world = World::new().enforcing();
    let note = json!({"Pk": "told", "Sk": "2026-10-02"});
    world.account.put_item(LEDGER, note);
    world.instance(&[("Name", "web")]);
    let denied = Fault::new("Publish", "AuthorizationError", "no").status(403);
    world.account.fail(denied);
    world.remediate(scheduled_event()).await.unwrap_err();
    assert!(sweep_says_it(&world).await);
}

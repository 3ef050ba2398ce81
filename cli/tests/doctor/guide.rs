//! What `docs/doctor.md` shows is what the command writes, and its lists are complete.

use std::collections::BTreeSet;

use tagwarden_sandbox::Service;

use super::clinic::Clinic;
use super::faults::INJECTIONS;
use super::unseen::calls;
use crate::support::stdout;

const GUIDE: &str = include_str!("../../../docs/doctor.md");

/// The checks that the guide's table has. The command's own test writes that table.
pub fn checks_of_the_guide() -> BTreeSet<&'static str> {
    let rows = GUIDE
        .lines()
        .filter(|line| line.contains("| fault |") || line.contains("| note |"));
    rows.filter_map(|line| line.split('`').nth(1)).collect()
}

#[test]
fn guide_shows_the_real_output() {
    let clinic = Clinic::new("guide");
    for (check, inject) in INJECTIONS {
        if ["recorder-off", "dead-letters", "ledger-unprotected"].contains(check) {
            inject(&clinic);
        }
    }
    let shown = clinic.text();
    assert!(
        GUIDE.contains(&shown),
        "docs/doctor.md does not show:\n{shown}"
    );
}

/// The policy statement of the guide allows what doctor calls, neither more nor less.
#[test]
fn guide_lists_the_permissions() {
    let called = calls(&Clinic::new("permissions"));
    let called: BTreeSet<String> = called
        .into_iter()
        .map(|(service, operation)| match (service, operation.as_str()) {
            // The one call whose permission has another name.
            (Service::Lambda, operation) => format!("lambda:{operation}"),
            (Service::CloudWatch, operation) => format!("cloudwatch:{operation}"),
            (service, operation) => format!("{service}:{operation}"),
        })
        .collect();
    let policy = GUIDE.split("```json\n").nth(1).unwrap();
    let policy = policy.split("```").next().unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let actions = policy["Statement"][0]["Action"].as_array().unwrap();
    let mut actions: BTreeSet<String> = actions
        .iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect();
    // Called only where a subscription waits.
    assert!(actions.remove("sns:ListSubscriptionsByTopic"));
    assert_eq!(actions, called);
}

#[test]
fn writes_markdown_for_a_sound_account() {
    let clinic = Clinic::new("markdown");
    let output = clinic.run(&["doctor", "--output", "markdown"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.starts_with("### The stack tagwarden in us-east-1"),
        "{text}"
    );
    assert!(text.contains("\n| Stack | sound |\n"), "{text}");
}

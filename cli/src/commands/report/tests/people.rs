//! What becomes of one instance, and who launched it.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::json;
use tagwarden_core::{Policy, Resource};

use super::fleet::{inputs, inputs_with, instance, now, policy, sample};
use crate::commands::report::instance_view::{Effect, TagState, views};
use crate::forecast::Forecast;

/// What becomes of `i-a`, and whether it is compliant then.
fn effect(
    policy: Policy,
    instance: Resource,
    variables: &[(&str, &str)],
) -> (Vec<Effect>, Option<bool>) {
    let inputs = inputs_with(policy, vec![instance], variables);
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    let view = &views[0];
    (
        view.effects.iter().copied().collect(),
        view.is_compliant_after,
    )
}

/// One rule about `Owner`.
fn rule(action: &str, required: &str) -> Policy {
    policy(&[json!({"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required})])
}

#[test]
fn what_becomes_of_an_instance() {
    let bare = || instance("i-a", &[]);
    let web = || instance("i-a", &[("Name", "web")]);
    let young = || Resource {
        launched_at: Some(now() - TimeDelta::minutes(3)),
        ..bare()
    };
    let owned = || instance("i-a", &[("aws:autoscaling:groupName", "workers")]);
    let whole = [
        ("ProjectCode", "P"),
        ("CreatedBy", "ann"),
        ("Expires", "2027-01-01"),
    ];
    let exempt = [("tagwarden:exempt-until", "2099-12-31 under repair")];
    let none = Vec::new();
    assert_eq!(
        effect(sample(), instance("i-a", &whole), &[]),
        (none.clone(), Some(true))
    );
    assert_eq!(
        effect(sample(), instance("i-a", &exempt), &[]),
        (none, None)
    );
    assert_eq!(
        effect(sample(), web(), &[]),
        (vec![Effect::Tag], Some(true))
    );
    // What is terminated is neither compliant nor not.
    assert_eq!(
        effect(sample(), bare(), &[]),
        (vec![Effect::Terminate], None)
    );
    assert_eq!(
        effect(sample(), young(), &[]),
        (vec![Effect::Later], Some(false))
    );
    let stop = [("TAGWARDEN_UNTAGGED", "stop")];
    assert_eq!(
        effect(sample(), bare(), &stop),
        (vec![Effect::Stop], Some(false))
    );
    // The budget is one of the hour: the next one has another.
    let no_more = [("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "0")];
    assert_eq!(
        effect(sample(), bare(), &no_more),
        (vec![Effect::Later], Some(false))
    );
    assert_eq!(
        effect(rule("Notify", "Y"), web(), &[]),
        (vec![Effect::Person], Some(false))
    );
    assert_eq!(
        effect(rule("Notify", "N"), web(), &[]),
        (vec![Effect::Person], Some(true))
    );
    assert_eq!(
        effect(rule("Terminate", "Y"), owned(), &[]),
        (vec![Effect::Person], Some(false))
    );
    // It is stopped already, and nothing more may be done: somebody must inputs.
    let stopped = Resource {
        state: tagwarden_core::State::Stopped,
        ..bare()
    };
    assert_eq!(
        effect(sample(), stopped, &stop),
        (vec![Effect::Person], Some(false))
    );
}

/// A required tag that is only reported keeps the instance non-compliant, whatever else is written.
#[test]
fn one_tag_that_is_not_written_is_enough() {
    let two = policy(&[
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P"}),
        json!({"RuleId": 2, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
    ]);
    let web = instance("i-a", &[("Name", "web")]);
    assert_eq!(
        effect(two, web, &[]),
        (vec![Effect::Person, Effect::Tag], Some(false))
    );
}

#[rstest]
#[case("i-a", &[("CreatedBy", "bob")], Some("bob"))]
#[case("i-a", &[("CreatedBy", "")], Some("ann"))]
#[case("i-a", &[("Name", "web")], Some("ann"))]
#[case("i-a", &[("CreatedBy", "Undefined")], None)]
#[case("i-b", &[("Name", "web")], None)]
// Nobody is asked about an instance that is terminated.
#[case("i-a", &[], None)]
fn who_launched_it(
    #[case] id: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: Option<&str>,
) {
    let inputs = inputs(sample(), vec![instance(id, tags)]);
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    assert_eq!(views[0].launcher, expected);
}

#[rstest]
#[case("Update", "Y", &[], TagState::Missing)]
#[case("Update", "N", &[], TagState::InOrder)]
#[case("Notify", "N", &[], TagState::Missing)]
#[case("Update", "Y", &[("Name", "web")], TagState::Missing)]
#[case("Update", "N", &[("Name", "web")], TagState::InOrder)]
#[case("Update", "N", &[("Owner", "")], TagState::Empty)]
#[case("Update", "Y", &[("Owner", "x")], TagState::InOrder)]
fn how_it_stands_with_a_rule(
    #[case] action: &str,
    #[case] required: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: TagState,
) {
    let rule = json!({"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required, "Default": "x"});
    let inputs = inputs(policy(&[rule]), vec![instance("i-a", tags)]);
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let views = views(&forecast, &inputs.policy.policy);
    assert_eq!(
        views[0].tag_state(&inputs.policy.policy.rules()[0]),
        expected
    );
}

//! What becomes of one instance, and who launched it.

use chrono::TimeDelta;
use rstest::rstest;
use serde_json::json;
use tagwarden_core::{Instance, Policy};

use super::fleet::{instance, look, look_with, now, policy, sample};
use crate::report::member::{Fate, Standing, members};

/// What becomes of `i-a`, and whether it is compliant then.
fn fate(
    policy: Policy,
    instance: Instance,
    variables: &[(&str, &str)],
) -> (Vec<Fate>, Option<bool>) {
    let look = look_with(policy, vec![instance], variables);
    let plan = look.plan(&look.after);
    let members = members(&plan, &look.after.policy, &look.scope, look.at);
    let member = &members[0];
    (
        member.fates.iter().copied().collect(),
        member.is_compliant_after,
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
    let young = || Instance {
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
        fate(sample(), instance("i-a", &whole), &[]),
        (none.clone(), Some(true))
    );
    assert_eq!(fate(sample(), instance("i-a", &exempt), &[]), (none, None));
    assert_eq!(fate(sample(), web(), &[]), (vec![Fate::Tag], Some(true)));
    // What is terminated is neither compliant nor not.
    assert_eq!(fate(sample(), bare(), &[]), (vec![Fate::Terminate], None));
    assert_eq!(
        fate(sample(), young(), &[]),
        (vec![Fate::Later], Some(false))
    );
    let stop = [("TAGWARDEN_UNTAGGED", "stop")];
    assert_eq!(
        fate(sample(), bare(), &stop),
        (vec![Fate::Stop], Some(false))
    );
    // The budget is one of the hour: the next one has another.
    let no_more = [("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "0")];
    assert_eq!(
        fate(sample(), bare(), &no_more),
        (vec![Fate::Later], Some(false))
    );
    assert_eq!(
        fate(rule("Notify", "Y"), web(), &[]),
        (vec![Fate::Person], Some(false))
    );
    assert_eq!(
        fate(rule("Notify", "N"), web(), &[]),
        (vec![Fate::Person], Some(true))
    );
    assert_eq!(
        fate(rule("Terminate", "Y"), owned(), &[]),
        (vec![Fate::Person], Some(false))
    );
    // It is stopped already, and nothing more may be done: somebody must look.
    let stopped = Instance {
        state: tagwarden_core::State::Stopped,
        ..bare()
    };
    assert_eq!(
        fate(sample(), stopped, &stop),
        (vec![Fate::Person], Some(false))
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
        fate(two, web, &[]),
        (vec![Fate::Person, Fate::Tag], Some(false))
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
    let look = look(sample(), vec![instance(id, tags)]);
    let plan = look.plan(&look.after);
    let members = members(&plan, &look.after.policy, &look.scope, look.at);
    assert_eq!(members[0].launcher, expected);
}

#[rstest]
#[case("Update", "Y", &[], Standing::Missing)]
#[case("Update", "N", &[], Standing::InOrder)]
#[case("Notify", "N", &[], Standing::Missing)]
#[case("Update", "Y", &[("Name", "web")], Standing::Missing)]
#[case("Update", "N", &[("Name", "web")], Standing::InOrder)]
#[case("Update", "N", &[("Owner", "")], Standing::Empty)]
#[case("Update", "Y", &[("Owner", "x")], Standing::InOrder)]
fn how_it_stands_with_a_rule(
    #[case] action: &str,
    #[case] required: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: Standing,
) {
    let rule = json!({"RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required, "Default": "x"});
    let look = look(policy(&[rule]), vec![instance("i-a", tags)]);
    let plan = look.plan(&look.after);
    let members = members(&plan, &look.after.policy, &look.scope, look.at);
    assert_eq!(members[0].standing(&look.after.policy.rules()[0]), expected);
}

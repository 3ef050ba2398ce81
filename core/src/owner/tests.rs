use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::resource::State;

fn policy(rows: &[Value]) -> Policy {
    let mut all = vec![
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ];
    all.retain(|row| rows.iter().all(|other| other["RuleId"] != row["RuleId"]));
    all.extend_from_slice(rows);
    Policy::from_rows(all.iter().map(|row| row.as_object().unwrap().clone())).unwrap()
}

fn instance(tags: &[(&str, &str)]) -> Resource {
    let tags = tags.iter();
    Resource {
        tags: tags
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

/// The owner as `name (tag)` or `name (launcher)`; empty for nobody.
fn owner(policy: &Policy, tags: &[(&str, &str)], launcher: Option<&str>) -> String {
    match Owner::of(policy, &OwnerTags::default(), &instance(tags), launcher) {
        None => String::new(),
        Some(Owner { name, source }) => match source {
            OwnerSource::Tag(key) => format!("{name} ({key})"),
            OwnerSource::Launcher => format!("{name} (launcher)"),
        },
    }
}

#[rstest]
#[case::first_tag(&[("Owner", "team-shop"), ("CreatedBy", "ann")], Some("bob"), "team-shop (Owner)")]
#[case::second_tag(&[("CreatedBy", "ann")], Some("bob"), "ann (CreatedBy)")]
#[case::launcher(&[("Name", "web")], Some("bob"), "bob (launcher)")]
#[case::untagged(&[], Some("bob@example.com"), "bob@example.com (launcher)")]
#[case::nobody(&[], None, "")]
#[case::empty(&[("Owner", ""), ("CreatedBy", "ann")], None, "ann (CreatedBy)")]
#[case::blanks(&[("Owner", " \u{200b} "), ("CreatedBy", "ann")], None, "ann (CreatedBy)")]
#[case::blanks_around(&[("Owner", " ann ")], None, "ann (Owner)")]
#[case::undefined(&[("CreatedBy", "Undefined")], None, "")]
#[case::undefined_in_any_case(&[("Owner", "UNDEFINED")], Some("bob"), "bob (launcher)")]
#[case::service(&[("CreatedBy", "autoscaling.amazonaws.com")], None, "")]
#[case::service_in_china(&[("CreatedBy", "ec2.amazonaws.com.cn")], None, "")]
#[case::service_launched(&[], Some("spot.amazonaws.com"), "")]
#[case::not_a_service(&[("Owner", "ann@mail.amazonaws.com")], None, "ann@mail.amazonaws.com (Owner)")]
#[case::role_and_session(&[("CreatedBy", "ci/GitHubActions")], Some("bob"), "bob (launcher)")]
#[case::role_and_session_launched(&[], Some("Builder/i-0a1b2c3d4e5f60718"), "")]
#[case::other_keys_case(&[("owner", "ann")], None, "")]
fn finds_who_owns_an_instance(
    #[case] tags: &[(&str, &str)],
    #[case] launcher: Option<&str>,
    #[case] expected: &str,
) {
    assert_eq!(owner(&policy(&[]), tags, launcher), expected);
}

#[test]
fn a_value_that_is_not_allowed_names_nobody() {
    let rule = json!({
        "RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "Allowed": "team-*",
    });
    let policy = policy(&[rule]);
    let tags = |owner| [("Owner", owner), ("CreatedBy", "ann")];
    assert_eq!(
        owner(&policy, &tags("team-shop"), None),
        "team-shop (Owner)"
    );
    assert_eq!(owner(&policy, &tags("nobody"), None), "ann (CreatedBy)");
    assert_eq!(owner(&policy, &tags("Team-shop"), None), "ann (CreatedBy)");
}

/// A rule that is not for the instance does not say what its tag may be.
#[test]
fn only_the_rule_for_the_instance_says_what_is_allowed() {
    let rule = json!({
        "RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "Allowed": "team-*",
        "When": "tag:Env = prod",
    });
    let policy = policy(&[rule]);
    assert_eq!(owner(&policy, &[("Owner", "ann")], None), "ann (Owner)");
    let tags = [("Owner", "ann"), ("Env", "prod")];
    assert_eq!(owner(&policy, &tags, None), "");
}

#[rstest]
#[case("ci/GitHubActions", "ci/GitHubActions")]
#[case("CI/other", "CI/other")]
#[case("ANN@example.com", "Ann@Example.com")]
#[case("team-Shop", "team-Shop")]
#[case("ann", "ann")]
#[case("deploy/x", "")]
#[case("autoscaling.amazonaws.com", "")]
#[case("undefined", "")]
fn who_rows_name_and_spell(#[case] value: &str, #[case] expected: &str) {
    let policy = policy(&[
        json!({"RuleId": 10, "Who": "ci/*, *.amazonaws.com, undefined", "Tags": {"Team": "ci"}}),
        json!({"RuleId": 11, "Who": "Ann@Example.com, team-*", "Tags": {"Team": "shop"}}),
    ]);
    assert_eq!(policy.somebody(value).unwrap_or_default(), expected);
}

#[rstest]
#[case("Owner", &["Owner"])]
#[case(" Team , CreatedBy ", &["Team", "CreatedBy"])]
fn reads_a_list_of_keys(#[case] text: &str, #[case] keys: &[&str]) {
    assert_eq!(OwnerTags::from_list(text).unwrap().keys(), keys);
}

#[rstest]
#[case("")]
#[case(",")]
#[case("Owner,")]
#[case("Owner,,CreatedBy")]
fn refuses_a_blank_key(#[case] text: &str) {
    assert_eq!(OwnerTags::from_list(text), Err(InvalidOwnerTags::Blank));
}

#[test]
fn refuses_a_key_that_is_too_long() {
    let key = "x".repeat(MAX_KEY_CHARS + 1);
    assert_eq!(
        OwnerTags::from_list(&key),
        Err(InvalidOwnerTags::TooLong(key))
    );
}

proptest! {
    /// Whatever the tags hold, an owner has a name that is not blank, and its spelling names the same owner again.
    #[test]
    fn an_owner_has_a_name(owner in "\\PC{0,20}", created_by in "\\PC{0,20}", launcher in prop::option::of("\\PC{0,20}")) {
        let policy = policy(&[json!({"RuleId": 10, "Who": "a*, Ann", "Tags": {"Team": "a"}})]);
        let tags = [("Owner", owner.as_str()), ("CreatedBy", created_by.as_str())];
        if let Some(owner) = Owner::of(&policy, &OwnerTags::default(), &instance(&tags), launcher.as_deref()) {
            prop_assert!(!is_blank(&owner.name));
            let again = policy.somebody(&owner.name);
            prop_assert_eq!(again, Some(owner.name.as_str()));
        }
    }
}

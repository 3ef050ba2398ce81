//! Tags that are not known yet: what is not known is never a defect, and what is known stays.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::{instance, now, policy};
use crate::policy::DefectName;
use crate::resource::{Resource, UnknownTags};
use crate::{Policy, Scope, Verdict, assess};

fn planned(tags: &[(&str, &str)], keys: &[&str], has_others: bool) -> Resource {
    let mut planned = instance(tags);
    planned.details.unknown_tags = UnknownTags {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        doubtful: BTreeSet::new(),
        has_others,
    };
    planned
}

fn two_rules() -> Policy {
    policy(json!([
        {"RuleId": 0, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"},
        {"RuleId": 2, "TagKey": "Env", "Action": "Terminate", "Required": "Y", "Allowed": "prod, test"},
    ]))
}

/// The findings, and the tags of which nothing or only the key is known.
#[rstest]
#[case::all_known(&[("Env", "prod")], &[], false, "missing Owner")]
#[case::a_value(&[("Env", "prod")], &["Owner"], false, "Owner's value")]
#[case::others(&[("Env", "prod")], &[], true, "Owner?")]
#[case::a_wrong_value_stays_wrong(&[("Env", "dev")], &[], true, "not-allowed Env, Owner?")]
#[case::empty_stays_empty(&[("Env", "prod"), ("Owner", "")], &[], true, "empty Owner")]
#[case::a_near_miss_without_a_value(&[("Env", "prod")], &["owner"], false, "missing Owner for owner")]
#[case::nothing_is_known(&[], &[], true, "Owner?, Env?")]
fn says_what_is_not_known(
    #[case] tags: &[(&str, &str)],
    #[case] keys: &[&str],
    #[case] has_others: bool,
    #[case] expected: &str,
) {
    let policy = two_rules();
    let planned = planned(tags, keys, has_others);
    let assessment = assess(&policy, &Scope::default(), &planned, now());
    let findings = assessment.findings.iter().map(|finding| {
        let near = match finding.defect {
            crate::Defect::Missing {
                near_miss: Some(near),
            } => format!(" for {near}"),
            _ => String::new(),
        };
        let name = finding.defect.name().as_str();
        format!("{name} {}{near}", finding.rule.tag_key)
    });
    let unknown = assessment.unknown_tags.iter().map(|tag| {
        let what = if tag.is_there { "'s value" } else { "?" };
        format!("{}{what}", tag.rule.tag_key)
    });
    let said: Vec<String> = findings.chain(unknown).collect();
    assert_eq!(said.join(", "), expected);
    assert!(!assessment.is_untagged);
    let is_violation = !assessment.findings.is_empty();
    assert_eq!(
        assessment.verdict == Verdict::NonCompliant,
        is_violation,
        "what is not known changes no verdict"
    );
}

fn with_conditions() -> Policy {
    policy(json!([
        {"RuleId": 0, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": "tag:Env = prod"},
        {"RuleId": 2, "TagKey": "Owner", "Action": "UserLookup", "Required": "N", "When": "!tag:Team"},
        {"RuleId": 3, "TagKey": "Owner", "Action": "Notify", "Required": "N", "Allowed": "a, b"},
        {"RuleId": 4, "TagKey": "Team", "Action": "Stop", "Required": "Y", "When": "tag:Env != test"},
        {"RuleId": 5, "TagKey": "Env", "Action": "Notify", "Required": "Y", "Allowed": "prod, test"},
        {"RuleId": 6, "TagKey": "Ends", "Action": "Notify", "Required": "Y", "WhenExpired": "Stop"},
    ]))
}

const KEYS: [&str; 7] = ["Owner", "owner", "Env", "env", "Team", "Ends", "Name"];
const VALUES: [&str; 8] = ["", " ", "a", "A", "prod", "Prod", "test", "2020-01-01"];

/// Whatever the unknown tags turn out to be: what was found is found, and what is found was found or not known.
#[test]
fn knowing_more_takes_no_finding_back_and_adds_none_that_was_ruled_out() {
    let policy = with_conditions();
    let value = || prop::sample::select(&VALUES[..]);
    let key = || prop::sample::select(&KEYS[..]);
    let tags = prop::collection::btree_map(key(), value(), 0..4);
    let hidden = prop::collection::btree_map(key(), value(), 0..4);
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let judged = std::cell::Cell::new([0_usize; 3]);
    let doubtful = prop::collection::btree_set(key(), 0..3);
    let cases = (tags, hidden, doubtful, any::<bool>());
    let result = runner.run(&cases, |(known, hidden, doubtful, has_others)| {
        let hidden: Vec<_> = hidden
            .into_iter()
            .filter(|(key, _)| !known.contains_key(key))
            .collect();
        let known: Vec<_> = known.into_iter().collect();
        let keys: Vec<&str> = if has_others {
            Vec::new()
        } else {
            hidden.iter().map(|(key, _)| *key).collect()
        };
        let mut before = planned(&known, &keys, has_others);
        let unknown = &mut before.details.unknown_tags;
        let is_open = |key: &&&str| !known.iter().any(|(known, _)| known == *key);
        // Every second tag that is hidden may be there or not, and others that are not there.
        let mut open: BTreeSet<String> = unknown.keys.iter().step_by(2).cloned().collect();
        open.extend(doubtful.iter().filter(is_open).map(|key| (*key).to_owned()));
        unknown.keys.retain(|key| !open.contains(key));
        unknown.doubtful = open;
        let all: Vec<_> = known.iter().chain(&hidden).copied().collect();
        let after = instance(&all);
        let before = assess(&policy, &Scope::default(), &before, now());
        let after = assess(&policy, &Scope::default(), &after, now());
        let found = |it: &crate::Assessment<'_>| -> BTreeSet<(i64, DefectName)> {
            let findings = it.findings.iter();
            findings.map(|it| (it.rule.id, it.defect.name())).collect()
        };
        prop_assert!(
            found(&before).is_subset(&found(&after)),
            "{before:?}\n{after:?}"
        );
        let open: BTreeSet<&str> = before
            .unknown
            .iter()
            .map(|it| it.rule.tag_key.as_str())
            .chain(
                before
                    .unknown_tags
                    .iter()
                    .map(|it| it.rule.tag_key.as_str()),
            )
            .collect();
        for finding in &after.findings {
            let is_expected = open.contains(finding.rule.tag_key.as_str())
                || found(&before).contains(&(finding.rule.id, finding.defect.name()));
            prop_assert!(is_expected, "{finding:?}\n{before:?}");
        }
        prop_assert!(!before.is_untagged || after.is_untagged);
        let [mut sure, mut doubtful, mut tags] = judged.get();
        sure += before.findings.len();
        doubtful += before.unknown.len();
        tags += before.unknown_tags.len();
        judged.set([sure, doubtful, tags]);
        Ok(())
    });
    result.unwrap();
    // The cases are of every sort.
    assert!(judged.get().iter().all(|count| *count > 50), "{judged:?}");
}

/// An instance with a tag of which only the key is known is not untagged, whatever the tag is.
#[rstest]
#[case(&["aws:cloudformation:stack-name"], false)]
#[case(&["Name"], false)]
#[case(&[], true)]
fn is_not_untagged(#[case] keys: &[&str], #[case] has_others: bool) {
    let policy = two_rules();
    let planned = planned(&[], keys, has_others);
    assert!(!assess(&policy, &Scope::default(), &planned, now()).is_untagged);
    let untagged = instance(&[]);
    assert!(assess(&policy, &Scope::default(), &untagged, now()).is_untagged);
}

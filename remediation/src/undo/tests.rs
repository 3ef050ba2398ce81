use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_core::{Policy, Resource, State};

use super::*;
use crate::ledger::{Batch, Selection};
use crate::plan::ActState;

pub(super) const ID: &str = "i-00000001";

pub(super) fn at(minute: usize) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minute.try_into().unwrap())
}

/// The run that started at this minute.
pub(super) fn run(minute: usize) -> RunId {
    RunId::new(at(minute), "1a2b3c4d")
}

/// A run that did this, at this minute.
pub(super) fn batch(minute: usize, acts: Vec<Act>) -> Batch {
    Batch {
        run_id: run(minute),
        number: 1,
        trigger: "schedule".into(),
        begun_at: at(minute),
        acts,
    }
}

/// An empty value, before tagwarden wrote the tag.
const EMPTY: Before = Before::Empty {
    value: String::new(),
};

#[expect(clippy::needless_pass_by_value, reason = "the cases name it by value")]
pub(super) fn tag(id: &str, key: &str, value: &str, before: Before, state: ActState) -> Act {
    let tags_before = match &before {
        Before::Missing => BTreeMap::new(),
        Before::Empty { value } => tags(&[(key, value)]),
    };
    Act {
        step: Step {
            instance_id: id.into(),
            cause: Cause::Tag {
                rule_id: 1,
                tag_key: key.into(),
                defect: match before {
                    Before::Missing => DefectName::Missing,
                    Before::Empty { .. } => DefectName::Empty,
                },
            },
            remedy: Remedy::Tag {
                value: value.into(),
                unknown: None,
                origin: None,
            },
        },
        remedy: RemedyName::Tag,
        tags_before,
        state,
        why: None,
        code: None,
        undoes: None,
    }
}

pub(super) fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let tags = tags.iter();
    tags.map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

pub(super) fn instance(id: &str, tags: BTreeMap<String, String>) -> Resource {
    Resource {
        tags,
        ..Resource::instance(id, State::Running)
    }
}

/// A write of `K` = `v` on the one instance.
fn wrote(minute: usize, state: ActState) -> Batch {
    batch(minute, vec![tag(ID, "K", "v", Before::Missing, state)])
}

/// The undo of what was written at `of`.
fn undid(minute: usize, of: usize, state: ActState) -> Batch {
    let written = WrittenTag {
        instance_id: ID.into(),
        tag_key: "K".into(),
        value: "v".into(),
        origin: None,
        rule_id: 1,
        run_id: run(of),
        at: at(of),
    };
    let before = Before::Missing;
    let step = UndoStep {
        written,
        before,
        asked_by: None,
    };
    let mut act = step.to_act();
    act.state = state;
    batch(minute, vec![act])
}

fn ended(minute: usize, remedy: RemedyName, state: ActState) -> Batch {
    let mut act = tag(ID, "", "", Before::Missing, state);
    act.remedy = remedy;
    act.step.cause = Cause::Untagged;
    act.step.remedy = match remedy {
        RemedyName::Stop => Remedy::Stop { terminate_on: None },
        _ => Remedy::Terminate,
    };
    batch(minute, vec![act])
}

fn policy(rows: &[Value]) -> Policy {
    let rows = rows.iter().map(|row| {
        let row = row.as_object().unwrap().clone();
        row.into_iter().collect()
    });
    Policy::from_rows(rows).unwrap()
}

/// A policy that none of the tests' tags are of interest to.
pub(super) fn asks_for_nothing() -> Policy {
    policy(&[json!({"RuleId": 1, "TagKey": "Elsewhere", "Action": "Notify", "Required": "N"})])
}

struct World {
    history: Vec<Batch>,
    at_work: BTreeSet<RunId>,
    live: Vec<Resource>,
    policy: Option<Policy>,
}

impl World {
    /// One instance with these tags, and a tag of its own.
    fn new(history: Vec<Batch>, now: &[(&str, &str)]) -> Self {
        let mut now = tags(now);
        now.insert("Name".into(), "web".into());
        Self {
            history,
            at_work: BTreeSet::new(),
            live: vec![instance(ID, now)],
            policy: Some(asks_for_nothing()),
        }
    }

    fn plan(&self, selection: &Selection) -> UndoPlan {
        let facts = UndoFacts {
            history: &self.history,
            at_work: &self.at_work,
            live: &self.live,
            policy: self.policy.as_ref(),
            now: at(60),
        };
        plan(selection, &facts)
    }

    /// The plan to undo everything, in words.
    fn told(&self) -> Vec<String> {
        told(&self.plan(&Selection::default()))
    }
}

fn told(plan: &UndoPlan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| {
        let asked_by = match step.asked_by {
            Some(rule_id) => format!(", which rule {rule_id} writes again"),
            None => String::new(),
        };
        let WrittenTag { tag_key, value, .. } = &step.written;
        match &step.before {
            Before::Missing => format!("delete {tag_key}={value}{asked_by}"),
            Before::Empty { value: before } if before.is_empty() => {
                format!("empty {tag_key}={value}{asked_by}")
            }
            Before::Empty { value: before } => {
                format!("restore {before:?} for {tag_key}={value}{asked_by}")
            }
        }
    });
    let left = plan
        .left
        .iter()
        .map(|left| format!("leave {}: {}", left.written.tag_key, left.reason.name()));
    let ends = plan.shutdowns.iter().map(|end| {
        let can = if end.can_be_started() {
            ", can be started"
        } else {
            ""
        };
        format!("{}{can}", end.remedy.as_str())
    });
    steps.chain(left).chain(ends).collect()
}

fn on_selection(run_at: usize) -> Selection {
    Selection {
        run_id: Some(run(run_at)),
        ..Selection::default()
    }
}

use ActState::{Begun, Done, Failed, Refused, Spared};

#[rstest]
#[case::as_it_was_written(vec![wrote(1, Done)], &[("K", "v")], &["delete K=v"])]
#[case::changed(vec![wrote(1, Done)], &[("K", "mine")], &["leave K: changed"])]
#[case::changed_in_case(vec![wrote(1, Done)], &[("K", "V")], &["leave K: changed"])]
#[case::emptied(vec![wrote(1, Done)], &[("K", "")], &["leave K: changed"])]
#[case::removed(vec![wrote(1, Done)], &[], &["leave K: removed"])]
#[case::begun_and_done(vec![wrote(1, Begun)], &[("K", "v")], &["delete K=v"])]
#[case::begun_and_not_done(vec![wrote(1, Begun)], &[], &[])]
#[case::begun_and_set_by_somebody(vec![wrote(1, Begun)], &[("K", "mine")], &[])]
#[case::failed(vec![wrote(1, Failed)], &[], &[])]
#[case::failed_and_yet_there(vec![wrote(1, Failed)], &[("K", "v")], &["leave K: unsure"])]
#[case::refused(vec![wrote(1, Refused)], &[("K", "v")], &[])]
#[case::written_twice(vec![wrote(1, Done), wrote(2, Done)], &[("K", "v")], &["delete K=v"])]
#[case::later_one_failed(vec![wrote(1, Done), wrote(2, Failed)], &[("K", "v")], &["leave K: unsure"])]
#[case::later_one_failed_and_gone(vec![wrote(1, Done), wrote(2, Failed)], &[], &[])]
#[case::undone(vec![wrote(1, Done), undid(2, 1, Done)], &[], &["leave K: undone"])]
#[case::undone_and_set_again(vec![wrote(1, Done), undid(2, 1, Done)], &[("K", "v")], &["leave K: undone"])]
#[case::undone_and_written_again(
    vec![wrote(1, Done), undid(2, 1, Done), wrote(3, Done)],
    &[("K", "v")],
    &["delete K=v"]
)]
#[case::undone_by_a_clock_that_is_behind(vec![undid(1, 5, Done), wrote(5, Done)], &[("K", "v")], &["leave K: undone"])]
#[case::undone_by_a_clock_that_is_ahead(
    vec![wrote(1, Done), wrote(3, Done), undid(9, 1, Done)],
    &[("K", "v")],
    &["delete K=v"]
)]
#[case::undo_failed(vec![wrote(1, Done), undid(2, 1, Failed)], &[("K", "v")], &["delete K=v"])]
#[case::undo_spared(vec![wrote(1, Done), undid(2, 1, Spared)], &[("K", "mine")], &["leave K: changed"])]
#[case::undo_cut_off(vec![wrote(1, Done), undid(2, 1, Begun)], &[("K", "v")], &["delete K=v"])]
#[case::undo_cut_off_once_done(vec![wrote(1, Done), undid(2, 1, Begun)], &[], &["leave K: removed"])]
fn what_the_acts_and_the_tag_say(
    #[case] history: Vec<Batch>,
    #[case] now: &[(&str, &str)],
    #[case] expected: &[&str],
) {
    assert_eq!(World::new(history, now).told(), expected);
}

#[test]
fn empties_a_tag_that_was_empty() {
    let act = tag(ID, "K", "v", EMPTY, Done);
    let world = World::new(vec![batch(1, vec![act])], &[("K", "v")]);
    assert_eq!(world.told(), ["empty K=v"]);
}

#[test]
fn restores_the_blanks_that_a_tag_had() {
    let value = " \u{200b}".to_owned();
    let act = tag(ID, "K", "v", Before::Empty { value }, Done);
    let world = World::new(vec![batch(1, vec![act])], &[("K", "v")]);
    assert_eq!(world.told(), [r#"restore " \u{200b}" for K=v"#]);
}

#[test]
fn leaves_everything_under_a_hold() {
    let mut world = World::new(vec![wrote(1, Done)], &[("K", "v")]);
    world.policy = Some(policy(&[
        json!({"RuleId": 7, "TagKey": "K", "Action": "Notify", "Required": "Y"}),
        json!({"RuleId": 9, "Hold": "the network is being moved"}),
    ]));
    assert_eq!(world.told(), ["leave K: hold"]);
    let reason = world.plan(&Selection::default()).left[0].reason.to_string();
    assert_eq!(
        reason,
        "the policy has a hold, so nothing is written: the network is being moved"
    );
}

#[test]
fn goes_by_the_last_write() {
    let history = vec![
        batch(1, vec![tag(ID, "K", "v", EMPTY, Done)]),
        batch(2, vec![tag(ID, "K", "w", Before::Missing, Done)]),
    ];
    let world = World::new(history, &[("K", "w")]);
    assert_eq!(world.told(), ["delete K=w"]);
    let plan = world.plan(&Selection::default());
    assert_eq!(plan.steps[0].written.run_id, run(2));
}

#[test]
fn goes_by_a_later_write_that_is_not_selected() {
    let world = World::new(vec![wrote(1, Done), wrote(2, Done)], &[("K", "v")]);
    let plan = world.plan(&on_selection(1));
    assert_eq!(told(&plan), ["leave K: written-again"]);
    let run_id = run(2);
    assert_eq!(plan.left[0].reason, KeepReason::WrittenAgain { run_id });
    assert_eq!(told(&world.plan(&on_selection(2))), ["delete K=v"]);
}

#[rstest]
#[case::writing(vec![wrote(1, Begun)], 1)]
#[case::writing_again(vec![wrote(1, Done), wrote(2, Begun)], 2)]
#[case::undoing(vec![wrote(1, Done), undid(2, 1, Begun)], 2)]
fn leaves_tags_that_a_run_works_on(#[case] history: Vec<Batch>, #[case] at_work: usize) {
    let mut world = World::new(history, &[("K", "v")]);
    world.at_work.insert(run(at_work));
    let plan = world.plan(&on_selection(1));
    assert_eq!(told(&plan), ["leave K: at-work"]);
    world.at_work = [run(9)].into();
    assert_ne!(told(&world.plan(&on_selection(1))), ["leave K: at-work"]);
}

#[test]
fn undoes_only_selected_keys() {
    let act = |key| tag(ID, key, "v", Before::Missing, Done);
    let world = World::new(
        vec![batch(1, vec![act("K"), act("L")])],
        &[("K", "v"), ("L", "v")],
    );
    let selection = Selection {
        tag_keys: ["L".into()].into(),
        ..Selection::default()
    };
    assert_eq!(told(&world.plan(&selection)), ["delete L=v"]);
    assert_eq!(world.told(), ["delete K=v", "delete L=v"]);
}

#[test]
fn leaves_instances_that_are_gone() {
    let mut world = World::new(vec![wrote(1, Done)], &[("K", "v")]);
    world.live[0].state = State::ShuttingDown;
    assert_eq!(world.told(), ["leave K: instance-gone"]);
    world.live.clear();
    assert_eq!(world.told(), ["leave K: instance-gone"]);
}

#[test]
fn leaves_the_last_tags_of_an_instance() {
    let act = |key, before| tag(ID, key, "v", before, Done);
    let both = vec![act("K", Before::Missing), act("L", Before::Missing)];
    let mut world = World::new(vec![batch(1, both)], &[("K", "v"), ("L", "v")]);
    world.live[0].tags.remove("Name");
    assert_eq!(world.told(), ["leave K: last-tag", "leave L: last-tag"]);
    // An empty tag is a tag too.
    let both = vec![act("K", Before::Missing), act("L", EMPTY)];
    world.history = vec![batch(1, both)];
    assert_eq!(world.told(), ["delete K=v", "empty L=v"]);
}

/// EC2 may show for minutes what an undo took away.
#[rstest]
#[case::still_shown(vec![undid(55, 1, Done)], "last-tag")]
#[case::perhaps_still_shown(vec![undid(55, 1, Begun)], "last-tag")]
#[case::set_again_by_somebody(vec![undid(45, 1, Done)], "deleted")]
#[case::written_again(vec![undid(55, 1, Done), wrote(57, Done)], "deleted")]
#[case::not_taken(vec![undid(55, 1, Failed)], "deleted")]
fn leaves_the_last_tag_beside_one_that_was_just_taken_back(
    #[case] after: Vec<Batch>,
    #[case] expected: &str,
) {
    let act = |key| tag(ID, key, "v", Before::Missing, Done);
    let mut history = vec![batch(1, vec![act("K"), act("L")])];
    history.extend(after);
    let mut world = World::new(history, &[("K", "v"), ("L", "v")]);
    world.live[0].tags.remove("Name");
    let selection = Selection {
        tag_keys: ["L".into()].into(),
        ..Selection::default()
    };
    let expected = match expected {
        "deleted" => "delete L=v".to_owned(),
        left => format!("leave L: {left}"),
    };
    assert_eq!(told(&world.plan(&selection)), [expected]);
}

#[rstest]
#[case("Update", "Y", "v", &["delete K=v, which rule 7 writes again"])]
#[case("Update", "N", "v", &["delete K=v"])]
#[case("UserLookup", "Y", "", &["delete K=v, which rule 7 writes again"])]
#[case("Function", "N", "today()", &["delete K=v, which rule 7 writes again"])]
#[case("Notify", "Y", "", &["delete K=v"])]
#[case("Stop", "Y", "", &["leave K: would-end"])]
#[case("Terminate", "Y", "", &["leave K: would-end"])]
// Under Required=N nothing is shut down.
#[case("Stop", "N", "", &["delete K=v"])]
#[case("Terminate", "N", "", &["delete K=v"])]
fn what_the_policy_would_do_next(
    #[case] action: &str,
    #[case] required: &str,
    #[case] default: &str,
    #[case] expected: &[&str],
) {
    let mut row = json!({"RuleId": 7, "TagKey": "K", "Action": action, "Required": required});
    if !default.is_empty() {
        row["Default"] = default.into();
    }
    let mut world = World::new(vec![wrote(1, Done)], &[("K", "v")]);
    world.policy = Some(policy(&[row.clone()]));
    assert_eq!(world.told(), expected);
    // An instance that is exempt is left alone, whatever the rule.
    let exempt = (
        tagwarden_core::exemption::EXEMPTION_KEY.to_owned(),
        "2026-12-31 a reason".to_owned(),
    );
    world.live[0].tags.extend([exempt]);
    assert_eq!(world.told(), ["delete K=v"]);
    // Another key is none of this rule's business.
    row["TagKey"] = "Other".into();
    world.policy = Some(policy(&[row]));
    assert_eq!(world.told(), ["delete K=v"]);
}

/// It may have a rule that stops or terminates an instance without the tag.
#[test]
fn leaves_all_tags_while_the_policy_cannot_be_read() {
    let mut world = World::new(vec![wrote(1, Done)], &[("K", "v")]);
    assert_eq!(world.told(), ["delete K=v"]);
    world.policy = None;
    assert_eq!(world.told(), ["leave K: policy-unread"]);
}

#[test]
fn names_the_rule_that_would_shut_an_instance_down() {
    let rule = json!({"RuleId": 7, "TagKey": "K", "Action": "Terminate", "Required": "Y"});
    let mut world = World::new(vec![wrote(1, Done)], &[("K", "v")]);
    world.live[0].tags.remove("Name");
    assert_eq!(world.told(), ["leave K: last-tag"]);
    world.policy = Some(policy(&[rule]));
    assert_eq!(world.told(), ["leave K: would-end"]);
}

#[rstest]
#[case(RemedyName::Stop, Done, Some(State::Stopped), &["stop, can be started"])]
#[case(RemedyName::Stop, Done, Some(State::Running), &["stop"])]
#[case(RemedyName::Stop, Done, None, &["stop"])]
#[case(RemedyName::Stop, Begun, Some(State::Stopping), &["stop, can be started"])]
#[case(RemedyName::Stop, Begun, Some(State::Running), &[])]
#[case(RemedyName::Stop, Refused, Some(State::Stopped), &[])]
#[case(RemedyName::Terminate, Done, None, &["terminate"])]
#[case(RemedyName::Terminate, Done, Some(State::Terminated), &["terminate"])]
#[case(RemedyName::Terminate, Begun, None, &["terminate"])]
#[case(RemedyName::Terminate, Begun, Some(State::Running), &[])]
fn stops_and_terminations_are_told(
    #[case] remedy: RemedyName,
    #[case] state: ActState,
    #[case] now: Option<State>,
    #[case] expected: &[&str],
) {
    let mut world = World::new(vec![ended(1, remedy, state)], &[]);
    match now {
        Some(now) => world.live[0].state = now,
        None => world.live.clear(),
    }
    assert_eq!(world.told(), expected);
    let none = Selection {
        instance_ids: ["i-00000002".into()].into(),
        ..Selection::default()
    };
    assert_eq!(told(&world.plan(&none)), <[&str; 0]>::default());
}

#[test]
fn stores_an_undo_as_an_untag_act() {
    let batch = undid(2, 1, Begun);
    let act = &batch.acts[0];
    assert_eq!(act.tags_before, tags(&[("K", "v")]));
    assert_eq!((act.remedy, act.tag_value()), (RemedyName::Untag, None));
    let item: serde_dynamo::Item = serde_dynamo::to_item(act).unwrap();
    let read: Act = serde_dynamo::from_item(item).unwrap();
    assert_eq!(read, *act);
    assert_eq!(read.undoes, Some(run(1)));
}

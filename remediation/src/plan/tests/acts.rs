//! Acts, reasons, and plans as values.

use tagwarden_core::DefectName;

use super::*;
use crate::plan::{ActState, CountdownName, CountdownReason, Doubt, RemedyName, StepFailure};

fn cause(key: &str, defect: DefectName) -> Cause {
    Cause::Tag {
        rule_id: 1,
        tag_key: key.to_owned(),
        defect,
    }
}

fn shutdown(id: &str, cause: Cause) -> Act {
    let step = Step {
        instance_id: id.to_owned(),
        cause,
        remedy: Remedy::Terminate,
    };
    Act::of(step, &BTreeMap::new()).unwrap()
}

/// Only what is missing may be a tag that a look left out.
#[rstest]
#[case(Cause::Untagged, true)]
#[case(cause("Owner", DefectName::Missing), true)]
#[case(cause("Owner", DefectName::Empty), false)]
fn an_act_is_for_absence_where_a_tag_is_missing(#[case] cause: Cause, #[case] expected: bool) {
    let act = shutdown(ID, cause);
    assert_eq!(act.is_for_absence(&owners(None)), expected);
}

/// A rule that may apply because a tag is not there rests on what a look may leave out, too.
#[rstest]
#[case::of_its_key("Owner", true)]
#[case::of_another_key("Team", false)]
fn an_act_by_a_rule_with_conditions_on_tags_is_for_absence(
    #[case] key: &str,
    #[case] expected: bool,
) {
    let policy = owners(Some("!tag:Kind"));
    let act = shutdown(ID, cause(key, DefectName::Empty));
    assert_eq!(act.is_for_absence(&policy), expected);
}

fn owners(when: Option<&str>) -> Policy {
    let mut rule = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"});
    if let Some(when) = when {
        rule["When"] = when.into();
    }
    let rows = [json!({"RuleId": -1, "PolicyFormat": 2}), rule];
    Policy::from_rows(rows.map(|row| row.as_object().unwrap().clone())).unwrap()
}

#[test]
fn withdraws_the_shutdowns_and_notices_of_one_reason() {
    let owner = || cause("Owner", DefectName::Missing);
    let team = || cause("Team", DefectName::Missing);
    let name = |id: &str, cause: &Cause| CountdownName {
        instance_id: id.to_owned(),
        shutdown: tagwarden_core::Shutdown::Terminate,
        reason: CountdownReason::from(cause),
    };
    let mut whole = Plan::default();
    assert!(whole.is_empty());
    for (id, cause) in [("i-1", owner()), ("i-2", team()), ("i-3", owner())] {
        let countdown = crate::plan::Countdown::starting(now());
        let standing = (name(id, &cause), countdown);
        whole.standing.insert(id.to_owned(), standing);
        whole.notices.insert(name(id, &cause), now());
        let act = shutdown(id, cause);
        whole.shutdowns.insert((None, id.to_owned()), act);
    }
    assert!(!whole.is_empty());
    let outcome = Outcome::Deferred(Reason::Suspicion { count: 2, of: 3 });
    whole.withdraw(&CountdownReason::from(&owner()), &outcome);

    let left: Vec<&String> = whole.standing.keys().collect();
    assert_eq!(left, ["i-2"]);
    let noticed: Vec<CountdownName> = whole.notices.into_keys().collect();
    assert_eq!(noticed, [name("i-2", &team())]);
    let acts: Vec<Act> = whole.shutdowns.into_values().collect();
    assert_eq!(acts, [shutdown("i-2", team())]);
    let settled = ["i-1", "i-3"].map(|id| (shutdown(id, owner()).step, outcome.clone()));
    assert_eq!(whole.settled, settled);
}

#[test]
fn a_doubt_defers_and_says_why() {
    let outcome = Doubt::Disagree.outcome();
    assert_eq!(outcome, Outcome::Deferred(Reason::TagsDisagree));
    let reason = Reason::TagsUnconfirmed("denied".to_owned());
    let outcome = Doubt::Unconfirmed("denied".to_owned()).outcome();
    assert_eq!(outcome, Outcome::Deferred(reason));
}

/// What became of an act: its state, why, and AWS's code.
#[test]
fn an_act_notes_what_became_of_it() {
    let failure = StepFailure {
        code: Some("InternalError".to_owned()),
        text: "no answer".to_owned(),
    };
    let reason = Reason::NoTime;
    let no_time = Some(reason.to_string());
    let (text, code) = (Some(failure.text.clone()), failure.code.clone());
    for (outcome, state, why, code) in [
        (Outcome::Done, ActState::Done, None, None),
        (Outcome::WouldDo, ActState::Spared, None, None),
        (
            Outcome::Deferred(reason.clone()),
            ActState::Spared,
            no_time.clone(),
            None,
        ),
        (Outcome::Refused(reason), ActState::Refused, no_time, None),
        (
            Outcome::Failed(failure.clone()),
            ActState::Failed,
            text.clone(),
            code.clone(),
        ),
        (Outcome::Unclear(failure), ActState::Begun, text, code),
    ] {
        let mut act = shutdown(ID, Cause::Untagged);
        act.settle(&outcome);
        assert_eq!((act.state, &act.why, &act.code), (state, &why, &code));
        act.spare("it has changed");
        assert_eq!(act.state, ActState::Spared);
        assert_eq!(
            (act.why.as_deref(), act.code),
            (Some("it has changed"), None)
        );
    }
}

/// Programs read these names, in reports and answers.
#[test]
fn every_reason_has_the_name_that_programs_know() {
    let (grace, day) = (TimeDelta::minutes(15), now().date_naive());
    let text = || "x".to_owned();
    let named = [
        ("grace", Reason::Grace { age: None, grace }),
        ("look-up-unfinished", Reason::LookUpUnfinished),
        ("no-time", Reason::NoTime),
        (
            "launch-not-shown",
            Reason::LaunchNotShown { age: None, grace },
        ),
        ("policy-changed", Reason::PolicyChanged),
        ("interrupted", Reason::Interrupted),
        (
            "owned",
            Reason::Managed {
                manager: text(),
                concern: "x",
                fix: "x",
            },
        ),
        ("no-ledger", Reason::NoLedger),
        ("budget", Reason::Budget { limit: 1 }),
        ("stopped", Reason::Stopped { terminate_on: day }),
        (
            "counting",
            Reason::Counting {
                since: now(),
                day: now(),
            },
        ),
        (
            "announced",
            Reason::Announced {
                day: now(),
                notice: None,
            },
        ),
        (
            "ends",
            Reason::Ends {
                tag_key: text(),
                date: text(),
                day: now(),
                days_left: 1,
                notice: None,
            },
        ),
        (
            "source-unread",
            Reason::SourceUnread {
                source: text(),
                why: text(),
            },
        ),
        ("not-in-plan", Reason::NotInPlan),
        ("not-permitted", Reason::NotPermitted { is_stop: true }),
        ("no-topic", Reason::NoTopic),
        ("not-announced", Reason::NotAnnounced(text())),
        ("tags-disagree", Reason::TagsDisagree),
        ("tags-unconfirmed", Reason::TagsUnconfirmed(text())),
        ("suspicion", Reason::Suspicion { count: 1, of: 1 }),
        ("many-protected", Reason::ManyProtected),
        ("just-tagged", Reason::JustTagged),
        ("protected", Reason::Protected),
        (
            "refused-by-ec2",
            Reason::RefusedByEc2 {
                code: text(),
                why: text(),
            },
        ),
        ("vanished", Reason::Vanished),
        ("hold", Reason::Hold { reason: text() }),
        (
            "unreadable-exemption",
            Reason::UnreadableExemption {
                key: text(),
                value: text(),
                until: day,
            },
        ),
        (
            "removed-repeatedly",
            Reason::RemovedRepeatedly {
                until: day,
                by: None,
            },
        ),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (name, reason) in named {
        assert_eq!(reason.name(), name);
        assert!(sentences.insert(reason.to_string()), "{name}");
    }
}

/// The ledger, the history and programs know these names.
#[test]
fn states_and_remedies_have_the_names_that_are_written_down() {
    let states = [
        ActState::Begun,
        ActState::Done,
        ActState::Spared,
        ActState::Refused,
        ActState::Failed,
        ActState::Abandoned,
    ];
    let names = ["begun", "done", "spared", "refused", "failed", "failed"];
    assert_eq!(states.map(ActState::as_str), names);
    let remedies = [
        RemedyName::Tag,
        RemedyName::Stop,
        RemedyName::Terminate,
        RemedyName::Untag,
    ];
    let names = ["tag", "stop", "terminate", "untag"];
    assert_eq!(remedies.map(RemedyName::as_str), names);
}

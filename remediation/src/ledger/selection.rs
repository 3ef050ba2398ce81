//! Which acts a person asks for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::act::Batch;
use crate::plan::{Act, ActState};
use crate::run_id::RunId;

/// Some of the ledger's acts: those that meet everything it says. The default says nothing, and takes every act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of this run.
    pub run_id: Option<RunId>,
    /// On one of these instances; empty: on any.
    pub instance_ids: BTreeSet<String>,
    /// Begun at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Begun before this time.
    pub until: Option<DateTime<Utc>>,
    /// Of a run with this trigger, even if it had others too.
    pub trigger: Option<String>,
    /// That got so far; empty: however far.
    pub states: BTreeSet<ActState>,
    /// On a tag with one of these keys; empty: any act.
    pub tag_keys: BTreeSet<String>,
}

impl Selection {
    /// Whether `act`, which is one of `batch`, is asked for.
    #[must_use]
    pub fn takes(&self, batch: &Batch, act: &Act) -> bool {
        let of_run = self.run_id.as_ref().is_none_or(|id| *id == batch.run_id);
        // A person who asks for what failed means what was abandoned, too.
        let state = match act.state {
            ActState::Abandoned => ActState::Failed,
            state => state,
        };
        let by_trigger = |wanted: &String| batch.trigger.split('+').any(|it| it == wanted);
        of_run
            && self.since.is_none_or(|since| since <= batch.begun_at)
            && self.until.is_none_or(|until| batch.begun_at < until)
            && self.trigger.as_ref().is_none_or(by_trigger)
            && (self.instance_ids.is_empty() || self.instance_ids.contains(act.instance_id()))
            && (self.states.is_empty() || self.states.contains(&state))
            && (self.tag_keys.is_empty()
                || act.tag_key().is_some_and(|key| self.tag_keys.contains(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use tagwarden_core::DefectName;

    use crate::plan::{Cause, Remedy, RemedyName, Step};

    fn batch() -> Batch {
        Batch {
            run_id: "20261123T120000Z-1a2b3c4d".parse().unwrap(),
            number: 1,
            trigger: "compliance-change+launch".into(),
            begun_at: "2026-11-23T12:00:05Z".parse().unwrap(),
            acts: vec![Act {
                step: Step {
                    instance_id: "i-00000001".into(),
                    cause: Cause::Tag {
                        rule_id: 1,
                        tag_key: "ProjectCode".into(),
                        defect: DefectName::Missing,
                    },
                    remedy: Remedy::Tag {
                        value: "Proj007".into(),
                        unknown: None,
                        origin: None,
                    },
                },
                remedy: RemedyName::Tag,
                tags_before: BTreeMap::new(),
                state: ActState::Done,
                why: None,
                code: None,
                undoes: None,
            }],
        }
    }

    #[test]
    fn takes_what_meets_all_of_it() {
        type Say = fn(&mut Selection);
        let cases: [(Say, bool); 16] = [
            (|_| (), true),
            (
                |it| it.run_id = "20261123T120000Z-1a2b3c4d".parse().ok(),
                true,
            ),
            (
                |it| it.run_id = "20261123T120000Z-1a2b3c4e".parse().ok(),
                false,
            ),
            (
                |it| it.instance_ids = ["i-0".into(), "i-00000001".into()].into(),
                true,
            ),
            (|it| it.instance_ids = ["i-0".into()].into(), false),
            (|it| it.since = "2026-11-23T12:00:05Z".parse().ok(), true),
            (|it| it.since = "2026-11-23T12:00:06Z".parse().ok(), false),
            (|it| it.until = "2026-11-23T12:00:05Z".parse().ok(), false),
            (|it| it.until = "2026-11-23T12:00:06Z".parse().ok(), true),
            (|it| it.trigger = Some("launch".into()), true),
            (|it| it.trigger = Some("compliance".into()), false),
            (
                |it| it.states = [ActState::Done, ActState::Begun].into(),
                true,
            ),
            (|it| it.states = [ActState::Begun].into(), false),
            (|it| it.tag_keys = ["ProjectCode".into()].into(), true),
            (|it| it.tag_keys = ["projectcode".into()].into(), false),
            (
                |it| {
                    it.instance_ids = ["i-00000001".into()].into();
                    it.tag_keys = ["Owner".into()].into();
                },
                false,
            ),
        ];
        for (say, taken) in cases {
            let mut selection = Selection::default();
            say(&mut selection);
            let batch = batch();
            assert_eq!(
                selection.takes(&batch, &batch.acts[0]),
                taken,
                "{selection:?}"
            );
        }
    }

    #[test]
    fn takes_abandoned_acts_as_failed_ones() {
        let mut batch = batch();
        batch.acts[0].state = ActState::Abandoned;
        let mut selection = Selection::default();
        selection.states.insert(ActState::Failed);
        assert!(selection.takes(&batch, &batch.acts[0]));
    }

    #[test]
    fn takes_an_act_without_a_tag_for_no_key() {
        let mut batch = batch();
        batch.acts[0].step.cause = Cause::Untagged;
        let mut selection = Selection::default();
        assert!(selection.takes(&batch, &batch.acts[0]));
        selection.tag_keys.insert(String::new());
        assert!(!selection.takes(&batch, &batch.acts[0]));
    }
}

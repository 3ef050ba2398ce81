//! Claims: an event that comes twice, or two functions that see the same instance, make one act.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::RunId;
use super::record::{Act, ActState, RemedyName};

/// The same tags are not written to the same instance twice within this time: as long as two functions that got the
/// same event may take from the look to the act.
const TAG: TimeDelta = TimeDelta::minutes(1);

/// Right after a stop EC2 may still describe the instance as it was before.
const AFTER_STOP: TimeDelta = TimeDelta::minutes(5);

/// A terminated instance stays visible for about an hour.
const AFTER_TERMINATION: TimeDelta = TimeDelta::hours(1);

/// One instance, claimed for one kind of act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Claim {
    #[serde(skip)]
    pub(crate) instance_id: String,
    #[serde(skip)]
    pub(crate) kind: Kind,
    run_id: RunId,
    /// What is done to which tags. Their values are nobody else's business: `now()` gives another one each second.
    /// None for an end, whichever rule asks for it.
    pub(crate) claimed_tags: BTreeMap<String, RemedyName>,
    /// In milliseconds of the epoch.
    claimed_until: i64,
    /// In seconds of the epoch.
    expires_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tag,
    End,
}

impl Claim {
    /// Claims the instance of `acts`, which are all of it and either tags or one end, for a run that ends by `lease`.
    pub(crate) fn of(
        acts: &[&Act],
        run_id: &RunId,
        lease: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let first = acts.first()?;
        let kind = Kind::of(first.remedy);
        let until = match kind {
            Kind::End => lease,
            Kind::Tag => after(now, TAG).min(lease),
        };
        let mut claim = Self::until(&first.instance_id, kind, run_id, until);
        if kind == Kind::Tag {
            let tags = acts.iter();
            let tags = tags.filter_map(|act| Some((act.tag_key.clone()?, act.remedy)));
            claim.claimed_tags = tags.collect();
        }
        Some(claim)
    }

    /// What the claim of an act becomes once the act has ended: given back, unless it was done. `None` where the claim
    /// stands as it is.
    pub(crate) fn ended(act: &Act, run_id: &RunId, now: DateTime<Utc>) -> Option<Self> {
        let kind = Kind::of(act.remedy);
        let until = match (act.state, act.remedy) {
            (ActState::Done, RemedyName::Terminate) => after(now, AFTER_TERMINATION),
            (ActState::Done, RemedyName::Stop) => after(now, AFTER_STOP),
            (ActState::Done, _) => return None,
            _ => DateTime::UNIX_EPOCH,
        };
        Some(Self::until(&act.instance_id, kind, run_id, until))
    }

    fn until(instance_id: &str, kind: Kind, run_id: &RunId, until: DateTime<Utc>) -> Self {
        Self {
            instance_id: instance_id.to_owned(),
            kind,
            run_id: run_id.clone(),
            claimed_tags: BTreeMap::new(),
            claimed_until: until.timestamp_millis(),
            expires_at: until.timestamp(),
        }
    }
}

impl Kind {
    fn of(remedy: RemedyName) -> Self {
        if remedy.is_destructive() {
            Self::End
        } else {
            Self::Tag
        }
    }

    pub(crate) fn sort_key(self) -> &'static str {
        match self {
            Self::Tag => "claim#tag",
            Self::End => "claim#end",
        }
    }
}

fn after(now: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(time).unwrap_or(now)
}

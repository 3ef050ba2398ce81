//! Claims: an event that comes twice, or two functions that see the same instance, make one act.
//!
//! A claim says until when what its run does may not show yet. A run that read the instance before that cannot know, and
//! leaves the act to the run that claimed it. A run that reads it later sees what was done.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_aws::AwsError;

use super::Ledger;
use super::items::{LedgerItem, key};
use crate::plan::{Act, ActState, RemedyName};
use crate::run_id::RunId;

/// How long EC2 may still describe an instance as it was before a tag was written. To write it twice does no harm.
pub(crate) const AFTER_TAG: TimeDelta = TimeDelta::seconds(20);

/// The same after a stop.
const AFTER_STOP: TimeDelta = TimeDelta::minutes(5);

/// A terminated instance stays visible for about an hour.
const AFTER_TERMINATION: TimeDelta = TimeDelta::hours(1);

/// How long a claim that is over is kept, because it still shows which run was the last to hold it.
const KEPT: TimeDelta = TimeDelta::days(1);

/// One instance, claimed for one kind of act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Claim {
    #[serde(skip)]
    pub(crate) name: ClaimName,
    run_id: RunId,
    /// In milliseconds of the epoch.
    claimed_until: i64,
    /// In seconds of the epoch.
    expires_at: i64,
}

/// What is claimed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimName {
    instance_id: String,
    /// The tag; none for a stop or a termination.
    tag_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Held {
    pk: String,
    sk: String,
    run_id: RunId,
}

impl Claim {
    /// Claims what `act` changes, for a run that ends by `lease`.
    pub(crate) fn of(act: &Act, run_id: &RunId, lease: DateTime<Utc>) -> Self {
        Self::until(act, run_id, lease)
    }

    /// What the claim of an act becomes once the act has ended: given back, unless it was done. `None` where the claim
    /// stands as it is, because it is not clear whether it was.
    pub(crate) fn ended(act: &Act, run_id: &RunId, now: DateTime<Utc>) -> Option<Self> {
        let until = match (act.state, act.remedy) {
            (ActState::Begun, _) => return None,
            (ActState::Done, RemedyName::Terminate) => after(now, AFTER_TERMINATION),
            (ActState::Done, RemedyName::Stop) => after(now, AFTER_STOP),
            (ActState::Done, RemedyName::Tag | RemedyName::Untag) => after(now, AFTER_TAG),
            _ => DateTime::UNIX_EPOCH,
        };
        Some(Self::until(act, run_id, until))
    }

    fn until(act: &Act, run_id: &RunId, until: DateTime<Utc>) -> Self {
        Self {
            name: ClaimName::of(act),
            run_id: run_id.clone(),
            claimed_until: until.timestamp_millis(),
            expires_at: after(until, KEPT).timestamp(),
        }
    }
}

impl ClaimName {
    /// What `act` claims.
    pub(crate) fn of(act: &Act) -> Self {
        let tag_key = act.tag_key().filter(|_| !act.remedy.is_destructive());
        Self {
            instance_id: act.instance_id().to_owned(),
            tag_key: tag_key.map(ToOwned::to_owned),
        }
    }

    /// The key of the claim's item.
    pub(crate) fn key(&self) -> LedgerItem {
        key(&self.instance_id, self.sort_key())
    }

    fn sort_key(&self) -> String {
        match &self.tag_key {
            Some(tag_key) => format!("claim#tag#{tag_key}"),
            None => "claim#end".to_owned(),
        }
    }
}

impl Ledger {
    /// Which run was the last to claim what each of `acts` claims, as far as that is known.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(crate) async fn claimed_by(
        &self,
        acts: &[&mut Act],
    ) -> Result<BTreeMap<ClaimName, RunId>, AwsError> {
        let mut names: BTreeMap<(String, String), ClaimName> = BTreeMap::new();
        for act in acts {
            let name = ClaimName::of(act);
            names.insert((name.instance_id.clone(), name.sort_key()), name);
        }
        let keys: Vec<LedgerItem> = names.values().map(ClaimName::key).collect();
        let held = self.batch_get::<Held>(&keys).await?.into_iter();
        let held = held.filter_map(|held| Some((names.remove(&(held.pk, held.sk))?, held.run_id)));
        Ok(held.collect())
    }
}

fn after(now: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(time).unwrap_or(now)
}

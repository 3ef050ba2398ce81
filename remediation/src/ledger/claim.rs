//! Claims: an event that comes twice, or two functions that see the same instance, make one act.
//!
//! A claim says until when what its run does may not show yet. A run that read the instance before that cannot know, and
//! leaves the act to the run that claimed it. A run that reads it later sees what was done.
//!
//! A stop or a termination has a claim of its own. The claims of an instance's tags are in what is remembered of the
//! instance ([`Memory`](crate::plan::Memory)).

use std::collections::{BTreeMap, BTreeSet};

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

/// What happens to the claims of acts that are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// They end, because the run that completes the acts holds them.
    End,
    /// Those of acts that were not done end. The others end with the run's time, because ending each of very many costs as
    /// many calls as beginning them.
    EndUndone,
    /// They stay as they are, because others may hold them by now.
    Stay,
}

/// One instance, claimed for a stop or a termination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Claim {
    #[serde(skip)]
    pub(crate) name: ClaimName,
    run_id: RunId,
    /// In milliseconds of the epoch.
    claimed_until: i64,
    /// In seconds of the epoch. DynamoDB never deletes an item that expired more than five years ago.
    ///
    /// See [Time to live](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html).
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
    claimed_until: i64,
}

impl Claim {
    /// Claims what `act` changes, for a run that ends by `lease`.
    pub(crate) fn of(act: &Act, run_id: &RunId, lease: DateTime<Utc>) -> Self {
        Self::until(act, run_id, lease, lease)
    }

    /// What the claim of an act becomes once the act has ended. `None` where the claim stands as it is.
    pub(crate) fn ended(act: &Act, run_id: &RunId, now: DateTime<Utc>) -> Option<Self> {
        Some(Self::until(act, run_id, claimed_after(act, now)?, now))
    }

    fn until(act: &Act, run_id: &RunId, until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            name: ClaimName::of(act),
            run_id: run_id.clone(),
            claimed_until: until.timestamp_millis(),
            expires_at: after(until.max(now), KEPT).timestamp(),
        }
    }
}

/// Until when the claim of an act that has ended stands: given back, unless it was done. `None` where the claim stands as
/// it is, because it is not clear whether it was.
pub(super) fn claimed_after(act: &Act, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(match (act.state, act.remedy) {
        (ActState::Begun, _) => return None,
        (ActState::Done, RemedyName::Terminate) => after(now, AFTER_TERMINATION),
        (ActState::Done, RemedyName::Stop) => after(now, AFTER_STOP),
        (ActState::Done, RemedyName::Tag | RemedyName::Untag) => after(now, AFTER_TAG),
        _ => DateTime::UNIX_EPOCH,
    })
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

    /// Older versions wrote an item for each tag.
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
        let held = self.claims_by_item(acts.iter().map(|act| &**act)).await?;
        let mut last: BTreeMap<ClaimName, (RunId, i64)> = held
            .into_iter()
            .map(|(name, held)| (name, (held.run_id, held.claimed_until)))
            .collect();

        // During an upgrade, or after a rollback, a tag may have been claimed in both ways: the later claim counts.
        let tags = acts.iter().filter(|act| !act.remedy.is_destructive());
        let ids: BTreeSet<String> = tags.map(|act| act.instance_id().to_owned()).collect();
        let memories = self.memories(&ids).await?;
        for act in acts {
            let name = ClaimName::of(act);
            let memory = memories.get(act.instance_id()).zip(name.tag_key.as_ref());
            let claim = memory.and_then(|(memory, tag_key)| memory.last_claim(tag_key));
            let claim = claim.map(|(run_id, until)| (run_id.clone(), until));
            let older = last.get(&name).map(|(_, until)| *until);
            if let Some(claim) = claim.filter(|(_, until)| older.is_none_or(|older| older < *until))
            {
                last.insert(name, claim);
            }
        }
        let last = last.into_iter();
        Ok(last.map(|(name, (run_id, _))| (name, run_id)).collect())
    }
}

impl Ledger {
    /// Which of these acts on tags a function of an older version has claimed, as far as a run that read the instances at
    /// `read_at` can know: it may be at work while the stack is upgraded.
    ///
    /// # Errors
    /// DynamoDB cannot be asked.
    pub(super) async fn claimed_by_older_version(
        &self,
        acts: &[Act],
        read_at: DateTime<Utc>,
    ) -> Result<BTreeSet<ClaimName>, AwsError> {
        let held = self.claims_by_item(acts).await?.into_iter();
        let held = held.filter(|(_, held)| held.claimed_until >= read_at.timestamp_millis());
        Ok(held.map(|(name, _)| name).collect())
    }

    async fn claims_by_item<'a>(
        &self,
        acts: impl IntoIterator<Item = &'a Act>,
    ) -> Result<BTreeMap<ClaimName, Held>, AwsError> {
        let mut names: BTreeMap<(String, String), ClaimName> = BTreeMap::new();
        for act in acts {
            let name = ClaimName::of(act);
            names.insert((name.instance_id.clone(), name.sort_key()), name);
        }
        let keys: Vec<LedgerItem> = names.values().map(ClaimName::key).collect();
        let held = self.batch_get::<Held>(&keys).await?.into_iter();
        let held = held.filter_map(|it| {
            let name = names.remove(&(it.pk.clone(), it.sk.clone()))?;
            Some((name, it))
        });
        Ok(held.collect())
    }
}

fn after(now: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
    now.checked_add_signed(time).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::{Cause, Remedy, Step};

    fn act(remedy: Remedy, state: ActState) -> Act {
        let step = Step {
            instance_id: "i-00000001".to_owned(),
            cause: Cause::Untagged,
            remedy,
        };
        let act = Act::of(step, &BTreeMap::new()).unwrap();
        Act { state, ..act }
    }

    /// EC2 may describe an instance as running for minutes after a stop, and a terminated one for about an hour. A run
    /// that read it in that time must not stop or terminate it again.
    #[rstest]
    #[case::stopped(Remedy::Stop { terminate_on: None }, ActState::Done, Some(300))]
    #[case::terminated(Remedy::Terminate, ActState::Done, Some(3_600))]
    #[case::begun(Remedy::Terminate, ActState::Begun, None)]
    fn a_claim_stands_until_what_was_done_shows(
        #[case] remedy: Remedy,
        #[case] state: ActState,
        #[case] seconds: Option<i64>,
    ) {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let act = act(remedy, state);
        let until = seconds.map(|seconds| now + TimeDelta::seconds(seconds));
        assert_eq!(claimed_after(&act, now), until);
        let claim = Claim::ended(&act, &RunId::new(now, ""), now);
        let ended = claim.map(|it| (it.claimed_until, it.expires_at));
        let expected = until.map(|it| (it.timestamp_millis(), it.timestamp() + 86_400));
        assert_eq!(ended, expected);
    }

    #[rstest]
    #[case::spared(ActState::Spared)]
    #[case::refused(ActState::Refused)]
    #[case::failed(ActState::Failed)]
    fn the_claim_of_what_was_not_done_is_given_back(#[case] state: ActState) {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let act = act(Remedy::Terminate, state);
        let claim = Claim::ended(&act, &RunId::new(now, ""), now).unwrap();
        assert_eq!(claim.claimed_until, 0);
        assert_eq!(claim.expires_at, now.timestamp() + 86_400);
    }
}

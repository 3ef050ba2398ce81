//! What is remembered of one resource: who launched it, and which tags tagwarden wrote to it. Pure; the ledger stores it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_core::{Action, TagRule};

use crate::run_id::RunId;

/// The value of a UserLookup tag if the launcher cannot be found.
pub const UNDEFINED: &str = "Undefined";

/// The most writes of one tag that are remembered.
const MOST_WRITES: usize = 12;

/// How long an `Undefined` that tagwarden wrote is looked up again.
const UNDEFINED_FOR: TimeDelta = TimeDelta::days(1);

/// How many times a tag that somebody removes is restored within [`WEEK`].
const MOST_RESTORED: usize = 3;

const WEEK: TimeDelta = TimeDelta::weeks(1);

/// How long a tag is not written after that.
const PAUSE: TimeDelta = TimeDelta::days(30);

/// The writes of this time count as one, because EC2 may not show a tag for minutes after it was written.
const ONE_WRITE: TimeDelta = TimeDelta::minutes(10);

/// What is remembered of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Memory {
    /// Increases with every change of the stored item; 0 if nothing is stored.
    #[serde(default)]
    pub(crate) revision: u64,
    /// Who launched the resource, as the launch's own event said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched_by: Option<String>,
    /// By key, the tags that tagwarden has written, or was about to write.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, TagMemory>,
    /// When an exemption that cannot be read was first reported, in milliseconds of the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unreadable_exemption_since: Option<i64>,
    /// By key, since when a tag waits for a source of its value, in milliseconds of the epoch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) waits_since: BTreeMap<String, i64>,
}

/// What is remembered of one tag of a resource. Times are milliseconds of the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagMemory {
    /// The value of the last write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The rule that asked for it, as [`rule_note`] writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The last run that claimed the tag.
    run_id: RunId,
    /// Until when no other run writes the tag, unless it has read the resource later.
    claimed_until: i64,
    /// When the batches with the last writes were begun, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    written_at: Vec<i64>,
    /// When `Undefined` was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undefined_at: Option<i64>,
    /// When `tagwarden undo` last took the tag back. Earlier writes do not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undone_at: Option<i64>,
}

/// What a person can be told of one tag that tagwarden wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedTag {
    /// The tag's key.
    pub key: String,
    /// The value that was written last.
    pub value: Option<String>,
    /// When it was written, the oldest first; at most the last 12 times. What was begun and not done is not here.
    pub written_at: Vec<DateTime<Utc>>,
    /// When `tagwarden undo` last took it back.
    pub undone_at: Option<DateTime<Utc>>,
}

/// What a run is about to do to a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TagClaim<'a> {
    pub(crate) tag_key: &'a str,
    /// The value to write; `None` takes the tag back.
    pub(crate) value: Option<&'a str>,
    /// The rule that asks for it, as [`rule_note`] writes it.
    pub(crate) rule: Option<&'a str>,
    pub(crate) run_id: &'a RunId,
    /// When the run's function has ended at the latest.
    pub(crate) until: DateTime<Utc>,
    /// When the batch was begun.
    pub(crate) at: DateTime<Utc>,
}

impl Memory {
    /// Whether tagwarden has ever written a tag to the resource, also if it was removed since.
    #[must_use]
    pub fn was_tagged(&self) -> bool {
        self.tags
            .values()
            .any(|tag| !tag.written_at.is_empty() || tag.undone_at.is_some())
    }

    /// When an exemption of the resource that cannot be read was first reported.
    #[must_use]
    pub fn unreadable_exemption_since(&self) -> Option<DateTime<Utc>> {
        self.unreadable_exemption_since
            .and_then(DateTime::from_timestamp_millis)
    }

    /// Since when the tag waits for a source of its value that cannot be read; `None` if it does not.
    #[must_use]
    pub fn waits_since(&self, tag_key: &str) -> Option<DateTime<Utc>> {
        let since = self.waits_since.get(tag_key).copied();
        since.and_then(DateTime::from_timestamp_millis)
    }

    /// Who launched the resource: as the launch's event said, or as a UserLookup tag that tagwarden wrote says.
    #[must_use]
    pub fn launcher(&self) -> Option<&str> {
        let written = || {
            let names = self
                .tags
                .values()
                .filter(|tag| tag.has_action("UserLookup"));
            names
                .filter_map(TagMemory::written)
                .find(|it| *it != UNDEFINED)
        };
        self.launched_by.as_deref().or_else(written)
    }

    /// The value that tagwarden wrote for `rule`, if it can be written again: a name or a date, under the same action,
    /// that `undo` did not take back.
    #[must_use]
    pub fn restorable(&self, rule: &TagRule) -> Option<&str> {
        let action = match rule.action {
            Action::UserLookup => "UserLookup",
            Action::Function(_) => "Function",
            Action::Update { .. } | Action::Notify | Action::Stop | Action::Terminate => {
                return None;
            }
        };
        let tag = self.tags.get(&rule.tag_key)?;
        let value = tag.written().filter(|_| tag.has_action(action))?;
        (value != UNDEFINED).then_some(value)
    }

    /// Whether the tag's value is an `Undefined` that tagwarden wrote less than a day ago.
    #[must_use]
    pub fn is_own_undefined(&self, tag_key: &str, now: DateTime<Utc>) -> bool {
        let at = self.tags.get(tag_key).and_then(|tag| {
            let last = tag.written_at.last();
            tag.undefined_at.filter(|at| last == Some(at))
        });
        at.is_some_and(|at| now.timestamp_millis() - at < UNDEFINED_FOR.num_milliseconds())
    }

    /// The tags that tagwarden wrote, or took back, by key.
    pub fn tags(&self) -> impl Iterator<Item = RememberedTag> {
        let tags = self.tags.iter();
        let tags = tags.map(|(key, tag)| RememberedTag {
            key: key.clone(),
            value: tag.value.clone(),
            written_at: tag.written_at.iter().copied().filter_map(moment).collect(),
            undone_at: tag.undone_at.and_then(moment),
        });
        tags.filter(|tag| !tag.written_at.is_empty() || tag.undone_at.is_some())
    }

    /// Until when the tag of `rule` is not written, because it was restored three times within a week and is
    /// missing again; `None` if it may be written.
    #[must_use]
    pub fn paused_until(&self, rule: &TagRule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let tag = self.tags.get(&rule.tag_key)?;
        if tag.rule.as_deref() != Some(rule_note(rule).as_str()) {
            return None;
        }
        let writes = tag.separate_writes();
        // The first write is not a restoration.
        let first = writes
            .len()
            .checked_sub(MOST_RESTORED)
            .filter(|it| *it > 0)?;
        let (first, last) = (writes.get(first)?, writes.last()?);
        if last - first > WEEK.num_milliseconds() {
            return None;
        }
        let until = DateTime::from_timestamp_millis(*last)?.checked_add_signed(PAUSE)?;
        (now < until).then_some(until)
    }

    /// Has a tag restored again that somebody kept removing, because a person has set it since; gives whether that
    /// changes anything.
    pub(crate) fn resume(&mut self, tag_key: &str) -> bool {
        let Some(tag) = self.tags.get_mut(tag_key) else {
            return false;
        };
        // The value of the last write can be restored still.
        let superfluous = tag.written_at.len().saturating_sub(1);
        tag.written_at.drain(..superfluous);
        superfluous > 0
    }

    /// Whether a run that read the resource at `read_at` must leave the tag to another run, which has claimed it.
    pub(crate) fn is_claimed(&self, tag_key: &str, read_at: DateTime<Utc>) -> bool {
        let tag = self.tags.get(tag_key);
        tag.is_some_and(|tag| tag.claimed_until >= read_at.timestamp_millis())
    }

    /// Whether any of the resource's tags is claimed.
    pub(crate) fn has_claim(&self, read_at: DateTime<Utc>) -> bool {
        self.tags.keys().any(|key| self.is_claimed(key, read_at))
    }

    /// The last run that claimed the tag, and until when.
    pub(crate) fn last_claim(&self, tag_key: &str) -> Option<(&RunId, i64)> {
        let tag = self.tags.get(tag_key)?;
        Some((&tag.run_id, tag.claimed_until))
    }

    /// Notes what a run is about to do. If it is not done, [`Memory::forget`] takes that back.
    pub(crate) fn claim(&mut self, claim: TagClaim<'_>) {
        let at = claim.at.timestamp_millis();
        let new = || TagMemory {
            value: None,
            rule: None,
            run_id: claim.run_id.clone(),
            claimed_until: 0,
            written_at: Vec::new(),
            undefined_at: None,
            undone_at: None,
        };
        let tag = self
            .tags
            .entry(claim.tag_key.to_owned())
            .or_insert_with(new);
        tag.run_id = claim.run_id.clone();
        tag.claimed_until = claim.until.timestamp_millis();
        let Some(value) = claim.value else {
            tag.undone_at = Some(at);
            return;
        };
        tag.value = Some(value.to_owned());
        self.waits_since.remove(claim.tag_key);
        // Restorations under another rule do not count.
        if tag.rule.as_deref() != claim.rule {
            let last = tag.written_at.pop();
            tag.written_at = last.into_iter().collect();
            tag.rule = claim.rule.map(ToOwned::to_owned);
        }
        if value == UNDEFINED {
            tag.undefined_at = Some(at);
        }
        tag.written_at.push(at);
        let superfluous = tag.written_at.len().saturating_sub(MOST_WRITES);
        tag.written_at.drain(..superfluous);
    }

    /// Moves the end of a claim that `run_id` holds on a tag; gives whether it holds it.
    pub(crate) fn end_claim(
        &mut self,
        tag_key: &str,
        run_id: &RunId,
        until: DateTime<Utc>,
    ) -> bool {
        let tag = self.tags.get_mut(tag_key);
        let Some(tag) = tag.filter(|tag| tag.run_id == *run_id) else {
            return false;
        };
        tag.claimed_until = until.timestamp_millis();
        true
    }

    /// Forgets what was begun at `at` and was not done; gives whether there was anything to forget.
    pub(crate) fn forget(&mut self, tag_key: &str, at: DateTime<Utc>) -> bool {
        let at = at.timestamp_millis();
        let Some(tag) = self.tags.get_mut(tag_key) else {
            return false;
        };
        let before = (tag.written_at.len(), tag.undone_at);
        tag.written_at.retain(|it| *it != at);
        tag.undone_at = tag.undone_at.filter(|it| *it != at);
        before != (tag.written_at.len(), tag.undone_at)
    }
}

impl TagMemory {
    /// The value that was written last, unless it was taken back since.
    fn written(&self) -> Option<&str> {
        let is_standing = |at: &&i64| self.undone_at.is_none_or(|undone_at| undone_at < **at);
        self.written_at.last().filter(is_standing)?;
        self.value.as_deref()
    }

    fn has_action(&self, action: &str) -> bool {
        let rule = self.rule.as_deref();
        rule.is_some_and(|rule| rule.split(':').next() == Some(action))
    }

    /// When the tag was written since it was last taken back. Leaves out what shortly followed another write, and an
    /// `Undefined` that was replaced.
    fn separate_writes(&self) -> Vec<i64> {
        let replaced = self
            .undefined_at
            .filter(|at| self.written_at.last() != Some(at));
        let mut writes: Vec<i64> = Vec::new();
        for at in &self.written_at {
            let is_undone = self.undone_at.is_some_and(|undone_at| *at <= undone_at);
            let follows = writes
                .last()
                .is_some_and(|last| at - last < ONE_WRITE.num_milliseconds());
            if !is_undone && !follows && replaced != Some(*at) {
                writes.push(*at);
            }
        }
        writes
    }
}

/// A moment as the ledger stores it.
fn moment(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

/// The rule's sources, if it has any: ` from tag:Team, vpc`.
fn sources(rule: &TagRule) -> String {
    let sources: Vec<String> = rule.options.from.iter().map(ToString::to_string).collect();
    if sources.is_empty() {
        return String::new();
    }
    format!(" from {}", sources.join(", "))
}

/// What a rule writes: its action, and after a colon its default and its sources. When this changes, the rule has changed.
#[must_use]
pub(crate) fn rule_note(rule: &TagRule) -> String {
    match &rule.action {
        Action::Update { value } => {
            let value = value.as_deref().unwrap_or_default();
            format!("Update:{value}{}", sources(rule))
        }
        Action::UserLookup => "UserLookup".to_owned(),
        Action::Function(function) => format!("Function:{function}{}", sources(rule)),
        Action::Notify => "Notify".to_owned(),
        Action::Stop => "Stop".to_owned(),
        Action::Terminate => "Terminate".to_owned(),
    }
}

#[cfg(test)]
mod tests;

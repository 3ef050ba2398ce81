//! What each function has seen: its looks at instances, and what else decides whether it may act.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use tagwarden_sandbox::InstanceRecord;

use super::{EXEMPTION, GROUP, StackNumber, UndoRequest};

/// Tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// One look at an instance.
#[derive(Clone, Debug)]
pub struct Look {
    pub sequence: u64,
    pub at: DateTime<Utc>,
    /// The instance as `DescribeInstances` showed it.
    pub shown: InstanceRecord,
    /// Its tags as `DescribeTags` would have shown them.
    pub listed: Tags,
    /// The policy that the function had read last, by its index.
    pub policy: Option<usize>,
}

/// What one function has seen, and whether it was disturbed.
#[derive(Debug, Default)]
pub struct View {
    /// The stack that it is of.
    pub stack: StackNumber,
    /// What it was asked to take back, if it is a person's undo.
    pub undo: Option<UndoRequest>,
    /// When it started and when it ended, in observations.
    pub started: u64,
    pub ended: Option<u64>,
    pub started_at: DateTime<Utc>,
    /// When it last read the policy, and the index of that policy.
    pub policy: Option<(u64, usize)>,
    /// Every look at an instance.
    pub looks: BTreeMap<String, Vec<Look>>,
    /// The instances of its first look at the whole fleet, if it had one.
    pub fleet: Option<BTreeSet<String>>,
    /// The tags that `DescribeTags` last showed it, and when.
    pub listed: BTreeMap<String, (u64, Tags)>,
    /// The instances of which `DescribeTags` showed it a tag that `DescribeInstances` had left out.
    pub differing: BTreeSet<String>,
    /// Whether `DescribeInstances` left tags of one of these out again.
    pub is_in_doubt: bool,
    /// Whether it found a confirmed subscription of the topic.
    pub has_subscribers: bool,
    /// When it had first written down a shutdown of an instance.
    pub begun: BTreeMap<String, u64>,
    /// When it last wrote anything but a shutdown.
    pub wrote: u64,
    /// What it knew when it sent the call that is observed.
    pub sent: Sent,
    /// Whether it was killed, or one of its calls failed or lost its answer.
    pub is_troubled: bool,
}

/// What a function knew when it sent a call. The call may be executed later than the function waits for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub sequence: u64,
    /// When it had last written anything but a shutdown.
    pub wrote: u64,
    /// When it had last read the policy, and the index of that policy.
    pub policy: Option<(u64, usize)>,
}

impl View {
    /// The last look at an instance before the call that is observed was sent.
    pub fn last_look(&self, id: &str) -> Option<&Look> {
        let mut looks = self.looks.get(id)?.iter().rev();
        looks.find(|look| look.sequence <= self.sent.sequence)
    }

    /// The same, if the function had then written nothing since but shutdowns.
    pub fn standing_look(&self, id: &str) -> Option<&Look> {
        self.last_look(id)
            .filter(|look| look.sequence > self.sent.wrote)
    }

    /// The policy that it had read last, under the same condition.
    pub fn standing_policy(&self) -> Option<usize> {
        let read = self.sent.policy;
        read.filter(|(sequence, _)| *sequence > self.sent.wrote)
            .map(|(_, policy)| policy)
    }

    pub fn is_undo(&self) -> bool {
        self.undo.is_some()
    }
}

impl Look {
    /// Whether `DescribeInstances` left tags out.
    pub fn is_cut(&self) -> bool {
        self.listed
            .keys()
            .any(|key| !self.shown.tags.contains_key(key))
    }
}

pub fn has_manager(instance: &InstanceRecord) -> bool {
    instance.tags.contains_key(GROUP)
        || instance.spot_request_id.is_some()
        || instance.operator.is_some()
}

/// Whether there is an exemption without a date or without a reason. It protects for 14 days, longer than any storm.
pub fn is_exempt_unreadably(instance: &InstanceRecord) -> bool {
    instance.tags.get(EXEMPTION).is_some_and(|tag| {
        let parts = tag.split_once(' ');
        !parts.is_some_and(|(date, reason)| date.parse::<NaiveDate>().is_ok() && !reason.is_empty())
    })
}

/// Whether the exemption's date has not passed and a reason follows it.
pub fn is_exempt(instance: &InstanceRecord, today: NaiveDate) -> bool {
    let tag = instance.tags.get(EXEMPTION).map(String::as_str);
    let Some((date, reason)) = tag.and_then(|tag| tag.split_once(' ')) else {
        return false;
    };
    !reason.is_empty() && date.parse::<NaiveDate>().is_ok_and(|date| date >= today)
}

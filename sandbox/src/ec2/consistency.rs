//! Descriptions that do not show what is true: EC2's eventual consistency, and tags left out.
//!
//! "The result of an API command you run that affects your Amazon EC2 resources might not be immediately visible to
//! all subsequent commands you run", see
//! <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>. That `DescribeInstances` leaves tags
//! out without an error was reported by those who lost instances to it:
//! <https://github.com/cloud-custodian/cloud-custodian/issues/252>.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::Ec2Service;
use super::instance::InstanceRecord;
use crate::Account;

/// The instances whose tags `DescribeInstances` leaves out, and how often it still does; without a number, always.
#[derive(Debug, Default)]
pub(super) struct TagOmissions(BTreeMap<String, Option<u32>>);

impl Ec2Service {
    /// Leaves out the tags of those instances of one answer for which a test asked for that.
    pub(super) fn omit_tags(&mut self, instances: &mut [InstanceRecord]) {
        for instance in instances {
            if self.omissions.apply_to(&instance.id) {
                instance.tags.clear();
            }
            if let Some(Some(left)) = self.omissions.0.get_mut(&instance.id) {
                *left = left.saturating_sub(1);
            }
        }
    }
}

impl TagOmissions {
    fn apply_to(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|left| *left != Some(0))
    }
}

impl Account {
    /// `DescribeInstances` leaves out all tags of this instance, until [`Account::show_tags`]; `DescribeTags` shows
    /// them. Filters still go by them.
    pub fn omit_tags(&self, id: impl Into<String>) {
        self.contents().ec2.omissions.0.insert(id.into(), None);
    }

    /// The next `looks` answers of `DescribeInstances` that have this instance leave out its tags.
    pub fn omit_tags_times(&self, id: impl Into<String>, looks: u32) {
        let omissions = &mut self.contents().ec2.omissions.0;
        omissions.insert(id.into(), Some(looks));
    }

    /// `DescribeInstances` shows the instance's tags again.
    pub fn show_tags(&self, id: &str) {
        self.contents().ec2.omissions.0.remove(id);
    }

    /// The instance as the next `DescribeInstances` will show it, and its tags as `DescribeTags` will; none once it has
    /// been forgotten, or terminated for an hour.
    #[must_use]
    pub fn described(&self, id: &str) -> Option<(InstanceRecord, BTreeMap<String, String>)> {
        let now = self.now();
        let contents = self.contents();
        let mut instance = contents.ec2.get(id, now)?.as_described(now);
        let tags = instance.tags.clone();
        if contents.ec2.omissions.apply_to(id) {
            instance.tags.clear();
        }
        Some((instance, tags))
    }

    /// From now on `DescribeInstances` and `DescribeTags` show the tags, the state and the times that the instance
    /// had `lag` ago, but nothing from before this call. A lag of zero or less ends this. Writes are never late. Nothing
    /// happens to an instance that is not there.
    pub fn lag_behind(&self, id: &str, lag: TimeDelta) {
        let now = self.now();
        if let Some(record) = self.contents().ec2.get_mut(id, now) {
            record.lag_behind(lag);
        }
    }
}

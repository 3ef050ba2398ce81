//! EC2: the instances and their volumes, what a test does to them, and the operations on them.
//!
//! Codes are taken from
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>, which gives no
//! messages: those follow what people have reported, where anybody has.

mod answer;
mod consistency;
mod describe;
mod describe_tags;
mod describe_volumes;
mod filter;
mod instance;
mod launch;
mod lifecycle;
mod spot;
mod subnets;
mod tags;
mod volume;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use instance::{InstanceRecord, InstanceState};
pub use launch::Launch;
pub use volume::{AttachmentRecord, NewVolume, VolumeRecord};

use crate::Account;
use crate::calls::Request;
use crate::identity::Identity;
use crate::wire::ApiError;
use consistency::TagOmissions;
use instance::Record;
use volume::Volume;

/// The most resources one call may name: `DescribeInstances`, `CreateTags`, `TerminateInstances` and
/// `StopInstances` all say 1,000.
const MOST_IDS: usize = 1000;

/// The account's instances and volumes, in the order of their ids, which is that of their launches.
#[derive(Debug, Default)]
pub(crate) struct Ec2Service {
    instances: BTreeMap<String, Record>,
    volumes: BTreeMap<String, Volume>,
    omissions: TagOmissions,
    /// The tags of subnets and VPCs, by id and key. The sandbox has no more of them than that.
    network_tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The VPCs of subnets.
    subnets: BTreeMap<String, String>,
    /// The Spot requests that launch no other instance.
    one_time_requests: BTreeSet<String>,
}

impl Ec2Service {
    /// An instance that is there: not one forgotten, nor one terminated over an hour ago.
    fn get(&self, id: &str, now: DateTime<Utc>) -> Option<&Record> {
        self.instances
            .get(id)
            .filter(|record| record.is_visible(now))
    }

    fn get_mut(&mut self, id: &str, now: DateTime<Utc>) -> Option<&mut Record> {
        let record = self.instances.get_mut(id);
        record.filter(|record| record.is_visible(now))
    }

    /// An instance as it is now.
    pub(crate) fn instance(&self, id: &str, now: DateTime<Utc>) -> Option<InstanceRecord> {
        self.get(id, now).map(|record| record.at(now))
    }

    /// Checks the ids of a call that names instances: well-formed, not too many, all there. One wrong
    /// id refuses the whole call.
    fn check_ids(&self, ids: &[&str], now: DateTime<Utc>) -> Result<(), ApiError> {
        check_count(ids)?;
        for id in ids {
            if !is_well_formed("i-", id) {
                let message = format!("Invalid id: \"{id}\"");
                return Err(ApiError::new("InvalidInstanceID.Malformed", message));
            }
        }
        self.check_exist(ids, now)
    }

    /// Checks that all of these instances and volumes are there. The refusal is about the instances that are not, if
    /// there are any.
    fn check_exist(&self, ids: &[&str], now: DateTime<Utc>) -> Result<(), ApiError> {
        let mut missing = Vec::new();
        for id in ids {
            if self.tags_of(id, now).is_none() && !missing.contains(id) {
                missing.push(*id);
            }
        }
        let (volumes, instances): (Vec<&str>, Vec<&str>) =
            missing.into_iter().partition(|id| is_volume(id));
        let (code, message) = match (instances.as_slice(), volumes.as_slice()) {
            ([], []) => return Ok(()),
            ([], [id]) => (
                "InvalidVolume.NotFound",
                format!("The volume '{id}' does not exist."),
            ),
            ([], ids) => (
                "InvalidVolume.NotFound",
                format!("The volumes '{}' do not exist.", ids.join(", ")),
            ),
            ([id], _) => (
                "InvalidInstanceID.NotFound",
                format!("The instance ID '{id}' does not exist"),
            ),
            (ids, _) => (
                "InvalidInstanceID.NotFound",
                format!("The instance IDs '{}' do not exist", ids.join(", ")),
            ),
        };
        Err(ApiError::new(code, message))
    }

    /// The tags of an instance or a volume that is there.
    fn tags_of(&self, id: &str, now: DateTime<Utc>) -> Option<&BTreeMap<String, String>> {
        if is_volume(id) {
            let volume = self.volumes.get(id)?;
            self.volume_at(volume, now)?;
            return Some(&volume.record.tags);
        }
        self.get(id, now).map(|record| &record.instance.tags)
    }

    /// The same, to change them: what descriptions that lag behind show is kept first.
    fn tags_to_change(
        &mut self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Option<&mut BTreeMap<String, String>> {
        self.tags_of(id, now)?;
        if is_volume(id) {
            return self
                .volumes
                .get_mut(id)
                .map(|volume| &mut volume.record.tags);
        }
        let record = self.get_mut(id, now)?;
        record.keep_past(now);
        Some(&mut record.instance.tags)
    }
}

fn check_count(ids: &[&str]) -> Result<(), ApiError> {
    if ids.len() <= MOST_IDS {
        return Ok(());
    }
    // The code is documented for requests with too many resources; its message is not.
    Err(ApiError::new(
        "ResourceCountExceeded",
        format!(
            "The request names {} resources, at most {MOST_IDS} are allowed",
            ids.len()
        ),
    ))
}

/// Whether this is the id of a volume, by its prefix.
pub(crate) fn is_volume(id: &str) -> bool {
    id.starts_with("vol-")
}

/// The prefix, such as `i-`, and 17 hexadecimal digits, or 8 as they once were.
fn is_well_formed(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The answer to a call with `DryRun` set that would have succeeded.
fn check_dry_run(request: &Request) -> Result<(), ApiError> {
    if !request.flag("DryRun") {
        return Ok(());
    }
    let message = "Request would have succeeded, but DryRun flag is set.";
    Err(ApiError::new("DryRunOperation", message).with_status(412))
}

/// The identity CloudTrail records for changes that a test makes.
fn somebody_else() -> Identity {
    Identity::iam_user("somebody-else")
}

impl Account {
    /// An instance as it is now; none once it has been forgotten, or terminated for an hour.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<InstanceRecord> {
        let now = self.now();
        self.contents().ec2.instance(id, now)
    }

    /// All instances as they are now, in the order of their launches.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceRecord> {
        let now = self.now();
        let contents = self.contents();
        let records = contents.ec2.instances.values();
        let visible = records.filter(|record| record.is_visible(now));
        visible.map(|record| record.at(now)).collect()
    }

    /// Somebody else sets a tag, past every limit of `CreateTags` if need be. Nothing happens to an
    /// instance or a volume that is not there.
    pub fn set_tag(&self, id: &str, key: impl Into<String>, value: impl Into<String>) {
        let now = self.now();
        let mut contents = self.contents();
        if let Some(tags) = contents.ec2.tags_to_change(id, now) {
            tags.insert(key.into(), value.into());
            contents.record_write("CreateTags", &[id], &somebody_else(), now);
        }
    }

    /// Somebody else removes a tag. Nothing happens to an instance or a volume that is not there.
    pub fn remove_tag(&self, id: &str, key: &str) {
        let now = self.now();
        let mut contents = self.contents();
        if let Some(tags) = contents.ec2.tags_to_change(id, now) {
            tags.remove(key);
            contents.record_write("DeleteTags", &[id], &somebody_else(), now);
        }
    }

    /// Somebody else terminates an instance, protected or not. Nothing happens to one that is not
    /// there or is ending already.
    pub fn terminate(&self, id: &str) {
        let now = self.now();
        let mut contents = self.contents();
        if let Some(record) = contents.ec2.get_mut(id, now) {
            record.terminate(now);
            contents.record_write("TerminateInstances", &[id], &somebody_else(), now);
        }
    }

    /// Somebody else starts a stopped instance. Nothing happens to one that is not there or not stopped.
    pub fn start(&self, id: &str) {
        let now = self.now();
        let mut contents = self.contents();
        if let Some(record) = contents.ec2.get_mut(id, now)
            && record.start(now)
        {
            contents.record_write("StartInstances", &[id], &somebody_else(), now);
        }
    }

    /// Somebody else switches termination protection on or off. Nothing happens to an instance that is not there.
    pub fn protect(&self, id: &str, protected: bool) {
        let now = self.now();
        if let Some(record) = self.contents().ec2.get_mut(id, now) {
            record.keep_past(now);
            record.instance.protected = protected;
        }
    }

    /// The instance is gone, as if terminated long ago: even `DescribeInstances` does not know its id.
    pub fn forget(&self, id: &str) {
        self.contents().ec2.instances.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_ids_of_eight_or_seventeen_lower_case_hexadecimal_digits() {
        assert!(is_well_formed("i-", "i-0123abcd"));
        assert!(is_well_formed("i-", "i-0123456789abcdef0"));
        assert!(is_well_formed("vol-", "vol-0123456789abcdef0"));
        for wrong in [
            "",
            "i-",
            "i-0123456789ABCDEF0",
            "i-012345678",
            "vol-0123abcd",
            "i-0123abcz",
        ] {
            assert!(!is_well_formed("i-", wrong), "{wrong}");
        }
    }
}

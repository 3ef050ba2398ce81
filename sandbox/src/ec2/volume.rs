//! EBS volumes: what they are, and what a test does to them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::Ec2Service;
use super::instance::InstanceState;
use crate::Account;

/// A volume as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRecord {
    /// Its id, `vol-` and 17 hexadecimal digits.
    pub id: String,
    /// Its size in GiB.
    pub size: u32,
    /// The volume type, `gp3` for instance.
    pub volume_type: String,
    /// The Availability Zone, `us-east-1a` for instance.
    pub availability_zone: String,
    /// EC2's name of its state: `in-use` if it is attached, `available` if not, unless a test says otherwise.
    pub state: String,
    /// When it was created.
    pub create_time: DateTime<Utc>,
    /// The instances it is attached to: at most one, but for Multi-Attach.
    pub attachments: Vec<AttachmentRecord>,
    /// Whether it may be attached to several instances.
    pub multi_attach: bool,
    /// The AWS service that manages it; none for an ordinary one.
    pub operator: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An attachment of a volume to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRecord {
    /// The instance's id.
    pub instance_id: String,
    /// The device name, `/dev/sdf` for instance.
    pub device: String,
    /// When it was attached.
    pub attach_time: DateTime<Utc>,
    /// Whether the volume goes when the instance is terminated.
    pub delete_on_termination: bool,
}

/// How a volume is created: 8 GiB of `gp3` in `us-east-1a`, attached to nothing, just now, unless said otherwise.
/// What an instance is launched with ([`crate::Launch::volume`]) is in the instance's zone, as old as the instance, and
/// goes with it.
#[derive(Clone, Debug)]
pub struct NewVolume {
    size: u32,
    volume_type: String,
    availability_zone: String,
    state: Option<String>,
    ago: TimeDelta,
    multi_attach: bool,
    kept: bool,
    operator: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Default for NewVolume {
    fn default() -> Self {
        Self::new()
    }
}

impl NewVolume {
    /// A volume with everything as usual.
    #[must_use]
    pub fn new() -> Self {
        Self {
            size: 8,
            volume_type: "gp3".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            state: None,
            ago: TimeDelta::zero(),
            multi_attach: false,
            kept: false,
            operator: None,
            tags: BTreeMap::new(),
        }
    }

    /// Of this size in GiB.
    #[must_use]
    pub fn size(mut self, size: u32) -> Self {
        self.size = size;
        self
    }

    /// In this Availability Zone, `us-east-1b` for instance.
    #[must_use]
    pub fn availability_zone(mut self, zone: impl Into<String>) -> Self {
        self.availability_zone = zone.into();
        self
    }

    /// In this state, `creating` or `error` for instance, whether it is attached or not.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// So long ago.
    #[must_use]
    pub fn ago(mut self, age: TimeDelta) -> Self {
        self.ago = age;
        self
    }

    /// An `io2` volume that may be attached to several instances of its zone.
    #[must_use]
    pub fn multi_attach(mut self) -> Self {
        "io2".clone_into(&mut self.volume_type);
        self.multi_attach = true;
        self
    }

    /// It stays when its instance is terminated.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// Managed by an AWS service, `ec2.amazonaws.com` for instance.
    #[must_use]
    pub fn operated_by(mut self, principal: impl Into<String>) -> Self {
        self.operator = Some(principal.into());
        self
    }

    /// With this tag from the start. Any key, also one that `CreateTags` would refuse.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    fn into_volume(self, id: String, create_time: DateTime<Utc>) -> Volume {
        let record = VolumeRecord {
            id,
            size: self.size,
            volume_type: self.volume_type,
            availability_zone: self.availability_zone,
            state: String::new(),
            create_time,
            attachments: Vec::new(),
            multi_attach: self.multi_attach,
            operator: self.operator,
            tags: self.tags,
        };
        let state = self.state;
        Volume { record, state }
    }
}

/// A volume, and the state that a test wants it in.
#[derive(Clone, Debug)]
pub(super) struct Volume {
    /// The state in it is empty: [`Ec2Service::volume`] tells it.
    pub(super) record: VolumeRecord,
    state: Option<String>,
}

impl Ec2Service {
    /// A volume as it is now; none if it was deleted, or went with its instance.
    pub(crate) fn volume(&self, id: &str, now: DateTime<Utc>) -> Option<VolumeRecord> {
        self.volume_at(self.volumes.get(id)?, now)
    }

    /// The volume at `now`. "When an instance terminates, the value of the `DeleteOnTermination` attribute for each
    /// attached EBS volume determines whether to preserve or delete the volume", see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html>.
    pub(super) fn volume_at(&self, volume: &Volume, now: DateTime<Utc>) -> Option<VolumeRecord> {
        let mut record = volume.record.clone();
        for attachment in &volume.record.attachments {
            if attachment.delete_on_termination && self.is_gone(&attachment.instance_id, now) {
                return None;
            }
        }
        record
            .attachments
            .retain(|attachment| !self.is_gone(&attachment.instance_id, now));
        let state = if record.attachments.is_empty() {
            "available"
        } else {
            "in-use"
        };
        record.state = volume.state.clone().unwrap_or_else(|| state.to_owned());
        Some(record)
    }

    fn is_gone(&self, instance_id: &str, now: DateTime<Utc>) -> bool {
        let instance = self.instances.get(instance_id);
        instance.is_none_or(|record| record.state(now) == InstanceState::Terminated)
    }
}

impl crate::account::Contents {
    /// Creates the volumes that an instance was launched with.
    pub(super) fn create_volumes_of(&mut self, instance_id: &str, volumes: &[NewVolume]) {
        let Some(instance) = self.ec2.instances.get(instance_id) else {
            return;
        };
        let instance = &instance.instance;
        let (zone, time) = (instance.availability_zone.clone(), instance.attach_time);
        for (letter, volume) in ('a'..='z').zip(volumes) {
            let id = self.ids.volume();
            let kept = volume.kept;
            let volume = volume.clone().availability_zone(zone.clone());
            let mut volume = volume.into_volume(id.clone(), time);
            volume.record.attachments.push(AttachmentRecord {
                instance_id: instance_id.to_owned(),
                device: format!("/dev/xvd{letter}"),
                attach_time: time,
                delete_on_termination: !kept,
            });
            self.ec2.volumes.insert(id, volume);
        }
    }
}

impl Account {
    /// Creates a volume that is attached to nothing, and gives its id.
    #[allow(
        clippy::must_use_candidate,
        reason = "the volume is there, whether its id is of interest or not"
    )]
    pub fn create_volume(&self, volume: NewVolume) -> String {
        let now = self.now();
        let created = now.checked_sub_signed(volume.ago).unwrap_or(now);
        let mut contents = self.contents();
        let id = contents.ids.volume();
        let volume = volume.into_volume(id.clone(), created);
        contents.ec2.volumes.insert(id.clone(), volume);
        id
    }

    /// Attaches a volume to an instance; it stays when the instance is terminated. Says whether EC2 would: both must be
    /// there and in one zone, and a volume without Multi-Attach must be attached to nothing.
    #[allow(
        clippy::must_use_candidate,
        reason = "a test that knows its world need not ask"
    )]
    pub fn attach_volume(&self, id: &str, instance_id: &str) -> bool {
        let now = self.now();
        let mut contents = self.contents();
        let ec2 = &mut contents.ec2;
        let (Some(is), Some(instance)) = (ec2.volume(id, now), ec2.instance(instance_id, now))
        else {
            return false;
        };
        let is_attached = is
            .attachments
            .iter()
            .any(|at| at.instance_id == instance_id);
        let is_free = is.attachments.is_empty() || is.multi_attach && !is_attached;
        if !is_free || is.availability_zone != instance.availability_zone {
            return false;
        }
        if let Some(volume) = ec2.volumes.get_mut(id) {
            // What was attached to an instance that is gone is attached no more.
            volume.record.attachments = is.attachments;
            volume.record.attachments.push(AttachmentRecord {
                instance_id: instance_id.to_owned(),
                device: "/dev/sdf".to_owned(),
                attach_time: now,
                delete_on_termination: false,
            });
        }
        true
    }

    /// Detaches a volume from every instance. Nothing happens to a volume that is not there.
    pub fn detach_volume(&self, id: &str) {
        if let Some(volume) = self.contents().ec2.volumes.get_mut(id) {
            volume.record.attachments.clear();
        }
    }

    /// The volume is gone: even `DescribeVolumes` does not know its id.
    pub fn delete_volume(&self, id: &str) {
        self.contents().ec2.volumes.remove(id);
    }

    /// A volume as it is now; none once it is deleted, or has gone with its instance.
    #[must_use]
    pub fn volume(&self, id: &str) -> Option<VolumeRecord> {
        let now = self.now();
        self.contents().ec2.volume(id, now)
    }

    /// The volumes that are there, in the order they were created.
    #[must_use]
    pub fn volumes(&self) -> Vec<VolumeRecord> {
        let now = self.now();
        let contents = self.contents();
        let volumes = contents.ec2.volumes.values();
        volumes
            .filter_map(|volume| contents.ec2.volume_at(volume, now))
            .collect()
    }

    /// The volumes that are attached to an instance, in the order they were created.
    #[must_use]
    pub fn volumes_of(&self, instance_id: &str) -> Vec<VolumeRecord> {
        let is_attached = |volume: &VolumeRecord| {
            let mut attachments = volume.attachments.iter();
            attachments.any(|at| at.instance_id == instance_id)
        };
        self.volumes().into_iter().filter(is_attached).collect()
    }
}

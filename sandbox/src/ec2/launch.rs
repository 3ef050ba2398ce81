//! Launching instances.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::instance::{InstanceRecord, InstanceState, Record};
use super::volume::NewVolume;
use crate::ids::long_id;
use crate::{Account, Identity};

/// How instances are launched: in the default VPC, running, by the IAM user `alice`, just now, unless
/// said otherwise.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of EC2's own, in no relation to the others"
)]
pub struct Launch {
    vpc_id: String,
    availability_zone: String,
    image_id: String,
    instance_type: String,
    tags: BTreeMap<String, String>,
    launched_by: Option<Identity>,
    ago: TimeDelta,
    started_again_ago: Option<TimeDelta>,
    state: InstanceState,
    protected: bool,
    stop_protected: bool,
    spot: bool,
    spot_request_id: Option<String>,
    operator: Option<String>,
    auto_scaling_group: Option<String>,
    instance_store_root: bool,
    volumes: Vec<NewVolume>,
    trail: bool,
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

impl Launch {
    /// A launch with everything as usual.
    #[must_use]
    pub fn new() -> Self {
        Self {
            vpc_id: "vpc-0a1b2c3d4e5f60718".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            image_id: "ami-0abcdef1234567890".to_owned(),
            instance_type: "t3.micro".to_owned(),
            tags: BTreeMap::new(),
            launched_by: None,
            ago: TimeDelta::zero(),
            started_again_ago: None,
            state: InstanceState::Running,
            protected: false,
            stop_protected: false,
            spot: false,
            spot_request_id: None,
            operator: None,
            auto_scaling_group: None,
            instance_store_root: false,
            volumes: Vec::new(),
            trail: true,
        }
    }

    /// In this VPC.
    #[must_use]
    pub fn vpc(mut self, id: impl Into<String>) -> Self {
        self.vpc_id = id.into();
        self
    }

    /// In this Availability Zone, `us-east-1b` for instance.
    #[must_use]
    pub fn availability_zone(mut self, zone: impl Into<String>) -> Self {
        self.availability_zone = zone.into();
        self
    }

    /// Of this type, `m7g.large` for instance.
    #[must_use]
    pub fn instance_type(mut self, instance_type: impl Into<String>) -> Self {
        self.instance_type = instance_type.into();
        self
    }

    /// With this tag from the start. Any key, also one that `CreateTags` would refuse.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// By this caller.
    #[must_use]
    pub fn launched_by(mut self, identity: Identity) -> Self {
        self.launched_by = Some(identity);
        self
    }

    /// So long ago.
    #[must_use]
    pub fn ago(mut self, age: TimeDelta) -> Self {
        self.ago = age;
        self
    }

    /// Stopped some time after the launch and started again so long ago: EC2's `LaunchTime` is that of
    /// the start, while the primary network interface is attached since the launch.
    #[must_use]
    pub fn started_again_ago(mut self, age: TimeDelta) -> Self {
        self.started_again_ago = Some(age);
        self
    }

    /// In this state by now.
    #[must_use]
    pub fn state(mut self, state: InstanceState) -> Self {
        self.state = state;
        self
    }

    /// Stopped by now.
    #[must_use]
    pub fn stopped(self) -> Self {
        self.state(InstanceState::Stopped)
    }

    /// With termination protection.
    #[must_use]
    pub fn protected(mut self) -> Self {
        self.protected = true;
        self
    }

    /// With stop protection.
    #[must_use]
    pub fn stop_protected(mut self) -> Self {
        self.stop_protected = true;
        self
    }

    /// As a Spot Instance, each by a request of its own.
    #[must_use]
    pub fn spot(mut self) -> Self {
        self.spot = true;
        self
    }

    /// As a Spot Instance by this request, `sir-abcd1234` for instance.
    #[must_use]
    pub fn spot_request(mut self, id: impl Into<String>) -> Self {
        self.spot_request_id = Some(id.into());
        self
    }

    /// By an AWS service that keeps it to itself, `eks.amazonaws.com` for instance: an EC2 managed
    /// instance, which nobody else may stop or terminate.
    #[must_use]
    pub fn operated_by(mut self, principal: impl Into<String>) -> Self {
        self.operator = Some(principal.into());
        self
    }

    /// By the Auto Scaling group of this name, which tags it so: by Auto Scaling's own role, unless
    /// [`Launch::launched_by`] says otherwise.
    #[must_use]
    pub fn auto_scaling_group(mut self, name: impl Into<String>) -> Self {
        self.auto_scaling_group = Some(name.into());
        self
    }

    /// With an instance store volume as root device: EC2 refuses to stop it.
    #[must_use]
    pub fn instance_store_root(mut self) -> Self {
        self.instance_store_root = true;
        self
    }

    /// With another volume, which each instance gets for itself: the first is its root device.
    #[must_use]
    pub fn volume(mut self, volume: NewVolume) -> Self {
        self.volumes.push(volume);
        self
    }

    /// Without a trace in CloudTrail.
    #[must_use]
    pub fn without_trail(mut self) -> Self {
        self.trail = false;
        self
    }

    fn identity(&self) -> Identity {
        match (&self.launched_by, &self.auto_scaling_group, &self.operator) {
            (Some(identity), ..) => identity.clone(),
            (None, Some(_), _) => Identity::auto_scaling(),
            (None, None, Some(principal)) => Identity::service(principal),
            (None, None, None) => Identity::iam_user("alice"),
        }
    }
}

impl Account {
    /// Launches one instance and gives its id.
    #[allow(
        clippy::must_use_candidate,
        reason = "the instances are there, whether their ids are of interest or not"
    )]
    pub fn launch(&self, launch: Launch) -> String {
        self.launch_many(launch, 1).pop().unwrap_or_default()
    }

    /// Launches `count` instances by one call, which leaves one `RunInstances` event, and gives their ids.
    #[allow(
        clippy::must_use_candidate,
        reason = "the instances are there, whether their ids are of interest or not"
    )]
    pub fn launch_many(&self, launch: Launch, count: usize) -> Vec<String> {
        // Resolve ages to times and callers first, because this needs no lock.
        let now = self.now();
        let launched = now.checked_sub_signed(launch.ago).unwrap_or(now);
        let started = launch
            .started_again_ago
            .and_then(|age| now.checked_sub_signed(age))
            .unwrap_or(launched);
        let identity = launch.identity();
        let mut tags = launch.tags;
        if let Some(group) = launch.auto_scaling_group {
            tags.insert("aws:autoscaling:groupName".to_owned(), group);
        }

        let mut contents = self.contents();
        let reservation_id = contents.ids.long("r");
        let zone = contents.place.zone(&launch.availability_zone);
        let subnet = format!("{} {zone}", launch.vpc_id);
        let instances: Vec<InstanceRecord> = (0..count)
            .map(|launch_index| {
                let id = contents.ids.instance();
                let own_request = || launch.spot.then(|| spot_request_id(&id));
                let spot_request_id = launch.spot_request_id.clone().or_else(own_request);
                InstanceRecord {
                    id,
                    reservation_id: reservation_id.clone(),
                    launch_index,
                    vpc_id: launch.vpc_id.clone(),
                    subnet_id: long_id("subnet", &subnet),
                    availability_zone: zone.clone(),
                    image_id: launch.image_id.clone(),
                    instance_type: launch.instance_type.clone(),
                    state: launch.state,
                    launch_time: started,
                    attach_time: launched,
                    tags: tags.clone(),
                    protected: launch.protected,
                    stop_protected: launch.stop_protected,
                    spot_request_id,
                    operator: launch.operator.clone(),
                    has_instance_store_root: launch.instance_store_root,
                }
            })
            .collect();
        // Record the launch before the instances move into the account.
        if launch.trail && !instances.is_empty() {
            contents.record_launch(&instances, &identity, launched);
        }
        let ids: Vec<String> = instances
            .iter()
            .map(|instance| instance.id.clone())
            .collect();
        for instance in instances {
            // A state that passes began with the launch; one that lasts has been reached just now.
            let since = if launch.state == InstanceState::Pending {
                launched
            } else {
                now
            };
            let record = Record::new(instance, since);
            contents
                .ec2
                .instances
                .insert(record.instance.id.clone(), record);
        }
        for id in &ids {
            contents.create_volumes_of(id, &launch.volumes);
        }
        ids
    }
}

/// `sir-` and eight characters, as Spot requests are named.
fn spot_request_id(instance_id: &str) -> String {
    let id = long_id("sir", instance_id);
    id.get(..12).unwrap_or(&id).to_owned()
}

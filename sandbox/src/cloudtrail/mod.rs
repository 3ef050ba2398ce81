//! CloudTrail: a record of every launch and of what else was done to the instances, and the look-ups.
//!
//! Records follow
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.

mod lookup;
mod record;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::Account;
use crate::account::Contents;
use crate::config::resource_type;
use crate::ec2::InstanceRecord;
use crate::identity::{Identity, username};
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::iso_seconds;

/// The account's event history.
#[derive(Debug)]
pub(crate) struct Trail {
    /// In the order they were recorded, which is not that of their times.
    entries: Vec<Entry>,
    lag: TimeDelta,
}

/// One record, and what look-ups find it by.
#[derive(Clone, Debug)]
struct Entry {
    time: DateTime<Utc>,
    record: Value,
    username: Option<String>,
    /// Type and name of each resource.
    resources: Vec<(&'static str, String)>,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            // "CloudTrail typically delivers events within an average of about 5 minutes of an API
            // call. This time is not guaranteed."
            lag: TimeDelta::minutes(5),
        }
    }
}

impl Trail {
    /// The `RunInstances` record of an instance.
    fn launch_of(&self, id: &str) -> Option<&Value> {
        let names_it = |entry: &&Entry| {
            entry.record.get("eventName").and_then(Value::as_str) == Some("RunInstances")
                && entry.resources.iter().any(|(_, name)| name == id)
        };
        self.entries
            .iter()
            .find(names_it)
            .map(|entry| &entry.record)
    }
}

/// Whoever holds the credentials of [`Account::sdk_config`].
pub(crate) fn caller() -> Identity {
    Identity::assumed_role("tagwarden", "tagwarden")
}

impl Contents {
    /// Leaves the `RunInstances` event of one launch.
    pub(crate) fn record_launch(
        &mut self,
        instances: &[InstanceRecord],
        identity: &Identity,
        time: DateTime<Utc>,
    ) {
        let user_identity = identity.user_identity(time);
        let record =
            record::run_instances(&mut self.ids, instances, identity, &user_identity, time);
        let mut resources: Vec<(&'static str, String)> = instances
            .iter()
            .map(|instance| ("AWS::EC2::Instance", instance.id.clone()))
            .collect();
        if let Some(first) = instances.first() {
            resources.push(("AWS::EC2::VPC", first.vpc_id.clone()));
            resources.push(("AWS::EC2::Subnet", first.subnet_id.clone()));
            resources.push(("AWS::EC2::Ami", first.image_id.clone()));
        }
        self.trail.entries.push(Entry {
            time,
            record,
            username: username(&user_identity),
            resources,
        });
    }

    /// Leaves the event of a call that changed instances.
    pub(crate) fn record_write(
        &mut self,
        operation: &str,
        ids: &[&str],
        identity: &Identity,
        time: DateTime<Utc>,
    ) {
        if ids.is_empty() {
            return;
        }
        let user_identity = identity.user_identity(time);
        let record = record::write(
            &mut self.ids,
            operation,
            ids,
            identity,
            &user_identity,
            time,
        );
        let resources = ids.iter().map(|id| (resource_type(id), (*id).to_owned()));
        self.trail.entries.push(Entry {
            time,
            record,
            username: username(&user_identity),
            resources: resources.collect(),
        });
    }
}

impl Account {
    /// How long after a call `LookupEvents` shows it; 5 minutes unless set.
    pub fn trail_lag(&self, lag: TimeDelta) {
        self.contents().trail.lag = lag;
    }

    /// The `RunInstances` record of an instance as CloudTrail wrote it, whether `LookupEvents` shows it yet
    /// or not; none for a launch without a trail.
    #[must_use]
    pub fn trail_event(&self, id: &str) -> Option<Value> {
        self.contents().trail.launch_of(id).cloned()
    }

    /// The `RunInstances` record of an instance in the envelope in which EventBridge delivers it, see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-with-cloudtrail.html>.
    #[must_use]
    pub fn run_instances_event(&self, id: &str) -> Option<Value> {
        let mut contents = self.contents();
        let detail = contents.trail.launch_of(id)?.clone();
        Some(json!({
            "version": "0",
            "id": contents.ids.uuid(),
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.ec2",
            "account": ACCOUNT_ID,
            "time": detail.get("eventTime"),
            "region": REGION,
            "resources": [],
            "detail": detail,
        }))
    }

    /// Puts any record into the event history, as of now and with these instances as its resources: for
    /// what no launch leaves, such as a `RunInstances` call that failed. Members that are left out stay
    /// out, but for `eventID` and `eventTime`.
    pub fn record_trail_event(&self, record: Value, instance_ids: &[&str]) {
        let time = self.now();
        let mut contents = self.contents();
        let mut record = record;
        if let Some(members) = record.as_object_mut() {
            let id = contents.ids.uuid();
            members.entry("eventID").or_insert_with(|| id.into());
            members
                .entry("eventTime")
                .or_insert_with(|| iso_seconds(time).into());
        }
        let resources = instance_ids
            .iter()
            .map(|id| ("AWS::EC2::Instance", (*id).to_owned()));
        let entry = Entry {
            time,
            username: record.get("userIdentity").and_then(username),
            resources: resources.collect(),
            record,
        };
        contents.trail.entries.push(entry);
    }
}

//! One instance and its life.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// The states of an instance, see
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the variants are EC2's names")]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    /// EC2's name of the state, `shutting-down` for instance.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// EC2's number of the state.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Shutting down or terminated: nothing brings the instance back.
    #[must_use]
    pub fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// Stopping or stopped.
    #[must_use]
    pub fn is_stopping(self) -> bool {
        matches!(self, Self::Stopping | Self::Stopped)
    }

    /// What a state that does not last becomes by itself.
    fn settled(self) -> Self {
        match self {
            Self::Pending => Self::Running,
            Self::ShuttingDown => Self::Terminated,
            Self::Stopping => Self::Stopped,
            lasting => lasting,
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<&str> for InstanceState {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

/// What `state` is at `now` if it began at `since`.
fn settled(state: InstanceState, since: DateTime<Utc>, now: DateTime<Utc>) -> InstanceState {
    if now - since >= Record::TRANSITION {
        state.settled()
    } else {
        state
    }
}

/// An instance as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Its id, `i-` and 17 hexadecimal digits.
    pub id: String,
    /// The launch it was part of.
    pub reservation_id: String,
    /// Its place among the instances of that launch, from 0.
    pub launch_index: usize,
    /// The VPC it runs in.
    pub vpc_id: String,
    /// The subnet, one for each VPC and Availability Zone.
    pub subnet_id: String,
    /// The Availability Zone, `us-east-1a` for instance.
    pub availability_zone: String,
    /// The image it was made from.
    pub image_id: String,
    /// The instance type, `t3.micro` for instance.
    pub instance_type: String,
    /// Its state.
    pub state: InstanceState,
    /// When it was started last: EC2's `LaunchTime`.
    pub launch_time: DateTime<Utc>,
    /// When it was made: its primary network interface was attached then and stays so.
    pub attach_time: DateTime<Utc>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Termination protection (`disableApiTermination`).
    pub protected: bool,
    /// Stop protection (`disableApiStop`), which forbids terminating as well.
    pub stop_protected: bool,
    /// The Spot request it was launched by, `sir-…`; none for an On-Demand Instance.
    pub spot_request_id: Option<String>,
    /// The AWS service that manages it, `eks.amazonaws.com` for instance; none for an ordinary one.
    pub operator: Option<String>,
    /// Whether its root device is an instance store volume, which is lost in a stop: EC2 refuses to stop it.
    pub has_instance_store_root: bool,
}

/// An instance and since when it is in its state.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) instance: InstanceRecord,
    since: DateTime<Utc>,
    /// By how much descriptions lag behind. [`Record::keep_past`] must come before every change.
    lag: TimeDelta,
    past: Vec<Past>,
}

/// What an instance was until a change.
#[derive(Clone, Debug)]
struct Past {
    until: DateTime<Utc>,
    instance: InstanceRecord,
    since: DateTime<Utc>,
}

impl Record {
    /// How long pending, stopping and shutting down take. AWS promises no duration.
    const TRANSITION: TimeDelta = TimeDelta::seconds(30);
    /// "Terminated instances remain visible after termination (for approximately one hour)."
    const AFTERLIFE: TimeDelta = TimeDelta::hours(1);

    /// An instance that has just come into its state.
    pub(super) fn new(instance: InstanceRecord, since: DateTime<Utc>) -> Self {
        Self {
            instance,
            since,
            lag: TimeDelta::zero(),
            past: Vec::new(),
        }
    }

    /// The state at `now`.
    pub(super) fn state(&self, now: DateTime<Utc>) -> InstanceState {
        settled(self.instance.state, self.since, now)
    }

    /// Descriptions show from now on what was true `lag` ago, but nothing from before this call.
    pub(super) fn lag_behind(&mut self, lag: TimeDelta) {
        self.lag = lag.max(TimeDelta::zero());
        if self.lag.is_zero() {
            self.past.clear();
        }
    }

    /// Keeps what the instance is for descriptions that lag behind the change that follows.
    pub(super) fn keep_past(&mut self, now: DateTime<Utc>) {
        if !self.lag.is_zero() {
            self.past.push(Past {
                until: now,
                instance: self.instance.clone(),
                since: self.since,
            });
        }
    }

    /// The instance as descriptions show it, but for its state, and that state.
    pub(super) fn described(&self, now: DateTime<Utc>) -> (&InstanceRecord, InstanceState) {
        let then = now.checked_sub_signed(self.lag).unwrap_or(now);
        let past = self.past.iter().find(|past| past.until > then);
        past.map_or_else(
            || (&self.instance, self.state(then)),
            |past| {
                let state = settled(past.instance.state, past.since, then);
                (&past.instance, state)
            },
        )
    }

    /// The instance at `now`.
    pub(super) fn at(&self, now: DateTime<Utc>) -> InstanceRecord {
        InstanceRecord {
            state: self.state(now),
            ..self.instance.clone()
        }
    }

    /// The instance as descriptions show it.
    pub(super) fn as_described(&self, now: DateTime<Utc>) -> InstanceRecord {
        let (instance, state) = self.described(now);
        InstanceRecord {
            state,
            ..instance.clone()
        }
    }

    pub(super) fn is_visible(&self, now: DateTime<Utc>) -> bool {
        !self.instance.state.is_ending() || now - self.since < Self::AFTERLIFE
    }

    /// Begins to terminate, unless that has begun. Gives the state before and the state after.
    pub(super) fn terminate(&mut self, now: DateTime<Utc>) -> (InstanceState, InstanceState) {
        let before = self.state(now);
        let after = match before {
            InstanceState::ShuttingDown | InstanceState::Terminated => before,
            // There is nothing to shut down any more.
            InstanceState::Stopped => InstanceState::Terminated,
            _ => InstanceState::ShuttingDown,
        };
        self.enter(before, after, now);
        (before, after)
    }

    /// Begins to stop, unless that has begun. Gives the state before and the state after.
    pub(super) fn stop(&mut self, now: DateTime<Utc>) -> (InstanceState, InstanceState) {
        let before = self.state(now);
        let after = match before {
            InstanceState::Running => InstanceState::Stopping,
            other => other,
        };
        self.enter(before, after, now);
        (before, after)
    }

    /// Begins to start, if it is stopped: EC2's `LaunchTime` becomes that of the start. Says whether it was.
    pub(super) fn start(&mut self, now: DateTime<Utc>) -> bool {
        if self.state(now) != InstanceState::Stopped {
            return false;
        }
        self.enter(InstanceState::Stopped, InstanceState::Pending, now);
        self.instance.launch_time = now;
        true
    }

    fn enter(&mut self, before: InstanceState, after: InstanceState, now: DateTime<Utc>) {
        if before != after {
            self.keep_past(now);
            self.instance.state = after;
            self.since = now;
        }
    }
}

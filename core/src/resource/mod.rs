//! An EC2 instance as the policy sees it.
//!
//! AWS describes one instance in several shapes: DescribeInstances' answer and the AWS CLI's JSON of it
//! ([`DescribedInstance`]), the configuration item of a Config rule's event, and the one that Config's history gives back
//! (both [`ConfigurationItem`](configuration_item::ConfigurationItem)). All become [`InstanceFacts`], and those become
//! this one value.

pub mod configuration_item;
mod described;
mod facts;
mod manager;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

pub use described::DescribedInstance;
pub use facts::InstanceFacts;
pub use manager::Manager;

/// One EC2 instance at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The VPC it runs in; an instance that is gone has none any more.
    pub vpc_id: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// When it was first launched. `LaunchTime` moves when a stopped instance starts again, the attach time of the
    /// primary network interface does not: this is the earlier of the two.
    pub launched_at: Option<DateTime<Utc>>,
    /// When it was last started: EC2's `LaunchTime`.
    pub started_at: Option<DateTime<Utc>>,
    /// The Spot request it was launched by, `sir-…`; empty where AWS says that it is a Spot Instance and does not
    /// say which request. `None` for every other instance.
    pub spot_request_id: Option<String>,
    /// The AWS service that manages it, such as `eks.amazonaws.com`, where one does.
    pub operator: Option<String>,
    /// All its tags, those that AWS put there included.
    pub tags: BTreeMap<String, String>,
}

/// An instance's state, as EC2 names it.
///
/// See [InstanceState](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `pending`
    Pending,
    /// `running`
    Running,
    /// `stopping`
    Stopping,
    /// `stopped`
    Stopped,
    /// `shutting-down`
    ShuttingDown,
    /// `terminated`
    Terminated,
    /// A state that EC2 did not have when this was written, or that the document does not tell.
    Unknown,
}

impl State {
    /// Whether the instance has ended or is about to, for good.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// Whether the instance is stopped or about to be.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        matches!(self, Self::Stopping | Self::Stopped)
    }

    /// EC2's name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Unknown => "unknown",
        }
    }
}

impl From<&str> for State {
    fn from(name: &str) -> Self {
        match name {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `text` has the form of an instance id: `i-` and 8 or 17 hexadecimal digits.
///
/// See [Resource IDs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html).
#[must_use]
pub fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

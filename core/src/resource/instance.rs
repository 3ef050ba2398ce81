//! The instance itself: what the policy is judged against.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use super::details::InstanceDetails;

/// One EC2 instance at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The VPC that it runs in; `None` for a terminated instance, which no longer has a VPC.
    pub vpc_id: Option<String>,
    /// Its state in the instance lifecycle.
    pub state: State,
    /// When it was first launched: the earlier of `LaunchTime` and the attach time of the primary network interface.
    /// A start moves `LaunchTime` and leaves the attach time as it is.
    pub launched_at: Option<DateTime<Utc>>,
    /// When it was last started: EC2's `LaunchTime`.
    pub started_at: Option<DateTime<Utc>>,
    /// The Spot request that launched it, `sir-…`. Empty for a Spot Instance whose request AWS does not name; `None`
    /// for an instance that is not a Spot Instance.
    pub spot_request_id: Option<String>,
    /// The AWS service that manages it, such as `eks.amazonaws.com`; `None` if no service does.
    pub operator: Option<String>,
    /// What the conditions of rules ask about it.
    pub details: InstanceDetails,
    /// All its tags, including those that AWS wrote.
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    /// The instance `id` in `state`, of which nothing else is known: not in a VPC, without tags.
    #[must_use]
    pub fn new(id: impl Into<String>, state: State) -> Self {
        Self {
            id: id.into(),
            vpc_id: None,
            state,
            launched_at: None,
            started_at: None,
            spot_request_id: None,
            operator: None,
            details: InstanceDetails::default(),
            tags: BTreeMap::new(),
        }
    }
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
    /// A state that this version does not know, or that the document leaves out.
    Unknown,
}

impl State {
    /// Whether the instance is terminated or shutting down. It cannot come back from either.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// Whether the instance is stopped or stopping.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of EC2's states: its name, whether it is stopped, whether it is gone.
    #[test]
    fn reads_each_state_of_ec2() {
        for (name, state, is_stopped, is_gone) in [
            ("pending", State::Pending, false, false),
            ("running", State::Running, false, false),
            ("stopping", State::Stopping, true, false),
            ("stopped", State::Stopped, true, false),
            ("shutting-down", State::ShuttingDown, false, true),
            ("terminated", State::Terminated, false, true),
        ] {
            assert_eq!(State::from(name), state);
            assert_eq!((state.as_str(), state.to_string().as_str()), (name, name));
            assert_eq!((state.is_stopped(), state.is_gone()), (is_stopped, is_gone));
        }
        assert_eq!(State::from("hibernated"), State::Unknown);
        assert_eq!(State::Unknown.as_str(), "unknown");
    }

    #[test]
    fn knows_an_instance_id() {
        for id in ["i-0a1b2c3d", "i-0a1b2c3d4e5f60718", "i-ABCDEF01"] {
            assert!(is_instance_id(id), "{id}");
        }
        for other in [
            "",
            "i-",
            "i-0a1b2c3",
            "i-0a1b2c3d4",
            "i-0a1b2c3g",
            "vol-0a1b2c3d",
            "0a1b2c3d",
        ] {
            assert!(!is_instance_id(other), "{other}");
        }
    }
}

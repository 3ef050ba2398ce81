//! The states of resources.

use std::fmt;

/// A resource's state, as EC2 names it.
///
/// See [InstanceState](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html) and
/// [Volume](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html).
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
    /// `creating`
    Creating,
    /// `available`: a volume that is attached to nothing.
    Available,
    /// `in-use`
    InUse,
    /// `deleting`
    Deleting,
    /// `deleted`
    Deleted,
    /// `error`
    Error,
    /// A state that this version does not know, or that the document leaves out.
    Unknown,
}

impl State {
    /// Whether the instance is terminated or shutting down, or the volume is deleted or being deleted. Nothing comes back
    /// from these.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(
            self,
            Self::ShuttingDown | Self::Terminated | Self::Deleting | Self::Deleted
        )
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
            Self::Creating => "creating",
            Self::Available => "available",
            Self::InUse => "in-use",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Error => "error",
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
            "creating" => Self::Creating,
            "available" => Self::Available,
            "in-use" => Self::InUse,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "error" => Self::Error,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
            ("creating", State::Creating, false, false),
            ("available", State::Available, false, false),
            ("in-use", State::InUse, false, false),
            ("deleting", State::Deleting, false, true),
            ("deleted", State::Deleted, false, true),
            ("error", State::Error, false, false),
        ] {
            assert_eq!(State::from(name), state);
            assert_eq!((state.as_str(), state.to_string().as_str()), (name, name));
            assert_eq!((state.is_stopped(), state.is_gone()), (is_stopped, is_gone));
        }
        assert_eq!(State::from("hibernated"), State::Unknown);
        assert_eq!(State::Unknown.as_str(), "unknown");
    }
}

//! What is asked for: by an event, and of a run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::launcher::Launcher;

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRequest {
    /// Look at every instance in scope.
    Sweep,
    /// Look at these.
    Instances(Trigger, Vec<NamedInstance>),
    /// Look at these, but not before this moment.
    Later(DateTime<Utc>, Vec<NamedInstance>),
    /// These are not `NON_COMPLIANT` any more: what the ledger counts down for them is over.
    Settled(Vec<NamedInstance>),
    /// Nothing: the event is about something that needs no remedy. The text says what.
    Nothing(&'static str),
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// An instance became `NON_COMPLIANT`.
    ComplianceChange,
    /// AWS Config recorded a change of an instance.
    ConfigurationChange,
    /// Instances were launched.
    Launch,
    /// A person runs `tagwarden apply`.
    Person,
    /// Somebody, or Config's remediation, asks for instances by their ids.
    Request,
    /// A countdown's time has come.
    Countdown,
    /// A run that had no time left put the rest on the queue.
    Requeued {
        /// How many runs have passed it on.
        hops: u32,
    },
    /// The schedule asks for a sweep.
    Schedule,
}

/// An instance that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedInstance {
    /// `i-…`.
    pub id: String,
    /// Who launched it, where the event is the launch.
    pub launched_by: Option<String>,
}

/// What a run is to look at, and what is known of that beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRequest {
    pub(crate) target: Target,
    /// Who launched an instance, where the event says so.
    pub(crate) launchers: BTreeMap<String, Launcher>,
    /// When Lambda ends the function.
    pub(crate) deadline: Option<DateTime<Utc>>,
    /// What started the run.
    pub(crate) triggers: BTreeSet<Trigger>,
    /// Lambda's name of the invocation.
    pub(crate) request_id: String,
    /// The account of the instances, where it is known.
    pub(crate) account: Option<String>,
}

/// Which instances to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Every instance in scope.
    Fleet,
    /// The instances with these ids.
    Instances(BTreeSet<String>),
}

impl Trigger {
    /// The trigger's name, as the ledger stores it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ComplianceChange => "compliance-change",
            Self::ConfigurationChange => "configuration-change",
            Self::Launch => "launch",
            Self::Person => "apply",
            Self::Request => "request",
            Self::Countdown => "countdown",
            Self::Requeued { .. } => "rest",
            Self::Schedule => "schedule",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tagwarden history --trigger` takes these names, and older items have them.
    #[test]
    fn triggers_keep_their_stored_names() {
        let names = [
            Trigger::ComplianceChange,
            Trigger::ConfigurationChange,
            Trigger::Launch,
            Trigger::Person,
            Trigger::Request,
            Trigger::Countdown,
            Trigger::Requeued { hops: 1 },
            Trigger::Schedule,
        ]
        .map(Trigger::as_str);
        let stored = [
            "compliance-change",
            "configuration-change",
            "launch",
            "apply",
            "request",
            "countdown",
            "rest",
            "schedule",
        ];
        assert_eq!(names, stored);
    }
}

//! What is asked for: by an event, and of a run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::launcher::Launcher;
use crate::link::{ReportOrigin, Sender};

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
    Nothing(Cow<'static, str>),
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
        /// How many reports led to it: see [`Trigger::report_hops`].
        report_hops: u32,
    },
    /// Another tagwarden's report.
    Report {
        /// How many reports led to that one.
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
    /// Who runs it, as its report says.
    pub(crate) sender: Sender,
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
            // Stored as before there were links: older versions and their filters read it.
            Self::Request | Self::Report { .. } => "request",
            Self::Countdown => "countdown",
            Self::Requeued { .. } => "rest",
            Self::Schedule => "schedule",
        }
    }

    /// How many reports led to what this starts; 0 where it is no report.
    #[must_use]
    pub fn report_hops(self) -> u32 {
        match self {
            Self::Report { hops } => hops.saturating_add(1),
            Self::Requeued { report_hops, .. } => report_hops,
            _ => 0,
        }
    }
}

impl RunRequest {
    /// Where the run's report comes from. Where several things started it, the one to which the most reports led counts,
    /// so that a circle of linked functions ends.
    pub(crate) fn origin(&self) -> ReportOrigin {
        let hops = self.triggers.iter().map(|it| it.report_hops());
        ReportOrigin {
            sender: self.sender.clone(),
            hops: hops.max().unwrap_or_default(),
        }
    }

    /// Whether nothing but reports started the run.
    pub(crate) fn is_linked(&self) -> bool {
        !self.triggers.is_empty() && self.triggers.iter().all(|it| it.report_hops() > 0)
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
            Trigger::Requeued {
                hops: 1,
                report_hops: 0,
            },
            Trigger::Schedule,
            Trigger::Report { hops: 1 },
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
            "request",
        ];
        assert_eq!(names, stored);
    }
}

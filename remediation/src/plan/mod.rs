//! From findings to steps: what to do, what to leave for later, what to refuse.
//!
//! Pure: the policy, the instances as they are, who launched them, the settings and the present go in, a [`Plan`]
//! comes out. Whatever must never happen to an instance is decided here.
//!
//! | module | what it holds |
//! |---|---|
//! | `step` | [`Step`]: one [`Remedy`] for one [`Cause`] on one instance |
//! | `act` | [`Act`]: a step that changes an instance, and how far it got |
//! | `reason` | [`Reason`]: why a step is not taken |
//! | `outcome` | [`Outcome`]: what became of a step |
//! | `countdown` | [`Countdown`]: how long an instance has been stopped and untagged |
//! | `memory` | [`Memory`]: who launched a resource, and what tagwarden wrote to it |
//! | `planner` | [`plan()`]: which step each finding asks for, and what stands against it |

mod act;
mod countdown;
mod memory;
mod outcome;
mod planner;
mod reason;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::launcher::Launcher;

pub use act::{Act, ActState, RemedyName};
pub use countdown::Countdown;
pub use memory::Memory;
pub(crate) use memory::{TagClaim, rule_note};
pub use outcome::{Outcome, StepFailure};
pub use planner::{UNDEFINED, plan};
pub use reason::Reason;
pub use step::{Cause, Remedy, Step};

/// What to do, and what is settled without doing anything.
///
/// Holds the steps only. The instances of a large fleet would not fit in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tags to write, in the order of the instances and rules.
    pub tags: Vec<Act>,
    /// Stops and terminations by launch time and instance id: what runs longest comes first, at most one an instance.
    pub shutdowns: BTreeMap<(Option<DateTime<Utc>>, String), Act>,
    /// Steps that the report carries out by naming them.
    pub reported: Vec<Step>,
    /// Steps that are not taken, and why.
    pub settled: Vec<(Step, Outcome)>,
    /// What the ledger is to note of stopped, untagged instances once the report is published.
    pub countdowns: BTreeMap<String, Countdown>,
}

/// What is known of the instances beside what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanContext {
    /// Who launched those that lack a UserLookup tag. An instance that is not here was not looked up.
    pub launchers: BTreeMap<String, Launcher>,
    /// What the ledger notes of instances that are stopped and untagged.
    pub countdowns: BTreeMap<String, Countdown>,
    /// Those that EC2 refused to stop or terminate today: not tried again before tomorrow.
    pub protected: BTreeSet<String>,
    /// What is remembered of those that are untagged or lack a name or a date. Nothing is remembered of one that is not
    /// here.
    pub memories: BTreeMap<String, Memory>,
}

impl PlanContext {
    /// Whether tagwarden has ever tagged the instance with this id, as far as the ledger shows.
    #[must_use]
    pub fn was_tagged(&self, id: &str) -> bool {
        self.memories.get(id).is_some_and(Memory::was_tagged)
    }
}

impl Plan {
    /// Adds the plan of further instances.
    pub fn merge(&mut self, page: Self) {
        self.tags.extend(page.tags);
        self.shutdowns.extend(page.shutdowns);
        self.reported.extend(page.reported);
        self.settled.extend(page.settled);
        self.countdowns.extend(page.countdowns);
    }

    /// Whether there is nothing to do and nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests;

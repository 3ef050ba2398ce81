//! From findings to steps: what to do, what to leave for later, what to refuse.
//!
//! Pure: the policy, the instances as they are, who launched them, the settings and the present go in, a [`Plan`]
//! comes out. Whatever must never happen to an instance is decided here.
//!
//! | module | what it holds |
//! |---|---|
//! | `step` | [`Step`]: one [`Remedy`] for one [`Cause`] on one instance |
//! | `act` | [`Act`]: a step that changes an instance, and how far it got |
//! | `refusal` | [`Refusal`]: what EC2 refused to shut down |
//! | `reason` | [`Reason`]: why a step is not taken |
//! | `origin` | [`ValueOrigin`]: where the value of a tag comes from |
//! | `outcome` | [`Outcome`]: what became of a step |
//! | `check` | [`ShutdownCheck`]: what stands against a shutdown |
//! | `countdown` | [`Countdown`]: how long a reason for a shutdown has stood, and who was told |
//! | `host` | [`Host`]: an instance that volumes are attached to |
//! | `manager` | whether an instance has a manager, as far as the run knows |
//! | `mandate` | [`Mandate`]: what a run may do at most, because a person agreed to no more |
//! | `memory` | [`Memory`]: who launched a resource, and what tagwarden wrote to it |
//! | `sources` | [`SourceTags`]: the tags of subnets and VPCs, from which rules take values |
//! | `planner` | [`plan()`]: which step each finding asks for, and what stands against it |
//! | `prospect` | [`prospects`]: what becomes of an instance in the end |

mod act;
mod check;
mod countdown;
mod host;
mod manager;
mod mandate;
mod memory;
mod origin;
mod outcome;
mod planner;
mod prospect;
mod reason;
mod refusal;
mod sources;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::launcher::Launcher;

pub use act::{Act, ActState, RemedyName};
pub use check::ShutdownCheck;
pub(crate) use check::checks;
pub use countdown::{Countdown, CountdownName, CountdownReason};
pub(crate) use countdown::{CountdownStage, REMEMBERED, Terms};
pub use host::Host;
pub(crate) use host::{asks_hosts, launched_id};
pub(crate) use manager::manager_of;
pub use mandate::{Agreed, Focus, Mandate};
pub use memory::{Memory, RememberedTag, UNDEFINED};
pub(crate) use memory::{TagClaim, rule_note};
pub use origin::{UnknownOrigin, ValueOrigin};
pub use outcome::{Outcome, StepFailure};
pub(crate) use planner::ends_soon;
pub use planner::plan;
pub use prospect::{Awaited, Prospect, Prospects, prospects};
pub use reason::Reason;
pub use refusal::Refusal;
pub use sources::{SourceFailure, SourceTags};
pub use step::{Cause, Remedy, Step};

/// What to do, and what is settled without doing anything.
///
/// Holds the steps only. The instances of a large fleet would not fit in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tags to write, in the order of the instances and rules.
    pub tags: Vec<Act>,
    /// Stops and terminations: what has been due longest comes first, at most one an instance. Without a countdown,
    /// what runs longest.
    pub shutdowns: BTreeMap<(Option<DateTime<Utc>>, String), Act>,
    /// Steps that the report carries out by naming them.
    pub reported: Vec<Step>,
    /// Steps that are not taken, and why.
    pub settled: Vec<(Step, Outcome)>,
    /// The countdowns of `shutdowns`, by instance: an act begins only if its countdown is still as it was read.
    pub standing: BTreeMap<String, (CountdownName, Countdown)>,
    /// Countdowns that begin, are confirmed or are announced.
    pub countdowns: BTreeMap<CountdownName, CountdownChange>,
    /// The days that the report must name, so that the countdowns go on.
    pub notices: BTreeMap<CountdownName, DateTime<Utc>>,
    /// Countdowns whose reason is gone.
    pub gone: BTreeMap<CountdownName, Countdown>,
    /// How many instances each reason for a shutdown was found on.
    pub reasons: BTreeMap<CountdownReason, usize>,
    /// The tags that were not restored any more and that a person has set since: instance and key.
    pub resumed: BTreeSet<(String, String)>,
    /// Why no missing tag is to be believed, if anything has shown that.
    pub doubt: Option<Doubt>,
}

/// What becomes of a countdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountdownChange {
    /// What the ledger had; none where there was none.
    pub read: Option<Countdown>,
    /// What it is now.
    pub new: Countdown,
    /// Whether it begins, or starts over.
    pub has_begun: bool,
    /// When the instance must be looked at again, where no other run has arranged for that.
    pub next: Option<DateTime<Utc>>,
}

/// Why no missing tag is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// DescribeTags shows a tag that DescribeInstances left out.
    Disagree,
    /// DescribeTags could not be asked.
    Unconfirmed(String),
}

impl Doubt {
    /// What becomes of a shutdown for a missing tag.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::Deferred(match self {
            Self::Disagree => Reason::TagsDisagree,
            Self::Unconfirmed(why) => Reason::TagsUnconfirmed(why.clone()),
        })
    }
}

/// What is known of the instances beside what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanContext {
    /// Who launched those that lack a UserLookup tag. An instance that is not here was not looked up.
    pub launchers: BTreeMap<String, Launcher>,
    /// The countdowns of the instances, by instance.
    pub countdowns: BTreeMap<String, BTreeMap<CountdownName, Countdown>>,
    /// Those of them that this run has begun.
    pub begun: BTreeSet<CountdownName>,
    /// Why the countdowns are not known, if they are not. Nothing that needs one is shut down then.
    pub countdown_failure: Option<StepFailure>,
    /// Why no missing tag is to be believed, if there is a reason.
    pub doubt: Option<Doubt>,
    /// What EC2 refused to stop or terminate in the last days: not tried again for a day, and then after all others.
    pub refused: BTreeMap<(String, RemedyName), Refusal>,
    /// The Spot requests that launch no other instance, `sir-…`. A request that is not here may launch one.
    pub one_time_spot: BTreeSet<String>,
    /// When an exemption that cannot be read was first reported, by instance. One that is not here has not been
    /// reported: its protection counts from now.
    pub unreadable_exemptions: BTreeMap<String, DateTime<Utc>>,
    /// The tags of the subnets, VPCs and instances from which rules take values.
    pub sources: SourceTags,
    /// The instances that volumes with findings are attached to, by id; `None` for one that is gone. An instance that is
    /// not here was not looked at.
    pub hosts: BTreeMap<String, Option<Host>>,
    /// What is remembered of those that are untagged or lack a name or a date. Nothing is remembered of one that is not
    /// here.
    pub memories: BTreeMap<String, Memory>,
    /// The keys of the tags that are not restored any more, because somebody keeps removing them, by instance.
    pub paused: BTreeMap<String, BTreeSet<String>>,
    /// What the run may do at most; `None`: whatever the policy asks for.
    pub mandate: Option<Mandate>,
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
        self.standing.extend(page.standing);
        self.countdowns.extend(page.countdowns);
        self.notices.extend(page.notices);
        self.gone.extend(page.gone);
        self.resumed.extend(page.resumed);
        for (reason, count) in page.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// Settles the shutdowns for `reason` with `outcome`, and asks for no further look at them.
    pub(crate) fn withdraw(&mut self, reason: &CountdownReason, outcome: &Outcome) {
        let is_it = |act: &Act| CountdownReason::from(&act.step.cause) == *reason;
        let withdrawn: Vec<Act> = self
            .shutdowns
            .extract_if(.., |_, act| is_it(act))
            .map(|(_, act)| act)
            .collect();
        for act in withdrawn {
            self.standing.remove(act.instance_id());
            self.settled.push((act.step, outcome.clone()));
        }
        self.notices.retain(|name, _| name.reason != *reason);
    }

    /// Counts an instance on which `reason` was found.
    fn count(&mut self, reason: &CountdownReason) {
        match self.reasons.get_mut(reason) {
            Some(count) => *count += 1,
            None => {
                self.reasons.insert(reason.clone(), 1);
            }
        }
    }

    /// Refuses every act, because the policy has a hold for `reason`. What is only reported stays.
    ///
    /// No countdown begins, is confirmed or is announced. What is left for later is refused too, because no run does it
    /// under the hold.
    pub(super) fn hold(&mut self, reason: &str) {
        let refused = Outcome::Refused(Reason::Hold {
            reason: reason.to_owned(),
        });
        for (_, outcome) in &mut self.settled {
            if matches!(outcome, Outcome::Deferred(_)) {
                *outcome = refused.clone();
            }
        }
        let tags = std::mem::take(&mut self.tags);
        let shutdowns = std::mem::take(&mut self.shutdowns).into_values();
        let acts = tags.into_iter().chain(shutdowns);
        self.settled
            .extend(acts.map(|act| (act.step, refused.clone())));
        self.standing.clear();
        self.countdowns.clear();
        self.notices.clear();
    }

    /// Whether there is nothing to do and nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests;

//! From findings to steps: what to do, what to leave for later, what to refuse.
//!
//! Pure: the policy, the instances as they are, who launched them, the settings and the present go in, a [`Plan`]
//! comes out. Whatever must never happen to an instance is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, mem};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_core::{
    Defect, DefectName, Finding, Instance, Policy, RuleRemedy, Shutdown, assess, wording,
};

use crate::launcher::{Launcher, Unknown};
use crate::safeguard::Safeguard;
use crate::settings::{Mode, Settings, Untagged};

/// The value of a UserLookup tag when nobody can be found.
pub const UNDEFINED: &str = "Undefined";

/// The report tells so long before that a stopped instance will be terminated.
const NOTICE: TimeDelta = TimeDelta::days(1);

/// That an instance is still stopped and untagged is noted so often.
const SEEN: TimeDelta = TimeDelta::days(1);

/// One that was not seen so for this long counts anew: nobody knows what it was in between. Sweeps may be a week apart.
const SEEN_AGAIN: TimeDelta = TimeDelta::days(8);

/// One remedy for one finding on one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `i-…`.
    pub instance_id: String,
    /// What is wrong.
    pub cause: Cause,
    /// What to do about it.
    pub remedy: Remedy,
}

/// What is wrong with an instance: a [`Finding`] that outlives the policy it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No tags at all.
    Untagged,
    /// The tag of a rule is missing.
    Missing {
        /// The rule.
        rule_id: i64,
        /// Its tag.
        tag_key: String,
    },
    /// The tag of a rule is there, its value is empty.
    Empty {
        /// The rule.
        rule_id: i64,
        /// Its tag.
        tag_key: String,
    },
}

/// What to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Write the finding's tag.
    Tag {
        /// Its value.
        value: String,
        /// Why the value is [`UNDEFINED`], where it was to be a launcher's name.
        unknown: Option<Unknown>,
    },
    /// Write the finding's tag, once it is known who launched the instance.
    TagLauncher,
    /// Stop the instance.
    Stop {
        /// When it is to be terminated, if it stays stopped and untagged.
        terminate_on: Option<NaiveDate>,
    },
    /// Terminate the instance.
    Terminate,
    /// Report it.
    Notify,
}

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The instance is younger than the grace period. Deferred.
    Grace {
        /// How old it is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// CloudTrail could not be asked in the time there was. Deferred.
    LookUpUnfinished,
    /// The function's time was up. Deferred.
    NoTime,
    /// CloudTrail does not show the launch, which it may show minutes late. Deferred.
    LaunchNotShown {
        /// How old the instance is; `None` if EC2 does not say when it was launched.
        age: Option<TimeDelta>,
        /// How old it must be.
        grace: TimeDelta,
    },
    /// The policy changed while the run was on. Deferred.
    PolicyChanged,
    /// The run was told to end before it came to this. Deferred.
    Interrupted,
    /// The instance has an owner, who would replace it, for ever, or alone may end it. Refused.
    Owned {
        /// Such as `the Auto Scaling group web`.
        owner: String,
        /// Such as `which would replace it`: [`Manager::concern`](tagwarden_core::Manager::concern).
        concern: &'static str,
        /// What would last, such as `tag the group`: [`Manager::fix`](tagwarden_core::Manager::fix).
        fix: &'static str,
    },
    /// There is no ledger to write the act down in. Refused.
    NoLedger,
    /// As many instances as allowed in an hour have been stopped or terminated. Refused.
    Budget {
        /// How many are allowed.
        limit: usize,
    },
    /// It is stopped, and has not been for long enough to be terminated. Deferred.
    Stopped {
        /// When it will have been.
        terminate_on: NaiveDate,
    },
    /// EC2 refused so many of the run's instances that the others were not tried. Deferred.
    ManyProtected,
    /// The instance is protected against this. Refused.
    Protected,
    /// The instance does not exist any more. Refused.
    Vanished,
}

/// What to do, and what is settled without doing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps that write tags or only report, in the order of the instances and rules.
    pub steps: Vec<Step>,
    /// Stops and terminations, the longest running instance first; at most one an instance.
    pub destructive: Vec<Step>,
    /// Steps for later.
    pub deferred: Vec<(Step, Reason)>,
    /// Steps that must not be taken.
    pub refused: Vec<(Step, Reason)>,
    /// Steps that cannot be worked out, and why.
    pub failed: Vec<(Step, String)>,
    /// What the ledger is to note of stopped, untagged instances once the report is told.
    pub standstills: BTreeMap<String, Standstill>,
}

/// How long an instance has been stopped and untagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Standstill {
    /// Since when, without a break.
    pub since: DateTime<Utc>,
    /// When it was last seen so, to a day.
    #[serde(default)]
    pub seen_at: Option<DateTime<Utc>>,
    /// When the report last said that it will be terminated.
    #[serde(default)]
    pub reminded_at: Option<DateTime<Utc>>,
}

/// What is known of the instances besides what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Who launched those that lack a UserLookup tag; one that is not in it was not looked up.
    pub launchers: BTreeMap<String, Launcher>,
    /// What the ledger notes of instances that are stopped and untagged.
    pub standstills: BTreeMap<String, Standstill>,
    /// Those that EC2 refused to stop or terminate today: not tried again before tomorrow.
    pub protected: BTreeSet<String>,
}

/// Plans what `policy` wants done about `instances`.
#[must_use]
pub fn plan(
    policy: &Policy,
    settings: &Settings,
    instances: &[Instance],
    known: &Known,
    now: DateTime<Utc>,
) -> Plan {
    let planner = Planner {
        settings,
        known,
        now,
    };
    let mut plan = Plan::default();
    let mut by_age: Vec<&Instance> = instances.iter().collect();
    by_age.sort_by_key(|instance| (instance.launched_at, &instance.id));
    for instance in by_age {
        let assessment = assess(policy, &settings.policy.scope, instance, now);
        if assessment.is_untagged {
            planner.plan_untagged(instance, &mut plan);
            continue;
        }
        for finding in &assessment.findings {
            planner.plan_finding(instance, finding, &mut plan);
        }
    }
    plan
}

struct Planner<'a> {
    settings: &'a Settings,
    known: &'a Known,
    now: DateTime<Utc>,
}

impl Planner<'_> {
    /// Plans the one remedy for an instance without any tags, which replaces those of the rules.
    fn plan_untagged(&self, instance: &Instance, plan: &mut Plan) {
        let step = |remedy| Step {
            instance_id: instance.id.clone(),
            cause: Cause::Untagged,
            remedy,
        };
        match self.settings.untagged {
            Untagged::Terminate => self.end(instance, step(Remedy::Terminate), plan),
            Untagged::Stop => self.stop_first(instance, &step, plan),
            Untagged::Notify => plan.steps.push(step(Remedy::Notify)),
        }
    }

    fn plan_finding(&self, instance: &Instance, finding: &Finding<'_>, plan: &mut Plan) {
        let step = |remedy| Step {
            instance_id: instance.id.clone(),
            cause: finding.into(),
            remedy,
        };
        let write = |value: String| {
            step(Remedy::Tag {
                value,
                unknown: None,
            })
        };
        let Some(remedy) = finding.rule.remedy(finding.defect.name()) else {
            return;
        };
        match remedy {
            RuleRemedy::Write(value) => plan.steps.push(write(value.to_owned())),
            RuleRemedy::WriteFunction(function) => {
                plan.steps.push(write(function.value(self.now)));
            }
            RuleRemedy::WriteLauncher => self.tag_launcher(instance, &step, plan),
            RuleRemedy::Report => plan.steps.push(step(Remedy::Notify)),
            RuleRemedy::ShutDown(Shutdown::Stop) => {
                let terminate_on = None;
                self.end(instance, step(Remedy::Stop { terminate_on }), plan);
            }
            RuleRemedy::ShutDown(Shutdown::Terminate) => {
                self.end(instance, step(Remedy::Terminate), plan);
            }
        }
    }

    fn tag_launcher(&self, instance: &Instance, step: &dyn Fn(Remedy) -> Step, plan: &mut Plan) {
        let waiting = || step(Remedy::TagLauncher);
        let undefined = |unknown| {
            step(Remedy::Tag {
                value: UNDEFINED.to_owned(),
                unknown: Some(unknown),
            })
        };
        match self.known.launchers.get(&instance.id) {
            Some(Launcher::Known(name)) => plan.steps.push(step(Remedy::Tag {
                value: name.clone(),
                unknown: None,
            })),
            // CloudTrail shows a launch minutes after it happened.
            Some(Launcher::Nobody) => match self.within_grace(instance) {
                Some(Reason::Grace { age, grace }) => {
                    let reason = Reason::LaunchNotShown { age, grace };
                    plan.deferred.push((waiting(), reason));
                }
                Some(reason) => plan.deferred.push((waiting(), reason)),
                None => plan.steps.push(undefined(Unknown::NotRecorded)),
            },
            Some(Launcher::TooOld) => plan.steps.push(undefined(Unknown::TooOld)),
            Some(Launcher::Failed(why)) => plan.failed.push((waiting(), why.clone())),
            None => plan.deferred.push((waiting(), Reason::LookUpUnfinished)),
        }
    }

    /// Stops an untagged instance, and terminates it once it has been stopped and untagged for long enough.
    fn stop_first(&self, instance: &Instance, step: &dyn Fn(Remedy) -> Step, plan: &mut Plan) {
        let due = |since: DateTime<Utc>| since.checked_add_signed(self.settings.terminate_after?);
        if !instance.state.is_stopped() {
            let terminate_on = due(self.now).map(|due| due.date_naive());
            return self.end(instance, step(Remedy::Stop { terminate_on }), plan);
        }
        let now = self.now;
        let noted = self.known.standstills.get(&instance.id).copied();
        let noted = noted.filter(|noted| noted.holds(instance, now));
        let Some(due) = due(noted.map_or(now, |noted| noted.since)) else {
            return;
        };
        let Some(noted) = noted else {
            plan.standstills
                .insert(instance.id.clone(), Standstill::begun(now));
            return stays_stopped(step, due, plan);
        };
        let seen = Standstill {
            seen_at: Some(now),
            ..noted
        };
        if due - now > NOTICE {
            if now - noted.seen_at() > SEEN {
                plan.standstills.insert(instance.id.clone(), seen);
            }
            return;
        }
        match noted.reminded_at.filter(|at| now - *at <= SEEN_AGAIN) {
            Some(reminded_at) if due <= now && now - reminded_at >= NOTICE => {
                self.end(instance, step(Remedy::Terminate), plan);
            }
            Some(reminded_at) => stays_stopped(step, due.max(after_notice(reminded_at)), plan),
            None => {
                let reminded = Standstill {
                    reminded_at: Some(now),
                    ..seen
                };
                plan.standstills.insert(instance.id.clone(), reminded);
                stays_stopped(step, due.max(after_notice(now)), plan);
            }
        }
    }

    /// Plans a stop or a termination, unless something stands against it.
    fn end(&self, instance: &Instance, step: Step, plan: &mut Plan) {
        let is_stop = matches!(step.remedy, Remedy::Stop { .. });
        if is_stop && instance.state.is_stopped() {
            return;
        }
        let owner = instance.manager();
        if let Some(owner) = owner.filter(|_| self.holds(Safeguard::Owner)) {
            let reason = Reason::Owned {
                owner: owner.to_string(),
                concern: owner.concern(),
                fix: owner.fix(),
            };
            plan.refused.push((step, reason));
        } else if self.settings.mode == Mode::Enforce && self.settings.ledger_table.is_none() {
            plan.refused.push((step, Reason::NoLedger));
        } else if let Some(reason) = self.within_grace(instance) {
            plan.deferred.push((step, reason));
        } else if self.known.protected.contains(&instance.id) {
            plan.refused.push((step, Reason::Protected));
        } else if let Some(planned) = plan
            .destructive
            .last_mut()
            .filter(|planned| planned.instance_id == step.instance_id)
        {
            // Two rules want the instance ended: once is enough, and termination is what both allow.
            if !is_stop {
                *planned = step;
            }
        } else {
            plan.destructive.push(step);
        }
    }

    fn holds(&self, safeguard: Safeguard) -> bool {
        self.settings.safeguards.hold(safeguard)
    }

    fn within_grace(&self, instance: &Instance) -> Option<Reason> {
        let grace = self.settings.grace;
        let age = instance
            .launched_at
            .map(|launched_at| self.now.signed_duration_since(launched_at));
        match age {
            Some(age) if age >= grace => None,
            _ if !self.holds(Safeguard::Grace) => None,
            age => Some(Reason::Grace { age, grace }),
        }
    }
}

fn after_notice(told_at: DateTime<Utc>) -> DateTime<Utc> {
    told_at.checked_add_signed(NOTICE).unwrap_or(told_at)
}

/// Leaves the termination of a stopped instance until then.
fn stays_stopped(step: &dyn Fn(Remedy) -> Step, until: DateTime<Utc>, plan: &mut Plan) {
    let terminate_on = until.date_naive();
    let reason = Reason::Stopped { terminate_on };
    plan.deferred.push((step(Remedy::Terminate), reason));
}

impl Plan {
    /// Whether there is nothing to do and nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Standstill {
    /// One that begins at `now`.
    pub(crate) fn begun(now: DateTime<Utc>) -> Self {
        Self {
            since: now,
            seen_at: Some(now),
            reminded_at: None,
        }
    }

    /// Whether the instance, stopped and untagged at `now`, has been so all the time.
    fn holds(&self, instance: &Instance, now: DateTime<Utc>) -> bool {
        let is_started_since = instance.started_at.is_some_and(|at| at > self.since);
        !is_started_since && now - self.seen_at() <= SEEN_AGAIN
    }

    fn seen_at(&self) -> DateTime<Utc> {
        self.seen_at.unwrap_or(self.since)
    }
}

impl Step {
    /// Whether both want the same done to the same instance for the same cause.
    #[must_use]
    pub fn is_same_act(&self, other: &Self) -> bool {
        self.instance_id == other.instance_id
            && self.cause == other.cause
            && mem::discriminant(&self.remedy) == mem::discriminant(&other.remedy)
    }
}

impl Cause {
    /// The tag that is missing or empty.
    #[must_use]
    pub fn tag_key(&self) -> Option<&str> {
        match self {
            Self::Untagged => None,
            Self::Missing { tag_key, .. } | Self::Empty { tag_key, .. } => Some(tag_key),
        }
    }

    /// The rule that found it.
    #[must_use]
    pub fn rule_id(&self) -> Option<i64> {
        match self {
            Self::Untagged => None,
            Self::Missing { rule_id, .. } | Self::Empty { rule_id, .. } => Some(*rule_id),
        }
    }
}

impl Cause {
    /// What is wrong with the tag; `None` for an instance without any.
    #[must_use]
    pub fn defect(&self) -> Option<DefectName> {
        match self {
            Self::Untagged => None,
            Self::Missing { .. } => Some(DefectName::Missing),
            Self::Empty { .. } => Some(DefectName::Empty),
        }
    }
}

impl fmt::Display for Cause {
    /// `no tags found`, or `missing tag ProjectCode (rule 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.defect(), self.tag_key(), self.rule_id()) {
            (Some(defect), Some(tag_key), Some(rule_id)) => {
                f.write_str(&wording::rule_defect(defect, tag_key, rule_id))
            }
            _ => f.write_str(wording::UNTAGGED),
        }
    }
}

impl From<&Finding<'_>> for Cause {
    fn from(finding: &Finding<'_>) -> Self {
        let (rule_id, tag_key) = (finding.rule.id, finding.rule.tag_key.clone());
        match finding.defect {
            Defect::Missing { .. } => Self::Missing { rule_id, tag_key },
            Defect::Empty => Self::Empty { rule_id, tag_key },
        }
    }
}

impl Reason {
    /// The reason's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Grace { .. } => "grace",
            Self::LookUpUnfinished => "look-up-unfinished",
            Self::NoTime => "no-time",
            Self::LaunchNotShown { .. } => "launch-not-shown",
            Self::PolicyChanged => "policy-changed",
            Self::Interrupted => "interrupted",
            Self::Owned { .. } => "owned",
            Self::NoLedger => "no-ledger",
            Self::Budget { .. } => "budget",
            Self::Stopped { .. } => "stopped",
            Self::ManyProtected => "many-protected",
            Self::Protected => "protected",
            Self::Vanished => "vanished",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grace {
                age: Some(age),
                grace,
            } => write!(
                f,
                "launched {} minutes ago, the grace period is {} minutes",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::Grace { age: None, .. } => f.write_str("EC2 does not say when it was launched"),
            Self::LookUpUnfinished => {
                f.write_str("there was no time left to ask CloudTrail who launched it")
            }
            Self::LaunchNotShown {
                age: Some(age),
                grace,
            } => write!(
                f,
                "CloudTrail does not show its launch of {} minutes ago yet, and has until {} minutes after it",
                age.num_minutes(),
                grace.num_minutes()
            ),
            Self::LaunchNotShown { age: None, .. } => f.write_str(
                "CloudTrail does not show its launch yet, and EC2 does not say when it was launched",
            ),
            Self::NoTime => f.write_str("there was no time left for it"),
            Self::PolicyChanged => f.write_str("the policy changed during the run"),
            Self::Interrupted => f.write_str("the run was ended before it came to it"),
            Self::Owned {
                owner,
                concern,
                fix,
            } => write!(f, "it belongs to {owner}, {concern}: {fix}"),
            Self::NoLedger => f.write_str("no ledger table is configured (TAGWARDEN_LEDGER_TABLE)"),
            Self::Budget { limit } => write!(
                f,
                "the limit of {limit} stops and terminations an hour is reached (TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR)"
            ),
            Self::Stopped { terminate_on } => write!(
                f,
                "it is stopped, and will be terminated on {terminate_on} unless it is tagged"
            ),
            Self::ManyProtected => {
                f.write_str("too many others turned out to be protected in this run")
            }
            Self::Protected => f.write_str("the instance is protected against it"),
            Self::Vanished => f.write_str("the instance does not exist any more"),
        }
    }
}

#[cfg(test)]
mod tests;

//! A plan in a file: what a person looked at, for `tagwarden apply` to do that and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tagwarden_core::{DefectName, Policy, Resource, Shutdown};
use tagwarden_remediation::Settings;
use tagwarden_remediation::plan::{
    Agreed, CountdownName, CountdownReason, Focus, Outcome, Remedy, RemedyName, Step, ValueOrigin,
};
use tagwarden_remediation::report::Entry;
use tagwarden_remediation::settings::{RulesMayDestroy, Untagged};

use crate::digest::sha256;
use crate::exit::CommandError;
use crate::forecast::inputs::Inputs;
use crate::forecast::{StepGroup, effect};
use crate::save::save;
use crate::stream;
use crate::when::rfc3339;
use crate::words::{duration, on_one_line};

/// What the document is, for whoever finds it.
const KIND: &str = "tagwarden-plan";

/// The version of the document. It grows when a member is removed or changes its meaning.
const VERSION: u32 = 1;

/// How old a plan may be that shuts instances down.
pub const SHUTDOWNS_WITHIN: TimeDelta = TimeDelta::hours(24);

/// How much the clocks of two machines may differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// The account and Region of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanPlace {
    /// The account's number; `None` where it was not known.
    pub account: Option<String>,
    pub region: String,
    pub policy_table: String,
}

impl PlanPlace {
    /// Where `inputs` come from.
    pub fn of(inputs: &Inputs) -> Self {
        Self {
            account: inputs
                .access
                .as_ref()
                .and_then(|access| access.account.clone().ok()),
            region: inputs.from.clone(),
            policy_table: inputs.policy.settings.policy.policy_table.clone(),
        }
    }
}

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    kind: String,
    version: u32,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    place: PlanPlace,
    /// Of the policy's rules: two policies with the same rules have the same.
    policy_fingerprint: String,
    /// The settings that decide what is planned, by option.
    settings: BTreeMap<String, String>,
    pub steps: Vec<SavedStep>,
}

/// A change that the plan has: the members that it shares with a step of a report have the same names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedStep {
    pub instance_id: String,
    pub finding: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_key: Option<String>,
    pub remedy: RemedyName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_value: Option<String>,
    /// Where the value of the tag comes from. Older versions did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_origin: Option<String>,
    /// The end date that a shutdown is for, as the tag had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Why a shutdown must wait, where it must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl SavedPlan {
    /// The plan of `entries`, each with its instance, made at `at`.
    pub fn new<'e>(
        at: DateTime<Utc>,
        place: PlanPlace,
        policy: &Policy,
        settings: &Settings,
        entries: impl Iterator<Item = (&'e Resource, &'e Entry)>,
    ) -> Self {
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            // As other documents write it.
            at: at.trunc_subsecs(3),
            place,
            policy_fingerprint: fingerprint(policy),
            settings: decisive(settings),
            steps: entries
                .filter_map(|(instance, entry)| SavedStep::of_instance(instance, entry))
                .collect(),
        }
    }

    /// Writes the plan to a new file, or over an older plan.
    ///
    /// # Errors
    /// It cannot be written, or the file is something else.
    pub fn write(&self, path: &Path) -> Result<(), CommandError> {
        if stream::is_stream(path) {
            return Err(CommandError::misused(
                &"the plan cannot be saved to standard output, where it is shown",
                "Name a file with --save. --output json writes the plan to standard output.",
            ));
        }
        let is_plan = || Self::read(path).is_ok();
        let is_new = !path.exists();
        if !is_new && !is_plan() {
            return Err(CommandError::new(
                &format!("{} exists and is not a saved plan", path.display()),
                "The plan was not saved. Name another file.",
            ));
        }
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        save(path, &text, !is_new).map_err(|error| {
            CommandError::new(
                &format!("{} cannot be written: {error}", path.display()),
                "The plan was not saved. Check the folder.",
            )
        })
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// It cannot be read, or is not a plan that this version understands.
    pub fn read(path: &Path) -> Result<Self, CommandError> {
        const AGAIN: &str = "Save a plan with `tagwarden plan --save FILE`.";
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            version: u32,
        }
        let name = stream::name(path);
        let error = |what: String| CommandError::new(&format!("{name}: {what}"), AGAIN);
        let text = stream::read(path).map_err(|it| error(format!("it cannot be read: {it}")))?;
        let not_a_plan = |it: serde_json::Error| error(format!("it is not a saved plan: {it}"));
        let head: Head = serde_json::from_str(&text).map_err(not_a_plan)?;
        if head.kind != KIND {
            return Err(error(format!("it is not a saved plan: {:?}", head.kind)));
        }
        if head.version != VERSION {
            return Err(error(format!(
                "another tagwarden has written it (version {} of the document, this one reads {VERSION})",
                head.version
            )));
        }
        let plan: Self = serde_json::from_str(&text).map_err(not_a_plan)?;
        match plan.steps.iter().find(|step| !step.is_sound()) {
            None => Ok(plan),
            Some(step) => Err(error(format!(
                "it has a step that no plan has: {} of {}",
                step.remedy.as_str(),
                on_one_line(&step.instance_id)
            ))),
        }
    }

    /// Makes sure that the plan is one of `place`, under `policy` and `settings` as they are now.
    ///
    /// # Errors
    /// The plan is stale; the error says why.
    pub fn check(
        &self,
        place: &PlanPlace,
        policy: &Policy,
        settings: &Settings,
    ) -> Result<(), CommandError> {
        let mut what_next =
            "Nothing was done. Make a new plan: tagwarden plan --save FILE.".to_owned();
        let (then, now) = (&self.place, place);
        let account = |it: &PlanPlace| it.account.clone().unwrap_or_else(|| "?".to_owned());
        let why = if now.account.is_none() {
            "it is not known which account these credentials are of".to_owned()
        } else if then.account != now.account {
            let (then, now) = (account(then), account(now));
            format!("it is of the account {then}, and these credentials are of {now}")
        } else if then.region != now.region {
            format!("it is of {}, and this is {}", then.region, now.region)
        } else if then.policy_table != now.policy_table {
            let (then, now) = (&then.policy_table, &now.policy_table);
            format!("it goes by the policy table {then}, and this is {now}")
        } else if self.policy_fingerprint != fingerprint(policy) {
            "the policy has changed since".to_owned()
        } else if let Some((name, then, now)) = self.changed_setting(settings) {
            "Nothing was done. Give the same settings, or make a new plan: tagwarden plan --save FILE."
                .clone_into(&mut what_next);
            format!("it was made with --{name} {then}, and this is --{name} {now}")
        } else {
            return Ok(());
        };
        Err(CommandError::new(
            &format!("the plan is stale: {why}"),
            what_next,
        ))
    }

    fn changed_setting(&self, settings: &Settings) -> Option<(String, String, String)> {
        let now = decisive(settings);
        let changed = now
            .iter()
            .find(|(name, now)| self.settings.get(*name) != Some(now));
        let (name, now) = changed?;
        let then = self.settings.get(name).map_or("?", String::as_str);
        Some((name.clone(), then.to_owned(), now.clone()))
    }

    /// How old the plan is at `now`.
    pub fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        (now - self.at).max(TimeDelta::zero())
    }

    /// Whether the plan is too old for its shutdowns at `now`. The age of a plan from the future is not known.
    pub fn is_too_old(&self, now: DateTime<Utc>) -> bool {
        self.age(now) > SHUTDOWNS_WITHIN || self.at > now + CLOCKS_DIFFER
    }

    /// What the plan allows at `now`.
    pub fn agreed(&self, now: DateTime<Utc>) -> Agreed {
        let mut agreed = Agreed::default();
        for step in &self.steps {
            match (step.countdown(), &step.tag_key, &step.tag_value) {
                (Some(name), ..) if !self.is_too_old(now) => {
                    let date = step.date.iter();
                    agreed
                        .dates
                        .extend(date.map(|date| (name.clone(), date.clone())));
                    agreed.shutdowns.insert(name);
                }
                (None, Some(key), Some(value)) => {
                    let name = (step.instance_id.clone(), key.clone());
                    let origin = step.value_origin.as_deref();
                    let origin: Option<ValueOrigin> = origin.and_then(|it| it.parse().ok());
                    if origin.is_some_and(|it| !it.is_function()) {
                        agreed.fixed.insert(name.clone());
                    }
                    agreed.tags.insert(name, value.clone());
                }
                _ => {}
            }
        }
        agreed
    }

    /// `of 2026-11-23 12:00 UTC, 3 hours old`.
    pub fn when(&self, now: DateTime<Utc>) -> String {
        let age = self.age(now);
        let age = if age >= TimeDelta::days(2) {
            duration(TimeDelta::days(age.num_days()))
        } else if age >= TimeDelta::hours(2) {
            duration(TimeDelta::hours(age.num_hours()))
        } else {
            duration(age)
        };
        format!("of {} UTC, {age} old", self.at.format("%Y-%m-%d %H:%M"))
    }

    /// When it was made, for JSON documents.
    pub fn time(&self) -> String {
        rfc3339(self.at)
    }
}

impl SavedStep {
    /// The change of `instance` that `entry` would be; `None` if it would be none.
    fn of_instance(instance: &Resource, entry: &Entry) -> Option<Self> {
        Some(Self {
            date: end_date(&entry.step, instance),
            ..Self::of(entry)?
        })
    }

    /// The same, without the end date that it may be for.
    pub fn of(entry: &Entry) -> Option<Self> {
        let is_change = matches!(
            effect(entry),
            StepGroup::Tag | StepGroup::Stop | StepGroup::Terminate
        );
        let is_known = !matches!(
            entry.step.remedy,
            Remedy::TagLauncher | Remedy::TagFromSource { .. }
        );
        let remedy = RemedyName::of(&entry.step.remedy).filter(|_| is_change && is_known)?;
        Some(Self {
            instance_id: entry.step.instance_id.clone(),
            finding: entry.step.cause.name().to_owned(),
            tag_key: entry.step.cause.tag_key().map(ToOwned::to_owned),
            remedy,
            tag_value: entry.tag_value().map(ToOwned::to_owned),
            value_origin: entry.origin().map(ToString::to_string),
            date: None,
            reason: match entry.outcome {
                Outcome::WouldDo => None,
                _ => entry.outcome.reason(),
            },
        })
    }

    /// What counts the shutdown down; `None` if the step is not a shutdown.
    pub fn countdown(&self) -> Option<CountdownName> {
        let shutdown = match self.remedy {
            RemedyName::Stop => Shutdown::Stop,
            RemedyName::Terminate => Shutdown::Terminate,
            RemedyName::Tag | RemedyName::Untag => return None,
        };
        let reason = match &self.tag_key {
            None => CountdownReason::Untagged,
            Some(key) => CountdownReason::Tag {
                defect: DefectName::from_name(&self.finding)?,
                key: key.clone(),
            },
        };
        Some(CountdownName {
            instance_id: self.instance_id.clone(),
            shutdown,
            reason,
        })
    }

    /// Whether `focus` asks for it.
    pub fn is_in(&self, focus: &Focus) -> bool {
        let has_key = || {
            let key = self.tag_key.as_ref();
            key.is_some_and(|key| focus.tag_keys.contains(key))
        };
        (focus.instances.is_empty() || focus.instances.contains(&self.instance_id))
            && (focus.tag_keys.is_empty() || has_key())
            && (focus.remedies.is_empty() || focus.remedies.contains(&self.remedy))
    }

    fn is_sound(&self) -> bool {
        match self.remedy {
            RemedyName::Tag => self.tag_key.is_some() && self.tag_value.is_some(),
            RemedyName::Stop | RemedyName::Terminate => self.countdown().is_some(),
            RemedyName::Untag => false,
        }
    }
}

/// The end date of `instance` that `step` shuts it down for, as its tag has it; `None` for another step.
pub fn end_date(step: &Step, instance: &Resource) -> Option<String> {
    let is_expired = step.cause.defect() == Some(DefectName::Expired);
    let key = step
        .cause
        .tag_key()
        .filter(|_| is_expired && step.remedy.is_shutdown())?;
    instance.tags.get(key).cloned()
}

/// Of the rules, whatever a rule consists of.
fn fingerprint(policy: &Policy) -> String {
    sha256(&format!("{:?}", policy.rules()))
}

/// The settings that decide what is planned and when it is done.
fn decisive(settings: &Settings) -> BTreeMap<String, String> {
    let days = settings.terminate_after.map_or(0, |it| it.num_days());
    let vpcs: Vec<&str> = settings.policy.scope.vpc_ids().collect();
    let untagged = match settings.untagged {
        Untagged::Terminate => "terminate",
        Untagged::Stop => "stop",
        Untagged::Notify => "notify",
    };
    let rules = match settings.rules_may_destroy {
        RulesMayDestroy::No => "no",
        RulesMayDestroy::Stop => "stop",
        RulesMayDestroy::StopAndTerminate => "stop-and-terminate",
    };
    [
        ("untagged", untagged.to_owned()),
        ("rules-may-destroy", rules.to_owned()),
        ("grace-minutes", settings.grace.num_minutes().to_string()),
        ("notice-hours", settings.notice.num_hours().to_string()),
        ("terminate-after-days", days.to_string()),
        ("vpc-ids", vpcs.join(",")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

//! What a person agrees to, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Resource, Verdict};
use tagwarden_remediation::plan::{Agreed, CountdownName, Outcome, Reason, Remedy, RemedyName};
use tagwarden_remediation::report::Entry;

use crate::forecast::{Forecast, InstanceForecast};
use crate::saved_plan::{SHUTDOWNS_WITHIN, SavedPlan, SavedStep, end_date};
use crate::words::{duration, on_one_line, printable_line};

/// A change that was planned and is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedStep {
    #[serde(flatten)]
    step: SavedStep,
    /// Why not.
    reason: String,
}

impl SkippedStep {
    fn new(step: &SavedStep, reason: String) -> Self {
        Self {
            step: SavedStep {
                reason: None,
                ..step.clone()
            },
            reason,
        }
    }

    /// `i-…: tag Owner = "ann": the instance has the tag`.
    pub fn line(&self) -> String {
        let SavedStep {
            instance_id,
            tag_key,
            remedy,
            tag_value,
            ..
        } = &self.step;
        let id = on_one_line(instance_id);
        let what = match (remedy, tag_key, tag_value) {
            (RemedyName::Tag, Some(key), Some(value)) => {
                format!("tag {} = {value:?}", on_one_line(key))
            }
            _ => remedy.as_str().to_owned(),
        };
        format!("{id}: {what}: {}", printable_line(&self.reason))
    }
}

/// What a run may do, because these entries of `instances` were shown: what they would do now. What they count down may
/// begin.
pub fn agreed(shown: &[Entry], instances: &[Resource]) -> Agreed {
    let by_id: BTreeMap<&str, &Resource> =
        instances.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut agreed = Agreed::default();
    for entry in shown {
        match (
            &entry.outcome,
            &entry.step.remedy,
            CountdownName::of(&entry.step),
        ) {
            (Outcome::WouldDo, Remedy::Tag { value, origin, .. }, _) => {
                if let Some(key) = entry.step.cause.tag_key() {
                    let name = (entry.step.instance_id.clone(), key.to_owned());
                    if origin.as_ref().is_some_and(|it| !it.is_function()) {
                        agreed.fixed.insert(name.clone());
                    }
                    agreed.tags.insert(name, value.clone());
                }
            }
            // What the budget held back was shown as a shutdown too. It takes the place of what EC2 refuses.
            (Outcome::WouldDo | Outcome::Refused(Reason::Budget { .. }), _, Some(name)) => {
                let instance = by_id.get(entry.step.instance_id.as_str());
                let date = instance.and_then(|it| end_date(&entry.step, it));
                agreed.dates.extend(date.map(|date| (name.clone(), date)));
                agreed.shutdowns.insert(name);
            }
            (Outcome::Refused(why), _, Some(name)) => {
                agreed.refused.insert(name, why.clone());
            }
            (outcome, _, Some(name)) if outcome.only_delays() => {
                agreed.countdowns.insert(name);
            }
            _ => {}
        }
    }
    agreed
}

/// Takes what is not in the plan out of `entries`. Gives how much that is.
pub fn leave_out(entries: &mut Vec<Entry>) -> usize {
    let before = entries.len();
    entries.retain(|entry| !is_left_out(entry));
    before - entries.len()
}

/// Whether the step was left out because nobody has agreed to it.
pub fn is_left_out(entry: &Entry) -> bool {
    entry.outcome == Outcome::Deferred(Reason::NotInPlan)
}

/// Those of the steps of `saved` that are not done, because they are not true any more. `live` is what the look of now
/// shows, with what is not in the plan.
pub fn skipped(
    saved: &SavedPlan,
    steps: &[&SavedStep],
    live: &Forecast<'_>,
    now: DateTime<Utc>,
) -> Vec<SkippedStep> {
    let steps = steps.iter().filter_map(|step| {
        if step.countdown().is_some() && saved.is_too_old(now) {
            let reason = format!("the plan is older than {}", duration(SHUTDOWNS_WITHIN));
            return Some(SkippedStep::new(step, reason));
        }
        let reason = match live.instances.get(step.instance_id.as_str()) {
            Some(forecast) => why_not(step, forecast)?,
            None => "the instance is not there any more, or out of scope".to_owned(),
        };
        Some(SkippedStep::new(step, reason))
    });
    steps.collect()
}

/// Why `step` is not done; `None` if it is, or is only delayed.
fn why_not(step: &SavedStep, forecast: &InstanceForecast<'_>) -> Option<String> {
    let is_same = |entry: &&Entry| {
        RemedyName::of(&entry.step.remedy) == Some(step.remedy)
            && entry.step.cause.tag_key() == step.tag_key.as_deref()
            && (step.countdown().is_none() || CountdownName::of(&entry.step) == step.countdown())
    };
    if let Some(entry) = forecast.entries.iter().find(is_same) {
        return match (&entry.outcome, entry.tag_value()) {
            (Outcome::WouldDo, _) => None,
            (Outcome::Deferred(Reason::NotInPlan), Some(value)) => {
                Some(format!("its value would be {value:?} now"))
            }
            (outcome, None) if outcome.only_delays() => None,
            (outcome, _) => outcome.reason(),
        };
    }
    if let Verdict::NotApplicable(_) = forecast.assessment.verdict {
        let why = forecast.annotation();
        return Some(why.unwrap_or_else(|| "the policy does not apply to the instance".to_owned()));
    }
    let tag = step.tag_key.as_ref();
    let value = tag.and_then(|key| forecast.instance.tags.get(key));
    Some(match value {
        Some(value) if !is_blank(value) => format!("the tag is {value:?} now"),
        _ => "it is not asked for any more".to_owned(),
    })
}

/// What `shown` would have done and `done` says nothing of: it was not true any more when the run came to it.
pub fn spared(shown: &[Entry], done: &[Entry]) -> Vec<SkippedStep> {
    let would_do = shown.iter().filter(|it| it.outcome == Outcome::WouldDo);
    let name = |entry: &Entry| {
        let key = entry.step.cause.tag_key().map(ToOwned::to_owned);
        let remedy = RemedyName::of(&entry.step.remedy);
        (entry.step.instance_id.clone(), key, remedy)
    };
    let told: BTreeSet<_> = done.iter().map(name).collect();
    let untold = would_do.filter(|entry| !told.contains(&name(entry)));
    let steps = untold.filter_map(SavedStep::of);
    steps
        .map(|step| {
            let reason = "it has changed since the plan was shown";
            SkippedStep::new(&step, reason.to_owned())
        })
        .collect()
}

//! Steps in words: what is done, to which instances, and why. Like steps share one row.

use std::collections::BTreeMap;

use tagwarden_core::DefectName;
use tagwarden_remediation::plan::{Outcome, Reason, Remedy};
use tagwarden_remediation::report::Entry;

use super::{InstanceForecast, StepGroup};
use crate::words::{self, on_one_line, printable_line};

/// The most like steps that have a row each. More of them share one row.
const MOST_ALIKE: usize = 5;

/// The most characters of an instance's name that are shown.
const NAME_CHARS: usize = 32;

/// One thing to do, and to which instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForecastRow {
    pub mark: Mark,
    pub what: String,
    /// One instance, or on two lines the number of instances and the first of them.
    pub instances: String,
    pub why: String,
}

/// What a step does to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It adds something.
    Add,
    /// It changes something.
    Change,
    /// It ends something.
    End,
    /// It leaves everything as it is.
    Nothing,
}

impl Mark {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::End => "-",
            Self::Nothing => " ",
        }
    }
}

/// The rows of one group, in the order of the first instance of each. With `all`, each instance has a row.
pub fn rows(forecasts: &[&InstanceForecast<'_>], group: StepGroup, all: bool) -> Vec<ForecastRow> {
    let steps = forecasts.iter().flat_map(|forecast| {
        let entries = forecast.entries_in(group);
        entries.map(|entry| ((mark(group, entry), what(entry), why(entry)), *forecast))
    });
    merge_alike(steps, all)
        .into_iter()
        .map(|((mark, what, why), instances)| ForecastRow {
            mark,
            // The group's title says that these are tags.
            what: match what.strip_prefix("tag ") {
                Some(tag) if group == StepGroup::Tag => tag.to_owned(),
                _ => what,
            },
            instances,
            why,
        })
        .collect()
}

/// Merges the instances that have the same key into one row, and names them. With `all`, each instance has a row.
pub fn merge_alike<'f, 'i, K: Clone + Ord>(
    keyed: impl Iterator<Item = (K, &'f InstanceForecast<'i>)>,
    all: bool,
) -> Vec<(K, String)>
where
    'i: 'f,
{
    let mut order: Vec<K> = Vec::new();
    let mut same: BTreeMap<K, Vec<&InstanceForecast<'_>>> = BTreeMap::new();
    for (key, forecast) in keyed {
        let forecasts = same.entry(key.clone()).or_default();
        if forecasts.is_empty() {
            order.push(key);
        }
        forecasts.push(forecast);
    }
    let mut rows = Vec::new();
    for key in order {
        let forecasts = same.remove(&key).unwrap_or_default();
        match forecasts.as_slice() {
            [first, ..] if !all && forecasts.len() > MOST_ALIKE => {
                let number = forecasts.len();
                let instances = format!("{number} instances, such as\n{}", named(first));
                rows.push((key, instances));
            }
            _ => rows.extend(forecasts.into_iter().map(|it| (key.clone(), named(it)))),
        }
    }
    rows
}

/// `i-… (name)`.
fn named(forecast: &InstanceForecast<'_>) -> String {
    // A recording may have any id.
    let id = printable_line(&forecast.instance.id);
    match forecast.name() {
        Some(name) => {
            let shown: String = name.chars().take(NAME_CHARS).collect();
            let cut = if shown.len() < name.len() { "…" } else { "" };
            format!("{id} ({}{cut})", on_one_line(&shown))
        }
        None => id,
    }
}

fn mark(group: StepGroup, entry: &Entry) -> Mark {
    match (group, entry.step.cause.defect()) {
        (StepGroup::Tag, Some(DefectName::Empty)) => Mark::Change,
        (StepGroup::Tag, _) => Mark::Add,
        (StepGroup::Stop | StepGroup::Terminate, _) => Mark::End,
        _ => Mark::Nothing,
    }
}

/// What the step does, or would do.
pub fn what(entry: &Entry) -> String {
    let key = entry.step.cause.tag_key().map(words::key);
    let key = key.unwrap_or_default();
    match &entry.step.remedy {
        Remedy::Tag { value, .. } => format!("tag {key} = {value:?}"),
        Remedy::TagLauncher => format!("tag {key} = its launcher"),
        Remedy::TagFromSource { source } => format!("tag {key} from {}", on_one_line(source)),
        Remedy::Stop { .. } => "stop".to_owned(),
        Remedy::Terminate => "terminate".to_owned(),
        Remedy::Notify { .. } => "report".to_owned(),
    }
}

/// What is wrong, and the obstacle to the remedy.
pub fn why(entry: &Entry) -> String {
    // A date that comes has not expired, and the reason names it.
    if let Outcome::Deferred(Reason::Ends { days_left, .. }) = &entry.outcome
        && *days_left >= 0
    {
        return obstacle(entry).unwrap_or_default();
    }
    let cause = on_one_line(&entry.step.cause.to_string());
    match obstacle(entry) {
        Some(more) => format!("{cause}: {more}"),
        None => cause,
    }
}

/// Why the remedy is not done, or what else there is to know about it.
pub fn obstacle(entry: &Entry) -> Option<String> {
    match (&entry.outcome, &entry.step.remedy) {
        (Outcome::Failed(why), _) => Some(on_one_line(&why.text)),
        (Outcome::Deferred(reason) | Outcome::Refused(reason), _) => {
            Some(on_one_line(&reason.to_string()))
        }
        (
            _,
            Remedy::Tag {
                unknown: Some(why), ..
            },
        ) => Some(why.to_string()),
        (
            _,
            Remedy::Notify {
                correction: Some(what),
            },
        ) => Some(on_one_line(what)),
        (
            _,
            Remedy::Tag {
                origin: Some(origin),
                ..
            },
        ) => origin
            .describe()
            .map(|from| on_one_line(&format!("from {from}"))),
        (_, Remedy::TagLauncher) => Some("the recording does not show who launched it".to_owned()),
        (
            _,
            Remedy::Stop {
                terminate_on: Some(day),
            },
        ) => Some(format!(
            "it will be terminated on {day} unless it is tagged"
        )),
        _ => None,
    }
}

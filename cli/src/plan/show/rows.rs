//! The rows of a plan: what is done, to which instances, and why. What is alike is told once.

use std::collections::BTreeMap;

use tagwarden_core::DefectName;
use tagwarden_remediation::plan::{Outcome, Remedy};
use tagwarden_remediation::report::Entry;

use crate::ledger::on_one_line;
use crate::plan::forecast::{Forecast, Group};

/// So many alike are told one by one, more of them in one row.
const MOST_ALIKE: usize = 5;

/// So much of an instance's name is shown.
const NAME_CHARS: usize = 32;

/// One thing to do, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub mark: Mark,
    pub what: String,
    /// One instance, or how many of which the rest is the same and the first of them, on two lines.
    pub instances: String,
    pub why: String,
}

/// What it does to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Something new.
    Add,
    /// Something that is there is altered.
    Change,
    /// Something ends.
    End,
    /// Nothing.
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

/// The rows of one group, in the order of the first instance of each; where `all` are to be told, one for each.
pub fn rows(forecasts: &[&Forecast<'_>], group: Group, all: bool) -> Vec<Row> {
    let steps = forecasts.iter().flat_map(|forecast| {
        let entries = forecast.entries_in(group);
        entries.map(|entry| ((mark(group, entry), what(entry), why(entry)), *forecast))
    });
    alike(steps, all)
        .into_iter()
        .map(|((mark, what, why), instances)| Row {
            mark,
            // Its group says that these are tags.
            what: match what.strip_prefix("tag ") {
                Some(tag) if group == Group::Tag => tag.to_owned(),
                _ => what,
            },
            instances,
            why,
        })
        .collect()
}

/// Puts together the instances for which the same is told, and names them; where `all` are to be told, none.
pub fn alike<'f, 'i, K: Clone + Ord>(
    told: impl Iterator<Item = (K, &'f Forecast<'i>)>,
    all: bool,
) -> Vec<(K, String)>
where
    'i: 'f,
{
    let mut order: Vec<K> = Vec::new();
    let mut same: BTreeMap<K, Vec<&Forecast<'_>>> = BTreeMap::new();
    for (key, forecast) in told {
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
fn named(forecast: &Forecast<'_>) -> String {
    let id = &forecast.instance.id;
    match forecast.name() {
        Some(name) => {
            let shown: String = name.chars().take(NAME_CHARS).collect();
            let cut = if shown.len() < name.len() { "…" } else { "" };
            format!("{id} ({}{cut})", on_one_line(&shown))
        }
        None => id.clone(),
    }
}

fn mark(group: Group, entry: &Entry) -> Mark {
    match (group, entry.step.cause.defect()) {
        (Group::Tag, Some(DefectName::Empty)) => Mark::Change,
        (Group::Tag, _) => Mark::Add,
        (Group::Stop | Group::Terminate, _) => Mark::End,
        _ => Mark::Nothing,
    }
}

/// What is done, or was to be.
pub fn what(entry: &Entry) -> String {
    let key = entry.step.cause.tag_key().map(on_one_line);
    let key = key.unwrap_or_default();
    match &entry.step.remedy {
        Remedy::Tag { value, .. } => format!("tag {key} = {value:?}"),
        Remedy::TagLauncher => format!("tag {key} = its launcher"),
        Remedy::Stop { .. } => "stop".to_owned(),
        Remedy::Terminate => "terminate".to_owned(),
        Remedy::Notify => "report".to_owned(),
    }
}

/// What is wrong, and what stands against the remedy or is to be known of it.
pub fn why(entry: &Entry) -> String {
    let cause = on_one_line(&entry.step.cause.to_string());
    match hindrance(entry) {
        Some(more) => format!("{cause}: {more}"),
        None => cause,
    }
}

/// What stands against the remedy or is to be known of it.
pub fn hindrance(entry: &Entry) -> Option<String> {
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
        (_, Remedy::TagLauncher) => Some("the recording does not tell who launched it".to_owned()),
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

//! A plan as JSON and CSV.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use tagwarden_remediation::plan::Remedy;
use tagwarden_remediation::report::Entry;

use super::view::PlanView;
use crate::aws::access::AwsAccess;
use crate::forecast::compare::Comparison;
use crate::forecast::{Forecast, ForecastCounts, InstanceForecast};
use crate::output::VERSION;
use crate::spreadsheet::CsvWriter;

pub fn plan(view: &PlanView, counts: ForecastCounts, forecast: &Forecast<'_>) -> Value {
    let instances = view.sorted(forecast).into_iter().map(|forecast| {
        let mut instance = about(forecast);
        instance.insert("verdict".to_owned(), json!(forecast.verdict()));
        instance.insert("annotation".to_owned(), json!(forecast.annotation()));
        instance.insert("steps".to_owned(), json!(forecast.entries));
        if !forecast.standings.is_empty() {
            instance.insert("rules".to_owned(), json!(forecast.standings));
        }
        Value::from(instance)
    });
    let mut document = head(view);
    document.insert("counts".to_owned(), json!(counts));
    document.insert("instances".to_owned(), instances.collect());
    if let Some(endings) = &view.endings {
        let rows = endings.rows.iter().map(|row| {
            json!({
                "instanceId": row.id, "tagKey": row.tag_key, "date": row.date, "daysLeft": row.days, "then": row.what,
            })
        });
        document.insert("endings".to_owned(), rows.collect());
    }
    document.into()
}

pub fn comparison(view: &PlanView, comparison: &Comparison<'_>) -> Value {
    let changes = view.sorted_changes(comparison).into_iter().map(|change| {
        let mut instance = about(change.after);
        for (name, forecast) in [("before", change.before), ("after", change.after)] {
            let side = json!({
                "verdict": forecast.verdict(),
                "annotation": forecast.annotation(),
                "steps": forecast.entries,
            });
            instance.insert(name.to_owned(), side);
        }
        instance.insert("destructive".to_owned(), json!(change.harm()));
        Value::from(instance)
    });
    let mut document = head(view);
    let counts = json!({
        "before": comparison.before.counts(),
        "after": comparison.after.counts(),
    });
    document.insert("counts".to_owned(), counts);
    document.insert("changes".to_owned(), changes.collect());
    document.into()
}

/// The columns of [`plan_rows`].
pub const PLAN_HEAD: [&str; 13] = [
    "instance",
    "name",
    "vpc",
    "state",
    "verdict",
    "annotation",
    "rule",
    "finding",
    "remedy",
    "tag",
    "value",
    "outcome",
    "reason",
];

/// The columns of [`comparison_rows`].
pub const CHANGES_HEAD: [&str; 13] = [
    "instance", "name", "vpc", "before", "after", "change", "rule", "finding", "remedy", "tag",
    "value", "outcome", "reason",
];

/// Writes the head and the rows of a plan.
pub fn plan_csv(out: &mut dyn Write, view: &PlanView, forecast: &Forecast<'_>) -> io::Result<()> {
    let mut writer = CsvWriter::new(out);
    writer.row(PLAN_HEAD)?;
    plan_rows(&mut writer, &[], view, forecast)
}

/// Writes one row for each step, and one for an instance without steps, each after the cells `before`.
pub fn plan_rows(
    writer: &mut CsvWriter<'_>,
    before: &[&str],
    view: &PlanView,
    forecast: &Forecast<'_>,
) -> io::Result<()> {
    for forecast in view.sorted(forecast) {
        let (instance, annotation) = (forecast.instance, forecast.annotation());
        let head = [
            instance.id.as_str(),
            forecast.name().unwrap_or_default(),
            instance.vpc_id.as_deref().unwrap_or_default(),
            instance.state.as_str(),
            forecast.verdict().as_str(),
            annotation.as_deref().unwrap_or_default(),
        ];
        let head = before.iter().copied().chain(head);
        if forecast.entries.is_empty() {
            writer.row(head.clone().chain([""; 7]))?;
        }
        for entry in &forecast.entries {
            let step = step(entry);
            writer.row(head.clone().chain(step.iter().map(String::as_str)))?;
        }
    }
    Ok(())
}

/// Writes the head and the rows of a comparison.
pub fn comparison_csv(
    out: &mut dyn Write,
    view: &PlanView,
    comparison: &Comparison<'_>,
) -> io::Result<()> {
    let mut writer = CsvWriter::new(out);
    writer.row(CHANGES_HEAD)?;
    comparison_rows(&mut writer, &[], view, comparison)
}

/// Writes one row for each step that comes (+) or goes (-), and one for an instance that only changes its verdict, each
/// after the cells `before`.
pub fn comparison_rows(
    writer: &mut CsvWriter<'_>,
    before: &[&str],
    view: &PlanView,
    comparison: &Comparison<'_>,
) -> io::Result<()> {
    for change in view.sorted_changes(comparison) {
        let instance = change.after.instance;
        let head = [
            instance.id.as_str(),
            change.after.name().unwrap_or_default(),
            instance.vpc_id.as_deref().unwrap_or_default(),
            change.before.verdict().as_str(),
            change.after.verdict().as_str(),
        ];
        let head = before.iter().copied().chain(head);
        let gained = change.gained().map(|entry| ("+", entry));
        let lost = change.lost().map(|entry| ("-", entry));
        let moves: Vec<_> = gained.chain(lost).collect();
        if moves.is_empty() {
            writer.row(head.clone().chain([""; 8]))?;
        }
        for (sign, entry) in moves {
            let step = step(entry);
            let step = step.iter().map(String::as_str);
            writer.row(head.clone().chain([sign]).chain(step))?;
        }
    }
    Ok(())
}

/// The members that say what a plan is made of.
pub fn head(view: &PlanView) -> Map<String, Value> {
    let members = [
        ("version", json!(VERSION)),
        ("at", json!(view.time())),
        ("from", json!(view.from)),
        ("policy", json!(view.policy)),
        ("against", json!(view.against)),
        ("notes", json!(view.notes)),
    ];
    let members = members.into_iter();
    let access = view.access.as_ref().map(AwsAccess::to_json);
    members
        .map(|(name, value)| (name.to_owned(), value))
        .chain(access.unwrap_or_default())
        .collect()
}

fn about(forecast: &InstanceForecast<'_>) -> Map<String, Value> {
    let instance = forecast.instance;
    let members = [
        ("instanceId", json!(instance.id)),
        ("name", json!(forecast.name())),
        ("vpcId", json!(instance.vpc_id)),
        ("state", json!(instance.state.as_str())),
        ("launchedAt", json!(instance.launched_at)),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `rule`, `finding`, `remedy`, `tag`, `value`, `outcome`, `reason`.
fn step(entry: &Entry) -> [String; 7] {
    let cause = &entry.step.cause;
    let (value, unknown) = match &entry.step.remedy {
        Remedy::Tag { value, unknown, .. } => (value.clone(), *unknown),
        _ => (String::new(), None),
    };
    let reason = entry.outcome.reason();
    [
        cause.rule_id().map(|id| id.to_string()).unwrap_or_default(),
        cause.name().to_owned(),
        entry.step.remedy.name().to_owned(),
        cause.tag_key().unwrap_or_default().to_owned(),
        value,
        entry.outcome.name().to_owned(),
        reason
            .or_else(|| unknown.map(|why| why.to_string()))
            .unwrap_or_default(),
    ]
}

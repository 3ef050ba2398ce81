//! Shows acts as text, JSON and CSV.

use std::fmt::Write as _;
use std::io;

use chrono::{DateTime, Utc};
use comfy_table::{Cell, Color};
use serde_json::{Map, Value, json};
use tagwarden_remediation::ledger::{Act, ActState, Batch, RemedyName};
use tagwarden_remediation::plan::{Remedy, ValueOrigin};

use super::acts::History;
use crate::ledger::OpenLedger;
use crate::spreadsheet::CsvWriter;
use crate::table::{self, Column, cell, table};
use crate::when::rfc3339;
use crate::words::{count, on_one_line, printable_line};

const COLUMNS: [Column; 6] = [
    // The run's id tells when it started.
    Column::spare("When (UTC)"),
    Column::whole("Run"),
    Column::whole("Instance"),
    Column::new("What"),
    Column::whole("Rule"),
    Column::new("Outcome"),
];

/// A table of the acts, and their number.
pub fn text(ledger: &OpenLedger, history: &History) -> String {
    let mut text = format!("{ledger}, {}:\n\n", asked_for(history));
    let rows: Vec<_> = history.acts().map(|(batch, act)| row(batch, act)).collect();
    if rows.is_empty() {
        text.push_str("No acts.\n");
        return text;
    }
    let acts = count(rows.len(), "act");
    text.push_str(&table(&COLUMNS, rows, table::width()));
    let mut runs: Vec<_> = history.batches.iter().map(|batch| &batch.run_id).collect();
    runs.dedup();
    let runs = count(runs.len(), "run");
    let _ = writeln!(text, "\n{acts} of {runs}.");
    text
}

/// The run or the period, such as `run …`.
fn asked_for(history: &History) -> String {
    match (&history.run_id, history.until) {
        (Some(run_id), _) => format!("run {run_id}"),
        (None, None) => format!("since {} UTC", moment(history.since)),
        (None, Some(until)) => format!("from {} to {} UTC", moment(history.since), moment(until)),
    }
}

fn row(batch: &Batch, act: &Act) -> Vec<Cell> {
    let rule = act.rule_id().map_or(String::from("-"), |id| id.to_string());
    vec![
        cell(moment(batch.begun_at)),
        cell(batch.run_id.as_str()),
        cell(printable_line(act.instance_id())),
        cell(what(act)),
        cell(rule),
        outcome(batch, act),
    ]
}

/// What the act does.
fn what(act: &Act) -> String {
    let key = act.tag_key().unwrap_or_default();
    let value = act.tag_value();
    match act.remedy {
        RemedyName::Tag => {
            let from = origin(act).and_then(ValueOrigin::describe);
            let from =
                from.map_or_else(String::new, |from| format!(", from {}", on_one_line(&from)));
            format!(
                "tag {} = {:?}{from}",
                on_one_line(key),
                value.unwrap_or_default()
            )
        }
        RemedyName::Untag => {
            let was = act.tags_before.get(key).map(String::as_str);
            let how = if value.is_some() {
                "emptied"
            } else {
                "taken away"
            };
            format!(
                "tag {} {how}, was {:?}",
                on_one_line(key),
                was.unwrap_or_default()
            )
        }
        RemedyName::Stop => "stop".to_owned(),
        RemedyName::Terminate => "terminate".to_owned(),
    }
}

/// Where the value that it writes comes from. Acts of older versions do not say it.
fn origin(act: &Act) -> Option<&ValueOrigin> {
    match &act.step.remedy {
        Remedy::Tag { origin, .. } => origin.as_ref(),
        _ => None,
    }
}

/// The state of the act, with its reason, the run that it undoes, or its trigger.
fn outcome(batch: &Batch, act: &Act) -> Cell {
    let color = match act.state {
        ActState::Done => Color::DarkGreen,
        ActState::Failed | ActState::Abandoned => Color::DarkRed,
        _ => Color::DarkYellow,
    };
    let state = act.state.as_str();
    let text = match (&act.why, &act.undoes) {
        (Some(why), _) => format!("{state}: {}", on_one_line(why)),
        (None, Some(undone)) => format!("{state}, undoing run {undone}"),
        (None, None) => format!("{state}, {}", on_one_line(&batch.trigger)),
    };
    cell(text).fg(color)
}

/// The acts as JSON, with the period.
pub fn json(history: &History) -> Map<String, Value> {
    let acts = history.acts().map(|(batch, act)| {
        let mut map = json!({
            "at": rfc3339(batch.begun_at),
            "runId": batch.run_id,
            "trigger": batch.trigger,
            "instanceId": act.instance_id(),
            "remedy": act.remedy,
            "ruleId": act.rule_id(),
            "tagKey": act.tag_key(),
            "tagValue": act.tag_value(),
            "tagsBefore": act.tags_before,
            "state": act.state.as_str(),
            "why": act.why,
            "undoes": act.undoes,
        });
        if let (Some(origin), RemedyName::Tag, Value::Object(map)) =
            (origin(act), act.remedy, &mut map)
        {
            map.insert("valueOrigin".to_owned(), json!(origin.to_string()));
        }
        map
    });
    let mut map = Map::new();
    map.insert("since".to_owned(), rfc3339(history.since).into());
    map.insert("until".to_owned(), json!(history.until.map(rfc3339)));
    map.insert("acts".to_owned(), acts.collect());
    map
}

/// The acts as CSV with a header; `before` is the tags before, as JSON.
pub fn csv(history: &History) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = CsvWriter::new(&mut bytes);
    writer.row([
        "at", "run", "trigger", "instance", "remedy", "rule", "tag", "value", "before", "state",
        "why", "undoes",
    ])?;
    for (batch, act) in history.acts() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = [
            rfc3339(batch.begun_at),
            batch.run_id.to_string(),
            batch.trigger.clone(),
            act.instance_id().to_owned(),
            act.remedy.as_str().to_owned(),
            act.rule_id().map(|id| id.to_string()).unwrap_or_default(),
            act.tag_key().unwrap_or_default().to_owned(),
            act.tag_value().unwrap_or_default().to_owned(),
            json!(act.tags_before).to_string(),
            act.state.as_str().to_owned(),
            text(&act.why),
            act.undoes
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ];
        writer.row(row.iter().map(String::as_str))?;
    }
    Ok(bytes)
}

/// The time in a form for people, to the second.
fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

//! Records what the functions write: the ledger's batches of acts, and the reports.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tagwarden_remediation::ledger::Batch;
use tagwarden_sandbox::Call;

use super::view::View;
use super::{Model, Notice, ReportedAct, Run};

impl Model {
    /// Records the batches of acts that a transaction of `by` wrote.
    pub(super) fn record_batches(&mut self, by: Run, call: &Call) {
        let actions = call
            .parameters
            .get("TransactItems")
            .and_then(Value::as_array);
        for action in actions.into_iter().flatten() {
            let Some(item) = action.pointer("/Put/Item").and_then(Value::as_object) else {
                continue;
            };
            if !item.contains_key("Acts") {
                continue;
            }
            let members = item
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)));
            match serde_json::from_value::<Batch>(members.collect()) {
                Ok(batch) => {
                    let run_id = batch.run_id.as_str();
                    let key = (run_id.to_owned(), batch.number);
                    // Functions write batches of others, too. An undo writes only its own.
                    if self.runs.get(&by).is_some_and(View::is_undo) {
                        self.undo_ids.insert(run_id.to_owned(), by);
                    }
                    let run = self.run_of(run_id);
                    let sequence = self.sequence;
                    let view = self.runs.entry(run).or_default();
                    for act in batch.acts.iter().filter(|act| act.remedy.is_destructive()) {
                        let id = act.instance_id().to_owned();
                        view.begun.entry(id).or_insert(sequence);
                    }
                    self.ledger.insert(key, batch);
                }
                Err(error) => self.violate(format!("an unreadable batch: {error}")),
            }
        }
    }

    pub(super) fn record_report(&mut self, run: Run, call: &Call) {
        let message = call.parameters.get("Message").and_then(Value::as_str);
        let body: Value = serde_json::from_str(message.unwrap_or_default()).unwrap_or_default();
        // As SNS does: what a protocol has no form of its own for is the default.
        let form = |protocol: &str| {
            let form = body.get(protocol).or_else(|| body.get("default"));
            form.and_then(Value::as_str).unwrap_or_default()
        };
        let report: Value = serde_json::from_str(form("sqs")).unwrap_or_default();
        let view = self.runs.get(&run);
        if view.is_some_and(|view| view.has_subscribers) {
            self.record_notices(run, call.at, form("email"));
        }
        if report["part"] == 1 {
            self.judge_report_of_letters(run, call.at, &report);
        }
        let entries = report.get("entries").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("outcome") != "done" || text("remedy") == "notify" {
                continue;
            }
            let done_by = match text("runId") {
                "" => run,
                other => {
                    self.tally.recovered_by_others += 1;
                    self.run_of(other)
                }
            };
            self.reported.push(ReportedAct {
                by: run,
                done_by,
                instance_id: text("instanceId").to_owned(),
                rule_id: entry.get("ruleId").and_then(Value::as_i64),
                remedy: text("remedy").to_owned(),
            });
        }
    }
}

impl Model {
    /// Records the notices that people can read in `text`: those that only programs receive do not count.
    fn record_notices(&mut self, run: Run, at: DateTime<Utc>, text: &str) {
        for line in text.lines() {
            let is_notice = ["this is the notice", "it is stopped, and will be"]
                .iter()
                .any(|words| line.contains(words));
            let mut words = line.strip_prefix("-- ").unwrap_or_default().split(' ');
            let instance_id = words.next().unwrap_or_default().to_owned();
            let remedy = match words.collect::<Vec<_>>().get(..4) {
                Some(["is", "to", "be", "stopped."]) => "stop",
                Some(["is", "to", "be", "terminated."]) => "terminate",
                _ => continue,
            };
            if is_notice {
                self.notices.push(Notice {
                    stack: self.stack_of(run),
                    at,
                    instance_id,
                    remedy: remedy.to_owned(),
                });
            }
        }
    }
}

/// A DynamoDB value without its type.
fn plain(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(number).unwrap_or_default(),
        ("L", Value::Array(values)) => values.iter().map(plain).collect(),
        ("M", Value::Object(members)) => members
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        ("NULL", _) => Value::Null,
        (_, value) => value.clone(),
    }
}

//! Records what the functions write: the ledger's batches of acts, and the reports.

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
        let report = body.get("sqs").and_then(Value::as_str).unwrap_or_default();
        let report: Value = serde_json::from_str(report).unwrap_or_default();
        let view = self.runs.get(&run);
        let has_subscribers = view.is_some_and(|view| view.has_subscribers);
        let entries = report.get("entries").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let is_notice = ["this is the notice", "it is stopped, and will be"]
                .iter()
                .any(|words| text("reason").contains(words));
            if is_notice && has_subscribers {
                self.notices.push(Notice {
                    stack: self.stack_of(run),
                    at: call.at,
                    instance_id: text("instanceId").to_owned(),
                    remedy: text("remedy").to_owned(),
                });
            }
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

//! The report as SNS takes it: one message, or several where one would be too large.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::text::{self, HEADING, closing, line};
use super::{Counts, Entry, Outcome, Report};
use crate::ledger::RunId;
use crate::plan::Reason;
use crate::settings::Mode;

/// SNS takes 256 KiB with the attributes; what is left over is for those.
///
/// See [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const LIMIT: usize = 255 * 1024;

/// The subscribers that get the report as JSON: programs. All others get the text.
const PROGRAMS: [&str; 4] = ["sqs", "lambda", "http", "https"];

/// Room for the line of those over the budget, which is longer than the one line it stands for.
const LINE_OVER_BUDGET: usize = 512;

/// The version of the JSON's form.
const VERSION: u32 = 1;

/// One message: a part of a report, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What people read.
    pub text: String,
    /// What programs read.
    pub json: String,
}

impl Message {
    /// The message in SNS's `MessageStructure` = json.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = json!({ "default": self.text });
        if let Some(body) = body.as_object_mut() {
            body.extend(PROGRAMS.map(|protocol| (protocol.to_owned(), self.json.as_str().into())));
        }
        body.to_string()
    }
}

/// The report as programs read it. `instanceIds` makes it a trigger of another remediation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    version: u32,
    run_id: &'a RunId,
    mode: Mode,
    part: usize,
    parts: usize,
    /// Of the whole report.
    summary: Counts,
    /// How many entries are left out of all parts, because they were told earlier on the same day.
    repeated: usize,
    /// Of this part.
    instance_ids: BTreeSet<&'a str>,
    /// Of this part.
    entries: &'a [&'a Entry],
}

/// Splits what is new in a report between its lines into messages that SNS takes; nothing new gives none.
#[must_use]
pub fn messages(report: &Report) -> Vec<Message> {
    split(report, LIMIT)
}

fn split(report: &Report, limit: usize) -> Vec<Message> {
    let news = report.news();
    let frame = Frame {
        report,
        counts: report.counts(),
        repeated: report.entries.len() - news.len(),
    };
    let around = frame.render(usize::MAX, usize::MAX, &[]).body().len() + LINE_OVER_BUDGET;

    let mut ends = Vec::new();
    let mut size = around;
    for (position, entry) in news.iter().enumerate() {
        let entry_size = entry_size(entry);
        if size > around && size + entry_size > limit {
            ends.push(position);
            size = around;
        }
        size += entry_size;
    }
    if !news.is_empty() {
        ends.push(news.len());
    }

    let mut start = 0;
    let mut messages = Vec::with_capacity(ends.len());
    for (position, &end) in ends.iter().enumerate() {
        let entries = news.get(start..end).unwrap_or_default();
        messages.push(frame.render(position + 1, ends.len(), entries));
        start = end;
    }
    messages
}

/// What all messages of a report have in common.
struct Frame<'a> {
    report: &'a Report,
    counts: Counts,
    repeated: usize,
}

impl Frame<'_> {
    fn render(&self, part: usize, parts: usize, entries: &[&Entry]) -> Message {
        let mut text = format!("{HEADING}\n");
        let mut over_budget = Vec::new();
        let mut budget = None;
        for entry in entries {
            if let Outcome::Refused(reason @ Reason::Budget { .. }) = &entry.outcome {
                over_budget.push(entry.step.instance_id.as_str());
                budget = Some(reason);
                continue;
            }
            text.push_str(&line(entry));
            text.push('\n');
        }
        if let Some(reason) = budget {
            text.push_str(&text::over_budget(&over_budget, reason));
            text.push('\n');
        }
        text.push('\n');
        if parts > 1 {
            let _ = write!(text, "Part {part} of {parts}. ");
        }
        text.push_str(&closing(self.report.mode, &self.counts, self.repeated));
        text.push('\n');
        let view = View {
            version: VERSION,
            run_id: &self.report.run_id,
            mode: self.report.mode,
            part,
            parts,
            summary: self.counts,
            repeated: self.repeated,
            instance_ids: entries
                .iter()
                .map(|entry| entry.step.instance_id.as_str())
                .collect(),
            entries,
        };
        Message {
            text,
            json: json_of(&view),
        }
    }
}

/// At most what `entry` adds to a message's body: its line once, its JSON once for each kind of program.
fn entry_size(entry: &Entry) -> usize {
    let text = escaped(&line(entry)) + r"\n".len();
    let id = escaped(&json_of(&entry.step.instance_id)) + ",".len();
    let json = escaped(&json_of(entry)) + ",".len();
    text + PROGRAMS.len() * (id + json)
}

/// The length of `text` inside a JSON string.
fn escaped(text: &str) -> usize {
    json_of(&text).len() - "\"\"".len()
}

/// Values made of texts and numbers always have a JSON form.
fn json_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Cause, Remedy, Step};
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::Value;

    fn entry() -> impl Strategy<Value = Entry> {
        ("[0-9a-f]{17}", "\\PC{1,40}", "\\PC{0,80}", any::<bool>()).prop_map(
            |(id, tag_key, text, done)| Entry {
                step: Step {
                    instance_id: format!("i-{id}"),
                    cause: Cause::Missing {
                        rule_id: 1,
                        tag_key,
                    },
                    remedy: Remedy::Tag {
                        value: text.clone(),
                        unknown: None,
                    },
                },
                outcome: if done {
                    Outcome::Done
                } else {
                    Outcome::Failed(text)
                },
                done_by: None,
            },
        )
    }

    proptest! {
        #[test]
        fn parts_fit_and_hold_every_entry_once(entries in prop::collection::vec(entry(), 0..40)) {
            const LIMIT: usize = 8_000;
            let mut report = Report::new(Mode::Enforce, 40, RunId::new(DateTime::UNIX_EPOCH, "1a2b3c4d"));
            report.entries = entries;
            let parts = split(&report, LIMIT);
            let mut lines = Vec::new();
            let mut json_entries = Vec::new();
            for part in &parts {
                prop_assert!(part.body().len() <= LIMIT);
                prop_assert!(part.text.starts_with(HEADING));
                let body: Value = serde_json::from_str(&part.body()).unwrap();
                prop_assert_eq!(body["default"].as_str(), Some(part.text.as_str()));
                lines.extend(part.text.lines().filter(|line| line.starts_with("-- ")).map(str::to_owned));
                let json: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
                prop_assert_eq!(json["parts"].as_u64(), Some(parts.len() as u64));
                json_entries.extend(json["entries"].as_array().unwrap().clone());
            }
            let expected: Vec<String> = report.entries.iter().map(line).collect();
            prop_assert_eq!(lines, expected);
            let expected: Vec<Value> = report.entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
            prop_assert_eq!(json_entries, expected);
        }
    }
}

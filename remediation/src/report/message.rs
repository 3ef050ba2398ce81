//! The report as SNS takes it: one message, or several where one would be too large.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;
use serde_json::json;

use super::section::{Section, advice, sort};
use super::template::Template;
use super::template_error::TemplateError;
use super::text::{self, line};
use super::view::{ReportFrame, View};
use super::{Entry, Report, ReportContext, ReportCounts};
use crate::link::ReportOrigin;
use crate::run_id::RunId;
use crate::settings::Mode;

/// The most bytes of a message. SNS takes 256 KiB, the attributes included.
///
/// See [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const LIMIT: usize = 255 * 1024;

/// The protocols whose subscribers are programs and get the report as JSON. All others get the text.
const PROGRAMS: [&str; 4] = ["sqs", "lambda", "http", "https"];

/// Room for the line of those over the budget, which is longer than the one line it stands for.
const LINE_OVER_BUDGET: usize = 512;

/// Room for the titles of all groups.
const TITLES: usize = 512;

/// What the longest of an entry's lines has beside its text: an empty line sets advice off.
const BESIDES: &str = r"   What to do: \n\n";

/// A part's number is not longer than this one.
const MOST_PARTS: usize = 9_999_999;

/// How many times as many messages as the built-in text a template may need, so that it does not flood the topic's
/// subscribers.
const MOST_TIMES: usize = 4;

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
struct Document<'a> {
    version: u32,
    run_id: &'a RunId,
    #[serde(flatten)]
    origin: &'a ReportOrigin,
    mode: Mode,
    part: usize,
    parts: usize,
    /// Of the whole report.
    summary: ReportCounts,
    /// How many entries are left out of all parts, because they were reported earlier on the same day.
    repeated: usize,
    /// What means something else since an upgrade.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changes: &'a [&'static str],
    /// Of this part.
    instance_ids: BTreeSet<&'a str>,
    /// Of this part.
    entries: &'a [&'a Entry],
}

/// A report as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// In the order in which they are to be sent; none where nothing is new.
    pub messages: Vec<Message>,
    /// Why they are in the built-in text, where the policy table has a template of its own. They say so themselves.
    pub problem: Option<String>,
}

/// Splits what is new in a report between its lines into messages that SNS takes.
///
/// Whatever is wrong with the template, nothing of the report is lost: all of it is then in the built-in text.
#[must_use]
pub fn messages(report: &Report, context: ReportContext<'_>) -> Messages {
    split(report, context, LIMIT)
}

fn split(report: &Report, context: ReportContext<'_>, limit: usize) -> Messages {
    let mut news = report.news();
    sort(&mut news);
    let mut frame = ReportFrame::new(report, context, &news);
    let built_in = Template::built_in();
    let mut chunks = frame.chunks(&news, limit, &built_in);
    if let Some(template) = context.template.filter(|_| !news.is_empty()) {
        match frame.customised(&template.text, &chunks, limit) {
            Ok(messages) => {
                return Messages {
                    messages,
                    problem: None,
                };
            }
            Err(error) => {
                frame.problem = Some(text::broken_template(template.row_id, &error));
                // Once more, because the line that says so takes room.
                chunks = frame.chunks(&news, limit, &built_in);
            }
        }
    }
    let messages = (1..).zip(&chunks).map(|(part, entries)| {
        let view = frame.view(part, chunks.len(), entries);
        let text = text_by(&built_in, &view);
        let text = text.unwrap_or_else(|error| text::plain(entries, frame.closing(), &error));
        frame.message(part, chunks.len(), entries, text)
    });
    Messages {
        messages: messages.collect(),
        problem: frame.problem.clone(),
    }
}

impl<'a> ReportFrame<'a> {
    /// The entries of each message: as many as fit with the built-in text.
    fn chunks<'n>(
        &self,
        news: &'n [&'a Entry],
        limit: usize,
        built_in: &Result<Template, TemplateError>,
    ) -> Vec<&'n [&'a Entry]> {
        let around = text_by(built_in, &self.view(MOST_PARTS, MOST_PARTS, &[]));
        let around = self.message(MOST_PARTS, MOST_PARTS, &[], around.unwrap_or_default());
        let around = around.body().len() + LINE_OVER_BUDGET + TITLES;
        let mut chunks = Vec::new();
        let (mut rest, mut taken, mut size) = (news, 0, around);
        let mut said = None;
        for entry in news {
            let advice = advice(entry);
            let advice_size = advice.as_deref().map_or(0, line_size);
            let more = if advice == said { 0 } else { advice_size };
            let mut entry_size = self.entry_size(entry) + more;
            if taken > 0 && size + entry_size > limit {
                let (chunk, left) = rest.split_at(taken);
                chunks.push(chunk);
                (rest, taken, size) = (left, 0, around);
                entry_size += advice_size - more;
            }
            taken += 1;
            size += entry_size;
            said = advice;
        }
        if !rest.is_empty() {
            chunks.push(rest);
        }
        chunks
    }

    /// The messages in the words of a template: chunks whose text makes them too large are halved.
    fn customised(
        &self,
        source: &str,
        chunks: &[&[&'a Entry]],
        limit: usize,
    ) -> Result<Vec<Message>, TemplateError> {
        let template = Template::compile(source)?;
        let most = chunks.len() * MOST_TIMES;
        let render = |part, parts, entries: &[&'a Entry]| {
            let text = template.render(&self.view(part, parts, entries))?;
            let message = self.message(part, parts, entries, text);
            Ok::<_, TemplateError>(Some(message).filter(|it| it.body().len() <= limit))
        };
        let mut waiting = VecDeque::from(chunks.to_vec());
        let mut fitting: Vec<&[&'a Entry]> = Vec::new();
        while let Some(chunk) = waiting.pop_front() {
            let parts = fitting.len() + waiting.len() + 1;
            if render(fitting.len() + 1, parts, chunk)?.is_some() {
                fitting.push(chunk);
            } else if chunk.len() == 1 || parts >= most {
                return Err(TemplateError::too_large());
            } else {
                let (first, second) = chunk.split_at(chunk.len() / 2);
                waiting.push_front(second);
                waiting.push_front(first);
            }
        }
        // Only now it is known how many there are.
        let messages = (1..).zip(&fitting);
        let messages = messages.map(|(part, entries)| {
            render(part, fitting.len(), entries)?.ok_or_else(TemplateError::too_large)
        });
        messages.collect()
    }

    fn message(&self, part: usize, parts: usize, entries: &[&Entry], text: String) -> Message {
        let document = Document {
            version: VERSION,
            run_id: &self.report.run_id,
            origin: &self.report.origin,
            mode: self.report.mode,
            part,
            parts,
            summary: self.counts,
            repeated: self.repeated,
            changes: &self.report.changes,
            instance_ids: entries
                .iter()
                .map(|entry| entry.step.instance_id.as_str())
                .collect(),
            entries,
        };
        Message {
            text,
            json: json_of(&document),
        }
    }

    /// At most what `entry` adds to a message's body, but for its advice: its line and link once, its JSON once for
    /// each kind of program.
    fn entry_size(&self, entry: &Entry) -> usize {
        let link = self.link(entry).filter(|_| Section::of(entry).has_links());
        let text = line_size(&line(entry)) + link.as_deref().map_or(0, line_size);
        let id = escaped(&json_of(&entry.step.instance_id)) + ",".len();
        let json = escaped(&json_of(entry)) + ",".len();
        text + PROGRAMS.len() * (id + json)
    }
}

/// The text of `view` by a template that may not have compiled.
fn text_by(
    template: &Result<Template, TemplateError>,
    view: &View<'_>,
) -> Result<String, TemplateError> {
    template.as_ref().map_err(Clone::clone)?.render(view)
}

/// At most what a line takes.
fn line_size(line: &str) -> usize {
    escaped(line) + BESIDES.len()
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
    use crate::plan::{Cause, Outcome, Reason, Remedy, Step, StepFailure};
    use crate::report::sample::{enforced, report};
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;
    use serde_json::Value;
    use tagwarden_core::DefectName;
    use tagwarden_core::policy::ReportTemplate;

    /// Any remedy and outcome, with any tag key, value and reason.
    fn entry() -> impl Strategy<Value = Entry> {
        let remedy = prop::sample::select(vec![
            Remedy::TagLauncher,
            Remedy::Stop { terminate_on: None },
            Remedy::Terminate,
            Remedy::Notify { correction: None },
        ]);
        let age = Some(TimeDelta::minutes(3));
        let grace = TimeDelta::minutes(15);
        let outcome = prop::sample::select(vec![
            Outcome::Done,
            Outcome::WouldDo,
            Outcome::Deferred(Reason::Grace { age, grace }),
            Outcome::Deferred(Reason::Grace { age: None, grace }),
            Outcome::Refused(Reason::Protected),
            Outcome::Refused(Reason::NoLedger),
            Outcome::Refused(Reason::Vanished),
        ]);
        let text = || "\\PC{0,80}";
        let remedy = prop_oneof![
            remedy,
            text().prop_map(|value| Remedy::Tag {
                value,
                unknown: None,
                origin: None,
            })
        ];
        let outcome = prop_oneof![
            outcome,
            text().prop_map(|text| Outcome::Failed(StepFailure::without_code(text)))
        ];
        ("[0-9a-f]{17}", "\\PC{1,40}", remedy, outcome).prop_map(
            |(id, tag_key, remedy, outcome)| {
                let cause = Cause::Tag {
                    rule_id: 1,
                    tag_key,
                    defect: DefectName::Missing,
                };
                Entry {
                    step: Step {
                        instance_id: format!("i-{id}"),
                        cause,
                        remedy,
                    },
                    outcome,
                    done_by: None,
                }
            },
        )
    }

    /// Texts that are as long as the built-in one, that are longer, that are too long for it to go on, and that fail.
    /// The first three are used always, the last two never.
    const TEMPLATES: [&str; 6] = [
        "{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{% endfor %}{% endfor %}",
        "{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{{ entry.line | length * 'é' }}\n\
         {% endfor %}{% endfor %}",
        "{{ 'x' * 2000 }}\n{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{% endfor %}\
         {% endfor %}",
        "{% if parts > 1 %}{{ 'x' * 20000 }}{% else %}{% for group in groups %}{% for entry in group.entries %}\
         {{ entry.line }}\n{% endfor %}{% endfor %}{% endif %}",
        "{{ 'x' * 20000 }}",
        "{{ heading | no_such_filter }}",
    ];

    /// The bound that the parts are made by holds wherever a part ends, in the text that has the most beside its lines.
    #[test]
    fn fits_parts_into_any_limit() {
        let samples = std::iter::repeat_n(enforced(), 3).flatten();
        let mut report = report(Mode::Enforce, samples);
        report.instances = 9_999_999;
        let context = ReportContext {
            region: Some("us-gov-west-1"),
            ledger_table: Some("tagwarden-LedgerTable-1ABC2DEF3GHI"),
            template: None,
        };
        for limit in (8_000..60_000).step_by(499) {
            let parts = split(&report, context, limit).messages;
            for part in &parts {
                assert!(part.body().len() <= limit, "{limit}: {}", part.body().len());
            }
            assert!(parts.len() > 1 || limit > 40_000, "{limit}");
        }
    }

    proptest! {
        #[test]
        fn fits_parts_and_keeps_every_entry_once(
            entries in prop::collection::vec(entry(), 0..40),
            number in prop::option::of(0..TEMPLATES.len()),
            is_somewhere: bool,
        ) {
            const LIMIT: usize = 12_000;
            let mut report = Report::new(Mode::Enforce, 40, RunId::new(DateTime::UNIX_EPOCH, "1a2b3c4d"));
            report.entries = entries;
            let template = number.map(|number| ReportTemplate {
                row_id: 1000,
                text: TEMPLATES[number].to_owned(),
            });
            let context = ReportContext {
                region: is_somewhere.then_some("ap-southeast-1"),
                ledger_table: is_somewhere.then_some("tagwarden-LedgerTable-1ABC2DEF3GHI"),
                template: template.as_ref(),
            };
            let told = split(&report, context, LIMIT);
            match number {
                None | Some(0..=2) => prop_assert_eq!(&told.problem, &None),
                Some(3) => {}
                Some(_) => prop_assert_eq!(told.problem.is_some(), !report.entries.is_empty()),
            }
            let mut lines = Vec::new();
            let mut json_entries = Vec::new();
            for part in &told.messages {
                prop_assert!(part.body().len() <= LIMIT);
                prop_assert!(template.is_some() || part.text.starts_with(text::HEADING));
                let body: Value = serde_json::from_str(&part.body()).unwrap();
                prop_assert_eq!(body["default"].as_str(), Some(part.text.as_str()));
                lines.extend(part.text.lines().filter(|line| line.starts_with("-- ")).map(str::to_owned));
                let json: Value = serde_json::from_str(body["sqs"].as_str().unwrap()).unwrap();
                prop_assert_eq!(json["parts"].as_u64(), Some(told.messages.len() as u64));
                json_entries.extend(json["entries"].as_array().unwrap().clone());
            }
            let mut entries = report.news();
            sort(&mut entries);
            let expected: Vec<String> = entries.iter().map(|entry| line(entry)).collect();
            prop_assert_eq!(lines, expected);
            let expected: Vec<Value> = entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
            prop_assert_eq!(json_entries, expected);
        }
    }
}

//! The report as SNS takes it: one text for people, and JSON for programs in as many messages as it needs.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use tagwarden_core::Kind;
use tagwarden_core::policy::InvalidPolicy;

use super::section::sort;
use super::subject::EntryDocument;
use super::template::Template;
use super::template_error::TemplateError;
use super::text;
use super::view::{ReportFrame, View};
use super::{Entry, Report, ReportContext, ReportCounts, UndeliveredLetter};
use crate::link::ReportOrigin;
use crate::run_id::RunId;
use crate::settings::Mode;

/// The most bytes of a message. SNS takes 256 KiB, the attributes included.
///
/// See [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const LIMIT: usize = 255 * 1024;

/// The most bytes of the text. Mail programs cut longer ones off, and nobody reads them.
const TEXT_LIMIT: usize = 96 * 1024;

/// The protocols whose subscribers are programs and get the report as JSON. All others get the text.
const PROGRAMS: [&str; 4] = ["sqs", "lambda", "http", "https"];

/// The protocols whose subscribers are people. In the messages after the first, all others get JSON.
const PEOPLE: [&str; 3] = ["email", "email-json", "sms"];

/// A part's number is not longer than this one.
const MOST_PARTS: usize = 9_999_999;

/// How many times the text that a template of somebody else's may show is halved, if it is too large.
const MOST_HALVINGS: usize = 4;

/// The most bytes that a list beside the entries takes in one copy of the JSON: letters which could not be sent and problems of
/// the policy must leave room for everything else, however many there are.
const LIST_LIMIT: usize = 24 * 1024;

/// The version of the JSON's form.
const VERSION: u32 = 1;

/// One message: the text and the first part of the JSON, or a further part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What people read. In a further part, a line that says that there is nothing to read.
    pub text: String,
    /// What programs read.
    pub json: String,
    /// The part's number, from 1.
    pub part: usize,
}

impl Message {
    /// Whether people need not read it, because the first message has the text of the whole report.
    #[must_use]
    pub fn is_for_programs(&self) -> bool {
        self.part > 1
    }

    /// The message in SNS's `MessageStructure` = json.
    #[must_use]
    pub fn body(&self) -> String {
        // A further part holds its JSON once, so that there are fewer of them.
        let (default, others, other): (&str, &[&str], &str) = if self.is_for_programs() {
            (&self.json, &PEOPLE, &self.text)
        } else {
            (&self.text, &PROGRAMS, &self.json)
        };
        let mut body = json!({ "default": default });
        if let Some(body) = body.as_object_mut() {
            let others = others.iter();
            body.extend(others.map(|protocol| ((*protocol).to_owned(), other.into())));
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
    /// Of the whole report, in its first part.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    undelivered: &'a [UndeliveredLetter],
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    undelivered_left: usize,
    /// What is wrong with the policy, for which nothing was looked at.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    policy_problems: &'a [String],
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    policy_problems_left: usize,
    /// What else its readers must know.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    /// Of this part.
    instance_ids: BTreeSet<&'a str>,
    /// What is not an instance, of this part.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    resource_ids: BTreeSet<&'a str>,
    /// Of this part.
    entries: Vec<EntryDocument<'a>>,
}

/// A report as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// In the order in which they are to be sent; none where nothing is new. The first has the text.
    pub messages: Vec<Message>,
    /// Why the text is the built-in one, where the policy table has a template of its own. The text says so itself.
    pub problem: Option<String>,
    /// The resources with a notice that the text has no room for. Nobody was told of them yet.
    pub unannounced: BTreeSet<String>,
}

/// Makes what is new in a report into messages that SNS takes: one text, whatever the report's size, and all entries for
/// programs.
///
/// Whatever is wrong with the template, the report is not lost: its text is then the built-in one.
#[must_use]
pub fn messages(report: &Report, context: ReportContext<'_>) -> Messages {
    split(report, context, LIMIT, TEXT_LIMIT)
}

fn split(report: &Report, context: ReportContext<'_>, limit: usize, text_limit: usize) -> Messages {
    let mut news = report.news();
    sort(&mut news);
    let mut frame = ReportFrame::new(report, context, &news);
    if news.is_empty() {
        return Messages {
            messages: Vec::new(),
            problem: None,
            unannounced: BTreeSet::new(),
        };
    }
    let customised = context.template.map(|template| {
        frame
            .customised(&template.text, &news, text_limit)
            .map_err(|error| text::broken_template(template.row_id, &error))
    });
    let (text, shown) = match customised {
        Some(Ok(text)) => text,
        other => {
            frame.problem = other.and_then(Result::err);
            frame.built_in(&news, text_limit)
        }
    };
    let shown: BTreeSet<(&str, Option<i64>)> = shown.iter().map(|entry| place(entry)).collect();
    let is_shown = |entry: &Entry| shown.contains(&place(entry));
    let unannounced = news
        .iter()
        .filter(|entry| entry.outcome.is_notice() && !is_shown(entry));
    let unannounced = unannounced.map(|entry| entry.step.instance_id.clone());
    Messages {
        unannounced: unannounced.collect(),
        messages: frame.messages(&news, text, limit),
        problem: frame.problem.clone(),
    }
}

/// What is published instead of a report when a sweep finds that the policy in `table` is not valid.
#[must_use]
pub fn broken_policy(
    mode: Mode,
    origin: &ReportOrigin,
    run_id: &RunId,
    table: &str,
    policy: &InvalidPolicy,
) -> Message {
    let problems: Vec<String> = policy.problems().iter().map(ToString::to_string).collect();
    let shown = problems.get(..fitting(&problems)).unwrap_or_default();
    let left = problems.len() - shown.len();
    let text = text::broken_policy(table, shown, left);
    let document = Document {
        version: VERSION,
        run_id,
        origin,
        mode,
        part: 1,
        parts: 1,
        summary: ReportCounts::default(),
        repeated: 0,
        changes: &[],
        undelivered: &[],
        undelivered_left: 0,
        policy_problems: shown,
        policy_problems_left: left,
        notes: &[],
        instance_ids: BTreeSet::new(),
        resource_ids: BTreeSet::new(),
        entries: Vec::new(),
    };
    Message {
        text,
        json: json_of(&document),
        part: 1,
    }
}

fn place(entry: &Entry) -> (&str, Option<i64>) {
    (&entry.step.instance_id, entry.step.cause.rule_id())
}

impl<'a> ReportFrame<'a> {
    /// The built-in text, and the entries that it shows.
    fn built_in(&mut self, news: &[&'a Entry], text_limit: usize) -> (String, Vec<&'a Entry>) {
        let template = Template::built_in();
        let around = text_by(&template, &self.view(&[])).map_or(0, |text| text.len());
        let shown = self.shown(news, text_limit.saturating_sub(around), true);
        self.count_left(news, &shown);
        let text = text_by(&template, &self.view(&shown));
        let text = text.unwrap_or_else(|error| text::plain(&shown, self.closing(), &error));
        (text, shown)
    }

    /// The text in the words of a template. One that is too large shows fewer entries.
    fn customised(
        &mut self,
        source: &str,
        news: &[&'a Entry],
        text_limit: usize,
    ) -> Result<(String, Vec<&'a Entry>), TemplateError> {
        let template = Template::compile(source)?;
        let mut room = text_limit;
        for _ in 0..=MOST_HALVINGS {
            let shown = self.shown(news, room, false);
            self.count_left(news, &shown);
            let text = template.render(&self.view(&shown))?;
            if text.len() <= text_limit {
                return Ok((text, shown));
            }
            room /= 2;
        }
        Err(TemplateError::too_large())
    }

    /// The text and the JSON of `news`, in as many messages as the JSON needs.
    fn messages(&self, news: &[&'a Entry], text: String, limit: usize) -> Vec<Message> {
        let entries_of = self.parts(news, &text, limit);
        let parts = entries_of.len();
        let mut text = Some(text);
        let messages = (1..).zip(entries_of);
        let messages = messages.map(|(part, entries)| {
            let text = text
                .take()
                .unwrap_or_else(|| text::further_part(part, parts, &self.report.run_id));
            self.message(part, parts, entries, text)
        });
        messages.collect()
    }

    /// The entries of each message: as many as fit.
    fn parts<'n>(&self, news: &'n [&'a Entry], text: &str, limit: usize) -> Vec<&'n [&'a Entry]> {
        let around = |part, text: String| {
            let message = self.message(part, MOST_PARTS, &[], text);
            message.body().len()
        };
        let first = around(1, text.to_owned());
        let further = text::further_part(MOST_PARTS, MOST_PARTS, &self.report.run_id);
        let further = around(MOST_PARTS, further);
        let mut parts = Vec::new();
        let (mut rest, mut taken, mut size, mut copies) = (news, 0, first, PROGRAMS.len());
        for entry in news {
            let entry_size = self.entry_size(entry);
            if taken > 0 && size + copies * entry_size > limit {
                let (part, left) = rest.split_at(taken);
                parts.push(part);
                (rest, taken, size, copies) = (left, 0, further, 1);
            }
            taken += 1;
            size += copies * entry_size;
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        parts
    }

    fn message(&self, part: usize, parts: usize, entries: &[&Entry], text: String) -> Message {
        let undelivered = if part == 1 {
            self.report.undelivered.as_slice()
        } else {
            &[]
        };
        let listed = undelivered.get(..fitting(undelivered)).unwrap_or_default();
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
            undelivered: listed,
            undelivered_left: undelivered.len() - listed.len(),
            policy_problems: &[],
            policy_problems_left: 0,
            notes: &self.report.notes,
            instance_ids: entries
                .iter()
                .filter(|entry| entry.step.kind() == Kind::Instance)
                .map(|entry| entry.step.instance_id.as_str())
                .collect(),
            resource_ids: entries
                .iter()
                .filter(|entry| entry.step.kind() != Kind::Instance)
                .map(|entry| entry.step.instance_id.as_str())
                .collect(),
            entries: entries.iter().map(|it| self.document(it)).collect(),
        };
        Message {
            text,
            json: json_of(&document),
            part,
        }
    }

    fn document<'e>(&'e self, entry: &'e Entry) -> EntryDocument<'e> {
        self.report.document(entry, self.context.region)
    }

    /// At most what `entry` adds to one copy of the JSON.
    fn entry_size(&self, entry: &Entry) -> usize {
        let id = escaped(&json_of(&entry.step.instance_id)) + ",".len();
        let json = escaped(&json_of(&self.document(entry))) + ",".len();
        id + json
    }
}

/// The text of `view` by a template that may not have compiled.
fn text_by(
    template: &Result<Template, TemplateError>,
    view: &View<'_>,
) -> Result<String, TemplateError> {
    template.as_ref().map_err(Clone::clone)?.render(view)
}

/// How many of the first `items` of a list have room in the JSON.
fn fitting<T: Serialize>(items: &[T]) -> usize {
    let mut room = LIST_LIMIT;
    let fitting = items.iter().take_while(|item| {
        let size = escaped(&json_of(*item)) + ",".len();
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    fitting.count()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The length of `text` inside a JSON string.
fn escaped(text: &str) -> usize {
    json_of(&text).len() - "\"\"".len()
}

/// Values made of texts and numbers always have a JSON form.
fn json_of<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! What a run did and what it left, for people and for programs.
//!
//! | module | what it holds |
//! |---|---|
//! | `section` | the order in which people read it, and what they can do |
//! | [`text`] | the lines, in the customer's words |
//! | `console` | links into the AWS console |
//! | `subject` | whom the entries concern |
//! | `digest` | which entries a text shows, where it has no room for all |
//! | `undelivered` | letters that could not be sent |
//! | `view` | what a template sees |
//! | `template` | the built-in text and the policy table's own, compiled, checked and rendered |
//! | `changes` | what means something else since an upgrade |
//! | `sample` | reports to try a template with |
//! | `message` | the messages that SNS takes: one text, and JSON in parts |

pub(crate) mod changes;
mod check;
pub(crate) mod console;
mod digest;
mod message;
pub(crate) mod sample;
mod section;
mod subject;
pub(crate) mod template;
mod template_error;
pub mod text;
mod undelivered;
mod view;

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use tagwarden_core::Kind;
use tagwarden_core::policy::ReportTemplate;

use crate::link::ReportOrigin;
use crate::plan::{Outcome, Reason, Remedy, Step, ValueOrigin};
use crate::run_id::RunId;
use crate::settings::Mode;

pub use check::check as check_template;
pub use message::{Message, Messages, broken_policy, messages};
pub use section::Section;
pub(crate) use subject::EntryDocument;
pub use subject::{ReportSubject, Subjects};
pub use template_error::TemplateError;
pub use undelivered::UndeliveredLetter;

/// Everything one run did and left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether anything could be changed at all.
    pub mode: Mode,
    /// How many instances were looked at.
    pub instances: usize,
    /// How many volumes were looked at.
    pub volumes: usize,
    /// What else its readers must know, each a whole sentence.
    pub notes: Vec<String>,
    /// The run that the report is of.
    pub run_id: RunId,
    /// What became of each step, in the order of the instances and rules once [sorted](Report::sort).
    pub entries: Vec<Entry>,
    /// The [names](Entry::name) of what was reported earlier today: it is counted, and not reported again.
    pub already_reported: BTreeSet<String>,
    /// What means something else since an upgrade, where this is the first report after it.
    pub changes: Vec<&'static str>,
    /// Who sends it, and how many reports led to it.
    pub origin: ReportOrigin,
    /// The letters that could not be sent.
    pub undelivered: Vec<UndeliveredLetter>,
    /// What is wrong with the letters' template that is not used.
    pub letter_problem: Option<String>,
    /// The resources with a notice that the text had no room for: it does not count as given.
    pub unannounced: BTreeSet<String>,
    /// What is known of the resources of the entries, by id.
    pub subjects: Subjects,
}

/// What a report's text needs beside the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportContext<'a> {
    /// Where the instances are, for links into the console; none: no links.
    pub region: Option<&'a str>,
    /// The ledger that the run was written down in, for the command that shows it; none: it was in none.
    pub ledger_table: Option<&'a str>,
    /// The policy table's own template; none: the built-in text.
    pub template: Option<&'a ReportTemplate>,
}

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub outcome: Outcome,
    /// The run that did it, where that was another one, which could not report it.
    pub done_by: Option<RunId>,
}

/// How many instances: one instance can count under several names. The function's answer.
///
/// In a dry run nothing was tagged, stopped or terminated; what would have been stands in the `would…` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportCounts {
    /// Looked at.
    pub instances: usize,
    /// Volumes that were looked at. Those below that are tagged, notified, deferred, refused and failed count volumes too.
    #[serde(skip_serializing_if = "is_zero")]
    pub volumes: usize,
    /// Got at least one tag.
    pub tagged: usize,
    /// Were stopped.
    pub stopped: usize,
    /// Were terminated.
    pub terminated: usize,
    /// Were reported, as their rules ask.
    pub notified: usize,
    /// Have something left for a later run.
    pub deferred: usize,
    /// Have something that must not be done.
    pub refused: usize,
    /// Have something that failed.
    pub failed: usize,
    /// Would have got at least one tag.
    pub would_tag: usize,
    /// Would have been stopped.
    pub would_stop: usize,
    /// Would have been terminated.
    pub would_terminate: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Report {
    /// A report of nothing yet.
    #[must_use]
    pub fn new(mode: Mode, instances: usize, run_id: RunId) -> Self {
        Self {
            mode,
            instances,
            volumes: 0,
            notes: Vec::new(),
            run_id,
            entries: Vec::new(),
            already_reported: BTreeSet::new(),
            changes: Vec::new(),
            origin: ReportOrigin::default(),
            undelivered: Vec::new(),
            letter_problem: None,
            unannounced: BTreeSet::new(),
            subjects: Subjects::new(),
        }
    }

    /// Adds what became of a step. What is unclear counts as failed, because somebody had better look at it.
    pub fn add(&mut self, step: Step, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Unclear(failure) => Outcome::Failed(failure),
            outcome => outcome,
        };
        self.entries.push(Entry {
            step,
            outcome,
            done_by: None,
        });
    }

    /// Says of what was left for lack of time that the run was ended before its time.
    pub(crate) fn name_interrupted(&mut self) {
        for entry in &mut self.entries {
            if let Outcome::Deferred(reason @ (Reason::NoTime | Reason::LookUpUnfinished)) =
                &mut entry.outcome
            {
                *reason = Reason::Interrupted;
            }
        }
    }

    /// Takes out what a run that a report started does not publish: it publishes only what it did and what needs a
    /// person, because otherwise two linked functions would report the same things to each other. What is taken out does
    /// not count as reported, so that the next sweep reports it.
    #[must_use]
    pub fn leave_to_the_sweep(&mut self) -> Vec<Entry> {
        let is_told =
            |entry: &Entry| entry.outcome == Outcome::Done || Section::of(entry) == Section::Person;
        let entries = std::mem::take(&mut self.entries);
        let (told, rest) = entries.into_iter().partition(is_told);
        self.entries = told;
        rest
    }

    /// What is to be published: all that was done, and what else was not reported before.
    #[must_use]
    pub fn news(&self) -> Vec<&Entry> {
        let is_new = |entry: &&Entry| {
            entry
                .name()
                .is_none_or(|name| !self.already_reported.contains(&name))
        };
        self.entries.iter().filter(is_new).collect()
    }

    /// Whether the entry is a notice that the text had no room for.
    pub(crate) fn is_unannounced(&self, entry: &Entry) -> bool {
        entry.outcome.is_notice() && self.unannounced.contains(&entry.step.instance_id)
    }

    /// Puts the entries in the order of instance ids and rules.
    pub fn sort(&mut self) {
        self.entries.sort_by(|left, right| {
            let key = |entry: &Entry| entry.step.cause.rule_id();
            (&left.step.instance_id, key(left)).cmp(&(&right.step.instance_id, key(right)))
        });
    }

    /// The instances that have something that failed in this run and may succeed without any change by a person.
    #[must_use]
    pub fn instances_to_retry(&self) -> BTreeSet<&str> {
        self.instances_where(|entry| entry.done_by.is_none() && entry.outcome.may_pass())
    }

    /// Counts instances.
    #[must_use]
    pub fn counts(&self) -> ReportCounts {
        let with = |outcome: &Outcome, is: fn(&Remedy) -> bool| {
            self.instances_where(|entry| entry.outcome == *outcome && is(&entry.step.remedy))
                .len()
        };
        let tag: fn(&Remedy) -> bool = |remedy| matches!(remedy, Remedy::Tag { .. });
        let stop: fn(&Remedy) -> bool = |remedy| matches!(remedy, Remedy::Stop { .. });
        let terminate: fn(&Remedy) -> bool = |remedy| *remedy == Remedy::Terminate;
        let notify: fn(&Remedy) -> bool = |remedy| matches!(remedy, Remedy::Notify { .. });
        let count = |is: fn(&Entry) -> bool| self.instances_where(is).len();
        ReportCounts {
            instances: self.instances,
            volumes: self.volumes,
            tagged: with(&Outcome::Done, tag),
            stopped: with(&Outcome::Done, stop),
            terminated: with(&Outcome::Done, terminate),
            notified: with(&Outcome::Done, notify),
            deferred: count(|entry| matches!(entry.outcome, Outcome::Deferred(_))),
            refused: count(|entry| matches!(entry.outcome, Outcome::Refused(_))),
            failed: count(|entry| matches!(entry.outcome, Outcome::Failed(_))),
            would_tag: with(&Outcome::WouldDo, tag),
            would_stop: with(&Outcome::WouldDo, stop),
            would_terminate: with(&Outcome::WouldDo, terminate),
        }
    }

    fn instances_where(&self, is: impl Fn(&Entry) -> bool) -> BTreeSet<&str> {
        self.entries
            .iter()
            .filter(|entry| is(entry))
            .map(|entry| entry.step.instance_id.as_str())
            .collect()
    }
}

impl Entry {
    /// The value of the tag, where the remedy is to write one that is known.
    #[must_use]
    pub fn tag_value(&self) -> Option<&str> {
        match &self.step.remedy {
            Remedy::Tag { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Where the value of the tag comes from, as far as that is known.
    #[must_use]
    pub fn origin(&self) -> Option<&ValueOrigin> {
        match &self.step.remedy {
            Remedy::Tag { origin, .. } => origin.as_ref(),
            _ => None,
        }
    }

    /// Why it was not done, why the tag's value is `Undefined`, or what to write for a tag that is nearly right.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.outcome.reason().or_else(|| match &self.step.remedy {
            Remedy::Tag { unknown, .. } => unknown.map(|why| why.to_string()),
            Remedy::Notify { correction } => correction.clone(),
            _ => None,
        })
    }

    /// The name by which the ledger remembers that it was reported; `None` for what changed an instance, which is always news.
    ///
    /// The budget is one piece of news, whatever the number of instances that were kept from their end by it.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let how = match &self.outcome {
            Outcome::Done if !matches!(self.step.remedy, Remedy::Notify { .. }) => return None,
            Outcome::Refused(reason @ Reason::Budget { .. }) => {
                return Some(reason.name().to_owned());
            }
            // A notice of another day is news.
            Outcome::Deferred(
                reason @ (Reason::Announced { day, notice } | Reason::Ends { day, notice, .. }),
            ) => {
                // So is each of several notices.
                let notice = notice.map_or_else(String::new, |at| format!("@{}", at.timestamp()));
                &format!("{}@{}{notice}", reason.name(), day.timestamp())
            }
            Outcome::Deferred(reason) | Outcome::Refused(reason) => reason.name(),
            Outcome::Done | Outcome::WouldDo | Outcome::Failed(_) | Outcome::Unclear(_) => {
                self.outcome.name()
            }
        };
        let id = &self.step.instance_id;
        Some(match self.step.cause.rule_id() {
            Some(rule_id) => format!("{id} {rule_id} {how}"),
            None => format!("{id} {how}"),
        })
    }
}

/// An entry as programs read it.
impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct View<'a> {
            instance_id: &'a str,
            /// What it is, if it is not an instance.
            #[serde(skip_serializing_if = "Option::is_none")]
            resource_type: Option<&'static str>,
            finding: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            rule_id: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tag_key: Option<&'a str>,
            remedy: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            tag_value: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            value_origin: Option<String>,
            outcome: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            run_id: Option<&'a RunId>,
        }
        let Self {
            step,
            outcome,
            done_by,
        } = self;
        View {
            instance_id: &step.instance_id,
            resource_type: Some(step.kind())
                .filter(|kind| *kind != Kind::Instance)
                .map(Kind::as_str),
            finding: step.cause.name(),
            rule_id: step.cause.rule_id(),
            tag_key: step.cause.tag_key(),
            remedy: step.remedy.name(),
            tag_value: self.tag_value(),
            value_origin: self.origin().map(ToString::to_string),
            outcome: outcome.name(),
            reason: self.reason(),
            run_id: done_by.as_ref(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;

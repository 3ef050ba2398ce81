//! A letter as people read it.

use std::fmt::Write as _;

use tagwarden_core::exemption::EXEMPTION_KEY;
use tagwarden_core::wording;

use super::context::LetterContext;
use super::draft::{Letter, LetterEntry, LetterReader};
use super::kind::LetterKind;
use crate::plan::{Outcome, Reason};
use crate::report::console;
use crate::report::text::{line, moment, printable};
use crate::settings::Mode;

/// SNS takes subjects of fewer characters than this.
const SUBJECT_LIMIT: usize = 100;

impl Letter<'_> {
    /// The subject of the mail: what the most urgent of it is about.
    pub(super) fn subject(&self) -> String {
        let dry_run = match self.report.mode {
            Mode::DryRun => "Dry run: ",
            Mode::Enforce => "",
        };
        let text = match &self.reader {
            LetterReader::Admins => format!("{dry_run}{}", self.heading()),
            LetterReader::Owner(_) => format!("{dry_run}Your {}", self.heading()),
        };
        text.chars().take(SUBJECT_LIMIT - 1).collect()
    }

    /// Such as `2 EC2 instances: Will be stopped or terminated`.
    pub(super) fn heading(&self) -> String {
        let count = self.count();
        let plural = if count == 1 { "" } else { "s" };
        let kinds = self.kinds().into_iter();
        let titles: Vec<&str> = kinds.map(|it| it.title(self.report.mode)).collect();
        let titles = titles.join(", ");
        let titles = if titles.is_empty() {
            "Nothing to do"
        } else {
            &titles
        };
        format!("{count} EC2 instance{plural}: {titles}")
    }

    /// Where the resources are, such as `account 123456789012, eu-west-1`.
    pub(super) fn place(&self, context: LetterContext<'_>) -> String {
        let account = self.report.origin.sender.account.as_ref();
        let account = account.map(|account| format!("account {account}"));
        let region = context.region.map(ToOwned::to_owned);
        let parts: Vec<String> = [account, region].into_iter().flatten().collect();
        parts.join(", ")
    }
}

/// The text that shows these entries of `letter`.
pub(super) fn text(
    letter: &Letter<'_>,
    shown: &[LetterEntry<'_>],
    context: LetterContext<'_>,
    problem: Option<&str>,
) -> String {
    let mut text = String::new();
    let mode = letter.report.mode;
    if let (Some(problem), LetterReader::Owner(owner)) = (problem, &letter.reader) {
        let owner = printable(owner);
        let _ = writeln!(
            text,
            "This letter to {owner} could not be sent: {}.\n",
            printable(problem)
        );
    }
    let _ = writeln!(text, "{}", letter.heading());
    let place = letter.place(context);
    if !place.is_empty() {
        let _ = writeln!(text, "In {place}");
    }
    if mode == Mode::DryRun {
        text.push_str("This is a dry run: nothing is changed.\n");
    }
    let mut last = None;
    for it in shown {
        if last != Some(it.kind) {
            let _ = writeln!(text, "\n{}:", it.kind.title(mode));
            last = Some(it.kind);
        }
        let _ = writeln!(text, "{}", sentence(letter, it));
        if let Some(keep) = &it.keep {
            let what = match it.kind {
                LetterKind::Notice | LetterKind::Shutdown => "To keep it",
                LetterKind::ActionNeeded | LetterKind::Tagged => "To set it right",
            };
            let tags = keep.tags.iter();
            let tags = tags.map(|(key, value)| format!("{key} = {value}"));
            let tags = printable(&tags.collect::<Vec<_>>().join(", "));
            let _ = writeln!(text, "   {what}, set {tags}");
            if keep.allowed.len() > 1 {
                let allowed = printable(&keep.allowed.join(", "));
                let others = match keep.allowed_left {
                    0 => String::new(),
                    count => format!(", and {count} more"),
                };
                let _ = writeln!(text, "   Allowed are: {allowed}{others}");
            }
            let _ = writeln!(text, "   {}", printable(&keep.command));
        }
        if let Some(link) = link(it, context) {
            let _ = writeln!(text, "   {link}");
        }
    }
    let left = letter.entries.len() - shown.len();
    if left > 0 {
        let place = match &letter.reader {
            LetterReader::Owner(_) => "left for the next letter",
            LetterReader::Admins => "in the report",
        };
        let _ = writeln!(text, "\n{left} more are {place}.");
    }
    if let Some(exempt) = exempt(letter) {
        let _ = writeln!(text, "\n{exempt}");
    }
    if let Some(closing) = closing(letter) {
        let _ = writeln!(text, "\n{closing}");
    }
    text
}

/// How to exempt an instance, where anything is to be shut down.
pub(super) fn exempt(letter: &Letter<'_>) -> Option<String> {
    letter.kinds().contains(&LetterKind::Notice).then(|| {
        format!(
            "To exempt an instance for a time, give it the tag {EXEMPTION_KEY}, such as \"2026-12-31 why\"."
        )
    })
}

/// Why an owner gets the letter.
pub(super) fn closing(letter: &Letter<'_>) -> Option<String> {
    match &letter.reader {
        LetterReader::Owner(owner) => Some(format!(
            "You get this letter because these instances belong to {}.",
            printable(owner)
        )),
        LetterReader::Admins => None,
    }
}

/// What becomes of a resource, in a line.
pub(super) fn sentence(letter: &Letter<'_>, it: &LetterEntry<'_>) -> String {
    let entry = it.entry;
    let id = &entry.step.instance_id;
    let subject = letter.report.subject(entry);
    let name = subject.and_then(|it| it.name.as_deref());
    let named = name.map_or_else(|| id.clone(), |name| format!("{id} ({})", printable(name)));
    let cause = wording::sentence(&entry.step.cause.to_string());
    let done = match entry.step.remedy.name() {
        "stop" => "stopped",
        _ => "terminated",
    };
    let text = match (&entry.outcome, entry.due_at()) {
        (Outcome::Deferred(Reason::Ends { tag_key, date, .. }), Some(day)) => format!(
            "-- {named} will be {done} after {} unless {tag_key} is set to a later date. It is {date}.",
            moment(day)
        ),
        (Outcome::Deferred(_), Some(day)) if it.kind == LetterKind::Notice => format!(
            "-- {named} will be {done} after {} if nothing changes. Reason: {cause}.",
            moment(day)
        ),
        (Outcome::Refused(_), _) if it.kind == LetterKind::Notice => {
            format!("-- {named} will be {done} within hours if nothing changes. Reason: {cause}.")
        }
        _ => line(entry).replacen(id.as_str(), &named, 1),
    };
    printable(&text)
}

/// The resource's page in the console.
pub(super) fn link(it: &LetterEntry<'_>, context: LetterContext<'_>) -> Option<String> {
    console::page(context.region?, &it.entry.step.instance_id)
}

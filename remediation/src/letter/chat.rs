//! A letter as Amazon Q Developer in chat applications takes it, for Slack and Teams: shortened.
//!
//! See [custom notifications](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html). Q drops what does
//! not have this form, without an error.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use super::context::LetterContext;
use super::draft::{Letter, LetterReader};
use super::kind::LetterKind;
use super::view::{link, sentence};
use crate::report::text::printable;
use crate::settings::Mode;

/// The most resources that a card shows.
const MOST_SHOWN: usize = 10;

/// The most characters of what a card shows. Chat applications cut or drop sections of over 3,000.
const MOST_CHARACTERS: usize = 2_500;

/// The most characters of a title.
const LONGEST_TITLE: usize = 150;

/// The most characters of a line, so that ten of them leave room for what to do.
const LONGEST_LINE: usize = 400;

/// The longest command that a card shows.
const LONGEST_COMMAND: usize = 600;

/// The most characters of a reader's name in a thread's.
const LONGEST_READER: usize = 100;

/// What the administrators are called in a thread's name.
const ADMINS: &str = "admins";

impl Letter<'_> {
    /// The thread of the letter: its reader and the day of the first notice, so that what follows answers there.
    pub(super) fn thread_id(&self) -> String {
        let reader = match &self.reader {
            LetterReader::Owner(owner) => owner.to_lowercase(),
            LetterReader::Admins => ADMINS.to_owned(),
        };
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "._@-".contains(it);
        let plain: String = reader
            .chars()
            .map(|it| if is_plain(it) { it } else { '-' })
            .take(LONGEST_READER)
            .collect();
        let day = self.thread_day;
        // Other names that look the same here are other readers, and somebody may be called as the administrators are.
        let is_somebody = matches!(self.reader, LetterReader::Owner(_));
        if plain == reader && !(is_somebody && plain == ADMINS) {
            return format!("tagwarden-{plain}-{day}");
        }
        let mut hasher = DefaultHasher::new();
        reader.hash(&mut hasher);
        format!("tagwarden-{plain}-{:016x}-{day}", hasher.finish())
    }
}

/// The card of `letter`.
pub(super) fn card(
    letter: &Letter<'_>,
    context: LetterContext<'_>,
    problem: Option<&str>,
) -> Value {
    let title = cut(&letter.subject_for_chat(), LONGEST_TITLE);
    let first = letter.entries.first();
    let keep = first.and_then(|it| it.keep.as_ref());
    let mut next_steps: Vec<String> = Vec::new();
    if let Some(keep) = keep.filter(|keep| is_shown(&keep.command)) {
        next_steps.push(format!("Set the tag: `{}`", printable(&keep.command)));
    }
    if let Some(link) = first.and_then(|it| link(it, context)) {
        next_steps.push(format!("Look at the first one: {link}"));
    }
    let used: usize = next_steps.iter().map(|it| it.chars().count()).sum();
    let mut room = MOST_CHARACTERS - title.chars().count() - used - 200;

    let mut lines: Vec<String> = Vec::new();
    if let Some(problem) = problem {
        lines.push(cut(
            &plain(&format!("It could not be sent: {problem}.")),
            300,
        ));
    }
    room -= lines.iter().map(|it| it.chars().count()).sum::<usize>();
    let mut ids: Vec<&str> = Vec::new();
    for it in &letter.entries {
        let id = it.entry.step.instance_id.as_str();
        let is_new = ids.last() != Some(&id);
        let line = cut(
            &plain(&sentence(letter, it)).replacen("-- ", "• ", 1),
            LONGEST_LINE,
        );
        let size = line.chars().count() + 1;
        if size > room || (is_new && ids.len() == MOST_SHOWN) {
            break;
        }
        room -= size;
        lines.push(line);
        if is_new {
            ids.push(id);
        }
    }
    let shown = lines.len() - usize::from(problem.is_some());
    match letter.entries.len() - shown {
        0 => {}
        left => lines.push(format!("… and {left} more: `tagwarden plan` shows all.")),
    }
    if letter.report.mode == Mode::DryRun {
        lines.push("This is a dry run: nothing is changed.".to_owned());
    }
    let mut additional = serde_json::Map::new();
    if let Some(account) = &letter.report.origin.sender.account {
        additional.insert("account".to_owned(), json!(account));
    }
    if let Some(region) = context.region {
        additional.insert("region".to_owned(), json!(region));
    }
    additional.insert("run".to_owned(), json!(letter.report.run_id));
    let kinds = letter.kinds().into_iter().map(LetterKind::name);
    let mut shown = json!({
        "textType": "client-markdown",
        "title": title,
        "description": lines.join("\n"),
        "keywords": kinds.collect::<Vec<_>>(),
    });
    if let Some(members) = shown.as_object_mut().filter(|_| !next_steps.is_empty()) {
        members.insert("nextSteps".to_owned(), json!(next_steps));
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "content": shown,
        "metadata": {
            "threadId": letter.thread_id(),
            "summary": title,
            "eventType": "tagwarden-letter",
            "relatedResources": ids,
            "additionalContext": additional,
        },
    })
}

impl Letter<'_> {
    fn subject_for_chat(&self) -> String {
        match &self.reader {
            LetterReader::Owner(owner) => format!("{}: {}", plain(owner), self.heading()),
            LetterReader::Admins => format!("tagwarden: {}", self.heading()),
        }
    }
}

/// `text` without what Slack and Teams take for a link, a mention or code. Tags hold what people write.
///
/// See [Formatting text](https://docs.slack.dev/messaging/formatting-message-text).
fn plain(text: &str) -> String {
    let printable = printable(text);
    let plain = printable.chars().map(|it| match it {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        other => other,
    });
    plain.collect()
}

/// Whether a card shows a command: whole, as it is, and as code.
fn is_shown(command: &str) -> bool {
    command.len() <= LONGEST_COMMAND && !command.contains(['<', '>', '`'])
}

/// The first characters of `text`, so many at most.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let first: String = text.chars().take(most - 1).collect();
    format!("{first}…")
}

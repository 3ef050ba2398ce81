//! The explanation for people. The text is styled; the output stream strips the styles where they are not wanted.

use std::fmt::Write as _;

use comfy_table::{Cell, Color};
use owo_colors::OwoColorize;
use tagwarden_core::annotation::annotation;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::{Action, Assessment, Exemption, Resource, assess};
use tagwarden_remediation::explain::{ExplainedLauncher, ExplainedShutdown, Explanation};
use tagwarden_remediation::launcher::Launcher;
use tagwarden_remediation::settings::Mode;

use super::endings;
use super::events::{events, moment, reason_now, shutdown_in_words};
use super::rules::{look_up, rules};
use crate::forecast::VerdictName;
use crate::forecast::explained::Explained;
use crate::table::{self, Column, table};
use crate::words::{count, on_one_line};

const RULES: [Column; 5] = [
    Column::new("Rule"),
    Column::new("Asks for"),
    Column::new("Value"),
    Column::new("Finding"),
    Column::new("What is done"),
];

const SAFEGUARDS: [Column; 3] = [
    Column::whole("Safeguard"),
    Column::whole("Holds it back"),
    Column::new("Because"),
];

const EVENTS: [Column; 2] = [Column::whole("When"), Column::new("What")];

/// Every instance, one after the other.
pub fn page(explained: &Explained) -> String {
    let instances = explained.instances.iter();
    let parts: Vec<String> = instances
        .filter_map(|instance| {
            let explanation = explained.explanations.instances.get(&instance.id)?;
            Some(part(explained, instance, explanation))
        })
        .collect();
    let mut text = parts.join("\n");
    for note in notes(explained) {
        let _ = writeln!(text, "\n{note}");
    }
    text
}

/// What is not known, each a whole sentence.
pub fn notes(explained: &Explained) -> Vec<String> {
    let mut notes = explained.explanations.notes.clone();
    if explained.is_recorded {
        notes.push(
            "A recording does not say what the ledger notes, such as how long a reason has stood, nor which instances are \
             protected."
                .to_owned(),
        );
    } else if explained.settings.ledger_table.is_none() {
        notes.push(
            "No ledger is named (--ledger-table), so how long a reason has stood and what tagwarden wrote before is not \
             known."
                .to_owned(),
        );
    }
    if explained.mode == Some(Mode::DryRun) {
        notes.push(
            "The function is in a dry run: it reports all this, and does nothing.".to_owned(),
        );
    }
    notes
}

fn part(explained: &Explained, instance: &Resource, explanation: &Explanation) -> String {
    let (policy, scope) = (&explained.policy, &explained.settings.policy.scope);
    let assessment = assess(policy, scope, instance, explained.at);
    let mut text = heading(instance);
    facts(&mut text, explained, instance, explanation, &assessment);

    text.push('\n');
    let rules = rules(policy, instance, explanation, explained.at);
    let rows = rules.iter().map(|it| {
        vec![
            Cell::new(format!("{} {}", it.rule.id, on_one_line(&it.rule.tag_key))),
            Cell::new(it.asks_for()),
            Cell::new(it.shown_value()),
            Cell::new(it.finding(instance)),
            Cell::new(it.remedy(&assessment)),
        ]
    });
    text.push_str(&table(&RULES, rows.collect(), table::width()));
    for shutdown in &explanation.shutdowns {
        safeguards(&mut text, shutdown);
    }
    let events = events(explained, instance, explanation);
    if !events.is_empty() {
        text.push('\n');
        let rows = events.into_iter();
        let rows = rows.map(|(time, what)| vec![Cell::new(time.in_words()), Cell::new(what)]);
        text.push_str(&table(&EVENTS, rows.collect(), table::width()));
    }
    text
}

fn heading(instance: &Resource) -> String {
    let name = instance.tags.get("Name").filter(|name| !name.is_empty());
    let name = name.map(|name| format!(" ({})", on_one_line(name)));
    let heading = format!("{}{}", instance.id, name.unwrap_or_default());
    format!("{}\n\n", heading.bold())
}

/// The lines above the tables: what the instance is, and what the rule says of it.
fn facts(
    text: &mut String,
    explained: &Explained,
    instance: &Resource,
    explanation: &Explanation,
    assessment: &Assessment<'_>,
) {
    let mut line = |name: &str, says: String| {
        let _ = writeln!(text, "{name:<11} {says}");
    };
    let verdict = VerdictName::from(assessment.verdict).as_str();
    line(
        "Verdict",
        match annotation(assessment) {
            Some(annotation) => format!("{verdict}: {}", on_one_line(&annotation)),
            None => verdict.to_owned(),
        },
    );
    line("Policy", explained.policy_name.clone());
    line("As of", moment(explained.at));
    let vpc = instance.vpc_id.as_deref();
    let vpc = vpc.map_or_else(|| "no VPC".to_owned(), on_one_line);
    line(
        "State",
        format!(
            "{} in {vpc}; from {}",
            instance.state,
            explained.place_of(instance)
        ),
    );
    let began = match instance.kind.created_by() {
        Some(_) => "Launched",
        None => "Created",
    };
    line(began, launched(explained, instance));
    if instance.kind.attached_by().is_some() {
        let ids = instance.attached_to.join(", ");
        let nothing = "nothing".to_owned();
        line(
            "Attached to",
            Some(ids).filter(|it| !it.is_empty()).unwrap_or(nothing),
        );
    }
    line("Owner", owner(explained, instance, explanation));
    line(
        "Manager",
        match &explanation.manager {
            Some(manager) => on_one_line(&manager.to_string()),
            None => "none".to_owned(),
        },
    );
    line("Exemption", exemption(explained, instance));
    for end_date in &explanation.end_dates {
        line(
            "Ends",
            endings::ends_when(end_date, explanation.manager.is_some(), explained.at),
        );
        line("To keep it", endings::keep(end_date, &instance.id));
    }
    for tag in &explanation.remembered {
        let key = on_one_line(&tag.key);
        let value = tag.value.as_deref().unwrap_or_default();
        let times = count(tag.written_at.len(), "time");
        let last = tag.written_at.last().map(|at| moment(*at));
        let mut says = format!("tagwarden wrote {key} = {value:?} {times}");
        if let Some(last) = last {
            let _ = write!(says, ", last {last}");
        }
        if let Some(at) = tag.undone_at {
            let _ = write!(says, "; taken back {}", moment(at));
        }
        line("Remembered", says);
    }
}

fn launched(explained: &Explained, instance: &Resource) -> String {
    let Some(at) = instance.launched_at else {
        return "EC2 does not say when".to_owned();
    };
    let age = explained.at.signed_duration_since(at);
    let age = match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (days @ 2.., _, _) => format!("{days} days before"),
        (_, hours @ 2.., _) => format!("{hours} hours before"),
        (_, _, minutes) => format!("{minutes} minutes before"),
    };
    format!("{}, {age}", moment(at))
}

/// Whom the instance belongs to: by its tag, or else by who launched it.
fn owner(explained: &Explained, instance: &Resource, explanation: &Explanation) -> String {
    let mut rules = explained.policy.rules().iter();
    let rule = rules.find(|rule| rule.action == Action::UserLookup);
    let tag = rule.and_then(|rule| instance.tags.get_key_value(&rule.tag_key));
    if let Some((key, value)) = tag.filter(|(_, value)| !is_blank(value)) {
        return format!("{}, by its tag {}", on_one_line(value), on_one_line(key));
    }
    match &explanation.launcher {
        Some(ExplainedLauncher { launcher, source }) => {
            let from = look_up(*source);
            match launcher {
                Launcher::Known(name) => {
                    format!("{}, who launched it, from {from}", on_one_line(name))
                }
                Launcher::Nobody => format!("not known: {from} does not show who launched it"),
                Launcher::TooOld => {
                    "not known: launched before CloudTrail's event history".to_owned()
                }
                Launcher::Failed(error) => {
                    format!("not known: {}", on_one_line(&error.to_string()))
                }
            }
        }
        None if rule.is_some() => "not known".to_owned(),
        None => "no rule asks for it".to_owned(),
    }
}

fn exemption(explained: &Explained, instance: &Resource) -> String {
    match Exemption::of(instance, explained.at) {
        None => "none".to_owned(),
        Some(Exemption::Holds { until, reason }) => {
            format!("until the end of {until}: {}", on_one_line(reason))
        }
        Some(Exemption::Ended { until }) => format!("it ended on {until}"),
        Some(Exemption::Unreadable { key, value }) => {
            format!("cannot be read: {key:?} = {value:?}")
        }
    }
}

/// What each safeguard says of a shutdown.
fn safeguards(text: &mut String, shutdown: &ExplainedShutdown) {
    let title = format!(
        "To {}: {}",
        shutdown_in_words(shutdown.shutdown),
        reason_now(shutdown)
    );
    let _ = writeln!(text, "\n{}\n", title.bold());
    let rows = shutdown.safeguards.iter().map(|it| {
        let holds = match (it.holds, it.until) {
            (None, _) => Cell::new("not known"),
            (Some(false), _) => Cell::new("no"),
            (Some(true), None) => Cell::new("yes").fg(Color::DarkGreen),
            (Some(true), Some(_)) => Cell::new("for now").fg(Color::DarkYellow),
        };
        vec![Cell::new(it.name), holds, Cell::new(on_one_line(&it.says))]
    });
    text.push_str(&table(&SAFEGUARDS, rows.collect(), table::width()));
}

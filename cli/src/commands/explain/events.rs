//! What happens to an instance, and when, if nothing changes.

use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_core::annotation::annotation;
use tagwarden_core::policy::PolicyExamples;
use tagwarden_core::{Exemption, Resource, Shutdown, assess};
use tagwarden_remediation::explain::{ExplainedShutdown, ExplainedStep, Explanation, ShutdownTime};
use tagwarden_remediation::plan::{CountdownReason, Outcome, PlanContext, Remedy, prospects};

use super::rules::step_in_words;
use crate::forecast::VerdictName;
use crate::forecast::explained::Explained;
use crate::words::{duration, on_one_line};

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventTime {
    NextRun,
    RunAfterNext,
    OnceLooksAgree,
    After(DateTime<Utc>),
    Never,
}

/// What happens, the earliest first.
pub fn events(
    explained: &Explained,
    instance: &Resource,
    explanation: &Explanation,
) -> Vec<(EventTime, String)> {
    let steps = explanation.steps.iter().filter(|it| !is_shutdown(it));
    let steps = steps.map(|step| (time(step), step_with_tag(step)));
    let notices = explanation.end_dates.iter().flat_map(|end_date| {
        let (key, date) = (on_one_line(&end_date.tag_key), on_one_line(&end_date.date));
        let to_come = end_date.notices.iter().filter(|at| **at > explained.at);
        to_come.map(move |at| (EventTime::After(*at), format!("notice: {key} = {date}")))
    });
    let ends = |it: &&ExplainedShutdown| it.ends_at.is_some();
    let is_announced = explanation
        .shutdowns
        .iter()
        .any(|it| ends(&it) && it.at != ShutdownTime::Never);
    let notices = notices.filter(move |_| is_announced);
    let shutdowns = explanation.shutdowns.iter().map(shutdown);
    let mut events: Vec<(EventTime, String)> = steps.chain(notices).chain(shutdowns).collect();
    events.extend(end_of_exemption(explained, instance));
    events.sort_by_key(|(time, _)| *time);
    events
}

impl EventTime {
    /// `next run`, `after 2026-11-23 12:15 UTC`.
    pub fn in_words(self) -> String {
        match self {
            Self::NextRun => "next run".to_owned(),
            Self::RunAfterNext => "the run after the next".to_owned(),
            Self::OnceLooksAgree => "once two looks agree".to_owned(),
            Self::After(at) => format!("after {}", moment(at)),
            Self::Never => "not as things stand".to_owned(),
        }
    }
}

/// A moment, to the minute.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn is_shutdown(step: &ExplainedStep) -> bool {
    matches!(
        step.entry.step.remedy,
        Remedy::Stop { .. } | Remedy::Terminate
    )
}

fn time(step: &ExplainedStep) -> EventTime {
    match (&step.entry.outcome, step.until) {
        (_, Some(until)) => EventTime::After(until),
        (Outcome::Refused(_), None) => EventTime::Never,
        _ => EventTime::NextRun,
    }
}

/// `tag ProjectCode: write "Proj007", the rule's default`.
fn step_with_tag(step: &ExplainedStep) -> String {
    let words = step_in_words(step);
    match step.entry.step.cause.tag_key() {
        Some(key) => format!("tag {}: {words}", on_one_line(key)),
        None => words,
    }
}

fn shutdown(shutdown: &ExplainedShutdown) -> (EventTime, String) {
    let time = match shutdown.at {
        ShutdownTime::NextRun => EventTime::NextRun,
        ShutdownTime::RunAfterNext => EventTime::RunAfterNext,
        ShutdownTime::OnceLooksAgree => EventTime::OnceLooksAgree,
        ShutdownTime::After(at) => EventTime::After(at),
        ShutdownTime::Never => EventTime::Never,
    };
    let done = shutdown_in_words(shutdown.shutdown);
    let safeguards = shutdown.safeguards.iter();
    let holding = safeguards.filter(|it| it.holds == Some(true) && it.until.is_none());
    let holding: Vec<&str> = holding.map(|it| it.name).collect();
    let says = match shutdown.at {
        ShutdownTime::Never if !holding.is_empty() => {
            format!("{done}, held back by {}", holding.join(", "))
        }
        ShutdownTime::After(_) => format!("{done}, if a run then still finds this"),
        _ => done.to_owned(),
    };
    (time, format!("{}: {says}", reason_now(shutdown)))
}

/// `missing tag Owner`, or `the end date in tag Expires` where that has not passed.
pub fn reason_now(shutdown: &ExplainedShutdown) -> String {
    match (&shutdown.reason, shutdown.ends_at) {
        (CountdownReason::Tag { key, .. }, Some(_)) => {
            format!("the end date in tag {}", on_one_line(key))
        }
        (other, _) => reason(other),
    }
}

/// `terminate`.
pub fn shutdown_in_words(shutdown: Shutdown) -> &'static str {
    match shutdown {
        Shutdown::Stop => "stop",
        Shutdown::Terminate => "terminate",
    }
}

/// `no tags found`, `missing tag Owner`.
fn reason(reason: &CountdownReason) -> String {
    match reason {
        CountdownReason::Untagged => tagwarden_core::wording::UNTAGGED.to_owned(),
        CountdownReason::Tag { defect, key } => {
            tagwarden_core::wording::tag_defect(*defect, &on_one_line(key))
        }
    }
}

/// What the rule says of the instance once its exemption has ended.
fn end_of_exemption(explained: &Explained, instance: &Resource) -> Option<(EventTime, String)> {
    let exemption = Exemption::of(instance, explained.at);
    let holds = exemption.filter(|it| matches!(it, Exemption::Holds { .. }));
    let end = holds.and_then(|it| it.end())?;
    let scope = &explained.settings.policy.scope;
    let then = assess(&explained.policy, scope, instance, end);
    let verdict = VerdictName::from(then.verdict).as_str();
    let says = match annotation(&then) {
        Some(annotation) => format!("{verdict}: {}", on_one_line(&annotation)),
        None => verdict.to_owned(),
    };
    Some((
        EventTime::After(end),
        format!(
            "the exemption has ended, and it is {says}{}",
            fate(explained, instance)
        ),
    ))
}

/// What becomes of the instance in the end, if that is a shutdown.
fn fate(explained: &Explained, instance: &Resource) -> String {
    let prospects = prospects(
        &explained.policy,
        &explained.settings,
        slice::from_ref(instance),
        &PlanContext::default(),
        &PolicyExamples::of([&explained.policy]),
        explained.at,
    );
    let prospect = prospects.get(&instance.id).map(|it| it.most);
    let fate = prospect.and_then(|it| {
        let terminated = it.terminated.map(|wait| ("terminated", wait));
        terminated.or(it.down.map(|wait| ("stopped", wait)))
    });
    match fate {
        Some((what, wait)) if wait > TimeDelta::zero() => {
            format!("; it is {what} {} after a look finds that", duration(wait))
        }
        Some((what, _)) => format!("; the next look has it {what}"),
        None => String::new(),
    }
}

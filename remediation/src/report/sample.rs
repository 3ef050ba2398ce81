//! Reports that hold something of everything, to try templates with.

use chrono::{DateTime, NaiveDate, TimeDelta};
use tagwarden_core::DefectName;
use tagwarden_core::owner::{Owner, OwnerSource};

use super::section::sort;
use super::view::{ReportFrame, View};
use super::{Entry, Report, ReportContext, ReportSubject};
use crate::launcher::Unknown;
use crate::plan::{Cause, Outcome, Reason, Remedy, Step, StepFailure, UNDEFINED, ValueOrigin};
use crate::run_id::RunId;
use crate::settings::Mode;

/// How many entries fill about one message.
const MANY: usize = 300;

/// Calls `each` with reports in which every group, outcome and optional member comes up.
///
/// # Errors
/// The first that `each` gives.
pub(super) fn with_samples<E>(mut each: impl FnMut(&View<'_>) -> Result<(), E>) -> Result<(), E> {
    let everywhere = ReportContext {
        region: Some("eu-west-1"),
        ledger_table: Some("tagwarden-ledger"),
        template: None,
    };
    let nowhere = ReportContext::default();
    let many = (0..MANY).map(|number| (missing(number), tag("Proj007"), Outcome::Done));
    for (report, context) in [
        (report(Mode::Enforce, enforced()), everywhere),
        (report(Mode::DryRun, dry_run()), nowhere),
        (report(Mode::Enforce, many), everywhere),
    ] {
        let mut news: Vec<&Entry> = report.news();
        sort(&mut news);
        let frame = ReportFrame::new(&report, context, &news);
        each(&frame.view(&news))?;
    }
    Ok(())
}

/// What a run that enforces can come to.
pub(crate) fn enforced() -> Vec<Sample> {
    let age = Some(TimeDelta::minutes(3));
    let grace = TimeDelta::minutes(15);
    let terminate_on = NaiveDate::from_ymd_opt(2026, 12, 7).unwrap_or_default();
    let denied =
        "ec2:CreateTags: UnauthorizedOperation: You are not authorized to perform this operation.";
    vec![
        (missing(1), tag("Proj007"), Outcome::Done),
        (empty(2), tag("2026-11-23"), Outcome::Done),
        (missing(3), undefined(Unknown::TooOld), Outcome::Done),
        (Cause::Untagged, Remedy::Terminate, Outcome::Done),
        (
            Cause::Untagged,
            Remedy::Stop {
                terminate_on: Some(terminate_on),
            },
            Outcome::Done,
        ),
        (
            missing(2),
            Remedy::Stop { terminate_on: None },
            Outcome::Done,
        ),
        (
            missing(4),
            Remedy::Notify { correction: None },
            Outcome::Done,
        ),
        (
            missing(1),
            tag("Proj007"),
            Outcome::Failed(StepFailure {
                code: Some("UnauthorizedOperation".to_owned()),
                text: denied.to_owned(),
            }),
        ),
        (
            Cause::Untagged,
            Remedy::Terminate,
            Outcome::Refused(Reason::Protected),
        ),
        (
            missing(5),
            Remedy::Terminate,
            Outcome::Refused(Reason::Managed {
                manager: "the Auto Scaling group web".to_owned(),
                concern: "which would replace it",
                fix: "tag the group",
            }),
        ),
        (
            Cause::Untagged,
            Remedy::Terminate,
            Outcome::Refused(Reason::Budget { limit: 10 }),
        ),
        (
            Cause::Untagged,
            Remedy::Terminate,
            Outcome::Deferred(Reason::Stopped { terminate_on }),
        ),
        (
            Cause::Untagged,
            Remedy::Terminate,
            Outcome::Deferred(Reason::Grace { age, grace }),
        ),
        (
            missing(3),
            Remedy::TagLauncher,
            Outcome::Deferred(Reason::LaunchNotShown { age, grace }),
        ),
        (
            missing(1),
            tag("Proj007"),
            Outcome::Refused(Reason::Vanished),
        ),
    ]
}

pub(crate) fn dry_run() -> Vec<Sample> {
    vec![
        (missing(1), tag("Proj007"), Outcome::WouldDo),
        (
            missing(3),
            undefined(Unknown::NotRecorded),
            Outcome::WouldDo,
        ),
        (Cause::Untagged, Remedy::Terminate, Outcome::WouldDo),
        (
            missing(4),
            Remedy::Notify { correction: None },
            Outcome::Done,
        ),
    ]
}

/// A cause, its remedy, and what became of it.
pub(crate) type Sample = (Cause, Remedy, Outcome);

/// A report of these, each of an instance of its own.
pub(crate) fn report(mode: Mode, samples: impl IntoIterator<Item = Sample>) -> Report {
    let started_at = DateTime::from_timestamp(1_795_435_200, 0).unwrap_or_default();
    let run_id = RunId::new(started_at, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    let mut report = Report::new(mode, 0, run_id.clone());
    for (number, (cause, remedy, outcome)) in samples.into_iter().enumerate() {
        let step = Step {
            instance_id: format!("i-0a1b2c3d4e5f{number:05x}"),
            cause,
            remedy,
        };
        report.add(step, outcome);
    }
    report.instances = report.entries.len();
    let account = (mode == Mode::Enforce).then(|| "123456789012".to_owned());
    report.origin.sender.account = account;
    // Whom some of them concern is known.
    for (number, name) in ["web-1", "web-2", "db"].into_iter().enumerate() {
        let subject = ReportSubject {
            name: Some(name.to_owned()),
            owner: Some(Owner {
                name: "team-shop".to_owned(),
                source: OwnerSource::Tag("Owner".to_owned()),
            }),
            launcher: (number != 2).then(|| "ann@example.com".to_owned()),
            attached_to: Vec::new(),
            manager: None,
            counted_since: None,
        };
        let id = format!("i-0a1b2c3d4e5f{:05x}", number * 4);
        report.subjects.insert(id, subject);
    }
    // One of them was done by a run that could not tell.
    if let Some(first) = report.entries.first_mut().filter(|_| mode == Mode::Enforce) {
        first.done_by = Some(run_id);
    }
    report
}

pub(super) fn missing(rule: usize) -> Cause {
    cause(rule, DefectName::Missing)
}

fn empty(rule: usize) -> Cause {
    cause(rule, DefectName::Empty)
}

fn cause(rule: usize, defect: DefectName) -> Cause {
    let keys = ["ProjectCode", "Expires", "CreatedBy", "Owner", "Team"];
    let (rule_id, key) = (1..)
        .zip(keys)
        .nth(rule.saturating_sub(1) % 5)
        .unwrap_or((1, "Team"));
    Cause::Tag {
        rule_id,
        tag_key: key.to_owned(),
        defect,
    }
}

pub(super) fn tag(value: &str) -> Remedy {
    Remedy::Tag {
        value: value.to_owned(),
        unknown: None,
        origin: Some(ValueOrigin::Default),
    }
}

fn undefined(why: Unknown) -> Remedy {
    Remedy::Tag {
        value: UNDEFINED.to_owned(),
        unknown: Some(why),
        origin: Some(ValueOrigin::Launcher),
    }
}

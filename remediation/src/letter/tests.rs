//! What owners read.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_core::owner::{Owner, OwnerSource};
use tagwarden_core::{DefectName, Policy};

use super::*;
use crate::plan::{Cause, Outcome, Reason, Remedy, Step, ValueOrigin};
use crate::report::{Report, ReportSubject};
use crate::run_id::RunId;
use crate::settings::Mode;

mod wording;

const GUIDE: &str = include_str!("../../../docs/letters.md");

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy(rows: &[Value]) -> Policy {
    Policy::from_rows(rows.iter().map(|row| row.as_object().unwrap().clone())).unwrap()
}

fn customers_policy() -> Policy {
    policy(&[
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({
            "RuleId": 3, "TagKey": "Env", "Action": "Notify", "Required": "Y", "Allowed": "Prod, Dev",
        }),
        json!({
            "RuleId": 4, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Stop", "AtMost": "14d",
        }),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ])
}

fn report(entries: Vec<(Cause, Remedy, Outcome)>) -> Report {
    let mut report = Report::new(Mode::Enforce, 9, RunId::new(now(), "8476a536"));
    report.origin.sender.account = Some("123456789012".to_owned());
    for (number, (cause, remedy, outcome)) in entries.into_iter().enumerate() {
        let instance_id = format!("i-0a1b2c3d4e5f{number:05x}");
        let subject = ReportSubject {
            name: matches!(number, 1 | 2 | 4).then(|| format!("web-{number}")),
            owner: Some(Owner {
                name: "ann@example.com".to_owned(),
                source: OwnerSource::Launcher,
            }),
            launcher: Some("ann@example.com".to_owned()),
            attached_to: Vec::new(),
            manager: None,
            counted_since: NaiveDate::from_ymd_opt(2026, 11, 22),
        };
        report.subjects.insert(instance_id.clone(), subject);
        let step = Step {
            instance_id,
            cause,
            remedy,
        };
        report.add(step, outcome);
    }
    report
}

fn cause(rule_id: i64, key: &str, defect: DefectName) -> Cause {
    Cause::Tag {
        rule_id,
        tag_key: key.to_owned(),
        defect,
    }
}

fn everything() -> Report {
    let day = "2026-11-25T12:00:00Z".parse().unwrap();
    report(vec![
        (
            Cause::Untagged,
            Remedy::Terminate,
            Outcome::Deferred(Reason::Announced { day, notice: None }),
        ),
        (
            cause(4, "Expires", DefectName::Expired),
            Remedy::Stop { terminate_on: None },
            Outcome::Deferred(Reason::Ends {
                tag_key: "Expires".to_owned(),
                date: "2026-11-24".to_owned(),
                day,
                days_left: 1,
                notice: None,
            }),
        ),
        (
            cause(3, "Env", DefectName::Missing),
            Remedy::Notify { correction: None },
            Outcome::Done,
        ),
        (Cause::Untagged, Remedy::Terminate, Outcome::Done),
        (
            cause(1, "ProjectCode", DefectName::Missing),
            Remedy::Tag {
                value: "Proj007".to_owned(),
                unknown: None,
                origin: Some(ValueOrigin::Default),
            },
            Outcome::Done,
        ),
    ])
}

fn context(policy: &Policy) -> LetterContext<'_> {
    LetterContext {
        policy,
        region: Some("eu-west-1"),
        wording: None,
        now: now(),
    }
}

fn text_of(report: &Report, policy: &Policy) -> String {
    let letters = letters(report, context(policy), &BTreeSet::new());
    let [letter] = letters.try_into().unwrap();
    let body: Value = serde_json::from_str(&letter.message(context(policy), None).body).unwrap();
    body["default"].as_str().unwrap().to_owned()
}

#[test]
fn guide_shows_the_letter() {
    let text = text_of(&everything(), &customers_policy());
    let (begin, end) = ("<!-- letter: begin -->\n", "<!-- letter: end -->");
    let (before, rest) = GUIDE.split_once(begin).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    let expected = format!("```text\n{}\n```\n", text.trim_end());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/letters.md");
        std::fs::write(path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, expected, "UPDATE_DOCS=1 cargo test writes it anew");
}

/// Every kind of outcome, and whether its owner is told of it.
#[rstest]
#[case(Outcome::Deferred(Reason::NoTime), None)]
#[case(Outcome::Deferred(Reason::JustTagged), None)]
#[case(Outcome::Deferred(Reason::Counting { since: now(), day: now() }), Some(LetterKind::Notice))]
#[case(Outcome::Refused(Reason::Budget { limit: 10 }), Some(LetterKind::Notice))]
#[case(Outcome::Refused(Reason::Budget { limit: 0 }), None)]
#[case(Outcome::Refused(Reason::NotPermitted { is_stop: false }), None)]
#[case(Outcome::Refused(Reason::NotAnnounced("nobody".to_owned())), None)]
#[case(Outcome::Refused(Reason::Protected), Some(LetterKind::ActionNeeded))]
#[case(Outcome::Refused(Reason::Vanished), None)]
#[case(Outcome::Failed(crate::plan::StepFailure::without_code("x")), None)]
#[case(Outcome::Done, Some(LetterKind::Shutdown))]
#[case(Outcome::WouldDo, Some(LetterKind::Shutdown))]
fn owners_read_what_concerns_them(#[case] outcome: Outcome, #[case] kind: Option<LetterKind>) {
    let report = report(vec![(Cause::Untagged, Remedy::Terminate, outcome)]);
    assert_eq!(LetterKind::of(&report.entries[0]), kind);
    let policy = customers_policy();
    let count = letters(&report, context(&policy), &BTreeSet::new()).len();
    assert_eq!(count, usize::from(kind.is_some()));
}

/// What a shell makes of the command is what `create-tags` must receive.
#[rstest]
#[case("Prod", "--tags Key=Env,Value=Prod")]
#[case("it's, all", r#"--tags '[{"Key":"Env","Value":"it'\''s, all"}]'"#)]
#[case("$(reboot)", r#"--tags '[{"Key":"Env","Value":"$(reboot)"}]'"#)]
fn quotes_what_a_shell_would_read(#[case] value: &str, #[case] tags: &str) {
    let policy = policy(&[json!({
        "RuleId": 3, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": value,
    })]);
    let report = report(vec![(
        cause(3, "Env", DefectName::NotAllowed),
        Remedy::Notify { correction: None },
        Outcome::Done,
    )]);
    let letters = letters(&report, context(&policy), &BTreeSet::new());
    let command = &letters[0].entries[0].keep.as_ref().unwrap().command;
    assert!(command.ends_with(tags), "{command}");
}

/// A command that somebody pastes must not destroy anything: for what a manager replaces, a tag keeps nothing.
#[test]
fn proposes_no_tag_where_none_helps() {
    let managed = Outcome::Refused(Reason::Managed {
        manager: "the Auto Scaling group web".to_owned(),
        concern: "which would replace it",
        fix: "tag the group",
    });
    let report = report(vec![(Cause::Untagged, Remedy::Terminate, managed)]);
    let text = text_of(&report, &customers_policy());
    assert!(text.contains("tag the group"), "{text}");
    assert!(!text.contains("create-tags"), "{text}");
}

#[test]
fn told_by_name_for_each_reader() {
    let report = everything();
    let policy = customers_policy();
    let first = letters(&report, context(&policy), &BTreeSet::new());
    let told = first[0].names.clone();
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|name| name.starts_with("ann@example.com ")));
    assert!(letters(&report, context(&policy), &told).is_empty());
}

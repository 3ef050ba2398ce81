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
    ("[0-9a-f]{17}", "\\PC{1,40}", remedy, outcome).prop_map(|(id, tag_key, remedy, outcome)| {
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
    })
}

/// Texts that are as long as the built-in one, that are longer, that have less room for entries, that may be too long, and
/// that fail. The first three are used always, the last two never.
const TEMPLATES: [&str; 6] = [
    "{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{% endfor %}{% endfor %}x",
    "{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{{ entry.line | length * 'é' }}\n\
     {% endfor %}{% endfor %}x",
    "{{ 'x' * 2000 }}\n{% for group in groups %}{% for entry in group.entries %}{{ entry.line }}\n{% endfor %}\
     {% endfor %}",
    "{% if groups | length > 1 %}{{ 'x' * 7000 }}{% else %}{% for group in groups %}{% for entry in group.entries %}\
     {{ entry.line }}\n{% endfor %}{% endfor %}x{% endif %}",
    "{{ 'x' * 7000 }}",
    "{{ heading | no_such_filter }}",
];

fn everywhere() -> ReportContext<'static> {
    ReportContext {
        region: Some("us-gov-west-1"),
        ledger_table: Some("tagwarden-LedgerTable-1ABC2DEF3GHI"),
        template: None,
    }
}

/// The bounds hold wherever a part ends, in the text that has the most beside its lines.
#[test]
fn fits_parts_and_the_text_into_any_limit() {
    let samples = std::iter::repeat_n(enforced(), 3).flatten();
    let mut report = report(Mode::Enforce, samples);
    report.instances = 9_999_999;
    for limit in (12_000..60_000).step_by(1_997) {
        for text_limit in [4_000, 8_000] {
            let parts = split(&report, everywhere(), limit, text_limit).messages;
            for part in &parts {
                assert!(part.body().len() <= limit, "{limit}: {}", part.body().len());
            }
            let text = &parts[0].text;
            assert!(text.len() <= text_limit, "{text_limit}: {}", text.len());
            assert!(parts.len() > 1 || limit > 40_000, "{limit}");
        }
    }
}

/// SNS gives a protocol the text that has its name, and the default text where none has.
fn delivered(message: &Message, protocol: &str) -> String {
    let body: Value = serde_json::from_str(&message.body()).unwrap();
    let text = body.get(protocol).unwrap_or(&body["default"]);
    text.as_str().unwrap().to_owned()
}

#[test]
fn people_get_the_text_once_and_programs_all_parts() {
    let samples = std::iter::repeat_n(enforced(), 3).flatten();
    let report = report(Mode::Enforce, samples);
    let parts = split(&report, everywhere(), 16_000, TEXT_LIMIT).messages;
    assert!(parts.len() > 1);
    for message in &parts {
        let (part, parts) = (message.part, parts.len());
        for program in ["sqs", "lambda", "http", "https"] {
            let json: Value = serde_json::from_str(&delivered(message, program)).unwrap();
            assert_eq!(
                (&json["part"], &json["parts"]),
                (&part.into(), &parts.into())
            );
        }
        for person in ["email", "email-json", "sms"] {
            let text = delivered(message, person);
            let is_report = text.starts_with(text::HEADING);
            assert_eq!(is_report, part == 1, "{text}");
            let is_short = text.lines().count() == 1;
            assert_eq!(is_short, part > 1, "{text}");
        }
    }
}

proptest! {
    #[test]
    fn fits_parts_and_keeps_every_entry_once(
        entries in prop::collection::vec(entry(), 0..40),
        number in prop::option::of(0..TEMPLATES.len()),
        is_somewhere: bool,
    ) {
        const LIMIT: usize = 20_000;
        const TEXT_LIMIT: usize = 6_000;
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
        let told = split(&report, context, LIMIT, TEXT_LIMIT);
        match number {
            None | Some(0..=2) => prop_assert_eq!(&told.problem, &None),
            Some(3) => {}
            Some(_) => prop_assert_eq!(told.problem.is_some(), !report.entries.is_empty()),
        }
        let mut json_entries = Vec::new();
        for part in &told.messages {
            prop_assert!(part.body().len() <= LIMIT);
            let json: Value = serde_json::from_str(&part.json).unwrap();
            prop_assert_eq!(json["parts"].as_u64(), Some(told.messages.len() as u64));
            json_entries.extend(json["entries"].as_array().unwrap().clone());
        }
        let mut entries = report.news();
        sort(&mut entries);
        let expected = entries.iter().map(|entry| report.document(entry, context.region));
        let expected: Vec<Value> = expected.map(|it| serde_json::to_value(it).unwrap()).collect();
        prop_assert_eq!(json_entries, expected);

        // The text has all lines, in order, or says how many it leaves out. Nothing that needs a person is left out for
        // something that does not.
        let Some(first) = told.messages.first() else {
            return Ok(());
        };
        prop_assert!(first.text.len() <= TEXT_LIMIT);
        prop_assert!(template.is_some() || first.text.starts_with(text::HEADING));
        let lines: Vec<&str> = first.text.lines().filter(|it| it.starts_with("-- ")).collect();
        let all: Vec<String> = entries.iter().map(|entry| text::line(entry)).collect();
        let mut rest = all.iter();
        prop_assert!(lines.iter().all(|line| rest.any(|it| it == line)));
        let left = all.len() - lines.len();
        if template.is_none() {
            let said = format!("{left} more line");
            prop_assert_eq!(first.text.contains(&said), left > 0);
        }
    }
}

//! Rendering a report, as text and as JSON, into the messages that SNS takes.

use divan::Bencher;
use divan::counter::ItemsCount;
use tagwarden_core::DefectName;
use tagwarden_remediation::ledger::RunId;
use tagwarden_remediation::plan::{Cause, Outcome, Remedy, Step};
use tagwarden_remediation::report::{Message, Report, ReportContext, messages};
use tagwarden_remediation::settings::Mode;

use super::fleet::now;

const ENTRIES: usize = 10_000;

#[divan::bench(sample_count = 20)]
fn ten_thousand_entries(bencher: Bencher<'_, '_>) {
    let mut report = Report::new(Mode::Enforce, 2 * ENTRIES, RunId::new(now(), "1a2b3c4d"));
    for number in 0..ENTRIES {
        let step = Step {
            instance_id: format!("i-0{number:016x}"),
            cause: Cause::Tag {
                rule_id: 1,
                tag_key: "ProjectCode".to_owned(),
                defect: DefectName::Missing,
            },
            remedy: Remedy::Tag {
                value: "Proj007".to_owned(),
                unknown: None,
                origin: None,
            },
        };
        report.add(step, Outcome::Done);
    }
    let context = ReportContext {
        region: Some("eu-west-1"),
        ledger_table: Some("ledger"),
        template: None,
    };
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let rendered = messages(&report, context);
        rendered
            .messages
            .iter()
            .map(Message::body)
            .collect::<Vec<_>>()
    });
}

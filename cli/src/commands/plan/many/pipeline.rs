//! The plans of places for the tools of a pipeline. Their documents are written at the end.

use std::io::{self, Write};

use super::sums::PlansSum;
use super::{PlacePlan, PlansWriter, ShownPlan};
use crate::commands::plan::show::pipeline::{self, KINDS};
use crate::output::write_json;
use crate::pipeline::junit::{PipelineTest, TestResult};
use crate::pipeline::{PipelineFinding, sarif};
use crate::places::UnreadGroup;
use crate::words::on_one_line;

/// The findings of all places.
#[derive(Default)]
pub struct Sarif(Vec<PipelineFinding>);

impl PlansWriter for Sarif {
    fn place(&mut self, _out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let findings = match &plan.shown {
            ShownPlan::Plan(_, forecast) => pipeline::findings(&plan.view, forecast),
            ShownPlan::Comparison(comparison) => pipeline::new_findings(&plan.view, comparison),
        };
        let findings = findings.into_iter().map(|finding| PipelineFinding {
            message: format!("{}: {}", plan.place, finding.message),
            ..finding
        });
        self.0.extend(findings);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        let groups = UnreadGroup::of(&sum.unread);
        let unread = groups.iter().map(|it| {
            format!(
                "{} was not read: {}. {}",
                it.places(),
                it.why(),
                it.what_next()
            )
        });
        let unread: Vec<String> = unread.map(|text| on_one_line(&text)).collect();
        let notes = sum.notes.lines(sum.places.len());
        let findings = std::mem::take(&mut self.0);
        let document = sarif::incomplete_document("plan", &KINDS, findings, &notes, &unread);
        write_json(out, &document)
    }
}

/// The tests of all places, with a suite for each.
#[derive(Default)]
pub struct Junit(Vec<PipelineTest>);

impl PlansWriter for Junit {
    fn place(&mut self, _out: &mut dyn Write, plan: &PlacePlan<'_>) -> io::Result<()> {
        let tests = match &plan.shown {
            ShownPlan::Plan(_, forecast) => pipeline::tests(&plan.view, forecast),
            ShownPlan::Comparison(comparison) => pipeline::tests_of_changes(&plan.view, comparison),
        };
        let tests = tests.into_iter().map(|test| PipelineTest {
            group: format!("{}: {}", plan.place, test.group),
            ..test
        });
        self.0.extend(tests);
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, sum: &PlansSum) -> io::Result<()> {
        let unread = sum.unread.iter().map(|unread| PipelineTest {
            group: unread.place(),
            name: "the place can be read".to_owned(),
            result: TestResult::Failed {
                kind: "unreadable".to_owned(),
                message: on_one_line(&unread.why),
            },
            output: unread.what_next.clone(),
        });
        self.0.extend(unread);
        pipeline::junit(out, std::mem::take(&mut self.0))
    }
}

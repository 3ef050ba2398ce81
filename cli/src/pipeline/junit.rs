//! `JUnit` XML.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineTest {
    /// What it belongs to, such as a file.
    pub group: String,
    pub name: String,
    pub result: TestResult,
    /// What else there is to say.
    pub output: String,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestResult {
    Passed,
    Skipped {
        why: String,
    },
    Failed {
        /// Such as `missing`.
        kind: String,
        message: String,
    },
}

/// Writes `tests` as one suite for each group, in their order.
pub fn write(out: &mut dyn Write, name: &str, tests: Vec<PipelineTest>) -> io::Result<()> {
    let mut report = Report::new(name);
    let mut suites: Vec<TestSuite> = Vec::new();
    for test in tests {
        let known = suites.iter().position(|it| it.name.as_str() == test.group);
        let place = known.unwrap_or_else(|| {
            suites.push(TestSuite::new(test.group.as_str()));
            suites.len() - 1
        });
        let suite = suites.get_mut(place);
        if let Some(suite) = suite {
            suite.add_test_case(case(test));
        }
    }
    report.add_test_suites(suites);
    // The writer ends the last line.
    report.serialize(out).map_err(io::Error::other)
}

fn case(test: PipelineTest) -> TestCase {
    let status = match test.result {
        TestResult::Passed => TestCaseStatus::success(),
        TestResult::Skipped { why } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why);
            status
        }
        TestResult::Failed { kind, message } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(message).set_type(kind);
            status.set_description(test.output.as_str());
            status
        }
    };
    let is_failed = matches!(status, TestCaseStatus::NonSuccess { .. });
    let mut case = TestCase::new(test.name, status);
    case.set_classname(test.group);
    if !is_failed && !test.output.is_empty() {
        case.set_system_out(test.output);
    }
    case
}

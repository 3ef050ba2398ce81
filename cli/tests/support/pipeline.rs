//! What a pipeline's tools read, checked against their formats.

use std::collections::BTreeSet;
use std::process::Output;

use quick_junit::{Report, TestCaseStatus};
use serde_json::Value;

use crate::json_schema::conforms;
use crate::support::stdout;

/// A SARIF document's run. It conforms to the standard, as far as the schema beside this file knows it.
pub fn sarif(output: &Output) -> Value {
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let schema = serde_json::from_str(include_str!("sarif.schema.json")).unwrap();
    assert!(conforms(&schema, &document), "{document:#}");
    let run = document["runs"][0].clone();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let mut fingerprints = BTreeSet::new();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let fingerprint = result["partialFingerprints"]["tagwarden/v1"].clone();
        let is_new = fingerprints.insert(fingerprint.as_str().unwrap().to_owned());
        assert!(is_new, "two results are one: {result}");
    }
    run
}

/// The tests of a `JUnit` document: the suite's name, the test's, and how it failed, if it did. The document's counts are
/// those of its tests, and a failure has a message and a type.
pub fn junit(output: &Output) -> Vec<(String, String, Option<String>)> {
    let text = stdout(output);
    let report =
        Report::deserialize_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut tests = Vec::new();
    for suite in &report.test_suites {
        let failed = |status: &TestCaseStatus| match status {
            TestCaseStatus::NonSuccess { message, ty, .. } => {
                assert!(ty.is_some(), "{suite:?}");
                Some(message.as_ref().unwrap().as_str().to_owned())
            }
            _ => None,
        };
        let cases: Vec<_> = suite
            .test_cases
            .iter()
            .map(|case| {
                let result = failed(&case.status);
                (
                    suite.name.as_str().to_owned(),
                    case.name.as_str().to_owned(),
                    result,
                )
            })
            .collect();
        assert_eq!(suite.tests, cases.len());
        assert_eq!(
            suite.failures,
            cases.iter().filter(|it| it.2.is_some()).count()
        );
        tests.extend(cases);
    }
    assert_eq!(report.tests, tests.len());
    tests
}

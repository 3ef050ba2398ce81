//! The counts of one event's results by verdict.

use std::ops::AddAssign;

use aws_sdk_config::types::ComplianceType;
use serde::Serialize;
use tagwarden_aws::evaluations::RuleResult;

/// The number of results by verdict: the function's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationCounts {
    /// All results, including those that Config already shows and that are therefore not sent.
    pub evaluated: usize,
    /// Of these, `COMPLIANT`.
    pub compliant: usize,
    /// Of these, `NON_COMPLIANT`.
    pub non_compliant: usize,
    /// Of these, `NOT_APPLICABLE`.
    pub not_applicable: usize,
}

impl EvaluationCounts {
    /// Counts `results`.
    pub(crate) fn of(results: &[RuleResult]) -> Self {
        let count = |wanted: &ComplianceType| {
            results
                .iter()
                .filter(|result| result.compliance_type == *wanted)
                .count()
        };
        Self {
            evaluated: results.len(),
            compliant: count(&ComplianceType::Compliant),
            non_compliant: count(&ComplianceType::NonCompliant),
            not_applicable: count(&ComplianceType::NotApplicable),
        }
    }
}

impl AddAssign for EvaluationCounts {
    fn add_assign(&mut self, other: Self) {
        self.evaluated += other.evaluated;
        self.compliant += other.compliant;
        self.non_compliant += other.non_compliant;
        self.not_applicable += other.not_applicable;
    }
}

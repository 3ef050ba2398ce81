//! What stands in the way of looking and of doing, and what to do about it.

use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_remediation::RemediationError;

use crate::aws::table_failure;
use crate::aws::trouble::{LEDGER, Place, told, what_next};
use crate::exit::Failure;

/// What the plan is made of, but for the policy table.
const ACCOUNT: Place = Place {
    guide: "docs/plan.md",
    ..LEDGER
};

/// What to do about a call that failed.
pub fn aws(error: &AwsError) -> Failure {
    Failure::new(&told(error), what_next(error, ACCOUNT))
}

/// What to do about a run that came to nothing. `region` is where the policy table is.
pub fn remediation(error: &RemediationError, region: &str) -> Failure {
    match error {
        RemediationError::PolicyTable(PolicyTableError::Unreadable { table, source }) => {
            table_failure(source, table, region)
        }
        RemediationError::PolicyTable(invalid) => Failure::new(
            invalid,
            "Mend it: `tagwarden pull policy.yaml` takes it into a file, `tagwarden check` shows every problem at its \
             place, `tagwarden push` writes it back.",
        ),
        RemediationError::Aws(error) => aws(error),
        error => Failure::new(error, "Run the command again."),
    }
}

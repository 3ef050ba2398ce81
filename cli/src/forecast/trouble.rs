//! What to do when a call or a run fails.

use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_remediation::RemediationError;

use crate::aws::access::AwsAccess;
use crate::aws::table_failure;
use crate::aws::trouble::{CallTarget, LEDGER, describe, what_next};
use crate::exit::CommandError;

/// What a forecast calls, apart from the policy table.
const ACCOUNT: CallTarget = CallTarget {
    guide: "docs/plan.md",
    ..LEDGER
};

/// What to do about a call that failed.
pub fn aws(error: &AwsError) -> CommandError {
    CommandError::new(&describe(error), what_next(error, ACCOUNT))
}

/// What to do about a run that failed.
pub fn remediation(error: &RemediationError, access: &AwsAccess) -> CommandError {
    match error {
        RemediationError::PolicyTable(PolicyTableError::Unreadable { table, source }) => {
            table_failure(source, table, access)
        }
        RemediationError::PolicyTable(invalid) => CommandError::new(
            invalid,
            "Fix it: `tagwarden pull policy.yaml` writes it to a file, `tagwarden check` shows every problem at its \
             place, `tagwarden push` writes it back.",
        ),
        RemediationError::Aws(error) => aws(error),
        error => CommandError::new(error, "Run the command again."),
    }
}

//! What stands in the way of looking and of doing, and what to do about it.

use tagwarden::aws::AwsError;
use tagwarden::aws::policy_table::PolicyTableError;
use tagwarden_remediation::RemediationError;

use crate::aws::table_failure;
use crate::exit::Failure;

/// What to do about a call that failed.
pub fn aws(error: &AwsError) -> Failure {
    let what_next = match error.code() {
        Some("ResourceNotFoundException") => {
            "There is no such table here. Name another with --ledger-table (the output LedgerTable of tagwarden's \
             stack), another Region with --region or another account with --profile."
        }
        Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation") => {
            "These credentials may not do that: docs/plan.md lists the permissions each command needs."
        }
        Some(
            "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "AuthFailure"
            | "RequestExpired",
        ) => {
            "AWS does not accept these credentials: renew them (`aws sso login`), or use others with --profile."
        }
        Some(_) => "Run the command again; if it fails again, AWS's message says what to change.",
        None => "AWS could not be reached: look at the network, --endpoint-url and --region.",
    };
    Failure::new(error, what_next)
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

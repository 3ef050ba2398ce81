//! Why a call failed, and what to do about it.

use tagwarden_aws::AwsError;

/// What a command calls, for advice.
#[derive(Clone, Copy, Debug)]
pub struct CallTarget {
    /// How to call another table.
    pub table: &'static str,
    /// The guide that lists the permissions.
    pub guide: &'static str,
}

/// The policy table, for the commands about it.
pub const POLICY_TABLE: CallTarget = CallTarget {
    table: "Name another with --table, another Region with --region or another account with --profile; tagwarden's \
            stack creates the table (docs/deploy.md).",
    guide: "docs/policy-file.md",
};

/// The ledger, for the commands about it.
pub const LEDGER: CallTarget = CallTarget {
    table: "Name another with --ledger-table (the output LedgerTable of tagwarden's stack), another Region with \
            --region or another account with --profile.",
    guide: "docs/ledger.md",
};

/// The account, for what every command asks of it.
pub const ACCOUNT: CallTarget = CallTarget {
    guide: "docs/command.md",
    ..LEDGER
};

/// What `doctor` looks at.
pub const DOCTOR: CallTarget = CallTarget {
    table: "Name another stack with --stack, another Region with --region or another account with --profile.",
    guide: "docs/doctor.md",
};

/// Where the part of an SDK error begins that is for programmers only.
const INNARDS: [&str; 5] = [
    " (ConstructionFailure(",
    " (TimeoutError(",
    " (DispatchFailure(",
    " (ResponseError(",
    " (ServiceError(",
];

/// How an SDK error begins when there was no answer.
const UNANSWERED: [&str; 3] = [
    "failed to construct request",
    "request has timed out",
    "dispatch failure",
];

/// The error without the part for programmers.
pub fn describe(error: &AwsError) -> String {
    without_internals(error.to_string())
}

/// A text without the part for programmers of an SDK error in it.
pub fn without_internals(mut text: String) -> String {
    if let Some(end) = INNARDS.iter().filter_map(|begin| text.find(begin)).min() {
        text.truncate(end);
    }
    text
}

/// What to do about the error.
pub fn what_next(error: &AwsError, target: CallTarget) -> String {
    let CallTarget { table, guide } = target;
    match error.code() {
        Some("ResourceNotFoundException") => format!("There is no such table here. {table}"),
        Some("ValidationException") if error.call().starts_with("dynamodb:") => format!(
            "AWS's message says what is wrong. If it is the key, this is the wrong table. {table}"
        ),
        Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation") => format!(
            "These credentials do not allow that: {guide} lists the permissions each command needs."
        ),
        Some(
            "UnrecognizedClientException" | "InvalidClientTokenId" | "ExpiredTokenException"
            | "ExpiredToken" | "AuthFailure",
        ) => "AWS does not accept these credentials: renew them (`aws sso login`), or use others with --profile. A \
              Region that is not enabled for the account says the same: use another with --region."
            .to_owned(),
        Some(
            "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "RequestExpired"
            | "RequestTimeTooSkewed",
        ) => "AWS does not accept these credentials, or the time of this machine: check its clock (`date -u`), renew \
              them (`aws sso login`), or use others with --profile."
            .to_owned(),
        Some("OptInRequired" | "SubscriptionRequiredException") => {
            "The account is not signed up for this service in this Region: use another Region with --region, or another account with \
             --profile."
                .to_owned()
        }
        Some(
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceededException",
        ) => "AWS throttles this account's requests: wait a minute, then run the command again."
            .to_owned(),
        Some(_) => "Run the command again; if it fails again, AWS's message says what to change.".to_owned(),
        None if is_unanswered(error) => {
            "AWS could not be reached: check the network, --endpoint-url and --region.".to_owned()
        }
        None => format!("tagwarden does not understand this answer: check --endpoint-url, and whether the table is \
                         the right one. {table}"),
    }
}

/// Whether there was no answer at all.
pub fn is_unanswered(error: &AwsError) -> bool {
    UNANSWERED
        .iter()
        .any(|begin| error.message().starts_with(begin))
}

//! Calls that failed, and what to do about them.

use tagwarden_aws::AwsError;

/// What a command calls.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// How to name another table than the one that was called.
    pub table: &'static str,
    /// The guide that lists the permissions.
    pub guide: &'static str,
}

/// The policy table, for the commands about it.
pub const POLICY_TABLE: Place = Place {
    table: "Name another with --table, another Region with --region or another account with --profile; tagwarden's \
            stack creates the table (docs/deploy.md).",
    guide: "docs/policy-file.md",
};

/// The ledger, for the commands about it.
pub const LEDGER: Place = Place {
    table: "Name another with --ledger-table (the output LedgerTable of tagwarden's stack), another Region with \
            --region or another account with --profile.",
    guide: "docs/ledger.md",
};

/// How the SDK's errors begin where they are written out for programmers, after what is said to everybody.
const INNARDS: [&str; 5] = [
    " (ConstructionFailure(",
    " (TimeoutError(",
    " (DispatchFailure(",
    " (ResponseError(",
    " (ServiceError(",
];

/// How the SDK's errors begin where there was no answer.
const UNANSWERED: [&str; 3] = [
    "failed to construct request",
    "request has timed out",
    "dispatch failure",
];

/// The error without what is said to programmers alone.
pub fn told(error: &AwsError) -> String {
    for_people(error.to_string())
}

/// The same, of a text that may have such an error in it.
pub fn for_people(mut text: String) -> String {
    if let Some(end) = INNARDS.iter().filter_map(|begin| text.find(begin)).min() {
        text.truncate(end);
    }
    text
}

/// What to do about the error.
pub fn what_next(error: &AwsError, place: Place) -> String {
    let Place { table, guide } = place;
    match error.code() {
        Some("ResourceNotFoundException") => format!("There is no such table here. {table}"),
        Some("ValidationException") if error.call().starts_with("dynamodb:") => format!(
            "AWS's message says what is wrong. Where it is the key, this is another table than was meant. {table}"
        ),
        Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation") => format!(
            "These credentials may not do that: {guide} lists the permissions each command needs."
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
        ) => "AWS does not accept these credentials, or the time of this machine: look at its clock (`date -u`), renew \
              them (`aws sso login`), or use others with --profile."
            .to_owned(),
        Some("OptInRequired" | "SubscriptionRequiredException") => {
            "The account is not signed up for this here: use another Region with --region, or another account with \
             --profile."
                .to_owned()
        }
        Some(
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceededException",
        ) => "AWS asks for fewer requests than this account makes just now: wait a minute, then run the command again."
            .to_owned(),
        Some(_) => "Run the command again; if it fails again, AWS's message says what to change.".to_owned(),
        None if is_unanswered(error) => {
            "AWS could not be reached: look at the network, --endpoint-url and --region.".to_owned()
        }
        None => format!("tagwarden does not understand this answer: look at --endpoint-url, and whether the table is \
                         the right one. {table}"),
    }
}

/// Whether there was no answer at all.
fn is_unanswered(error: &AwsError) -> bool {
    UNANSWERED
        .iter()
        .any(|begin| error.message().starts_with(begin))
}

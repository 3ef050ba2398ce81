//! What AWS's error codes say about a call: the one table of them.
//!
//! See [Error codes for the Amazon EC2 API](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html),
//! [Error handling with DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html)
//! and [CloudTrail's common errors](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/CommonErrors.html).

/// What an error says about the call that it is the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Not carried out. The same call may succeed a little later: it was throttled, or its signature had expired.
    Passing,
    /// It may have been carried out: AWS failed, or did not answer. The same call may succeed a little later.
    Unclear,
    /// Not carried out, because the caller may not do this: the call, to one resource, or with one tag key.
    Denied,
    /// Not carried out, because of what one of the instances is. It succeeds without that instance.
    Instance,
    /// Not carried out, because one of the instances has no room for all the tags.
    TagLimit,
    /// Not carried out, for a cause that only a change of the call or of the account removes. For CreateTags that can
    /// be one key or value.
    Permanent,
}

impl ErrorKind {
    /// What `code` says; `None` where AWS gave no code, or was not reached.
    pub(crate) fn of(code: Option<&str>) -> Self {
        let Some(code) = code else {
            return Self::Unclear;
        };
        match code {
            "BandwidthLimitExceeded"
            | "EC2ThrottledException"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "LimitExceededException"
            | "PriorRequestNotComplete"
            | "ProvisionedThroughputExceededException"
            | "RequestExpired"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestTimeTooSkewed"
            | "SlowDown"
            | "ThrottledException"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "TransactionInProgressException" => Self::Passing,
            "InternalError"
            | "InternalFailure"
            | "InternalServerError"
            | "InternalServerException"
            | "InternalServiceError"
            | "InternalServiceException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "ServerInternal"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "Unavailable" => Self::Unclear,
            "TagLimitExceeded" => Self::TagLimit,
            "UnauthorizedOperation" => Self::Denied,
            "IncorrectInstanceState"
            | "IncorrectState"
            | "InvalidID"
            | "OperationNotPermitted"
            | "UnsupportedOperation" => Self::Instance,
            _ if code.starts_with("InvalidInstanceID") || code.starts_with("InvalidVolume") => {
                Self::Instance
            }
            _ if code.starts_with("AccessDenied") => Self::Denied,
            _ => Self::Permanent,
        }
    }

    /// Whether the same call may succeed without any change by a person.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Passing | Self::Unclear)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_throttling_and_aws_failures_for_passing() {
        for code in [
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "ExpiredToken",
            "ExpiredTokenException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestExpired",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestTimeTooSkewed",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ] {
            assert_eq!(ErrorKind::of(Some(code)), ErrorKind::Passing, "{code}");
        }
        for code in [
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "InternalServiceException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServerInternal",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Unavailable",
        ] {
            assert_eq!(ErrorKind::of(Some(code)), ErrorKind::Unclear, "{code}");
        }
        assert_eq!(ErrorKind::of(None), ErrorKind::Unclear);
    }

    #[test]
    fn takes_refusals_for_permanent() {
        for (code, kind) in [
            ("UnauthorizedOperation", ErrorKind::Denied),
            ("AccessDenied", ErrorKind::Denied),
            ("AccessDeniedException", ErrorKind::Denied),
            ("IncorrectInstanceState", ErrorKind::Instance),
            ("IncorrectState", ErrorKind::Instance),
            ("InvalidID", ErrorKind::Instance),
            ("InvalidInstanceID.Malformed", ErrorKind::Instance),
            ("InvalidInstanceID.NotFound", ErrorKind::Instance),
            ("InvalidVolume.NotFound", ErrorKind::Instance),
            ("OperationNotPermitted", ErrorKind::Instance),
            ("UnsupportedOperation", ErrorKind::Instance),
            ("TagLimitExceeded", ErrorKind::TagLimit),
            ("InvalidParameterValue", ErrorKind::Permanent),
            ("TagPolicyViolation", ErrorKind::Permanent),
        ] {
            assert_eq!(ErrorKind::of(Some(code)), kind, "{code}");
            assert!(!kind.may_pass());
        }
        assert!(ErrorKind::Passing.may_pass() && ErrorKind::Unclear.may_pass());
    }
}

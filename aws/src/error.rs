//! The error of every AWS call.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A call to AWS that failed, after the SDK's retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    call: &'static str,
    code: Option<String>,
    message: String,
}

impl AwsError {
    /// Makes the error of `call`, such as `ec2:DescribeInstances`, from the SDK's error.
    pub fn new<E, R>(call: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
    {
        match error.as_service_error() {
            Some(service) if service.code().is_some() => Self {
                call,
                code: service.code().map(ToOwned::to_owned),
                message: service.message().unwrap_or("no message").to_owned(),
            },
            // The response has no error code, so the message shows all that the SDK knows about it.
            Some(_) => Self::unexpected(call, DisplayErrorContext(error).to_string()),
            None => Self::unexpected(call, causes(error)),
        }
    }

    /// Makes an error without a code: a response that AWS should not give, or a failure to reach AWS.
    #[must_use]
    pub fn unexpected(call: &'static str, message: impl Into<String>) -> Self {
        Self {
            call,
            code: None,
            message: message.into(),
        }
    }

    /// Makes the error of a call that succeeded, but whose response has a document that cannot be read. Its code is
    /// `UnreadableDocument`, which AWS does not use: the same call would give the same document again.
    #[must_use]
    pub fn unreadable(call: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Some("UnreadableDocument".to_owned()),
            ..Self::unexpected(call, message)
        }
    }

    /// Makes an error with a code, as AWS gives it.
    #[must_use]
    pub fn with_code(
        call: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            call,
            code: Some(code.into()),
            message: message.into(),
        }
    }

    /// The call, as IAM names it.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// AWS's error code; `None` if AWS gave none or was not reached.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's message, or why AWS was not reached.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The error and its causes: `dispatch failure: io error: …`.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.call)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for AwsError {}

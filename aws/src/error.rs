//! One shape for what any AWS call can fail with.

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
    /// Takes what the SDK gave for `call`, named as IAM names it: `ec2:DescribeInstances`.
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
            // An answer that says nothing known: whatever is in it may help.
            Some(_) => Self::unexpected(call, DisplayErrorContext(error).to_string()),
            None => Self::unexpected(call, causes(error)),
        }
    }

    /// An answer that AWS should not give, or a failure to reach it.
    #[must_use]
    pub fn unexpected(call: &'static str, message: impl Into<String>) -> Self {
        Self {
            call,
            code: None,
            message: message.into(),
        }
    }

    /// The call, as IAM names it.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// AWS's error code, where AWS answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The error and what caused it: `dispatch failure: io error: …`.
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

//! Refusals.

use serde_json::{Map, Value};

/// An error answer of a service: AWS's code, AWS's message, and the HTTP status it comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: u16,
    /// What the JSON protocols tell beside the message: of the error's own members in its model.
    pub(crate) members: Map<String, Value>,
}

impl ApiError {
    /// A client error with status 400, as nearly all of them are.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: 400,
            members: Map::new(),
        }
    }

    /// The same error with a member of its own.
    pub(crate) fn with_member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// The same error with another HTTP status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The refusal of a value that breaks a constraint of the service's model, in the words of AWS's
    /// request validation, which names the member by its path in lower camel case.
    pub(crate) fn validation(value: &str, member: &str, constraint: &str) -> Self {
        Self::new(
            "ValidationException",
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy \
                 constraint: {constraint}"
            ),
        )
    }

    /// The sandbox's own refusal of what it does not support. The code is not an AWS code, so that
    /// nothing under test can take it for one, and the SDK does not retry it.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(
            "SandboxUnsupported",
            format!("tagwarden's sandbox does not support {what}"),
        )
    }
}

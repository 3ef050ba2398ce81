//! An AWS account that a command has opened: its configuration, and how people know the account from others.

use std::fmt::{self, Write as _};

use aws_config::SdkConfig;
use serde_json::{Map, Value, json};
use tagwarden_aws::AwsError;

use super::profile::{ChosenProfile, Profiles};
use super::stack::FunctionVariables;
use super::trouble;

/// An account and Region, opened with credentials.
#[derive(Clone, Debug)]
pub struct AwsAccess {
    /// The SDK's configuration.
    pub config: SdkConfig,
    /// The account's number, or why it is not known.
    pub account: Result<String, AwsError>,
    /// The Region.
    pub region: String,
    /// Where the credentials come from.
    pub credentials: CredentialsOrigin,
    /// Where the functions' settings come from.
    pub variables: FunctionVariables,
}

/// Where credentials come from, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsOrigin {
    Profile(String),
    /// Keys in the environment.
    Environment,
    /// The role of this machine or container, or a web identity.
    Machine,
    /// A role that the command assumed in the account.
    Role(String),
}

impl CredentialsOrigin {
    /// Where the SDK finds credentials. `profiles` is `None` if the files cannot be read.
    pub fn new(chosen: &ChosenProfile, profiles: Option<&Profiles>) -> Self {
        let name = chosen.name_or_default();
        if !chosen.is_first() {
            Self::Environment
        } else if chosen.name().is_some() || profiles.is_some_and(|profiles| profiles.has(name)) {
            Self::Profile(name.to_owned())
        } else {
            Self::Machine
        }
    }
}

impl fmt::Display for CredentialsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Names of profiles are what somebody wrote into a file.
            Self::Profile(name) => write!(f, "profile {}", name.escape_debug()),
            Self::Environment => f.write_str("keys of the environment"),
            Self::Machine => f.write_str("credentials of this machine"),
            Self::Role(name) => write!(f, "role {}", name.escape_debug()),
        }
    }
}

impl AwsAccess {
    /// The account, the credentials and the stack: `account 111111111111, profile prod, stack tagwarden but --untagged`.
    pub fn whose(&self) -> String {
        let mut whose = match &self.account {
            Ok(account) => format!("account {account}"),
            Err(error) => {
                let why = error.code().unwrap_or("no answer");
                format!("account unknown: {}: {why}", error.call())
            }
        };
        let _ = write!(whose, ", {}", self.credentials);
        if let Some(stack) = self.variables.stack() {
            let _ = write!(whose, ", stack {}", stack.name);
            if !stack.overridden.is_empty() {
                let _ = write!(whose, " but {}", stack.overridden.join(", "));
            }
        }
        whose
    }

    /// The same account, with the configuration for commands that make many calls.
    pub fn adaptive(mut self) -> Self {
        self.config = super::adaptive(&self.config);
        self
    }

    /// The members of JSON documents that say which account was called.
    pub fn to_json(&self) -> Map<String, Value> {
        let profile = match &self.credentials {
            CredentialsOrigin::Profile(name) => Some(name),
            _ => None,
        };
        let stack = self.variables.stack().map(|stack| {
            json!({
                "name": stack.name,
                "function": stack.function,
                "mode": stack.get("TAGWARDEN_MODE"),
                "overridden": stack.overridden,
            })
        });
        let problem = self.account.as_ref().err().map(trouble::describe);
        let members = [
            ("account", json!(self.account.as_ref().ok())),
            ("accountProblem", json!(problem)),
            ("region", json!(self.region)),
            ("profile", json!(profile)),
            ("stack", json!(stack)),
        ];
        let members = members.into_iter();
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// `us-east-1 (account 111111111111, profile prod)`.
impl fmt::Display for AwsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.region, self.whose())
    }
}

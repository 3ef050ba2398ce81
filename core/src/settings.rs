//! Settings from the functions' environment variables.

use crate::arn::Arn;
use crate::resource::Kinds;
use crate::scope::{InvalidVpcList, Scope};

/// The name of the policy table unless the environment or the rule's parameters set another.
pub const DEFAULT_POLICY_TABLE: &str = "acme_cloud_policy_tagging_def";

/// Where the policy is and which instances it covers: the settings that both functions have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// `TAGWARDEN_POLICY_TABLE`: the name of the DynamoDB table, or its ARN, in whose Region it is then read.
    pub policy_table: String,
    /// `TAGWARDEN_VPC_IDS`: comma-separated VPC ids. Empty means every VPC.
    pub scope: Scope,
    /// `TAGWARDEN_RESOURCE_TYPES`: comma-separated kinds of resources, `instance` and `volume`. Empty means instances. What
    /// rules say of other kinds has no effect.
    pub kinds: Kinds,
}

/// An environment variable that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is {value:?}: {expected}")]
pub struct SettingError {
    /// The variable.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What is wrong with the value, such as `must be true or false`.
    pub expected: String,
}

/// Gives the values of environment variables by name.
///
/// An empty variable counts as unset, because a CloudFormation template cannot easily omit one.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment<'static> {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(&|name| std::env::var(name).ok())
    }
}

impl<'a> Environment<'a> {
    /// An environment that takes the value of each name from `variable`.
    #[must_use]
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable }
    }

    /// The trimmed value of the variable `name`; `None` if it is unset or blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Reads the variable `name` with `read`, or gives `default` if it is unset.
    ///
    /// # Errors
    /// `read` failed with what the value must be; [`SettingError`] adds the variable and its value.
    pub fn read<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, SettingError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        read(&value).map_err(|expected| SettingError {
            name,
            value,
            expected,
        })
    }
}

impl PolicySettings {
    /// Reads the settings from `environment`. A variable that is unset has its default.
    ///
    /// # Errors
    /// [`SettingError`] names the first variable whose value cannot be read.
    pub fn from_environment(environment: &Environment<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            policy_table: environment.read(
                "TAGWARDEN_POLICY_TABLE",
                DEFAULT_POLICY_TABLE.to_owned(),
                policy_table,
            )?,
            scope: environment.read("TAGWARDEN_VPC_IDS", Scope::default(), |list| {
                Scope::from_list(list).map_err(|error: InvalidVpcList| error.to_string())
            })?,
            kinds: environment.read("TAGWARDEN_RESOURCE_TYPES", Kinds::default(), |list| {
                Kinds::from_list(list).map_err(|error| error.to_string())
            })?,
        })
    }
}

/// Checks the name or ARN of the policy table. A name is left to DynamoDB, unless it has a character that only ARNs have.
///
/// # Errors
/// What the value must be.
pub fn policy_table(value: &str) -> Result<String, String> {
    const EXPECTED: &str = "must be the name of a DynamoDB table, or its ARN, \
                            arn:aws:dynamodb:REGION:ACCOUNT:table/NAME";
    let is_name = !value.contains([':', '/']);
    if is_name || Arn::of_table(value).is_some() {
        return Ok(value.to_owned());
    }
    Err(match Arn::parse(value) {
        None => EXPECTED.to_owned(),
        Some(arn) if arn.service == "dynamodb" => {
            format!("{EXPECTED}, and this is the ARN of {}", arn.resource)
        }
        Some(arn) => format!(
            "{EXPECTED}, and this is an ARN of {}, not of dynamodb",
            arn.service
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<PolicySettings, SettingError> {
        PolicySettings::from_environment(&Environment::new(&|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        }))
    }

    #[test]
    fn unset_and_blank_variables_have_their_defaults() {
        let expected = PolicySettings {
            policy_table: "acme_cloud_policy_tagging_def".to_owned(),
            scope: Scope::default(),
            kinds: Kinds::default(),
        };
        assert_eq!(settings(&[]), Ok(expected.clone()));
        let blank = [
            ("TAGWARDEN_POLICY_TABLE", ""),
            ("TAGWARDEN_VPC_IDS", " "),
            ("TAGWARDEN_RESOURCE_TYPES", ""),
        ];
        assert_eq!(settings(&blank), Ok(expected));
    }

    #[test]
    fn a_policy_table_is_a_name_or_the_arn_of_a_table() {
        const TABLE: &str = "TAGWARDEN_POLICY_TABLE";
        let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/policy";
        for given in ["policy", "pol icy", arn] {
            let read = settings(&[(TABLE, given)]).unwrap();
            assert_eq!(read.policy_table, given);
        }
        for (given, why) in [
            (
                "arn:aws:dynamodb:eu-west-1:111122223333:table/policy/index/x",
                "table/NAME, and this is the ARN of table/policy/index/x",
            ),
            (
                "arn:aws:sns:eu-west-1:111122223333:policy",
                "table/NAME, and this is an ARN of sns, not of dynamodb",
            ),
            (
                "arn:aws:dynamodb:eu-west-1:table/policy",
                "ACCOUNT:table/NAME",
            ),
            ("table/policy", "ACCOUNT:table/NAME"),
        ] {
            let error = settings(&[(TABLE, given)]).unwrap_err().to_string();
            let expected =
                format!("the environment variable {TABLE} is {given:?}: must be the name");
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.ends_with(why), "{error}");
        }
    }

    #[test]
    fn an_environment_shows_its_name_and_no_values() {
        let environment = Environment::new(&|_| Some("secret".to_owned()));
        assert_eq!(format!("{environment:?}"), "Environment");
    }

    #[test]
    fn reads_the_kinds_of_resources() {
        let read = settings(&[("TAGWARDEN_RESOURCE_TYPES", "instance, volume")]);
        assert_eq!(read.unwrap().kinds.to_string(), "instance, volume");
        let error = settings(&[("TAGWARDEN_RESOURCE_TYPES", "volumes")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the environment variable TAGWARDEN_RESOURCE_TYPES is "volumes": "volumes" is not a kind of resource: use instance or volume"#
        );
    }

    #[test]
    fn rejects_a_list_that_is_not_vpc_ids() {
        let error = settings(&[("TAGWARDEN_VPC_IDS", "vpc-1,eni-2")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the environment variable TAGWARDEN_VPC_IDS is "vpc-1,eni-2": "eni-2" is not a VPC id (such as vpc-0a1b2c3d4e5f60718)"#
        );
    }
}

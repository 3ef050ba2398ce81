//! The settings of the functions: from the environment of this process, or from a stack.
//!
//! The stack's parameters end up in the environment of its remediation function, with the names of what the stack
//! created. One call reads it, and it is what the function goes by.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use tagwarden_aws::AwsError;
use tagwarden_core::settings::Environment;

use super::trouble;
use crate::exit::CommandError;

const CALL: &str = "lambda:GetFunctionConfiguration";

/// What the stack's name is followed by in the name of its remediation function (cloudformation/tagwarden.yaml).
const SUFFIX: &str = "-remediation";

/// A variable that every remediation function of tagwarden's stack has, and one that no other program has.
const MARKS: [&str; 2] = ["TAGWARDEN_POLICY_TABLE", "TAGWARDEN_MODE"];

/// Where the functions' settings come from, unless an option gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionVariables {
    /// The environment of this process.
    Process,
    /// A stack. The environment of this process does not count then.
    Stack(StackSettings),
}

/// The settings of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSettings {
    /// The stack's name.
    pub name: String,
    /// The name of its remediation function.
    pub function: String,
    variables: BTreeMap<String, String>,
    /// The options that say something else than the stack, such as `--untagged`.
    pub overridden: Vec<&'static str>,
}

impl FunctionVariables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Process => Environment::of_process().get(name),
            Self::Stack(stack) => stack.get(name),
        }
    }

    /// The value that counts for a variable: that of the option, or else the variable's. An option that overrides the stack
    /// is remembered.
    pub fn choose(
        &mut self,
        option: &'static str,
        name: &str,
        value: Option<&str>,
    ) -> Option<String> {
        let Some(value) = value else {
            return self.get(name);
        };
        if let Self::Stack(stack) = self
            && stack.get(name).as_deref() != Some(value)
            && !stack.overridden.contains(&option)
        {
            stack.overridden.push(option);
        }
        Some(value.to_owned())
    }

    /// The stack, if they come from one.
    pub fn stack(&self) -> Option<&StackSettings> {
        match self {
            Self::Process => None,
            Self::Stack(stack) => Some(stack),
        }
    }
}

impl StackSettings {
    /// Reads the settings of the stack `name`.
    ///
    /// # Errors
    /// There is no such stack, it is not tagwarden's, or it cannot be read.
    pub async fn read(config: &SdkConfig, name: &str) -> Result<Self, CommandError> {
        let function = format!("{name}{SUFFIX}");
        let region = super::region(config);
        let client = aws_sdk_lambda::Client::new(config);
        let read = client.get_function_configuration().function_name(&function);
        let read = read.send().await.map_err(|error| {
            let error = AwsError::new(CALL, &error);
            if error.code() == Some("ResourceNotFoundException") {
                CommandError::new(
                    &format!(
                        "there is no stack of tagwarden named {name:?} in {region}: it would have a function {function:?}"
                    ),
                    "Name the stack that scripts/deploy created (its default is tagwarden), another Region with --region or \
                     another account with --profile.",
                )
            } else {
                CommandError::new(
                    &format!("the stack {name:?} in {region}: {}", trouble::describe(&error)),
                    trouble::what_next(&error, trouble::ACCOUNT),
                )
            }
        })?;
        let variables: BTreeMap<String, String> = read
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default()
            .into_iter()
            .collect();
        if MARKS.iter().any(|mark| !variables.contains_key(*mark)) {
            return Err(CommandError::new(
                &format!(
                    "the stack {name:?} in {region} is not tagwarden's: its function {function:?} has no {}",
                    MARKS.join(" and ")
                ),
                "Name the stack that scripts/deploy created (its default is tagwarden).",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            function,
            variables,
            overridden: Vec::new(),
        })
    }

    /// The trimmed value of one of the function's variables; `None` if it is unset or blank.
    pub fn get(&self, name: &str) -> Option<String> {
        let variable = |name: &str| self.variables.get(name).cloned();
        Environment::new(&variable).get(name)
    }

    /// Whether the function changes nothing.
    pub fn is_dry_run(&self) -> bool {
        self.get("TAGWARDEN_MODE").as_deref() != Some("enforce")
    }
}

/// The name of a stack, by CloudFormation's rules.
pub fn stack_name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("not the name of a CloudFormation stack (such as tagwarden)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../cloudformation/tagwarden.yaml");

    #[test]
    fn the_template_names_its_function_so() {
        // The parameter Name, and else the stack's name.
        let name = format!(
            "FunctionName: !If [HasName, !Sub \"${{Name}}{SUFFIX}\", !Sub \"${{AWS::StackName}}{SUFFIX}\"]\n"
        );
        assert!(TEMPLATE.contains(&name), "{name}");
        let function = TEMPLATE.split("\n  RemediationFunction:").nth(1).unwrap();
        let function = function.split("\n  RemediationRole:").next().unwrap();
        for mark in MARKS {
            assert!(function.contains(&format!("{mark}: ")), "{mark}");
        }
    }
}

//! The rule's parameters (Config's `InputParameters`): they override the environment.

use serde::Deserialize;
use tagwarden_core::settings::{self, PolicySettings};
use tagwarden_core::{Kinds, Scope};

/// Rule parameters that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule parameters cannot be read: {0}; use policyTable, vpcIds and resourceTypes")]
pub struct ParameterError(String);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    policy_table: Option<String>,
    vpc_ids: Option<String>,
    resource_types: Option<String>,
}

/// Gives `settings` with the overrides of the event's `ruleParameters`, a JSON object in a string. A blank `policyTable`
/// overrides nothing; a blank `vpcIds` means every VPC, and a blank `resourceTypes` instances.
///
/// # Errors
/// The text is not a JSON object, or has an unknown parameter or one that cannot be read.
pub(crate) fn apply(
    rule_parameters: Option<&str>,
    settings: &PolicySettings,
) -> Result<PolicySettings, ParameterError> {
    let unreadable = |error: &dyn std::fmt::Display| ParameterError(error.to_string());
    let parameters: Parameters = match rule_parameters {
        Some(text) if !text.trim().is_empty() => {
            serde_json::from_str(text).map_err(|error| unreadable(&error))?
        }
        _ => Parameters::default(),
    };
    let scope = match &parameters.vpc_ids {
        Some(list) => {
            Scope::from_list(list).map_err(|error| ParameterError(format!("vpcIds: {error}")))?
        }
        None => settings.scope.clone(),
    };
    let kinds = match &parameters.resource_types {
        Some(list) => Kinds::from_list(list)
            .map_err(|error| ParameterError(format!("resourceTypes: {error}")))?,
        None => settings.kinds,
    };
    let policy_table = parameters
        .policy_table
        .filter(|name| !name.trim().is_empty());
    let policy_table = match policy_table {
        Some(table) => settings::policy_table(&table)
            .map_err(|expected| ParameterError(format!("policyTable: {expected}")))?,
        None => settings.policy_table.clone(),
    };
    Ok(PolicySettings {
        policy_table,
        scope,
        kinds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PolicySettings {
        PolicySettings {
            policy_table: "environment".to_owned(),
            scope: Scope::from_list("vpc-1").unwrap(),
            kinds: Kinds::default(),
        }
    }

    #[test]
    fn parameters_override_the_environment() {
        for nothing in [None, Some(""), Some("{}"), Some(r#"{"policyTable":""}"#)] {
            assert_eq!(apply(nothing, &settings()), Ok(settings()));
        }
        let text = r#"{"policyTable":"parameter","vpcIds":"vpc-2, vpc-3"}"#;
        let both = apply(Some(text), &settings()).unwrap();
        assert_eq!(both.policy_table, "parameter");
        let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/policy";
        let central = format!(r#"{{"policyTable":"{arn}"}}"#);
        let central = apply(Some(&central), &settings()).unwrap();
        assert_eq!(central.policy_table, arn);
        assert_eq!(both.scope, Scope::from_list("vpc-2,vpc-3").unwrap());
        assert_eq!(both.kinds, Kinds::default());
        let volumes = apply(
            Some(r#"{"resourceTypes":"AWS::EC2::Instance,volume"}"#),
            &settings(),
        )
        .unwrap();
        assert_eq!(volumes.kinds.to_string(), "instance, volume");
        let every_vpc = apply(Some(r#"{"vpcIds":""}"#), &settings()).unwrap();
        assert_eq!(every_vpc.scope, Scope::default());
    }

    #[test]
    fn rejects_unknown_and_unreadable_parameters() {
        for (text, culprit) in [
            (r#"{"policytable":"x"}"#, "policytable"),
            (r#"{"policyTable":7}"#, "7"),
            (
                r#"{"policyTable":"arn:aws:sns:eu-west-1:111122223333:policy"}"#,
                "policyTable: must be the name of a DynamoDB table, or its ARN",
            ),
            (r#"{"vpcIds":"vpc-1;vpc-2"}"#, "vpc-1;vpc-2"),
            (r#"{"resourceTypes":"AWS::S3::Bucket"}"#, "AWS::S3::Bucket"),
            ("not json", "expected"),
            ("[]", "invalid length 0"),
        ] {
            let error = apply(Some(text), &settings()).unwrap_err().to_string();
            assert!(error.contains(culprit), "{error}");
            assert!(error.contains("rule parameters"), "{error}");
        }
    }
}

//! What was asked of the account: the requests, and the log of the calls.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::Account;
use crate::error::ApiError;

/// A service of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the variants are the services' names")]
pub enum Service {
    CloudFormation,
    CloudTrail,
    CloudWatch,
    Config,
    CostExplorer,
    DynamoDb,
    Ec2,
    EventBridge,
    Iam,
    Kms,
    Lambda,
    Logs,
    Ses,
    Sns,
    Sqs,
    Sts,
    /// One the sandbox does not imitate.
    Unknown,
}

impl Service {
    /// The service's name as its endpoint spells it, `ec2` for instance.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudFormation => "cloudformation",
            Self::CloudTrail => "cloudtrail",
            Self::CloudWatch => "monitoring",
            Self::Config => "config",
            Self::CostExplorer => "ce",
            Self::DynamoDb => "dynamodb",
            Self::Ec2 => "ec2",
            Self::EventBridge => "events",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Ses => "ses",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one call asks, as its protocol carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The service called.
    pub service: Service,
    /// The operation, `CreateTags` for instance.
    pub operation: String,
    /// The resources it names: the instance and volume ids of an EC2 call or of evaluations, the resource of a
    /// CloudTrail look-up, the table (of a batch or a transaction each of them), the topic.
    pub resources: Vec<String>,
    /// The parameters: the body of a JSON call; of a query call an object of strings by their flat
    /// names, such as `Tag.1.Key`.
    pub parameters: Value,
}

impl Request {
    pub(crate) fn new(service: Service, operation: &str, parameters: Value) -> Self {
        Self {
            service,
            operation: operation.to_owned(),
            resources: resources(&parameters),
            parameters,
        }
    }

    /// Whether the request names this resource.
    #[must_use]
    pub fn mentions(&self, resource: &str) -> bool {
        self.resources.iter().any(|named| named == resource)
    }

    /// A parameter that is a string: `request.text("TopicArn")`, and in the query protocols whatever
    /// its type (`request.text("Tag.1.Value")`).
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.as_str()
    }

    /// A list parameter of a query call, in its order: `InstanceId.1`, `InstanceId.2`, ….
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        flat_list(&self.parameters, name)
    }

    /// Whether a flag parameter of a query call is set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// Refuses a parameter other than these: one the sandbox does not imitate must not be dropped
    /// in silence.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let names = self.parameters.as_object().into_iter().flatten();
        for (name, _) in names {
            let member = name.split('.').next().unwrap_or(name);
            if !known.contains(&member) {
                let what = format!("the parameter {member} of {}", self.operation);
                return Err(ApiError::unsupported(&what));
            }
        }
        Ok(())
    }
}

fn flat_list<'a>(parameters: &'a Value, name: &str) -> Vec<&'a str> {
    let entries = parameters.as_object().into_iter().flatten();
    let mut by_index = BTreeMap::new();
    for (key, value) in entries {
        let index = key
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.parse::<usize>().ok());
        if let (Some(index), Some(text)) = (index, value.as_str()) {
            by_index.insert(index, text);
        }
    }
    by_index.into_values().collect()
}

fn resources(parameters: &Value) -> Vec<String> {
    let mut named: Vec<&str> = ["InstanceId", "ResourceId", "VolumeId"]
        .iter()
        .flat_map(|list| flat_list(parameters, list))
        .collect();
    let single = ["InstanceId", "resourceId", "TableName", "TopicArn"];
    named.extend(
        single
            .iter()
            .filter_map(|name| parameters.get(name)?.as_str()),
    );
    let listed = |list: &str, member: &str| -> Vec<&str> {
        let entries = parameters.get(list).and_then(Value::as_array);
        let members = entries.into_iter().flatten();
        members
            .filter_map(|entry| entry.get(member)?.as_str())
            .collect()
    };
    named.extend(listed("Evaluations", "ComplianceResourceId"));
    named.extend(listed("LookupAttributes", "AttributeValue"));
    let tables = parameters.get("RequestItems").and_then(Value::as_object);
    named.extend(
        tables
            .into_iter()
            .flatten()
            .map(|(table, _)| table.as_str()),
    );
    let actions = parameters.get("TransactItems").and_then(Value::as_array);
    let actions = actions.into_iter().flatten().filter_map(Value::as_object);
    let tables = actions
        .flatten()
        .filter_map(|(_, action)| action.get("TableName")?.as_str());
    named.extend(tables);
    named.into_iter().map(str::to_owned).collect()
}

/// One call that reached the account, answered or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The service called.
    pub service: Service,
    /// The operation, `CreateTags` for instance.
    pub operation: String,
    /// The resources it named, see [`Request::resources`].
    pub resources: Vec<String>,
    /// Its parameters, see [`Request::parameters`].
    pub parameters: Value,
    /// When it was answered, by the account's clock.
    pub at: DateTime<Utc>,
    /// How it went: the error's code if it was refused.
    pub outcome: Result<(), String>,
}

impl Account {
    /// Every call that reached the account, oldest first: also those it refused, and each of the
    /// SDK's retries by itself.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.contents().calls.clone()
    }

    /// How many calls of this operation reached the account, see [`Account::calls`].
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        let contents = self.contents();
        let calls = contents.calls.iter();
        calls.filter(|call| call.operation == operation).count()
    }

    /// Empties the log of calls.
    pub fn forget_calls(&self) {
        self.contents().calls.clear();
    }
}

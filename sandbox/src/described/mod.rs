//! Resources that the sandbox does not imitate, but describes: Lambda's functions, the rules of EventBridge, trails,
//! alarms, keys and others.
//!
//! A test puts a description into the account, in AWS's own form. The operations that read descriptions find it, refuse
//! what AWS refuses, and take the parameters that are listed with them. Nothing else in the account goes by it.

mod ask;
mod iam;
mod rest;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Account;
use crate::account::Contents;
use crate::calls::{Request, Service};
use crate::wire::{Answer, ApiError, Xml};

pub(crate) use rest::read as read_path;

/// What is described. Each has the key that its operations find it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Described {
    /// A `MetricAlarm` of CloudWatch, by its name.
    Alarm,
    /// A `ConfigRule`, by its name.
    ConfigRule,
    /// A `ConfigRuleEvaluationStatus`, by the rule's name.
    ConfigRuleStatus,
    /// A `CostAllocationTag`, by its key.
    CostTag,
    /// An `EventSourceMappingConfiguration` of Lambda, by its id.
    EventSourceMapping,
    /// What `DescribeRule` of EventBridge answers, by the rule's name. The member `Targets` is a list of ARNs, for
    /// `ListRuleNamesByTarget`.
    EventRule,
    /// What `GetFunctionConfiguration` answers, by the function's name.
    Function,
    /// What `GetFunctionConcurrency` answers, by the function's name.
    FunctionConcurrency,
    /// The resource policy of a function, by its name.
    FunctionPolicy,
    /// The `KeyMetadata` of a key, by its id.
    Key,
    /// The policy of a key, by its id.
    KeyPolicy,
    /// A list of lines, `{"message"}`, by the log group.
    Log,
    /// A `Datapoint`, by the names of the metric and the dimension's value: `Metric/value`.
    Metric,
    /// A `ConfigurationRecorder`, by its name.
    Recorder,
    /// A `ConfigurationRecorderStatus`, by the recorder's name.
    RecorderStatus,
    /// A list of `RemediationException`, by the rule's name.
    RemediationExceptions,
    /// A `Stack` of CloudFormation, by its name.
    Stack,
    /// A list of `StackResourceSummary`, by the stack's name.
    StackResources,
    /// A `Trail`, by its ARN.
    Trail,
    /// What `GetTrailStatus` answers, by the trail's ARN.
    TrailStatus,
    /// What `GetEventSelectors` answers, by the trail's ARN.
    TrailSelectors,
}

/// The descriptions of the account.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    all: BTreeMap<Described, BTreeMap<String, Value>>,
    /// The roles, and the actions that the policies of each do not allow.
    roles: BTreeMap<String, BTreeSet<String>>,
    /// What the simulator says instead, by role and action.
    simulated: BTreeMap<(String, String), Value>,
}

impl Descriptions {
    /// The description of one thing.
    pub(crate) fn one(&self, of: Described, key: &str) -> Option<&Value> {
        self.all.get(&of)?.get(key)
    }

    /// The descriptions of all things of a sort, by their keys.
    fn every(&self, of: Described) -> impl Iterator<Item = (&String, &Value)> {
        self.all.get(&of).into_iter().flatten()
    }
}

impl Contents {
    /// The operations that read descriptions; `None` for any other.
    pub(crate) fn described(&self, request: &Request) -> Option<Result<Answer, ApiError>> {
        let all = &self.described;
        let json = |answer: Result<Value, ApiError>| Some(answer.map(Answer::Json));
        let xml = |answer: Result<Value, ApiError>| Some(answer.map(|it| Answer::Xml(as_xml(&it))));
        match (request.service, request.operation.as_str()) {
            (Service::CloudFormation, "ListStackResources") => xml(all.stack_resources(request)),
            (Service::CloudTrail, "DescribeTrails") => json(all.trails(request)),
            (Service::CloudTrail, "GetTrailStatus") => {
                json(all.of_trail(Described::TrailStatus, "Name", request))
            }
            (Service::CloudTrail, "GetEventSelectors") => {
                json(all.of_trail(Described::TrailSelectors, "TrailName", request))
            }
            (Service::CloudWatch, "DescribeAlarms") => xml(all.alarms(request)),
            (Service::CloudWatch, "GetMetricStatistics") => xml(all.statistics(request)),
            (Service::Config, "DescribeConfigurationRecorders") => {
                json(all.recorders(Described::Recorder, "ConfigurationRecorders", request))
            }
            (Service::Config, "DescribeConfigurationRecorderStatus") => json(all.recorders(
                Described::RecorderStatus,
                "ConfigurationRecordersStatus",
                request,
            )),
            (Service::Config, "DescribeConfigRules") => json(all.config_rules(request)),
            (Service::Config, "DescribeConfigRuleEvaluationStatus") => {
                json(all.config_rule_status(request))
            }
            (Service::Config, "DescribeRemediationExceptions") => {
                json(all.remediation_exceptions(request))
            }
            (Service::CostExplorer, "ListCostAllocationTags") => json(all.cost_tags(request)),
            (Service::EventBridge, "ListRuleNamesByTarget") => json(all.rule_names(request)),
            (Service::EventBridge, "DescribeRule") => json(all.event_rule(request)),
            (Service::Iam, "SimulatePrincipalPolicy") => xml(all.simulate(request)),
            (Service::Kms, "DescribeKey") => json(all.key(request)),
            (Service::Kms, "GetKeyPolicy") => json(all.key_policy(request)),
            (Service::Lambda, "GetFunctionConfiguration") => {
                json(all.of_function(Described::Function, request))
            }
            (Service::Lambda, "GetFunctionConcurrency") => json(all.concurrency(request)),
            (Service::Lambda, "GetPolicy") => json(all.function_policy(request)),
            (Service::Lambda, "ListEventSourceMappings") => json(all.mappings(request)),
            (Service::Logs, "FilterLogEvents") => json(all.log_events(request)),
            _ => None,
        }
    }
}

/// A JSON value as XML: a list has elements named `member`.
pub(crate) fn as_xml(value: &Value) -> Xml {
    let mut xml = Xml::default();
    for (name, value) in value.as_object().into_iter().flatten() {
        write(&mut xml, name, value);
    }
    xml
}

fn write(xml: &mut Xml, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => xml.text(name, text),
        Value::Object(members) => xml.element(name, |xml| {
            for (name, value) in members {
                write(xml, name, value);
            }
        }),
        Value::Array(list) => xml.element(name, |xml| {
            for value in list {
                write(xml, "member", value);
            }
        }),
        other => xml.value(name, other),
    }
}

impl Account {
    /// Puts a description into the account, in AWS's own form, or replaces it.
    pub fn describe(&self, of: Described, key: &str, description: Value) {
        let mut contents = self.contents();
        let all = contents.described.all.entry(of).or_default();
        all.insert(key.to_owned(), description);
    }

    /// Takes a description away: the thing does not exist.
    pub fn forget_description(&self, of: Described, key: &str) {
        if let Some(all) = self.contents().described.all.get_mut(&of) {
            all.remove(key);
        }
    }

    /// Changes a description that is there.
    pub fn redescribe(&self, of: Described, key: &str, change: impl FnOnce(&mut Value)) {
        let mut contents = self.contents();
        let all = contents.described.all.get_mut(&of);
        if let Some(description) = all.and_then(|all| all.get_mut(key)) {
            change(description);
        }
    }

    /// Makes a role whose policies allow everything.
    pub fn create_role(&self, arn: &str) {
        let roles = &mut self.contents().described.roles;
        roles.entry(arn.to_owned()).or_default();
    }

    /// The simulator's result for this action of a role has these members from now on, instead of its own.
    pub fn simulate_as(&self, arn: &str, action: &str, members: Value) {
        let mut contents = self.contents();
        let key = (arn.to_owned(), action.to_owned());
        contents.described.simulated.insert(key, members);
    }

    /// The policies of a role do not allow this action from now on, as `SimulatePrincipalPolicy` says.
    pub fn deny_role(&self, arn: &str, action: &str) {
        let mut contents = self.contents();
        let denied = contents.described.roles.entry(arn.to_owned()).or_default();
        denied.insert(action.to_owned());
    }
}

//! The operations that read descriptions, each with the page of AWS that its refusals are from.

use serde_json::{Map, Value, json};

use super::{Described, Descriptions};
use crate::calls::Request;
use crate::wire::ApiError;

impl Descriptions {
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html>
    pub(super) fn stack_resources(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["StackName", "NextToken"])?;
        let name = request.text("StackName").unwrap_or_default();
        let Some(resources) = self.one(Described::StackResources, name) else {
            let message = format!("Stack with id {name} does not exist");
            return Err(ApiError::new("ValidationError", message));
        };
        Ok(json!({"StackResourceSummaries": resources}))
    }

    /// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html>
    pub(super) fn trails(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&[])?;
        let trails = self.every(Described::Trail).map(|(_, trail)| trail);
        Ok(json!({"trailList": trails.collect::<Vec<_>>()}))
    }

    /// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html>
    pub(super) fn of_trail(
        &self,
        of: Described,
        parameter: &str,
        request: &Request,
    ) -> Result<Value, ApiError> {
        request.only(&[parameter])?;
        let arn = request.text(parameter).unwrap_or_default();
        let missing = || {
            let message = format!("Unknown trail: {arn}");
            ApiError::new("TrailNotFoundException", message)
        };
        self.one(of, arn).cloned().ok_or_else(missing)
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
    pub(super) fn alarms(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["StateValue", "MaxRecords", "AlarmNames", "AlarmNamePrefix"])?;
        let names = request.list("AlarmNames.member");
        let prefix = request.text("AlarmNamePrefix");
        if !names.is_empty() && prefix.is_some() {
            let message = "AlarmNames and AlarmNamePrefix cannot be given together";
            return Err(ApiError::new("ValidationError", message));
        }
        let state = request.text("StateValue");
        let alarms = self.every(Described::Alarm).filter(|(name, alarm)| {
            (names.is_empty() || names.contains(&name.as_str()))
                && prefix.is_none_or(|prefix| name.starts_with(prefix))
                && state.is_none_or(|state| alarm.get("StateValue") == Some(&json!(state)))
        });
        let alarms: Vec<&Value> = alarms.map(|(_, alarm)| alarm).collect();
        Ok(json!({"MetricAlarms": alarms}))
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>
    pub(super) fn statistics(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&[
            "Namespace",
            "MetricName",
            "Dimensions",
            "StartTime",
            "EndTime",
            "Period",
            "Statistics",
        ])?;
        let metric = request.text("MetricName").unwrap_or_default();
        let of = request
            .text("Dimensions.member.1.Value")
            .unwrap_or_default();
        let points = self.one(Described::Metric, &format!("{metric}/{of}"));
        Ok(json!({"Label": metric, "Datapoints": points.into_iter().collect::<Vec<_>>()}))
    }

    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigurationRecorders.html>
    pub(super) fn recorders(
        &self,
        of: Described,
        member: &str,
        request: &Request,
    ) -> Result<Value, ApiError> {
        request.only(&[])?;
        let all: Vec<&Value> = self.every(of).map(|(_, it)| it).collect();
        Ok(json!({member: all}))
    }

    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigRules.html>
    pub(super) fn config_rules(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&[])?;
        let rules: Vec<&Value> = self
            .every(Described::ConfigRule)
            .map(|(_, it)| it)
            .collect();
        Ok(json!({"ConfigRules": rules}))
    }

    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigRuleEvaluationStatus.html>
    pub(super) fn config_rule_status(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["ConfigRuleNames"])?;
        let names = request.parameters.get("ConfigRuleNames");
        let names = names.and_then(Value::as_array).into_iter().flatten();
        let mut all = Vec::new();
        for name in names.filter_map(Value::as_str) {
            let status = self.one(Described::ConfigRuleStatus, name);
            all.push(status.ok_or_else(|| no_such_rule(name))?);
        }
        Ok(json!({"ConfigRulesEvaluationStatus": all}))
    }

    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeRemediationExceptions.html>
    pub(super) fn remediation_exceptions(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["ConfigRuleName"])?;
        let name = request.text("ConfigRuleName").unwrap_or_default();
        let exceptions = self.one(Described::RemediationExceptions, name);
        let exceptions = exceptions.cloned().unwrap_or_else(|| json!([]));
        Ok(json!({"RemediationExceptions": exceptions}))
    }

    /// <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_ListCostAllocationTags.html>
    pub(super) fn cost_tags(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["Status", "TagKeys", "MaxResults"])?;
        let keys = request.parameters.get("TagKeys").and_then(Value::as_array);
        if keys.is_some_and(|keys| keys.len() > 100) {
            let message = "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must have \
                           length less than or equal to 100";
            return Err(ApiError::new("ValidationException", message));
        }
        let status = request.text("Status");
        let tags = self.every(Described::CostTag).filter(|(key, tag)| {
            keys.is_none_or(|keys| keys.iter().any(|it| it == *key))
                && status.is_none_or(|status| tag.get("Status") == Some(&json!(status)))
        });
        let tags: Vec<&Value> = tags.map(|(_, tag)| tag).collect();
        Ok(json!({"CostAllocationTags": tags}))
    }

    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRuleNamesByTarget.html>
    pub(super) fn rule_names(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["TargetArn", "NextToken"])?;
        let target = request.parameters.get("TargetArn");
        let names = self.every(Described::EventRule).filter(|(_, rule)| {
            let targets = rule.get("Targets").and_then(Value::as_array);
            targets.into_iter().flatten().any(|it| Some(it) == target)
        });
        let names: Vec<&String> = names.map(|(name, _)| name).collect();
        Ok(json!({"RuleNames": names}))
    }

    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html>
    pub(super) fn event_rule(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["Name"])?;
        let name = request.text("Name").unwrap_or_default();
        let Some(rule) = self.one(Described::EventRule, name) else {
            let message = format!("Rule {name} does not exist on EventBus default.");
            return Err(ApiError::new("ResourceNotFoundException", message));
        };
        let mut rule = rule.clone();
        if let Some(members) = rule.as_object_mut() {
            members.remove("Targets");
        }
        Ok(rule)
    }

    /// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>
    pub(super) fn key(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["KeyId"])?;
        let id = key_id(request);
        let key = self
            .one(Described::Key, id)
            .ok_or_else(|| no_such_key(id))?;
        Ok(json!({"KeyMetadata": key}))
    }

    /// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>
    pub(super) fn key_policy(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["KeyId", "PolicyName"])?;
        let id = key_id(request);
        let policy = self
            .one(Described::KeyPolicy, id)
            .ok_or_else(|| no_such_key(id))?;
        Ok(json!({"Policy": policy.to_string(), "PolicyName": "default"}))
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>
    pub(super) fn of_function(&self, of: Described, request: &Request) -> Result<Value, ApiError> {
        request.only(&["FunctionName"])?;
        let name = request.text("FunctionName").unwrap_or_default();
        let missing = || {
            let message = format!("Function not found: {name}");
            ApiError::new("ResourceNotFoundException", message).with_status(404)
        };
        self.one(of, name).cloned().ok_or_else(missing)
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html>
    pub(super) fn concurrency(&self, request: &Request) -> Result<Value, ApiError> {
        self.of_function(Described::Function, request)?;
        let reserved = self.of_function(Described::FunctionConcurrency, request);
        Ok(reserved.unwrap_or_else(|_| Value::from(Map::new())))
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html>
    pub(super) fn function_policy(&self, request: &Request) -> Result<Value, ApiError> {
        let policy = self.of_function(Described::FunctionPolicy, request)?;
        Ok(json!({"Policy": policy.to_string(), "RevisionId": "1"}))
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>
    pub(super) fn mappings(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&["EventSourceArn"])?;
        let source = request.parameters.get("EventSourceArn");
        let mappings = self.every(Described::EventSourceMapping);
        let mappings = mappings.filter(|(_, it)| it.get("EventSourceArn") == source);
        let mappings: Vec<&Value> = mappings.map(|(_, it)| it).collect();
        Ok(json!({"EventSourceMappings": mappings}))
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>. The pattern is a
    /// phrase in quotes.
    pub(super) fn log_events(&self, request: &Request) -> Result<Value, ApiError> {
        request.only(&[
            "logGroupName",
            "filterPattern",
            "startTime",
            "limit",
            "nextToken",
        ])?;
        let group = request.text("logGroupName").unwrap_or_default();
        let phrase = request.text("filterPattern").unwrap_or_default();
        let phrase = phrase.trim_matches('"');
        let Some(lines) = self.one(Described::Log, group) else {
            let message = "The specified log group does not exist.";
            return Err(ApiError::new("ResourceNotFoundException", message));
        };
        let lines = lines.as_array().into_iter().flatten().filter(|line| {
            let message = line.get("message").and_then(Value::as_str);
            message.is_some_and(|message| message.contains(phrase))
        });
        let limit = request.parameters.get("limit").and_then(Value::as_u64);
        let limit = limit.and_then(|it| usize::try_from(it).ok());
        let lines: Vec<&Value> = lines.take(limit.unwrap_or(10_000)).collect();
        Ok(json!({"events": lines}))
    }
}

fn no_such_rule(name: &str) -> ApiError {
    let message = format!("The ConfigRule '{name}' provided in the request is invalid.");
    ApiError::new("NoSuchConfigRuleException", message)
}

/// A key may be named by its id or its ARN.
fn key_id(request: &Request) -> &str {
    let id = request.text("KeyId").unwrap_or_default();
    id.rsplit('/').next().unwrap_or(id)
}

fn no_such_key(id: &str) -> ApiError {
    ApiError::new("NotFoundException", format!("Key '{id}' does not exist"))
}

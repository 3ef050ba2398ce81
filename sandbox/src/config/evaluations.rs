//! `PutEvaluations` and `GetComplianceDetailsByConfigRule`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Config, Evaluation, Stored, events};
use crate::account::Contents;
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, epoch_seconds, from_epoch_seconds};

const MOST_EVALUATIONS: usize = 100;
const LONGEST_ANNOTATION: usize = 256;
const LISTING: &str = "GetComplianceDetailsByConfigRule";

/// An evaluation of a request: the resource and the verdict.
type Put = ((String, String), Evaluation);

impl Contents {
    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html>
    pub(crate) fn put_evaluations(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["Evaluations", "ResultToken", "TestMode"])?;
        // Check every evaluation before the token: AWS validates the model first.
        let given = request
            .parameters
            .get("Evaluations")
            .and_then(Value::as_array);
        let given = given.map_or(&[][..], Vec::as_slice);
        if given.len() > MOST_EVALUATIONS {
            let constraint =
                format!("Member must have length less than or equal to {MOST_EVALUATIONS}");
            return Err(ApiError::validation("[…]", "evaluations", &constraint));
        }
        let mut evaluations = Vec::with_capacity(given.len());
        for (number, value) in (1..).zip(given) {
            evaluations.push(evaluation(number, value)?);
        }
        let Some(token) = request.text("ResultToken") else {
            return Err(ApiError::validation(
                "null",
                "resultToken",
                "Member must not be null",
            ));
        };
        // "Use this parameter to specify a test run for PutEvaluations": nothing is stored, and the
        // token may be any that is not null.
        if request.parameters.get("TestMode") == Some(&Value::Bool(true)) {
            return Ok(Answer::Json(json!({"FailedEvaluations": []})));
        }
        let Some((rule, invoked)) = self.config.tokens.get(token).cloned() else {
            let message = "Result Token provided is invalid";
            return Err(ApiError::new("InvalidResultTokenException", message));
        };
        if !self.config.rules.contains_key(&rule) {
            return Err(no_such_rule(&rule));
        }
        // Only now store the verdicts, because a refused call must store none.
        let mut failed = Vec::new();
        for (put, value) in evaluations.into_iter().zip(given) {
            if self.config.failing.remove(&put.0.1) {
                failed.push(value.clone());
            } else {
                self.store(&rule, put, invoked, context.now);
            }
        }
        Ok(Answer::Json(json!({"FailedEvaluations": failed})))
    }

    /// Stores a verdict unless a newer one is there, and emits an event if the compliance changed.
    fn store(&mut self, rule: &str, put: Put, invoked: DateTime<Utc>, now: DateTime<Utc>) {
        let (resource, evaluation) = put;
        let Some(rule) = self.config.rules.get_mut(rule) else {
            return;
        };
        let old = rule.results.get(&resource).cloned();
        let is_newer =
            |old: &Stored| old.evaluation.ordering_timestamp > evaluation.ordering_timestamp;
        if old.as_ref().is_some_and(is_newer) {
            return;
        }
        let new = Stored {
            evaluation,
            recorded: now,
            invoked,
        };
        let before = old
            .as_ref()
            .map_or("NOT_APPLICABLE", |old| &old.evaluation.compliance_type);
        if before != new.evaluation.compliance_type {
            let id = self.ids.uuid();
            let event = events::compliance_change(&id, rule, &resource, &new, old.as_ref());
            self.config.changes.push(event);
        }
        rule.results.insert(resource, new);
    }
}

impl Config {
    /// <https://docs.aws.amazon.com/config/latest/APIReference/API_GetComplianceDetailsByConfigRule.html>
    pub(crate) fn compliance_details(&self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["ConfigRuleName", "ComplianceTypes", "Limit", "NextToken"])?;
        let size = limit(request, "Limit")?;
        let name = request.text("ConfigRuleName").unwrap_or_default();
        let rule = self.rules.get(name).ok_or_else(|| no_such_rule(name))?;
        let wanted = request
            .parameters
            .get("ComplianceTypes")
            .and_then(Value::as_array);
        let is_wanted = |stored: &Stored| {
            let compliance = stored.evaluation.compliance_type.as_str();
            wanted.is_none_or(|types| types.is_empty() || types.iter().any(|one| one == compliance))
        };
        let shown = rule.results.iter();
        let shown: Vec<_> = shown
            .filter(|(_, stored)| stored.evaluation.is_shown() && is_wanted(stored))
            .collect();
        let start = place(request)?;
        let rest = shown.get(start..).unwrap_or_default();
        let page = rest.get(..size).unwrap_or(rest);
        let results: Vec<Value> = page
            .iter()
            .map(|((resource_type, id), stored)| result(name, resource_type, id, stored))
            .collect();
        let mut answer = json!({"EvaluationResults": results});
        if let (true, Some(members)) = (page.len() < rest.len(), answer.as_object_mut()) {
            let token = page::seal(LISTING, &(start + page.len()).to_string());
            members.insert("NextToken".to_owned(), token.into());
        }
        Ok(Answer::Json(answer))
    }
}

/// The size of a page: 10 unless said otherwise, 0 meaning the same, and 100 at most.
pub(super) fn limit(request: &Request, name: &str) -> Result<usize, ApiError> {
    let Some(value) = request.parameters.get(name) else {
        return Ok(10);
    };
    let member = name.to_ascii_lowercase();
    match value.as_i64().map(usize::try_from) {
        Some(Ok(0)) => Ok(10),
        Some(Ok(size)) if size <= 100 => Ok(size),
        Some(Ok(_)) => Err(ApiError::validation(
            &value.to_string(),
            &member,
            "Member must have value less than or equal to 100",
        )),
        _ => Err(ApiError::validation(
            &value.to_string(),
            &member,
            "Member must have value greater than or equal to 0",
        )),
    }
}

fn place(request: &Request) -> Result<usize, ApiError> {
    let Some(token) = request.text("NextToken") else {
        return Ok(0);
    };
    let place = page::open(LISTING, token).and_then(|place| place.parse().ok());
    place.ok_or_else(invalid_token)
}

pub(super) fn invalid_token() -> ApiError {
    let message = "The specified next token is not valid.";
    ApiError::new("InvalidNextTokenException", message)
}

fn result(rule: &str, resource_type: &str, id: &str, stored: &Stored) -> Value {
    let evaluation = &stored.evaluation;
    let mut result = json!({
        "EvaluationResultIdentifier": {
            "EvaluationResultQualifier": {
                "ConfigRuleName": rule,
                "ResourceType": resource_type,
                "ResourceId": id,
                "EvaluationMode": "DETECTIVE",
            },
            "OrderingTimestamp": epoch_seconds(evaluation.ordering_timestamp),
        },
        "ComplianceType": evaluation.compliance_type,
        "ResultRecordedTime": epoch_seconds(stored.recorded),
        "ConfigRuleInvokedTime": epoch_seconds(stored.invoked),
    });
    if let (Some(annotation), Some(members)) = (&evaluation.annotation, result.as_object_mut()) {
        members.insert("Annotation".to_owned(), annotation.as_str().into());
    }
    result
}

/// Reads the evaluation with this number, from 1, and refuses what the service's model does not allow.
fn evaluation(number: usize, value: &Value) -> Result<Put, ApiError> {
    let path = |member: &str| format!("evaluations.{number}.member.{member}");
    let text = |member: &str, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.ok_or_else(|| ApiError::validation("null", &path(member), "Member must not be null"))
    };
    let resource_type = text("complianceResourceType", "ComplianceResourceType")?;
    let id = text("complianceResourceId", "ComplianceResourceId")?;
    let compliance_type = text("complianceType", "ComplianceType")?;
    let ordering_timestamp = value.get("OrderingTimestamp").and_then(from_epoch_seconds);
    let Some(ordering_timestamp) = ordering_timestamp else {
        let member = path("orderingTimestamp");
        return Err(ApiError::validation(
            "null",
            &member,
            "Member must not be null",
        ));
    };
    let annotation = value.get("Annotation").and_then(Value::as_str);
    let constraint = match annotation.map(|annotation| annotation.chars().count()) {
        Some(0) => Some("greater than or equal to 1"),
        Some(length) if length > LONGEST_ANNOTATION => Some("less than or equal to 256"),
        _ => None,
    };
    if let (Some(constraint), Some(annotation)) = (constraint, annotation) {
        let constraint = format!("Member must have length {constraint}");
        return Err(ApiError::validation(
            annotation,
            &path("annotation"),
            &constraint,
        ));
    }
    match compliance_type {
        "COMPLIANT" | "NON_COMPLIANT" | "NOT_APPLICABLE" => {}
        // A type of the API, but none that a rule may give.
        "INSUFFICIENT_DATA" => {
            let message = "INSUFFICIENT_DATA is not a valid compliance type for an evaluation";
            return Err(ApiError::new("InvalidParameterValueException", message));
        }
        _ => {
            let constraint = "Member must satisfy enum value set: [COMPLIANT, NON_COMPLIANT, \
                              NOT_APPLICABLE, INSUFFICIENT_DATA]";
            return Err(ApiError::validation(
                compliance_type,
                &path("complianceType"),
                constraint,
            ));
        }
    }
    if resource_type.split("::").count() != 3 {
        let message = format!("The resource type {resource_type} is not supported");
        return Err(ApiError::new("InvalidParameterValueException", message));
    }
    if id.is_empty() {
        let constraint = "Member must have length greater than or equal to 1";
        return Err(ApiError::validation(
            id,
            &path("complianceResourceId"),
            constraint,
        ));
    }
    let verdict = Evaluation {
        resource_type: resource_type.to_owned(),
        compliance_type: compliance_type.to_owned(),
        annotation: annotation.map(str::to_owned),
        ordering_timestamp,
    };
    Ok(((resource_type.to_owned(), id.to_owned()), verdict))
}

fn no_such_rule(name: &str) -> ApiError {
    ApiError::new(
        "NoSuchConfigRuleException",
        format!(
            "The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name"
        ),
    )
}

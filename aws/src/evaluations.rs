//! Sends the Config rule's results to AWS Config, and reads the results that Config shows.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_config::Client;
use aws_sdk_config::types::{ComplianceType, Evaluation};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use tagwarden_core::Kind;

use crate::{AwsError, Clock};

/// The most evaluations that PutEvaluations takes in one call.
///
/// See [PutEvaluations](https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html).
pub const BATCH: usize = 100;

/// The most attempts for an evaluation that Config did not store.
const ATTEMPTS: u32 = 4;

/// The pause before the second attempt. The pause before each later attempt is longer by the same time.
const PAUSE: Duration = Duration::from_millis(500);

/// The most PutEvaluations calls in flight at a time. Config publishes no quota.
const AT_ONCE: usize = 4;

/// The result token of a test by the rule development kit, in which Config stores nothing.
const TEST_TOKEN: &str = "TESTMODE";

const PUT: &str = "config:PutEvaluations";
const GET: &str = "config:GetComplianceDetailsByConfigRule";

/// The rule's result for one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleResult {
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
    /// `COMPLIANT`, `NON_COMPLIANT`, or `NOT_APPLICABLE`, which removes the resource's earlier result.
    pub compliance_type: ComplianceType,
    /// 1 to 256 characters; `None` for no annotation.
    pub annotation: Option<String>,
}

/// Whether `result_token` is that of a test: the rule evaluates, and Config stores nothing.
#[must_use]
pub fn is_test(result_token: &str) -> bool {
    result_token == TEST_TOKEN
}

/// Sends `results` to Config, at most [`BATCH`] a call, and retries those that Config did not store.
///
/// Makes one call even without results, because Config then records that the rule was evaluated. `as_of` is the time
/// for which the results hold: Config never replaces a result by an older one.
///
/// # Errors
/// A call failed, or Config did not store some results in any attempt; the error names their ids.
pub async fn put(
    client: &Client,
    clock: &Clock,
    result_token: &str,
    as_of: DateTime<Utc>,
    results: Vec<RuleResult>,
) -> Result<(), AwsError> {
    let timestamp = aws_smithy_types::DateTime::from_millis(as_of.timestamp_millis());
    let mut unsent = results
        .into_iter()
        .map(|result| evaluation(result, timestamp))
        .collect::<Result<Vec<_>, _>>()?;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            clock.sleep(PAUSE * attempt).await;
        }
        // Only the evaluations that Config did not store are sent again.
        let mut batches: Vec<Vec<Evaluation>> = unsent.chunks(BATCH).map(<[_]>::to_vec).collect();
        if batches.is_empty() {
            batches.push(Vec::new());
        }
        let puts = stream::iter(batches).map(|batch| async {
            let put = client
                .put_evaluations()
                .result_token(result_token)
                .test_mode(is_test(result_token))
                .set_evaluations(Some(batch));
            match put.send().await {
                Ok(output) => Ok(output.failed_evaluations.unwrap_or_default()),
                Err(error) => Err(AwsError::new(PUT, &error)),
            }
        });
        let failed: Vec<Vec<Evaluation>> = puts.buffer_unordered(AT_ONCE).try_collect().await?;
        unsent = failed.concat();
        if unsent.is_empty() {
            return Ok(());
        }
    }
    let ids: Vec<&str> = unsent
        .iter()
        .map(Evaluation::compliance_resource_id)
        .collect();
    Err(AwsError::unexpected(
        PUT,
        format!(
            "not stored after {ATTEMPTS} attempts (FailedEvaluations): {}",
            ids.join(", ")
        ),
    ))
}

fn evaluation(
    result: RuleResult,
    timestamp: aws_smithy_types::DateTime,
) -> Result<Evaluation, AwsError> {
    Evaluation::builder()
        .compliance_resource_type(result.resource_type)
        .compliance_resource_id(result.resource_id)
        .compliance_type(result.compliance_type)
        .set_annotation(result.annotation)
        .ordering_timestamp(timestamp)
        .build()
        .map_err(|error| AwsError::unexpected(PUT, error.to_string()))
}

/// The result that Config shows for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurrentResult {
    /// `COMPLIANT`, with this annotation.
    Compliant(Option<Box<str>>),
    /// `NON_COMPLIANT`.
    NonCompliant,
}

/// Reads the results that Config shows under the rule `config_rule_name`, by the resource's id.
///
/// # Errors
/// The call failed, for example because Config has no such rule.
pub async fn current_results(
    client: &Client,
    config_rule_name: &str,
) -> Result<BTreeMap<String, CurrentResult>, AwsError> {
    let mut pages = client
        .get_compliance_details_by_config_rule()
        .config_rule_name(config_rule_name)
        .compliance_types(ComplianceType::Compliant)
        .compliance_types(ComplianceType::NonCompliant)
        .limit(100)
        .into_paginator()
        .send();
    let mut current = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new(GET, &error))?;
        current.extend(page.evaluation_results().iter().filter_map(|result| {
            let qualifier = result
                .evaluation_result_identifier()?
                .evaluation_result_qualifier()?;
            Kind::from_config_type(qualifier.resource_type()?)?;
            let current = match result.compliance_type() {
                Some(ComplianceType::Compliant) => {
                    CurrentResult::Compliant(result.annotation().map(Into::into))
                }
                _ => CurrentResult::NonCompliant,
            };
            Some((qualifier.resource_id()?.to_owned(), current))
        }));
    }
    Ok(current)
}

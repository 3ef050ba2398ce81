//! Tells AWS Config what the rule found, and asks what it has been told before.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_config::Client;
use aws_sdk_config::types::{ComplianceType, Evaluation};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{AwsError, Clock};
use tagwarden_core::resource::configuration_item::INSTANCE_RESOURCE_TYPE;

/// The most evaluations that PutEvaluations takes in one call.
///
/// See [PutEvaluations](https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html).
pub const BATCH: usize = 100;

/// How often an evaluation is sent that Config says it did not store.
const ATTEMPTS: u32 = 4;

/// The pause before it is sent again the first time.
const PAUSE: Duration = Duration::from_millis(500);

/// So many calls are under way at once: Config publishes no quota.
const AT_ONCE: usize = 4;

/// The result token by which the rule development kit asks that nothing is stored.
const TEST_TOKEN: &str = "TESTMODE";

const PUT: &str = "config:PutEvaluations";
const GET: &str = "config:GetComplianceDetailsByConfigRule";

/// What Config is told of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compliance {
    /// Such as `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Such as `i-…`.
    pub resource_id: String,
    /// `COMPLIANT`, `NON_COMPLIANT` or `NOT_APPLICABLE`, which removes what Config was told before.
    pub compliance_type: ComplianceType,
    /// 1 to 256 characters, or none.
    pub annotation: Option<String>,
}

/// Whether `result_token` asks for a test: everything is worked out, nothing is stored.
#[must_use]
pub fn is_test(result_token: &str) -> bool {
    result_token == TEST_TOKEN
}

/// Sends every result, a hundred a call, and again those that Config says it did not store. No results are sent too, in
/// one call: it tells Config that the rule was evaluated.
///
/// `as_of` is the moment the results speak of: an older result never replaces a newer one.
///
/// # Errors
/// A call failed, or Config refused some results time after time; their ids are named.
pub async fn put(
    client: &Client,
    clock: &Clock,
    result_token: &str,
    as_of: DateTime<Utc>,
    results: Vec<Compliance>,
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
    result: Compliance,
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

/// What Config shows of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// That it is compliant, with this annotation.
    Compliant(Option<Box<str>>),
    /// That it is not.
    NonCompliant,
}

/// What Config shows of instances under `config_rule_name`, by instance id.
///
/// # Errors
/// Config did not answer, or knows no such rule.
pub async fn shown(
    client: &Client,
    config_rule_name: &str,
) -> Result<BTreeMap<String, Shown>, AwsError> {
    let mut results = client
        .get_compliance_details_by_config_rule()
        .config_rule_name(config_rule_name)
        .compliance_types(ComplianceType::Compliant)
        .compliance_types(ComplianceType::NonCompliant)
        .limit(100)
        .into_paginator()
        .send();
    let mut shown = BTreeMap::new();
    while let Some(page) = results.next().await {
        let page = page.map_err(|error| AwsError::new(GET, &error))?;
        shown.extend(page.evaluation_results().iter().filter_map(|result| {
            let qualifier = result
                .evaluation_result_identifier()?
                .evaluation_result_qualifier()?;
            if qualifier.resource_type() != Some(INSTANCE_RESOURCE_TYPE) {
                return None;
            }
            let shown = match result.compliance_type() {
                Some(ComplianceType::Compliant) => {
                    Shown::Compliant(result.annotation().map(Into::into))
                }
                _ => Shown::NonCompliant,
            };
            Some((qualifier.resource_id()?.to_owned(), shown))
        }));
    }
    Ok(shown)
}

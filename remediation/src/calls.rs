//! The EC2 calls that change something.
//!
//! One call serves many instances, and EC2 refuses the whole call if one instance is unknown or protected.
//! `set_aside` sets that instance aside, so that the call succeeds for the others.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{AttributeBooleanValue, InstanceAttributeName, Tag};
use futures_util::{StreamExt, TryStreamExt, stream};
use tagwarden_aws::{AwsError, Ec2};

use crate::plan::{Act, Outcome, Reason, RemedyName, StepFailure};

/// The most instances that CreateTags, DeleteTags, StopInstances and TerminateInstances take in one call.
const CALL_LIMIT: usize = 1_000;

/// The most `DescribeInstanceAttribute` calls in flight at a time.
const AT_ONCE: usize = 8;

/// Writes `tags` to every one of `ids`. A tag that is there already is overwritten: be sure it is empty.
///
/// See [CreateTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html).
pub async fn create_tags(
    ec2: &Ec2,
    ids: Vec<String>,
    tags: &BTreeMap<String, String>,
) -> Vec<(String, Outcome)> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    set_aside(ids, async |ids: &[String]| {
        let request = ec2
            .to_create_tags()
            .await
            .create_tags()
            .set_tags(Some(tags.clone()));
        match request.set_resources(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:CreateTags", &error)),
        }
    })
    .await
}

/// Stops every one of `ids`.
///
/// See [StopInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html).
pub async fn stop(ec2: &Ec2, ids: Vec<String>) -> Vec<(String, Outcome)> {
    set_aside(ids, async |ids: &[String]| {
        let request = ec2.to_stop().await.stop_instances();
        match request.set_instance_ids(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:StopInstances", &error)),
        }
    })
    .await
}

/// Terminates every one of `ids`.
///
/// See [TerminateInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html).
pub async fn terminate(ec2: &Ec2, ids: Vec<String>) -> Vec<(String, Outcome)> {
    set_aside(ids, async |ids: &[String]| {
        let request = ec2.to_terminate().await.terminate_instances();
        match request.set_instance_ids(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:TerminateInstances", &error)),
        }
    })
    .await
}

/// Of the instances that `acts` would stop or terminate, those that are protected against it: one call each.
///
/// See [DescribeInstanceAttribute](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html).
///
/// # Errors
/// EC2 did not answer.
pub async fn protected(
    ec2: &Ec2,
    acts: impl IntoIterator<Item = &Act>,
) -> Result<BTreeSet<String>, AwsError> {
    let requests = stream::iter(acts).map(|act| async move {
        let client = ec2.to_describe_attribute().await;
        let request = client.describe_instance_attribute();
        let is_stop = act.remedy == RemedyName::Stop;
        let attribute = if is_stop {
            InstanceAttributeName::DisableApiStop
        } else {
            InstanceAttributeName::DisableApiTermination
        };
        let answer = request
            .instance_id(act.instance_id())
            .attribute(attribute)
            .send()
            .await
            .map_err(|error| AwsError::new("ec2:DescribeInstanceAttribute", &error))?;
        let value = if is_stop {
            answer.disable_api_stop()
        } else {
            answer.disable_api_termination()
        };
        let is_protected = value.and_then(AttributeBooleanValue::value) == Some(true);
        Ok(is_protected.then(|| act.instance_id().to_owned()))
    });
    let protected: Vec<Option<String>> = requests.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(protected.into_iter().flatten().collect())
}

/// Calls `call` for all of `ids`, in as few calls as it takes. Where one instance spoils a call, the error names
/// it, or halving finds it; the rest are tried again without it. All calls must be idempotent.
pub(crate) async fn set_aside<F>(ids: Vec<String>, call: F) -> Vec<(String, Outcome)>
where
    F: AsyncFn(&[String]) -> Result<(), AwsError>,
{
    let mut results = Vec::with_capacity(ids.len());
    let mut settle = |ids: Vec<String>, outcome: &Outcome| {
        results.extend(ids.into_iter().map(|id| (id, outcome.clone())));
    };
    let mut waiting: Vec<Vec<String>> = ids.chunks(CALL_LIMIT).map(<[String]>::to_vec).collect();
    while let Some(mut batch) = waiting.pop() {
        let Err(error) = call(&batch).await else {
            settle(batch, &Outcome::Done);
            continue;
        };
        if batch.len() == 1 || !is_about_instances(&error) {
            settle(batch, &outcome(&error));
            continue;
        }
        let (named, rest): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|id| names(error.message(), id));
        if named.is_empty() {
            let mut rest = rest;
            let half = rest.split_off(rest.len() / 2);
            waiting.extend([rest, half]);
        } else {
            settle(named, &outcome(&error));
            if !rest.is_empty() {
                waiting.push(rest);
            }
        }
    }
    results
}

/// Whether EC2 refused the call for what some of its instances are, and would take it without them.
///
/// See [Error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
fn is_about_instances(error: &AwsError) -> bool {
    error.code().is_some_and(|code| {
        code.starts_with("InvalidInstanceID")
            || matches!(
                code,
                "IncorrectInstanceState"
                    | "IncorrectState"
                    | "InvalidID"
                    | "OperationNotPermitted"
                    | "TagLimitExceeded"
                    | "UnsupportedOperation"
            )
    })
}

fn outcome(error: &AwsError) -> Outcome {
    match error.code() {
        Some("OperationNotPermitted") => Outcome::Refused(Reason::Protected),
        Some("InvalidInstanceID.NotFound") => Outcome::Refused(Reason::Vanished),
        _ if is_unclear(error) => Outcome::Unclear(error.into()),
        _ => Outcome::Failed(StepFailure::from(error)),
    }
}

/// Whether the call, or an earlier try of it whose answer was lost, may have been carried out: the SDK tries again
/// after these, and gives the last of the errors.
///
/// See [Error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
fn is_unclear(error: &AwsError) -> bool {
    error.code().is_none_or(|code| {
        matches!(
            code,
            "EC2ThrottledException"
                | "InternalError"
                | "InternalFailure"
                | "RequestLimitExceeded"
                | "ServiceUnavailable"
                | "Throttling"
                | "Unavailable"
        )
    })
}

/// Whether `message` names exactly `id`, not one that only begins with it.
fn names(message: &str, id: &str) -> bool {
    message
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .any(|word| word == id)
}

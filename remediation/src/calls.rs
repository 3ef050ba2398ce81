//! The EC2 calls that change something.
//!
//! One call serves many instances, and EC2 refuses the whole call if one instance is unknown, protected or denied.
//! `split` sets that instance aside, so that the call succeeds for the others. `tag_calls` does the same for tag keys.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{AttributeBooleanValue, InstanceAttributeName};
use futures_util::{StreamExt, TryStreamExt, stream};
use tagwarden_aws::{AwsError, Ec2};

use crate::error_code::ErrorKind;
use crate::plan::{Act, Outcome, Reason, RemedyName, StepFailure};

/// The most instances that CreateTags, DeleteTags, StopInstances and TerminateInstances take in one call.
pub(crate) const CALL_LIMIT: usize = 1_000;

/// The most `DescribeInstanceAttribute` calls in flight at a time.
const AT_ONCE: usize = 8;

/// Stops every one of `ids` in one call: one attempt, at most 1,000 instances.
///
/// See [StopInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html).
///
/// # Errors
/// EC2 refused the call, or did not answer.
pub(crate) async fn stop(ec2: &Ec2, ids: &[String]) -> Result<(), AwsError> {
    let request = ec2.to_stop().await.stop_instances();
    match request.set_instance_ids(Some(ids.to_vec())).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(AwsError::new("ec2:StopInstances", &error)),
    }
}

/// Terminates every one of `ids` in one call: one attempt, at most 1,000 instances.
///
/// See [TerminateInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html).
///
/// # Errors
/// EC2 refused the call, or did not answer. It may have terminated some of the instances all the same: those in other
/// Availability Zones than a protected one.
pub(crate) async fn terminate(ec2: &Ec2, ids: &[String]) -> Result<(), AwsError> {
    let request = ec2.to_terminate().await.terminate_instances();
    match request.set_instance_ids(Some(ids.to_vec())).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(AwsError::new("ec2:TerminateInstances", &error)),
    }
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

/// What becomes of the instances of a call that EC2 refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SetAside {
    /// They spoiled the call, or it fails whatever its instances are.
    pub(crate) settled: Vec<String>,
    /// They are to be tried again, each batch in a call of its own.
    pub(crate) rest: Vec<Vec<String>>,
}

/// Sets aside the instances of `batch` that spoiled a call: those that the error names. Where it names none, halving
/// the batch finds them.
pub(crate) fn split(mut batch: Vec<String>, error: &AwsError) -> SetAside {
    let kind = ErrorKind::of(error.code());
    let (settled, mut rest): (Vec<_>, Vec<_>) =
        batch.drain(..).partition(|id| names(error.message(), id));
    let is_about_one = match kind {
        ErrorKind::Instance | ErrorKind::TagLimit => true,
        ErrorKind::Denied | ErrorKind::Permanent => !settled.is_empty(),
        ErrorKind::Passing | ErrorKind::Unclear => false,
    };
    let is_single = settled.len() + rest.len() == 1;
    if !is_about_one || is_single {
        rest.extend(settled);
        return SetAside {
            settled: rest,
            rest: Vec::new(),
        };
    }
    if settled.is_empty() {
        let half = rest.split_off(rest.len() / 2);
        let rest = vec![half, rest];
        return SetAside { settled, rest };
    }
    let rest = if rest.is_empty() {
        Vec::new()
    } else {
        vec![rest]
    };
    SetAside { settled, rest }
}

/// Calls `call` for all of `ids`, in as few calls as it takes, and sets aside the instances that spoil a call. All
/// calls must be idempotent.
pub(crate) async fn set_aside<F>(ids: Vec<String>, call: F) -> Vec<(String, Outcome)>
where
    F: AsyncFn(&[String]) -> Result<(), AwsError>,
{
    let mut results = Vec::with_capacity(ids.len());
    let mut settle = |ids: Vec<String>, outcome: &Outcome| {
        results.extend(ids.into_iter().map(|id| (id, outcome.clone())));
    };
    let mut waiting: Vec<Vec<String>> = ids.chunks(CALL_LIMIT).map(<[String]>::to_vec).collect();
    while let Some(batch) = waiting.pop() {
        let Err(error) = call(&batch).await else {
            settle(batch, &Outcome::Done);
            continue;
        };
        let aside = split(batch, &error);
        settle(aside.settled, &outcome(&error));
        waiting.extend(aside.rest);
    }
    results
}

/// What became of a tag whose call the SDK retried and gave up with `error`. Throttling is unclear, because an earlier
/// attempt, whose answer was lost, may have been carried out.
pub(crate) fn outcome(error: &AwsError) -> Outcome {
    match error.code() {
        Some("OperationNotPermitted") => Outcome::Refused(Reason::Protected),
        Some("InvalidInstanceID.NotFound") => Outcome::Refused(Reason::Vanished),
        code if ErrorKind::of(code).may_pass() => Outcome::Unclear(error.into()),
        _ => Outcome::Failed(StepFailure::from(error)),
    }
}

/// What became of the shutdown of `id`, whose only attempt ended with `error`.
pub(crate) fn shutdown_outcome(error: &AwsError, id: &str) -> Outcome {
    let refused = || {
        Outcome::Refused(Reason::RefusedByEc2 {
            code: error.code().unwrap_or_default().to_owned(),
            why: error.to_string(),
        })
    };
    match (ErrorKind::of(error.code()), error.code()) {
        (_, Some("OperationNotPermitted")) => Outcome::Refused(Reason::Protected),
        (_, Some("InvalidInstanceID.NotFound")) => Outcome::Refused(Reason::Vanished),
        (ErrorKind::Unclear, _) => Outcome::Unclear(error.into()),
        (ErrorKind::Instance, _) => refused(),
        (ErrorKind::Denied | ErrorKind::Permanent, _) if names(error.message(), id) => refused(),
        _ => Outcome::Failed(StepFailure::from(error)),
    }
}

/// Whether `message` names exactly `id`, not one that only begins with it.
pub(crate) fn names(message: &str, id: &str) -> bool {
    message
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .any(|word| word == id)
}

#[cfg(test)]
mod tests;

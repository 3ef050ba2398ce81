//! The calls that change something.
//!
//! One call serves many instances, and EC2 refuses the whole call for one instance that is unknown or protected.
//! Here such a one is set aside and the others are done: `set_aside`.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Tag;
use tagwarden::aws::AwsError;

use crate::plan::Reason;

/// The most instances that CreateTags, DeleteTags, StopInstances and TerminateInstances take in one call.
const CALL_LIMIT: usize = 1_000;

/// What became of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// Done.
    Done,
    /// EC2 refuses it for this instance: protected or vanished.
    Refused(Reason),
    /// The call failed.
    Failed(String),
}

/// Writes `tags` to every one of `ids`. A tag that is there already is overwritten: be sure it is empty.
///
/// See [CreateTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html).
pub async fn create_tags(
    client: &Client,
    ids: Vec<String>,
    tags: &BTreeMap<String, String>,
) -> Vec<(String, Acted)> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    set_aside(ids, async |ids: &[String]| {
        let request = client.create_tags().set_tags(Some(tags.clone()));
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
pub async fn stop(client: &Client, ids: Vec<String>) -> Vec<(String, Acted)> {
    set_aside(ids, async |ids: &[String]| {
        let request = client.stop_instances();
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
pub async fn terminate(client: &Client, ids: Vec<String>) -> Vec<(String, Acted)> {
    set_aside(ids, async |ids: &[String]| {
        let request = client.terminate_instances();
        match request.set_instance_ids(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:TerminateInstances", &error)),
        }
    })
    .await
}

/// Calls `call` for all of `ids`, in as few calls as it takes. Where one instance spoils a call, the error names
/// it, or halving finds it; the rest are tried again without it. All calls must be idempotent.
pub(crate) async fn set_aside<F>(ids: Vec<String>, call: F) -> Vec<(String, Acted)>
where
    F: AsyncFn(&[String]) -> Result<(), AwsError>,
{
    let mut results = Vec::with_capacity(ids.len());
    let mut settle = |ids: Vec<String>, acted: &Acted| {
        results.extend(ids.into_iter().map(|id| (id, acted.clone())));
    };
    let mut waiting: Vec<Vec<String>> = ids.chunks(CALL_LIMIT).map(<[String]>::to_vec).collect();
    while let Some(mut batch) = waiting.pop() {
        let Err(error) = call(&batch).await else {
            settle(batch, &Acted::Done);
            continue;
        };
        if batch.len() == 1 || !is_about_instances(&error) {
            settle(batch, &acted(&error));
            continue;
        }
        let (named, rest): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|id| names(error.message(), id));
        if named.is_empty() {
            let mut rest = rest;
            let half = rest.split_off(rest.len() / 2);
            waiting.extend([rest, half]);
        } else {
            settle(named, &acted(&error));
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

fn acted(error: &AwsError) -> Acted {
    match error.code() {
        Some("OperationNotPermitted") => Acted::Refused(Reason::Protected),
        Some("InvalidInstanceID.NotFound") => Acted::Refused(Reason::Vanished),
        _ => Acted::Failed(error.to_string()),
    }
}

/// Whether `message` names exactly `id`, not one that only begins with it.
fn names(message: &str, id: &str) -> bool {
    message
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .any(|word| word == id)
}

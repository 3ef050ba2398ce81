//! The calls that take tags back, and what they say.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Tag;
use tagwarden_aws::{AwsError, Ec2};

use super::{KeepReason, UndoOutcome, UndoStep};
use crate::calls;
use crate::plan::{Outcome, Reason};
use crate::tag_batches::{Tags, group_by_tags};

/// The tags to take back: each set is one call.
pub(super) fn sets<'a>(
    steps: impl IntoIterator<Item = &'a UndoStep>,
) -> BTreeMap<Tags, Vec<String>> {
    group_by_tags(steps.into_iter().map(|step| {
        let written = &step.written;
        let id = written.instance_id.as_str();
        (id, written.tag_key.as_str(), written.value.as_str())
    }))
}

/// Takes `tags` away from every one of `ids`, each only where it still has exactly this value: EC2 itself compares, so
/// a value that somebody sets at this very moment stays. That it stayed is no error.
///
/// See [DeleteTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html).
pub(super) async fn delete_tags(
    ec2: &Ec2,
    ids: Vec<String>,
    tags: &Tags,
) -> Vec<(String, Outcome)> {
    let tags: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    calls::set_aside(ids, async |ids: &[String]| {
        let request = ec2.to_delete_tags().await.delete_tags();
        let request = request.set_tags(Some(tags.clone()));
        match request.set_resources(Some(ids.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:DeleteTags", &error)),
        }
    })
    .await
}

/// What a call says of one tag.
pub(super) enum Taken {
    Settled(UndoOutcome),
    /// It may have been carried out: the act stays begun, and the next run of the remediation looks.
    Unclear(String),
}

pub(super) fn taken(outcome: &Outcome) -> Taken {
    Taken::Settled(match outcome {
        Outcome::Done => UndoOutcome::Done,
        Outcome::Refused(Reason::Vanished) => UndoOutcome::Spared(KeepReason::InstanceGone),
        Outcome::Refused(reason) | Outcome::Deferred(reason) => {
            UndoOutcome::Failed(reason.to_string())
        }
        Outcome::Failed(failure) => UndoOutcome::Failed(failure.text.clone()),
        Outcome::Unclear(failure) => return Taken::Unclear(failure.text.clone()),
        Outcome::WouldDo => return Taken::Unclear("nothing is known of it".to_owned()),
    })
}

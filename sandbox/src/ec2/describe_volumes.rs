//! `DescribeVolumes`.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::describe::place;
use super::filter::{Values, invalid, named_values};
use super::volume::{AttachmentRecord, VolumeRecord};
use super::{Ec2Service, check_count, check_dry_run, is_well_formed};
use crate::account::Contents;
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, Xml, iso_millis};

/// What the page tokens of this listing are sealed for.
const LISTING: &str = "DescribeVolumes";

/// "This value can be between 5 and 1,000; if the value is larger than 1,000, only 1,000 results are returned."
const LARGEST_PAGE: usize = 1000;

/// The names and the values of a request's filters.
type Filters<'a> = [(&'a str, Values<'a>)];

impl Contents {
    /// Volumes in the order of their ids. Without `MaxResults` all of them, see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html>.
    pub(crate) fn describe_volumes(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["VolumeId", "Filter", "MaxResults", "NextToken", "DryRun"])?;
        let ids = request.list("VolumeId");
        let filters = named_values(request)?;
        for (name, _) in &filters {
            check_filter(name)?;
        }
        let size = page_size(request)?;
        let after = place(LISTING, request)?;
        if !ids.is_empty() {
            if size.is_some() || after.is_some() {
                let message = "The parameter volumes cannot be used with the parameter maxResults";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
            check_ids(&self.ec2, &ids, context)?;
        }
        check_dry_run(request)?;

        let named: BTreeSet<&str> = ids.into_iter().collect();
        let passes = |volume: &VolumeRecord| {
            let is_named = named.is_empty() || named.contains(volume.id.as_str());
            is_named && passes_all(volume, &filters)
        };
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let volumes = self.ec2.volumes.range::<str, _>((start, Bound::Unbounded));
        let mut volumes = volumes
            .filter_map(|(_, volume)| self.ec2.volume_at(volume, context.now))
            .filter(passes);
        let page: Vec<VolumeRecord> = volumes.by_ref().take(size.unwrap_or(usize::MAX)).collect();
        let next = match (page.last(), volumes.next()) {
            (Some(last), Some(_)) => Some(last.id.clone()),
            _ => None,
        };
        let mut xml = Xml::default();
        xml.items("volumeSet", &page, write);
        if let Some(next) = next {
            xml.text("nextToken", page::seal(LISTING, &next));
        }
        Ok(Answer::Xml(xml))
    }
}

/// Checks the ids of a call that names volumes: well-formed, not too many, all there. One wrong id refuses the whole
/// call.
fn check_ids(ec2: &Ec2Service, ids: &[&str], context: &Context) -> Result<(), ApiError> {
    check_count(ids)?;
    for id in ids {
        if !is_well_formed("vol-", id) {
            let message = format!("Invalid id: \"{id}\" (expecting \"vol-...\")");
            return Err(ApiError::new("InvalidVolumeID.Malformed", message));
        }
    }
    ec2.check_exist(ids, context.now)
}

fn page_size(request: &Request) -> Result<Option<usize>, ApiError> {
    let Some(text) = request.text("MaxResults") else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(number) if number >= 5 => {
            let size = usize::try_from(number).unwrap_or(LARGEST_PAGE);
            Ok(Some(size.min(LARGEST_PAGE)))
        }
        _ => {
            let message = format!(
                "Value ( {text} ) for parameter maxResults is invalid. Expecting a value greater than 5."
            );
            Err(ApiError::new("InvalidParameterValue", message))
        }
    }
}

/// The filters the sandbox knows. EC2 knows more; they are refused as unknown ones are.
fn check_filter(name: &str) -> Result<(), ApiError> {
    match name {
        "attachment.instance-id"
        | "attachment.status"
        | "availability-zone"
        | "multi-attach-enabled"
        | "size"
        | "status"
        | "tag-key"
        | "volume-id"
        | "volume-type" => Ok(()),
        _ if name.starts_with("tag:") => Ok(()),
        _ => Err(invalid(name)),
    }
}

fn passes_all(volume: &VolumeRecord, filters: &Filters<'_>) -> bool {
    filters.iter().all(|(name, values)| {
        let one_of = |text: &str| values.fit(text);
        let mut attachments = volume.attachments.iter();
        match *name {
            "attachment.instance-id" => attachments.any(|at| one_of(&at.instance_id)),
            "attachment.status" => attachments.any(|_| one_of("attached")),
            "availability-zone" => one_of(&volume.availability_zone),
            "multi-attach-enabled" => one_of(&volume.multi_attach.to_string()),
            "size" => one_of(&volume.size.to_string()),
            "status" => one_of(&volume.state),
            "tag-key" => volume.tags.keys().any(|key| one_of(key)),
            "volume-id" => one_of(&volume.id),
            "volume-type" => one_of(&volume.volume_type),
            other => other
                .strip_prefix("tag:")
                .and_then(|key| volume.tags.get(key))
                .is_some_and(|value| one_of(value)),
        }
    })
}

fn write(xml: &mut Xml, volume: &VolumeRecord) {
    xml.text("volumeId", &volume.id);
    xml.value("size", volume.size);
    xml.text("snapshotId", "");
    xml.text("availabilityZone", &volume.availability_zone);
    xml.text("status", &volume.state);
    xml.text("createTime", iso_millis(volume.create_time));
    xml.items("attachmentSet", &volume.attachments, |xml, attachment| {
        attached(xml, &volume.id, attachment);
    });
    // EC2 leaves out the set of a volume without tags.
    if !volume.tags.is_empty() {
        xml.items("tagSet", &volume.tags, |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    }
    xml.text("volumeType", &volume.volume_type);
    xml.value("encrypted", false);
    xml.value("multiAttachEnabled", volume.multi_attach);
    xml.element("operator", |xml| {
        xml.value("managed", volume.operator.is_some());
        if let Some(principal) = &volume.operator {
            xml.text("principal", principal);
        }
    });
}

fn attached(xml: &mut Xml, volume_id: &str, attachment: &AttachmentRecord) {
    xml.text("volumeId", volume_id);
    xml.text("instanceId", &attachment.instance_id);
    xml.text("device", &attachment.device);
    xml.text("status", "attached");
    xml.text("attachTime", iso_millis(attachment.attach_time));
    xml.value("deleteOnTermination", attachment.delete_on_termination);
}

//! Reads volumes with DescribeVolumes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use tagwarden_core::{Resource, Scope};

use crate::from_ec2::volume_from_ec2;
use crate::instances;
use crate::paging::{PAGE, Position, filter, read_by_ids};
use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeVolumes";

/// The states of volumes that are not gone.
///
/// See [Volume](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html).
const LIVING: [&str; 4] = ["creating", "available", "in-use", "error"];

/// Reads volumes page by page, so that memory does not grow with their number.
///
/// A volume is not in a VPC: [`place`] gives a volume that of its instance.
#[derive(Debug)]
pub struct VolumePages<'a> {
    ec2: &'a Ec2,
    filter: Filter,
    position: Position,
}

impl<'a> VolumePages<'a> {
    /// The volumes of the account and Region that are not gone, at most 1,000 a page.
    ///
    /// EC2 has no filter for what decides whether a volume is in scope, which is the VPC of its instance.
    #[must_use]
    pub fn living(ec2: &'a Ec2) -> Self {
        Self::new(ec2, filter("status", LIVING))
    }

    fn new(ec2: &'a Ec2, filter: Filter) -> Self {
        Self {
            ec2,
            filter,
            position: Position::First,
        }
    }

    /// Whether there is another page.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.position.has_next()
    }

    /// Reads the next page. Gives `None` after the last page or an error. A page can be empty.
    ///
    /// # Errors
    /// The call failed.
    pub async fn next(&mut self) -> Option<Result<Vec<Resource>, AwsError>> {
        if !self.has_next() {
            return None;
        }
        let token = self.position.take_token();
        let client = self.ec2.to_describe_volumes().await;
        let answer = client
            .describe_volumes()
            .filters(self.filter.clone())
            .max_results(PAGE)
            .set_next_token(token)
            .send()
            .await;
        Some(match answer {
            Ok(output) => {
                self.position.go_on(output.next_token());
                Ok(output
                    .volumes()
                    .iter()
                    .filter_map(volume_from_ec2)
                    .collect())
            }
            Err(error) => Err(AwsError::new(CALL, &error)),
        })
    }
}

/// Reads those of `ids` that exist, in any state and in no particular order.
///
/// The ids are a filter, because one unknown id in the parameter `VolumeIds` fails the whole call
/// (`InvalidVolume.NotFound`).
///
/// # Errors
/// A call failed.
pub async fn describe(ec2: &Ec2, ids: &[String]) -> Result<Vec<Resource>, AwsError> {
    read_by_ids(ids, "volume-id", |filter| async move {
        let mut pages = VolumePages::new(ec2, filter);
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page?);
        }
        Ok(found)
    })
    .await
}

/// Gives each of `resources` that is attached the VPC of its instance. Of several instances it is one in `scope`, if any
/// is.
///
/// Makes no call where nothing is attached.
///
/// # Errors
/// A call of DescribeInstances failed.
pub async fn place(ec2: &Ec2, scope: &Scope, resources: &mut [Resource]) -> Result<(), AwsError> {
    let attached = resources.iter().flat_map(|it| &it.attached_to);
    let ids: BTreeSet<&String> = attached.collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let instances = instances::describe(ec2, &ids).await?;
    let instances: BTreeMap<&str, &Resource> =
        instances.iter().map(|it| (it.id.as_str(), it)).collect();
    for resource in resources {
        let attached_to = resource.attached_to.iter();
        let found: Vec<&Resource> = attached_to
            .filter_map(|id| instances.get(id.as_str()).copied())
            .collect();
        let in_scope = found.iter().find(|instance| scope.covers(instance));
        if let Some(instance) = in_scope.or(found.first()) {
            resource.vpc_id.clone_from(&instance.vpc_id);
        }
    }
    Ok(())
}

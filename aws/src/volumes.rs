//! Reads volumes with DescribeVolumes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;
use futures_util::{StreamExt, TryStreamExt, stream};
use tagwarden_core::{Resource, Scope};

use crate::from_ec2::volume_from_ec2;
use crate::instances;
use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeVolumes";

/// The most volumes that EC2 gives in one response.
const PAGE: i32 = 1_000;

/// The most values that EC2 takes in one filter.
///
/// See [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const FILTER_VALUES: usize = 200;

/// The states of volumes that are not gone.
///
/// See [Volume](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html).
const LIVING: [&str; 4] = ["creating", "available", "in-use", "error"];

/// The most requests for volumes by id in flight at a time.
const AT_ONCE: usize = 8;

/// Reads volumes page by page, so that memory does not grow with their number.
///
/// A volume is not in a VPC: [`place`] gives a volume that of its instance.
#[derive(Debug)]
pub struct VolumePages<'a> {
    ec2: &'a Ec2,
    filter: Filter,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Token(String),
    Nothing,
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
            next: Next::First,
        }
    }

    /// Whether there is another page.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !matches!(self.next, Next::Nothing)
    }

    /// Reads the next page. Gives `None` after the last page or an error. A page can be empty.
    ///
    /// # Errors
    /// The call failed.
    pub async fn next(&mut self) -> Option<Result<Vec<Resource>, AwsError>> {
        let token = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::First => None,
            Next::Token(token) => Some(token),
            Next::Nothing => return None,
        };
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
                let token = output.next_token().filter(|token| !token.is_empty());
                if let Some(token) = token {
                    self.next = Next::Token(token.to_owned());
                }
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
    let chunks: Vec<Filter> = ids
        .chunks(FILTER_VALUES)
        .map(|ids| filter("volume-id", ids))
        .collect();
    let chunks = stream::iter(chunks).map(|filter| async move {
        let mut pages = VolumePages::new(ec2, filter);
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page?);
        }
        Ok::<_, AwsError>(found)
    });
    let found: Vec<Vec<Resource>> = chunks.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.concat())
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

fn filter<I>(name: &str, values: I) -> Filter
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(Into::into).collect()))
        .build()
}

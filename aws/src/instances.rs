//! Reads instances with DescribeInstances.

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::Filter;
use futures_util::{StreamExt, TryStreamExt, stream};
use tagwarden_core::{Resource, Scope};

use crate::from_ec2::instance_from_ec2;
use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeInstances";

/// The most instances that EC2 gives in one response.
const PAGE: i32 = 1_000;

/// The most values that EC2 takes in one filter.
///
/// See [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const FILTER_VALUES: usize = 200;

/// The states of instances that are not gone. EC2 shows terminated instances for about an hour.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// The most requests for instances by id in flight at a time.
const AT_ONCE: usize = 8;

/// Reads instances page by page, so that memory does not grow with the fleet.
#[derive(Debug)]
pub struct InstancePages<'a> {
    ec2: &'a Ec2,
    filters: Vec<Filter>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Token(String),
    Nothing,
}

impl<'a> InstancePages<'a> {
    /// The instances in `scope` that are not gone, at most 1,000 a page. With more VPCs than a filter takes, also
    /// instances outside `scope`.
    #[must_use]
    pub fn in_scope(ec2: &'a Ec2, scope: &Scope) -> Self {
        let mut filters = vec![filter("instance-state-name", LIVING)];
        // With more VPCs than a filter takes, the assessment leaves out the instances that are out of scope.
        if (1..=FILTER_VALUES).contains(&scope.vpc_ids().len()) {
            filters.push(filter("vpc-id", scope.vpc_ids()));
        }
        Self::new(ec2, filters)
    }

    fn new(ec2: &'a Ec2, filters: Vec<Filter>) -> Self {
        Self {
            ec2,
            filters,
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
        let client = self.ec2.to_describe().await;
        let answer = client
            .describe_instances()
            .set_filters(Some(self.filters.clone()))
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
                Ok(instances(&output))
            }
            Err(error) => Err(AwsError::new(CALL, &error)),
        })
    }
}

/// The fewest requests that [`describe`] makes for this number of ids.
#[must_use]
pub fn requests_for(ids: usize) -> usize {
    ids.div_ceil(FILTER_VALUES)
}

/// Reads those of `ids` that exist, in any state and in no particular order.
///
/// The ids are a filter, because one unknown id in the parameter `InstanceIds` fails the whole call.
///
/// # Errors
/// A call failed.
pub async fn describe(ec2: &Ec2, ids: &[String]) -> Result<Vec<Resource>, AwsError> {
    let chunks: Vec<Filter> = ids
        .chunks(FILTER_VALUES)
        .map(|ids| filter("instance-id", ids))
        .collect();
    let chunks = stream::iter(chunks).map(|filter| async move {
        let mut pages = InstancePages::new(ec2, vec![filter]);
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page?);
        }
        Ok::<_, AwsError>(found)
    });
    let found: Vec<Vec<Resource>> = chunks.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.concat())
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

fn instances(output: &DescribeInstancesOutput) -> Vec<Resource> {
    let mut instances = Vec::new();
    for reservation in output.reservations() {
        let owner_id = reservation.owner_id();
        let described = reservation.instances().iter();
        instances.extend(described.filter_map(|it| instance_from_ec2(it, owner_id)));
    }
    instances
}

//! Reads instances with DescribeInstances.

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::Filter;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::from_ec2::instance_from_ec2;
use crate::{AwsError, Ec2};
use tagwarden_core::{Instance, Scope};

const CALL: &str = "ec2:DescribeInstances";

/// The most instances that EC2 gives in one answer.
const PAGE: i32 = 1_000;

/// The most values that EC2 takes in one filter.
///
/// See [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const FILTER_VALUES: usize = 200;

/// Every state but those of an instance that is gone; terminated ones stay visible for an hour.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// So many requests for instances by their ids are under way at once.
const AT_ONCE: usize = 8;

/// The instances of a scope, a page at a time, so that memory does not grow with the fleet.
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
    /// Every living instance in `scope`, at most 1,000 a page.
    #[must_use]
    pub fn in_scope(ec2: &'a Ec2, scope: &Scope) -> Self {
        let mut filters = vec![filter("instance-state-name", LIVING)];
        // More VPCs than a filter takes are sorted out by the assessment.
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

    /// The next page; `None` after the last, and after an error. A page can be empty.
    ///
    /// # Errors
    /// EC2 did not give the page.
    pub async fn next(&mut self) -> Option<Result<Vec<Instance>, AwsError>> {
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

/// How many requests [`describe`] makes at the least for so many ids.
#[must_use]
pub fn requests_for(ids: usize) -> usize {
    ids.div_ceil(FILTER_VALUES)
}

/// Those of `ids` that exist, in any state and in no particular order.
///
/// Asks by filter: named as ids, one that is unknown would fail the whole call.
///
/// # Errors
/// EC2 did not answer.
pub async fn describe(ec2: &Ec2, ids: &[String]) -> Result<Vec<Instance>, AwsError> {
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
    let found: Vec<Vec<Instance>> = chunks.buffer_unordered(AT_ONCE).try_collect().await?;
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

fn instances(output: &DescribeInstancesOutput) -> Vec<Instance> {
    output
        .reservations()
        .iter()
        .flat_map(aws_sdk_ec2::types::Reservation::instances)
        .filter_map(instance_from_ec2)
        .collect()
}

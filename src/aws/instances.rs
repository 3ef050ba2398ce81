//! Reads instances with DescribeInstances.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesError, DescribeInstancesOutput};
use aws_sdk_ec2::types::Filter;
use aws_smithy_async::future::pagination_stream::PaginationStream;

use super::AwsError;
use crate::{Instance, Scope};

type SdkError = aws_sdk_ec2::error::SdkError<DescribeInstancesError>;

const CALL: &str = "ec2:DescribeInstances";

/// The most instances that EC2 gives in one answer.
const PAGE: i32 = 1_000;

/// The most values that EC2 takes in one filter.
///
/// See [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const FILTER_VALUES: usize = 200;

/// Every state but those of an instance that is gone; terminated ones stay visible for an hour.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// The instances of a scope, a page at a time, so that memory does not grow with the fleet.
///
/// Instances that an AWS service manages are among them only in an account that shows these: see
/// [managed resource visibility](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html#managed-resource-visibility-settings).
#[derive(Debug)]
pub struct InstancePages {
    pages: PaginationStream<Result<DescribeInstancesOutput, SdkError>>,
}

impl InstancePages {
    /// Every living instance in `scope`, at most 1,000 a page.
    #[must_use]
    pub fn in_scope(client: &Client, scope: &Scope) -> Self {
        let mut request = client
            .describe_instances()
            .filters(filter("instance-state-name", LIVING));
        // More VPCs than a filter takes are sorted out by the assessment.
        if (1..=FILTER_VALUES).contains(&scope.vpc_ids().len()) {
            request = request.filters(filter("vpc-id", scope.vpc_ids()));
        }
        Self {
            pages: request.into_paginator().page_size(PAGE).send(),
        }
    }

    /// The next page; `None` after the last. A page can be empty.
    ///
    /// # Errors
    /// EC2 did not give the page.
    pub async fn next(&mut self) -> Option<Result<Vec<Instance>, AwsError>> {
        let page = self.pages.next().await?;
        Some(match page {
            Ok(output) => Ok(instances(&output)),
            Err(error) => Err(AwsError::new(CALL, &error)),
        })
    }
}

/// Those of `ids` that exist, in any state and in no particular order.
///
/// Asks by filter: named as ids, one that is unknown would fail the whole call.
///
/// # Errors
/// EC2 did not answer.
pub async fn describe(client: &Client, ids: &[String]) -> Result<Vec<Instance>, AwsError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(FILTER_VALUES) {
        let mut pages = InstancePages {
            pages: client
                .describe_instances()
                .filters(filter("instance-id", ids))
                .into_paginator()
                .page_size(PAGE)
                .send(),
        };
        while let Some(page) = pages.next().await {
            found.extend(page?);
        }
    }
    Ok(found)
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
        .filter_map(Instance::from_ec2)
        .collect()
}

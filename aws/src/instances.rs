//! Reads instances with DescribeInstances.

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::Filter;
use tagwarden_core::{Resource, Scope};

use crate::from_ec2::instance_from_ec2;
use crate::paging::{FILTER_VALUES, PAGE, Position, filter, read_by_ids};
use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeInstances";

/// The states of instances that are not gone. EC2 shows terminated instances for about an hour.
const LIVING: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// Reads instances page by page, so that memory does not grow with the fleet.
#[derive(Debug)]
pub struct InstancePages<'a> {
    ec2: &'a Ec2,
    filters: Vec<Filter>,
    position: Position,
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
                self.position.go_on(output.next_token());
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
    read_by_ids(ids, "instance-id", |filter| async move {
        let mut pages = InstancePages::new(ec2, vec![filter]);
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            found.extend(page?);
        }
        Ok(found)
    })
    .await
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

//! Reads the VPC of a subnet with `DescribeSubnets`.

use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeSubnets";

/// The VPC of the subnet `id`.
///
/// See [`DescribeSubnets`](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html).
///
/// # Errors
/// The call failed, also because there is no such subnet.
pub async fn vpc_of(ec2: &Ec2, id: &str) -> Result<String, AwsError> {
    let client = ec2.to_describe_subnets().await;
    let output = client.describe_subnets().subnet_ids(id).send().await;
    let output = output.map_err(|error| AwsError::new(CALL, &error))?;
    let subnet = output.subnets().first();
    let vpc = subnet.and_then(|subnet| subnet.vpc_id());
    let vpc = vpc.map(ToOwned::to_owned);
    vpc.ok_or_else(|| AwsError::unexpected(CALL, format!("the subnet {id} has no VPC")))
}

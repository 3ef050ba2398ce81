//! Reads the types of Spot requests with DescribeSpotInstanceRequests.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, SpotInstanceType};

use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeSpotInstanceRequests";

/// The most requests that one call asks about.
pub const REQUESTS_PER_CALL: usize = 100;

/// Those of the Spot requests `ids`, at most [`REQUESTS_PER_CALL`], that are one-time requests. A one-time request launches no
/// other instance when its instance ends, and a persistent one does.
///
/// The ids are a filter, because one unknown id in the parameter `SpotInstanceRequestIds` fails the whole call. A request that
/// EC2 does not show is not in the answer. See
/// [DescribeSpotInstanceRequests](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotInstanceRequests.html).
///
/// # Errors
/// A call failed.
pub async fn one_time(ec2: &Ec2, ids: &[String]) -> Result<BTreeSet<String>, AwsError> {
    let filter = Filter::builder()
        .name("spot-instance-request-id")
        .set_values(Some(ids.to_vec()))
        .build();
    let mut found = BTreeSet::new();
    let mut token = None;
    loop {
        let client = ec2.to_describe_spot_requests().await;
        let output = client
            .describe_spot_instance_requests()
            .filters(filter.clone())
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::new(CALL, &error))?;
        let requests = output.spot_instance_requests().iter();
        let one_time = requests.filter(|it| it.r#type() == Some(&SpotInstanceType::OneTime));
        let ids = one_time.filter_map(|it| it.spot_instance_request_id());
        found.extend(ids.map(ToOwned::to_owned));
        token = output
            .next_token()
            .filter(|token| !token.is_empty())
            .map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}

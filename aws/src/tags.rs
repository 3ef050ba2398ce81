//! Reads tags with DescribeTags, the second source beside DescribeInstances.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeTags";

/// The most values that EC2 takes in one filter.
///
/// See [Filter](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
const FILTER_VALUES: usize = 200;

/// The most tags of one response.
const PAGE: i32 = 1_000;

/// The tags of those of `ids` that have any, by id. DescribeInstances sometimes leaves tags out without an error, so
/// no tag is believed to be missing that DescribeTags shows.
///
/// Takes one call for 200 ids and 1,000 tags. See
/// [DescribeTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html).
///
/// # Errors
/// A call failed.
pub async fn describe(
    ec2: &Ec2,
    ids: &[String],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, AwsError> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let filter = Filter::builder()
            .name("resource-id")
            .set_values(Some(ids.to_vec()))
            .build();
        let mut token = None;
        loop {
            let client = ec2.to_describe().await;
            let output = client
                .describe_tags()
                .filters(filter.clone())
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsError::new(CALL, &error))?;
            for tag in output.tags() {
                let (Some(id), Some(key)) = (tag.resource_id(), tag.key()) else {
                    continue;
                };
                let tags = found.entry(id.to_owned()).or_default();
                tags.insert(key.to_owned(), tag.value().unwrap_or_default().to_owned());
            }
            token = output
                .next_token()
                .filter(|token| !token.is_empty())
                .map(ToOwned::to_owned);
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

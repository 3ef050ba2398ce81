//! Reads tags with DescribeTags, the second source beside DescribeInstances.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use crate::paging::{FILTER_VALUES, PAGE, filter};
use crate::{AwsError, Ec2};

const CALL: &str = "ec2:DescribeTags";

/// The most keys of one call, so that its response has one page: each of [`FILTER_VALUES`] resources has at most so many of
/// the tags.
const KEYS_OF_A_PAGE: usize = 5;

/// Tags by key, by the id of their resource.
pub type FoundTags = BTreeMap<String, BTreeMap<String, String>>;

/// The tags of those of `ids` that have any, by id. DescribeInstances sometimes leaves tags out without an error, so
/// no tag is believed to be missing that DescribeTags shows.
///
/// Takes one call for 200 ids and 1,000 tags. See
/// [DescribeTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html).
///
/// # Errors
/// A call failed.
pub async fn describe(ec2: &Ec2, ids: &[String]) -> Result<FoundTags, AwsError> {
    let mut found = FoundTags::new();
    for ids in ids.chunks(FILTER_VALUES) {
        read(ec2, vec![filter("resource-id", ids)], &mut found).await?;
    }
    Ok(found)
}

/// Those of the tags `keys` that the resources `ids` have, by id. A resource of another account shows none.
///
/// Takes one call for 195 ids and 5 keys: EC2 takes 200 values in the filters of a call, and such a call has one page.
///
/// # Errors
/// A call failed.
pub async fn describe_keys(
    ec2: &Ec2,
    ids: &[String],
    keys: &[String],
) -> Result<FoundTags, AwsError> {
    let mut found = FoundTags::new();
    for keys in keys.chunks(KEYS_OF_A_PAGE) {
        // The keys are filter values as well.
        for ids in ids.chunks(FILTER_VALUES - KEYS_OF_A_PAGE) {
            let filters = vec![filter("resource-id", ids), filter("key", keys)];
            read(ec2, filters, &mut found).await?;
        }
    }
    Ok(found)
}

/// Reads all pages of the tags that pass `filters`.
async fn read(ec2: &Ec2, filters: Vec<Filter>, found: &mut FoundTags) -> Result<(), AwsError> {
    let mut token = None;
    loop {
        let client = ec2.to_describe().await;
        let output = client
            .describe_tags()
            .set_filters(Some(filters.clone()))
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
            return Ok(());
        }
    }
}

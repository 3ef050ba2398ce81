//! What the readers of EC2's lists share: filters, and where in a list a reader is.

use std::future::Future;

use aws_sdk_ec2::types::Filter;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::AwsError;

/// The most resources or tags that EC2 gives in one response.
pub(crate) const PAGE: i32 = 1_000;

/// The most values that EC2 takes in all filters of one call.
///
/// See [Considerations](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
pub(crate) const FILTER_VALUES: usize = 200;

/// The most requests for resources by id in flight at a time.
const AT_ONCE: usize = 8;

/// Where in a list a reader is.
#[derive(Debug)]
pub(crate) enum Position {
    /// Before the first page.
    First,
    /// Before the page with this token.
    Token(String),
    /// After the last page, or an error.
    End,
}

impl Position {
    /// Whether there is another page.
    pub(crate) fn has_next(&self) -> bool {
        !matches!(self, Self::End)
    }

    /// The token of the next page; the first has none. Until [`Self::go_on`], this is the end.
    pub(crate) fn take_token(&mut self) -> Option<String> {
        match std::mem::replace(self, Self::End) {
            Self::Token(token) => Some(token),
            Self::First | Self::End => None,
        }
    }

    /// Goes on behind a page that has this token, if it has one.
    pub(crate) fn go_on(&mut self, token: Option<&str>) {
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            *self = Self::Token(token.to_owned());
        }
    }
}

/// Reads resources by `ids`, which are the values of the filter `name`, with one `read` for as many as a filter takes.
///
/// # Errors
/// A `read` failed.
pub(crate) async fn read_by_ids<R, F>(
    ids: &[String],
    name: &str,
    read: impl Fn(Filter) -> F,
) -> Result<Vec<R>, AwsError>
where
    F: Future<Output = Result<Vec<R>, AwsError>>,
{
    let filters: Vec<Filter> = ids
        .chunks(FILTER_VALUES)
        .map(|ids| filter(name, ids))
        .collect();
    let found = stream::iter(filters).map(read).buffer_unordered(AT_ONCE);
    let found: Vec<Vec<R>> = found.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// A filter of this name, with these values.
pub(crate) fn filter<I>(name: &str, values: I) -> Filter
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(Into::into).collect()))
        .build()
}

//! ARNs of what a setting or the policy names: they say in which Region and account it is.

/// The parts of an ARN with a Region and an account: `arn:aws:dynamodb:eu-west-1:111122223333:table/policy`.
///
/// See [Amazon Resource Names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The service, such as `dynamodb`.
    pub service: &'a str,
    /// The Region, which can be a part of host names.
    pub region: &'a str,
    /// The account: 12 digits.
    pub account: &'a str,
    /// What follows the account, such as `table/policy`. It is not empty.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; `None` if `text` is something else, or an ARN without Region or account.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (prefix, partition) = (next()?, next()?);
        let arn = Self {
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        };
        let is_arn = prefix == "arn"
            && partition.starts_with("aws")
            && [partition, arn.service, arn.region]
                .into_iter()
                .all(is_word)
            && arn.account.len() == 12
            && arn.account.bytes().all(|it| it.is_ascii_digit())
            && !arn.resource.is_empty();
        is_arn.then_some(arn)
    }

    /// Reads the ARN of a DynamoDB table; `None` if `text` is something else, also if it is the ARN of an index or stream.
    #[must_use]
    pub fn of_table(text: &'a str) -> Option<Self> {
        Self::parse(text).filter(|arn| arn.table_name().is_some())
    }

    /// The table's name, if this is the ARN of a table.
    #[must_use]
    pub fn table_name(&self) -> Option<&'a str> {
        let name = self.resource.strip_prefix("table/")?;
        let is_inner = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
        let is_name = (3..=255).contains(&name.len()) && name.bytes().all(is_inner);
        (self.service == "dynamodb" && is_name).then_some(name)
    }

    /// Reads the ARN of an SNS topic; `None` if `text` is something else.
    ///
    /// See [CreateTopic](https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html) for the characters of a name.
    #[must_use]
    pub fn of_topic(text: &'a str) -> Option<Self> {
        Self::parse(text).filter(|arn| {
            let name = arn.resource;
            let plain_name = name.strip_suffix(".fifo").unwrap_or(name);
            arn.service == "sns" && is_word(plain_name) && name.len() <= 256
        })
    }
}

/// Whether `text` can be a part of an ARN that becomes a part of host names.
fn is_word(text: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
    !text.is_empty() && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333:table/acme_cloud.policy-def")]
    #[case("arn:aws-cn:dynamodb:cn-north-1:111122223333:table/acme_cloud.policy-def")]
    #[case("arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/acme_cloud.policy-def")]
    fn reads_the_arn_of_a_table(#[case] text: &str) {
        let arn = Arn::of_table(text).unwrap();
        assert_eq!(arn.table_name(), Some("acme_cloud.policy-def"));
        assert_eq!(arn.account, "111122223333");
        assert_eq!(Some(arn.region), text.split(':').nth(3));
    }

    #[rstest]
    #[case("acme_cloud_policy_tagging_def")]
    #[case("table/policy")]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333:table/policy/index/by-key")]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333:table/policy/stream/2026-01-01T00:00:00.000")]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333:table/")]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333:policy")]
    #[case("arn:aws:dynamodb:eu-west-1:111122223333")]
    #[case("arn:aws:dynamodb::111122223333:table/policy")]
    #[case("arn:aws:dynamodb:evil.example/:111122223333:table/policy")]
    #[case("arn:aws:dynamodb:eu-west-1:11112222333:table/policy")]
    #[case("arn:aws:dynamodb:eu-west-1::table/policy")]
    #[case("arn:aws:sns:eu-west-1:111122223333:table/policy")]
    #[case("arn:aws:s3:::table/policy")]
    #[case("arn:dynamodb:eu-west-1:111122223333:table/policy")]
    #[case(" arn:aws:dynamodb:eu-west-1:111122223333:table/policy")]
    fn anything_else_is_not_one(#[case] text: &str) {
        assert_eq!(Arn::of_table(text), None);
    }
}

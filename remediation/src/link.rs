//! Links between policies: whose report a message is, and whether it asks this function for a look.
//!
//! One tagwarden's report makes another look at the same instances. Two that listen to each other are a circle, which
//! must end: a report says who sent it and how many reports led to it.

use serde::{Deserialize, Serialize};
use tagwarden_aws::lambda::account_of;
use tagwarden_core::Arn;

/// A report that so many others led to makes nobody look: a circle of linked functions ends there.
pub const MOST_HOPS: u32 = 3;

/// The beginning of every source, so that other programs recognise tagwarden's messages.
pub const SOURCE_PREFIX: &str = "tagwarden/";

/// Which tagwarden sends a report, and where it works. What is not known is absent, as it was in older reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// `tagwarden/` and the function's name, or `tagwarden/apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The account's number, of twelve digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The Region, such as `eu-west-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Where a report comes from, as its JSON says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportOrigin {
    /// Who sends it.
    #[serde(flatten)]
    pub sender: Sender,
    /// How many reports led to it: 0 where the run was started by something else.
    #[serde(default)]
    pub hops: u32,
}

impl Sender {
    /// The function with this ARN, `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, also with a version or an alias. Where
    /// that is not an ARN, as with some emulators, the function is called `name` and works in `region`.
    #[must_use]
    pub fn of_function(arn: &str, name: &str, region: Option<&str>) -> Self {
        let account = account_of(arn);
        let part = |number: usize| arn.split(':').nth(number).filter(|_| account.is_some());
        let name = part(6).unwrap_or(name);
        Self {
            source: (!name.is_empty()).then(|| format!("{SOURCE_PREFIX}{name}")),
            account: account.map(ToOwned::to_owned),
            region: part(3).or(region).map(ToOwned::to_owned),
        }
    }

    /// The command `tagwarden NAME`, in `region`.
    #[must_use]
    pub fn of_command(name: &str, region: Option<&str>) -> Self {
        Self {
            source: Some(format!("{SOURCE_PREFIX}{name}")),
            account: None,
            region: region.map(ToOwned::to_owned),
        }
    }

    /// Where it works, for people who read the reports of many places on the topic; none where the topic is of the same account and
    /// Region, or the place is not known.
    #[must_use]
    pub fn away_from(&self, topic_arn: &str) -> Option<String> {
        let topic = Arn::of_topic(topic_arn)?;
        let (account, region) = (self.account.as_deref()?, self.region.as_deref()?);
        let is_away = topic.account != account || topic.region != region;
        is_away.then(|| format!("This is of account {account} in {region}."))
    }

    /// Why a report of `origin` does not make this function look at anything; `None` if it does.
    #[must_use]
    pub fn why_ignored(&self, origin: &ReportOrigin) -> Option<String> {
        let sender = &origin.sender;
        let differ = |own: &Option<String>, other: &Option<String>| {
            own.is_some() && other.is_some() && own != other
        };
        if differ(&self.account, &sender.account) || differ(&self.region, &sender.region) {
            let account = sender.account.as_deref().unwrap_or("?");
            let region = sender.region.as_deref().unwrap_or("?");
            return Some(format!(
                "the report is of another place, account {account} in {region}"
            ));
        }
        if self.source.is_some() && self.source == sender.source {
            return Some("the report is this function's own".to_owned());
        }
        (origin.hops >= MOST_HOPS).then(|| {
            format!(
                "{} reports led to this one: a circle of linked policies ends here",
                origin.hops
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ARN: &str = "arn:aws:lambda:eu-west-1:111111111111:function:costs-remediation";

    fn sender(source: &str, account: &str, region: &str) -> Sender {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Sender {
            source: known(source),
            account: known(account),
            region: known(region),
        }
    }

    #[rstest]
    #[case("arn:aws:sns:eu-west-1:111111111111:reports", None)]
    #[case(
        "arn:aws:sns:us-east-1:111111111111:reports",
        Some("This is of account 111111111111 in eu-west-1.")
    )]
    #[case(
        "arn:aws:sns:eu-west-1:999999999999:reports",
        Some("This is of account 111111111111 in eu-west-1.")
    )]
    fn says_where_it_works_to_readers_elsewhere(
        #[case] topic: &str,
        #[case] expected: Option<&str>,
    ) {
        let sender = Sender::of_function(ARN, "", None);
        assert_eq!(sender.away_from(topic).as_deref(), expected);
        let unknown = Sender::of_command("apply", Some("eu-west-1"));
        assert_eq!(unknown.away_from(topic), None);
    }

    #[rstest]
    #[case::plain(ARN.to_owned())]
    #[case::alias(format!("{ARN}:live"))]
    #[case::version(format!("{ARN}:7"))]
    fn knows_a_function_by_its_arn(#[case] arn: String) {
        let found = Sender::of_function(&arn, "other", Some("us-east-1"));
        let expected = sender("tagwarden/costs-remediation", "111111111111", "eu-west-1");
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case("function", "costs", "tagwarden/costs")]
    #[case("", "", "")]
    #[case("arn:aws:lambda:eu-west-1:x:function:f", "costs", "tagwarden/costs")]
    fn knows_what_there_is_without_an_arn(
        #[case] arn: &str,
        #[case] name: &str,
        #[case] source: &str,
    ) {
        let found = Sender::of_function(arn, name, Some("us-east-1"));
        assert_eq!(found, sender(source, "", "us-east-1"));
    }

    #[rstest]
    #[case::another_function("tagwarden/b", "111111111111", "eu-west-1", 0, None)]
    #[case::last_hop("tagwarden/b", "111111111111", "eu-west-1", 2, None)]
    #[case::too_many("tagwarden/b", "111111111111", "eu-west-1", 3, Some("3 reports led"))]
    #[case::far_too_many("tagwarden/b", "", "", u32::MAX, Some("reports led"))]
    #[case::own("tagwarden/a", "111111111111", "eu-west-1", 0, Some("own"))]
    #[case::own_without_a_place("tagwarden/a", "", "", 0, Some("own"))]
    #[case::namesake_elsewhere(
        "tagwarden/a",
        "222222222222",
        "eu-west-1",
        0,
        Some("account 222222222222")
    )]
    #[case::other_region("tagwarden/b", "111111111111", "us-east-1", 0, Some("in us-east-1"))]
    #[case::older_version("", "", "", 0, None)]
    fn follows_reports_of_others_here(
        #[case] source: &str,
        #[case] account: &str,
        #[case] region: &str,
        #[case] hops: u32,
        #[case] expected: Option<&str>,
    ) {
        let own = sender("tagwarden/a", "111111111111", "eu-west-1");
        let origin = ReportOrigin {
            sender: sender(source, account, region),
            hops,
        };
        match (own.why_ignored(&origin), expected) {
            (None, None) => {}
            (Some(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
            (why, expected) => panic!("{why:?}, not {expected:?}"),
        }
    }

    /// An emulator's function that does not know who it is follows every report.
    #[test]
    fn ignores_nothing_but_hops_where_it_does_not_know_itself() {
        let origin = |hops| ReportOrigin {
            sender: sender("tagwarden/a", "111111111111", "eu-west-1"),
            hops,
        };
        let unknown = Sender::default();
        assert_eq!(unknown.why_ignored(&origin(0)), None);
        assert!(unknown.why_ignored(&origin(MOST_HOPS)).is_some());
    }
}

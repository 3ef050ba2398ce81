//! Who rows: what the policy says of people and teams, by their names.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::pattern::Pattern;
use crate::arn::Arn;

/// A row of the policy table that says something of people and teams: `{RuleId, Who, Contact?, Tags?}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoRow {
    /// `RuleId`, which names the row in every message.
    pub row_id: i64,
    /// `Who`: patterns over names, such as `team-*` or `ann@example.com`; never empty. Case does not count.
    pub who: Vec<Pattern>,
    /// `Contact`: where letters for them go.
    pub contact: Option<Contact>,
    /// `Tags`: the values that `From: launcher` gives to what they launch, by key. Never empty where there is one.
    pub tags: Option<BTreeMap<String, String>>,
}

impl WhoRow {
    /// Whether the row is about `name`.
    #[must_use]
    pub fn is_about(&self, name: &str) -> bool {
        self.who
            .iter()
            .any(|pattern| pattern.matches_ignoring_case(name))
    }
}

/// Where letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The ARN of an SNS topic.
    Topic(String),
    /// A mail address.
    Mail(String),
}

/// The text is not a [`Contact`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither the ARN of an SNS topic nor mailto: and an address")]
pub struct InvalidContact(String);

impl FromStr for Contact {
    type Err = InvalidContact;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidContact(text.to_owned());
        if let Some(address) = text.strip_prefix("mailto:") {
            return if is_mail_address(address) {
                Ok(Self::Mail(address.to_owned()))
            } else {
                Err(invalid())
            };
        }
        if Arn::of_topic(text).is_some() {
            Ok(Self::Topic(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

/// As people write it.
impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(arn) => f.write_str(arn),
            Self::Mail(address) => write!(f, "mailto:{address}"),
        }
    }
}

/// Whether `text` has the form of a mail address that Amazon SES takes. Whether it exists, only a letter shows.
///
/// A local part is ASCII and has no encoded words, and a domain of another script is written in Punycode. See
/// [SendEmail](https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html).
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    const LONGEST_LOCAL_PART: usize = 64;
    const LONGEST_DOMAIN: usize = 255;
    const LONGEST_LABEL: usize = 63;
    let is_atom = |it: u8| it.is_ascii_graphic() && !b"@<>,;:\"()[]\\".contains(&it);
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=LONGEST_LABEL).contains(&label.len())
            && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        local.len() <= LONGEST_LOCAL_PART
            && local.split('.').all(|part| !part.is_empty())
            && local.bytes().all(is_atom)
            && !local.contains("=?")
            && domain.len() <= LONGEST_DOMAIN
            && domain.contains('.')
            && domain.split('.').all(is_label)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("arn:aws:sns:eu-west-1:123456789012:team-shop")]
    #[case("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a_b.fifo")]
    #[case("mailto:ann@example.com")]
    #[case("mailto:o'neill+aws@mail.example.co.uk")]
    fn reads_a_contact(#[case] text: &str) {
        assert_eq!(text.parse::<Contact>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("ann@example.com")]
    #[case("mailto:")]
    #[case("mailto:ann")]
    #[case("mailto:ann@example")]
    #[case("mailto:ann@@example.com")]
    #[case("mailto:ann@example.com,bob@example.com")]
    #[case("mailto:ann @example.com")]
    #[case("mailto:@example.com")]
    #[case("mailto:ann@.com")]
    #[case("mailto:ann@-example.com")]
    #[case("mailto:ann@example.com\r\nBcc: bob@evil.example")]
    #[case("mailto:ann@example.com\0")]
    #[case("mailto:ann@evil.example/.example.com")]
    #[case("mailto:ann@evil.example\\.example.com")]
    #[case("mailto:ann@[192.0.2.1].example.com")]
    #[case("mailto:ann@ex\u{e4}mple.com")]
    #[case("mailto:ann@example.\u{212a}om")]
    #[case("mailto:j\u{fc}rgen@example.com")]
    #[case("mailto:.ann@example.com")]
    #[case("mailto:ann..b@example.com")]
    #[case("mailto:=?utf-8?q?bob=40evil.example=2C?=@example.com")]
    #[case("mailto:ann\\@evil.example,@example.com")]
    #[case("mailto:Ann <ann@example.com>")]
    #[case("mailto:ann@example.com?cc=bob@evil.example")]
    #[case("mailto:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com")]
    #[case("MAILTO:ann@example.com")]
    #[case("arn:aws:sns:eu-west-1:123456789012:team-shop\n")]
    #[case("arn:aws:sns:evil.example/:123456789012:team-shop")]
    #[case("arn:aws:sqs:eu-west-1:123456789012:team-shop")]
    #[case("arn:aws:sns:eu-west-1:12345678901:team-shop")]
    #[case("arn:aws:sns::123456789012:team-shop")]
    #[case("arn:aws:sns:eu-west-1:123456789012:")]
    #[case("arn:aws:sns:eu-west-1:123456789012:team shop")]
    #[case("arn:aws:sns:eu-west-1:123456789012:topic:subscription")]
    #[case("https://example.com")]
    fn refuses_another_text(#[case] text: &str) {
        assert_eq!(
            text.parse::<Contact>(),
            Err(InvalidContact(text.to_owned()))
        );
    }
}

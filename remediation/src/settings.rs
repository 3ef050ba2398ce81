//! The remediation's environment variables.

use chrono::TimeDelta;
use serde::Serialize;
use tagwarden_aws::mail::MailSender;
use tagwarden_core::policy::{Pattern, list};
use tagwarden_core::settings::{Environment, PolicySettings, SettingError};
use tagwarden_core::{Arn, ManagerTags, OwnerTags};

use crate::safeguard::Safeguards;

/// The settings of the remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the policy is and what it reaches.
    pub policy: PolicySettings,
    /// `TAGWARDEN_MODE`: `dry-run` (default) or `enforce`.
    pub mode: Mode,
    /// `TAGWARDEN_UNTAGGED`: what is done to an instance without any tags: `terminate` (default), `stop` or `notify`.
    pub untagged: Untagged,
    /// `TAGWARDEN_RULES_MAY_DESTROY`: what the rules of the policy table may do: `no` (default), `stop` or
    /// `stop-and-terminate`. What is done to untagged instances is not its concern.
    pub rules_may_destroy: RulesMayDestroy,
    /// `TAGWARDEN_TOPIC_ARN`: the SNS topic for reports; none: reports are only logged.
    pub topic_arn: Option<String>,
    /// `TAGWARDEN_LETTERS_TOPIC_ARN`: the SNS topic for owners' letters; none: there are no letters.
    pub letters_topic_arn: Option<String>,
    /// `TAGWARDEN_OWNER_TAGS`: comma-separated keys of the tags that name an owner (default `Owner,CreatedBy`).
    pub owner_tags: OwnerTags,
    /// `TAGWARDEN_CONTACT_TOPICS`: comma-separated patterns of the ARNs of topics to which who rows may send letters
    /// (default none), such as `arn:aws:sns:eu-west-1:123456789012:team-*`.
    pub contact_topics: Vec<Pattern>,
    /// `TAGWARDEN_MAIL_FROM`: who mail to owners is from: an address that SES knows, or the ARN of an SES identity; none: no
    /// mail is sent.
    pub mail_from: Option<MailSender>,
    /// `TAGWARDEN_MAIL_DOMAINS`: comma-separated domains of the addresses to which who rows may send letters (default none),
    /// such as `example.com` or `*.example.com`.
    pub mail_domains: Vec<Pattern>,
    /// `TAGWARDEN_REPORT_SUBJECT`: under 100 characters.
    pub report_subject: String,
    /// `TAGWARDEN_GRACE_MINUTES`: how long after the first look at it a reason for a shutdown must still stand.
    pub grace: TimeDelta,
    /// `TAGWARDEN_NOTICE_HOURS`: how long before a shutdown it must have been announced; zero: it need not be.
    pub notice: TimeDelta,
    /// `TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR`: the most stops and terminations an hour.
    pub max_destructive: usize,
    /// `TAGWARDEN_QUEUE_URL`: the function's own SQS queue, on which it puts what it has no time for; none: the next
    /// sweep goes on with it.
    pub queue_url: Option<String>,
    /// `TAGWARDEN_TERMINATE_AFTER_DAYS`: how long after its stop an untagged instance is terminated; none: never.
    pub terminate_after: Option<TimeDelta>,
    /// `TAGWARDEN_MANAGER_TAGS`: comma-separated tag keys by which the organisation's own managers are recognised.
    pub manager_tags: ManagerTags,
    /// `TAGWARDEN_LEDGER_TABLE`: none: nothing is ever stopped or terminated.
    pub ledger_table: Option<String>,
    /// The safeguards that hold: all of them, whatever the environment says.
    pub safeguards: Safeguards,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The report says what would be done.
    #[default]
    DryRun,
    /// It is done.
    Enforce,
}

impl Mode {
    /// The mode's name, as the variable has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run",
            Self::Enforce => "enforce",
        }
    }
}

/// What is done to an instance that has no tags at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Untagged {
    /// It is terminated.
    #[default]
    Terminate,
    /// It is stopped.
    Stop,
    /// It is reported.
    Notify,
}

/// What the rules of the policy table may do to an instance beside writing tags.
///
/// IAM cannot tell causes apart, so the function does: who may write to the table must not thereby be able to terminate
/// instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RulesMayDestroy {
    /// Nothing.
    #[default]
    No,
    /// Stop it.
    Stop,
    /// Stop and terminate it.
    StopAndTerminate,
}

impl RulesMayDestroy {
    /// Whether a rule may stop, or else terminate.
    #[must_use]
    pub fn allows(self, is_stop: bool) -> bool {
        match self {
            Self::No => false,
            Self::Stop => is_stop,
            Self::StopAndTerminate => true,
        }
    }
}

/// The subject of the customer's reports.
const DEFAULT_SUBJECT: &str = "ACME Cloud Tagging Policy Report";

/// SNS takes subjects of fewer characters than this.
///
/// See [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
const SUBJECT_LIMIT: usize = 100;

/// The most days between a stop and a termination: the ledger keeps acts for longer.
const MOST_DAYS: i64 = 365;

/// The longest notice, in hours: four weeks.
const MOST_NOTICE_HOURS: i64 = 672;

/// The largest budget, because one item of the ledger holds an entry for each act of an hour.
const MOST_DESTRUCTIVE: usize = 1_000;

impl Settings {
    /// Reads the settings, with their defaults.
    ///
    /// # Errors
    /// A value cannot be read; the error names the variable and what it must be.
    pub fn from_environment(environment: &Environment<'_>) -> Result<Self, SettingError> {
        let settings = Self {
            policy: PolicySettings::from_environment(environment)?,
            mode: environment.read("TAGWARDEN_MODE", Mode::default(), |value| match value {
                "dry-run" => Ok(Mode::DryRun),
                "enforce" => Ok(Mode::Enforce),
                _ => Err("must be dry-run or enforce".to_owned()),
            })?,
            untagged: environment.read("TAGWARDEN_UNTAGGED", Untagged::default(), |value| {
                match value {
                    "terminate" => Ok(Untagged::Terminate),
                    "stop" => Ok(Untagged::Stop),
                    "notify" => Ok(Untagged::Notify),
                    _ => Err("must be terminate, stop or notify".to_owned()),
                }
            })?,
            rules_may_destroy: environment.read(
                "TAGWARDEN_RULES_MAY_DESTROY",
                RulesMayDestroy::default(),
                |value| match value {
                    "no" => Ok(RulesMayDestroy::No),
                    "stop" => Ok(RulesMayDestroy::Stop),
                    "stop-and-terminate" => Ok(RulesMayDestroy::StopAndTerminate),
                    _ => Err("must be no, stop or stop-and-terminate".to_owned()),
                },
            )?,
            topic_arn: environment.read("TAGWARDEN_TOPIC_ARN", None, topic_arn)?,
            letters_topic_arn: environment.read(
                "TAGWARDEN_LETTERS_TOPIC_ARN",
                None,
                letters_topic_arn,
            )?,
            owner_tags: environment.read("TAGWARDEN_OWNER_TAGS", OwnerTags::default(), |list| {
                OwnerTags::from_list(list).map_err(|error| error.to_string())
            })?,
            contact_topics: environment.read(
                "TAGWARDEN_CONTACT_TOPICS",
                Vec::new(),
                contact_topics,
            )?,
            mail_from: environment.read("TAGWARDEN_MAIL_FROM", None, mail_sender)?,
            mail_domains: environment.read("TAGWARDEN_MAIL_DOMAINS", Vec::new(), mail_domains)?,
            report_subject: environment.read(
                "TAGWARDEN_REPORT_SUBJECT",
                DEFAULT_SUBJECT.to_owned(),
                report_subject,
            )?,
            grace: environment.read(
                "TAGWARDEN_GRACE_MINUTES",
                TimeDelta::minutes(15),
                |value| whole_number(value).map(|minutes| TimeDelta::minutes(minutes.into())),
            )?,
            notice: environment.read("TAGWARDEN_NOTICE_HOURS", TimeDelta::zero(), |value| {
                match value.parse() {
                    Ok(hours @ 0..=MOST_NOTICE_HOURS) => Ok(TimeDelta::hours(hours)),
                    _ => Err(format!(
                        "must be a whole number from 0 to {MOST_NOTICE_HOURS}"
                    )),
                }
            })?,
            max_destructive: environment.read(
                "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
                10,
                |value| match value.parse() {
                    Ok(number @ 0..=MOST_DESTRUCTIVE) => Ok(number),
                    _ => Err(format!(
                        "must be a whole number from 0 to {MOST_DESTRUCTIVE}"
                    )),
                },
            )?,
            queue_url: environment.read("TAGWARDEN_QUEUE_URL", None, |value| {
                let is_url = value.starts_with("https://") || value.starts_with("http://");
                is_url.then(|| Some(value.to_owned())).ok_or_else(|| {
                    "must be the URL of an SQS queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"
                        .to_owned()
                })
            })?,
            terminate_after: environment.read("TAGWARDEN_TERMINATE_AFTER_DAYS", None, |value| {
                match value.parse() {
                    Ok(0) => Ok(None),
                    Ok(days @ 1..=MOST_DAYS) => Ok(Some(TimeDelta::days(days))),
                    _ => Err(format!(
                        "must be a whole number from 1 to {MOST_DAYS}, or 0 for never"
                    )),
                }
            })?,
            manager_tags: environment.read(
                "TAGWARDEN_MANAGER_TAGS",
                ManagerTags::default(),
                |list| ManagerTags::from_list(list).map_err(|error| error.to_string()),
            )?,
            ledger_table: environment.get("TAGWARDEN_LEDGER_TABLE"),
            safeguards: Safeguards::default(),
        };
        settings.check_notice(environment)?;
        settings.check_letters(environment)?;
        settings.check_mail(environment)?;
        Ok(settings)
    }

    /// Where a notice is needed there must be somebody to read it.
    fn check_notice(&self, environment: &Environment<'_>) -> Result<(), SettingError> {
        const NAME: &str = "TAGWARDEN_NOTICE_HOURS";
        if self.mode == Mode::DryRun || self.notice.is_zero() || self.topic_arn.is_some() {
            return Ok(());
        }
        Err(SettingError {
            name: NAME,
            value: environment.get(NAME).unwrap_or_default(),
            expected: "must be 0 unless TAGWARDEN_TOPIC_ARN names the topic of the notices"
                .to_owned(),
        })
    }

    /// Whoever reads the reports gets no letters.
    fn check_letters(&self, environment: &Environment<'_>) -> Result<(), SettingError> {
        const NAME: &str = "TAGWARDEN_LETTERS_TOPIC_ARN";
        if self.letters_topic_arn.is_none() || self.letters_topic_arn != self.topic_arn {
            return Ok(());
        }
        Err(SettingError {
            name: NAME,
            value: environment.get(NAME).unwrap_or_default(),
            expected: "must be another topic than TAGWARDEN_TOPIC_ARN, whose readers would get every letter"
                .to_owned(),
        })
    }

    /// Mail is letters, and what cannot be mailed goes to their topic.
    fn check_mail(&self, environment: &Environment<'_>) -> Result<(), SettingError> {
        const NAME: &str = "TAGWARDEN_MAIL_FROM";
        if self.mail_from.is_none() || self.letters_topic_arn.is_some() {
            return Ok(());
        }
        Err(SettingError {
            name: NAME,
            value: environment.get(NAME).unwrap_or_default(),
            expected:
                "must be empty unless TAGWARDEN_LETTERS_TOPIC_ARN names the topic of the letters"
                    .to_owned(),
        })
    }
}

fn report_subject(value: &str) -> Result<String, String> {
    let is_sound = value.chars().count() < SUBJECT_LIMIT && !value.contains(char::is_control);
    is_sound.then(|| value.to_owned()).ok_or_else(|| {
        "must have at most 99 characters, and no line breaks or control characters".to_owned()
    })
}

fn mail_sender(value: &str) -> Result<Option<MailSender>, String> {
    let sender = value.parse::<MailSender>().map(Some);
    sender.map_err(|error| error.to_string())
}

fn topic_arn(value: &str) -> Result<Option<String>, String> {
    let is_topic = Arn::of_topic(value).is_some();
    is_topic.then(|| Some(value.to_owned())).ok_or_else(|| {
        "must be the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME".to_owned()
    })
}

/// A FIFO topic takes only messages of a group.
fn letters_topic_arn(value: &str) -> Result<Option<String>, String> {
    if value.strip_suffix(".fifo").is_some() {
        return Err("must be a standard topic, not a FIFO topic".to_owned());
    }
    topic_arn(value)
}

/// The patterns of ARNs. Each names SNS, so that a mistake allows no more than it says.
fn contact_topics(value: &str) -> Result<Vec<Pattern>, String> {
    const EXPECTED: &str = "must be ARNs of SNS topics separated by commas, in which * stands for any \
                            characters, such as arn:aws:sns:eu-west-1:123456789012:team-*";
    let is_topic = |pattern: &str| {
        let mut parts = pattern.splitn(4, ':');
        parts.next() == Some("arn") && parts.nth(1) == Some("sns") && parts.next().is_some()
    };
    if !list::split(value, ',').all(is_topic) {
        return Err(EXPECTED.to_owned());
    }
    list::patterns(value).map_err(|error| format!("{EXPECTED} ({error})"))
}

/// The patterns of domains, in lower case. A star stands for whole labels at the beginning only, so that a mistake allows no
/// more than it says.
fn mail_domains(value: &str) -> Result<Vec<Pattern>, String> {
    const EXPECTED: &str = "must be domains separated by commas, such as example.com, or *.example.com for all below it";
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'-')
    };
    let value = value.to_ascii_lowercase();
    let is_domain = |pattern: &str| {
        let domain = pattern.strip_prefix("*.").unwrap_or(pattern);
        domain.contains('.') && domain.split('.').all(is_label)
    };
    if !list::split(&value, ',').all(is_domain) {
        return Err(EXPECTED.to_owned());
    }
    list::patterns(&value).map_err(|error| format!("{EXPECTED} ({error})"))
}

fn whole_number(value: &str) -> Result<u32, String> {
    value
        .parse::<u32>()
        .map_err(|_| format!("must be a whole number from 0 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::from_environment(&Environment::new(&|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        }))
    }

    #[test]
    fn defaults_to_the_careful_settings() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.mode, Mode::DryRun);
        assert_eq!(settings.untagged, Untagged::Terminate);
        assert_eq!(settings.topic_arn, None);
        assert_eq!(settings.letters_topic_arn, None);
        assert_eq!(settings.owner_tags.keys(), ["Owner", "CreatedBy"]);
        assert_eq!(settings.contact_topics, []);
        assert_eq!(settings.mail_from, None);
        assert_eq!(settings.mail_domains, []);
        assert_eq!(settings.report_subject, "ACME Cloud Tagging Policy Report");
        assert_eq!(settings.grace, TimeDelta::minutes(15));
        assert_eq!(settings.max_destructive, 10);
        assert_eq!(settings.queue_url, None);
        assert_eq!(settings.terminate_after, None);
        assert_eq!(settings.manager_tags, ManagerTags::default());
        assert_eq!(settings.ledger_table, None);
    }

    #[test]
    fn reads_every_setting() {
        let settings = settings(&[
            ("TAGWARDEN_MODE", "enforce"),
            ("TAGWARDEN_UNTAGGED", "stop"),
            (
                "TAGWARDEN_TOPIC_ARN",
                "arn:aws-us-gov:sns:us-gov-west-1:111111111111:reports",
            ),
            ("TAGWARDEN_REPORT_SUBJECT", "Tags"),
            (
                "TAGWARDEN_LETTERS_TOPIC_ARN",
                "arn:aws:sns:eu-west-1:111111111111:letters",
            ),
            ("TAGWARDEN_OWNER_TAGS", "Team, CreatedBy"),
            (
                "TAGWARDEN_CONTACT_TOPICS",
                "arn:aws:sns:eu-west-1:111111111111:team-*, arn:aws:sns:*:111111111111:ops",
            ),
            (
                "TAGWARDEN_MAIL_FROM",
                "arn:aws:ses:eu-west-1:111111111111:identity/example.com",
            ),
            ("TAGWARDEN_MAIL_DOMAINS", "Example.com, *.example.org"),
            ("TAGWARDEN_GRACE_MINUTES", "0"),
            ("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "3"),
            ("TAGWARDEN_TERMINATE_AFTER_DAYS", "14"),
            ("TAGWARDEN_MANAGER_TAGS", " acme:scaler, acme-pool/*"),
            ("TAGWARDEN_LEDGER_TABLE", "ledger"),
            ("TAGWARDEN_VPC_IDS", "vpc-1"),
        ])
        .unwrap();
        assert_eq!(settings.mode, Mode::Enforce);
        assert_eq!(settings.untagged, Untagged::Stop);
        assert_eq!(
            settings.topic_arn.as_deref(),
            Some("arn:aws-us-gov:sns:us-gov-west-1:111111111111:reports")
        );
        assert_eq!(settings.report_subject, "Tags");
        assert_eq!(
            settings.letters_topic_arn.as_deref(),
            Some("arn:aws:sns:eu-west-1:111111111111:letters")
        );
        assert_eq!(settings.owner_tags.keys(), ["Team", "CreatedBy"]);
        let allowed = |arn: &str| settings.contact_topics.iter().any(|it| it.matches(arn));
        assert!(allowed("arn:aws:sns:eu-west-1:111111111111:team-shop"));
        assert!(allowed("arn:aws:sns:us-east-1:111111111111:ops"));
        assert!(!allowed("arn:aws:sns:eu-west-1:111111111111:reports"));
        assert!(!allowed("arn:aws:sns:eu-west-1:222222222222:team-shop"));
        let sender = settings.mail_from.as_ref().unwrap();
        assert_eq!(sender.address(), "tagwarden@example.com");
        let mailed = |domain: &str| settings.mail_domains.iter().any(|it| it.matches(domain));
        assert!(mailed("example.com") && mailed("mail.example.org"));
        assert!(!mailed("mail.example.com") && !mailed("example.org"));
        assert_eq!(settings.grace, TimeDelta::zero());
        assert_eq!(settings.max_destructive, 3);
        assert_eq!(settings.terminate_after, Some(TimeDelta::days(14)));
        let manager_tags = ManagerTags::from_list("acme:scaler,acme-pool/*");
        assert_eq!(Ok(settings.manager_tags), manager_tags);
        assert_eq!(settings.ledger_table.as_deref(), Some("ledger"));
        assert_eq!(
            settings.policy.scope.vpc_ids().collect::<Vec<_>>(),
            ["vpc-1"]
        );
    }

    #[rstest]
    #[case("no", RulesMayDestroy::No)]
    #[case("stop", RulesMayDestroy::Stop)]
    #[case("stop-and-terminate", RulesMayDestroy::StopAndTerminate)]
    fn reads_what_rules_may_destroy(#[case] value: &str, #[case] expected: RulesMayDestroy) {
        let settings = settings(&[("TAGWARDEN_RULES_MAY_DESTROY", value)]);
        assert_eq!(settings.unwrap().rules_may_destroy, expected);
    }

    #[rstest]
    #[case("TAGWARDEN_MODE", "Enforce", "dry-run or enforce")]
    #[case("TAGWARDEN_UNTAGGED", "kill", "terminate, stop or notify")]
    #[case("TAGWARDEN_TOPIC_ARN", "reports", "ARN of an SNS topic")]
    #[case(
        "TAGWARDEN_TOPIC_ARN",
        "arn:aws:sqs:us-east-1:111111111111:reports",
        "ARN of an SNS topic"
    )]
    #[case("TAGWARDEN_LETTERS_TOPIC_ARN", "letters", "ARN of an SNS topic")]
    #[case("TAGWARDEN_OWNER_TAGS", "Owner,,CreatedBy", "separated by commas")]
    #[case("TAGWARDEN_CONTACT_TOPICS", "*", "ARNs of SNS topics")]
    #[case("TAGWARDEN_CONTACT_TOPICS", "team-*", "ARNs of SNS topics")]
    #[case(
        "TAGWARDEN_CONTACT_TOPICS",
        "arn:aws:sqs:eu-west-1:1:q",
        "ARNs of SNS topics"
    )]
    #[case(
        "TAGWARDEN_QUEUE_URL",
        "arn:aws:sqs:us-east-1:1:q",
        "URL of an SQS queue"
    )]
    #[case("TAGWARDEN_REPORT_SUBJECT", "two\nlines", "line breaks")]
    #[case("TAGWARDEN_REPORT_SUBJECT", &"x".repeat(100), "99 characters")]
    #[case("TAGWARDEN_GRACE_MINUTES", "-1", "whole number")]
    #[case("TAGWARDEN_GRACE_MINUTES", "15m", "whole number")]
    #[case("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "ten", "whole number")]
    #[case("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1001", "from 0 to 1000")]
    #[case("TAGWARDEN_TERMINATE_AFTER_DAYS", "366", "from 1 to 365")]
    #[case("TAGWARDEN_TERMINATE_AFTER_DAYS", "-1", "or 0 for never")]
    #[case("TAGWARDEN_MANAGER_TAGS", "acme*scaler", "not at its end")]
    #[case(
        "TAGWARDEN_MANAGER_TAGS",
        "acme:scaler,",
        "tag keys separated by commas"
    )]
    #[case("TAGWARDEN_VPC_IDS", "vpc_1", "VPC id")]
    fn names_a_value_that_cannot_be_read(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        let error = settings(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.contains(&format!("{value:?}")), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

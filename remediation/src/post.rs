//! Sends letters to owners, and the digest of the report to administrators.
//!
//! Letters never count as a notice, because SNS accepts what nobody receives. So nothing waits for them: what cannot be
//! sent is reported, and a later run sends it again.

use std::collections::BTreeSet;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::Region;
use aws_sdk_sns::types::MessageAttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use tagwarden_aws::AwsError;
use tagwarden_core::Policy;
use tagwarden_core::policy::Contact;

use crate::letter::{Letter, LetterContext, LetterMessage, LetterReader, letters};
use crate::remediation::Remediation;
use crate::report::{Report, UndeliveredLetter};
use crate::safeguard::Safeguard;

const PUBLISH: &str = "sns:Publish";

/// The most letters in flight at a time.
const AT_A_TIME: usize = 10;

/// The time kept free for the report, which matters more.
const RESERVE: TimeDelta = TimeDelta::seconds(5);

/// What came of the letters of a run.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    /// The names of what owners were told.
    pub(crate) told: BTreeSet<String>,
    /// The letters that could not be sent to where the policy says.
    pub(crate) undelivered: Vec<UndeliveredLetter>,
}

/// Sends the letters of `report` to owners who were not told by `told`, as far as there is time before `deadline`.
pub(crate) async fn send_letters(
    home: &Remediation,
    report: &Report,
    policy: &Policy,
    told: &BTreeSet<String>,
    deadline: Option<DateTime<Utc>>,
) -> Posted {
    let mut posted = Posted::default();
    let Some(topic) = &home.settings.letters_topic_arn else {
        return posted;
    };
    let context = context(home, policy);
    let letters = letters(report, context, told);
    let last_start = deadline.and_then(|deadline| deadline.checked_sub_signed(RESERVE));
    let sendings = stream::iter(&letters).map(|letter| async move {
        if last_start.is_some_and(|last_start| home.clock.now() > last_start) {
            tracing::warn!("there was no time left for a letter");
            return (BTreeSet::new(), None);
        }
        send_letter(home, topic, policy, letter, context).await
    });
    let results: Vec<_> = sendings.buffered(AT_A_TIME).collect().await;
    for (told, undelivered) in results {
        posted.told.extend(told);
        posted.undelivered.extend(undelivered);
    }
    posted
}

/// Sends the digest of `report` to the letters' topic, for the administrators who read there.
pub(crate) async fn send_digest(home: &Remediation, report: &Report, policy: &Policy) {
    let Some(topic) = &home.settings.letters_topic_arn else {
        return;
    };
    let context = context(home, policy);
    let digest = Letter::digest(report, context);
    if digest.entries.is_empty() {
        return;
    }
    if let Err(error) = publish(&home.sns, topic, digest.message(context, None)).await {
        tracing::error!("the administrators' digest was not sent: {error}");
    }
}

fn context<'a>(home: &'a Remediation, policy: &'a Policy) -> LetterContext<'a> {
    LetterContext {
        policy,
        region: home.region.as_deref(),
        now: home.clock.now(),
    }
}

/// Sends `letter` to where the policy says. Gives what its reader was told, and what went wrong.
async fn send_letter(
    home: &Remediation,
    topic: &str,
    policy: &Policy,
    letter: &Letter<'_>,
    context: LetterContext<'_>,
) -> (BTreeSet<String>, Option<UndeliveredLetter>) {
    let LetterReader::Owner(owner) = &letter.reader else {
        return (BTreeSet::new(), None);
    };
    let contact = policy.contact_of(owner);
    let to = match contact {
        None => Ok((home.sns.clone(), topic)),
        Some(contact) => check(home, contact),
    };
    let message = letter.message(context, None);
    let names = message.names.clone();
    let sent = match to {
        Ok((client, topic)) => publish(&client, topic, message)
            .await
            .map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    let Err(why) = sent else {
        return (names, None);
    };
    tracing::error!(owner, "a letter was not sent: {why}");
    let mut told = BTreeSet::new();
    // Administrators get it instead. If the letters' topic itself refuses, only the report says so.
    if contact.is_some() && home.settings.safeguards.hold(Safeguard::LetterFallback) {
        let fallback = letter.message(context, Some(&why));
        match publish(&home.sns, topic, fallback).await {
            Ok(()) => told = names,
            Err(error) => tracing::error!("nor was it sent to administrators: {error}"),
        }
    }
    let undelivered = UndeliveredLetter {
        owner: owner.clone(),
        contact: contact.map_or_else(|| topic.to_owned(), ToString::to_string),
        why,
        entries: letter.entries.len(),
    };
    (told, Some(undelivered))
}

/// The client and topic for `contact`.
///
/// # Errors
/// Why letters cannot go there.
fn check<'c>(home: &Remediation, contact: &'c Contact) -> Result<(Client, &'c str), String> {
    let arn = match contact {
        Contact::Topic(arn) => arn,
        Contact::Mail(_) => {
            return Err(
                "this version sends no mail: use an SNS topic to which the address is subscribed"
                    .to_owned(),
            );
        }
    };
    let mut allowed = home.settings.contact_topics.iter();
    if !allowed.any(|pattern| pattern.matches(arn)) {
        return Err(
            "the stack's parameter ContactTopics (TAGWARDEN_CONTACT_TOPICS) does not allow this topic"
                .to_owned(),
        );
    }
    if arn.strip_suffix(".fifo").is_some() {
        return Err("a FIFO topic does not take letters: use a standard topic".to_owned());
    }
    // SNS refuses a topic of another Region than the endpoint's.
    let region = arn.split(':').nth(3);
    if region == home.region.as_deref() {
        return Ok((home.sns.clone(), arn));
    }
    let region = region.map(|region| Region::new(region.to_owned()));
    let config = home.sns.config().to_builder().region(region).build();
    Ok((Client::from_conf(config), arn))
}

async fn publish(client: &Client, topic: &str, message: LetterMessage) -> Result<(), AwsError> {
    let mut request = client
        .publish()
        .topic_arn(topic)
        .subject(message.subject)
        .message(message.body)
        .message_structure("json");
    for (name, data_type, value) in message.attributes {
        let attribute = MessageAttributeValue::builder()
            .data_type(data_type)
            .string_value(value)
            .build()
            .map_err(|error| AwsError::unexpected(PUBLISH, error.to_string()))?;
        request = request.message_attributes(name, attribute);
    }
    let sent = request.send().await;
    sent.map_err(|error| AwsError::new(PUBLISH, &error))?;
    Ok(())
}

//! Sends letters to owners, and the digest of the report to administrators.
//!
//! Letters never count as a notice, because SNS accepts what nobody receives. So nothing waits for them: what cannot be
//! sent is reported, and a later run sends it again.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, future, stream};
use tagwarden_aws::AwsError;
use tagwarden_aws::mail::{Mail, Mailer};
use tagwarden_core::Policy;
use tagwarden_core::policy::Contact;

use crate::letter::{Letter, LetterContext, LetterMessage, LetterReader, LetterWording, letters};
use crate::remediation::Remediation;
use crate::report::{Report, UndeliveredLetter};
use crate::safeguard::Safeguard;

const PUBLISH: &str = "sns:Publish";

/// The most letters to topics in flight at a time.
const AT_A_TIME: usize = 10;

/// The most mails in flight at a time. SES takes a few a second of an account, and SNS takes thousands.
const MAILS_AT_A_TIME: usize = 1;

/// The longest that a letter to a topic may take with all attempts: a topic that does not answer holds no report up.
const LONGEST: Duration = Duration::from_secs(20);

/// The time kept free for the report, which matters more.
const RESERVE: TimeDelta = TimeDelta::seconds(5);

/// What came of the letters of a run.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    /// The names of what owners were told.
    pub(crate) told: BTreeSet<String>,
    /// The letters that could not be sent to where the policy says.
    pub(crate) undelivered: Vec<UndeliveredLetter>,
    /// What is wrong with the policy table's template of letters, where a letter has the built-in text for it.
    pub(crate) problem: Option<String>,
}

/// What came of one letter.
#[derive(Debug, Default)]
struct Sent {
    told: BTreeSet<String>,
    undelivered: Option<UndeliveredLetter>,
    problem: Option<String>,
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
    let wording = LetterWording::of(policy);
    let context = context(home, policy, wording.as_ref());
    let letters = letters(report, context, told);
    let last_start = deadline.and_then(|deadline| deadline.checked_sub_signed(RESERVE));
    let send = async |letter: &Letter<'_>| {
        let mut all = Sent::default();
        let mut rest = Some(letter.clone());
        // What one has no room for follows at once: no later run knows what this one did.
        while let Some(letter) = rest.take() {
            if last_start.is_some_and(|last_start| home.clock.now() > last_start) {
                tracing::warn!("there was no time left for a letter");
                break;
            }
            let sent = send_letter(home, topic, policy, &letter, context, last_start).await;
            if !sent.told.is_empty() {
                rest = letter.without(&sent.told);
            }
            all.told.extend(sent.told);
            all.undelivered = all.undelivered.or(sent.undelivered);
            all.problem = all.problem.or(sent.problem);
        }
        all
    };
    let is_mail = |letter: &&Letter<'_>| match &letter.reader {
        LetterReader::Owner(owner) => matches!(policy.contact_of(owner), Some(Contact::Mail(_))),
        LetterReader::Admins => false,
    };
    let (mails, others): (Vec<_>, Vec<_>) = letters.iter().partition(is_mail);
    let others = stream::iter(others).map(send).buffered(AT_A_TIME).collect();
    let mails = stream::iter(mails).map(send).buffered(MAILS_AT_A_TIME);
    let (mut results, mailed): (Vec<_>, Vec<_>) = future::join(others, mails.collect()).await;
    results.extend(mailed);
    for sent in results {
        posted.told.extend(sent.told);
        posted.undelivered.extend(sent.undelivered);
        posted.problem = posted.problem.or(sent.problem);
    }
    let by_owner = |letter: &UndeliveredLetter| letter.owner.to_lowercase();
    posted.undelivered.sort_by_cached_key(by_owner);
    posted
}

/// Sends the digest of `report` to the letters' topic, for the administrators who read there.
pub(crate) async fn send_digest(
    home: &Remediation,
    report: &Report,
    policy: &Policy,
    deadline: Option<DateTime<Utc>>,
) {
    let Some(topic) = &home.settings.letters_topic_arn else {
        return;
    };
    let context = context(home, policy, None);
    let digest = Letter::digest(report, context);
    if digest.entries.is_empty() {
        return;
    }
    if let Err(error) = publish(home, topic, digest.message(context, None), deadline).await {
        tracing::error!("the administrators' digest was not sent: {error}");
    }
}

fn context<'a>(
    home: &'a Remediation,
    policy: &'a Policy,
    wording: Option<&'a LetterWording>,
) -> LetterContext<'a> {
    LetterContext {
        policy,
        region: home.region.as_deref(),
        wording,
        now: home.clock.now(),
    }
}

/// Sends `letter` to where the policy says, by the time `until`. Gives what its reader was told, and what went wrong.
async fn send_letter(
    home: &Remediation,
    topic: &str,
    policy: &Policy,
    letter: &Letter<'_>,
    context: LetterContext<'_>,
    until: Option<DateTime<Utc>>,
) -> Sent {
    let LetterReader::Owner(owner) = &letter.reader else {
        return Sent::default();
    };
    let contact = policy.contact_of(owner);
    let to = match contact {
        None => Ok(Destination::Topic(topic)),
        Some(contact) => check(home, contact),
    };
    let message = letter.message(context, None);
    let names = message.names.clone();
    let problem = message.problem.clone();
    let sent = match to {
        Ok(Destination::Topic(topic)) => publish(home, topic, message, until).await,
        Ok(Destination::Mail(mailer, to)) => mail(mailer, to, message).await,
        Err(why) => Err(why),
    };
    let Err(why) = sent else {
        return Sent {
            told: names,
            undelivered: None,
            problem,
        };
    };
    tracing::error!(owner, "a letter was not sent: {why}");
    let mut told = BTreeSet::new();
    // Administrators get it instead. If the letters' topic itself refuses, only the report says so.
    if contact.is_some() && home.settings.safeguards.hold(Safeguard::LetterFallback) {
        let fallback = letter.message(context, Some(&why));
        // The reason takes room, too.
        let names = fallback.names.clone();
        match publish(home, topic, fallback, until).await {
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
    Sent {
        told,
        undelivered: Some(undelivered),
        problem,
    }
}

/// Where a letter goes.
enum Destination<'a> {
    /// A topic.
    Topic(&'a str),
    /// An address.
    Mail(&'a Mailer, String),
}

/// Where letters for `contact` go.
///
/// # Errors
/// Why letters cannot go there.
fn check<'a>(home: &'a Remediation, contact: &'a Contact) -> Result<Destination<'a>, String> {
    match contact {
        Contact::Topic(arn) => check_topic(home, arn),
        Contact::Mail(address) => check_address(home, address),
    }
}

fn check_address<'a>(home: &'a Remediation, address: &str) -> Result<Destination<'a>, String> {
    let refused =
        || "the stack's parameter MailDomains (TAGWARDEN_MAIL_DOMAINS) does not allow this address";
    let (local_part, domain) = address.rsplit_once('@').ok_or_else(refused)?;
    // Domains have no case, and IAM compares it.
    let domain = domain.to_lowercase();
    let mut allowed = home.settings.mail_domains.iter();
    if !allowed.any(|pattern| pattern.matches(&domain)) {
        return Err(refused().to_owned());
    }
    let mailer = home
        .mailer
        .as_ref()
        .ok_or("mail has no sender: set the stack's parameter MailFrom (TAGWARDEN_MAIL_FROM)")?;
    let mailer = mailer
        .as_ref()
        .map_err(|why| format!("mail cannot be sent: {why}"))?;
    Ok(Destination::Mail(mailer, format!("{local_part}@{domain}")))
}

fn check_topic<'a>(home: &Remediation, arn: &'a str) -> Result<Destination<'a>, String> {
    let mut allowed = home.settings.contact_topics.iter();
    let is_asked = home.settings.safeguards.hold(Safeguard::ContactAllowed);
    if is_asked && !allowed.any(|pattern| pattern.matches(arn)) {
        return Err(
            "the stack's parameter ContactTopics (TAGWARDEN_CONTACT_TOPICS) does not allow this topic"
                .to_owned(),
        );
    }
    if arn.strip_suffix(".fifo").is_some() {
        return Err("a FIFO topic does not take letters: use a standard topic".to_owned());
    }
    if home.settings.topic_arn.as_deref() == Some(arn) {
        return Err("it is the topic of the reports, whose readers get no letters".to_owned());
    }
    Ok(Destination::Topic(arn))
}

/// Sends the text of a letter by SES.
async fn mail(mailer: &Mailer, to: String, message: LetterMessage) -> Result<(), String> {
    let mail = Mail {
        to,
        subject: message.subject,
        text: message.text,
    };
    mailer.send(&mail).await.map_err(|error| error.to_string())
}

async fn publish(
    home: &Remediation,
    topic: &str,
    message: LetterMessage,
    until: Option<DateTime<Utc>>,
) -> Result<(), String> {
    let left = until.map(|until| until.signed_duration_since(home.clock.now()));
    let left = left.map(|left| left.to_std().unwrap_or_default());
    let longest = left.map_or(LONGEST, |left| left.min(LONGEST));
    let client = home.sns_of(topic);
    let sent = publish_message(&client, topic, message);
    match tokio::time::timeout(longest, sent).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "{PUBLISH}: no answer in {} seconds",
            longest.as_secs()
        )),
    }
}

async fn publish_message(
    client: &Client,
    topic: &str,
    message: LetterMessage,
) -> Result<(), AwsError> {
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

//! Publishes reports to the topic, and remembers what was published.

use std::collections::BTreeSet;

use aws_sdk_sns::types::MessageAttributeValue;
use chrono::{DateTime, Utc};
use tagwarden_aws::AwsError;
use tagwarden_aws::policy_table::PolicyTableError;
use tagwarden_core::Policy;

use crate::ledger::{DayNotes, Ledger};
use crate::link::ReportOrigin;
use crate::post::{self, Posted};
use crate::progress::Phase;
use crate::remediation::{Remediation, RemediationError};
use crate::report::changes::{CHANGES, EDITION};
use crate::report::{Entry, Message, Report, ReportContext, broken_policy, messages, text};
use crate::run_id::RunId;
use crate::safeguard::Safeguard;

const PUBLISH: &str = "sns:Publish";

/// Logs the report, entry by entry, and publishes what is new in it. A report of nothing new is not published.
///
/// # Errors
/// SNS did not take a message.
pub(crate) async fn publish(
    home: &Remediation,
    report: &mut Report,
    policy: &Policy,
    deadline: Option<DateTime<Utc>>,
) -> Result<(), RemediationError> {
    home.monitor.enter(Phase::Reporting, None);
    report.sort();
    log(report, &report.entries);
    // One topic may have the reports of a whole organization.
    let topic = home.settings.topic_arn.as_deref();
    let place = topic.and_then(|topic| report.origin.sender.away_from(topic));
    report.notes.extend(place);

    // What was reported earlier today is left out. Without a topic nothing counts as reported.
    let names: BTreeSet<String> = report.entries.iter().filter_map(Entry::name).collect();
    let ledger = home.ledger.as_ref();
    let ledger = ledger.filter(|_| home.settings.topic_arn.is_some());
    let mut notes = DayNotes::default();
    if let Some(ledger) = ledger.filter(|_| !names.is_empty()) {
        // To report it twice is better than not at all.
        match ledger.reported(report.mode).await {
            Ok(read) => {
                report.already_reported.clone_from(&read.names);
                notes = read;
            }
            Err(error) => tracing::error!("the ledger: {error}"),
        }
    }

    let mut knows_changes = true;
    if let Some(ledger) = ledger.filter(|_| !report.news().is_empty()) {
        match add_changes(ledger, report).await {
            Ok(known) => knows_changes = known,
            Err(error) => tracing::error!("the ledger: {error}"),
        }
    }

    // Before the report, which says what could not be sent.
    // In a box, because what sends many letters at a time would make every run's future large.
    let posted = Box::pin(send_letters(home, report, policy, deadline)).await;
    if let Some(problem) = &posted.problem {
        tracing::error!("{problem}");
    }
    report.undelivered = posted.undelivered;
    report.letter_problem = posted.problem;

    let context = ReportContext {
        region: home.region.as_deref(),
        ledger_table: home.settings.ledger_table.as_deref(),
        template: policy.report_template(),
    };
    let messages = messages(report, context);
    if let Some(problem) = &messages.problem {
        tracing::error!("{problem}");
    }
    report.unannounced = messages.unannounced;
    let is_news = !messages.messages.is_empty();
    for message in messages.messages {
        send(home, &message).await?;
    }
    if is_news {
        post::send_digest(home, report, policy, deadline).await;
    }

    // Only what SNS took counts as reported.
    if let Some(ledger) = ledger {
        // A notice that the text has no room for is given by a later report.
        let told = report
            .entries
            .iter()
            .filter(|it| !report.is_unannounced(it));
        let names: BTreeSet<String> = told.filter_map(Entry::name).collect();
        let new = names.difference(&report.already_reported).cloned();
        if let Err(error) = ledger
            .remember_reported(report.mode, &notes, new.collect())
            .await
        {
            tracing::error!("what was reported will be reported again: {error}");
        }
        if !knows_changes && let Err(error) = ledger.remember_changes_reported(EDITION).await {
            tracing::error!("what has changed will be reported again: {error}");
        }
    }
    Ok(())
}

/// Sends letters to those owners who were not told today.
async fn send_letters(
    home: &Remediation,
    report: &Report,
    policy: &Policy,
    deadline: Option<DateTime<Utc>>,
) -> Posted {
    if home.settings.letters_topic_arn.is_none() || report.entries.is_empty() {
        return Posted::default();
    }
    let mut notes = DayNotes::default();
    if let Some(ledger) = &home.ledger {
        // To be told twice is better than not at all.
        match ledger.told_owners(report.mode).await {
            Ok(read) => notes = read,
            Err(error) => tracing::error!("the ledger: {error}"),
        }
    }
    if !home.settings.safeguards.hold(Safeguard::ToldOnce) {
        notes.names.clear();
    }
    let mut posted = post::send_letters(home, report, policy, &notes.names, deadline).await;
    let told = std::mem::take(&mut posted.told);
    if let Some(ledger) = home.ledger.as_ref().filter(|_| !told.is_empty())
        && let Err(error) = ledger.remember_told_owners(report.mode, &notes, told).await
    {
        tracing::error!("owners will be told again: {error}");
    }
    posted
}

/// Adds to `report` what means something else since an upgrade, if it is the first report after it. Gives whether the
/// ledger knows already that this was reported.
///
/// # Errors
/// DynamoDB cannot be asked.
async fn add_changes(ledger: &Ledger, report: &mut Report) -> Result<bool, AwsError> {
    if ledger.has_reported_changes(EDITION).await? {
        return Ok(true);
    }
    // The settings of a new deployment have never meant anything else.
    if ledger.has_ever_reported(report.mode).await? {
        report.changes = CHANGES.to_vec();
    }
    Ok(false)
}

/// Whether a report would reach anybody: the topic has a subscription that was confirmed.
///
/// SNS accepts what nobody receives. See
/// [GetTopicAttributes](https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html).
///
/// # Errors
/// Why it would not, or why that is not known.
pub(crate) async fn check_subscribers(home: &Remediation) -> Result<(), String> {
    const CALL: &str = "sns:GetTopicAttributes";
    let Some(topic_arn) = &home.settings.topic_arn else {
        return Err("no topic is configured (TAGWARDEN_TOPIC_ARN)".to_owned());
    };
    let answer = home
        .sns_of(topic_arn)
        .get_topic_attributes()
        .topic_arn(topic_arn)
        .send()
        .await
        .map_err(|error| AwsError::new(CALL, &error).to_string())?;
    let confirmed = answer
        .attributes()
        .and_then(|attributes| attributes.get("SubscriptionsConfirmed"));
    match confirmed.and_then(|number| number.parse::<u64>().ok()) {
        Some(1..) => Ok(()),
        _ => Err(format!(
            "the topic {topic_arn} has no confirmed subscription"
        )),
    }
}

/// Publishes that the policy table is not valid, once a day, so that somebody notices.
pub(crate) async fn publish_broken_policy(
    home: &Remediation,
    origin: &ReportOrigin,
    run_id: &RunId,
    error: &PolicyTableError,
) {
    let PolicyTableError::Invalid { table, source } = error else {
        return;
    };
    let ledger = home.ledger.as_ref();
    let ledger = ledger.filter(|_| home.settings.topic_arn.is_some());
    if let Some(ledger) = ledger {
        match ledger.has_reported_policy().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::error!("the ledger: {error}"),
        }
    }
    let mut message = broken_policy(home.settings.mode, origin, run_id, table, source);
    let topic = home.settings.topic_arn.as_deref();
    if let Some(place) = topic.and_then(|topic| origin.sender.away_from(topic)) {
        message.text = format!("{}\n\n{place}", message.text.trim_end());
    }
    if let Err(error) = send(home, &message).await {
        tracing::error!("{error}");
        return;
    }
    if let Some(ledger) = ledger
        && let Err(error) = ledger.remember_policy_reported().await
    {
        tracing::error!("that the policy is not valid will be reported again: {error}");
    }
}

/// Logs `entries` of `report`.
pub(crate) fn log(report: &Report, entries: &[Entry]) {
    for entry in entries {
        tracing::info!(
            run = report.run_id.as_str(),
            instance = entry.step.instance_id,
            rule = entry.step.cause.rule_id(),
            tag = entry.step.cause.tag_key(),
            finding = entry.step.cause.name(),
            remedy = entry.step.remedy.name(),
            outcome = entry.outcome.name(),
            "{}",
            text::line(entry)
        );
    }
}

/// The attribute of messages that people read: what a letter for administrators has. A filter policy that asks for it leaves out
/// what only programs need to read. A policy that asks for the absence of an attribute would not do, because it lets nothing
/// through that has no attributes at all.
///
/// See [Key matching](https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html).
const AUDIENCE: (&str, &str, &str) = ("audience", "String", "admins");

/// The name of the attribute of messages that only programs need to read.
const PART: &str = "part";

async fn send(home: &Remediation, message: &Message) -> Result<(), RemediationError> {
    let Some(topic_arn) = &home.settings.topic_arn else {
        return Ok(());
    };
    let part = message.part.to_string();
    let (name, data_type, value) = if message.is_for_programs() {
        (PART, "Number", part.as_str())
    } else {
        AUDIENCE
    };
    let attribute = MessageAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build()
        .map_err(|error| unpublished(AwsError::unexpected(PUBLISH, error.to_string())))?;
    let sent = home
        .sns_of(topic_arn)
        .publish()
        .topic_arn(topic_arn)
        .subject(&home.settings.report_subject)
        .message(message.body())
        .message_structure("json")
        .message_attributes(name, attribute)
        .send()
        .await;
    sent.map_err(|error| unpublished(AwsError::new(PUBLISH, &error)))?;
    Ok(())
}

fn unpublished(error: AwsError) -> RemediationError {
    RemediationError::Unreported(error)
}

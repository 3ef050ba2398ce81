//! The topic of the reports: whether anybody reads them.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use tagwarden_aws::AwsError;
use tagwarden_core::Policy;
use tagwarden_remediation::Settings;
use tagwarden_remediation::settings::{Mode, RulesMayDestroy};

use super::checks::{Area, NOTICE_UNREAD, REPORTS_UNREAD, SUBSCRIPTION_PENDING, TOPIC_MISSING};
use super::exam::{Exam, Look};
use super::functions::FunctionPair;
use super::stack::StackParts;
use crate::words::count;

/// What was seen of the topic.
#[derive(Clone, Debug, Default)]
pub struct TopicView {
    /// Its ARN.
    pub arn: Option<String>,
    /// The key that encrypts it: an id, an ARN or an alias.
    pub key: Option<String>,
}

/// Looks at the topic.
pub async fn examine(
    exam: &mut Exam,
    pair: &FunctionPair,
    parts: &StackParts,
    policy: Option<&Policy>,
) -> TopicView {
    let look = Look::new(Area::Reports, "whether anybody receives the reports");
    let set = pair.remediation.as_ref();
    let set = set.and_then(|it| it.variable("TAGWARDEN_TOPIC_ARN"));
    let arn = set.or_else(|| parts.id("Topic").map(ToOwned::to_owned));
    let Some(arn) = arn else {
        if pair.remediation.is_some() {
            let what =
                "The remediation has no topic (TAGWARDEN_TOPIC_ARN), and only logs its reports.";
            let deploy = exam.deploy(&[]);
            exam.complain(REPORTS_UNREAD, what, [deploy]);
        } else {
            exam.not_asked(look, "the remediation's settings were not seen");
        }
        return TopicView::default();
    };
    let mut view = TopicView {
        arn: Some(arn.clone()),
        key: None,
    };
    let client = Client::new(&exam.config_of(&arn));
    let attributes = client.get_topic_attributes().topic_arn(&arn).send().await;
    let attributes = attributes.map_err(|error| AwsError::new("sns:GetTopicAttributes", &error));
    let Ok(attributes) = exam.see_if_any(look, &["NotFound", "NotFoundException"], attributes)
    else {
        return view;
    };
    let Some(attributes) = attributes.map(|it| it.attributes.unwrap_or_default()) else {
        let what = format!("The topic {arn} does not exist.");
        let repair = exam.repair();
        exam.complain(TOPIC_MISSING, what, repair);
        return view;
    };
    view.key = attributes.get("KmsMasterKeyId").cloned();
    let number = |name: &str| {
        let number = attributes.get(name).and_then(|it| it.parse::<usize>().ok());
        number.unwrap_or_default()
    };
    judge_pending(exam, &client, &arn, number("SubscriptionsPending")).await;
    if number("SubscriptionsConfirmed") == 0 {
        let mut what = format!("The topic {arn} has no confirmed subscription.");
        let check = if needs_notices(pair.settings.as_ref(), policy) {
            what.push_str(" Nothing is shut down, because nobody would read its notice.");
            NOTICE_UNREAD
        } else {
            REPORTS_UNREAD
        };
        let subscribe = subscribe(exam, &arn, "email", "NAME@EXAMPLE.COM");
        exam.complain(check, what, [subscribe]);
    }
    view
}

/// Whether shutdowns must be announced: by the settings, or by a rule that may shut down.
fn needs_notices(settings: Option<&Settings>, policy: Option<&Policy>) -> bool {
    let Some(settings) = settings.filter(|it| it.mode == Mode::Enforce) else {
        return false;
    };
    let rules_may = settings.rules_may_destroy != RulesMayDestroy::No;
    let rules = policy.map(Policy::rules).unwrap_or_default().iter();
    let mut announced = rules.filter(|rule| rule.may_shut_down() && rule.options.notice.is_some());
    !settings.notice.is_zero() || (rules_may && announced.next().is_some())
}

/// A subscription by mail counts only once somebody has followed the link in SNS's mail. The link is good for two days.
async fn judge_pending(exam: &mut Exam, client: &Client, arn: &str, pending: usize) {
    if pending == 0 {
        return;
    }
    let look = Look::minor(
        Area::Reports,
        "which subscriptions wait for their confirmation",
    );
    let all = client.list_subscriptions_by_topic().topic_arn(arn);
    let all: Result<Vec<Subscription>, _> = all.into_paginator().items().send().try_collect().await;
    let all = all.map_err(|error| AwsError::new("sns:ListSubscriptionsByTopic", &error));
    let all = exam.see(look, all).unwrap_or_default();
    let waiting: Vec<(&str, String)> = all
        .iter()
        .filter(|it| it.subscription_arn() == Some("PendingConfirmation"))
        .filter_map(|it| {
            Some((
                it.protocol()?,
                without_secrets(it.protocol()?, it.endpoint()?),
            ))
        })
        .collect();
    let names: Vec<&str> = waiting
        .iter()
        .map(|(_, endpoint)| endpoint.as_str())
        .collect();
    let names = match names.as_slice() {
        [] => String::new(),
        names => format!(": {}", names.join(", ")),
    };
    let what = format!(
        "{} of the topic {arn} {} for the confirmation{names}. SNS's mail has a link, which is good for two days.",
        count(pending, "subscription"),
        if pending == 1 { "waits" } else { "wait" }
    );
    // To subscribe once more sends the mail once more.
    let fixes: Vec<String> = match waiting.as_slice() {
        [] => vec![subscribe(exam, arn, "email", "NAME@EXAMPLE.COM")],
        waiting => waiting
            .iter()
            .map(|(protocol, endpoint)| subscribe(exam, arn, protocol, endpoint))
            .collect(),
    };
    exam.complain(SUBSCRIPTION_PENDING, what, fixes);
}

/// The endpoint of a subscription without what may be a secret or personal: URLs have tokens, and the output gets into the
/// logs of pipelines.
fn without_secrets(protocol: &str, endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or((protocol, endpoint));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    match protocol {
        "http" | "https" => format!("{scheme}://{host}/PATH"),
        "email" | "email-json" => format!("NAME@{host}"),
        "sms" => "NUMBER".to_owned(),
        _ => endpoint.to_owned(),
    }
}

fn subscribe(exam: &Exam, arn: &str, protocol: &str, endpoint: &str) -> String {
    let to = ["--protocol", protocol, "--notification-endpoint", endpoint];
    exam.aws_at(
        arn,
        &[&["sns", "subscribe", "--topic-arn", arn], &to[..]].concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_more_of_an_endpoint_than_where_it_is() {
        for (protocol, endpoint, shown) in [
            ("email", "ann@acme.example", "NAME@acme.example"),
            (
                "https",
                "https://u:p@hooks.example/T0/secret?x=1",
                "https://hooks.example/PATH",
            ),
            ("http", "http://hooks.example", "http://hooks.example/PATH"),
            ("sms", "+4915112345678", "NUMBER"),
            (
                "sqs",
                "arn:aws:sqs:eu-west-1:111111111111:q",
                "arn:aws:sqs:eu-west-1:111111111111:q",
            ),
        ] {
            assert_eq!(without_secrets(protocol, endpoint), shown);
        }
    }
}

//! The remediation's queue, and its dead letters.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_aws::AwsError;

use super::checks::{
    Area, DEAD_LETTERS, NO_DEAD_LETTERS, QUEUE_MISSING, QUEUE_NOT_ALLOWED, QUEUE_OLD,
};
use super::exam::{Exam, Look};
use super::functions::FunctionPair;
use super::policies::allows;
use super::stack::StackParts;
use crate::aws::other::{OtherCall, OtherService};
use crate::words::{count, duration};

const STATISTICS: OtherCall =
    OtherCall::new(OtherService::CloudWatch, "cloudwatch:GetMetricStatistics");

/// SQS's codes for a queue that does not exist, of its two protocols.
const ABSENT: [&str; 2] = [
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
];

/// How long a message may be in the queue, where its visibility timeout is not known: that of the template.
const USUAL_TIMEOUT: i64 = 2100;

type Attributes = HashMap<QueueAttributeName, String>;

/// The queue, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct QueueView {
    /// Its ARN.
    pub arn: Option<String>,
}

/// Looks at the queue.
pub async fn examine(exam: &mut Exam, pair: &FunctionPair, parts: &StackParts) -> QueueView {
    let look = Look::new(
        Area::Queue,
        "whether messages wait in the queue, or were given up",
    );
    let set = pair.remediation.as_ref();
    let set = set.and_then(|it| it.variable("TAGWARDEN_QUEUE_URL"));
    let url = set.or_else(|| parts.id("Queue").map(ToOwned::to_owned));
    let Some(url) = url else {
        exam.not_asked(
            look,
            "the remediation's settings do not name a queue, or were not seen",
        );
        return QueueView::default();
    };
    let client = Client::new(&exam.access.config);
    let attributes = attributes(&client, &url).await;
    let Ok(attributes) = exam.see_if_any(look, &ABSENT, attributes) else {
        return QueueView {
            arn: arn_of(exam, &url),
        };
    };
    let Some(attributes) = attributes else {
        let what = format!("The queue {url} does not exist.");
        let repair = exam.repair();
        exam.complain(QUEUE_MISSING, what, repair);
        return QueueView::default();
    };
    judge_policy(exam, &url, &attributes);
    judge_age(exam, pair, &url, &attributes).await;
    let arn = attributes.get(&QueueAttributeName::QueueArn).cloned();
    let arn = arn.or_else(|| arn_of(exam, &url));
    judge_dead_letters(exam, &client, (&url, arn.as_deref()), &attributes).await;
    QueueView { arn }
}

async fn attributes(client: &Client, url: &str) -> Result<Attributes, AwsError> {
    let ask = client.get_queue_attributes().queue_url(url);
    let ask = ask.attribute_names(QueueAttributeName::All);
    let answer = ask.send().await;
    let answer = answer.map_err(|error| AwsError::new("sqs:GetQueueAttributes", &error))?;
    Ok(answer.attributes.unwrap_or_default())
}

/// The ARN of the queue at a URL such as `https://sqs.eu-west-1.amazonaws.com/111111111111/name`.
fn arn_of(exam: &Exam, url: &str) -> Option<String> {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    let (partition, region) = (exam.partition(), &exam.access.region);
    Some(format!("arn:{partition}:sqs:{region}:{account}:{name}"))
}

fn number(attributes: &Attributes, name: &QueueAttributeName) -> i64 {
    let number = attributes.get(name).and_then(|it| it.parse().ok());
    number.unwrap_or_default()
}

/// EventBridge sends by the queue's policy alone.
fn judge_policy(exam: &mut Exam, url: &str, attributes: &Attributes) {
    let policy = attributes.get(&QueueAttributeName::Policy);
    let policy: Value = policy
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    if !allows(&policy, "events.amazonaws.com", "sqs:SendMessage") {
        let what = format!("The policy of the queue {url} does not let EventBridge send events.");
        let repair = exam.repair();
        exam.complain(QUEUE_NOT_ALLOWED, what, repair);
    }
}

/// No attribute says how old the oldest message is. CloudWatch has a metric, as long as the queue is in use.
async fn judge_age(exam: &mut Exam, pair: &FunctionPair, url: &str, attributes: &Attributes) {
    let look = Look::new(Area::Queue, "how long messages wait in the queue");
    let name = url.rsplit('/').next().unwrap_or_default();
    let now = Utc::now();
    let time = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let parameters = json!({
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions.member.1.Name": "QueueName",
        "Dimensions.member.1.Value": name,
        "StartTime": time(now - TimeDelta::minutes(15)),
        "EndTime": time(now),
        "Period": 900,
        "Statistics.member.1": "Maximum",
    });
    let statistics = STATISTICS.send(&exam.access.config, parameters).await;
    let Some(statistics) = exam.see(look, statistics) else {
        return;
    };
    let points = statistics.get("Datapoints").and_then(Value::as_array);
    let ages = points.into_iter().flatten().filter_map(|point| {
        let age = point.get("Maximum")?.as_str()?;
        age.parse::<f64>().ok()
    });
    let oldest = ages.fold(0.0, f64::max);
    #[allow(
        clippy::cast_possible_truncation,
        reason = "seconds of at most 14 days"
    )]
    let oldest = oldest as i64;
    let longest = match number(attributes, &QueueAttributeName::VisibilityTimeout) {
        0 => USUAL_TIMEOUT,
        timeout => timeout,
    };
    if oldest <= longest {
        return;
    }
    let waiting = number(attributes, &QueueAttributeName::ApproximateNumberOfMessages);
    let what = format!(
        "A message in the queue {name} waited for {}, and a run takes at most {}. {} now.",
        duration(TimeDelta::minutes(oldest / 60)),
        duration(TimeDelta::minutes(longest / 60)),
        waiting_messages(waiting)
    );
    let group = pair.remediation.as_ref().map(|it| it.log_group.clone());
    let group = group.unwrap_or_else(|| format!("/aws/lambda/{}-remediation", exam.stack));
    let log = exam.aws(&[
        "logs",
        "filter-log-events",
        "--log-group-name",
        &group,
        "--filter-pattern",
        "ERROR",
    ]);
    exam.complain(QUEUE_OLD, what, [log]);
}

fn waiting_messages(number: i64) -> String {
    let number = usize::try_from(number).unwrap_or_default();
    let wait = if number == 1 { "waits" } else { "wait" };
    format!("{} {wait}", count(number, "message"))
}

/// Judges the dead-letter queue of the queue with this URL and ARN.
async fn judge_dead_letters(
    exam: &mut Exam,
    client: &Client,
    (url, queue_arn): (&str, Option<&str>),
    attributes: &Attributes,
) {
    let redrive = attributes.get(&QueueAttributeName::RedrivePolicy);
    let redrive: Value = redrive
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let target = redrive.get("deadLetterTargetArn").and_then(Value::as_str);
    let Some(arn) = target else {
        let what = format!("The queue {url} has no dead-letter queue.");
        let repair = exam.repair();
        exam.complain(NO_DEAD_LETTERS, what, repair);
        return;
    };
    let look = Look::new(Area::Queue, "whether tagwarden gave up on messages");
    // The queue is beside the other one, under the same address.
    let name = arn.rsplit(':').next().unwrap_or_default();
    let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
    let dead_url = format!("{base}/{name}");
    let dead = self::attributes(client, &dead_url).await;
    let Ok(dead) = exam.see_if_any(look, &ABSENT, dead) else {
        return;
    };
    let Some(dead) = dead else {
        let what = format!("The dead-letter queue {arn} of {url} does not exist.");
        let repair = exam.repair();
        exam.complain(NO_DEAD_LETTERS, what, repair);
        return;
    };
    let given_up = number(&dead, &QueueAttributeName::ApproximateNumberOfMessages);
    if given_up > 0 {
        let what = format!(
            "{} in the dead-letter queue {name}.",
            waiting_messages(given_up)
        );
        let mut again = vec!["sqs", "start-message-move-task", "--source-arn", arn];
        if let Some(queue_arn) = queue_arn {
            // What EventBridge gave up on never was in a queue, so SQS does not know where to move it.
            again.extend(["--destination-arn", queue_arn]);
        }
        let fixes = [
            exam.aws(&[
                "sqs",
                "receive-message",
                "--queue-url",
                &dead_url,
                "--max-number-of-messages",
                "10",
                "--visibility-timeout",
                "0",
            ]),
            exam.aws(&again),
        ];
        exam.complain(DEAD_LETTERS, what, fixes);
    }
}

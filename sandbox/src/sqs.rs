//! SQS: queues that take messages, see
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
//!
//! Only [`Account::take_messages`] receives from them. Answers have no digests of the messages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError};

/// "a single message batch request can include a maximum of 10 messages"
const MOST_MESSAGES: usize = 10;

/// The sum of the messages' sizes. Newer than this 256 KiB is 1 MiB; what keeps to the one keeps to the other.
const LARGEST_BATCH: usize = 262_144;

/// The longest delay of a message.
const LONGEST_DELAY_SECONDS: i64 = 900;

/// The account's queues, by their URLs, and the messages in them in the order they were sent.
#[derive(Debug, Default)]
pub(crate) struct Sqs {
    queues: BTreeMap<String, Vec<Message>>,
    /// What `SetQueueAttributes` has set, by the queue's URL.
    attributes: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Message {
    visible_at: DateTime<Utc>,
    body: String,
}

impl Contents {
    /// `SendMessageBatch`. A message with a delay that is not allowed fails by itself.
    pub(crate) fn send_message_batch(
        &mut self,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Answer, ApiError> {
        request.only(&["QueueUrl", "Entries"])?;
        let url = request.text("QueueUrl").unwrap_or_default();
        let queue = self.sqs.queues.get_mut(url).ok_or_else(no_such_queue)?;
        let entries = request.parameters.get("Entries").and_then(Value::as_array);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value, name: &str| {
            let text = entry.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let ids: BTreeSet<String> = entries.iter().map(|entry| text(entry, "Id")).collect();
        let bodies: Vec<String> = entries.iter().map(|it| text(it, "MessageBody")).collect();
        let refused = if entries.is_empty() {
            Some(("EmptyBatchRequest", "There should be at least one entry."))
        } else if entries.len() > MOST_MESSAGES {
            Some((
                "TooManyEntriesInBatchRequest",
                "Maximum number of entries per request are 10.",
            ))
        } else if ids.len() < entries.len() {
            Some((
                "BatchEntryIdsNotDistinct",
                "Two or more batch entries have the same Id.",
            ))
        } else if bodies.iter().map(String::len).sum::<usize>() > LARGEST_BATCH {
            Some((
                "BatchRequestTooLong",
                "Batch requests cannot be longer than 262144 bytes.",
            ))
        } else {
            None
        };
        if let Some((code, message)) = refused {
            return Err(ApiError::new(format!("com.amazonaws.sqs#{code}"), message));
        }
        let mut successful = Vec::new();
        let mut failed = Vec::new();
        for (entry, body) in entries.iter().zip(bodies) {
            let id = text(entry, "Id");
            let delay = entry.get("DelaySeconds").and_then(Value::as_i64);
            let delay = delay.unwrap_or_default();
            if !(0..=LONGEST_DELAY_SECONDS).contains(&delay) {
                let message = format!(
                    "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= \
                     {LONGEST_DELAY_SECONDS}."
                );
                let code = "InvalidParameterValue";
                failed
                    .push(json!({"Id": id, "SenderFault": true, "Code": code, "Message": message}));
                continue;
            }
            let visible_at = now + TimeDelta::seconds(delay);
            queue.push(Message { visible_at, body });
            successful
                .push(json!({"Id": id, "MessageId": self.ids.uuid(), "MD5OfMessageBody": ""}));
        }
        Ok(Answer::Json(
            json!({"Successful": successful, "Failed": failed}),
        ))
    }
}

impl Contents {
    /// All attributes, see
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
    pub(crate) fn queue_attributes(
        &self,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Answer, ApiError> {
        request.only(&["QueueUrl", "AttributeNames"])?;
        let url = request.text("QueueUrl").unwrap_or_default();
        let Some(queue) = self.sqs.queues.get(url) else {
            return Err(no_such_queue());
        };
        let visible = queue
            .iter()
            .filter(|message| message.visible_at <= now)
            .count();
        let name = url.rsplit('/').next().unwrap_or_default();
        let mut attributes = json!({
            "QueueArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}"),
            "ApproximateNumberOfMessages": visible.to_string(),
            "ApproximateNumberOfMessagesDelayed": (queue.len() - visible).to_string(),
            "VisibilityTimeout": "30",
        });
        let set = self.sqs.attributes.get(url).into_iter().flatten();
        if let Some(members) = attributes.as_object_mut() {
            members.extend(set.map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        }
        Ok(Answer::Json(json!({"Attributes": attributes})))
    }
}

fn no_such_queue() -> ApiError {
    ApiError::new(
        "com.amazonaws.sqs#QueueDoesNotExist",
        "The specified queue does not exist.",
    )
}

impl Account {
    /// Sets an attribute of a queue, such as `RedrivePolicy`.
    pub fn set_queue_attribute(&self, queue_url: &str, name: &str, value: &str) {
        let attributes = &mut self.contents().sqs.attributes;
        let own = attributes.entry(queue_url.to_owned()).or_default();
        own.insert(name.to_owned(), value.to_owned());
    }

    /// Takes an attribute of a queue away.
    pub fn unset_queue_attribute(&self, queue_url: &str, name: &str) {
        if let Some(own) = self.contents().sqs.attributes.get_mut(queue_url) {
            own.remove(name);
        }
    }

    /// Deletes a queue with its messages.
    pub fn delete_queue(&self, queue_url: &str) {
        self.contents().sqs.queues.remove(queue_url);
    }

    /// Puts a message into a queue, visible at once.
    pub fn put_message(&self, queue_url: &str, body: &str) {
        let visible_at = self.now();
        if let Some(queue) = self.contents().sqs.queues.get_mut(queue_url) {
            let body = body.to_owned();
            queue.push(Message { visible_at, body });
        }
    }

    /// Makes a queue and gives its URL.
    #[must_use]
    pub fn create_queue(&self, name: &str) -> String {
        let url = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name}");
        self.contents().sqs.queues.entry(url.clone()).or_default();
        url
    }

    /// Takes the messages off a queue whose delay is over, in the order they were sent, and gives their bodies.
    #[must_use]
    pub fn take_messages(&self, queue_url: &str) -> Vec<String> {
        let now = self.now();
        let mut contents = self.contents();
        let Some(queue) = contents.sqs.queues.get_mut(queue_url) else {
            return Vec::new();
        };
        let visible = queue.extract_if(.., |message| message.visible_at <= now);
        visible.map(|message| message.body).collect()
    }

    /// When the next message of a queue becomes visible, or became so; none if the queue is empty.
    #[must_use]
    pub fn next_message_at(&self, queue_url: &str) -> Option<DateTime<Utc>> {
        let contents = self.contents();
        let queue = contents.sqs.queues.get(queue_url)?;
        queue.iter().map(|message| message.visible_at).min()
    }
}

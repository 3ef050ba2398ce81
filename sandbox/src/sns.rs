//! SNS: topics, and Publish, see <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError, Xml};

/// "Messages must be UTF-8 encoded strings and at most 256 KB in size (262,144 bytes)": attributes count.
const LARGEST_MESSAGE: usize = 262_144;

/// "must be less than 100 characters long"
const LONGEST_SUBJECT: usize = 99;

/// The account's topics and what was published.
#[derive(Debug, Default)]
pub(crate) struct Sns {
    topics: BTreeSet<String>,
    published: Vec<Publication>,
}

/// One message published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The topic it went to.
    pub topic_arn: String,
    /// Its subject, if it has one.
    pub subject: Option<String>,
    /// The message as it was given: of the structure `json`, the whole document.
    pub message: String,
    /// `json`, or none.
    pub message_structure: Option<String>,
}

impl Contents {
    pub(crate) fn publish(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&[
            "TopicArn",
            "Subject",
            "Message",
            "MessageStructure",
            "MessageAttributes",
        ])?;
        let topic_arn = request.text("TopicArn").unwrap_or_default();
        let parts = topic_arn.split(':').count();
        if parts != 6 || !topic_arn.starts_with("arn:aws:sns:") {
            return Err(invalid(
                "TopicArn or TargetArn Reason: no value for required parameter",
            ));
        }
        if !self.sns.topics.contains(topic_arn) {
            return Err(ApiError::new("NotFound", "Topic does not exist").with_status(404));
        }
        let subject = request.text("Subject");
        if subject.is_some_and(|subject| !is_subject(subject)) {
            return Err(invalid("Subject"));
        }
        let message = request.text("Message").unwrap_or_default();
        if message.is_empty() {
            return Err(invalid("Empty message"));
        }
        if message.len() + attributes_size(request) > LARGEST_MESSAGE {
            return Err(invalid("Message too long"));
        }
        let structure = request.text("MessageStructure");
        match structure {
            None => {}
            Some("json") => check_json(message)?,
            Some(_) => return Err(invalid("MessageStructure")),
        }
        self.sns.published.push(Publication {
            topic_arn: topic_arn.to_owned(),
            subject: subject.map(str::to_owned),
            message: message.to_owned(),
            message_structure: structure.map(str::to_owned),
        });
        let mut xml = Xml::default();
        xml.text("MessageId", self.ids.uuid());
        Ok(Answer::Xml(xml))
    }
}

/// "Subjects must be UTF-8 text with no line breaks or control characters, and less than 100 characters
/// long." An empty one is refused as well.
fn is_subject(subject: &str) -> bool {
    let length = subject.chars().count();
    (1..=LONGEST_SUBJECT).contains(&length) && !subject.chars().any(char::is_control)
}

/// The message of the structure `json` is an object with a string for the subscribers it has no other for.
fn check_json(message: &str) -> Result<(), ApiError> {
    let document = serde_json::from_str::<Value>(message);
    let Ok(Value::Object(members)) = document else {
        return Err(invalid(
            "Message Structure - JSON message body failed to parse",
        ));
    };
    match members.get("default") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(invalid(
            "Message Structure - No default entry in JSON message body",
        )),
    }
}

/// The bytes of the attributes' names, types and values.
fn attributes_size(request: &Request) -> usize {
    let parameters = request.parameters.as_object().into_iter().flatten();
    parameters
        .filter(|(name, _)| name.starts_with("MessageAttributes."))
        .filter_map(|(_, value)| value.as_str())
        .map(str::len)
        .sum()
}

fn invalid(what: &str) -> ApiError {
    ApiError::new("InvalidParameter", format!("Invalid parameter: {what}"))
}

impl Account {
    /// Makes a topic and gives its ARN.
    #[allow(
        clippy::must_use_candidate,
        reason = "the topic is there, whether its ARN is of interest or not"
    )]
    pub fn create_topic(&self, name: &str) -> String {
        let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT_ID}:{name}");
        self.contents().sns.topics.insert(arn.clone());
        arn
    }

    /// Everything published so far, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Publication> {
        self.contents().sns.published.clone()
    }
}

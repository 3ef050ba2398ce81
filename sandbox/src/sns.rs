//! SNS: topics, `GetTopicAttributes`, and Publish, see <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::described::as_xml;
use crate::place::{ACCOUNT_ID, CALLER, REGION};
use crate::wire::{Answer, ApiError, Xml};

/// "Messages must be UTF-8 encoded strings and at most 256 KB in size (262,144 bytes)": attributes count.
const LARGEST_MESSAGE: usize = 262_144;

/// "must be less than 100 characters long"
const LONGEST_SUBJECT: usize = 99;

/// The account's topics and what was published.
#[derive(Debug, Default)]
pub(crate) struct Sns {
    topics: BTreeMap<String, Topic>,
    published: Vec<Publication>,
}

/// A topic's own settings.
#[derive(Debug)]
struct Topic {
    confirmed_subscriptions: u32,
    /// The addresses whose subscription waits for its confirmation.
    pending: Vec<String>,
    key: Option<String>,
    refuses_publications: bool,
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
    /// The values of its attributes, by name. A `String.Array` is JSON.
    pub attributes: BTreeMap<String, String>,
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
        let topic = self.sns.topic(topic_arn)?;
        if topic.refuses_publications {
            let message = format!(
                "User: {CALLER} is not authorized to perform: SNS:Publish on resource: {topic_arn} with an \
                 explicit deny in a resource-based policy"
            );
            return Err(ApiError::new("AuthorizationError", message).with_status(403));
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
        let attributes = attributes(request)?;
        self.sns.published.push(Publication {
            attributes,
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

impl Contents {
    /// The attributes that are the topic's own, see
    /// <https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>.
    pub(crate) fn topic_attributes(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["TopicArn"])?;
        let arn = request.text("TopicArn").unwrap_or_default();
        let topic = self.sns.topic(arn)?;
        let confirmed = topic.confirmed_subscriptions.to_string();
        let pending = topic.pending.len().to_string();
        let key = topic.key.as_deref();
        let key = key.map(|key| ("KmsMasterKeyId", key));
        let mut xml = Xml::default();
        xml.element("Attributes", |xml| {
            let own = [
                ("TopicArn", arn),
                ("Owner", ACCOUNT_ID),
                ("DisplayName", ""),
                ("SubscriptionsConfirmed", &confirmed),
                ("SubscriptionsPending", &pending),
                ("SubscriptionsDeleted", "0"),
            ];
            for (key, value) in own.into_iter().chain(key) {
                xml.element("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", value);
                });
            }
        });
        Ok(Answer::Xml(xml))
    }
}

impl Contents {
    /// The subscriptions that wait for their confirmation; of the others a topic knows the number only. See
    /// <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>.
    pub(crate) fn subscriptions(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&["TopicArn"])?;
        let arn = request.text("TopicArn").unwrap_or_default();
        let topic = self.sns.topic(arn)?;
        let pending = topic.pending.iter().map(|address| {
            json!({
                "SubscriptionArn": "PendingConfirmation",
                "Owner": ACCOUNT_ID,
                "Protocol": "email",
                "Endpoint": address,
                "TopicArn": arn,
            })
        });
        let answer = json!({"Subscriptions": pending.collect::<Vec<_>>()});
        Ok(Answer::Xml(as_xml(&answer)))
    }
}

impl Sns {
    fn topic(&self, arn: &str) -> Result<&Topic, ApiError> {
        let missing = || ApiError::new("NotFound", "Topic does not exist").with_status(404);
        self.topics.get(arn).ok_or_else(missing)
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

/// The values of the attributes, by name. See
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>.
fn attributes(request: &Request) -> Result<BTreeMap<String, String>, ApiError> {
    let mut attributes = BTreeMap::new();
    for number in 1.. {
        let part = |part: &str| request.text(&format!("MessageAttributes.entry.{number}.{part}"));
        let Some(name) = part("Name") else {
            break;
        };
        let value = part("Value.StringValue").unwrap_or_default();
        let is_sound = match part("Value.DataType") {
            Some("String") => !value.is_empty(),
            Some("Number") => value.parse::<f64>().is_ok(),
            Some("String.Array") => {
                let values = serde_json::from_str::<Vec<Value>>(value);
                values.is_ok_and(|values| !values.iter().any(Value::is_object))
            }
            _ => false,
        };
        if !is_sound || !is_attribute_name(name) {
            let message = format!("Invalid parameter: the message attribute {name:?} is not valid");
            return Err(ApiError::new("ParameterValueInvalid", message));
        }
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(attributes)
}

/// "can contain the following characters: A-Z, a-z, 0-9, underscore, hyphen, and period. Must not start or end with a
/// period, and must not have periods in succession. Can be up to 256 characters long."
fn is_attribute_name(name: &str) -> bool {
    let is_character = |it: u8| it.is_ascii_alphanumeric() || b"_-.".contains(&it);
    (1..=256).contains(&name.len())
        && name.bytes().all(is_character)
        && name.split('.').all(|part| !part.is_empty())
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
    /// Makes a topic with one confirmed subscription and gives its ARN.
    #[allow(
        clippy::must_use_candidate,
        reason = "the topic is there, whether its ARN is of interest or not"
    )]
    pub fn create_topic(&self, name: &str) -> String {
        self.create_topic_in(REGION, name)
    }

    /// As [`create_topic`](Self::create_topic), in another Region.
    #[allow(
        clippy::must_use_candidate,
        reason = "the topic is there, whether its ARN is of interest or not"
    )]
    pub fn create_topic_in(&self, region: &str, name: &str) -> String {
        let arn = format!("arn:aws:sns:{region}:{ACCOUNT_ID}:{name}");
        let topic = Topic {
            confirmed_subscriptions: 1,
            pending: Vec::new(),
            key: None,
            refuses_publications: false,
        };
        self.contents().sns.topics.insert(arn.clone(), topic);
        arn
    }

    /// Sets how many confirmed subscriptions a topic has. SNS accepts messages for a topic that has none.
    pub fn set_subscriptions(&self, topic_arn: &str, confirmed: u32) {
        if let Some(topic) = self.contents().sns.topics.get_mut(topic_arn) {
            topic.confirmed_subscriptions = confirmed;
        }
    }

    /// Somebody subscribes an address and does not confirm it.
    pub fn subscribe_unconfirmed(&self, topic_arn: &str, address: &str) {
        if let Some(topic) = self.contents().sns.topics.get_mut(topic_arn) {
            topic.pending.push(address.to_owned());
        }
    }

    /// Encrypts a topic with this key.
    pub fn encrypt_topic(&self, topic_arn: &str, key: &str) {
        if let Some(topic) = self.contents().sns.topics.get_mut(topic_arn) {
            topic.key = Some(key.to_owned());
        }
    }

    /// From now on `Publish` to a topic is refused (`AuthorizationError`), or accepted again.
    pub fn refuse_publications(&self, topic_arn: &str, refuse: bool) {
        if let Some(topic) = self.contents().sns.topics.get_mut(topic_arn) {
            topic.refuses_publications = refuse;
        }
    }

    /// Everything published so far, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Publication> {
        self.contents().sns.published.clone()
    }
}

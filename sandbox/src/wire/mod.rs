//! The services' wire protocols: what a call looks like when it comes, and its answer when it goes.
//!
//! EC2 speaks `ec2Query`, CloudFormation, CloudWatch, IAM, SNS and STS `awsQuery` (a form goes in, XML comes out);
//! DynamoDB and SQS speak `awsJson1_0`, Config, CloudTrail, CloudWatch Logs, Cost Explorer, EventBridge and KMS
//! `awsJson1_1`, Lambda and SES `restJson1`. See
//! <https://smithy.io/2.0/aws/protocols/index.html>.

mod query;
mod time;
mod xml;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub(crate) use crate::error::ApiError;
pub(crate) use time::{epoch_seconds, from_epoch_seconds, iso_millis, iso_seconds};
pub(crate) use xml::Xml;

use crate::calls::{Request, Service};
use crate::described::read_path;

/// A call as it came in, whatever it came in by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    /// The header `X-Amz-Target`.
    pub(crate) target: Option<&'a str>,
    /// The path of the URL, with its query.
    pub(crate) path: &'a str,
    /// The header `Authorization`.
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// An answer, whatever it goes out by.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) request_id: String,
    pub(crate) date: DateTime<Utc>,
    pub(crate) body: String,
}

impl Outgoing {
    /// The response headers AWS sends with every answer.
    pub(crate) fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("content-type", self.content_type.to_owned()),
            ("x-amzn-requestid", self.request_id.clone()),
            (
                "date",
                self.date.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            ),
        ]
    }
}

/// What an operation has to say when it succeeds, before the protocol wraps it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The members of the result, for the query protocols.
    Xml(Xml),
    /// The whole result, for the JSON protocols.
    Json(Value),
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ec2Query,
    AwsQuery,
    Json10,
    Json11,
    RestJson,
}

/// The path of SES's `SendEmail`.
const SEND_EMAIL: &str = "/v2/email/outbound-emails";

impl Protocol {
    /// Reads a call: its protocol, and the request or the refusal of what cannot be read.
    pub(crate) fn read(incoming: Incoming<'_>) -> (Self, Result<Request, ApiError>) {
        match incoming.target {
            Some(target) => read_json(target, incoming.body),
            None if incoming.path == SEND_EMAIL => {
                let request = read_body(Service::Ses, "SendEmail", incoming.body);
                (Self::RestJson, request)
            }
            None => match read_path(incoming.path) {
                Some(request) => (Self::RestJson, Ok(request)),
                None => query::read(incoming.body),
            },
        }
    }

    /// Writes the answer to an operation.
    pub(crate) fn write(
        self,
        operation: &str,
        outcome: Result<Answer, ApiError>,
        request_id: String,
        date: DateTime<Utc>,
    ) -> Outgoing {
        let (status, body) = match outcome {
            Ok(answer) => (200, self.write_answer(operation, answer, &request_id)),
            Err(error) => (error.status, self.write_error(&error, &request_id)),
        };
        Outgoing {
            status,
            content_type: match self {
                Self::Ec2Query => "text/xml;charset=UTF-8",
                Self::AwsQuery => "text/xml",
                Self::Json10 => "application/x-amz-json-1.0",
                Self::Json11 => "application/x-amz-json-1.1",
                Self::RestJson => "application/json",
            },
            request_id,
            date,
            body,
        }
    }

    fn write_answer(self, operation: &str, answer: Answer, request_id: &str) -> String {
        match (self, answer) {
            (Self::Ec2Query, Answer::Xml(members)) => {
                query::ec2_answer(operation, &members, request_id)
            }
            (_, Answer::Xml(members)) => query::aws_answer(operation, &members, request_id),
            (_, Answer::Json(value)) => value.to_string(),
        }
    }

    fn write_error(self, error: &ApiError, request_id: &str) -> String {
        match self {
            Self::Ec2Query => query::ec2_error(error, request_id),
            Self::AwsQuery => query::aws_error(error, request_id),
            // Lambda and SES also name the error in a header. Their SDKs read either.
            Self::Json10 | Self::Json11 | Self::RestJson => {
                let mut members = error.members.clone();
                members.insert("__type".to_owned(), error.code.clone().into());
                members.insert("message".to_owned(), error.message.clone().into());
                Value::Object(members).to_string()
            }
        }
    }
}

/// Reads a call of an AWS JSON service: the operation is in the header, the parameters are the body.
fn read_json(target: &str, body: &[u8]) -> (Protocol, Result<Request, ApiError>) {
    let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
    // Older CloudTrail clients spell the whole Java package before the last part.
    let (service, protocol) = match prefix.rsplit('.').next().unwrap_or(prefix) {
        "DynamoDB_20120810" => (Service::DynamoDb, Protocol::Json10),
        "AmazonSQS" => (Service::Sqs, Protocol::Json10),
        "StarlingDoveService" => (Service::Config, Protocol::Json11),
        "CloudTrail_20131101" => (Service::CloudTrail, Protocol::Json11),
        "AWSEvents" => (Service::EventBridge, Protocol::Json11),
        "AWSInsightsIndexService" => (Service::CostExplorer, Protocol::Json11),
        "Logs_20140328" => (Service::Logs, Protocol::Json11),
        "TrentService" => (Service::Kms, Protocol::Json11),
        _ => (Service::Unknown, Protocol::Json11),
    };
    (protocol, read_body(service, operation, body))
}

fn read_body(service: Service, operation: &str, body: &[u8]) -> Result<Request, ApiError> {
    let request = match serde_json::from_slice::<Value>(body) {
        Ok(parameters) if parameters.is_object() => {
            Ok(Request::new(service, operation, parameters))
        }
        Ok(_) => Err("the request body is not an object".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    request.map_err(|message| ApiError::new("SerializationException", message))
}

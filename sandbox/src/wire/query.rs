//! The query protocols of CloudFormation, CloudWatch, EC2, IAM, SNS and STS.

use serde_json::{Map, Value};

use super::{ApiError, Protocol, Xml};
use crate::calls::{Request, Service};

const CLOUDFORMATION: &str = "2010-05-15";
const CLOUDWATCH: &str = "2010-08-01";
const EC2: &str = "2016-11-15";
const IAM: &str = "2010-05-08";
const SNS: &str = "2010-03-31";
const STS: &str = "2011-06-15";

/// Reads a form: `Action` is the operation, `Version` tells the service, the rest are parameters,
/// nested ones spelt out (`Filter.1.Value.2`).
pub(super) fn read(body: &[u8]) -> (Protocol, Result<Request, ApiError>) {
    let mut parameters: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    let mut take = |name: &str| match parameters.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (action, version) = (take("Action"), take("Version"));
    let (service, protocol) = match version.as_str() {
        CLOUDFORMATION => (Service::CloudFormation, Protocol::AwsQuery),
        CLOUDWATCH => (Service::CloudWatch, Protocol::AwsQuery),
        EC2 => (Service::Ec2, Protocol::Ec2Query),
        IAM => (Service::Iam, Protocol::AwsQuery),
        SNS => (Service::Sns, Protocol::AwsQuery),
        STS => (Service::Sts, Protocol::AwsQuery),
        _ => (Service::Unknown, Protocol::AwsQuery),
    };
    if action.is_empty() {
        let message = "The request must contain the parameter Action";
        return (protocol, Err(ApiError::new("MissingAction", message)));
    }
    (
        protocol,
        Ok(Request::new(service, &action, Value::Object(parameters))),
    )
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>
pub(super) fn ec2_answer(operation: &str, members: &Xml, request_id: &str) -> String {
    Xml::document(
        &format!("{operation}Response"),
        &format!("http://ec2.amazonaws.com/doc/{EC2}/"),
        |xml| {
            xml.text("requestId", request_id);
            xml.append(members);
        },
    )
}

pub(super) fn aws_answer(operation: &str, members: &Xml, request_id: &str) -> String {
    let namespace = match operation {
        "DescribeAlarms" | "GetMetricStatistics" => {
            format!("http://monitoring.amazonaws.com/doc/{CLOUDWATCH}/")
        }
        "SimulatePrincipalPolicy" => format!("https://iam.amazonaws.com/doc/{IAM}/"),
        "DescribeStacks" | "ListStackResources" => {
            format!("http://cloudformation.amazonaws.com/doc/{CLOUDFORMATION}/")
        }
        "AssumeRole" | "GetCallerIdentity" => format!("https://sts.amazonaws.com/doc/{STS}/"),
        _ => format!("http://sns.amazonaws.com/doc/{SNS}/"),
    };
    Xml::document(&format!("{operation}Response"), &namespace, |xml| {
        xml.element(&format!("{operation}Result"), |xml| xml.append(members));
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    })
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#api-error-response>
pub(super) fn ec2_error(error: &ApiError, request_id: &str) -> String {
    Xml::document("Response", "", |xml| {
        xml.element("Errors", |xml| {
            xml.element("Error", |xml| {
                xml.text("Code", &error.code);
                xml.text("Message", &error.message);
            });
        });
        xml.text("RequestID", request_id);
    })
}

pub(super) fn aws_error(error: &ApiError, request_id: &str) -> String {
    let namespace = format!("http://sns.amazonaws.com/doc/{SNS}/");
    Xml::document("ErrorResponse", &namespace, |xml| {
        xml.element("Error", |xml| {
            xml.text(
                "Type",
                if error.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                },
            );
            xml.text("Code", &error.code);
            xml.text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    })
}

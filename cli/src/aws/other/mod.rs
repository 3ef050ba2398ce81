//! Calls of services whose SDKs are not worth their size for the one or two operations that the command needs.
//!
//! Each is an operation on the SDK's own runtime: its signing, retries, timeouts and HTTP client. The answer is JSON,
//! also of a service that answers with XML.

mod place;
mod xml;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use tagwarden_aws::operation::{RefusedCall, ServiceOperation, json_refusal, set_endpoint};
use tagwarden_aws::{AwsError, with_http_client};

/// The most attempts, as by every AWS tool.
const ATTEMPTS: u32 = 3;

/// How long all attempts together may take. A person waits.
const LONGEST: Duration = Duration::from_secs(20);

/// Why no call is made where the partition does not have the service.
pub const NOT_HERE: &str = "there is no such service in this part of AWS";

/// How much is shown of an answer that is not AWS's, in characters.
const LONGEST_EXCERPT: usize = 120;

/// A service without an SDK here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the services' names")]
pub enum OtherService {
    CloudFormation,
    CloudWatch,
    CostExplorer,
    EventBridge,
    Iam,
    Kms,
    Logs,
}

/// How a service is spoken to.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A form goes in, XML comes out. The version of the API.
    Query(&'static str),
    /// JSON 1.1. What stands before the operation in `X-Amz-Target`.
    Json(&'static str),
}

impl OtherService {
    /// The id of the service's SDK. `AWS_ENDPOINT_URL_…` goes by it.
    fn id(self) -> &'static str {
        match self {
            Self::CloudFormation => "CloudFormation",
            Self::CloudWatch => "CloudWatch",
            Self::CostExplorer => "Cost Explorer",
            Self::EventBridge => "EventBridge",
            Self::Iam => "IAM",
            Self::Kms => "KMS",
            Self::Logs => "CloudWatch Logs",
        }
    }

    /// The name in signatures.
    fn signing_name(self) -> &'static str {
        match self {
            Self::CloudFormation => "cloudformation",
            Self::CloudWatch => "monitoring",
            Self::CostExplorer => "ce",
            Self::EventBridge => "events",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Logs => "logs",
        }
    }

    fn form(self) -> Form {
        match self {
            Self::CloudFormation => Form::Query("2010-05-15"),
            Self::CloudWatch => Form::Query("2010-08-01"),
            Self::CostExplorer => Form::Json("AWSInsightsIndexService"),
            Self::EventBridge => Form::Json("AWSEvents"),
            Self::Iam => Form::Query("2010-05-08"),
            Self::Kms => Form::Json("TrentService"),
            Self::Logs => Form::Json("Logs_20140328"),
        }
    }
}

/// One call. Its name is the one that IAM has for it, such as `events:DescribeRule`.
#[derive(Clone, Copy, Debug)]
pub struct OtherCall {
    service: OtherService,
    iam_name: &'static str,
}

impl OtherCall {
    /// The call of this service that IAM knows by `iam_name`. What stands behind the colon is the operation.
    pub const fn new(service: OtherService, iam_name: &'static str) -> Self {
        Self { service, iam_name }
    }

    /// The call's name, as IAM has it.
    pub const fn name(self) -> &'static str {
        self.iam_name
    }

    /// Makes the call in the Region of `config`, or in the service's own Region. `parameters` is an object: the members of
    /// a JSON call, or the flat names of a query call, such as `ActionNames.member.1`.
    ///
    /// The answer of a query call has no envelope: it is what stands in `…Result`. A list of members is an array.
    ///
    /// # Errors
    /// The service refuses, cannot be reached, or does not exist in this partition.
    pub async fn send(self, config: &SdkConfig, parameters: Value) -> Result<Value, AwsError> {
        let unexpected = |why: &str| AwsError::unexpected(self.iam_name, why);
        let region = config.region().map(AsRef::as_ref).unwrap_or_default();
        let fips = config.use_fips() == Some(true);
        let place = place::of(self.service, region, fips).ok_or_else(|| unexpected(NOT_HERE))?;
        let endpoint = set_endpoint(config, self.service.id()).unwrap_or(place.endpoint);
        let operation_name = self.iam_name.rsplit(':').next().unwrap_or_default();
        let operation = ServiceOperation {
            service: self.service.id(),
            name: operation_name,
            signing_name: self.service.signing_name(),
            region: &place.region,
            endpoint: &endpoint,
            attempts: ATTEMPTS,
            longest: LONGEST,
        };
        let form = self.service.form();
        let write = move |parameters: Value| {
            let (body, content_type) = match form {
                Form::Query(version) => (
                    query(operation_name, version, &parameters),
                    "application/x-www-form-urlencoded",
                ),
                Form::Json(_) => (parameters.to_string(), "application/x-amz-json-1.1"),
            };
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.set_method("POST")?;
            request.set_uri("/")?;
            let headers = request.headers_mut();
            headers.try_insert("content-type", content_type)?;
            if let Form::Json(prefix) = form {
                headers.try_insert("x-amz-target", format!("{prefix}.{operation_name}"))?;
            }
            Ok(request)
        };
        let read = move |response: &HttpResponse| read(form, operation_name, response);
        let config = with_http_client(config);
        let operation = operation
            .build(&config, write, read)
            .map_err(|why| unexpected(&why))?;
        let answer = operation.invoke(parameters).await;
        answer.map_err(|error| AwsError::new(self.iam_name, &error))
    }
}

/// The form of a query call.
fn query(operation: &str, version: &str, parameters: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", operation);
    form.append_pair("Version", version);
    for (name, value) in parameters.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}

fn read(
    form: Form,
    operation: &str,
    response: &HttpResponse,
) -> Result<Value, OrchestratorError<RefusedCall>> {
    let body = response.body().bytes().unwrap_or_default();
    let is_success = response.status().is_success();
    match form {
        Form::Query(_) => {
            let document = xml::read(&String::from_utf8_lossy(body));
            if is_success {
                let document = document.map_err(OrchestratorError::other)?;
                let result = document.get(format!("{operation}Result"));
                return Ok(result.cloned().unwrap_or_default());
            }
            let error = document.unwrap_or_default();
            let error = error
                .get("Error")
                .or_else(|| error.pointer("/Errors/Error"));
            let text = |name| error?.get(name)?.as_str();
            Err(refused(response, text("Code"), text("Message")))
        }
        Form::Json(_) => {
            if is_success {
                return serde_json::from_slice(body).map_err(OrchestratorError::other);
            }
            let (code, message) = json_refusal(response);
            Err(refused(response, code.as_deref(), message.as_deref()))
        }
    }
}

/// The refusal with its code. An answer without one is not AWS's: then its beginning is shown.
fn refused(
    response: &HttpResponse,
    code: Option<&str>,
    message: Option<&str>,
) -> OrchestratorError<RefusedCall> {
    if code.is_some() {
        return RefusedCall::answer(code, message);
    }
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let begin: String = body.chars().take(LONGEST_EXCERPT).collect();
    let status = response.status().as_u16();
    OrchestratorError::other(format!("status {status} without a code of AWS: {begin:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_a_form() {
        let form = query(
            "DescribeAlarms",
            "1",
            &json!({"A.member.1": "x & y", "B": 3}),
        );
        assert_eq!(
            form,
            "Action=DescribeAlarms&Version=1&A.member.1=x+%26+y&B=3"
        );
    }

    #[test]
    fn a_call_is_named_as_iam_names_it() {
        let call = OtherCall::new(OtherService::EventBridge, "events:DescribeRule");
        assert_eq!(call.name(), "events:DescribeRule");
    }
}

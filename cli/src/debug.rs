//! `--debug`: the calls to AWS and the settings, on standard error.
//!
//! The calls are seen where they leave for the network: each attempt is a line. Nothing is shown of what a call says, nor of
//! its headers, but for what names it: credentials and signatures are never read.

use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tagwarden_remediation::Settings;

use crate::output;
use crate::words::on_one_line;

/// Whether `--debug` is given. It is said once, before anything else is done.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The headers in which AWS names a request.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"];

pub fn switch_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Writes a line, if `--debug` is given.
pub fn note(line: impl Display) {
    if is_on() {
        output::note(format_args!("debug: {line}"));
    }
}

/// The settings of the functions, as they were understood.
pub fn settings(settings: &Settings) {
    let scope: Vec<&str> = settings.policy.scope.vpc_ids().collect();
    let scope = if scope.is_empty() {
        "every VPC".to_owned()
    } else {
        scope.join(", ")
    };
    let ledger = settings.ledger_table.as_deref().unwrap_or("none");
    for (name, value) in [
        ("mode", format!("{:?}", settings.mode)),
        ("policy table", settings.policy.policy_table.clone()),
        ("VPCs", scope),
        ("untagged", format!("{:?}", settings.untagged)),
        (
            "rules may destroy",
            format!("{:?}", settings.rules_may_destroy),
        ),
        ("grace", format!("{} minutes", settings.grace.num_minutes())),
        ("notice", format!("{} hours", settings.notice.num_hours())),
        ("shutdowns an hour", settings.max_destructive.to_string()),
        ("ledger", ledger.to_owned()),
    ] {
        note(format_args!("setting: {name} = {}", on_one_line(&value)));
    }
}

/// The HTTP client of the functions, which writes a line for each attempt of a call.
pub fn http_client() -> SharedHttpClient {
    SharedHttpClient::new(Shown {
        inner: tagwarden_aws::http_client(),
        tell: |call| note(call),
    })
}

/// A client whose calls are told.
#[derive(Clone, Debug)]
struct Shown<C> {
    inner: C,
    tell: fn(&HttpAttempt),
}

/// One attempt of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct HttpAttempt {
    /// Such as `dynamodb`.
    service: String,
    /// Such as `Scan`.
    operation: String,
    host: String,
    /// `attempt=1; max=3`, as the SDK counts.
    attempt: Option<String>,
    /// The status, or why there is no answer.
    answer: String,
    /// AWS's error code.
    code: Option<String>,
    milliseconds: u128,
    request_id: Option<String>,
}

impl HttpClient for Shown<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Shown {
            inner: self.inner.http_connector(settings, components),
            tell: self.tell,
        })
    }
}

impl HttpConnector for Shown<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut attempt = HttpAttempt::of(&request);
        let (call, tell) = (self.inner.call(request), self.tell);
        HttpConnectorFuture::new(async move {
            let began = Instant::now();
            let answer = call.await;
            attempt.milliseconds = began.elapsed().as_millis();
            let answer = match answer {
                Ok(response) => attempt.answered(response).await,
                Err(error) => {
                    attempt.answer = format!("no answer ({error})");
                    Err(error)
                }
            };
            tell(&attempt);
            answer
        })
    }
}

impl HttpAttempt {
    /// What names the call of a request.
    fn of(request: &HttpRequest) -> Self {
        let header = |name: &str| request.headers().get(name);
        let uri = request.uri();
        let (host, path) = host_and_path(uri);
        let operation = header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .map(ToOwned::to_owned)
            .or_else(|| action(request.body().bytes()?))
            .unwrap_or_else(|| format!("{} {path}", request.method()));
        Self {
            service: header("authorization")
                .and_then(signed_for)
                .unwrap_or_else(|| host.split('.').next().unwrap_or_default().to_owned()),
            operation,
            host: host.to_owned(),
            attempt: header("amz-sdk-request").map(ToOwned::to_owned),
            ..Self::default()
        }
    }

    /// Notes the answer. The body of an error is read for its code, and put back.
    async fn answered(
        &mut self,
        mut response: HttpResponse,
    ) -> Result<HttpResponse, ConnectorError> {
        let status = response.status();
        self.answer = status.to_string();
        let header = |name: &str| response.headers().get(name).map(ToOwned::to_owned);
        self.request_id = REQUEST_IDS.into_iter().find_map(header);
        self.code = header("x-amzn-errortype").map(|code| plain_code(&code));
        if status.is_client_error() || status.is_server_error() {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let read = ByteStream::new(body).collect().await;
            let bytes = read.map_err(|error| ConnectorError::io(error.into()))?;
            let bytes = bytes.into_bytes();
            self.code = self.code.take().or_else(|| code(&bytes));
            *response.body_mut() = SdkBody::from(bytes);
        }
        Ok(response)
    }
}

/// `dynamodb Scan at dynamodb.us-east-1.amazonaws.com: 200, attempt 1 of 3, 12 ms, request 0A1B`.
impl Display for HttpAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| on_one_line(text);
        let (service, operation) = (plain(&self.service), plain(&self.operation));
        write!(f, "{service} {operation} at {}: ", plain(&self.host))?;
        f.write_str(&plain(&self.answer))?;
        if let Some(code) = &self.code {
            write!(f, " {}", plain(code))?;
        }
        if let Some(attempt) = &self.attempt {
            let number = |name: &str| attempt.split("; ").find_map(|part| part.strip_prefix(name));
            let (this, max) = (number("attempt="), number("max="));
            if let Some(this) = this {
                write!(f, ", attempt {}", plain(this))?;
            }
            if let Some(max) = max {
                write!(f, " of {}", plain(max))?;
            }
        }
        write!(f, ", {} ms", self.milliseconds)?;
        match &self.request_id {
            Some(id) => write!(f, ", request {}", plain(id)),
            None => Ok(()),
        }
    }
}

/// The host of a URI with its port, and its path without the query, which may hold what nobody should read.
fn host_and_path(uri: &str) -> (&str, &str) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    // A host may not begin with a user and a password.
    let host = host.rsplit('@').next().unwrap_or_default();
    (host, path.split('?').next().unwrap_or_default())
}

/// The service in the scope of a signature, `Credential=KEY/DAY/REGION/SERVICE/aws4_request`. Nothing else of it is kept.
fn signed_for(authorization: &str) -> Option<String> {
    let (_, scope) = authorization.split_once("Credential=")?;
    let service = scope.split(',').next()?.split('/').nth(3)?;
    Some(service.to_owned())
}

/// The operation in the body of a call by query, `Action=DescribeInstances&…`.
fn action(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut parts = text.split('&');
    let name = parts.find_map(|part| part.strip_prefix("Action="))?;
    Some(name.to_owned())
}

/// The code in the body of an error: `__type` or `Code`.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    if let Ok(document) = serde_json::from_str::<serde_json::Value>(text) {
        let members = ["__type", "code", "Code"];
        let mut members = members.into_iter().filter_map(|name| document.get(name));
        return members.find_map(|it| it.as_str().map(plain_code));
    }
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.to_owned())
}

/// `AccessDenied` of `com.amazonaws.x#AccessDenied` and `AccessDenied:http://…`.
fn plain_code(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    /// An answer, whatever is asked.
    #[derive(Debug)]
    struct Answering(u16, &'static str);

    impl HttpConnector for Answering {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let status = StatusCode::try_from(self.0).unwrap();
            let mut response = HttpResponse::new(status, SdkBody::from(self.1));
            response.headers_mut().insert("x-amzn-requestid", "0A1B2C");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    /// What is told of a request that is answered so, and the body that the caller gets.
    fn told(request: HttpRequest, answering: Answering) -> (String, String) {
        let shown = Shown {
            inner: SharedHttpConnector::new(answering),
            tell: |call| TOLD.lock().unwrap().push(call.to_string()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let response = runtime.block_on(shown.call(request)).unwrap();
        let body = String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap();
        let line = TOLD.lock().unwrap().pop().unwrap();
        let (before, after) = line.split_once(" ms").unwrap();
        let (before, _) = before.rsplit_once(", ").unwrap();
        (format!("{before}{after}"), body)
    }

    #[test]
    fn names_each_attempt_and_nothing_of_its_secrets() {
        let mut request = HttpRequest::new(SdkBody::from("{\"TableName\": \"secret\"}"));
        request
            .set_uri("https://user:pass@dynamodb.us-east-1.amazonaws.com/?X-Amz-Signature=feed")
            .unwrap();
        for (name, value) in [
            ("x-amz-target", "DynamoDB_20120810.Scan"),
            ("amz-sdk-request", "attempt=2; max=3"),
            ("x-amz-security-token", "token"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAKEY/20261123/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=feed",
            ),
        ] {
            request.headers_mut().insert(name, value);
        }
        let throttled = "{\"__type\": \"com.amazonaws.dynamodb#ThrottlingException\"}";
        let (line, body) = told(request, Answering(400, throttled));
        assert_eq!(
            line,
            "dynamodb Scan at dynamodb.us-east-1.amazonaws.com: 400 ThrottlingException, attempt 2 of 3, request 0A1B2C"
        );
        // The caller still gets the error.
        assert_eq!(body, throttled);

        let body = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Value.1=secret";
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri("http://127.0.0.1:5000/").unwrap();
        let denied = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>";
        let (line, _) = told(request, Answering(403, denied));
        assert_eq!(
            line,
            "127 DescribeInstances at 127.0.0.1:5000: 403 UnauthorizedOperation, request 0A1B2C"
        );
    }
}

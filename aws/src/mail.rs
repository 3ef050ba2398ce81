//! Sends mail by Amazon SES.
//!
//! The SDK of SES has a hundred operations, and this needs one. So the call is built on the SDK's own runtime.

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::AwsError;
use crate::operation::{RefusedCall, ServiceOperation, set_endpoint};

const CALL: &str = "ses:SendEmail";

/// The path of `SendEmail`.
const PATH: &str = "/v2/email/outbound-emails";

/// The most attempts. A letter is one of many, and nothing waits for it.
const ATTEMPTS: u32 = 3;

/// One mail, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The sender: an address of the identity, with or without a name: `tagwarden <tags@example.com>`.
    pub from: String,
    /// The one recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Sends mail from one identity of Amazon SES.
///
/// See [SendEmail](https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).
#[derive(Clone, Debug)]
pub struct Mailer {
    operation: Operation<Value, (), RefusedCall>,
    identity_arn: String,
}

impl Mailer {
    /// A sender for the identity `identity_arn`, `arn:aws:ses:eu-west-1:123456789012:identity/example.com`. SES is called in
    /// the Region of the identity, which need not be the one of `config`.
    ///
    /// # Errors
    /// The text is no ARN of an SES identity, or `config` has no credentials or HTTP client. The message is for a person.
    pub fn new(config: &SdkConfig, identity_arn: &str) -> Result<Self, String> {
        let (partition, region) = place(identity_arn).ok_or_else(|| {
            "it must be the ARN of an SES identity, such as \
             arn:aws:ses:eu-west-1:123456789012:identity/example.com"
                .to_owned()
        })?;
        let operation = ServiceOperation {
            service: "SESv2",
            name: "SendEmail",
            signing_name: "ses",
            region,
            endpoint: &endpoint(config, partition, region),
            attempts: ATTEMPTS,
        };
        let write = |body: Value| {
            let mut request = HttpRequest::new(SdkBody::from(body.to_string()));
            request.set_method("POST")?;
            request.set_uri(PATH)?;
            let headers = request.headers_mut();
            headers.try_insert("content-type", "application/json")?;
            Ok(request)
        };
        let operation = operation.build(config, write, read)?;
        Ok(Self {
            operation,
            identity_arn: identity_arn.to_owned(),
        })
    }

    /// Sends the mail.
    ///
    /// # Errors
    /// SES refuses it (`MessageRejected`: an address is not verified or not valid; `AccessDeniedException`), or cannot be
    /// reached.
    pub async fn send(&self, mail: &Mail) -> Result<(), AwsError> {
        let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        let body = json!({
            "FromEmailAddress": mail.from,
            "FromEmailAddressIdentityArn": self.identity_arn,
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {"Simple": {"Subject": text(&mail.subject), "Body": {"Text": text(&mail.text)}}},
        });
        let sent = self.operation.invoke(body).await;
        sent.map_err(|error| AwsError::new(CALL, &error))
    }
}

/// The partition and the Region of an identity's ARN.
fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next();
    let (arn, partition, service, region) = (next()?, next()?, next()?, next()?);
    let (account, resource) = (next()?, next()?);
    let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    let is_region = !region.is_empty()
        && region
            .bytes()
            .all(|it| it == b'-' || it.is_ascii_alphanumeric());
    let identity = resource.strip_prefix("identity/")?;
    let is_identity = arn == "arn" && service == "ses" && is_account && is_region;
    (is_identity && partition.starts_with("aws") && !identity.is_empty())
        .then_some((partition, region))
}

/// Where SES is: as the configuration says, or by its name in the partition.
///
/// See [Amazon SES endpoints](https://docs.aws.amazon.com/general/latest/gr/ses.html).
fn endpoint(config: &SdkConfig, partition: &str, region: &str) -> String {
    if let Some(url) = set_endpoint(config, "SESv2") {
        return url;
    }
    let name = match config.use_fips() {
        Some(true) => "email-fips",
        _ => "email",
    };
    let suffix = match partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    format!("https://{name}.{region}.{suffix}")
}

/// Reads SES's answer. The code of an error is in a header, or in the body.
fn read(response: &HttpResponse) -> Result<(), OrchestratorError<RefusedCall>> {
    if response.status().is_success() {
        return Ok(());
    }
    let body = response.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| {
        let mut found = names
            .into_iter()
            .filter_map(|name| body.get(name)?.as_str());
        found.next().map(ToOwned::to_owned)
    };
    let header = response.headers().get("x-amzn-errortype");
    let code = header.map(ToOwned::to_owned);
    let code = code.or_else(|| text(["__type", "code"]));
    // `MessageRejected:http://internal.amazon.com/…`, `com.amazonaws.ses#MessageRejected`
    let code = code.as_deref().and_then(|code| code.split(':').next());
    let code = code.and_then(|code| code.rsplit('#').next());
    let message = text(["message", "Message"]);
    Err(RefusedCall::answer(code, message.as_deref()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "arn:aws:ses:eu-west-1:123456789012:identity/example.com",
        "https://email.eu-west-1.amazonaws.com"
    )]
    #[case(
        "arn:aws:ses:eu-west-1:123456789012:identity/a@b.example",
        "https://email.eu-west-1.amazonaws.com"
    )]
    #[case(
        "arn:aws-cn:ses:cn-north-1:123456789012:identity/example.com",
        "https://email.cn-north-1.amazonaws.com.cn"
    )]
    fn asks_the_region_of_the_identity(#[case] arn: &str, #[case] expected: &str) {
        let (partition, region) = place(arn).unwrap();
        let config = SdkConfig::builder().build();
        assert_eq!(endpoint(&config, partition, region), expected);
    }

    #[rstest]
    #[case("")]
    #[case("example.com")]
    #[case("arn:aws:ses:eu-west-1:123456789012:identity/")]
    #[case("arn:aws:ses::123456789012:identity/example.com")]
    #[case("arn:aws:sns:eu-west-1:123456789012:identity/example.com")]
    #[case("arn:aws:ses:eu-west-1.evil.example/:123456789012:identity/example.com")]
    #[case("arn:aws:ses:eu-west-1:12:identity/example.com")]
    fn refuses_what_is_no_identity(#[case] arn: &str) {
        assert_eq!(place(arn), None);
        let refused = Mailer::new(&SdkConfig::builder().build(), arn).unwrap_err();
        assert!(
            refused.starts_with("it must be the ARN of an SES identity"),
            "{refused}"
        );
    }
}

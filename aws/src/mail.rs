//! Sends mail by Amazon SES.
//!
//! The SDK of SES has a hundred operations, and this needs one. So the call is built on the SDK's own runtime.

use std::str::FromStr;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tagwarden_core::policy::is_mail_address;

use crate::AwsError;
use crate::operation::{RefusedCall, ServiceOperation, set_endpoint};
use crate::partition::dns_suffix;

const CALL: &str = "ses:SendEmail";

/// The path of `SendEmail`.
const PATH: &str = "/v2/email/outbound-emails";

/// The most attempts. A letter is one of many, and nothing waits for it.
const ATTEMPTS: u32 = 3;

/// The longest that a mail may take with all attempts, so that a run still has time for its report.
const LONGEST: Duration = Duration::from_secs(4);

/// The local part of the sender's address where only a domain is given.
const LOCAL_PART: &str = "tagwarden";

/// One mail, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The one recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Who mail is from: an address, which SES knows in the caller's Region, or the ARN of an identity, which also says in which
/// Region and of whose account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSender {
    address: String,
    identity: Option<SesIdentity>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SesIdentity {
    arn: String,
    region: String,
}

/// The text is not a [`MailSender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a mail address, or the ARN of an SES identity, such as \
     arn:aws:ses:eu-west-1:123456789012:identity/example.com"
)]
pub struct InvalidMailSender;

/// Sends mail of one sender by Amazon SES.
///
/// See [SendEmail](https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).
#[derive(Clone, Debug)]
pub struct Mailer {
    operation: Operation<Value, (), RefusedCall>,
    sender: MailSender,
}

impl Mailer {
    /// Sends mail from `sender`. SES is called in the Region of the sender's identity, or else in the one of `config`.
    ///
    /// # Errors
    /// `config` has no credentials, HTTP client or Region. The message is for a person.
    pub fn new(config: &SdkConfig, sender: &MailSender) -> Result<Self, String> {
        let identity = sender.identity.as_ref();
        let region = identity.map(|identity| identity.region.clone());
        let region = region.or_else(|| config.region().map(ToString::to_string));
        let region = region.ok_or("no Region")?;
        let operation = ServiceOperation {
            service: "SESv2",
            name: "SendEmail",
            signing_name: "ses",
            region: &region,
            endpoint: &endpoint(config, &region),
            attempts: ATTEMPTS,
            longest: LONGEST,
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
            sender: sender.clone(),
        })
    }

    /// Sends the mail.
    ///
    /// # Errors
    /// SES refuses it (`MessageRejected`: an address is not verified or not valid; `AccessDeniedException`), or cannot be
    /// reached.
    pub async fn send(&self, mail: &Mail) -> Result<(), AwsError> {
        let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        let mut body = json!({
            "FromEmailAddress": self.sender.address,
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {"Simple": {"Subject": text(&mail.subject), "Body": {"Text": text(&mail.text)}}},
        });
        if let (Some(identity), Some(members)) = (&self.sender.identity, body.as_object_mut()) {
            members.insert(
                "FromEmailAddressIdentityArn".to_owned(),
                json!(identity.arn),
            );
        }
        let sent = self.operation.invoke(body).await;
        sent.map_err(|error| AwsError::new(CALL, &error))
    }
}

impl MailSender {
    /// The address that mail is from. That of a domain is `tagwarden@` and the domain.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl FromStr for MailSender {
    type Err = InvalidMailSender;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_mail_address(text) {
            return Ok(Self {
                address: text.to_owned(),
                identity: None,
            });
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "ses", region, account, resource] = parts.as_slice() else {
            return Err(InvalidMailSender);
        };
        let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
        let is_region = !region.is_empty()
            && region
                .bytes()
                .all(|it| it == b'-' || it.is_ascii_alphanumeric());
        let name = resource
            .strip_prefix("identity/")
            .ok_or(InvalidMailSender)?;
        let address = if name.contains('@') {
            name.to_owned()
        } else {
            format!("{LOCAL_PART}@{name}")
        };
        if !(is_account && is_region && partition.starts_with("aws") && is_mail_address(&address)) {
            return Err(InvalidMailSender);
        }
        Ok(Self {
            address,
            identity: Some(SesIdentity {
                arn: text.to_owned(),
                region: (*region).to_owned(),
            }),
        })
    }
}

/// Where SES is: as the configuration says, or by its name in the Region.
///
/// See [Amazon SES endpoints](https://docs.aws.amazon.com/general/latest/gr/ses.html).
fn endpoint(config: &SdkConfig, region: &str) -> String {
    if let Some(url) = set_endpoint(config, "SESv2") {
        return url;
    }
    let name = match config.use_fips() {
        Some(true) => "email-fips",
        _ => "email",
    };
    let suffix = dns_suffix(region);
    format!("https://{name}.{region}.{suffix}")
}

/// Reads SES's answer.
fn read(response: &HttpResponse) -> Result<(), OrchestratorError<RefusedCall>> {
    if response.status().is_success() {
        return Ok(());
    }
    Err(RefusedCall::of_json(response))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::an_address("tags@example.com", "tags@example.com", None)]
    #[case::a_domain(
        "arn:aws:ses:eu-west-1:123456789012:identity/example.com",
        "tagwarden@example.com",
        Some("eu-west-1")
    )]
    #[case::an_identity_of_an_address(
        "arn:aws-us-gov:ses:us-gov-west-1:123456789012:identity/a@b.example",
        "a@b.example",
        Some("us-gov-west-1")
    )]
    fn reads_a_sender(#[case] text: &str, #[case] address: &str, #[case] region: Option<&str>) {
        let sender: MailSender = text.parse().unwrap();
        assert_eq!(sender.address(), address);
        let identity = sender.identity.as_ref();
        assert_eq!(identity.map(|it| it.region.as_str()), region);
        assert!(identity.is_none_or(|it| it.arn == text));
    }

    #[rstest]
    #[case("")]
    #[case("example.com")]
    #[case("tags@example")]
    #[case("tagwarden <tags@example.com>")]
    #[case("arn:aws:ses:eu-west-1:123456789012:identity/")]
    #[case("arn:aws:ses:eu-west-1:123456789012:identity/localhost")]
    #[case("arn:aws:ses::123456789012:identity/example.com")]
    #[case("arn:aws:ses:eu-west-1:1234:identity/example.com")]
    #[case("arn:aws:ses:evil.example/:123456789012:identity/example.com")]
    #[case("arn:aws:sns:eu-west-1:123456789012:identity/example.com")]
    #[case("arn:aws:ses:eu-west-1:123456789012:configuration-set/example.com")]
    fn refuses_what_is_no_sender(#[case] text: &str) {
        assert_eq!(text.parse::<MailSender>(), Err(InvalidMailSender));
    }

    #[rstest]
    #[case("eu-west-1", "https://email.eu-west-1.amazonaws.com")]
    #[case("cn-north-1", "https://email.cn-north-1.amazonaws.com.cn")]
    fn asks_ses_of_a_region(#[case] region: &str, #[case] expected: &str) {
        let config = SdkConfig::builder().build();
        assert_eq!(endpoint(&config, region), expected);
    }
}

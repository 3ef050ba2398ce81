//! SES: `SendEmail`, see <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{Answer, ApiError};

/// The account's verified identities and the mail that it sent.
#[derive(Debug, Default)]
pub(crate) struct Ses {
    /// Domains and addresses.
    identities: BTreeSet<String>,
    sent: Vec<SentMail>,
}

/// One mail sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    /// The sender, as it was given.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
}

impl Contents {
    pub(crate) fn send_email(&mut self, request: &Request) -> Result<Answer, ApiError> {
        request.only(&[
            "FromEmailAddress",
            "FromEmailAddressIdentityArn",
            "Destination",
            "Content",
        ])?;
        let text = |pointer: &str| {
            let value = request.parameters.pointer(pointer).and_then(Value::as_str);
            value.map(ToOwned::to_owned)
        };
        let missing = |what: &str| ApiError::new("BadRequestException", format!("Missing {what}"));
        let mail = SentMail {
            from: text("/FromEmailAddress").ok_or_else(|| missing("FromEmailAddress"))?,
            to: addresses(&request.parameters),
            subject: text("/Content/Simple/Subject/Data").ok_or_else(|| missing("Subject"))?,
            text: text("/Content/Simple/Body/Text/Data").ok_or_else(|| missing("Body"))?,
        };
        if mail.to.is_empty() {
            return Err(missing("ToAddresses"));
        }
        if let Some(arn) = text("/FromEmailAddressIdentityArn")
            && !self.ses.has_identity(&arn)
        {
            let message = format!("The identity {arn} does not exist.");
            return Err(ApiError::new("NotFoundException", message).with_status(404));
        }
        let address = mail.from.rsplit('<').next().unwrap_or_default();
        let address = address.trim_end_matches('>').trim();
        if !self.ses.is_verified(address) {
            let message = format!(
                "Email address is not verified. The following identities failed the check in region {}: {address}",
                REGION.to_uppercase()
            );
            return Err(ApiError::new("MessageRejected", message));
        }
        self.ses.sent.push(mail);
        Ok(Answer::Json(json!({"MessageId": self.ids.uuid()})))
    }
}

impl Ses {
    fn has_identity(&self, arn: &str) -> bool {
        let prefix = format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:identity/");
        let name = arn.strip_prefix(&prefix);
        name.is_some_and(|name| self.identities.contains(name))
    }

    /// An address is verified by itself or by its domain.
    fn is_verified(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.identities.contains(address) || self.identities.contains(domain)
    }
}

fn addresses(parameters: &Value) -> Vec<String> {
    let to = parameters.pointer("/Destination/ToAddresses");
    let to = to.and_then(Value::as_array).into_iter().flatten();
    to.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Account {
    /// Verifies a domain or an address, from which mail may be sent then. Gives the identity's ARN.
    #[allow(
        clippy::must_use_candidate,
        reason = "the identity is there, whether its ARN is of interest or not"
    )]
    pub fn verify_identity(&self, identity: &str) -> String {
        self.contents().ses.identities.insert(identity.to_owned());
        format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:identity/{identity}")
    }

    /// The mail that was sent so far, oldest first.
    #[must_use]
    pub fn sent_mail(&self) -> Vec<SentMail> {
        self.contents().ses.sent.clone()
    }
}

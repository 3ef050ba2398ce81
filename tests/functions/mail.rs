//! Mail by SES, against the sandbox.

use tagwarden_aws::mail::{Mail, Mailer};
use tagwarden_sandbox::{Account, Fault, SentMail};

fn mail() -> Mail {
    Mail {
        from: "tagwarden <tags@example.com>".to_owned(),
        to: "ann@example.com".to_owned(),
        subject: "3 instances end on 2026-12-31 – über \"Prod\"".to_owned(),
        text: "first\nsecond\n".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn sends_a_mail_from_an_identity() {
    let account = Account::new();
    let identity = account.verify_identity("example.com");
    let mailer = Mailer::new(&account.sdk_config(), &identity).unwrap();

    mailer.send(&mail()).await.unwrap();

    let expected = SentMail {
        from: mail().from,
        to: vec![mail().to],
        subject: mail().subject,
        text: mail().text,
    };
    assert_eq!(account.sent_mail(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn says_why_ses_refuses_a_mail() {
    let account = Account::new();
    let identity = account.verify_identity("example.com");
    let mailer = Mailer::new(&account.sdk_config(), &identity).unwrap();
    let elsewhere = Mail {
        from: "tags@elsewhere.example".to_owned(),
        ..mail()
    };

    let error = mailer.send(&elsewhere).await.unwrap_err();

    assert_eq!(error.code(), Some("MessageRejected"));
    assert_eq!(
        error.to_string(),
        "ses:SendEmail: MessageRejected: Email address is not verified. The following identities failed the check in \
         region US-EAST-1: tags@elsewhere.example"
    );
    assert_eq!(account.sent_mail(), []);
}

#[tokio::test(start_paused = true)]
async fn tries_again_what_ses_throttles() {
    let account = Account::new();
    let identity = account.verify_identity("example.com");
    let mailer = Mailer::new(&account.sdk_config(), &identity).unwrap();
    let fault = Fault::new(
        "SendEmail",
        "TooManyRequestsException",
        "Maximum sending rate exceeded.",
    );
    account.fail(fault.status(429).times(2));

    mailer.send(&mail()).await.unwrap();

    assert_eq!(account.sent_mail().len(), 1);
    assert_eq!(account.calls().len(), 3);
}

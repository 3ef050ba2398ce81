//! Mail by SES: the client, and the letters that go out by it.

use chrono::TimeDelta;
use serde_json::json;
use tagwarden_aws::mail::{Mail, Mailer};
use tagwarden_sandbox::{Account, Fault, Publication, SentMail};

use crate::ledger::crashes::sweep_until;
use crate::support::{World, customers_rules, delivered};

fn mail() -> Mail {
    Mail {
        to: "ann@example.com".to_owned(),
        subject: "3 instances end on 2026-12-31 – über \"Prod\"".to_owned(),
        text: "first\nsecond\n".to_owned(),
    }
}

fn mailer(account: &Account, sender: &str) -> Mailer {
    Mailer::new(&account.sdk_config(), &sender.parse().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn sends_a_mail_from_an_identity_or_an_address() {
    let account = Account::new();
    let identity = account.verify_identity("example.com");
    mailer(&account, &identity).send(&mail()).await.unwrap();
    let address = mailer(&account, "tags@example.com");
    address.send(&mail()).await.unwrap();

    let sent = |from: &str| SentMail {
        from: from.to_owned(),
        to: vec![mail().to],
        subject: mail().subject,
        text: mail().text,
    };
    let expected = [sent("tagwarden@example.com"), sent("tags@example.com")];
    assert_eq!(account.sent_mail(), expected);
}

#[tokio::test(start_paused = true)]
async fn says_why_ses_refuses_a_mail() {
    let account = Account::new();
    account.verify_identity("example.com");
    let elsewhere = mailer(&account, "tags@elsewhere.example");

    let error = elsewhere.send(&mail()).await.unwrap_err();

    assert_eq!(error.code(), Some("MessageRejected"));
    assert_eq!(
        error.to_string(),
        "ses:SendEmail: MessageRejected: Email address is not verified. The following identities failed the check in \
         region US-EAST-1: tags@elsewhere.example"
    );
    assert_eq!(account.sent_mail(), []);
}

fn throttling() -> Fault {
    let (code, text) = ("TooManyRequestsException", "Maximum sending rate exceeded.");
    Fault::new("SendEmail", code, text).status(429)
}

#[tokio::test(start_paused = true)]
async fn tries_again_what_ses_throttles() {
    let account = Account::new();
    let identity = account.verify_identity("example.com");
    account.fail(throttling().times(2));

    mailer(&account, &identity).send(&mail()).await.unwrap();

    assert_eq!(account.sent_mail().len(), 1);
    assert_eq!(account.calls().len(), 3);
}

const LETTERS: &str = "arn:aws:sns:us-east-1:111111111111:letters";

/// A world in which Ann's and Bob's letters go by mail.
fn world() -> World {
    let mut table = customers_rules();
    table.push(json!({"RuleId": 99, "PolicyFormat": 2}));
    for (id, who) in [(10, "ann"), (11, "bob")] {
        let contact = format!("mailto:{who}@Example.COM");
        table.push(json!({"RuleId": id, "Who": who, "Contact": contact}));
    }
    let world = World::with_table(&table).enforcing();
    world.account.create_topic("letters");
    let identity = world.account.verify_identity("example.com");
    world
        .set("TAGWARDEN_LETTERS_TOPIC_ARN", LETTERS)
        .set("TAGWARDEN_MAIL_FROM", &identity)
        .set("TAGWARDEN_MAIL_DOMAINS", "example.com")
}

/// An instance of `owner` that lacks a tag.
fn lacking(world: &World, owner: &str) -> String {
    world.instance(&[("Owner", owner), ("CreatedBy", "zoe"), ("Expires", "x")])
}

/// The letters to owners, and those that administrators got instead.
fn published(world: &World) -> Vec<Publication> {
    let published = world.account.published().into_iter();
    published
        .filter(|it| it.topic_arn == LETTERS && it.attributes.contains_key("owner"))
        .collect()
}

fn recipients(world: &World) -> Vec<String> {
    let sent = world.account.sent_mail().into_iter();
    sent.flat_map(|mail| mail.to).collect()
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_out_by_mail_once() {
    let world = world();
    let (first, second) = (lacking(&world, "ann"), lacking(&world, "Ann"));
    let others = lacking(&world, "bob");
    let on_the_topic = lacking(&world, "carl");
    world.sweep().await;

    let [ann, bob] = world.account.sent_mail().try_into().unwrap();
    assert_eq!(ann.from, "tagwarden@example.com");
    // IAM compares the domain, so it is in the case of the stack's parameter.
    assert_eq!(
        (ann.to, bob.to),
        (
            vec!["ann@example.com".to_owned()],
            vec!["bob@example.com".to_owned()]
        )
    );
    assert_eq!(ann.subject, "Your 2 EC2 instances: Tagged");
    assert!(
        ann.text.contains(&first) && ann.text.contains(&second),
        "{}",
        ann.text
    );
    assert!(!ann.text.contains(&others), "{}", ann.text);
    assert!(bob.text.contains(&others), "{}", bob.text);

    // The topic of the letters has the others only, and the report says nothing of letters.
    let [carl] = published(&world).try_into().unwrap();
    assert_eq!(carl.attributes["owner"], "carl");
    assert!(delivered(&carl, "email").contains(&on_the_topic));
    assert!(!world.reports().remove(0).contains("could not be sent"));
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(recipients(&world).len(), 2);
}

/// Each row: what is set, what SES answers, and what the report says of Ann's letter.
#[rstest::rstest]
#[case::another_domain("TAGWARDEN_MAIL_DOMAINS", "*.example.com", None, "MailDomains")]
#[case::no_domain("TAGWARDEN_MAIL_DOMAINS", "", None, "MailDomains")]
#[case::no_sender("TAGWARDEN_MAIL_FROM", "", None, "MailFrom")]
#[case::a_sender_that_ses_does_not_know(
    "TAGWARDEN_MAIL_FROM",
    "a@b.example",
    None,
    "MessageRejected"
)]
#[case::no_permission("", "", Some(Fault::new("SendEmail", "AccessDeniedException", "no").always()), "AccessDenied")]
#[case::throttled("", "", Some(throttling().always()), "TooManyRequests")]
#[tokio::test(start_paused = true)]
async fn administrators_get_what_cannot_be_mailed(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] fault: Option<Fault>,
    #[case] reason: &str,
) {
    let world = match variable {
        "" => world(),
        variable => world().set(variable, value),
    };
    if let Some(fault) = fault {
        world.account.fail(fault);
    }
    let id = lacking(&world, "ann");
    world.sweep().await;

    assert_eq!(world.account.sent_mail(), []);
    let report = world.reports().remove(0);
    let line = report.lines().find(|line| line.starts_with("* ann, to "));
    let line = line.unwrap_or_else(|| panic!("{report}"));
    let to = "* ann, to mailto:ann@Example.COM: ";
    assert!(line.starts_with(to) && line.contains(reason), "{line}");
    let undelivered = &world.documents()[0]["undelivered"][0];
    assert_eq!(undelivered["contact"], "mailto:ann@Example.COM");
    assert!(undelivered["reason"].as_str().unwrap().contains(reason));
    let [fallback] = published(&world).try_into().unwrap();
    assert_eq!(fallback.attributes["audience"], "admins");
    let text = delivered(&fallback, "email");
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("This letter to ann could not be sent: ") && first.contains(reason));
    assert!(text.contains(&id), "{text}");

    // Administrators are told once as well.
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(published(&world).len(), 1);
}

/// A function that is killed before it writes down that it told somebody tells them again, rather than never.
#[tokio::test(start_paused = true)]
async fn a_letter_is_mailed_again_after_a_crash() {
    let world = world().set("TAGWARDEN_UNTAGGED", "notify");
    let id = world.account.launch(crate::support::old(&[]));
    assert!(!sweep_until(&world, "SendEmail").await);
    assert_eq!(recipients(&world).len(), 1);
    for _ in 0..3 {
        world.account.advance(TimeDelta::minutes(17));
        world.sweep().await;
    }
    assert_eq!(recipients(&world), ["ann@example.com", "ann@example.com"]);
    for mail in world.account.sent_mail() {
        assert!(mail.text.contains(&id), "{}", mail.text);
    }
}

/// Mail that nobody could be written to would look as if it were on.
#[test]
fn mail_needs_a_topic_for_letters() {
    let error = |variables: &[(&str, &str)]| {
        let read = |name: &str| {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let environment = tagwarden_core::settings::Environment::new(&read);
        tagwarden_remediation::Settings::from_environment(&environment)
            .map_err(|error| error.to_string())
            .err()
    };
    let from = ("TAGWARDEN_MAIL_FROM", "tags@example.com");
    assert_eq!(
        error(&[from, ("TAGWARDEN_LETTERS_TOPIC_ARN", LETTERS)]),
        None
    );
    assert_eq!(
        error(&[from]).unwrap(),
        "the environment variable TAGWARDEN_MAIL_FROM is \"tags@example.com\": must be empty unless \
         TAGWARDEN_LETTERS_TOPIC_ARN names the topic of the letters"
    );
    for (name, value, says) in [
        (
            "TAGWARDEN_MAIL_FROM",
            "example.com",
            "the ARN of an SES identity",
        ),
        ("TAGWARDEN_MAIL_DOMAINS", "*", "*.example.com"),
        ("TAGWARDEN_MAIL_DOMAINS", "example.*", "*.example.com"),
        ("TAGWARDEN_MAIL_DOMAINS", "ann@example.com", "*.example.com"),
    ] {
        let error = error(&[(name, value)]).unwrap();
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

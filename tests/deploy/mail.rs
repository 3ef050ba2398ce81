//! Mail and alarms on moto: letters by SES, mail without what only programs need to read, and where alarms go.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::{Value, json};
use tagwarden_aws::http_client;
use tagwarden_aws::mail::{Mail, Mailer};

use crate::MOTO;
use crate::deployment::run_to_success;
use crate::moto_account::{Account, eventually, launch, role_arn};
use crate::resolved::{Given, Whole};
use crate::stack::{Stack, deployment};
use crate::template::STACK;

const IDENTITY: &str = "arn:aws:ses:us-west-1:123456789012:identity/acme.example";

/// Verifies a domain or an address in a Region.
fn verify_identity(region: &'static str, identity: &str) {
    let mut create = deployment(region).aws();
    create.args(["sesv2", "create-email-identity", "--email-identity"]);
    run_to_success(create.arg(identity));
}

/// Puts a row that sends letters for `who` by mail.
async fn put_contact(stack: &Stack, id: u32, who: &str, address: &str) {
    let dynamodb = aws_sdk_dynamodb::Client::new(stack.account.sdk_config());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = dynamodb
        .put_item()
        .table_name("acme_cloud_policy_tagging_def")
        .item("RuleId", AttributeValue::N(id.to_string()));
    let put = match who {
        "" => put.item("PolicyFormat", AttributeValue::N("2".to_owned())),
        who => put
            .item("Who", text(who))
            .item("Contact", text(&format!("mailto:{address}"))),
    };
    put.send().await.unwrap();
}

/// What SES says to the remediation's role that mails from `sender`: the code of its refusal, if it refuses.
async fn refusal(stack: &Stack, sender: &str, to: &str) -> Option<String> {
    let role = role_arn(&stack.resources["RemediationRole"]);
    let config = stack.account.sdk_config_of_role(&role, "intruder").await;
    let config = config.into_builder().http_client(http_client()).build();
    let mailer = Mailer::new(&config, &sender.parse().unwrap()).unwrap();
    let mail = Mail {
        to: to.to_owned(),
        subject: "a letter".to_owned(),
        text: "a letter".to_owned(),
    };
    let error = mailer.send(&mail).await.err()?;
    Some(error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn letters_go_out_by_mail_as_far_as_the_stack_allows() {
    // SES is not in every Region, so that its identity may be elsewhere.
    let ses = Account::in_region(&MOTO, "us-west-1");
    let inbox = ses.create_queue("ann").await;
    let _ = ses.create_queue("eve").await;
    verify_identity("us-west-1", "acme.example");
    let from = format!("MailFrom={IDENTITY}");
    let parameters = [
        "Mode=enforce",
        "Untagged=notify",
        "CreateLettersTopic=true",
        &from,
        "MailDomains=acme.example,*.acme.example",
    ];
    let mut stack = Stack::deploy("sa-east-1", &parameters).await;
    put_contact(&stack, 99, "", "").await;
    put_contact(&stack, 100, "team-a", "ann@Mail.Acme.example").await;
    put_contact(&stack, 101, "team-b", "eve@elsewhere.example").await;

    let vpc = stack.account.create_vpc().await;
    let ana = stack.account.ec2_of_ana();
    let allowed = launch(&ana, &vpc.subnet, &[("Owner", "team-a")]).await;
    let foreign = launch(&ana, &vpc.subnet, &[("Owner", "team-b")]).await;
    let mails = tokio::sync::Mutex::new(Vec::new());
    let arrived = async || {
        let mut mails = mails.lock().await;
        mails.extend(ses.receive(&inbox).await);
        mails.concat()
    };
    eventually(arrived, |text| text.contains(&allowed)).await;
    let text = mails.into_inner().concat();
    assert!(text.contains("these instances belong to team-a"), "{text}");
    assert!(!text.contains(&foreign), "{text}");

    // Administrators read why the other letter did not go out.
    let read = tokio::sync::Mutex::new(String::new());
    let reported = async || {
        let mut read = read.lock().await;
        read.push_str(&stack.account.receive(&stack.mailbox).await.concat());
        read.clone()
    };
    let why = "* team-b, to mailto:eve@elsewhere.example: the stack's parameter MailDomains";
    eventually(reported, |text| text.contains(why)).await;
    let calls = stack.calls("RemediationRole", |session| session != "intruder");
    assert!(calls.iter().any(|call| call["action"] == "ses:SendEmail"));
    assert!(calls.iter().all(|call| call["allowed"] == true));

    // The role's own permission says the same.
    let denied = Some("AccessDeniedException".to_owned());
    assert_eq!(refusal(&stack, IDENTITY, "ann@acme.example").await, None);
    for (sender, to) in [
        (IDENTITY, "eve@elsewhere.example"),
        (IDENTITY, "eve@acme.example.com"),
        (
            &*IDENTITY.replace("acme.example", "ceo@acme.example"),
            "ann@acme.example",
        ),
        ("tagwarden@acme.example", "ann@acme.example"),
    ] {
        assert_eq!(refusal(&stack, sender, to).await, denied, "{sender} {to}");
    }

    // An address of the stack's own Region.
    let _ = stack.account.create_queue("ann").await;
    verify_identity("sa-east-1", "acme.example");
    stack.update(&["MailFrom=tags@acme.example", "MailDomains=acme.example"]);
    let to = "ann@acme.example";
    assert_eq!(refusal(&stack, "tags@acme.example", to).await, None);
    assert_eq!(refusal(&stack, "ceo@acme.example", to).await, denied);
    assert_eq!(refusal(&stack, IDENTITY, to).await, denied);
    let environment = stack.account.environment(&stack.account.function).await;
    assert_eq!(environment["TAGWARDEN_MAIL_FROM"], "tags@acme.example");
    assert_eq!(environment["TAGWARDEN_MAIL_DOMAINS"], "acme.example");

    stack.update(&["MailFrom=", "MailDomains="]);
    assert!(!stack.resources.contains_key("MailLetters"));
    assert_eq!(refusal(&stack, "tags@acme.example", to).await, denied);
}

/// The filter policies of the stack's mail subscriptions, by address.
async fn filters(stack: &Stack) -> BTreeMap<String, Option<String>> {
    let sns = Sns::new(stack.account.sdk_config());
    let topic = &stack.resources["Topic"];
    let subscriptions = sns.list_subscriptions_by_topic().topic_arn(topic);
    let subscriptions = subscriptions.send().await.unwrap().subscriptions.unwrap();
    let mut filters = BTreeMap::new();
    for subscription in subscriptions {
        let arn = subscription.subscription_arn.unwrap();
        let attributes = sns.get_subscription_attributes().subscription_arn(arn);
        let mut attributes = attributes.send().await.unwrap().attributes.unwrap();
        let filter = attributes.remove("FilterPolicy");
        filters.insert(subscription.endpoint.unwrap(), filter);
    }
    filters
}

/// Alarms and older reports have no attributes, and no filter policy lets through what has none.
#[tokio::test]
async fn whoever_wants_reports_only_gets_one_mail_for_each() {
    let stack = Stack::deploy("ca-central-1", &["ReportEmail=readers@acme.example"]).await;
    let readers = stack.account.create_queue("readers").await;
    let filter = r#"{"audience": ["admins"]}"#.to_owned();
    let expected = BTreeMap::from([
        ("mailbox@acme.example".to_owned(), None),
        ("readers@acme.example".to_owned(), Some(filter)),
    ]);
    assert_eq!(filters(&stack).await, expected);

    let sns = Sns::new(stack.account.sdk_config());
    let part = MessageAttributeValue::builder()
        .data_type("Number")
        .string_value("2");
    let publish = || sns.publish().topic_arn(&stack.resources["Topic"]);
    let further = publish()
        .message("part 2 of 2")
        .message_attributes("part", part.build().unwrap());
    further.send().await.unwrap();
    publish().message("an alarm").send().await.unwrap();
    // The function's own report.
    let vpc = stack.account.create_vpc().await;
    let id = launch(&stack.account.ec2_of_ana(), &vpc.subnet, &[("Name", "web")]).await;
    let read = tokio::sync::Mutex::new(String::new());
    let mailed = async || {
        let mut read = read.lock().await;
        read.push_str(&stack.account.receive(&readers).await.concat());
        read.clone()
    };
    eventually(mailed, |text| text.contains(&id)).await;
    let read = read.into_inner();
    assert!(
        !read.contains("part 2 of 2") && !read.contains("an alarm"),
        "{read}"
    );
    // Whoever subscribed before gets all of it.
    let all = tokio::sync::Mutex::new(String::new());
    let mailed = async || {
        let mut all = all.lock().await;
        all.push_str(&stack.account.receive(&stack.mailbox).await.concat());
        all.clone()
    };
    let expected = ["part 2 of 2", "an alarm", &id];
    eventually(mailed, |text| expected.iter().all(|it| text.contains(*it))).await;
}

/// Where the stack's alarms go.
fn alarms(stack: &Stack) -> Vec<Value> {
    let mut describe = deployment("af-south-1").aws();
    describe.args(["cloudwatch", "describe-alarms", "--output", "json"]);
    let alarms: Value = serde_json::from_str(&run_to_success(&mut describe)).unwrap();
    let own: Vec<&String> = stack.resources.values().collect();
    let alarms = alarms["MetricAlarms"].as_array().unwrap().iter();
    let alarms = alarms.filter(|alarm| own.iter().any(|name| alarm["AlarmName"] == ***name));
    alarms.map(|alarm| alarm["AlarmActions"].clone()).collect()
}

/// One parameter serves the stacks of all Regions. Only a whole part of the ARN stands for the Region.
#[tokio::test]
async fn alarms_go_to_a_topic_of_the_stacks_region() {
    let mut stack = Stack::deploy("af-south-1", &[]).await;
    let template = Whole::read(STACK);
    let made = template.resources_of(&Given::named("tagwarden"), "AWS::CloudWatch::Alarm");
    let expected = |arn: &str| vec![json!([arn]); made.len()];
    assert_eq!(alarms(&stack), expected(&stack.resources["Topic"]));
    for (given, arn) in [
        (
            "arn:aws:sns:REGION:123456789012:REGIONAL-alarms",
            "arn:aws:sns:af-south-1:123456789012:REGIONAL-alarms",
        ),
        (
            "arn:aws:sns:af-south-1:123456789012:REGION",
            "arn:aws:sns:af-south-1:123456789012:REGION",
        ),
    ] {
        stack.update(&[&format!("AlarmTopicArn={given}")]);
        assert_eq!(alarms(&stack), expected(arn));
    }
    stack.update(&["AlarmTopicArn="]);
    assert_eq!(alarms(&stack), expected(&stack.resources["Topic"]));
}

//! Publish.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use tagwarden_sandbox::{Account, Publication};

use crate::refusal;

fn account_with_topic() -> (Account, String, Client) {
    let account = Account::new();
    let topic = account.create_topic("reports");
    let client = Client::new(&account.sdk_config());
    (account, topic, client)
}

#[tokio::test(start_paused = true)]
async fn keeps_a_published_message_unchanged() {
    let (account, topic, sns) = account_with_topic();
    assert_eq!(topic, "arn:aws:sns:us-east-1:111111111111:reports");
    let message = r#"{"default": "one\ntwo", "sqs": "{\"instances\": 1}"}"#;
    let answer = sns
        .publish()
        .topic_arn(&topic)
        .subject("Report – Grüße")
        .message(message)
        .message_structure("json")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.message_id().map(str::len), Some(36));
    sns.publish()
        .topic_arn(&topic)
        .message("plain <text> & more")
        .send()
        .await
        .unwrap();
    assert_eq!(
        account.published(),
        [
            Publication {
                topic_arn: topic.clone(),
                subject: Some("Report – Grüße".to_owned()),
                message: message.to_owned(),
                message_structure: Some("json".to_owned()),
                attributes: BTreeMap::new(),
            },
            Publication {
                topic_arn: topic,
                subject: None,
                message: "plain <text> & more".to_owned(),
                message_structure: None,
                attributes: BTreeMap::new(),
            },
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_an_unknown_topic() {
    let (account, topic, sns) = account_with_topic();
    let other = sns
        .publish()
        .topic_arn(format!("{topic}-2"))
        .message("x")
        .send()
        .await;
    assert_eq!(
        refusal(other),
        ("NotFound".to_owned(), "Topic does not exist".to_owned())
    );
    for wrong in [sns.publish().topic_arn("reports"), sns.publish()] {
        assert_eq!(
            refusal(wrong.message("x").send().await).0,
            "InvalidParameter"
        );
    }
    assert!(account.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_long_and_multiline_subjects() {
    let (account, topic, sns) = account_with_topic();
    let send = |subject: String| {
        sns.publish()
            .topic_arn(&topic)
            .message("x")
            .subject(subject)
            .send()
    };
    for wrong in [
        String::new(),
        "a\nb".to_owned(),
        "a\u{7}b".to_owned(),
        "s".repeat(100),
    ] {
        let expected = (
            "InvalidParameter".to_owned(),
            "Invalid parameter: Subject".to_owned(),
        );
        assert_eq!(refusal(send(wrong).await), expected);
    }
    send("s".repeat(99)).await.unwrap();
    assert_eq!(account.published().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_messages_over_256_kib_including_attributes() {
    let (account, topic, sns) = account_with_topic();
    let send = |size: usize| sns.publish().topic_arn(&topic).message("m".repeat(size));
    assert_eq!(
        refusal(send(262_145).send().await),
        (
            "InvalidParameter".to_owned(),
            "Invalid parameter: Message too long".to_owned()
        )
    );
    let attribute = aws_sdk_sns::types::MessageAttributeValue::builder()
        .data_type("String")
        .string_value("x")
        .build()
        .unwrap();
    let with_attribute = send(262_144).message_attributes("kind", attribute);
    assert_eq!(refusal(with_attribute.send().await).0, "InvalidParameter");
    assert_eq!(
        refusal(send(0).send().await).1,
        "Invalid parameter: Empty message"
    );
    send(262_144).send().await.unwrap();
    assert_eq!(account.published().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refuses_json_structure_without_a_default() {
    let (account, topic, sns) = account_with_topic();
    let send = |message: &str| {
        let call = sns.publish().topic_arn(&topic).message(message);
        call.message_structure("json").send()
    };
    for unparsable in ["{", "[]", "\"text\"", "null"] {
        assert_eq!(
            refusal(send(unparsable).await).1,
            "Invalid parameter: Message Structure - JSON message body failed to parse"
        );
    }
    for without in ["{}", r#"{"default": 1}"#, r#"{"sqs": "x"}"#] {
        assert_eq!(
            refusal(send(without).await).1,
            "Invalid parameter: Message Structure - No default entry in JSON message body"
        );
    }
    let other = sns
        .publish()
        .topic_arn(&topic)
        .message("x")
        .message_structure("xml")
        .send()
        .await;
    assert_eq!(refusal(other).0, "InvalidParameter");
    assert!(account.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn counts_the_confirmed_subscriptions_of_a_topic() {
    let (account, topic, sns) = account_with_topic();
    let ask = || sns.get_topic_attributes().topic_arn(&topic).send();
    for count in ["1", "0", "12"] {
        if count != "1" {
            account.set_subscriptions(&topic, count.parse().unwrap());
        }
        let answer = ask().await.unwrap();
        let attributes = answer.attributes().unwrap();
        assert_eq!(attributes["SubscriptionsConfirmed"], count);
        assert_eq!(attributes["TopicArn"], topic);
    }
    let other = sns.get_topic_attributes().topic_arn(format!("{topic}-2"));
    assert_eq!(refusal(other.send().await).0, "NotFound");
}

#[tokio::test(start_paused = true)]
async fn refuses_publications_until_it_accepts_them_again() {
    let (account, topic, sns) = account_with_topic();
    let publish = || sns.publish().topic_arn(&topic).message("x").send();
    account.refuse_publications(&topic, true);
    let (code, message) = refusal(publish().await);
    assert_eq!(code, "AuthorizationError");
    assert!(message.contains(&topic), "{message}");
    assert!(account.published().is_empty());
    account.refuse_publications(&topic, false);
    assert!(publish().await.is_ok());
}

fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type(data_type);
    attribute.string_value(value).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn keeps_the_attributes_of_a_message() {
    let (account, topic, sns) = account_with_topic();
    sns.publish()
        .topic_arn(&topic)
        .message("m")
        .message_attributes("owner", attribute("String", "ann"))
        .message_attributes("kind", attribute("String.Array", r#"["notice","tagged"]"#))
        .message_attributes("part", attribute("Number", "2"))
        .send()
        .await
        .unwrap();
    let attributes = account.published().remove(0).attributes;
    let expected = [
        ("kind", r#"["notice","tagged"]"#),
        ("owner", "ann"),
        ("part", "2"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes, BTreeMap::from(expected));
}

#[tokio::test(start_paused = true)]
async fn refuses_attributes_that_sns_does_not_take() {
    let (account, topic, sns) = account_with_topic();
    for (name, data_type, value) in [
        ("owner", "String", ""),
        ("part", "Number", "two"),
        ("kind", "String.Array", "notice"),
        ("kind", "String.Array", r#"[{"a": 1}]"#),
        ("owner", "Text", "ann"),
        (".owner", "String", "ann"),
        ("own er", "String", "ann"),
    ] {
        let request = sns.publish().topic_arn(&topic).message("m");
        let request = request.message_attributes(name, attribute(data_type, value));
        let (code, message) = refusal(request.send().await);
        assert_eq!(
            code, "ParameterValueInvalid",
            "{name} {data_type} {value}: {message}"
        );
    }
    assert!(account.published().is_empty());
}

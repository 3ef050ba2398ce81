//! What the parameters about owners make of the stack: topics, variables, permissions, a Slack channel.

use aws_sdk_ec2::error::ProvideErrorMetadata;

use crate::moto_account::role_arn;
use crate::stack::Stack;

/// The topics to which the remediation's role may publish, of those that there are.
async fn may_publish_to(stack: &Stack, topics: &[&String]) -> Vec<String> {
    let role = role_arn(&stack.resources["RemediationRole"]);
    let config = stack.account.sdk_config_of_role(&role, "intruder").await;
    let sns = aws_sdk_sns::Client::new(&config);
    let mut granted = Vec::new();
    for topic in topics {
        let publish = sns.publish().topic_arn(*topic).message("a letter");
        match publish.send().await {
            Ok(_) => granted.push((*topic).clone()),
            Err(error) => assert_eq!(error.code(), Some("AuthorizationError")),
        }
    }
    granted
}

#[tokio::test]
async fn letters_go_where_the_stack_allows_and_nowhere_else() {
    let contacts = "ContactTopics=arn:aws:sns:eu-west-2:123456789012:team-*,arn:aws:sns:eu-west-2:123456789012:finance";
    let parameters = [
        "CreateLettersTopic=true",
        contacts,
        "OwnerTags=Team,Owner",
        "SlackWorkspaceId=T0123ABCD",
        "SlackChannelId=C0123ABCDEF",
    ];
    let mut stack = Stack::deploy("eu-west-2", &parameters).await;
    let sns = aws_sdk_sns::Client::new(stack.account.sdk_config());
    let mut topics = vec![stack.resources["Topic"].clone()];
    let letters = stack.resources["LettersTopic"].clone();
    topics.push(letters.clone());
    for name in ["team-a", "finance", "finance-archive", "other"] {
        let topic = sns.create_topic().name(name).send().await.unwrap();
        topics.push(topic.topic_arn.unwrap());
    }
    let all: Vec<&String> = topics.iter().collect();

    assert_eq!(may_publish_to(&stack, &all).await, topics[..4]);
    assert!(stack.resources["SlackChannel"].contains("slack-channel"));
    let function = stack.resources["RemediationFunction"].clone();
    let environment = stack.account.environment(&function).await;
    assert_eq!(environment["TAGWARDEN_LETTERS_TOPIC_ARN"], letters);
    assert_eq!(
        Some(environment["TAGWARDEN_CONTACT_TOPICS"].as_str()),
        contacts.strip_prefix("ContactTopics=")
    );
    assert_eq!(environment["TAGWARDEN_OWNER_TAGS"], "Team,Owner");

    // Nobody who subscribes to the reports gets anything else.
    let of_reports = sns.list_subscriptions_by_topic().topic_arn(&topics[0]);
    let of_reports = of_reports.send().await.unwrap().subscriptions.unwrap();
    assert_eq!(of_reports.len(), 1, "{of_reports:?}");
    let of_letters = sns.list_subscriptions_by_topic().topic_arn(&letters);
    assert_eq!(of_letters.send().await.unwrap().subscriptions.unwrap(), []);

    // Turned off again.
    let none = [
        "CreateLettersTopic=false",
        "ContactTopics=",
        "SlackWorkspaceId=",
        "SlackChannelId=",
    ];
    stack.update(&none);
    for gone in [
        "LettersTopic",
        "PublishLetters",
        "PublishToContacts",
        "SlackChannel",
        "SlackRole",
    ] {
        assert!(!stack.resources.contains_key(gone), "{gone}");
    }
    let environment = stack.account.environment(&function).await;
    assert_eq!(environment["TAGWARDEN_LETTERS_TOPIC_ARN"], "");
    assert_eq!(environment["TAGWARDEN_CONTACT_TOPICS"], "");
    let others: Vec<&String> = all.into_iter().filter(|it| **it != letters).collect();
    assert_eq!(may_publish_to(&stack, &others).await, topics[..1]);
}

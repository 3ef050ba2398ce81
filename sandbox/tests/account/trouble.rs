//! The log of calls, faults, quotas, latency, hooks, and unknown operations.

use std::time::Duration;

use aws_sdk_ec2::types::Tag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tagwarden_sandbox::{Account, Fault, InstanceState, Launch, Service};
use tokio::time::Instant;

use crate::{account_with_ec2, noon, refusal};

fn tag() -> Tag {
    Tag::builder().key("a").value("b").build()
}

#[tokio::test(start_paused = true)]
async fn logs_every_call_answered_or_refused() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    ec2.create_tags()
        .resources(&id)
        .tags(tag())
        .send()
        .await
        .unwrap();
    account.advance(chrono::TimeDelta::seconds(7));
    let _ = refusal(
        ec2.stop_instances()
            .instance_ids("i-0fffffffffffffff0")
            .send()
            .await,
    );
    let calls = account.calls();
    assert_eq!(calls[0].outcome, Ok(()));
    assert_eq!(calls[1].service, Service::Ec2);
    assert_eq!(calls[1].operation, "StopInstances");
    assert_eq!(calls[1].resources, ["i-0fffffffffffffff0"]);
    assert_eq!(
        calls[1].outcome,
        Err("InvalidInstanceID.NotFound".to_owned())
    );
    assert_eq!(calls[1].at, noon() + chrono::TimeDelta::seconds(7));
    assert_eq!(
        (account.count("CreateTags"), account.count("DeleteTags")),
        (1, 0)
    );
    account.forget_calls();
    assert!(account.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_an_unknown_operation_without_retry() {
    let (account, ec2) = account_with_ec2();
    let (code, message) = refusal(ec2.describe_vpcs().send().await);
    assert_eq!(code, "InvalidAction");
    assert!(message.contains("DescribeVpcs of ec2"), "{message}");
    let dynamodb = aws_sdk_dynamodb::Client::new(&account.sdk_config());
    let (code, message) = refusal(dynamodb.describe_limits().send().await);
    assert_eq!(code, "UnknownOperationException");
    assert!(message.contains("DescribeLimits of dynamodb"), "{message}");
    let sns = aws_sdk_sns::Client::new(&account.sdk_config());
    let (code, message) = refusal(sns.list_topics().send().await);
    assert_eq!(code, "InvalidAction");
    assert!(message.contains("ListTopics of sns"), "{message}");
    let config = aws_sdk_config::Client::new(&account.sdk_config());
    let (code, message) = refusal(config.describe_delivery_channels().send().await);
    assert_eq!(code, "UnknownOperationException");
    assert!(
        message.contains("DescribeDeliveryChannels of config"),
        "{message}"
    );
    assert_eq!(account.calls().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn applies_a_fault_the_given_number_of_times_to_matching_calls() {
    let (account, ec2) = account_with_ec2();
    let ids = account.launch_many(Launch::new(), 2);
    let create = |id: &str| ec2.create_tags().resources(id).tags(tag()).send();
    let second = ids[1].clone();
    account.fail(
        Fault::new(
            "CreateTags",
            "UnauthorizedOperation",
            "You are not authorized.",
        )
        .status(403)
        .times(2)
        .when(move |request| request.mentions(&second)),
    );
    assert!(create(&ids[0]).await.is_ok());
    for _ in 0..2 {
        let error = create(&ids[1]).await.unwrap_err();
        assert_eq!(error.code(), Some("UnauthorizedOperation"));
        assert_eq!(error.message(), Some("You are not authorized."));
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    }
    assert!(create(&ids[1]).await.is_ok());

    account.fail(Fault::new("CreateTags", "AuthFailure", "No.").always());
    for id in [&ids[0], &ids[1], &ids[0]] {
        assert_eq!(refusal(create(id).await).0, "AuthFailure");
    }
    assert!(ec2.describe_instances().send().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn returns_faults_as_service_errors_in_both_protocols() {
    let account = Account::new();
    let config = account.sdk_config();
    account.create_table("t");
    let topic = account.create_topic("reports");
    account.fail(Fault::new("Scan", "AccessDeniedException", "not yours"));
    account.fail(Fault::new("Publish", "AuthorizationError", "not yours").status(403));
    let scan = aws_sdk_dynamodb::Client::new(&config)
        .scan()
        .table_name("t")
        .send()
        .await;
    assert_eq!(refusal(scan).0, "AccessDeniedException");
    let publish = aws_sdk_sns::Client::new(&config)
        .publish()
        .topic_arn(topic)
        .message("x");
    let error = publish.send().await.unwrap_err().into_service_error();
    assert!(error.is_authorization_error_exception(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn lets_the_sdk_retry_retryable_faults() {
    let (account, ec2) = account_with_ec2();
    account.fail(
        Fault::new("DescribeInstances", "RequestLimitExceeded", "slow down")
            .status(503)
            .times(2),
    );
    assert!(ec2.describe_instances().send().await.is_ok());
    let outcomes: Vec<_> = account
        .calls()
        .into_iter()
        .map(|call| call.outcome.is_ok())
        .collect();
    assert_eq!(outcomes, [false, false, true]);
    assert!(
        account.now() > noon(),
        "the SDK waits between its attempts, by the account's clock"
    );
}

#[tokio::test(start_paused = true)]
async fn throttles_calls_above_the_quotas() {
    let account = Account::starting_at(noon());
    account.keep_quotas();
    let once = aws_config::retry::RetryConfig::disabled();
    let config = account
        .sdk_config()
        .into_builder()
        .retry_config(once)
        .build();
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let id = account.launch(Launch::new());
    let terminate = || ec2.terminate_instances().instance_ids(&id).send();
    for _ in 0..100 {
        terminate().await.unwrap();
    }
    let error = terminate().await.unwrap_err();
    assert_eq!(error.code(), Some("RequestLimitExceeded"));
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 503);
    tokio::time::sleep(Duration::from_millis(200)).await;
    terminate().await.unwrap();

    let cloudtrail = aws_sdk_cloudtrail::Client::new(&config);
    for _ in 0..2 {
        cloudtrail.lookup_events().send().await.unwrap();
    }
    let error = cloudtrail.lookup_events().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ThrottlingException"));
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
}

#[tokio::test(start_paused = true)]
async fn delays_answers_by_tokios_clock() {
    let (account, ec2) = account_with_ec2();
    account.latency(Duration::from_millis(250));
    let before = Instant::now();
    ec2.describe_instances().send().await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_millis(250));
    assert_eq!(account.now(), noon() + chrono::TimeDelta::milliseconds(250));
}

#[tokio::test(start_paused = true)]
async fn runs_hooks_just_before_an_answer() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    let target = id.clone();
    account.on_next_call("DescribeInstances", move |account| {
        account.set_tag(&target, "Name", "just in time");
        account.on_next_call("DescribeInstances", |account| {
            account.advance(crate::minutes(1));
        });
    });
    let target = id.clone();
    account.on_call("CreateTags", move |account| account.forget(&target));

    let name = async || {
        let answer = ec2
            .describe_instances()
            .instance_ids(&id)
            .send()
            .await
            .unwrap();
        let tags = answer.reservations()[0].instances()[0].tags().to_vec();
        tags.first().and_then(|tag| tag.value().map(str::to_owned))
    };
    assert_eq!(name().await.as_deref(), Some("just in time"));
    assert_eq!(account.now(), noon());
    account.remove_tag(&id, "Name");
    assert_eq!(name().await, None);
    assert_eq!(account.now(), noon() + crate::minutes(1));
    let gone = ec2.create_tags().resources(&id).tags(tag()).send().await;
    assert_eq!(refusal(gone).0, "InvalidInstanceID.NotFound");
}

#[test]
fn accepts_fixtures_outside_a_runtime() {
    let account = Account::starting_at(noon());
    let id = account.launch(Launch::new());
    account.advance(crate::minutes(5));
    assert_eq!(account.now(), noon() + crate::minutes(5));
    let runtime = tagwarden_sandbox::paused_runtime().unwrap();
    let ec2 = aws_sdk_ec2::Client::new(&account.sdk_config());
    runtime.block_on(async {
        ec2.terminate_instances()
            .instance_ids(&id)
            .send()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
    });
    account.advance(crate::minutes(1));
    assert_eq!(
        account.instance(&id).unwrap().state,
        InstanceState::Terminated
    );
}

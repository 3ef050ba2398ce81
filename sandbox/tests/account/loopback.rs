//! The account for other processes.

use std::io::{Read, Write};
use std::net::TcpStream;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use tagwarden_sandbox::{Account, Launch, Loopback};

use crate::refusal;

/// What another process makes of `AWS_ENDPOINT_URL`: the SDK's own HTTP client, and its own clock.
fn over_http(account: &Account, loopback: &Loopback) -> SdkConfig {
    let config = account.sdk_config();
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(config.region().cloned())
        .credentials_provider(config.credentials_provider().unwrap())
        .endpoint_url(loopback.url())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(std::time::Duration::from_secs(10))
                .build(),
        )
        .build()
}

#[tokio::test]
async fn serves_all_services_at_one_address() {
    let account = Account::new();
    let id = account.launch(Launch::new().ago(crate::minutes(30)));
    account.create_table("t");
    account.put_item("t", serde_json::json!({"RuleId": 1}));
    let topic = account.create_topic("reports");
    let loopback = Loopback::serve(&account).unwrap();
    let config = over_http(&account, &loopback);

    let ec2 = aws_sdk_ec2::Client::new(&config);
    let answer = ec2
        .describe_instances()
        .instance_ids(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.reservations().len(), 1);
    let (code, _) = refusal(
        ec2.describe_instances()
            .instance_ids("i-0fffffffffffffff0")
            .send()
            .await,
    );
    assert_eq!(code, "InvalidInstanceID.NotFound");
    let scan = aws_sdk_dynamodb::Client::new(&config)
        .scan()
        .table_name("t")
        .send()
        .await
        .unwrap();
    assert_eq!(scan.count(), 1);
    let token = account.scheduled_event("tagging")["resultToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let put = aws_sdk_config::Client::new(&config)
        .put_evaluations()
        .result_token(token);
    put.send().await.unwrap();
    let events = aws_sdk_cloudtrail::Client::new(&config)
        .lookup_events()
        .send()
        .await
        .unwrap();
    assert_eq!(events.events().len(), 1);
    let sns = aws_sdk_sns::Client::new(&config);
    sns.publish()
        .topic_arn(&topic)
        .message("x")
        .send()
        .await
        .unwrap();
    assert_eq!(account.published().len(), 1);
    assert_eq!(account.calls().len(), 6);
}

/// Posts a body and gives the whole answer, by a socket alone and without a runtime.
fn post(loopback: &Loopback, header: &str, body: &str) -> String {
    let address = loopback.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    write!(
        stream,
        "{head}{header}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn serves_a_blocked_test_until_dropped() {
    let account = Account::new();
    let loopback = Loopback::serve(&account).unwrap();
    let answer = post(&loopback, "", "Action=DescribeVpcs&Version=2016-11-15");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    assert!(answer.contains("<Code>InvalidAction</Code>"), "{answer}");
    let address = loopback.url().replace("http://", "");
    drop(loopback);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn refuses_unreadable_requests() {
    let account = Account::new();
    let loopback = Loopback::serve(&account).unwrap();
    let scan = "x-amz-target: DynamoDB_20120810.Scan\r\n";
    let cases = [
        ("", "", "MissingAction"),
        ("", "Action=%ff&Version=x", "UnknownOperationException"),
        (
            "",
            "Action=CreateTags&Version=2016-11-15&Tag.0.Key",
            "MissingParameter",
        ),
        (scan, "{", "SerializationException"),
        (scan, "[]", "SerializationException"),
        (scan, r#"{"TableName": 1}"#, "SerializationException"),
        (
            "x-amz-target: AmazonSQS.SendMessage\r\n",
            "{}",
            "UnknownOperationException",
        ),
        ("x-amz-target: odd\r\n", "{}", "UnknownOperationException"),
    ];
    for (header, body, code) in cases {
        let answer = post(&loopback, header, body);
        assert!(answer.contains(code), "{header} {body}: {answer}");
    }
}

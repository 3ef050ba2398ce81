//! Two linked stacks on moto, deployed by the commands of `docs/linking.md`.

use aws_sdk_ec2::types::Tag;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::MOTO;
use crate::deployment::{Deployment, run_to_success};
use crate::moto_account::{Account, Queue, eventually, launch};
use crate::stack::{deployment, queue_name};

const GUIDE: &str = include_str!("../../docs/linking.md");

/// The guide's bucket.
const BUCKET: &str = "--bucket acme-tagwarden-eu-west-1";

/// Runs all commands of the guide, enforcing.
fn deploy_as_the_guide_says(deployment: &Deployment) {
    let blocks = GUIDE.split("```sh\n").skip(1);
    let commands: String = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect();
    assert_eq!(commands.matches(BUCKET).count(), 3, "{commands}");
    let region = deployment.region;
    // Instances on moto are as young as the test.
    let here = format!(
        "--bucket zips-{region} Mode=enforce GraceMinutes=0 BatchingWindowSeconds=1 Untagged=notify"
    );
    let commands = commands.replace(BUCKET, &here);
    let mut bash = deployment.command("bash");
    bash.current_dir(env!("CARGO_MANIFEST_DIR"));
    run_to_success(bash.args(["-euo", "pipefail", "-c", &commands]));
}

fn output(deployment: &Deployment, stack: &str, logical: &str) -> String {
    deployment.resources(stack)[logical].clone()
}

/// Where reports arrive as JSON.
async fn subscribed(account: &Account<'_>, topic: &str, name: &str) -> Queue {
    let queue = account.create_queue(name).await;
    let sns = aws_sdk_sns::Client::new(account.sdk_config());
    let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
    subscribe.endpoint(&queue.arn).send().await.unwrap();
    queue
}

/// How many messages a queue of a stack holds, in flight or not.
async fn messages(account: &Account<'_>, url: &str) -> u32 {
    let ask = account.sqs.get_queue_url().queue_name(queue_name(url));
    let url = ask.send().await.unwrap().queue_url.unwrap();
    let ask = account.sqs.get_queue_attributes().queue_url(url);
    let ask = ask
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    let counts = ask.send().await.unwrap().attributes.unwrap();
    counts.values().map(|it| it.parse::<u32>().unwrap()).sum()
}

/// The reports that have arrived, each as its source, hops and the tags it wrote.
async fn reports(account: &Account<'_>, queue: &Queue) -> Vec<(String, u64, Vec<String>)> {
    let received = account.receive(queue).await;
    let read = received.iter().map(|text| {
        let report: Value = serde_json::from_str(text).unwrap();
        let entries = report["entries"].as_array().unwrap().iter();
        let written = entries
            .filter(|entry| entry["outcome"] == "done")
            .map(|entry| entry["tagKey"].as_str().unwrap_or_default().to_owned());
        (
            report["source"].as_str().unwrap().to_owned(),
            report["hops"].as_u64().unwrap(),
            written.collect(),
        )
    });
    read.collect()
}

/// The circle ends, and alarms on a topic that is listened to harm nobody.
#[tokio::test]
async fn stacks_linked_as_the_guide_says_follow_each_other() {
    let account = Account::in_region(&MOTO, "eu-central-1");
    let deployment = deployment("eu-central-1");
    deployment.prepare();
    let vpc = account.create_vpc().await;
    let instance = launch(&account.ec2_of_ana(), &vpc.subnet, &[("Name", "web")]).await;
    // The mailboxes of the guide.
    for name in ["cloud", "finance"] {
        account.create_queue(name).await;
    }
    deploy_as_the_guide_says(&deployment);
    let mut queues = Vec::new();
    for (stack, logical) in [
        ("tagging", "Queue"),
        ("tagging", "DeadLetters"),
        ("costs", "Queue"),
        ("costs", "DeadLetters"),
    ] {
        queues.push(output(&deployment, stack, logical));
    }
    let idle = async || {
        let mut all = 0;
        for queue in &queues {
            all += messages(&account, queue).await;
        }
        all
    };
    let topics = [
        output(&deployment, "tagging", "Topic"),
        output(&deployment, "costs", "Topic"),
    ];
    eventually(idle, |count| *count == 0).await;
    let of_tagging = subscribed(&account, &topics[0], "of-tagging").await;
    let of_costs = subscribed(&account, &topics[1], "of-costs").await;

    // Config notices a change. Only the first stack listens to Config: the second hears of it by the report.
    let change = account.ec2.create_tags().resources(&instance);
    let change = change.tags(Tag::builder().key("Name").value("db").build());
    change.send().await.unwrap();
    let cost_center = async || account.tags(&instance).await.get("CostCenter").cloned();
    let written = eventually(cost_center, Option::is_some).await;
    assert_eq!(written.as_deref(), Some("4711"));
    eventually(idle, |count| *count == 0).await;
    // What has been done is told once each, and then there is silence.
    let report = |who: &str, hops, keys: &[&str]| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        (format!("tagwarden/{who}-remediation"), hops, keys)
    };
    let first = report("tagging", 0, &["ProjectCode", "CreatedBy", "Expires"]);
    assert_eq!(reports(&account, &of_tagging).await, [first]);
    let second = report("costs", 1, &["CostCenter"]);
    assert_eq!(reports(&account, &of_costs).await, [second]);

    // What else comes through the topics.
    let sns = aws_sdk_sns::Client::new(account.sdk_config());
    let alarm = json!({
        "AlarmName": "tagging-DeadLettersAlarm", "NewStateValue": "ALARM", "AWSAccountId": "123456789012",
        "NewStateReason": "Threshold Crossed", "Trigger": {"MetricName": "Errors"},
    });
    for topic in &topics {
        for message in [alarm.to_string(), "not JSON".to_owned(), "{}".to_owned()] {
            let publish = sns.publish().topic_arn(topic).message(message);
            publish.send().await.unwrap();
        }
    }
    eventually(idle, |count| *count == 0).await;
    let ignored = MOTO
        .log()
        .matches("a CloudWatch alarm asks for nothing")
        .count();
    assert_eq!(ignored, 2, "each function has read the other topic's alarm");
    for call in MOTO.calls() {
        let role = call["role"].as_str().unwrap();
        if role.contains("tagging") || role.contains("costs") {
            assert_eq!(call["allowed"], true, "{call}");
        }
    }
}

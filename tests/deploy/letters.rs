//! Letters on moto: teams with filter policies get theirs, and whoever subscribed to the reports gets reports only.

use std::collections::BTreeSet;

use aws_sdk_sns::Client as Sns;
use serde_json::{Value, json};

use crate::moto_account::{Queue, eventually, launch};
use crate::stack::Stack;

/// A subscriber of a topic: a queue, and what has arrived there.
struct Reader {
    queue: Queue,
    read: Vec<String>,
}

impl Reader {
    /// A queue that gets what matches the filter policy; none: everything.
    async fn new(stack: &Stack, topic: &str, name: &str, filter: Option<Value>) -> Self {
        let queue = stack.account.create_queue(name).await;
        let sns = Sns::new(stack.account.sdk_config());
        let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
        let subscribe = subscribe.endpoint(&queue.arn);
        let filter = filter.map(|filter| filter.to_string());
        let subscribe = match filter {
            Some(filter) => subscribe.attributes("FilterPolicy", filter),
            None => subscribe,
        };
        subscribe.send().await.unwrap();
        let read = Vec::new();
        Self { queue, read }
    }

    async fn read_on(&mut self, stack: &Stack) {
        self.read.extend(stack.account.receive(&self.queue).await);
    }

    fn documents(&self) -> Vec<Value> {
        let documents = self.read.iter();
        documents
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// The instances that the messages are about.
    fn instances(&self) -> BTreeSet<String> {
        let documents = self.documents().into_iter();
        let entries = documents.flat_map(|it| it["entries"].as_array().unwrap().clone());
        entries
            .map(|entry| entry["instanceId"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn set(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

#[tokio::test]
async fn each_team_gets_its_letters_and_administrators_get_the_report() {
    let parameters = ["Mode=enforce", "Untagged=notify", "CreateLettersTopic=true"];
    let stack = Stack::deploy("us-east-2", &parameters).await;
    let (reports, letters) = (
        stack.resources["Topic"].clone(),
        stack.resources["LettersTopic"].clone(),
    );
    let owner = |name: &str| Some(json!({"owner": [{"equals-ignore-case": name}]}));
    let mut program = Reader::new(&stack, &reports, "program", None).await;
    let mut teams = [
        Reader::new(&stack, &letters, "team-a", owner("team-a")).await,
        Reader::new(&stack, &letters, "team-b", owner("team-b")).await,
        // Only what is about to happen, which is nothing here.
        Reader::new(
            &stack,
            &letters,
            "team-c",
            Some(json!({"owner": ["team-c"], "kind": ["notice", "shutdown"]})),
        )
        .await,
    ];
    let admins = Some(json!({"audience": ["admins"]}));
    let mut digest = Reader::new(&stack, &letters, "digest", admins).await;
    let mut all = Reader::new(&stack, &letters, "all", None).await;

    let vpc = stack.account.create_vpc().await;
    let ana = stack.account.ec2_of_ana();
    let of = async |owner: &str| launch(&ana, &vpc.subnet, &[("Owner", owner)]).await;
    let (first, second) = (of("team-a").await, of("Team-A").await);
    let (third, fourth) = (of("team-b").await, of("team-c").await);
    let own = launch(&ana, &vpc.subnet, &[("Name", "web")]).await;
    let everything = set(&[&first, &second, &third, &fourth, &own]);

    let reported = tokio::sync::Mutex::new(&mut program);
    let reported = async || {
        let mut program = reported.lock().await;
        program.read_on(&stack).await;
        program.instances()
    };
    eventually(reported, |ids| *ids == everything).await;
    eventually(async || stack.account.backlog().await, |count| *count == 0).await;
    for reader in teams
        .iter_mut()
        .chain([&mut program, &mut digest, &mut all])
    {
        for _ in 0..3 {
            reader.read_on(&stack).await;
        }
    }

    assert_eq!(teams[0].instances(), set(&[&first, &second]));
    assert_eq!(teams[1].instances(), set(&[&third]));
    assert_eq!(teams[2].read, Vec::<String>::new());
    for letter in teams[0].documents() {
        assert_eq!(letter["audience"], "owner", "{letter}");
        assert_eq!(letter.get("instanceIds"), None, "{letter}");
    }
    // Who launched it owns what no tag says.
    let of_ana = all.documents().into_iter();
    let of_ana = of_ana.filter(|letter| letter["owner"] == "ana");
    let of_ana: BTreeSet<String> = of_ana
        .flat_map(|letter| letter["entries"].as_array().unwrap().clone())
        .map(|entry| entry["instanceId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_ana, set(&[&own]));
    // Administrators get the report, and nothing new comes to who subscribed to it.
    for report in program.documents() {
        assert_eq!(report["audience"], Value::Null, "{report}");
        assert!(report["instanceIds"].is_array(), "{report}");
    }
    assert!(!digest.read.is_empty());
    for document in digest.documents() {
        assert_eq!(document["audience"], "admins", "{document}");
    }
    let mails = stack.account.receive(&stack.mailbox).await;
    assert_eq!(mails.len(), program.read.len());
    for mail in mails {
        assert!(
            mail.starts_with("The following tagging policy violations occurred:"),
            "{mail}"
        );
    }
    for call in stack.calls("RemediationRole", |_| true) {
        assert_eq!(call["allowed"], true, "{call}");
    }
}

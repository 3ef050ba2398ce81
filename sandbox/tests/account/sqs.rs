//! `SendMessageBatch`.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use chrono::TimeDelta;
use tagwarden_sandbox::Account;

use crate::noon;

fn entry(id: &str, delay_seconds: i32) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id);
    let entry = entry.delay_seconds(delay_seconds);
    entry.message_body(format!("body {id}")).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn shows_a_message_once_its_delay_is_over() {
    let account = Account::starting_at(noon());
    let queue = account.create_queue("work");
    assert_eq!(account.next_message_at(&queue), None);
    let sqs = Client::new(&account.sdk_config());
    let send = sqs.send_message_batch().queue_url(&queue);
    let send = send
        .entries(entry("late", 900))
        .entries(entry("now", 0))
        .entries(entry("soon", 25))
        .entries(entry("never", 901));
    let answer = send.send().await.unwrap();
    let accepted = answer.successful().iter();
    let accepted = accepted.map(SendMessageBatchResultEntry::id);
    assert_eq!(accepted.collect::<Vec<_>>(), ["late", "now", "soon"]);
    let failed = &answer.failed()[0];
    assert_eq!(
        (failed.id(), failed.code(), failed.sender_fault()),
        ("never", "InvalidParameterValue", true)
    );

    assert_eq!(account.take_messages(&queue), ["body now"]);
    assert_eq!(account.take_messages(&queue), [""; 0]);
    let soon = noon() + TimeDelta::seconds(25);
    assert_eq!(account.next_message_at(&queue), Some(soon));
    account.advance(TimeDelta::seconds(24));
    assert_eq!(account.take_messages(&queue), [""; 0]);
    account.advance(TimeDelta::seconds(1));
    assert_eq!(account.take_messages(&queue), ["body soon"]);
    account.advance(TimeDelta::seconds(875));
    assert_eq!(account.take_messages(&queue), ["body late"]);
    assert_eq!(account.next_message_at(&queue), None);
}

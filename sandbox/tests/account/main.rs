//! The account as the real SDK clients see it: what it answers, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod cloudtrail;
mod compliance;
mod denials;
mod describe;
mod describe_tags;
mod dynamodb;
mod events;
mod history;
mod lambda;
mod lifecycle;
mod loopback;
mod organization;
mod sns;
mod spot;
mod sqs;
mod tags;
mod trouble;
mod volumes;

use std::fmt::Debug;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_sandbox::Account;

/// 1 January 2026, noon.
fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

/// An account whose clock stands at [`noon`], and an EC2 client for it.
fn account_with_ec2() -> (Account, aws_sdk_ec2::Client) {
    let account = Account::starting_at(noon());
    let client = aws_sdk_ec2::Client::new(&account.sdk_config());
    (account, client)
}

/// The code and the message with which a service refused a call.
#[track_caller]
fn refusal<T, E, R>(result: Result<T, SdkError<E, R>>) -> (String, String)
where
    T: Debug,
    E: ProvideErrorMetadata + Debug,
    R: Debug,
{
    let error = result.expect_err("the call should be refused");
    let SdkError::ServiceError(_) = &error else {
        panic!("not the service refused it: {error:?}");
    };
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

/// The SDK's time as the account's.
fn utc(time: &aws_smithy_types::DateTime) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.to_millis().unwrap()).unwrap()
}

/// The account's time as the SDK's.
fn sdk_time(time: DateTime<Utc>) -> aws_smithy_types::DateTime {
    aws_smithy_types::DateTime::from_millis(time.timestamp_millis())
}

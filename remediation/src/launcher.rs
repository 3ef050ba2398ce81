//! Who launched an instance, from CloudTrail.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use tagwarden::Instance;
use tagwarden::aws::{AwsError, Clock};
use tokio::sync::Mutex;

use crate::identity::UserIdentity;

const CALL: &str = "cloudtrail:LookupEvents";

/// CloudTrail answers 2 requests a second for an account and Region.
///
/// See [LookupEvents](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
const BETWEEN_CALLS: Duration = Duration::from_millis(500);

/// How far back CloudTrail's event history goes (same document).
const HISTORY: TimeDelta = TimeDelta::days(90);

/// What one call may take, retries included: none is begun with less time left than this, so that what was found
/// can still be acted on and reported.
const RESERVE: TimeDelta = TimeDelta::seconds(15);

/// The launch is looked for from this long before the launch time, and to `AFTER` it: EC2's and CloudTrail's clocks
/// need not agree, and a large launch takes its time.
const BEFORE: TimeDelta = TimeDelta::minutes(10);
const AFTER: TimeDelta = TimeDelta::minutes(30);

/// What CloudTrail says of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// Launched by this name.
    Known(String),
    /// CloudTrail shows no launch of it: not yet, or not any more.
    Nobody,
    /// CloudTrail could not be asked.
    Failed(String),
}

/// Looks launchers up, never faster than CloudTrail allows, however many runs share it.
#[derive(Debug)]
pub struct LookUp {
    client: Client,
    clock: Clock,
    last_call: Mutex<Option<DateTime<Utc>>>,
}

impl LookUp {
    /// A look-up with `client`, in the time of `clock`.
    #[must_use]
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            last_call: Mutex::new(None),
        }
    }

    /// Finds who launched each of `instances`, one look-up by ResourceName each.
    ///
    /// Stops in time before `deadline`, when CloudTrail asks for less, and at the first error; gives what it found.
    /// An instance that is not in the answer has not been looked up; after an error, the rest are
    /// [`Launcher::Failed`].
    pub async fn find<'a, I>(
        &self,
        instances: I,
        deadline: Option<DateTime<Utc>>,
    ) -> BTreeMap<String, Launcher>
    where
        I: IntoIterator<Item = &'a Instance>,
    {
        let mut found = BTreeMap::new();
        let mut failure: Option<String> = None;
        for instance in instances {
            let launcher = match &failure {
                Some(why) => Launcher::Failed(why.clone()),
                None => match self.find_one(instance, deadline).await {
                    Ok(Some(launcher)) => launcher,
                    Ok(None) => break,
                    Err(error) if error.code() == Some("ThrottlingException") => {
                        tracing::warn!("{error}");
                        break;
                    }
                    Err(error) => {
                        let why = error.to_string();
                        failure = Some(why.clone());
                        Launcher::Failed(why)
                    }
                },
            };
            found.insert(instance.id.clone(), launcher);
        }
        found
    }

    /// `None` if the time is up.
    async fn find_one(
        &self,
        instance: &Instance,
        deadline: Option<DateTime<Utc>>,
    ) -> Result<Option<Launcher>, AwsError> {
        let mut request = self.client.lookup_events().lookup_attributes(
            LookupAttribute::builder()
                .attribute_key(LookupAttributeKey::ResourceName)
                .attribute_value(&instance.id)
                .build()
                .map_err(|error| AwsError::unexpected(CALL, error.to_string()))?,
        );
        if let Some(launched_at) = instance.launched_at {
            if self.clock.now() - launched_at > HISTORY {
                return Ok(Some(Launcher::Nobody));
            }
            request = request
                .start_time(sdk_time(launched_at - BEFORE))
                .end_time(sdk_time(launched_at + AFTER));
        }
        let mut pages = request.into_paginator().send();
        loop {
            if deadline.is_some_and(|deadline| self.clock.now() + RESERVE > deadline) {
                return Ok(None);
            }
            self.wait_for_turn().await;
            let Some(page) = pages.next().await else {
                return Ok(Some(Launcher::Nobody));
            };
            let page = page.map_err(|error| AwsError::new(CALL, &error))?;
            if let Some(name) = page.events().iter().find_map(launched_by) {
                return Ok(Some(Launcher::Known(name)));
            }
        }
    }

    async fn wait_for_turn(&self) {
        // Held while waiting, so that several runs in one process queue up.
        let mut last_call = self.last_call.lock().await;
        if let Some(last_call) = *last_call {
            let since = (self.clock.now() - last_call).to_std().unwrap_or_default();
            if let Some(wait) = BETWEEN_CALLS.checked_sub(since) {
                self.clock.sleep(wait).await;
            }
        }
        *last_call = Some(self.clock.now());
    }
}

/// The members of a CloudTrail record that tell a launcher.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    user_identity: UserIdentity,
}

/// The name behind an event, if it is a launch that succeeded.
fn launched_by(event: &Event) -> Option<String> {
    if event.event_name() != Some("RunInstances") {
        return None;
    }
    let record: Option<Record> = event
        .cloud_trail_event()
        .and_then(|text| serde_json::from_str(text).ok());
    let username = || event.username().map(ToOwned::to_owned);
    match record {
        Some(record) if record.error_code.is_some() => None,
        Some(record) => record.user_identity.name().or_else(username),
        None => username(),
    }
}

fn sdk_time(time: DateTime<Utc>) -> aws_sdk_cloudtrail::primitives::DateTime {
    aws_sdk_cloudtrail::primitives::DateTime::from_secs(time.timestamp())
}

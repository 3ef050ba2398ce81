//! The AWS edge of the look-up: asks CloudTrail what the planner wants to know, at CloudTrail's pace.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::builders::LookupEventsFluentBuilder;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_aws::{AwsError, Clock};
use tokio::sync::Mutex;

use super::planner::{About, FoundLaunch, LookUpPage, Planner, Question, earlier};
use super::record::{self, CALL};
use super::{Launcher, Unattributed};
use crate::progress::{Monitor, Phase};

/// The most events that CloudTrail gives at once.
///
/// See [LookupEvents](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
const PAGE_SIZE: i32 = 50;

/// CloudTrail answers 2 requests a second for an account and Region (same document).
const BETWEEN_CALLS: Duration = Duration::from_millis(500);

/// The least time left in which a call is begun: what a call may take, retries included, and what tags, stops and the
/// report take.
const RESERVE: TimeDelta = TimeDelta::seconds(15);

/// The time that writing one launcher takes: EC2 takes 10 CreateTags a second, and each launcher needs one.
///
/// See [Request throttling for the Amazon EC2 API](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
const TO_WRITE_ONE: TimeDelta = TimeDelta::milliseconds(100);

/// The most throttled calls in a row, the SDK's own retries not counted, before the rest is left for the next run.
const MOST_REFUSALS: u32 = 5;

/// The most launchers that are remembered, about 1 MB.
const MOST_REMEMBERED: usize = 10_000;

/// Looks launchers up, never faster than CloudTrail allows, however many runs share it.
#[derive(Debug)]
pub struct LookUp {
    client: Client,
    clock: Clock,
    last_call: Mutex<Option<DateTime<Utc>>>,
    /// Found by earlier runs. A launch never changes, and what could not be written, as in a dry run, need not be
    /// asked again: the next run goes on from there.
    known: Mutex<BTreeMap<String, String>>,
    pub(crate) monitor: Monitor,
}

impl LookUp {
    /// A look-up with `client`, in the time of `clock`.
    #[must_use]
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            last_call: Mutex::new(None),
            known: Mutex::default(),
            monitor: Monitor::default(),
        }
    }

    /// Finds who launched each of `instances`, in as few calls as the launches allow.
    ///
    /// Stops in time before `deadline`, when CloudTrail goes on throttling, and at any other error; gives what it
    /// found. An instance that is not in the answer was not settled, and the next run will ask; after an
    /// error, those are [`Launcher::Failed`].
    pub async fn find(
        &self,
        instances: impl IntoIterator<Item = Unattributed>,
        deadline: Option<DateTime<Utc>>,
    ) -> BTreeMap<String, Launcher> {
        let mut found = BTreeMap::new();
        let mut wanted = Vec::new();
        {
            let known = self.known.lock().await;
            for instance in instances {
                let name = instance.provisioned_by.as_ref();
                if let Some(name) = name.or_else(|| known.get(&instance.id)) {
                    found.insert(instance.id, Launcher::Known(name.clone()));
                } else {
                    wanted.push(instance);
                }
            }
        }
        if wanted.is_empty() {
            return found;
        }
        self.monitor.enter(Phase::LookUp, Some(wanted.len()));
        let mut planner = Planner::new(wanted, self.clock.now());
        let failure = self.work_through(&mut planner, deadline).await.err();
        let (settled, left) = planner.into_parts();
        tracing::info!(
            settled = settled.len(),
            left = left.len(),
            "launchers looked up"
        );
        self.remember(&settled).await;
        found.extend(settled);
        if let Some(error) = failure {
            found.extend(
                left.into_iter()
                    .map(|id| (id, Launcher::Failed(error.clone()))),
            );
        }
        found
    }

    /// Asks and answers, until everything is settled or the time is up.
    ///
    /// # Errors
    /// CloudTrail gave an error other than throttling.
    async fn work_through(
        &self,
        planner: &mut Planner,
        deadline: Option<DateTime<Utc>>,
    ) -> Result<(), AwsError> {
        let last_start = deadline.map(|deadline| {
            // A function with little time altogether still gets to ask something.
            earlier(deadline, RESERVE.min((deadline - self.clock.now()) / 3))
        });
        let mut refusals = 0;
        while let Some(question) = planner.next().cloned() {
            let names = names(planner.settled());
            let last_start = last_start.map(|time| earlier(time, TO_WRITE_ONE * names));
            self.take_turn().await;
            if self.monitor.is_cancelled() {
                break;
            }
            if last_start.is_some_and(|last_start| self.clock.now() > last_start) {
                break;
            }
            match self.ask(question).await {
                Ok(page) => {
                    refusals = 0;
                    let before = planner.settled().len();
                    planner.feed(page);
                    self.monitor.add(planner.settled().len() - before);
                }
                // Others use the same two requests a second.
                Err(error) if error.code() == Some("ThrottlingException") => {
                    tracing::warn!("{error}");
                    refusals += 1;
                    let pause = Duration::from_secs(1 << refusals);
                    let too_late =
                        last_start.is_some_and(|last_start| self.clock.now() + pause > last_start);
                    if refusals > MOST_REFUSALS || too_late {
                        break;
                    }
                    self.clock.sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ask(&self, question: Question) -> Result<LookUpPage, AwsError> {
        let (key, value) = match question.about {
            About::Launches => (LookupAttributeKey::EventName, "RunInstances".to_owned()),
            About::Instance(id) => (LookupAttributeKey::ResourceName, id),
        };
        let answer = self
            .events_with(key, value)?
            .set_start_time(question.span.map(|span| sdk_time(span.from)))
            .set_end_time(question.span.map(|span| sdk_time(span.to)))
            .set_next_token(question.next_token)
            .send()
            .await
            .map_err(|error| AwsError::new(CALL, &error))?;
        let times = answer.events().iter().filter_map(Event::event_time);
        let oldest = times
            .filter_map(|time| DateTime::from_timestamp(time.secs(), 0))
            .min();
        Ok(LookUpPage {
            launches: answer.events().iter().filter_map(launch).collect(),
            oldest,
            next_token: answer.next_token,
        })
    }

    /// A request for a page of the events with this attribute.
    fn events_with(
        &self,
        key: LookupAttributeKey,
        value: impl Into<String>,
    ) -> Result<LookupEventsFluentBuilder, AwsError> {
        let attribute = LookupAttribute::builder()
            .attribute_key(key)
            .attribute_value(value)
            .build()
            .map_err(|error| AwsError::unexpected(CALL, error.to_string()))?;
        let request = self.client.lookup_events();
        Ok(request.lookup_attributes(attribute).max_results(PAGE_SIZE))
    }

    /// Who last removed the tag `tag_key` of an instance, by one call; `None` if the newest events of the instance do not
    /// show it.
    ///
    /// # Errors
    /// CloudTrail cannot be asked.
    pub(crate) async fn remover(
        &self,
        instance_id: &str,
        tag_key: &str,
    ) -> Result<Option<String>, AwsError> {
        self.take_turn().await;
        let answer = self
            .events_with(LookupAttributeKey::ResourceName, instance_id)?
            .send()
            .await
            .map_err(|error| AwsError::new(CALL, &error))?;
        // The newest event comes first.
        let mut records = answer.events().iter().filter_map(Event::cloud_trail_event);
        Ok(records.find_map(|text| record::remover(text, tag_key)))
    }

    /// Waits until the next call may be made. The run that has waited longest is next.
    async fn take_turn(&self) {
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

    async fn remember(&self, settled: &BTreeMap<String, Launcher>) {
        let mut known = self.known.lock().await;
        if known.len() + settled.len() > MOST_REMEMBERED {
            known.clear();
        }
        let names = settled.iter().filter_map(|(id, launcher)| match launcher {
            Launcher::Known(name) => Some((id.clone(), name.clone())),
            _ => None,
        });
        known.extend(names.take(MOST_REMEMBERED));
    }
}

/// How many different launchers there are.
fn names(settled: &BTreeMap<String, Launcher>) -> i32 {
    let names: std::collections::BTreeSet<&str> = settled
        .values()
        .filter_map(|launcher| match launcher {
            Launcher::Known(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    i32::try_from(names.len()).unwrap_or(i32::MAX)
}

/// What an event launched, if it is a launch that succeeded.
fn launch(event: &Event) -> Option<FoundLaunch> {
    let resources = event.resources().iter();
    record::launch(
        event.event_name(),
        event.cloud_trail_event(),
        event.username(),
        resources.filter_map(|resource| resource.resource_name()),
    )
}

fn sdk_time(time: DateTime<Utc>) -> aws_sdk_cloudtrail::primitives::DateTime {
    aws_sdk_cloudtrail::primitives::DateTime::from_secs(time.timestamp())
}

//! The account, and how an SDK is configured to reach it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::calls::Call;
use crate::clock::VirtualClock;
use crate::cloudformation::CloudFormation;
use crate::cloudtrail::Trail;
use crate::config::Config;
use crate::denials::Denials;
use crate::described::Descriptions;
use crate::dynamodb::DynamoDb;
use crate::ec2::Ec2Service;
use crate::faults::Troubles;
use crate::http::AccountHttp;
use crate::ids::Ids;
use crate::place::SandboxPlace;
use crate::quotas::Quotas;
use crate::ses::Ses;
use crate::sns::Sns;
use crate::sqs::Sqs;

/// An AWS account that lives in this process: number [`ACCOUNT_ID`](crate::place::ACCOUNT_ID), Region
/// [`REGION`](crate::place::REGION), unless it is another place of an [`Organization`](crate::Organization).
///
/// A clone is the same account. Its time is tokio's: where the runtime's clock is paused, so is the
/// account's.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    place: SandboxPlace,
    clock: VirtualClock,
    contents: Mutex<Contents>,
}

/// Everything that is in the account.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) place: SandboxPlace,
    pub(crate) ids: Ids,
    pub(crate) calls: Vec<Call>,
    pub(crate) troubles: Troubles,
    pub(crate) denials: Denials,
    pub(crate) described: Descriptions,
    pub(crate) quotas: Option<Quotas>,
    pub(crate) ec2: Ec2Service,
    pub(crate) cloudformation: CloudFormation,
    pub(crate) trail: Trail,
    pub(crate) config: Config,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) ses: Ses,
    pub(crate) sns: Sns,
    pub(crate) sqs: Sqs,
}

impl Account {
    /// An empty account whose clock starts at the real present, cut to whole seconds.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(Utc::now().trunc_subsecs(0))
    }

    /// An empty account whose clock starts at `time`.
    #[must_use]
    pub fn starting_at(time: DateTime<Utc>) -> Self {
        Self::at_place(SandboxPlace::default(), time, Ids::default())
    }

    /// An empty account at `place`, with identifiers from `ids`.
    pub(crate) fn at_place(place: SandboxPlace, time: DateTime<Utc>, ids: Ids) -> Self {
        let contents = Contents {
            dynamodb: DynamoDb::at(place.clone()),
            place: place.clone(),
            ids,
            ..Contents::default()
        };
        Self(Arc::new(Inner {
            place,
            clock: VirtualClock::starting_at(time),
            contents: Mutex::new(contents),
        }))
    }

    /// The account's number.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.place.account
    }

    /// The account's Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0.place.region
    }

    /// The account's present time. It flows with tokio's clock and never goes back; outside a runtime
    /// it stands still.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Lets `delta` pass in the account, and nowhere else: nothing that sleeps wakes up for it. A
    /// negative `delta` changes nothing.
    pub fn advance(&self, delta: TimeDelta) {
        self.0.clock.advance(delta);
    }

    /// The configuration with which an SDK client talks to this account: in this process, with static
    /// credentials, by the account's clock, with tokio's sleep, and with the SDK's standard retries.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new(
            "ASIASANDBOX000000000",
            "sandbox",
            Some("sandbox".to_owned()),
            None,
            "tagwarden-sandbox",
        );
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region().to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(AccountHttp(self.clone()))
            .time_source(self.clone())
            .sleep_impl(TokioSleep::new())
            .retry_config(RetryConfig::standard())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    /// The account's contents. Hold them for one step only: what the holder calls must not ask again.
    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        // A panic under the lock is a failed test's own: what follows may still look at the account.
        self.0
            .contents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the contents: an SDK's configuration holds the account and is printed in many places.
        f.debug_struct("Account")
            .field("id", &self.id())
            .field("region", &self.region())
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

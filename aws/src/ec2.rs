//! An EC2 client that keeps EC2's request quotas.

use std::num::NonZeroU32;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ec2::Client;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::Clock;

/// The size of each action's request bucket and its refill a second, by EC2's published quotas.
///
/// See [Request throttling for the Amazon EC2 API](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
const DESCRIBE: (u32, u32) = (100, 20);
const DESCRIBE_VOLUMES: (u32, u32) = (100, 20);
const DESCRIBE_ATTRIBUTE: (u32, u32) = (100, 20);
const DESCRIBE_SPOT_REQUESTS: (u32, u32) = (100, 20);
const DESCRIBE_SUBNETS: (u32, u32) = (100, 20);
const CREATE_TAGS: (u32, u32) = (100, 10);
const DELETE_TAGS: (u32, u32) = (100, 10);
const STOP: (u32, u32) = (100, 5);
const TERMINATE: (u32, u32) = (100, 5);

/// A client of EC2 that paces each action by its quota.
///
/// A wait for a turn costs less than a throttled request, because EC2 takes a token for a throttled request too, and
/// the SDK's adaptive retry then slows down every action of the client.
#[derive(Debug)]
pub struct Ec2 {
    client: Client,
    /// Sends each request once. Its caller looks at the instances again before another attempt.
    once: Client,
    describe: Pace,
    describe_volumes: Pace,
    describe_attribute: Pace,
    describe_spot_requests: Pace,
    describe_subnets: Pace,
    create_tags: Pace,
    delete_tags: Pace,
    stop: Pace,
    terminate: Pace,
}

impl Ec2 {
    /// Makes a client with `config`, paced by the clock of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let clock = Clock::of(config);
        let pace = |quota| Pace::new(&clock, quota);
        let once = RetryConfig::standard().with_max_attempts(1);
        let once = aws_sdk_ec2::config::Builder::from(config).retry_config(once);
        Self {
            client: Client::new(config),
            once: Client::from_conf(once.build()),
            describe: pace(DESCRIBE),
            describe_volumes: pace(DESCRIBE_VOLUMES),
            describe_attribute: pace(DESCRIBE_ATTRIBUTE),
            describe_spot_requests: pace(DESCRIBE_SPOT_REQUESTS),
            describe_subnets: pace(DESCRIBE_SUBNETS),
            create_tags: pace(CREATE_TAGS),
            delete_tags: pace(DELETE_TAGS),
            stop: pace(STOP),
            terminate: pace(TERMINATE),
        }
    }

    /// Waits for a turn of DescribeInstances, and gives the client for one request.
    pub async fn to_describe(&self) -> &Client {
        self.describe.turn().await;
        &self.client
    }

    /// Waits for a turn of DescribeVolumes, and gives the client for one request.
    pub async fn to_describe_volumes(&self) -> &Client {
        self.describe_volumes.turn().await;
        &self.client
    }

    /// Waits for a turn of `DescribeInstanceAttribute`, and gives the client for one request.
    pub async fn to_describe_attribute(&self) -> &Client {
        self.describe_attribute.turn().await;
        &self.client
    }

    /// Waits for a turn of DescribeSpotInstanceRequests, and gives the client for one request.
    pub async fn to_describe_spot_requests(&self) -> &Client {
        self.describe_spot_requests.turn().await;
        &self.client
    }

    /// Waits for a turn of `DescribeSubnets`, and gives the client for one request.
    pub async fn to_describe_subnets(&self) -> &Client {
        self.describe_subnets.turn().await;
        &self.client
    }

    /// Waits for a turn of CreateTags, and gives the client for one request.
    pub async fn to_create_tags(&self) -> &Client {
        self.create_tags.turn().await;
        &self.client
    }

    /// Waits for a turn of DeleteTags, and gives the client for one request.
    pub async fn to_delete_tags(&self) -> &Client {
        self.delete_tags.turn().await;
        &self.client
    }

    /// Waits for a turn of StopInstances, and gives the client for one request. The client does not retry.
    pub async fn to_stop(&self) -> &Client {
        self.stop.turn().await;
        &self.once
    }

    /// Waits for a turn of TerminateInstances, and gives the client for one request. The client does not retry.
    pub async fn to_terminate(&self) -> &Client {
        self.terminate.turn().await;
        &self.once
    }
}

/// Paces the requests of one action.
#[derive(Debug)]
struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Nanos>>,
    clock: Clock,
}

impl Pace {
    fn new(clock: &Clock, (burst, refill): (u32, u32)) -> Self {
        // Requests that are sent one after the other can arrive together. One second's refill less in the burst leaves
        // room for that.
        let burst = burst.saturating_sub(refill);
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(refill)).allow_burst(at_least_one(burst));
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock: clock.clone(),
        }
    }

    /// Waits for the next turn.
    async fn turn(&self) {
        while let Err(not_yet) = self.limiter.check() {
            let now = governor::clock::Clock::now(&self.clock);
            self.clock.sleep(not_yet.wait_time_from(now)).await;
        }
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self.now().timestamp_nanos_opt().unwrap_or_default();
        Nanos::from(nanos.unsigned_abs())
    }
}

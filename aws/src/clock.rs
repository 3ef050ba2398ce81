//! The clock of a function. It is the clock of the SDK's configuration, so that a test replaces both in one place.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use chrono::{DateTime, Utc};

/// Gives the time and waits.
#[derive(Clone, Debug)]
pub struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
}

impl Clock {
    /// The clock of the clients that are made with `config`; the system clock if `config` has none.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Self {
        Self {
            time: config.time_source().unwrap_or_default(),
            sleep: config
                .sleep_impl()
                .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        TimeSource::now(&self.time).into()
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}

//! The time that a function lives in: the SDK's own, so that whoever hands in the SDK's configuration owns it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use chrono::{DateTime, Utc};

/// Tells the time and waits.
#[derive(Clone, Debug)]
pub struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
}

impl Clock {
    /// The clock that the clients of `config` use.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Self {
        Self {
            time: config.time_source().unwrap_or_default(),
            sleep: config
                .sleep_impl()
                .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        TimeSource::now(&self.time).into()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}

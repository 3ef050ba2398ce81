//! Timestamps as the services write them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde_json::Value;

/// `2026-01-01T12:00:00.000Z`: EC2's answers, Config's notifications.
pub(crate) fn iso_millis(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `2026-01-01T12:00:00Z`: CloudTrail's records, EventBridge's envelopes.
pub(crate) fn iso_seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Seconds since 1970 with their thousandths, as the JSON protocols carry time.
pub(crate) fn epoch_seconds(time: DateTime<Utc>) -> Value {
    let (seconds, millis) = (time.timestamp(), time.timestamp_subsec_millis());
    if millis == 0 {
        return seconds.into();
    }
    // Written and read as decimal digits, so that no thousandth is lost on the way.
    format!("{seconds}.{millis:03}")
        .parse::<f64>()
        .map_or(Value::Null, Value::from)
}

/// The last second of the year 9999, the last that the services' other formats can write.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The time a JSON number says, to the thousandth of a second.
pub(crate) fn from_epoch_seconds(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64().filter(|seconds| *seconds <= LAST_SECOND)?;
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    DateTime::UNIX_EPOCH
        .checked_add_signed(TimeDelta::from_std(since).ok()?)
        .map(|time| time.round_subsecs(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_epoch_seconds() {
        for millis in [0, 1, 999, 1_767_268_800_000, 1_767_268_800_123] {
            let time = DateTime::from_timestamp_millis(millis).unwrap();
            assert_eq!(from_epoch_seconds(&epoch_seconds(time)), Some(time));
        }
        assert_eq!(from_epoch_seconds(&serde_json::json!(-1)), None);
        assert_eq!(from_epoch_seconds(&serde_json::json!("1")), None);
        assert_eq!(from_epoch_seconds(&serde_json::json!(1e300)), None);
        assert_eq!(
            from_epoch_seconds(&serde_json::json!(253_402_300_800_i64)),
            None
        );
    }
}

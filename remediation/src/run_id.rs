//! The name of a run.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a run's id begins: when it started, in UTC, so that ids sort as the runs began.
const STARTED: &str = "%Y%m%dT%H%M%SZ";

/// The length of the part that tells runs of the same second apart.
const SUFFIX: usize = 8;

/// The name of one run: `20261123T120000Z-1a2b3c4d`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is not the id of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a run (such as 20261123T120000Z-1a2b3c4d)")]
pub struct NotARunId(String);

impl RunId {
    /// The id of a run that starts at `now`. It ends like the Lambda request's id, so that the function's log is found
    /// by it; by chance where there is no such id.
    #[must_use]
    pub fn new(now: DateTime<Utc>, request_id: &str) -> Self {
        let digits = request_id.chars().filter(char::is_ascii_hexdigit);
        let mut suffix: String = digits.take(SUFFIX).collect();
        if suffix.len() < SUFFIX {
            suffix = format!("{:0SUFFIX$x}", fastrand::u32(..));
        }
        Self(format!(
            "{}-{}",
            now.format(STARTED),
            suffix.to_ascii_lowercase()
        ))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the run started, to the second.
    #[must_use]
    pub fn started_at(&self) -> DateTime<Utc> {
        // Checked when the id was made.
        started(&self.0).unwrap_or_default().and_utc()
    }

    /// The day on which the run started, in UTC.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.started_at().date_naive()
    }
}

fn started(id: &str) -> Option<NaiveDateTime> {
    let (started, _) = id.split_once('-')?;
    NaiveDateTime::parse_from_str(started, STARTED).ok()
}

impl TryFrom<String> for RunId {
    type Error = NotARunId;

    fn try_from(id: String) -> Result<Self, NotARunId> {
        let suffix = id.split_once('-').map_or("", |(_, suffix)| suffix);
        let is_sound = suffix.len() == SUFFIX
            && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
            && started(&id).is_some();
        if is_sound {
            Ok(Self(id))
        } else {
            Err(NotARunId(id))
        }
    }
}

impl std::str::FromStr for RunId {
    type Err = NotARunId;

    fn from_str(id: &str) -> Result<Self, NotARunId> {
        id.to_owned().try_into()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_and_for_which_request_a_run_started() {
        let now = "2026-11-23T12:00:01.5Z".parse().unwrap();
        let id = RunId::new(now, "8476A536-e9f4-11e8-9739-2dfe598c3fcd");
        assert_eq!(id.as_str(), "20261123T120001Z-8476a536");
        assert_eq!(id.started_at().to_rfc3339(), "2026-11-23T12:00:01+00:00");
        assert_eq!(id.day(), NaiveDate::from_ymd_opt(2026, 11, 23).unwrap());
        assert_eq!(id.as_str().parse::<RunId>(), Ok(id));
    }

    #[test]
    fn distinguishes_runs_without_a_request_by_chance() {
        let now = "2026-11-23T12:00:01Z".parse().unwrap();
        let ids: std::collections::BTreeSet<_> = (0..20).map(|_| RunId::new(now, "")).collect();
        assert_eq!(ids.len(), 20);
        assert!(ids.iter().all(|id| id.as_str().parse() == Ok(id.clone())));
    }

    #[test]
    fn rejects_other_texts() {
        for text in [
            "",
            "-",
            "20261123T120000Z",
            "20261323T120000Z-1a2b3c4d",
            "20261123T120000Z-1a2b3c4",
            "20261123T120000Z-1a2b3c4x",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}

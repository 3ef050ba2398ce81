//! The acts that a person asked for.

use chrono::{DateTime, Utc};
use tagwarden_remediation::ledger::{Act, Batch, RunId};

/// The acts that were asked for, and what was asked for.
#[derive(Debug)]
pub struct History {
    pub run_id: Option<RunId>,
    pub since: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub batches: Vec<Batch>,
}

impl History {
    /// The acts, the oldest first, each with the batch it is one of.
    pub fn acts(&self) -> impl Iterator<Item = (&Batch, &Act)> {
        self.batches
            .iter()
            .flat_map(|batch| batch.acts.iter().map(move |act| (batch, act)))
    }
}

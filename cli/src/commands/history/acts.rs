//! Selects the acts to show.

use chrono::{DateTime, Utc};
use tagwarden_remediation::ledger::{Act, Batch, RunId};

/// The selected acts, and the selection.
#[derive(Debug)]
pub struct History {
    pub run_id: Option<RunId>,
    pub since: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub batches: Vec<Batch>,
}

impl History {
    /// The acts, oldest first, each with its batch.
    pub fn acts(&self) -> impl Iterator<Item = (&Batch, &Act)> {
        self.batches
            .iter()
            .flat_map(|batch| batch.acts.iter().map(move |act| (batch, act)))
    }
}

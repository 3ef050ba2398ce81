//! The ledger: every act is written down before it is done and completed after it. Claims and the budget keep several
//! functions at a time from doing harm together.
//!
//! One DynamoDB table, keys `Pk` and `Sk` (strings), items expire by `ExpiresAt`:
//!
//! | `Pk` | `Sk` | what |
//! |---|---|---|
//! | a day, `2026-11-23` | a run's id, `#`, a number | [`Batch`]: acts that were begun together |
//! | `open` | a run's id | a run that began acts and has not reported all of them yet |
//! | an instance's id | `memory` | who launched it, which tags tagwarden wrote to it, which run writes which tag, and until when no other run does ([`Memory`](crate::plan::Memory)) |
//! | an instance's id | `claim#end` | which run stops or terminates it, and until when no other run does |
//! | an instance's id | `claim#tag#` and a key | which run of an older version writes that tag |
//! | `countdown` | an instance's id, a shutdown, a reason | how long the reason has stood, and who was told |
//! | `countdown` | an instance's id, `#paused#`, a key | a tag that is not restored any more |
//! | `suspicion` | a reason | when sweeps found it on nearly every instance |
//! | an instance's id | `stopped` | what older versions noted of an instance that is stopped and untagged |
//! | `budget` | `hour` | the stops and terminations of the last hour |
//! | `told`, `told#dry-run` | a day, and `#01`, … where it is much | what was reported to the topic that day and is not reported again |
//! | `told#changes` | `reported` | the last upgrade whose changes were reported |
//! | `told#policy` | a day | that it was reported that day that the policy is not valid |
//! | `protected` | an instance's id, `#stop` or `#terminate` | that EC2 refused it, when and why |
//! | `protected` | a day | the same, as older versions noted it: instances that were protected that day |
//!
//! An act begins with one transaction: the claim of its instance, its part of the budget, the act itself and the mark
//! that the run is open are written together or not at all. Nothing is done before. A function that ends in between
//! leaves its mark: the next run finds it once the function's time is up, finds out what was done, and reports it.
//!
//! All reads are strongly consistent.

mod act;
mod budget;
mod budget_message;
mod claim;
mod countdowns;
mod items;
mod memory;
mod notes;
mod open_runs;
mod pauses;
mod reader;
mod refusals;
mod selection;
mod suspicions;
mod transaction;
mod writer;

use aws_sdk_dynamodb::Client;
use chrono::TimeDelta;
use tagwarden_aws::Clock;

pub use crate::plan::{Act, ActState, RemedyName};
pub use crate::run_id::{NotARunId, RunId};
pub use act::Batch;
pub use selection::Selection;

pub(crate) use claim::{AFTER_TAG, ClaimName, Claims};
pub(crate) use countdowns::Standing;
pub(crate) use memory::Memories;
pub(crate) use notes::DayNotes;
pub(crate) use open_runs::AbandonedRun;
pub(crate) use refusals::Refusals;
pub(crate) use suspicions::SuspicionNote;
pub(crate) use writer::{BeginResult, Writer};

/// How long an act is remembered: a year, and time to look at it.
const KEPT: TimeDelta = TimeDelta::days(400);

/// The ledger's table, with the client that reads and writes it.
#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    clock: Clock,
    table: String,
}

impl Ledger {
    /// The ledger in `table`, in the time of `clock`.
    #[must_use]
    pub fn new(client: Client, clock: Clock, table: String) -> Self {
        Self {
            client,
            clock,
            table,
        }
    }
}

#[cfg(test)]
mod tests;

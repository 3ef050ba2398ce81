//! The stack on ministack, an emulator that others wrote. It is a second opinion on what moto does not do by itself:
//! the event source mapping from the queue to the function, the schedule, and IAM.
//!
//! The template, the packages that `scripts/deploy` uploads, and the functions are the real ones. The functions are
//! Cargo's binaries, run by ministack's Lambda with the environment and role of the template, and ministack checks
//! every call against that role. `server.py` lists what was added to ministack. The tests on moto cover what ministack
//! lacks: Config's rule and evaluations (the stack is deployed without the rule), Systems Manager documents, and the
//! filter by VPC. ministack takes at most ten messages into a batch, ignores the batching window, and lets EventBridge
//! send to any queue.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod delivery;
mod existing;
mod patterns;
mod permissions;
mod schedule;
mod stack;
mod upgrade;

#[allow(dead_code, reason = "shared with the tests on moto")]
#[path = "../support/deployment.rs"]
mod deployment;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/venv.rs"]
mod venv;

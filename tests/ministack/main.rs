//! The stack on ministack, an emulator that others wrote: a second opinion on what moto does not do by itself, which
//! is the event source mapping from the queue to the function, the schedule, and IAM.
//!
//! Real here are the template, the packages that `scripts/deploy` uploads, and the functions: Cargo's binaries, run by
//! ministack's own Lambda runtime with the environment and the role that the template gives them, every call of
//! theirs checked against that role. `server.py` says what was added to ministack. What it lacks, moto's tests have:
//! Config's evaluations and its rule (the stack is deployed without), documents of Systems Manager, a filter by VPC.
//! It takes no more than ten messages into a batch, keeps no batching window, and lets EventBridge send to any queue.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod delivery;
mod patterns;
mod permissions;
mod schedule;
mod stack;

#[allow(dead_code, reason = "shared with the tests on moto")]
#[path = "../support/deployment.rs"]
mod deployment;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/venv.rs"]
mod venv;

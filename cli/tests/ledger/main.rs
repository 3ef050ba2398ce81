//! The ledger's commands, `tagwarden history` and `tagwarden undo`, against an account on loopback.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod guide;
mod history;
mod origins;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
mod undo;
#[allow(dead_code, reason = "the policy's own tests use the rest of it")]
#[path = "../policy/world.rs"]
mod world;

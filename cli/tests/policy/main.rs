//! The policy as a file: `tagwarden check`, and `diff`, `push` and `pull` against an account on loopback.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod by_arn;
mod check;
mod diff;
mod guide;
#[path = "../../../tests/support/json_schema.rs"]
mod json_schema;
mod keys;
mod pipeline;
#[path = "../support/pipeline.rs"]
mod pipeline_formats;
mod pull;
mod push;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod tag_policies;
mod template;
mod trouble;
mod world;

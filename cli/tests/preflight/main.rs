//! `tagwarden preflight` of plans, through the built command.

#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test; json!(…) is a value"
)]

mod guide;
mod hook;
#[path = "../../../tests/support/json_schema.rs"]
mod json_schema;
mod judging;
mod outputs;
#[path = "../support/pipeline.rs"]
mod pipeline_formats;
mod plans;
mod refused;
mod scale;
mod scene;
mod secrets;
mod source;
mod stacks;
mod stacks_inside;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
mod templates;
#[allow(dead_code, reason = "the policy's own tests use the rest of it")]
#[path = "../policy/world.rs"]
mod world;

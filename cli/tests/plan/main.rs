//! `tagwarden plan` of recordings and of an account on loopback, and `tagwarden apply`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

mod account;
mod against;
mod apply;
mod bound;
mod broken;
mod endings;
mod expect;
mod fake;

#[path = "../support/countdowns.rs"]
mod countdowns;

#[allow(dead_code, reason = "the demo uses the rest of it")]
#[path = "../../src/commands/demo/fleet.rs"]
mod demo_fleet;
mod examples;
mod explain;
mod fleet;
mod guide;
mod interrupt;
#[path = "../../../tests/support/json_schema.rs"]
mod json_schema;
mod pipeline;
#[path = "../support/pipeline.rs"]
mod pipeline_formats;
mod pipes;
mod places;
mod profiles;
mod recorded;
mod safe;
mod shapes;
mod stack;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod volumes;
#[allow(dead_code, reason = "the policy's own tests use the rest of it")]
#[path = "../policy/world.rs"]
mod world;

//! The pure parts: how many instances a second are assessed and planned, events read, report entries written.
//!
//! `cargo bench --bench engine`, or some of it: `cargo bench --bench engine -- assess`. One thread, no AWS.

#![allow(
    clippy::unwrap_used,
    reason = "what is not as it should be ends a benchmark"
)]

mod assess;
mod events;
mod fleet;
mod plan;
mod report;

fn main() {
    divan::main();
}

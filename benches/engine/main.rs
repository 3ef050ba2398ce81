//! The pure parts: instances assessed, planned, and judged before their launch, events read, and report entries rendered per
//! second.
//!
//! Run `cargo bench --bench engine`, or a part of it: `cargo bench --bench engine -- assess`. One thread, no AWS.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod assess;
mod events;
mod fleet;
mod plan;
mod preflight;
mod report;

fn main() {
    divan::main();
}

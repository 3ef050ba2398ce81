//! `tagwarden report`: the file it writes, and what a browser shows of it.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

// The pinned Chromium is built for Linux on x86-64.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod browser;
mod file;
mod fleet;
mod ledger;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod picture;
mod places;
#[allow(dead_code, reason = "the ledger's own tests use the rest of it")]
#[path = "../ledger/scene.rs"]
mod scene;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod shown;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../../../tests/support/venv.rs"]
mod venv;
#[allow(dead_code, reason = "the policy's own tests use the rest of it")]
#[path = "../policy/world.rs"]
mod world;

//! The subcommands, one module each.
//!
//! Each has its own `Args`, and a `run` that takes them and returns an [`Exit`](crate::exit::Exit), or a
//! [`CommandError`](crate::exit::CommandError) that says what to do next.

pub mod apply;
pub mod check;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod history;
pub mod import;
pub mod man;
pub mod plan;
pub mod preflight;
pub mod pull;
pub mod push;
pub mod report;
pub mod undo;

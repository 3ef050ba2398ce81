//! The templates: that linters find nothing, that the roles grant what the code calls and nothing more, and that
//! what `scripts/deploy` makes of them on moto's CloudFormation works.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod circle;
mod code;
mod lint;
mod pack;
mod permissions;
mod stack;
mod template;
mod zips;

#[path = "../support/deployment.rs"]
mod deployment;
#[path = "../support/moto.rs"]
mod moto;
#[allow(dead_code, reason = "shared with the tests on moto")]
#[path = "../support/moto_account.rs"]
mod moto_account;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/venv.rs"]
mod venv;

use std::sync::LazyLock;

/// One server for all tests here, on which roles may only do what they grant; each test keeps to a Region of its own.
static MOTO: LazyLock<moto::Moto> = LazyLock::new(moto::Moto::start_with_permissions);

//! The templates: linters find nothing, the roles grant exactly what the code calls, and the stack that
//! `scripts/deploy` creates on moto works.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod code;
mod combinations;
mod deployer;
mod deployer_unused;
mod doctor;
mod document;
mod guard_rails;
mod hook;
mod iam;
mod keys;
mod letters;
mod linking;
mod lint;
mod live;
mod mail;
mod members;
mod nag;
mod names;
mod organization;
mod owners;
mod pack;
mod pages;
mod permissions;
mod publish;
mod resolved;
mod script;
mod stack;
mod template;
mod terraform;
mod upgrade;
mod volumes;
mod whole_loop;
mod workflows;
mod zips;

#[path = "../support/deployment.rs"]
mod deployment;
#[path = "../support/moto.rs"]
mod moto;
#[allow(dead_code, reason = "shared with the tests on moto")]
#[path = "../support/moto_account.rs"]
mod moto_account;
#[path = "../support/node.rs"]
mod node;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/venv.rs"]
mod venv;

use std::sync::LazyLock;

/// One server for all tests here, which enforces the roles' policies. Each test uses a Region of its own.
static MOTO: LazyLock<moto::Moto> = LazyLock::new(moto::Moto::start_with_permissions);

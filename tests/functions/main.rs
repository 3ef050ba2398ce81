//! Both functions, driven by events against the sandbox, an AWS account in this process.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

mod account_boundaries;
#[path = "../support/aftermath.rs"]
mod aftermath;
mod attribution;
mod bad_apples;
mod batches;
mod changes_in_between;
mod conditions;
mod countdowns;
mod customers_sample;
mod design_cases;
mod end_dates;
mod exemptions;
mod hook;
#[path = "../support/json_schema.rs"]
mod json_schema;
mod ledger;
mod letters;
mod letters_at_scale;
mod linking;
mod mail;
mod malformed_events;
mod managers;
mod nearly_right;
mod odd_letters;
mod policy_table;
mod reading_volumes;
mod report;
mod requeue;
mod rule;
mod safety;
mod scale;
mod scale_volumes;
mod second_looks;
mod support;
mod triggers;
mod values;
mod volumes;
mod waiting;
mod waiting_shutdowns;
mod whole_loop;

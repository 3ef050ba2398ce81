//! tagwarden's remediation: does what the policy says about instances that lack a tag.
//!
//! An event says only *which* instances to look at. Everything else is read here and now:
//!
//! ```text
//! event ──▶ trigger ──▶ look: policy, instances ──▶ launcher (CloudTrail) ──▶ look again ──▶ plan ──▶ act ──▶ report
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the environment variables, and how careful they make it |
//! | [`trigger`] | which instances an event asks to look at |
//! | [`identity`] | the name to write for a CloudTrail `userIdentity` |
//! | [`launcher`] | who launched an instance, from CloudTrail |
//! | [`plan`] | findings → what to do, what to leave for later, what to refuse |
//! | [`act`] | the calls that change something, for as many instances as a call takes |
//! | [`report`] | what was done, told to people and to programs |
//! | [`ledger`] | every act, written down before it is done |
//! | [`undo`] | takes back what was written, for the `tagwarden` command |
//! | [`by_hand`] | a run that a person asks for, and what it would do |
//! | [`watch`] | how far a run is, and that it is to end |
//! | [`metrics`] | what is measured, for CloudWatch |
//! | [`function`] | the Lambda function: from event to answer |
//!
//! `identity`, `plan`, `report` and the plan of `undo` are pure, and so is `launcher` but for its look-up; that and `act` are the AWS edges.

pub mod act;
pub mod by_hand;
mod carry_out;
mod dry_run;
mod finish;
pub mod function;
mod hand_on;
pub mod identity;
pub mod launcher;
pub mod ledger;
mod look;
pub mod metrics;
pub mod plan;
pub mod report;
mod run;
pub mod safeguard;
pub mod settings;
mod tag_sets;
pub mod trigger;
pub mod undo;
pub mod watch;
mod work;

pub use function::{Remediation, RemediationError};
pub use settings::Settings;

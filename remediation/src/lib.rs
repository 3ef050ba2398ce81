//! tagwarden's remediation: does what the policy says about instances that lack a tag.
//!
//! An event says only *which* instances to look at. Everything else is read here and now:
//!
//! ```text
//! event ──▶ trigger ──▶ run: survey ▸ attribute ▸ read again ▸ plan ▸ recover ▸ execute ▸ report ▸ requeue
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the environment variables, and how careful they make it |
//! | [`request`] | what is asked for: by an event, and of a run |
//! | [`trigger`] | reads an event into a request |
//! | [`link`] | whose report a message is, and whether it asks for a look |
//! | [`identity`] | the name to write for a CloudTrail `userIdentity` |
//! | [`launcher`] | who launched an instance, from CloudTrail |
//! | [`plan`] | findings → what to do, what to leave for later, what to refuse |
//! | [`ledger`] | every act, written down before it is done |
//! | [`calls`] | the EC2 calls that change something, for as many instances as a call takes |
//! | `tag_calls` | CreateTags, so that one instance, key or value does not spoil the call for the others |
//! | [`report`] | what was done, for people and for programs |
//! | [`letter`] | what owners are told |
//! | `run` | one run, in order: start reading here |
//! | `notify` | publishes the report |
//! | `post` | sends letters |
//! | [`function`] | the Lambda function: from event to answer |
//! | [`on_demand`] | the same for the `tagwarden` command, and what a sweep would do |
//! | [`explain`] | what is known of an instance, for the `tagwarden` command |
//! | [`undo`] | takes back what was written, for the `tagwarden` command |
//! | [`progress`] | progress and cancellation of a run |
//! | `error_code` | what AWS's error codes say about a call |
//! | [`metrics`] | what is measured, for CloudWatch |
//!
//! `identity`, `plan`, `report` and the plan of `undo` are pure, and so is `launcher` but for its look-up. That,
//! `calls`, `ledger` and `notify` are the AWS edges. Arrows between modules point down only:
//!
//! ```text
//! function · on_demand · explain
//!      run
//!     notify
//!      post                      undo
//!  remediation · letter     tag_calls
//!     report
//!                         calls · tag_batches
//!            ledger · metrics
//!               plan
//! request · launcher · settings · run_id · progress · safeguard · error_code · link
//! ```

pub mod calls;
mod error_code;
pub mod explain;
pub mod function;
pub mod identity;
pub mod launcher;
pub mod ledger;
pub mod letter;
pub mod link;
pub mod metrics;
mod notify;
pub mod on_demand;
pub mod plan;
mod post;
pub mod progress;
mod remediation;
pub mod report;
pub mod request;
mod run;
mod run_id;
pub mod safeguard;
pub mod settings;
mod tag_batches;
mod tag_calls;
pub mod trigger;
pub mod undo;

pub use remediation::{Remediation, RemediationError};
pub use settings::Settings;

//! tagwarden's engine and its AWS Config rule.
//!
//! tagwarden keeps the EC2 instances of an AWS account tagged as the organisation's policy demands.
//! This crate decides; the package `tagwarden-remediation` acts; the `tagwarden` command does both by hand.
//! All three ask the same pure function, so they can never disagree:
//!
//! ```text
//! policy table ──▶ Policy ──┐
//!                           ├──▶ assess() ──▶ Assessment (verdict, findings) ──▶ annotation()
//! EC2 · Config ──▶ Instance ┘
//! ```
//!
//! Where to look:
//!
//! | module | what it holds |
//! |---|---|
//! | [`policy`] | the policy table's rows, validated whole into a [`Policy`] |
//! | [`instance`] | an EC2 instance, as a value, whichever AWS document it came from, and whose it is |
//! | [`scope`] | which VPCs the policy reaches |
//! | [`exemption`] | which instances the policy leaves alone, and how long |
//! | [`assessment`] | policy × instance × time → findings and verdict |
//! | [`annotation`] | an assessment in the 256 characters that AWS Config shows |
//! | [`aws`] | thin readers and writers: they page, batch and report errors, and decide nothing |
//! | [`rule`] | the AWS Config rule: its events, its parameters, its function |
//! | [`settings`] | the functions' environment variables |
//! | [`function`] | what both Lambda functions do the same way |
//! | [`metrics`] | what the functions measure, for CloudWatch |
//! | [`logging`] | what the functions log, as Lambda asks |
//!
//! The core (`policy`, `instance`, `scope`, `exemption`, `assessment`, `annotation`) takes values and gives values:
//! it knows no AWS client and no clock.

pub mod annotation;
pub mod assessment;
pub mod aws;
pub mod exemption;
pub mod function;
pub mod instance;
pub mod logging;
pub mod metrics;
pub mod policy;
pub mod rule;
pub mod scope;
pub mod settings;

pub use assessment::{Assessment, Defect, Finding, NotApplicable, Verdict, assess};
pub use exemption::Exemption;
pub use instance::{Instance, Owner, State};
pub use policy::{Action, Policy, TagRule};
pub use scope::Scope;

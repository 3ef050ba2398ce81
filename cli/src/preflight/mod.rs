//! What is about to be created, judged by the engine before it is.
//!
//! ```text
//! plan.json ─────▶ terraform ───────┐
//!                                   ├──▶ PlannedResource ──▶ judge (core's assess) ──▶ PreflightFinding
//! template.yaml ──▶ cloudformation ─┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`input`] | a file: which of the formats it is, or why it is none of them |
//! | [`terraform`] | the plans of Terraform and `OpenTofu` |
//! | [`cloudformation`] | templates |
//! | [`planned`] | a resource that is about to be created, and what is known of its tags |
//! | [`judge`] | what the engine finds, and how bad that is before a launch |
//! | `filling`, `repair` | what the remediation would write, and what the author can write |
//! | [`fix`] | the tags to write, as code to paste |
//!
//! A resource that is only planned is an instance whose tags are not all known: see
//! [`UnknownTags`](tagwarden_core::UnknownTags). What is not known is never missing.

pub mod cloudformation;
mod filling;
pub mod fix;
pub mod input;
pub mod judge;
pub mod planned;
mod repair;
pub mod terraform;

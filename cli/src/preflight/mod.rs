//! What is about to be created, judged by the engine before it is.
//!
//! ```text
//! plan.json ─────▶ terraform ───────┐
//!                                   ├──▶ PlannedResource ──▶ the core's judge ──▶ PreflightFinding
//! template.yaml ──▶ cloudformation ─┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`input`] | a file: which of the formats it is, or why it is none of them |
//! | [`terraform`] | the plans of Terraform and `OpenTofu` |
//! | [`cloudformation`] | templates |
//! | [`planned`] | a resource that is about to be created, and where it is defined |
//! | [`fix`] | the tags to write, as code to paste |
//!
//! What the engine finds in them is in [`tagwarden_core::preflight`], because the hook of CloudFormation must find the same.

pub mod cloudformation;
pub mod fix;
pub mod input;
pub mod planned;
pub mod terraform;

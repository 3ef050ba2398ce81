//! What is about to be created, judged by the engine before it is.
//!
//! ```text
//! plan, template ──▶ the command's readers ──┐
//!                                            ├──▶ PlannedLaunch ──▶ judge (assess) ──▶ PreflightFinding
//! CloudFormation's event ──▶ the hook ───────┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `launch` | the instances that a resource will launch, and what is known of them |
//! | `planned_tags` | their tags, as far as they are known |
//! | [`template`] | what a resource of CloudFormation says of its instances |
//! | `judge` | what the engine finds, and how bad that is before a launch |
//! | `finding` | what was found |
//! | `filling`, `repair` | what the remediation would write, and what the author can write |
//! | `fix` | the tag to write, as code of a template |
//!
//! A resource that is only planned is an instance whose tags are not all known: see [`UnknownTags`](crate::UnknownTags).
//! What is not known is never missing.

mod filling;
mod finding;
mod fix;
mod judge;
mod launch;
mod planned_tags;
mod repair;
pub mod template;

pub use finding::{FindingKind, FindingLevel, FoundRule, JudgedResource, KINDS, PreflightFinding};
pub use fix::{FixTag, comment, yaml_list};
pub use judge::PreflightRules;
pub use launch::{LostTags, PlannedLaunch};
pub use planned_tags::PlannedTags;

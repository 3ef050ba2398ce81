//! What decides: values in, values out. No AWS SDK, no async runtime, no clock.
//!
//! The Config rule reports, the remediation acts, and the `tagwarden` command does both by hand. All three ask the same
//! pure function, so that they cannot disagree:
//!
//! ```text
//! policy table ──▶ Policy ──┐
//!                           ├──▶ assess() ──▶ Assessment (verdict, findings) ──▶ annotation()
//! EC2 · Config ──▶ Instance ┘
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`policy`] | the rows of the policy table, validated as a whole into a [`Policy`]; what a rule does about a defect |
//! | [`resource`] | an EC2 instance as a value, whichever AWS document it comes from, and its manager |
//! | [`scope`] | which VPCs the policy reaches |
//! | [`exemption`] | which instances the policy leaves alone, and until when |
//! | [`assessment`] | policy × instance × time → findings and verdict |
//! | [`annotation`] | an assessment in the 256 characters that AWS Config shows |
//! | [`wording`] | all words for what is wrong |
//! | [`date`] | dates as people write them in tags |
//! | [`settings`] | the functions' environment variables |

pub mod annotation;
pub mod assessment;
pub mod date;
pub mod exemption;
pub mod policy;
pub mod resource;
pub mod scope;
pub mod settings;
pub mod wording;

pub use assessment::{Assessment, Finding, NotApplicable, Verdict, assess};
pub use exemption::Exemption;
pub use policy::{Action, Defect, DefectName, Policy, RuleRemedy, Shutdown, TagRule};
pub use resource::{Instance, Manager, State};
pub use scope::Scope;

//! The decisions of tagwarden, as pure functions: no AWS SDK, no async runtime, no clock.
//!
//! The Config rule reports, the remediation acts, and the `tagwarden` command does both on demand. All three call
//! [`assess`], so that they cannot disagree:
//!
//! ```text
//! policy table ──▶ Policy ──┐
//!                           ├──▶ assess() ──▶ Assessment (verdict, findings) ──▶ annotation()
//! EC2 · Config ──▶ Resource ┘
//! ```
//!
//! | module | what it holds | why it exists |
//! |---|---|---|
//! | [`policy`] | the rows of the policy table, validated into a [`Policy`]; the remedy of each defect | A table with a mistake must never be half applied, and the table of actions and defects must be code in one place only. |
//! | [`resource`] | a resource as a value: its kind, and its manager | AWS describes one instance in several documents, and its assessment must not depend on the document. |
//! | [`scope`] | the VPCs that the policy covers | The rule and the remediation must agree on which instances they leave out. |
//! | [`exemption`] | the tag that exempts an instance until a date | An exemption must end by itself, so it is judged against the time of each assessment. |
//! | [`assessment`] | policy × instance × time → findings and verdict | Reports and acts follow from the same answer. |
//! | [`owner`] | whose a resource is | A letter must go to the same person, however a tag is written. |
//! | [`annotation`] | an assessment in the 256 characters that AWS Config shows | Config refuses the whole call for one annotation that is too long. |
//! | [`likeness`] | texts that a person takes for empty or for equal | Nothing is shut down for what is nearly right, and a near miss must be the same everywhere. |
//! | [`wording`] | the words for each defect | The dashboard, the report and the command describe a defect in the same words. |
//! | [`preflight`] | what is about to be created, and what the engine finds in it | The command and the hook must find the same before a launch. |
//! | [`date`] | dates as people write them in tags | chrono's parser accepts more than ISO 8601, and a misread date can shut an instance down. |
//! | [`Arn`] | the parts of an ARN | Whatever a setting names by ARN is called in the ARN's Region. |
//! | [`settings`] | the environment variables of both functions | A setting that cannot be read must end the start-up with a message that names it. |

pub mod annotation;
mod arn;
pub mod assessment;
pub mod date;
pub mod exemption;
pub mod likeness;
pub mod owner;
pub mod policy;
pub mod preflight;
pub mod resource;
pub mod scope;
pub mod settings;
pub mod wording;

pub use arn::Arn;
pub use assessment::{Assessment, Finding, NotApplicable, UnknownTag, Verdict, assess};
pub use exemption::Exemption;
pub use owner::{Owner, OwnerTags};
pub use policy::{Action, Defect, DefectName, Policy, RuleRemedy, Shutdown, TagRule};
pub use resource::{
    InstanceDetails, Kind, Kinds, Manager, ManagerTags, Resource, ShutdownTarget, State,
    UnknownTags,
};
pub use scope::Scope;

//! The hook of CloudFormation: judges an instance or a group before CloudFormation creates or changes it.
//!
//! ```text
//! event ──▶ HookEvent ──▶ PlannedLaunch ──▶ the core's judge ──▶ HookAnswer
//!                              ▲                  ▲
//!     tags of the stack, VPC of the subnet   policy table
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `event` | the event of a Lambda hook |
//! | `judge` | from an event to what was found |
//! | `answer` | the answer, in CloudFormation's form |
//!
//! It must not be in the way by mistake. Whatever it cannot read, it answers `SUCCESS` with the reason. It answers `FAILED`
//! only for what makes an instance `NON_COMPLIANT` and the remediation does not fill in.

mod answer;
mod event;
mod judge;

pub(crate) use event::is_hook_event;
pub(crate) use judge::{LaunchHook, without_settings};

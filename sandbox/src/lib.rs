//! An AWS account in this process, for tagwarden's demo, its tests and its benchmarks.
//!
//! The real `aws-sdk-*` clients talk to an [`Account`] through the SDK's own HTTP client seam: every
//! call is serialised, signed, answered in the service's own wire protocol and parsed, but no socket
//! is opened. Nothing stands in front of the SDK.
//!
//! ```
//! use tagwarden_sandbox::{Account, Identity, Launch};
//!
//! let account = Account::new();
//! account.create_table("acme_cloud_policy_tagging_def");
//! let id = account.launch(Launch::new().tag("Name", "web").launched_by(Identity::iam_user("alice")));
//! let sdk_config = account.sdk_config(); // for `aws_sdk_ec2::Client::new(&sdk_config)` and the others
//! # let _ = sdk_config;
//! assert_eq!(account.instance(&id).map(|instance| instance.state.as_str()), Some("running"));
//! assert_eq!(account.count("DescribeInstances"), 0);
//! ```
//!
//! The account refuses what AWS refuses, with AWS's error codes, and fails loudly, naming the
//! operation or the parameter, on a call it does not know. Messages are AWS's where they are publicly
//! known and the sandbox's own wording elsewhere: rely on the codes.
//!
//! # The parts
//!
//! - [`account`]: the [`Account`] itself, and how an SDK is configured to reach it
//! - `clock`: the account's time, which flows from tokio's, so that a paused runtime waits for free
//! - `http`: the SDK's HTTP client seam; [`Loopback`] is the same account for other processes
//! - `wire`: the protocols (EC2 and SNS query with XML answers, AWS JSON 1.0 and 1.1, REST JSON)
//! - `place`, `error`: the account's number and Region; the refusals of all services
//! - [`organization`]: several accounts and Regions behind one address, and the roles that lead into them
//! - `dispatch`: one call from its arrival to its answer: latency, quotas, hooks, faults, the service
//! - [`calls`], [`faults`], `denials`, `quotas`: the log of calls, trouble on demand, what policies deny, AWS's
//!   request quotas
//! - [`ec2`], `cloudformation`, [`cloudtrail`], [`config`], `dynamodb`, [`ses`], [`sns`], [`sqs`]: the services, each with its fixtures
//!   (methods of [`Account`]) and its operations
//! - [`described`]: what the sandbox does not imitate, but describes, such as functions and alarms
//! - [`identity`]: who made a call, as CloudTrail tells it
//! - [`lambda`]: a Lambda Runtime API that runs a function's `bootstrap` as a process
//!
//! # Not like AWS
//!
//! - Signatures and permissions are not checked; a [`Fault`] stands in for a refusal, and
//!   [`Account::deny`] for a policy's.
//! - An account is one Region of it; an [`Organization`] has several. Topics, queues, CloudTrail and Config name the
//!   first place in all of them. What was written is seen at once: the eventual consistency of DynamoDB is not
//!   imitated, that of EC2 where a test asks for it ([`Account::lag_behind`], [`Account::omit_tags`]).
//! - Pending, stopping and shutting down take 30 seconds each; AWS promises no duration.
//! - CloudTrail records launches, tags, stops and terminations that succeeded, nothing else, and none
//!   comes twice or out of turn.
//! - An instance's description does not list its volumes, and volumes come and go without a trace in CloudTrail; a
//!   volume that goes is gone at once.
//! - EC2 managed instances are always listed; AWS hides them in accounts that do not ask to see them.
//!   They take tags from anybody: no AWS document says otherwise.
//! - `StopInstances` with one instance that may not be stopped stops none: AWS documents the effect of
//!   Availability Zones for `TerminateInstances` alone.

pub mod account;
pub mod calls;
mod clock;
mod cloudformation;
pub mod cloudtrail;
pub mod config;
mod denials;
pub mod described;
mod dispatch;
mod dynamodb;
pub mod ec2;
mod error;
pub mod faults;
mod http;
pub mod identity;
mod ids;
pub mod lambda;
pub mod loopback;
pub mod organization;
pub mod place;
mod quotas;
pub mod ses;
pub mod sns;
pub mod sqs;
mod wire;

pub use account::Account;
pub use calls::{Call, Request, Service};
pub use config::Evaluation;
pub use described::Described;
pub use ec2::{AttachmentRecord, InstanceRecord, InstanceState, Launch, NewVolume, VolumeRecord};
pub use faults::Fault;
pub use identity::Identity;
pub use lambda::{Bootstrap, InvocationError};
pub use loopback::Loopback;
pub use organization::Organization;
pub use ses::SentMail;
pub use sns::Publication;

/// A runtime whose clock stands still and jumps to the next timer whenever there is nothing to do:
/// one thread, time enabled. In it, waiting costs nothing, neither the program's nor the account's.
///
/// The same as `#[tokio::test(start_paused = true)]`, for programs such as the demo.
///
/// # Errors
/// Whatever tokio says when the operating system refuses it what it needs.
pub fn paused_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
}

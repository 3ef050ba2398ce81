//! Explains a few instances: what is known of each, what an enforcing run would do about it, and what holds that back.
//!
//! ```text
//! account · recorded ──▶ Facts ──▶ Explanation of each instance
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `account` | reads what AWS and the ledger say; writes nothing |
//! | `recorded` | the same of recordings, without AWS |
//! | `ending` | the end dates of an instance: days left, notices, what keeps it; pure |
//! | `facts` | what is known, and the explanations that are made of it; pure |
//! | `safeguard` | what each safeguard says of a shutdown; pure |
//!
//! The plan makes every decision: this module adds where a decision comes from and how long it stands.

mod account;
mod ending;
mod facts;
mod recorded;
mod safeguard;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tagwarden_core::Shutdown;
use tagwarden_core::policy::WhenExpired;

use crate::launcher::Launcher;
use crate::plan::{CountdownReason, Reason, RememberedTag};
use crate::report::Entry;

pub use recorded::explain_recorded;

/// Explanations of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanations {
    /// By instance.
    pub instances: BTreeMap<String, Explanation>,
    /// What could not be asked, each a whole sentence.
    pub notes: Vec<String>,
}

/// The explanation of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What a run would do about it and what not, in the order of the rules.
    pub steps: Vec<ExplainedStep>,
    /// Every shutdown that is asked for or counted down, and what each safeguard says of it.
    pub shutdowns: Vec<ExplainedShutdown>,
    /// Its end dates, by the rules that apply to it.
    pub end_dates: Vec<ExplainedEndDate>,
    /// Who launched it, and where that is known from; `None` if nothing asks for it and nothing remembers it.
    pub launcher: Option<ExplainedLauncher>,
    /// What would replace it, or alone may end it: [`Reason::Managed`].
    pub manager: Option<Reason>,
    /// What tagwarden wrote to it, as the ledger remembers it.
    pub remembered: Vec<RememberedTag>,
}

/// A step, and what else is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedStep {
    /// The step, and what would become of it.
    pub entry: Entry,
    /// Where the value to write comes from; `None` for other steps.
    pub source: Option<ValueSource>,
    /// When the obstacle is over; `None` if there is none, or if only a person can remove it.
    pub until: Option<DateTime<Utc>>,
}

/// An end date of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedEndDate {
    /// The rule that reads it.
    pub rule_id: i64,
    /// The key of its tag.
    pub tag_key: String,
    /// The date, as the tag has it.
    pub date: String,
    /// The first moment after it.
    pub end: DateTime<Utc>,
    /// How many days are left; negative once it has passed.
    pub days_left: i64,
    /// What is done then.
    pub when_expired: WhenExpired,
    /// When notices go out before it, the first of them first; empty where nothing is shut down.
    pub notices: Vec<DateTime<Utc>>,
    /// When the last notice was accepted, as the ledger notes it.
    pub noticed_at: Option<DateTime<Utc>>,
    /// The first moment after the last date that the rule allows now; `None` if it allows all.
    pub latest: Option<DateTime<Utc>>,
}

/// Where a value to write comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// The rule's `Default`.
    Default,
    /// The rule's function.
    Function,
    /// Who launched the instance.
    Launcher(LauncherSource),
    /// What tagwarden wrote before, and somebody removed.
    Restored,
    /// A tag whose key is a near miss of the rule's.
    NearMiss,
    /// Another tag of the instance.
    OtherTag,
    /// The instance that a volume is attached to.
    Instance,
    /// The instance's subnet.
    Subnet,
    /// The instance's VPC.
    Vpc,
    /// A who row about who launched it.
    WhoRow,
}

/// Who launched an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedLauncher {
    /// The launcher, or why there is no name.
    pub launcher: Launcher,
    /// Where that is known from.
    pub source: LauncherSource,
}

/// Where it is known from who launched an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LauncherSource {
    /// The tag that Service Catalog writes.
    ServiceCatalog,
    /// The launch's own event, which the ledger remembers.
    LaunchEvent,
    /// An earlier look-up, whose tag the ledger remembers.
    EarlierLookUp,
    /// CloudTrail, asked just now.
    CloudTrail,
    /// A recording of CloudTrail's answer.
    Recording,
}

/// A shutdown of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedShutdown {
    /// What is wrong.
    pub reason: CountdownReason,
    /// The shutdown.
    pub shutdown: Shutdown,
    /// How long the reason has stood, as the ledger notes it; `None` if nothing is noted.
    pub countdown: Option<ExplainedCountdown>,
    /// When the end date that it is for passes, if that has not passed yet.
    pub ends_at: Option<DateTime<Utc>>,
    /// What each safeguard says, in the order in which a run asks them.
    pub safeguards: Vec<ExplainedSafeguard>,
    /// When it happens, if nothing changes and the function enforces.
    pub at: ShutdownTime,
}

/// When a shutdown happens, if nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownTime {
    /// At the next run.
    NextRun,
    /// At the run after the next, because the next writes a tag to the instance, and such a run shuts nothing down.
    RunAfterNext,
    /// Once two runs have looked and agree: whether one has, only the ledger knows.
    OnceLooksAgree,
    /// At the first run after this moment.
    After(DateTime<Utc>),
    /// Not as things stand: only a person can remove what holds it back.
    Never,
}

/// A countdown in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExplainedCountdown {
    /// When a run first saw the reason.
    pub since: DateTime<Utc>,
    /// When a run last noted that it saw it.
    pub seen_at: DateTime<Utc>,
    /// When the last notice was accepted.
    pub noticed_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub standing: CountdownStanding,
}

/// How far a countdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountdownStanding {
    /// Its reason is gone: the next run deletes it.
    Over,
    /// It was not confirmed for too long, or the instance was started since: it starts over.
    StartsOver,
    /// The shutdown may happen since this moment.
    Due(DateTime<Utc>),
    /// The shutdown may happen from this day on.
    Waiting(DateTime<Utc>),
    /// A notice is needed now. With it, the shutdown may happen from this day on.
    NeedsNotice(DateTime<Utc>),
}

/// What a safeguard says of a shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedSafeguard {
    /// The safeguard's name, such as `two-looks`.
    pub name: &'static str,
    /// Whether it holds the shutdown back; `None` if that is not known here.
    pub holds: Option<bool>,
    /// Why, or why not.
    pub says: String,
    /// Until when it holds; `None` if only a person can change that, or if it does not hold.
    pub until: Option<DateTime<Utc>>,
}

impl ValueSource {
    /// The source's name, as programs read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Function => "function",
            Self::Launcher(source) => source.name(),
            Self::Restored => "restored",
            Self::NearMiss => "near-miss",
            Self::OtherTag => "tag",
            Self::Instance => "instance",
            Self::Subnet => "subnet",
            Self::Vpc => "vpc",
            Self::WhoRow => "who",
        }
    }
}

impl LauncherSource {
    /// The source's name, as programs read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceCatalog => "service-catalog",
            Self::LaunchEvent => "launch-event",
            Self::EarlierLookUp => "earlier-look-up",
            Self::CloudTrail => "cloudtrail",
            Self::Recording => "recording",
        }
    }
}

impl CountdownStanding {
    /// The standing's name, as programs read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::StartsOver => "starts-over",
            Self::Due(_) => "due",
            Self::Waiting(_) => "waiting",
            Self::NeedsNotice(_) => "needs-notice",
        }
    }

    /// The day from which on the shutdown may happen.
    #[must_use]
    pub fn day(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Over | Self::StartsOver => None,
            Self::Due(day) | Self::Waiting(day) | Self::NeedsNotice(day) => Some(day),
        }
    }
}

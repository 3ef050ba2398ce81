//! The parts of a storm, and how a storm is generated.
//!
//! A [`Storm`] is plain data: the fleet, the policies that alternate, the events and deeds with their times, and the
//! amount of trouble. Everything random during play (how long a call takes, which one fails, where a function is
//! killed) follows from [`Storm::seed`], so a storm always plays the same way.

mod generate;

use std::ops::Range;

pub use generate::storm_of;

/// Everything that determines a storm.
#[derive(Clone, Debug)]
pub struct Storm {
    /// Seeds the random numbers used during play.
    pub seed: u64,
    /// The remediation's settings.
    pub setup: Setup,
    /// The policies that alternate. The first is in force at the start and at the end.
    pub policies: Vec<Vec<Rule>>,
    /// The instances at the start.
    pub fleet: Vec<Machine>,
    /// The events that the remediation receives.
    pub events: Vec<Timed<Event>>,
    /// The deeds of people, each with the place of an instance in the fleet.
    pub deeds: Vec<Timed<(usize, Deed)>>,
    /// The amount of trouble.
    pub trouble: Trouble,
    /// Another stack in the same account, with a ledger of its own. It receives the same events.
    pub second: Option<Second>,
    /// From when until when the functions are down, in milliseconds since the storm began. Messages wait.
    pub outage: Option<Range<u64>>,
    /// The stack whose tags are all taken back after the storm, if any.
    pub final_undo: Option<usize>,
}

/// A second stack.
#[derive(Clone, Debug)]
pub struct Second {
    /// Its settings. How many functions run, with which batches and time, is the first stack's.
    pub setup: Setup,
    /// The policies of its table; `None` if it uses the first stack's table.
    pub policies: Option<Vec<Vec<Rule>>>,
}

/// The remediation's settings.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `TAGWARDEN_UNTAGGED`
    pub untagged: &'static str,
    /// `TAGWARDEN_GRACE_MINUTES`
    pub grace_minutes: i64,
    /// `TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR`
    pub budget: usize,
    /// The most functions that run at once.
    pub functions: usize,
    /// The most messages in a function's batch.
    pub batch: usize,
    /// The function's timeout.
    pub timeout_seconds: u64,
    /// `TAGWARDEN_RULES_MAY_DESTROY`
    pub rules_may_destroy: &'static str,
    /// `TAGWARDEN_NOTICE_HOURS`
    pub notice_hours: i64,
    /// `TAGWARDEN_TERMINATE_AFTER_DAYS`
    pub terminate_after_days: i64,
    /// Whether `TAGWARDEN_VPC_IDS` names [`SCOPE`] and no other.
    pub is_scoped: bool,
    /// Whether there is a topic for letters.
    pub letters: bool,
    /// The time between two sweeps after the storm, in minutes: longer than any budget, claim or run lasts.
    pub lull_minutes: u64,
}

/// The ends of the ARNs of the topics: of reports, of letters, and of a team's own that the settings allow.
pub const REPORTS: &str = ":reports";
pub const LETTERS: &str = ":letters";
pub const CONTACT: &str = ":team-ann";

/// Whose letters go elsewhere: to the team's topic, and to one that the settings do not allow.
pub const CONTACTS: [(&str, &str); 2] = [("ann", CONTACT), ("bob", ":closed")];

/// The VPC of the instances that a policy with a scope is for.
pub const SCOPE: &str = "vpc-0a1b2c3d4e5f60718";

/// The VPC of the others.
pub const OTHER_VPC: &str = "vpc-0fedcba9876543210";

impl Default for Setup {
    fn default() -> Self {
        Self {
            untagged: "terminate",
            grace_minutes: 15,
            budget: 3,
            functions: 1,
            batch: 10,
            timeout_seconds: 300,
            rules_may_destroy: "stop-and-terminate",
            notice_hours: 0,
            terminate_after_days: 0,
            is_scoped: false,
            letters: false,
            lull_minutes: 80,
        }
    }
}

/// A row of the policy table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: i64,
    pub key: &'static str,
    pub action: &'static str,
    pub required: bool,
    pub default: &'static str,
}

/// The tags that make an instance compliant with any policy.
pub const COMPLETE: [&str; 7] = [
    "ProjectCode",
    "CreatedBy",
    "Expires",
    "Owner",
    "CostCenter",
    "Seen",
    "Contact",
];

/// An instance as it is launched.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of the machine by itself"
)]
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub age_minutes: i64,
    pub tags: Vec<(&'static str, &'static str)>,
    pub exempt: Option<Exempt>,
    pub manager: Option<ManagedBy>,
    pub protection: Option<Protection>,
    pub stopped: bool,
    pub other_zone: bool,
    /// It is in [`OTHER_VPC`].
    pub other_vpc: bool,
    /// EC2 refuses to stop it.
    pub instance_store: bool,
    /// A policy denies `CreateTags`, `StopInstances` and `TerminateInstances` for it.
    pub is_denied: bool,
}

/// What an exemption tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exempt {
    ForLong,
    /// Until the end of the day on which the storm begins.
    Today,
    Ended,
    Unreadable,
}

/// The manager of an instance, which would replace it or alone may end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedBy {
    AutoScaling,
    Spot,
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    Termination,
    Stop,
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub struct Timed<T> {
    /// Milliseconds since the storm began.
    pub at: u64,
    pub what: T,
}

/// An event that the remediation receives. Instances are named by their place in the fleet.
#[derive(Clone, Debug)]
pub enum Event {
    /// Instances became `NON_COMPLIANT`. Each change is delivered once for each of the delays, in seconds.
    Changes(Vec<usize>, Vec<u64>),
    /// An instance is launched. Its event is delivered once for each of the delays, in seconds.
    Launch(Machine, Vec<u64>),
    /// The scheduled event.
    Sweep,
    /// A request that names instances by their ids.
    Ids(Vec<usize>),
    /// People take tags back that a stack has written, all at the same time.
    Undo(usize, Vec<UndoOf>),
}

/// What a person takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoOf {
    /// What one of the runs so far has written.
    Run(usize),
    /// One tag of all instances.
    Key(&'static str),
    /// All tags of one instance.
    Instance(usize),
    /// One tag of one instance.
    Tag(usize, &'static str),
    Everything,
}

/// A deed of a person to an instance or to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sets every tag that any policy asks for.
    TagFully,
    Tag(&'static str, &'static str),
    Untag(&'static str),
    /// Removes every tag but those that AWS set.
    UntagFully,
    Exempt(Exempt),
    EndExemption,
    Protect(bool),
    /// Attaches the instance to an Auto Scaling group.
    Adopt,
    Start,
    Terminate,
    /// Removes every tag but those that AWS set, and sets them again so many seconds later.
    Flicker(u64),
    /// `DescribeInstances` leaves the tags out from now on (`true`), or shows them again.
    Omit(bool),
    /// EC2 shows the instance as it was so many seconds ago from now on.
    Lag(i64),
    /// A policy denies every write to the instance (`true`), or allows it again.
    Deny(bool),
    /// A policy denies this tag key (`true`), or allows it again.
    DenyKey(&'static str, bool),
    /// SNS refuses reports (`true`), or accepts them again.
    RefuseReports(bool),
    /// The topic loses its last confirmed subscription (`true`), or gets one again.
    Unsubscribe(bool),
    /// Puts another policy in force.
    ChangePolicy(usize),
}

/// The amount of trouble. Chances are out of 1,000.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The longest delay of a request, and of an answer.
    pub latency_millis: u64,
    /// The delay is up to 20 seconds instead.
    pub slow: u32,
    /// The service throttles the call, or refuses it for a while.
    pub throttled: u32,
    /// The call is executed, and its answer is an error.
    pub lost: u32,
    /// The call is executed, and its answer never arrives.
    pub silent: u32,
    /// The function is killed at one of its first calls.
    pub killed: u32,
    /// A person changes an instance that a call names while the call is in flight.
    pub meddling: u32,
}

/// The size of a storm.
#[derive(Clone, Debug)]
pub struct Size {
    pub fleet: Range<usize>,
    pub events: Range<usize>,
    pub deeds: Range<usize>,
    pub functions: Range<usize>,
    /// The number of instances that one event names.
    pub changes: Range<usize>,
}

impl Storm {
    /// The settings of the stacks.
    pub fn setups(&self) -> impl Iterator<Item = &Setup> {
        let second = self.second.iter().map(|second| &second.setup);
        std::iter::once(&self.setup).chain(second)
    }

    /// The policies of all tables: those of the first stack first.
    pub fn all_policies(&self) -> Vec<Vec<Rule>> {
        let second = self.second.as_ref();
        let others = second.and_then(|second| second.policies.as_ref());
        let others = others.into_iter().flatten();
        self.policies.iter().chain(others).cloned().collect()
    }
}

impl Size {
    /// A storm of a few dozen functions.
    pub fn small() -> Self {
        Self {
            fleet: 4..24,
            events: 4..24,
            deeds: 0..16,
            functions: 2..12,
            changes: 1..8,
        }
    }

    /// A storm of thousands of events for 50 functions at once.
    pub fn big() -> Self {
        Self {
            fleet: 80..100,
            events: 80..90,
            deeds: 40..60,
            functions: 50..51,
            changes: 24..32,
        }
    }
}

impl Trouble {
    /// Every kind of trouble, often.
    pub const MUCH: Self = Self {
        latency_millis: 400,
        slow: 5,
        throttled: 60,
        lost: 40,
        silent: 2,
        killed: 150,
        meddling: 60,
    };

    /// No trouble: every call is answered at once.
    pub const NONE: Self = Self {
        latency_millis: 1,
        slow: 0,
        throttled: 0,
        lost: 0,
        silent: 0,
        killed: 0,
        meddling: 0,
    };
}

/// The deeds to an instance while a function is about to change it.
pub const MEDDLING: [Deed; 24] = [
    Deed::TagFully,
    Deed::TagFully,
    Deed::Tag("Name", "db"),
    Deed::Tag("Owner", "ann"),
    Deed::Tag("ProjectCode", "P1"),
    Deed::Untag("ProjectCode"),
    Deed::Untag("Owner"),
    Deed::UntagFully,
    Deed::Exempt(Exempt::ForLong),
    Deed::Exempt(Exempt::Today),
    Deed::EndExemption,
    Deed::Protect(true),
    Deed::Protect(false),
    Deed::Adopt,
    Deed::Start,
    Deed::Terminate,
    Deed::Flicker(5),
    Deed::Flicker(200),
    Deed::Omit(true),
    Deed::Omit(false),
    Deed::Lag(5),
    Deed::Lag(60),
    Deed::Deny(true),
    Deed::Deny(false),
];

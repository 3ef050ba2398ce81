//! The parts of a storm, and how a storm is generated.
//!
//! A [`Storm`] is plain data: the fleet, the policies that alternate, the events and deeds with their times, and the
//! amount of trouble. Everything random during play (how long a call takes, which one fails, where a function is
//! killed) follows from [`Storm::seed`], so a storm always plays the same way.

use std::ops::Range;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

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

const fn rule(
    id: i64,
    key: &'static str,
    action: &'static str,
    required: bool,
    default: &'static str,
) -> Rule {
    Rule {
        id,
        key,
        action,
        required,
        default,
    }
}

/// The rows that every policy has: the customer's sample.
const SAMPLE: [Rule; 3] = [
    rule(1, "ProjectCode", "Update", true, "Proj007"),
    rule(2, "CreatedBy", "UserLookup", true, ""),
    rule(3, "Expires", "Function", false, "today()"),
];

/// The rows that a policy may have in addition.
const OTHERS: [Rule; 6] = [
    rule(4, "Owner", "Terminate", true, ""),
    rule(4, "Owner", "Stop", true, ""),
    rule(5, "CostCenter", "Stop", true, ""),
    rule(5, "CostCenter", "Terminate", false, ""),
    rule(6, "Seen", "Function", true, "now()"),
    rule(7, "Contact", "Notify", true, ""),
];

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
#[derive(Clone, Debug)]
pub struct Machine {
    pub age_minutes: i64,
    pub tags: Vec<(&'static str, &'static str)>,
    pub exempt: Option<Exempt>,
    pub manager: Option<ManagedBy>,
    pub protection: Option<Protection>,
    pub stopped: bool,
    pub other_zone: bool,
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

/// The storm of a seed. The same seed and size always give the same storm.
pub fn storm_of(seed: u64, size: Size) -> Box<dyn ValueTree<Value = Storm>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    Box::new(storms(size).new_tree(&mut runner).unwrap())
}

/// Storms of this size.
fn storms(size: Size) -> impl Strategy<Value = Storm> {
    let parts = (
        any::<u64>(),
        setup(size.functions.clone()),
        vec(policy(), 1..4),
        vec(machine(), size.fleet.clone()),
        trouble(),
        // Times close together, so that runs overlap.
        vec(0..7_200_000_u64, 2..6),
    );
    parts.prop_flat_map(move |(seed, setup, policies, fleet, trouble, bursts)| {
        let when = (prop::sample::select(bursts), 0..15_000_u64).prop_map(|(at, late)| at + late);
        let timed = move |what| (when.clone(), what).prop_map(|(at, what)| Timed { at, what });
        let who = || 0..1_000_usize;
        let events = vec(
            timed_event(timed.clone(), size.changes.clone()),
            size.events.clone(),
        );
        let deeds = vec(
            (timed(Just(()).boxed()), who(), deed()).prop_map(|(timed, who, deed)| Timed {
                at: timed.at,
                what: (who, deed),
            }),
            size.deeds.clone(),
        );
        (events, deeds).prop_map(move |(events, deeds)| Storm {
            seed,
            setup: setup.clone(),
            policies: policies.clone(),
            fleet: fleet.clone(),
            events,
            deeds,
            trouble: trouble.clone(),
        })
    })
}

fn timed_event<S>(
    timed: impl Fn(BoxedStrategy<()>) -> S,
    changes: Range<usize>,
) -> impl Strategy<Value = Timed<Event>>
where
    S: Strategy<Value = Timed<()>>,
{
    let who = || 0..1_000_usize;
    // Most events are delivered once and soon, some twice, and some an hour late and so out of order.
    let late = prop_oneof![6 => 0..20_u64, 1 => 0..4_000_u64];
    let copies = || vec(late.clone(), 1..4);
    let event = prop_oneof![
        5 => (vec(who(), changes), copies()).prop_map(|(who, copies)| Event::Changes(who, copies)),
        2 => (machine(), copies()).prop_map(|(machine, copies)| {
            Event::Launch(Machine { age_minutes: 0, ..machine }, copies)
        }),
        2 => Just(Event::Sweep),
        1 => vec(who(), 1..4).prop_map(Event::Ids),
    ];
    (timed(Just(()).boxed()), event).prop_map(|(timed, what)| Timed { at: timed.at, what })
}

fn setup(functions: Range<usize>) -> impl Strategy<Value = Setup> {
    (
        prop_oneof![5 => Just("terminate"), 4 => Just("stop"), 1 => Just("notify")],
        prop::sample::select(vec![0_i64, 15, 15, 60]),
        0..8_usize,
        functions,
        prop::sample::select(vec![1_usize, 10, 10, 100]),
        prop::sample::select(vec![60_u64, 300, 900]),
    )
        .prop_map(
            |(untagged, grace_minutes, budget, functions, batch, timeout_seconds)| Setup {
                untagged,
                grace_minutes,
                budget,
                functions,
                batch,
                timeout_seconds,
            },
        )
}

fn policy() -> impl Strategy<Value = Vec<Rule>> {
    prop::sample::subsequence(OTHERS.to_vec(), 0..=OTHERS.len()).prop_map(|others| {
        let mut policy = SAMPLE.to_vec();
        for rule in others {
            if policy.iter().all(|other| other.id != rule.id) {
                policy.push(rule);
            }
        }
        policy
    })
}

fn machine() -> impl Strategy<Value = Machine> {
    let tags = prop_oneof![
        // Untagged.
        5 => Just(Vec::new()),
        // A part of the tags, some of them empty.
        4 => prop::sample::subsequence(COMPLETE.to_vec(), 0..COMPLETE.len())
            .prop_flat_map(|keys| {
                let values = vec(prop_oneof![4 => Just("by hand"), 1 => Just("")], keys.len());
                values.prop_map(move |values| {
                    let mut tags: Vec<_> = keys.iter().copied().zip(values).collect();
                    tags.push(("Name", "web"));
                    tags
                })
            }),
        1 => Just(COMPLETE.iter().map(|key| (*key, "by hand")).collect()),
    ];
    (
        prop_oneof![2 => 0..15_i64, 2 => 15..75_i64, 5 => 75..50_000_i64],
        tags,
        weighted(0.2, exempt()),
        weighted(
            0.2,
            prop::sample::select(vec![
                ManagedBy::AutoScaling,
                ManagedBy::Spot,
                ManagedBy::Service,
            ]),
        ),
        weighted(
            0.15,
            prop::sample::select(vec![Protection::Termination, Protection::Stop]),
        ),
        prop::bool::weighted(0.15),
        any::<bool>(),
    )
        .prop_map(
            |(age_minutes, tags, exempt, manager, protection, stopped, other_zone)| Machine {
                age_minutes,
                tags,
                exempt,
                manager,
                protection,
                stopped,
                other_zone,
            },
        )
}

fn exempt() -> impl Strategy<Value = Exempt> {
    prop::sample::select(vec![
        Exempt::ForLong,
        Exempt::ForLong,
        Exempt::Today,
        Exempt::Ended,
        Exempt::Unreadable,
    ])
}

/// Any deed.
fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => prop::sample::select(MEDDLING.to_vec()),
        2 => (0..4_usize).prop_map(Deed::ChangePolicy),
    ]
}

/// The deeds to an instance while a function is about to change it.
pub const MEDDLING: [Deed; 16] = [
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
];

fn trouble() -> impl Strategy<Value = Trouble> {
    let chance = |most: u32| prop_oneof![1 => Just(0), 2 => 0..=most];
    (
        prop::sample::select(vec![20_u64, 100, 400]),
        chance(10),
        chance(150),
        chance(80),
        chance(3),
        chance(400),
        chance(100),
    )
        .prop_map(
            |(latency_millis, slow, throttled, lost, silent, killed, meddling)| Trouble {
                latency_millis,
                slow,
                throttled,
                lost,
                silent,
                killed,
                meddling,
            },
        )
}

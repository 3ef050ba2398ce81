//! Generates storms.

use std::ops::Range;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{
    COMPLETE, Deed, Event, Exempt, MEDDLING, Machine, ManagedBy, Protection, Rule, Second, Setup,
    Size, Storm, Timed, Trouble, UndoOf,
};

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
const OTHERS: [Rule; 7] = [
    rule(4, "Owner", "Terminate", true, ""),
    rule(4, "Owner", "Stop", true, ""),
    // What one policy writes another may demand.
    rule(4, "Owner", "Update", true, "nobody"),
    rule(5, "CostCenter", "Stop", true, ""),
    rule(5, "CostCenter", "Terminate", false, ""),
    rule(6, "Seen", "Function", true, "now()"),
    rule(7, "Contact", "Notify", true, ""),
];

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
        weighted(0.2, second(size.functions.clone())),
        weighted(0.1, outage()),
        weighted(0.2, 0..2_usize),
    );
    parts.prop_flat_map(move |parts| {
        let (seed, setup, policies, fleet, trouble, bursts, second, outage, final_undo) = parts;
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
        // Taken from the seed, so that storms of before stay as they were.
        let setup = Setup {
            letters: seed.is_multiple_of(2),
            ..setup
        };
        (events, deeds).prop_map(move |(events, deeds)| Storm {
            seed,
            setup: setup.clone(),
            policies: policies.clone(),
            fleet: fleet.clone(),
            events,
            deeds,
            trouble: trouble.clone(),
            second: second.clone(),
            outage: outage.clone(),
            final_undo: final_undo.filter(|stack| *stack == 0 || second.is_some()),
        })
    })
}

fn second(functions: Range<usize>) -> impl Strategy<Value = Second> {
    let policies = prop_oneof![1 => Just(None), 3 => vec(other_policy(), 1..4).prop_map(Some)];
    (setup(functions), policies).prop_map(|(setup, policies)| Second { setup, policies })
}

/// The policy of another team, which writes other values.
fn other_policy() -> impl Strategy<Value = Vec<Rule>> {
    (policy(), any::<bool>()).prop_map(|(mut policy, is_other)| {
        for rule in policy.iter_mut().filter(|_| is_other) {
            match rule.default {
                "Proj007" => rule.default = "Other",
                "today()" => rule.default = "now()",
                _ => {}
            }
        }
        policy
    })
}

/// An outage of up to three days.
fn outage() -> impl Strategy<Value = Range<u64>> {
    const HOUR: u64 = 60 * 60 * 1_000;
    (0..2 * HOUR, 20 * HOUR..72 * HOUR).prop_map(|(from, lasts)| from..from + lasts)
}

fn undo() -> impl Strategy<Value = Event> {
    let keys = vec!["ProjectCode", "CreatedBy", "Expires", "Owner", "Seen"];
    let key = || prop::sample::select(keys.clone());
    let of = prop_oneof![
        3 => (0..1_000_usize).prop_map(UndoOf::Run),
        3 => key().prop_map(UndoOf::Key),
        1 => (0..1_000_usize).prop_map(UndoOf::Instance),
        1 => (0..1_000_usize, key()).prop_map(|(who, key)| UndoOf::Tag(who, key)),
        1 => Just(UndoOf::Everything),
    ];
    (0..2_usize, vec(of, 1..4)).prop_map(|(stack, of)| Event::Undo(stack, of))
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
        2 => undo(),
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
        prop::sample::select(vec![20_u64, 60, 300, 900]),
        prop_oneof![1 => Just("no"), 2 => Just("stop"), 6 => Just("stop-and-terminate")],
        prop_oneof![5 => Just(0_i64), 1 => Just(1), 1 => Just(3)],
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(
                untagged,
                grace_minutes,
                budget,
                functions,
                batch,
                timeout_seconds,
                rules_may_destroy,
                notice_hours,
                is_scoped,
            )| Setup {
                untagged,
                grace_minutes,
                budget,
                functions,
                batch,
                timeout_seconds,
                rules_may_destroy,
                notice_hours,
                is_scoped,
                ..Setup::default()
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
        (
            any::<bool>(),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.05),
            prop::bool::weighted(0.1),
        ),
    )
        .prop_map(
            |(age_minutes, tags, exempt, manager, protection, stopped, switches)| {
                let (other_zone, other_vpc, instance_store, is_denied) = switches;
                Machine {
                    age_minutes,
                    tags,
                    exempt,
                    manager,
                    protection,
                    stopped,
                    other_zone,
                    other_vpc,
                    instance_store,
                    is_denied,
                }
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
        1 => any::<bool>().prop_map(Deed::RefuseReports),
        1 => any::<bool>().prop_map(Deed::Unsubscribe),
        1 => (prop::sample::select(vec!["ProjectCode", "CreatedBy"]), any::<bool>())
            .prop_map(|(key, is_denied)| Deed::DenyKey(key, is_denied)),
    ]
}

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

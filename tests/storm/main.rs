//! Simulated storms: whatever happens to the functions, no instance is harmed and the ledger has every act.
//!
//! A storm is many remediation functions at once, on the sandbox and a simulated clock. Events are duplicated, delayed,
//! reordered and batched. Calls are slow, refused, or executed without an answer. Functions are killed between any two
//! calls. Meanwhile people tag, untag, exempt, protect, start and terminate instances and change the policy.
//!
//! - [`scenario`]: the parts of a storm, and how [proptest] generates one
//! - [`world`]: plays a storm: the queue, the functions, the people
//! - [`network`]: disturbs the calls between the functions and the account: delay, refusal, loss, kill
//! - [`model`]: observes every call at the account and judges it
//! - [`checks`]: what must hold after the storm, once a sweep finds nothing left to do
//!
//! A storm is determined by its seed and can be replayed:
//!
//! ```text
//! TAGWARDEN_STORM_SEED=… cargo test --test storm storms_do_no_harm -- --nocapture
//! TAGWARDEN_STORM_SEED=… TAGWARDEN_STORM_SIMPLIFICATIONS=0 cargo test --test storm storms_do_no_harm
//! TAGWARDEN_STORMS=10000 cargo test --test storm storms_do_no_harm -- --nocapture
//! ```
//!
//! - [`safeguards`]: a storm that does harm without each safeguard
//! - [`end_dates`]: people who extend and mistype end dates at every moment
//! - [`liveness`]: what can be done is done, whatever else fails
//! - [`undos`]: undos beside functions and beside each other
//!
//! # Not simulated
//!
//! All functions share one clock. The ledger's writes are visible to every reader at once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail by panicking, too"
)]

mod checks;
mod end_dates;
mod liveness;
mod model;
mod network;
mod safeguards;
mod scenario;
mod undos;
mod world;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::strategy::ValueTree;
use tagwarden_remediation::safeguard::Safeguards;

use model::Tally;
use network::{Kill, Stage};
use scenario::{Event, Machine, Rule, Setup, Size, Storm, Timed, Trouble, storm_of};

/// The number of storms unless `TAGWARDEN_STORMS` is set.
const STORMS: u64 = 5;
/// The seed of the first storm of a plain run.
const PLAIN: u64 = 1;

/// So many storms have a bit of everything in them.
const ENOUGH: u64 = 10;

/// The most attempts to simplify a storm that does harm, unless `TAGWARDEN_STORM_SIMPLIFICATIONS` is set.
const SIMPLIFICATIONS: u64 = 40;

/// Plays and checks a storm. Returns its tally, or the violations.
fn play(storm: &Storm, safeguards: &Safeguards) -> Result<Tally, Vec<String>> {
    checks::check(&world::play(storm, safeguards, None))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().expect("a whole number"))
}

/// The seed of the first storm: `TAGWARDEN_STORM_SEED`. A plain run plays the same storms each time; one that asks for a
/// number of them takes the seed from the clock.
fn first_seed() -> u64 {
    number("TAGWARDEN_STORM_SEED").unwrap_or_else(|| {
        if number("TAGWARDEN_STORMS").is_none() {
            return PLAIN;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) + now.as_secs() % 1_000 * 1_000_000_000
    })
}

/// Simplifies a storm that does harm, and fails with the result.
fn fail(seed: u64, mut tree: Box<dyn ValueTree<Value = Storm>>, mut harm: Vec<String>) -> ! {
    eprintln!("the storm of seed {seed} does harm:\n{}", harm.join("\n"));
    let mut storm = tree.current();
    let mut can_simplify = tree.simplify();
    let attempts = number("TAGWARDEN_STORM_SIMPLIFICATIONS").unwrap_or(SIMPLIFICATIONS);
    for _ in 0..attempts {
        if !can_simplify {
            break;
        }
        let simpler = tree.current();
        can_simplify = match play(&simpler, &Safeguards::default()) {
            Ok(_) => tree.complicate(),
            Err(still) => {
                (storm, harm) = (simpler, still);
                tree.simplify()
            }
        };
    }
    panic!(
        "TAGWARDEN_STORM_SEED={seed}: {}\nin {storm:#?}",
        harm.join("\n")
    );
}

#[test]
fn storms_do_no_harm() {
    let first = first_seed();
    let given = number("TAGWARDEN_STORM_SEED").map(|_| 1);
    let storms = number("TAGWARDEN_STORMS").or(given).unwrap_or(STORMS);
    eprintln!("{storms} storms, the first of seed {first}");
    let mut all = Tally::default();
    for seed in first..first + storms {
        let tree = storm_of(seed, Size::small());
        match play(&tree.current(), &Safeguards::default()) {
            Ok(tally) => all += tally,
            Err(harm) => fail(seed, tree, harm),
        }
        if all.storms % 100 == 0 {
            eprintln!("seed {seed}: {all:?}");
        }
    }
    eprintln!("seeds {first} to {}: {all:?}", first + storms - 1);
    // A storm in which nothing happens proves nothing.
    if storms >= ENOUGH {
        assert!(all.functions > 5 * all.storms, "{all:?}");
        assert!(all.tags > all.storms && all.deeds > all.storms, "{all:?}");
        assert!(all.stops + all.terminations > 0, "{all:?}");
    }
}

/// The seed of the big storm unless `TAGWARDEN_STORM_SEED` is set.
const BIG: u64 = 2_048;

/// Runs 50 functions at once with every kind of trouble.
#[test]
fn big_storm_does_no_harm() {
    let seed = number("TAGWARDEN_STORM_SEED").unwrap_or(BIG);
    let mut storm = storm_of(seed, Size::big()).current();
    storm.trouble = Trouble::MUCH;
    storm.setup = Setup {
        untagged: "terminate",
        budget: 6,
        batch: 30,
        functions: storm.setup.functions,
        ..Setup::default()
    };
    eprintln!("a big storm of seed {seed}");
    match play(&storm, &Safeguards::default()) {
        Err(harm) => panic!("TAGWARDEN_STORM_SEED={seed}: {}", harm.join("\n")),
        Ok(all) => {
            eprintln!("{all:?}");
            if seed != BIG {
                return;
            }
            assert!(all.events > 2_000 && all.functions > 100, "{all:?}");
            assert!(all.killed > 10 && all.conflicts > 0, "{all:?}");
            assert!(all.lost_answers > 50 && all.refused_calls > 100, "{all:?}");
            assert!(all.terminations > 6 && all.tags > 80, "{all:?}");
            assert!(all.undos > 10 && all.undone > 10, "{all:?}");
            assert!(all.spared > 0 && all.recovered_by_others > 0, "{all:?}");
        }
    }
}

fn machine(tags: &[(&'static str, &'static str)]) -> Machine {
    Machine {
        age_minutes: 600,
        tags: tags.to_vec(),
        ..Machine::default()
    }
}

/// A storm of one sweep, with a few instances for each remedy.
fn small_storm_of_everything() -> Storm {
    Storm {
        seed: 1,
        setup: Setup::default(),
        policies: vec![vec![
            rule(1, "ProjectCode", "Update", "Proj007"),
            rule(2, "CreatedBy", "UserLookup", ""),
            rule(3, "CostCenter", "Stop", ""),
        ]],
        fleet: vec![
            machine(&[]),
            machine(&[]),
            machine(&[("Name", "web"), ("CostCenter", "7")]),
            machine(&[("ProjectCode", ""), ("CostCenter", "7")]),
            machine(&[("ProjectCode", "P1"), ("CreatedBy", "ann")]),
            machine(&[("Name", "db"), ("CreatedBy", "ann")]),
        ],
        events: vec![Timed {
            at: 0,
            what: Event::Sweep,
        }],
        deeds: Vec::new(),
        trouble: Trouble::NONE,
        second: None,
        outage: None,
        final_undo: None,
    }
}

/// Kills the function before its first call, before its second, and so on. The next functions must do what it left,
/// find what it did, and report all of it.
///
/// Between two calls a function has no visible effect, so these are all the kill points that differ. With letters, owners
/// are told by the next functions, too.
#[rstest::rstest]
fn survives_a_kill_at_any_call(#[values(false, true)] letters: bool) {
    let mut storm = small_storm_of_everything();
    storm.setup.letters = letters;
    let world = world::play(&storm, &Safeguards::default(), None);
    let calls = world.calls_of(1);
    let expected = checks::check(&world).unwrap();
    assert!(calls > 10, "{calls}");
    assert_eq!(expected.letters > 2, letters, "{expected:?}");
    assert_eq!(
        (expected.tags, expected.stops, expected.terminations),
        (5, 2, 2)
    );
    let mut finished = 0;
    for call in 0..calls {
        let kill = Kill {
            call,
            stage: Stage::Before,
        };
        let world = world::play(&storm, &Safeguards::default(), Some((1, kill)));
        let tally = checks::check(&world).unwrap_or_else(|harm| panic!("{kill:?}: {harm:#?}"));
        assert_eq!(tally.killed, 1, "{kill:?}");
        assert_eq!(
            (tally.tags, tally.stops, tally.terminations),
            (expected.tags, expected.stops, expected.terminations),
            "{kill:?}"
        );
        finished += usize::from(tally.recovered_by_others > 0);
    }
    assert!(finished > 3, "{finished}");
}

const fn rule(id: i64, key: &'static str, action: &'static str, default: &'static str) -> Rule {
    Rule {
        id,
        key,
        action,
        required: true,
        default,
    }
}

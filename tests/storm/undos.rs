//! Undos beside functions and beside each other, in storms that are arranged so that harm is near.

use tagwarden_remediation::safeguard::Safeguards;

use crate::scenario::{Deed, Event, Rule, Setup, Storm, Timed, Trouble, UndoOf};
use crate::{Tally, machine, play, rule};

const SECOND: u64 = 1_000;

/// The keys that the sample's rules write.
const WRITTEN: [&str; 3] = ["ProjectCode", "CreatedBy", "Expires"];

const SAMPLE: [Rule; 3] = [
    rule(1, "ProjectCode", "Update", "Proj007"),
    rule(2, "CreatedBy", "UserLookup", ""),
    rule(3, "Expires", "Function", "now()"),
];

fn at<T>(at: u64, what: T) -> Timed<T> {
    Timed { at, what }
}

fn storm(seed: u64, size: usize, trouble: Trouble) -> Storm {
    Storm {
        seed,
        setup: Setup {
            functions: 4,
            ..Setup::default()
        },
        policies: vec![SAMPLE.to_vec()],
        fleet: vec![machine(&[("Owner", "ann")]); size],
        events: vec![at(0, Event::Sweep)],
        deeds: Vec::new(),
        trouble,
        second: None,
        outage: None,
        final_undo: None,
    }
}

fn play_all(seeds: std::ops::Range<u64>, storm: impl Fn(u64) -> Storm) -> Tally {
    let mut all = Tally::default();
    for seed in seeds {
        match play(&storm(seed), &Safeguards::default()) {
            Ok(tally) => all += tally,
            Err(harm) => panic!("seed {seed}: {harm:#?}"),
        }
    }
    eprintln!("{all:?}");
    all
}

/// Nothing but what tagwarden wrote is left, and three people take a part of it back at once. EC2 may show what was taken
/// away for a while.
#[rstest::rstest]
#[case::at_once(0, 0)]
#[case::one_after_the_other_while_ec2_is_late(60, 8)]
fn undos_of_different_tags_leave_an_instance_one(#[case] lag: i64, #[case] apart: u64) {
    let all = play_all(1..7, |seed| {
        let trouble = Trouble {
            latency_millis: 400,
            ..Trouble::NONE
        };
        let mut storm = storm(seed, 4, trouble);
        for who in 0..4 {
            storm
                .deeds
                .push(at(60 * SECOND, (who, Deed::Untag("Owner"))));
            storm.deeds.push(at(90 * SECOND, (who, Deed::Lag(lag))));
        }
        for (number, key) in (0..).zip(WRITTEN) {
            let undo = Event::Undo(0, vec![UndoOf::Key(key)]);
            storm
                .events
                .push(at(150 * SECOND + number * apart * SECOND, undo));
        }
        storm
    });
    // Two of the three tags of each instance can go.
    assert!(all.undone > 0 && all.undone <= 6 * 4 * 2, "{all:?}");
}

/// Functions sweep while people take back what the functions write.
#[test]
fn functions_write_again_what_undos_take_back() {
    let all = play_all(1..7, |seed| {
        let mut storm = storm(seed, 5, Trouble::MUCH);
        for minute in 0..12 {
            let of = match minute % 4 {
                0 => UndoOf::Everything,
                1 => UndoOf::Run(minute),
                2 => UndoOf::Instance(minute),
                _ => UndoOf::Key(WRITTEN[minute % 3]),
            };
            let when = u64::try_from(minute).unwrap() * 60 * SECOND;
            storm
                .events
                .push(at(when + 3 * SECOND, Event::Undo(0, vec![of])));
            storm.events.push(at(when + 5 * SECOND, Event::Sweep));
            storm.events.push(at(when + 40 * SECOND, Event::Sweep));
        }
        storm.final_undo = Some(0);
        storm
    });
    assert!(all.undone > 60 && all.tags > all.undone, "{all:?}");
}

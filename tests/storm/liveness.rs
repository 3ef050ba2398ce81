//! What can be tagged or shut down is, within a bounded number of sweeps, whatever else fails forever.

use chrono::TimeDelta;
use tagwarden_remediation::safeguard::Safeguards;

use crate::checks;
use crate::scenario::{Deed, Event, Machine, ManagedBy, Protection, Setup, Storm, Timed, Trouble};
use crate::{machine, rule, world};

/// The hopeless instances of each kind.
const HOPELESS: usize = 60;

fn storm(setup: Setup, fleet: Vec<Machine>) -> Storm {
    Storm {
        seed: 1,
        setup,
        policies: vec![vec![
            rule(1, "ProjectCode", "Update", "Proj007"),
            rule(2, "CreatedBy", "UserLookup", ""),
            rule(3, "CostCenter", "Stop", ""),
        ]],
        fleet,
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

/// Instances of which EC2 or a policy refuses every write, older than all others.
fn hopeless(tags: &[(&'static str, &'static str)]) -> Vec<Machine> {
    let old = Machine {
        age_minutes: 100_000,
        ..machine(tags)
    };
    let protected = Machine {
        protection: Some(Protection::Termination),
        ..old.clone()
    };
    let stop_protected = Machine {
        protection: Some(Protection::Stop),
        ..old.clone()
    };
    let denied = Machine {
        is_denied: true,
        ..old.clone()
    };
    let managed = Machine {
        manager: Some(ManagedBy::AutoScaling),
        ..old
    };
    [protected, stop_protected, denied, managed]
        .into_iter()
        .flat_map(|machine| vec![machine; HOPELESS])
        .collect()
}

#[test]
fn terminates_the_others_beside_instances_that_are_refused_forever() {
    let mut fleet = hopeless(&[]);
    fleet.extend(vec![machine(&[]); 5]);
    let setup = Setup {
        budget: 10,
        ..Setup::default()
    };
    let world = world::play(&storm(setup, fleet), &Safeguards::default(), None);
    let tally = checks::check(&world).unwrap_or_else(|harm| panic!("{harm:#?}"));
    assert_eq!(tally.terminations, 5, "{tally:?}");
    // One sweep for each 20 that are refused, and two for the suspicion and the countdown.
    let took = world.last_effect_at() - crate::world::World::begun_at();
    let most = TimeDelta::minutes(80) * (3 * i32::try_from(HOPELESS).unwrap() / 20 + 3);
    assert!(took <= most, "{took}");
}

#[test]
fn tags_and_stops_the_others_beside_instances_that_are_refused_forever() {
    let mut fleet = hopeless(&[("Name", "web")]);
    fleet.extend(vec![machine(&[("Name", "web")]); 5]);
    let setup = Setup {
        budget: 10,
        ..Setup::default()
    };
    let world = world::play(&storm(setup, fleet), &Safeguards::default(), None);
    let tally = checks::check(&world).unwrap_or_else(|harm| panic!("{harm:#?}"));
    // Those with termination protection alone may be stopped.
    assert_eq!(tally.stops, 5 + HOPELESS, "{tally:?}");
}

/// A denied key must not keep the other keys from being written.
#[test]
fn writes_the_other_tags_beside_a_denied_key() {
    let fleet = vec![machine(&[("Name", "web"), ("CostCenter", "7")]); 8];
    let mut storm = storm(Setup::default(), fleet);
    storm.deeds = vec![Timed {
        at: 0,
        what: (0, Deed::DenyKey("ProjectCode", true)),
    }];
    storm.events[0].at = 1_000;
    let world = world::play(&storm, &Safeguards::default(), None);
    let tally = checks::check(&world).unwrap_or_else(|harm| panic!("{harm:#?}"));
    assert_eq!(tally.tags, 8, "{tally:?}");
}

/// Stop first: what tagwarden stopped is terminated a week later, unless it was started or tagged meanwhile.
#[test]
fn terminates_what_it_stopped_a_week_ago() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let setup = Setup {
        untagged: "stop",
        terminate_after_days: 7,
        budget: 10,
        lull_minutes: 12 * 60,
        ..Setup::default()
    };
    let fleet = vec![machine(&[]), machine(&[]), machine(&[])];
    let mut storm = storm(setup, fleet);
    let sweep = |hours: u64| Timed {
        at: hours * DAY / 24,
        what: Event::Sweep,
    };
    storm.events = (0..6 * 12).map(|number| sweep(number * 2)).collect();
    let deed = |day, who, deed| Timed {
        at: day * DAY,
        what: (who, deed),
    };
    storm.deeds = vec![
        deed(3, 1, Deed::Start),
        deed(4, 2, Deed::TagFully),
        deed(5, 2, Deed::Start),
    ];
    let world = world::play(&storm, &Safeguards::default(), None);
    let tally = checks::check(&world).unwrap_or_else(|harm| panic!("{harm:#?}"));
    // The second was stopped again, and is terminated a week after that.
    assert_eq!((tally.stops, tally.terminations), (4, 2), "{tally:?}");
    assert!(world.last_effect_at() - crate::world::World::begun_at() >= TimeDelta::days(10));
}

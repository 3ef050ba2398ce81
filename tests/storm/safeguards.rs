//! Removes one safeguard after the other: a storm must do the harm that the safeguard prevents.

use rstest::rstest;
use tagwarden_remediation::safeguard::{Safeguard, Safeguards};

use crate::scenario::{Deed, Event, Setup, Size, Storm, Timed, Trouble, storm_of};
use crate::{machine, play, rule};

/// Without a safeguard some storm must do the harm that the safeguard prevents. Otherwise the storms would not test it.
#[rstest]
#[case(Safeguard::Grace, &["the earlier run saw it too recently", "no earlier run saw the same reason"])]
#[case(Safeguard::TwoLooks, &["no earlier run saw the same reason"])]
#[case(Safeguard::Manager, &["it has a manager"])]
#[case(Safeguard::Exemption, &["it is exempt"])]
#[case(Safeguard::Budget, &["instances were shut down"])]
#[case(Safeguard::LiveTruth, &["the policy does not ask for it", "it is exempt", "it has a manager"])]
#[case(Safeguard::Claim, &["had written it"])]
#[case(Safeguard::WriteAhead, &["it was not written down before"])]
fn storm_does_harm_without_each_safeguard(#[case] safeguard: Safeguard, #[case] harm: &[&str]) {
    assert_does_harm(safeguard, harm, |_| {});
}

/// Every tag is left out at every look, and `DescribeTags` is not asked.
#[test]
fn shuts_a_tagged_instance_down_without_the_confirmation_of_its_tags() {
    assert_does_harm(
        Safeguard::TagsConfirmed,
        &["its tags were left out"],
        |storm| {
            storm.setup.grace_minutes = 15;
            storm.setup.notice_hours = 0;
            storm.setup.untagged = "terminate";
            storm.setup.budget = 7;
            let omit = |who| Timed {
                at: 0,
                what: (who, Deed::Omit(true)),
            };
            storm.deeds = (0..storm.fleet.len()).map(omit).collect();
            storm.events.push(Timed {
                at: 1,
                what: Event::Sweep,
            });
        },
    );
}

/// Rules want shutdowns that the settings do not permit.
#[test]
fn rules_shut_down_without_permission() {
    let words = ["rules may not do this"];
    assert_does_harm(Safeguard::Permission, &words, |storm| {
        storm.setup.rules_may_destroy = "no";
        storm.setup.notice_hours = 0;
        storm.setup.budget = 7;
        for policy in &mut storm.policies {
            policy.retain(|rule| rule.key != "Owner");
            policy.push(rule(8, "Owner", "Stop", ""));
        }
    });
}

/// Letters never count as a notice, nor does a topic whose only subscription nobody has confirmed.
#[rstest]
#[case::without_letters(false)]
#[case::with_letters_and_an_unconfirmed_subscription(true)]
fn shuts_down_unannounced_without_notices(#[case] letters: bool) {
    let prepare = |storm: &mut Storm| {
        storm.setup.grace_minutes = 15;
        storm.setup.notice_hours = 3;
        storm.setup.budget = 7;
        if letters {
            storm.setup.letters = true;
            let is_other =
                |deed: &Timed<(usize, Deed)>| !matches!(deed.what.1, Deed::Unsubscribe(_));
            storm.deeds.retain(is_other);
            let what = (0, Deed::Unsubscribe(true));
            storm.deeds.push(Timed { at: 0, what });
        }
    };
    assert_does_harm(
        Safeguard::Notice,
        &["no notice was accepted in time"],
        prepare,
    );
    // With it, the same storm does no harm.
    if letters {
        let mut storm = storm_of(1, Size::small()).current();
        prepare(&mut storm);
        if let Err(harm) = play(&storm, &Safeguards::default()) {
            panic!("{harm:#?}");
        }
    }
}

/// Owners are told of everything, and of nothing twice; what their contacts do not take reaches the administrators.
#[rstest]
#[case::told_once(Safeguard::ToldOnce, "again, after run")]
#[case::contact_allowed(Safeguard::ContactAllowed, "sent a letter for bob to")]
#[case::fallback(
    Safeguard::LetterFallback,
    "told administrators nothing of what bob's contact did not take"
)]
fn letters_go_wrong_without(#[case] safeguard: Safeguard, #[case] words: &str) {
    assert_does_harm(safeguard, &[words], |storm| {
        storm.setup.letters = true;
        for policy in &mut storm.policies {
            policy.retain(|rule| rule.key != "Contact");
            policy.push(rule(7, "Contact", "Notify", ""));
        }
    });
}

/// The functions are down for longer than a look counts. What they saw before is no reason for a shutdown after.
#[rstest]
#[case::for_a_day(0, 1, 25, 80)]
#[case::for_eight_days_if_a_notice_takes_a_day(24, 6, 8 * 24 + 1, 12 * 60)]
fn shuts_down_after_an_outage_by_what_was_seen_before(
    #[case] notice_hours: i64,
    #[case] half_hours_before: u64,
    #[case] hours: u64,
    #[case] lull_minutes: u64,
) {
    const HOUR: u64 = 60 * 60 * 1_000;
    let prepare = |storm: &mut Storm| {
        storm.setup.notice_hours = notice_hours;
        storm.setup.grace_minutes = 60;
        storm.setup.budget = 7;
        storm.setup.lull_minutes = lull_minutes;
        storm.second = None;
        // The first looks come before it, and the notices with them.
        let at = half_hours_before * HOUR / 2;
        storm.events.push(Timed {
            at: 0,
            what: Event::Sweep,
        });
        storm.outage = Some(at..at + hours * HOUR);
    };
    let words = ["no look has confirmed it for too long"];
    assert_does_harm(Safeguard::Confirmation, &words, prepare);
    // With it, the same storms do no harm. Eight days of queue messages take minutes to play.
    let seeds = if notice_hours == 0 { 3 } else { 0 };
    for seed in 1..=seeds {
        let mut storm = storm_of(seed, Size::small()).current();
        prepare(&mut storm);
        if let Err(harm) = play(&storm, &Safeguards::default()) {
            panic!("seed {seed}: {harm:#?}");
        }
    }
}

/// One sweep finds that no instance has tags.
#[test]
fn shuts_nearly_every_instance_down_without_suspicion() {
    let words = ["nearly every instance has the same"];
    assert_does_harm(Safeguard::Suspicion, &words, |storm| {
        storm.setup = Setup {
            grace_minutes: 0,
            ..Setup::default()
        };
        storm.trouble = Trouble::NONE;
        storm.fleet = vec![machine(&[]); 30];
        storm.deeds.clear();
        storm.events = vec![Timed {
            at: 0,
            what: Event::Sweep,
        }];
    });
}

/// Without tag writes, only shutdowns need claims.
#[test]
fn shuts_an_instance_down_twice_without_claims() {
    assert_does_harm(Safeguard::Claim, &["repeated"], |storm| {
        for policy in &mut storm.policies {
            policy.retain(|rule| matches!(rule.action, "Stop" | "Terminate" | "Notify"));
            // The table must have a row.
            policy.push(rule(9, "Name", "Notify", ""));
        }
        // All functions must find the same instances.
        storm.setup.functions = 10;
        storm.setup.grace_minutes = 0;
        storm.setup.notice_hours = 0;
        storm.setup.budget = 7;
        storm.trouble = Trouble {
            latency_millis: 400,
            ..Trouble::NONE
        };
        let what = Event::Sweep;
        storm.events = vec![Timed { at: 0, what }; 10];
        storm.deeds.clear();
    });
}

/// Removes a safeguard and searches for a storm that does the expected harm: a violation that contains one of `words`.
fn assert_does_harm(safeguard: Safeguard, words: &[&str], prepare: impl Fn(&mut Storm)) {
    const MOST: u64 = 60;
    let safeguards = Safeguards::without(safeguard);
    let found = (1..=MOST).find_map(|seed| {
        let mut storm = storm_of(seed, Size::small()).current();
        storm.trouble = Trouble::MUCH;
        storm.setup.grace_minutes = 60;
        prepare(&mut storm);
        let harm = play(&storm, &safeguards).err()?;
        let is_it = |line: &String| words.iter().any(|words| line.contains(words));
        Some((seed, harm.into_iter().find(is_it)?))
    });
    let (seed, harm) =
        found.unwrap_or_else(|| panic!("{MOST} storms did no harm without {safeguard:?}"));
    eprintln!("without {safeguard:?}, the storm of seed {seed}: {harm}");
}

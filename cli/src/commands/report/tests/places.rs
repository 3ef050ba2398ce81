//! A page of several places is the sum of their pages.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tagwarden_core::Resource;

use super::fleet::{inputs, instance, now, sample};
use crate::commands::report::page::{PageHead, ReportPage};
use crate::commands::report::sum::ReportSum;
use crate::forecast::{Forecast, ForecastCounts};
use crate::places::Place;

/// Where an instance is, what it lacks, and its VPC.
type Kind = (u8, u8, u8);

fn resource(number: usize, (_, lacks, vpc): Kind) -> Resource {
    let whole = [
        ("ProjectCode", "P"),
        ("CreatedBy", "ann"),
        ("Expires", "2027-01-31"),
    ];
    let tags = match lacks {
        0 => &whole[..0],
        1 => &whole[..1],
        2 => &whole[1..],
        3 => &[("ProjectCode", ""), ("CreatedBy", "bob")],
        4 => &[("tagwarden:exempt-until", "2099-12-31 under repair")],
        _ => &whole[..],
    };
    Resource {
        vpc_id: (vpc > 0).then(|| format!("vpc-{vpc}")),
        ..instance(&format!("i-{number:04}"), tags)
    }
}

fn place(number: u8) -> Place {
    Place {
        account: format!("{:012}", number / 2),
        region: format!("region-{}", number % 2),
    }
}

fn head() -> PageHead {
    PageHead {
        title: "T".to_owned(),
        from: "here".to_owned(),
        policy: "policy.yaml".to_owned(),
        at: now(),
    }
}

fn numbers(page: &ReportPage) -> Vec<usize> {
    let headline = &page.headline;
    let tiles = headline.tiles.iter().map(|tile| tile.number);
    [headline.compliant, headline.judged, headline.left]
        .into_iter()
        .chain(tiles)
        .collect()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(18),
        cases: 100,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn totals_are_the_sums_of_the_places(
        fleet in prop::collection::vec((0_u8..6, 0_u8..7, 0_u8..4), 0..60),
    ) {
        let mut parts: BTreeMap<u8, Vec<Resource>> = BTreeMap::new();
        for (number, kind) in fleet.iter().enumerate() {
            parts.entry(kind.0).or_default().push(resource(number, *kind));
        }
        let mut sum = ReportSum::default();
        let mut counts = ForecastCounts::default();
        let mut expected = vec![0; 9];
        for (number, instances) in &parts {
            let inputs = inputs(sample(), instances.clone());
            let forecast = Forecast::new(&inputs, &inputs.policy);
            sum.add(&inputs, &forecast, Some(&place(*number)));
            counts += forecast.counts();
            let alone = numbers(&ReportPage::new("T", &inputs, &forecast, None));
            for (sum, number) in expected.iter_mut().zip(alone) {
                *sum += number;
            }
        }
        let page = sum.page(head(), None, Vec::new(), Some((parts.len(), Vec::new())));
        prop_assert_eq!(numbers(&page), expected);
        // What a budget or a place does not decide is as if all were in one place.
        let all = fleet.iter().enumerate().map(|(number, kind)| resource(number, *kind));
        let inputs = inputs(sample(), all.collect());
        let forecast = Forecast::new(&inputs, &inputs.policy);
        let whole = ReportPage::new("T", &inputs, &forecast, None);
        prop_assert_eq!(&page.by_vpc, &whole.by_vpc);
        prop_assert_eq!(&page.launches, &whole.launches);
        prop_assert_eq!(page.rows.len(), whole.rows.len());
        if !fleet.is_empty() {
            prop_assert_eq!(&page.by_rule, &whole.by_rule);
            prop_assert_eq!(&page.by_launcher, &whole.by_launcher);
        }
        let whole = forecast.counts();
        prop_assert_eq!(counts.instances, whole.instances);
        prop_assert_eq!(counts.compliant, whole.compliant);
        prop_assert_eq!(counts.non_compliant, whole.non_compliant);
        prop_assert_eq!(counts.not_applicable, whole.not_applicable);
        prop_assert_eq!(counts.would_tag, whole.would_tag);
        prop_assert_eq!(counts.would_terminate, whole.would_terminate);
        // The tables of accounts and of places say the same as the headline.
        let places = page.places.unwrap();
        let accounts = places.by_account.iter();
        let (good, bad): (Vec<_>, Vec<_>) = accounts.map(|it| (it.good, it.bad)).unzip();
        prop_assert_eq!(good.iter().sum::<usize>(), page.headline.compliant);
        prop_assert_eq!(good.iter().chain(&bad).sum::<usize>(), page.headline.judged);
        prop_assert_eq!(places.rows.iter().map(|it| it.instances).sum::<usize>(), fleet.len());
        prop_assert_eq!(places.rows.iter().map(|it| it.judged).sum::<usize>(), page.headline.judged);
    }
}

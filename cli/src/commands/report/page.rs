//! Everything on the page, as data.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tagwarden_remediation::report::Entry;

use super::acts::Acts;
use super::instance_view::{Effect, InstanceView, effect};
use super::launches::Launches;
use super::shares::Share;
use crate::forecast::VerdictName;
use crate::forecast::endings::Endings;
use crate::forecast::rows::{obstacle, what};
use crate::places::Place;

/// The page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportPage {
    pub title: String,
    /// Where the instances are from, such as `us-east-1` or `fleet.json`.
    pub from: String,
    /// Where the policy is from.
    pub policy: String,
    /// The time of the data, for people and for programs.
    pub at: String,
    pub at_exactly: String,
    pub headline: Headline,
    pub by_rule: Vec<Share>,
    pub by_vpc: Vec<Share>,
    /// `None` where the policy has no rule that asks for launchers.
    pub by_launcher: Option<Launchers>,
    /// `None` where no day of launch is known.
    pub launches: Option<Launches>,
    /// `None` where the policy has no end dates.
    pub endings: Option<Endings>,
    /// `None` where no ledger was read.
    pub acts: Option<Acts>,
    /// What the data does not show, each a whole sentence.
    pub gaps: Vec<String>,
    /// Every instance. Those with planned steps come first.
    pub rows: Vec<InstanceRow>,
    /// The accounts and Regions, on a page of several.
    pub places: Option<PlacesPart>,
}

/// The accounts and Regions of a page of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacesPart {
    /// How many were asked for, and how many were read.
    pub asked: usize,
    pub read: usize,
    /// How many instances are compliant in each account.
    pub by_account: Vec<Share>,
    /// Those that were read, in their order.
    pub rows: Vec<PlaceRow>,
    pub unread: Vec<UnreadRow>,
}

/// A place that was read, in numbers of instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceRow {
    pub account: String,
    pub region: String,
    pub instances: usize,
    pub compliant: usize,
    pub judged: usize,
    pub percent: Option<usize>,
    /// In the order of the [tiles](Headline::tiles), without the first.
    pub effects: Vec<usize>,
}

/// Places that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadRow {
    pub places: String,
    pub why: String,
    pub what_next: String,
}

/// What a page is about.
#[derive(Clone, Debug)]
pub struct PageHead {
    pub title: String,
    pub from: String,
    pub policy: String,
    pub at: DateTime<Utc>,
}

/// The figures at the top of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// The whole percent of compliant instances, rounded down; `None` if none was judged.
    pub percent: Option<usize>,
    pub compliant: usize,
    /// The number of instances that the policy applies to.
    pub judged: usize,
    /// The whole percent of compliant instances after the plan is carried out.
    pub percent_after: Option<usize>,
    /// The number of instances that the policy applies to after the plan is carried out.
    pub left: usize,
    /// The length of the bars, out of 1,000.
    pub length: usize,
    /// Counts of instances; one instance can be in several.
    pub tiles: Vec<Tile>,
}

/// One count of instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tile {
    /// The name by which rows refer to the tile; see [`InstanceRow::marks`].
    pub mark: &'static str,
    pub number: usize,
    pub name: &'static str,
    /// A few words on why the count matters.
    pub about: &'static str,
}

/// The launchers, by the tag that names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Launchers {
    pub tag_key: String,
    pub shares: Vec<Share>,
}

/// An instance in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceRow {
    pub id: String,
    pub name: Option<String>,
    pub vpc: Option<String>,
    /// The day of the launch, such as `2026-11-23`.
    pub launched: Option<String>,
    pub launcher: Option<String>,
    pub verdict: &'static str,
    /// The findings, or why the instance was not judged.
    pub finding: Option<String>,
    /// The planned steps, with what prevents them.
    pub steps: Vec<String>,
    /// The marks of the [tiles](Tile) that count the instance, separated by blanks.
    pub marks: String,
    /// Its account and Region, on a page of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The mark of the tile of non-compliant instances.
pub const NON_COMPLIANT: &str = "noncompliant";

impl Effect {
    /// The name by which rows refer to its tile.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Later => "later",
            Self::Person => "person",
        }
    }

    /// What is under the number of its tile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "would get tags",
            Self::Stop => "would be stopped",
            Self::Terminate => "would be terminated",
            Self::Later => "left for later",
            Self::Person => "need a person",
        }
    }

    /// A few words on why the number matters.
    pub fn about(self) -> &'static str {
        match self {
            Self::Tag => "missing values, filled in",
            Self::Stop => "until somebody starts them",
            Self::Terminate => "for good",
            Self::Later => "too young, or over a limit",
            Self::Person => "refused, failed or only reported",
        }
    }
}

impl InstanceRow {
    /// The row of an instance, which is in `place` if there are several.
    pub fn new(view: &InstanceView<'_>, place: Option<&Place>) -> Self {
        let (forecast, instance) = (view.forecast, view.forecast.instance);
        let mut marks: Vec<&str> = view.effects.iter().map(|effect| effect.mark()).collect();
        if view.is_compliant() == Some(false) {
            marks.push(NON_COMPLIANT);
        }
        Self {
            id: instance.id.clone(),
            name: forecast.name().map(ToOwned::to_owned),
            vpc: instance.vpc_id.clone(),
            launched: instance
                .launched_at
                .map(|at| at.format("%Y-%m-%d").to_string()),
            launcher: view.launcher.map(ToOwned::to_owned),
            verdict: match forecast.verdict() {
                VerdictName::Compliant => "compliant",
                VerdictName::NonCompliant => "non-compliant",
                VerdictName::NotApplicable => "not applicable",
            },
            finding: forecast.annotation(),
            steps: forecast.entries.iter().map(step).collect(),
            marks: marks.join(" "),
            place: place.cloned(),
        }
    }
}

/// What a step would do, and what prevents it.
fn step(entry: &Entry) -> String {
    let what = what(entry);
    match (effect(entry), obstacle(entry)) {
        (Effect::Tag | Effect::Stop | Effect::Terminate, None) => what,
        (Effect::Tag | Effect::Stop | Effect::Terminate, Some(why)) => format!("{what}: {why}"),
        (Effect::Later, None) => format!("{what}, later"),
        (Effect::Later, Some(why)) => format!("{what}, later: {why}"),
        (Effect::Person, None) => "reported only".to_owned(),
        (Effect::Person, Some(why)) => format!("not done: {what}: {why}"),
    }
}

//! What a page shows, added up place by place. Of a place, only its numbers and its rows are kept.

use std::ops::AddAssign;

use chrono::{DateTime, Utc};

use super::acts::Acts;
use super::instance_view::{Effect, InstanceView, launcher_rule, views};
use super::launches::{LaunchDays, Launches};
use super::page::{
    Headline, InstanceRow, Launchers, NON_COMPLIANT, PageHead, PlaceRow, PlacesPart, ReportPage,
    Tile, UnreadRow,
};
use super::shares::{self, Groups, RuleTallies, percent};
use crate::forecast::endings::Endings;
use crate::forecast::inputs::Inputs;
use crate::forecast::{Forecast, VerdictName};
use crate::places::Place;

/// The last gap of a page.
const NO_LEDGER: &str = "No ledger was read, so the page does not show what tagwarden did. Name the ledger with \
                         --ledger-table.";
const LEDGER: &str = "The ledger holds what tagwarden did, not how compliant the fleet was. The weeks above show the \
                      instances of today by the time of their launch. Terminated instances are not among them.";
const NO_LAUNCHERS: &str = "The policy has no rule with the action UserLookup, so the launchers of the instances were not \
                            looked up.";

/// The numbers of a headline, of one place or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadlineTally {
    pub compliant: usize,
    pub judged: usize,
    compliant_after: usize,
    left: usize,
    /// How many instances have each of [`EFFECTS`].
    pub effects: [usize; 5],
}

/// The effects that have a tile.
const EFFECTS: [Effect; 5] = [
    Effect::Tag,
    Effect::Stop,
    Effect::Terminate,
    Effect::Later,
    Effect::Person,
];

impl HeadlineTally {
    /// The numbers of these instances.
    pub fn of(views: &[InstanceView<'_>]) -> Self {
        let judged: Vec<bool> = views
            .iter()
            .filter_map(InstanceView::is_compliant)
            .collect();
        let after = views.iter().filter_map(|view| view.is_compliant_after);
        let after: Vec<bool> = after.collect();
        let with = |effect: Effect| {
            let views = views.iter();
            views.filter(|it| it.effects.contains(&effect)).count()
        };
        Self {
            compliant: judged.iter().filter(|it| **it).count(),
            judged: judged.len(),
            compliant_after: after.iter().filter(|it| **it).count(),
            left: after.len(),
            effects: EFFECTS.map(with),
        }
    }
}

impl AddAssign for HeadlineTally {
    fn add_assign(&mut self, other: Self) {
        self.compliant += other.compliant;
        self.judged += other.judged;
        self.compliant_after += other.compliant_after;
        self.left += other.left;
        for (sum, number) in self.effects.iter_mut().zip(other.effects) {
            *sum += number;
        }
    }
}

/// Everything on a page, of one place or of several.
#[derive(Debug, Default)]
pub struct ReportSum {
    headline: HeadlineTally,
    rules: RuleTallies,
    vpcs: Groups,
    accounts: Groups,
    launchers: Option<(String, Groups)>,
    launched: LaunchDays,
    endings: Option<Endings>,
    rows: Vec<(RowOrder, InstanceRow)>,
    places: Vec<PlaceRow>,
    /// When the first place was read.
    pub at: Option<DateTime<Utc>>,
}

/// What decides where an instance stands: whether nothing happens to it, what happens to it, its verdict.
type RowOrder = (bool, Option<Effect>, VerdictName);

impl ReportSum {
    /// Adds the instances of a place; `None` if it is the only one.
    pub fn add(&mut self, inputs: &Inputs, forecast: &Forecast<'_>, place: Option<&Place>) {
        self.at.get_or_insert(inputs.at);
        let policy = &inputs.policy.policy;
        let views = views(forecast, policy);
        let headline = HeadlineTally::of(&views);
        self.headline += headline;
        self.rules += shares::by_rule(&views, policy);
        self.vpcs += shares::by_vpc(&views);
        self.launched += LaunchDays::of(&views);
        if let Some(rule) = launcher_rule(policy) {
            let (_, groups) = self
                .launchers
                .get_or_insert_with(|| (rule.tag_key.clone(), Groups::default()));
            *groups += shares::by_launcher(&views);
        }
        let endings = Endings::new(views.iter().map(|it| it.forecast), policy, inputs.at);
        self.endings = match (self.endings.take(), endings) {
            (Some(all), Some(more)) => Some(all.with(more)),
            (all, more) => all.or(more),
        };
        if let Some(place) = place {
            self.accounts += Groups::by(&views, |_| Some(&place.account));
            self.places.push(PlaceRow {
                account: place.account.clone(),
                region: place.region.clone(),
                instances: views.len(),
                compliant: headline.compliant,
                judged: headline.judged,
                percent: percent(headline.compliant, headline.judged),
                effects: headline.effects.to_vec(),
            });
        }
        self.rows.extend(views.iter().map(|view| {
            let first = view.effects.first().copied();
            let order = (first.is_none(), first, view.forecast.verdict());
            (order, InstanceRow::new(view, place))
        }));
    }

    /// The page of everything that was added. `notes` say what is not known; of several places there are also those that
    /// were asked for and those that could not be read.
    pub fn page(
        self,
        head: PageHead,
        acts: Option<Acts>,
        notes: Vec<String>,
        places: Option<(usize, Vec<UnreadRow>)>,
    ) -> ReportPage {
        let mut gaps = notes;
        if self.launchers.is_none() {
            gaps.push(NO_LAUNCHERS.to_owned());
        }
        gaps.push(if acts.is_some() { LEDGER } else { NO_LEDGER }.to_owned());
        let mut rows = self.rows;
        // The rows are in the order of their places and ids, which a stable sort keeps among equals.
        rows.sort_by_key(|(order, _)| *order);
        let places = places.map(|(asked, unread)| PlacesPart {
            asked,
            read: self.places.len(),
            by_account: self.accounts.shares(""),
            rows: self.places,
            unread,
        });
        ReportPage {
            title: head.title,
            from: head.from,
            policy: head.policy,
            at: head.at.format("%-d %B %Y, %H:%M UTC").to_string(),
            at_exactly: head.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            headline: Headline::new(&self.headline),
            by_rule: self.rules.shares(),
            by_vpc: self.vpcs.shares("in no VPC"),
            by_launcher: self.launchers.map(|(tag_key, groups)| Launchers {
                tag_key,
                shares: groups.shares("not known"),
            }),
            launches: Launches::new(&self.launched, head.at),
            endings: self.endings,
            acts,
            gaps,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            places,
        }
    }
}

impl ReportPage {
    /// Builds the page from the instances, the plan and the acts; `acts` is `None` if no ledger was read.
    pub fn new(title: &str, inputs: &Inputs, forecast: &Forecast<'_>, acts: Option<Acts>) -> Self {
        let mut sum = ReportSum::default();
        sum.add(inputs, forecast, None);
        let head = PageHead {
            title: title.to_owned(),
            from: from(inputs),
            policy: inputs.policy.name.clone(),
            at: inputs.at,
        };
        sum.page(head, acts, inputs.notes.clone(), None)
    }
}

/// Where the instances are from. The page goes to others, who do not know the profiles of whoever wrote it.
fn from(inputs: &Inputs) -> String {
    let account = inputs.access.as_ref().filter(|_| !inputs.is_recorded);
    match account.and_then(|access| access.account.as_ref().ok()) {
        Some(account) => format!("{}, account {account}", inputs.from),
        None => inputs.from.clone(),
    }
}

impl Headline {
    /// The headline of these numbers.
    pub fn new(tally: &HeadlineTally) -> Self {
        let non_compliant = Tile {
            mark: NON_COMPLIANT,
            number: tally.judged - tally.compliant,
            name: "non-compliant",
            about: "a required tag is missing or empty, or a value is not allowed",
        };
        let tiles = EFFECTS.iter().zip(tally.effects);
        let tiles = tiles.map(|(effect, number)| Tile {
            mark: effect.mark(),
            number,
            name: effect.name(),
            about: effect.about(),
        });
        Self {
            percent: percent(tally.compliant, tally.judged),
            compliant: tally.compliant,
            judged: tally.judged,
            percent_after: percent(tally.compliant_after, tally.left),
            left: tally.left,
            length: (tally.compliant * 1000)
                .checked_div(tally.judged)
                .unwrap_or(0),
            tiles: std::iter::once(non_compliant).chain(tiles).collect(),
        }
    }
}

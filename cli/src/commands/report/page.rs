//! Everything on the page, as data.

use serde::Serialize;
use tagwarden_remediation::report::Entry;

use super::acts::Acts;
use super::instance_view::{Effect, InstanceView, effect, launcher_rule, views};
use super::launches::Launches;
use super::shares::{self, Share, percent};
use crate::forecast::endings::Endings;
use crate::forecast::inputs::Inputs;
use crate::forecast::rows::{obstacle, what};
use crate::forecast::{Forecast, VerdictName};

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
}

/// The mark of the tile of non-compliant instances.
const NON_COMPLIANT: &str = "noncompliant";

impl ReportPage {
    /// Builds the page from the instances, the plan and the acts; `acts` is `None` if no ledger was read.
    pub fn new(title: &str, inputs: &Inputs, forecast: &Forecast<'_>, acts: Option<Acts>) -> Self {
        let policy = &inputs.policy.policy;
        let views = views(forecast, policy);
        let launchers = launcher_rule(policy).map(|rule| Launchers {
            tag_key: rule.tag_key.clone(),
            shares: shares::by_launcher(&views),
        });
        let by_week = Launches::new(&views, inputs.at);
        let mut gaps = inputs.notes.clone();
        if launchers.is_none() {
            gaps.push(
                "The policy has no rule with the action UserLookup, so the launchers of the instances were not looked up."
                    .to_owned(),
            );
        }
        gaps.push(match acts {
            None => "No ledger was read, so the page does not show what tagwarden did. Name the ledger with --ledger-table.".to_owned(),
            Some(_) => "The ledger holds what tagwarden did, not how compliant the fleet was. The weeks above show the \
                        instances of today by the time of their launch. Terminated instances are not among them."
                .to_owned(),
        });
        let mut rows: Vec<(_, InstanceRow)> = views
            .iter()
            .map(|view| {
                let first = view.effects.first().copied();
                let order = (first.is_none(), first, view.forecast.verdict());
                (order, InstanceRow::new(view))
            })
            .collect();
        // The rows are in the order of their ids, which a stable sort keeps among equals.
        rows.sort_by_key(|(order, _)| *order);
        Self {
            title: title.to_owned(),
            from: from(inputs),
            policy: inputs.policy.name.clone(),
            at: inputs.at.format("%-d %B %Y, %H:%M UTC").to_string(),
            at_exactly: inputs.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            headline: Headline::new(&views),
            by_rule: shares::by_rule(&views, policy),
            by_vpc: shares::by_vpc(&views),
            by_launcher: launchers,
            launches: by_week,
            endings: Endings::new(views.iter().map(|it| it.forecast), policy, inputs.at),
            acts,
            gaps,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        }
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
    fn new(views: &[InstanceView<'_>]) -> Self {
        let judged = views.iter().filter_map(InstanceView::is_compliant);
        let (compliant, others): (Vec<bool>, Vec<bool>) = judged.partition(|it| *it);
        let judged = compliant.len() + others.len();
        let after: Vec<bool> = views
            .iter()
            .filter_map(|view| view.is_compliant_after)
            .collect();
        let compliant_after = after.iter().filter(|it| **it).count();
        let with = |effect: Effect| {
            let views = views.iter();
            views.filter(|it| it.effects.contains(&effect)).count()
        };
        let tile = |effect: Effect| Tile {
            mark: effect.mark(),
            number: with(effect),
            name: effect.name(),
            about: effect.about(),
        };
        let non_compliant = Tile {
            mark: NON_COMPLIANT,
            number: others.len(),
            name: "non-compliant",
            about: "a required tag is missing or empty, or a value is not allowed",
        };
        let effects = [
            Effect::Tag,
            Effect::Stop,
            Effect::Terminate,
            Effect::Later,
            Effect::Person,
        ];
        Self {
            percent: percent(compliant.len(), judged),
            compliant: compliant.len(),
            judged,
            percent_after: percent(compliant_after, after.len()),
            left: after.len(),
            length: (compliant.len() * 1000).checked_div(judged).unwrap_or(0),
            tiles: std::iter::once(non_compliant)
                .chain(effects.map(tile))
                .collect(),
        }
    }
}

impl Effect {
    fn mark(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Stop => "stop",
            Self::Terminate => "terminate",
            Self::Later => "later",
            Self::Person => "person",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tag => "would get tags",
            Self::Stop => "would be stopped",
            Self::Terminate => "would be terminated",
            Self::Later => "left for later",
            Self::Person => "need a person",
        }
    }

    fn about(self) -> &'static str {
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
    fn new(view: &InstanceView<'_>) -> Self {
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

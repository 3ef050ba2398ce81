//! How many instances are compliant, by rule, VPC and launcher.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;
use tagwarden_core::{Defect, Kind, Policy, RuleRemedy, Shutdown, TagRule};

use super::instance_view::{InstanceView, TagState};

use crate::words::thousands;

/// The most groups that are shown one by one. The rest are shown together.
const MOST: usize = 10;

/// The length of a bar, in its own units.
const LENGTH: usize = 1000;

/// The least length of a part of a bar, so that it can be seen.
const SHORTEST: usize = 12;

/// One group, and the compliant share of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    pub name: String,
    /// More about the group, as words.
    pub about: Option<String>,
    pub good: usize,
    pub bad: usize,
    /// What is wrong with those that are not in order, as words.
    pub lacks: Option<String>,
    /// How long the part of the bar is that stands for the good ones, out of 1,000.
    pub good_length: usize,
    /// The whole percent of good ones, rounded down: 100 means all of them. `None` of nothing.
    pub percent: Option<usize>,
}

impl Share {
    fn new(name: String, good: usize, bad: usize) -> Self {
        Self {
            name,
            about: None,
            good,
            bad,
            lacks: None,
            good_length: length(good, bad),
            percent: percent(good, good + bad),
        }
    }
}

/// The whole percent that `part` is of `all`, rounded down; `None` of nothing.
pub fn percent(part: usize, all: usize) -> Option<usize> {
    part.saturating_mul(100).checked_div(all)
}

fn length(good: usize, bad: usize) -> usize {
    match (good, bad) {
        (0, _) => 0,
        (_, 0) => LENGTH,
        _ => {
            let length = good.saturating_mul(LENGTH) / (good + bad);
            length.clamp(SHORTEST, LENGTH - SHORTEST)
        }
    }
}

/// The tags of rules: how many of the instances that were judged have each in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTallies(Vec<RuleTally>);

/// One rule, and how many instances have its tag in order, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RuleTally {
    tag_key: String,
    about: String,
    good: usize,
    missing: usize,
    empty: usize,
    expired: usize,
    not_allowed: usize,
}

/// For each rule, how many of the instances that were judged have its tag in order.
pub fn by_rule(views: &[InstanceView<'_>], policy: &Policy) -> RuleTallies {
    let tally = |rule: &TagRule| {
        let mut tally = RuleTally {
            tag_key: rule.tag_key.clone(),
            about: about(rule),
            good: 0,
            missing: 0,
            empty: 0,
            expired: 0,
            not_allowed: 0,
        };
        let applies = |it: &&InstanceView<'_>| {
            let mut rules = policy.rules_for(it.forecast.instance);
            it.is_compliant().is_some() && rules.any(|it| it.id == rule.id)
        };
        let judged = views.iter().filter(applies);
        for view in judged {
            *match view.tag_state(rule) {
                TagState::InOrder => &mut tally.good,
                TagState::Missing => &mut tally.missing,
                TagState::Empty => &mut tally.empty,
                TagState::Expired => &mut tally.expired,
                TagState::NotAllowed => &mut tally.not_allowed,
            } += 1;
        }
        tally
    };
    RuleTallies(policy.rules().iter().map(tally).collect())
}

impl RuleTallies {
    /// The rules with their numbers.
    pub fn shares(&self) -> Vec<Share> {
        self.0.iter().map(RuleTally::share).collect()
    }
}

/// Rules that say the same are one, whatever policies they are of.
impl AddAssign for RuleTallies {
    fn add_assign(&mut self, other: Self) {
        for tally in other.0 {
            let is_alike =
                |it: &&mut RuleTally| (&it.tag_key, &it.about) == (&tally.tag_key, &tally.about);
            match self.0.iter_mut().find(is_alike) {
                None => self.0.push(tally),
                Some(sum) => {
                    sum.good += tally.good;
                    sum.missing += tally.missing;
                    sum.empty += tally.empty;
                    sum.expired += tally.expired;
                    sum.not_allowed += tally.not_allowed;
                }
            }
        }
    }
}

impl RuleTally {
    fn share(&self) -> Share {
        let lacks = [
            (self.missing, "missing"),
            (self.empty, "empty"),
            (self.expired, "expired"),
            (self.not_allowed, "not allowed"),
        ];
        let bad = lacks.iter().map(|(number, _)| number).sum();
        let lacks = lacks.iter().filter(|(number, _)| *number > 0);
        let lacks: Vec<String> = lacks
            .map(|(number, how)| format!("{} {how}", thousands(*number)))
            .collect();
        Share {
            about: Some(self.about.clone()),
            lacks: Some(lacks.join(", ")).filter(|lacks| !lacks.is_empty()),
            ..Share::new(self.tag_key.clone(), self.good, bad)
        }
    }
}

/// `rule 1, required: filled with "Proj007"`.
fn about(rule: &TagRule) -> String {
    let required = if rule.required {
        "required"
    } else {
        "optional"
    };
    // Every rule does something about an empty tag.
    let action = match rule.remedy(Kind::Instance, Defect::Empty { value: "" }) {
        Some(RuleRemedy::Write(Some(value))) => format!("filled with {value:?}"),
        Some(RuleRemedy::Write(None)) => "filled from its sources".to_owned(),
        Some(RuleRemedy::WriteLauncher) => "filled with its launcher".to_owned(),
        Some(RuleRemedy::WriteFunction(function)) => format!("filled with {function}"),
        Some(RuleRemedy::ShutDown(Shutdown::Stop)) => "stops the instance".to_owned(),
        Some(RuleRemedy::ShutDown(Shutdown::Terminate)) => "terminates the instance".to_owned(),
        Some(RuleRemedy::Report) | None => "reported only".to_owned(),
    };
    format!("rule {}, {required}: {action}", rule.id)
}

/// Groups of instances, each with the number of compliant ones and of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(BTreeMap<Option<String>, (usize, usize)>);

/// How many are compliant in each VPC.
pub fn by_vpc(views: &[InstanceView<'_>]) -> Groups {
    Groups::by(views, |view| view.forecast.instance.vpc_id.as_deref())
}

/// How many are compliant for each launcher.
pub fn by_launcher(views: &[InstanceView<'_>]) -> Groups {
    Groups::by(views, |view| view.launcher)
}

impl Groups {
    /// The instances that were judged, by `name`.
    pub fn by<'m>(
        views: &'m [InstanceView<'_>],
        name: impl Fn(&'m InstanceView<'_>) -> Option<&'m str>,
    ) -> Self {
        let mut groups: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
        for view in views {
            let Some(is_compliant) = view.is_compliant() else {
                continue;
            };
            let (good, bad) = groups.entry(name(view)).or_default();
            *if is_compliant { good } else { bad } += 1;
        }
        let groups = groups.into_iter();
        Self(
            groups
                .map(|(name, numbers)| (name.map(ToOwned::to_owned), numbers))
                .collect(),
        )
    }

    /// The groups, the one with the most non-compliant instances first; those without a name come last.
    pub fn shares(&self, nameless: &str) -> Vec<Share> {
        let named = self.0.iter();
        let named = named.filter_map(|(name, numbers)| Some((name.as_ref()?, *numbers)));
        let mut named: Vec<(&String, (usize, usize))> = named.collect();
        named.sort_by_key(|(name, (good, bad))| (Reverse(*bad), Reverse(*good), *name));
        // A single group left over is shown itself, because "1 other" would take as much room.
        let told = if named.len() > MOST + 1 {
            MOST
        } else {
            named.len()
        };
        let others = named.split_off(told);
        let mut shares: Vec<Share> = named
            .into_iter()
            .map(|(name, (good, bad))| Share::new(name.clone(), good, bad))
            .collect();
        if !others.is_empty() {
            let sum = |number: fn(&(usize, usize)) -> usize| {
                others.iter().map(|(_, it)| number(it)).sum()
            };
            let name = format!("{} others", thousands(others.len()));
            shares.push(Share {
                about: Some("together".to_owned()),
                ..Share::new(name, sum(|it| it.0), sum(|it| it.1))
            });
        }
        let unnamed = self.0.get(&None);
        shares.extend(unnamed.map(|(good, bad)| Share::new(nameless.to_owned(), *good, *bad)));
        shares
    }
}

impl AddAssign for Groups {
    fn add_assign(&mut self, other: Self) {
        for (name, (good, bad)) in other.0 {
            let (sum_good, sum_bad) = self.0.entry(name).or_default();
            *sum_good += good;
            *sum_bad += bad;
        }
    }
}

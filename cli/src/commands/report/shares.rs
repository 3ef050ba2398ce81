//! How many instances are compliant, by rule, VPC and launcher.

use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// For each rule, how many of the instances that were judged have its tag in order.
pub fn by_rule(views: &[InstanceView<'_>], policy: &Policy) -> Vec<Share> {
    let share = |rule: &TagRule| {
        let (mut good, mut missing, mut empty, mut expired, mut not_allowed) = (0, 0, 0, 0, 0);
        let applies = |it: &&InstanceView<'_>| {
            let mut rules = policy.rules_for(it.forecast.instance);
            it.is_compliant().is_some() && rules.any(|it| it.id == rule.id)
        };
        let judged = views.iter().filter(applies);
        for view in judged {
            *match view.tag_state(rule) {
                TagState::InOrder => &mut good,
                TagState::Missing => &mut missing,
                TagState::Empty => &mut empty,
                TagState::Expired => &mut expired,
                TagState::NotAllowed => &mut not_allowed,
            } += 1;
        }
        let lacks = [
            (missing, "missing"),
            (empty, "empty"),
            (expired, "expired"),
            (not_allowed, "not allowed"),
        ];
        let lacks = lacks.iter().filter(|(number, _)| *number > 0);
        let lacks: Vec<String> = lacks
            .map(|(number, how)| format!("{} {how}", thousands(*number)))
            .collect();
        Share {
            about: Some(about(rule)),
            lacks: Some(lacks.join(", ")).filter(|lacks| !lacks.is_empty()),
            ..Share::new(
                rule.tag_key.clone(),
                good,
                missing + empty + expired + not_allowed,
            )
        }
    };
    policy.rules().iter().map(share).collect()
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

/// How many are compliant in each VPC.
pub fn by_vpc(views: &[InstanceView<'_>]) -> Vec<Share> {
    by(views, "in no VPC", |view| {
        view.forecast.instance.vpc_id.as_deref()
    })
}

/// How many are compliant for each launcher.
pub fn by_launcher(views: &[InstanceView<'_>]) -> Vec<Share> {
    by(views, "not known", |view| view.launcher)
}

/// The groups, the one with the most non-compliant instances first; those without a name come last.
fn by<'m>(
    views: &'m [InstanceView<'_>],
    nameless: &str,
    name: impl Fn(&'m InstanceView<'_>) -> Option<&'m str>,
) -> Vec<Share> {
    let mut groups: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
    for view in views {
        let Some(is_compliant) = view.is_compliant() else {
            continue;
        };
        let (good, bad) = groups.entry(name(view)).or_default();
        *if is_compliant { good } else { bad } += 1;
    }
    let unnamed = groups.remove(&None);
    let mut named: Vec<_> = groups.into_iter().collect();
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
        .map(|(name, (good, bad))| Share::new(name.unwrap_or_default().to_owned(), good, bad))
        .collect();
    if !others.is_empty() {
        let sum =
            |number: fn(&(usize, usize)) -> usize| others.iter().map(|(_, it)| number(it)).sum();
        let name = format!("{} others", thousands(others.len()));
        shares.push(Share {
            about: Some("together".to_owned()),
            ..Share::new(name, sum(|it| it.0), sum(|it| it.1))
        });
    }
    shares.extend(unnamed.map(|(good, bad)| Share::new(nameless.to_owned(), good, bad)));
    shares
}

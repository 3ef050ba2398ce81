//! Several rules for one key: the lowest `RuleId` whose `When` holds applies, whole.

use std::collections::BTreeMap;
use std::fmt;

use super::condition::{Condition, ConditionDoubt, Decision, RuleConditions};
use super::options::RuleOptions;
use super::problem::ProblemKind;
use super::reader::Reader;
use super::rule::TagRule;
use super::table::Policy;
use crate::resource::{Kind, Kinds, Resource};

/// Which rule for a key applies to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleChoice<'a> {
    /// This one.
    Rule(&'a TagRule),
    /// None of them.
    Nothing,
    /// That is not known.
    Unknown(UndecidedRule<'a>),
}

/// A rule of which it is not known whether it applies to a resource. Nothing is known of its tag then, because no later
/// rule for the key counts either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndecidedRule<'a> {
    /// The rule.
    pub rule: &'a TagRule,
    /// The first of its conditions that is undecided.
    pub condition: &'a Condition,
    /// Why it is undecided.
    pub doubt: ConditionDoubt<'a>,
}

/// What one rule of the policy is to a resource, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleStanding<'a> {
    /// It applies.
    Applies,
    /// It does not, because it is for resources of other kinds: these.
    OtherKind(Kinds),
    /// It does not, because this condition fails.
    Fails(&'a Condition),
    /// That is not known, because this condition is undecided.
    Undecided(&'a Condition, ConditionDoubt<'a>),
    /// It does not, because this earlier rule for the same key applies, or might.
    Behind(&'a TagRule),
}

/// Whether any rule is for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// One is.
    Yes,
    /// None is.
    No,
    /// That is not known.
    Unknown,
}

impl Policy {
    /// For each key which of its rules applies to `instance`, in the order of the keys' first rules.
    pub fn choices<'a>(
        &'a self,
        instance: &'a Resource,
    ) -> impl Iterator<Item = RuleChoice<'a>> + 'a {
        let keys = self.rules_of_keys.keys.iter();
        keys.map(move |positions| choose(self.rules_at(positions), instance))
    }

    /// The rules that apply to `instance`, one for a key.
    pub fn rules_for<'a>(
        &'a self,
        instance: &'a Resource,
    ) -> impl Iterator<Item = &'a TagRule> + 'a {
        self.choices(instance).filter_map(|choice| match choice {
            RuleChoice::Rule(rule) => Some(rule),
            RuleChoice::Nothing | RuleChoice::Unknown(_) => None,
        })
    }

    /// What `rule`, one of this policy's, is to `instance`, and which condition decided it. Its [`Display`](fmt::Display)
    /// says it.
    #[must_use]
    pub fn standing<'a>(&'a self, rule: &'a TagRule, instance: &'a Resource) -> RuleStanding<'a> {
        if !rule.options.kinds.contains(instance.kind) {
            return RuleStanding::OtherKind(rule.options.kinds);
        }
        let own = |first: &TagRule| first.id == rule.id;
        let is_of_kind = |it: &&TagRule| it.options.kinds.contains(instance.kind);
        let of_key = self.rules.iter().filter(|it| it.tag_key == rule.tag_key);
        let of_key = of_key.filter(is_of_kind);
        for earlier in of_key.take_while(|it| !own(it)) {
            if !matches!(decide(earlier, instance), Decision::Fails(_)) {
                return RuleStanding::Behind(earlier);
            }
        }
        match decide(rule, instance) {
            Decision::Holds => RuleStanding::Applies,
            Decision::Fails(condition) => RuleStanding::Fails(condition),
            Decision::Undecided(condition, doubt) => RuleStanding::Undecided(condition, doubt),
        }
    }

    /// Whether it depends on the resource which rule for `key` applies to it.
    #[must_use]
    pub fn has_conditions(&self, key: &str) -> bool {
        let mut of_key = self.rules.iter().filter(|rule| rule.tag_key == key);
        of_key.any(|rule| rule.options.when.is_some())
    }

    /// Whether the rule for `key` may depend on a tag that is not there, because a rule for it has a condition on a tag.
    #[must_use]
    pub fn has_conditions_on_tags(&self, key: &str) -> bool {
        let of_key = self.rules.iter().filter(|rule| rule.tag_key == key);
        let mut conditions = of_key.filter_map(|rule| rule.options.when.as_ref());
        conditions.any(|when| when.tag_keys().next().is_some())
    }

    /// Whether a key has several rules, so that the findings by key are not in the order of the rules.
    pub(crate) fn has_several_rules_for_a_key(&self) -> bool {
        self.rules_of_keys.has_several
    }

    /// Whether a rule is for `instance`, which has no tags: conditions on tags do not count.
    pub(crate) fn covers_untagged(&self, instance: &Resource) -> Coverage {
        let mut coverage = Coverage::No;
        let rules = self.rules.iter();
        for rule in rules.filter(|rule| rule.options.kinds.contains(instance.kind)) {
            let Some(when) = &rule.options.when else {
                return Coverage::Yes;
            };
            match when.decide_without_tags(instance) {
                Decision::Holds => return Coverage::Yes,
                Decision::Fails(_) => {}
                Decision::Undecided(..) => coverage = Coverage::Unknown,
            }
        }
        coverage
    }

    fn rules_at<'a>(&'a self, positions: &'a [usize]) -> impl Iterator<Item = &'a TagRule> {
        positions.iter().filter_map(|at| self.rules.get(*at))
    }
}

fn choose<'a>(rules: impl Iterator<Item = &'a TagRule>, instance: &'a Resource) -> RuleChoice<'a> {
    for rule in rules.filter(|rule| rule.options.kinds.contains(instance.kind)) {
        match decide(rule, instance) {
            Decision::Holds => return RuleChoice::Rule(rule),
            Decision::Fails(_) => {}
            Decision::Undecided(condition, doubt) => {
                return RuleChoice::Unknown(UndecidedRule {
                    rule,
                    condition,
                    doubt,
                });
            }
        }
    }
    RuleChoice::Nothing
}

fn decide<'a>(rule: &'a TagRule, instance: &'a Resource) -> Decision<'a> {
    match &rule.options.when {
        None => Decision::Holds,
        Some(when) => when.decide(instance),
    }
}

/// The rules of a key that come before one: their ids and conditions.
#[derive(Debug, Default)]
pub(super) struct EarlierRules(BTreeMap<String, Vec<EarlierRule>>);

#[derive(Debug)]
struct EarlierRule {
    id: i64,
    kinds: Kinds,
    when: Option<RuleConditions>,
}

impl EarlierRule {
    /// Whether it applies to each resource of `kind` for which `when` holds.
    fn covers(&self, kind: Kind, when: Option<&RuleConditions>) -> bool {
        self.kinds.contains(kind)
            && match (&self.when, when) {
                (None, _) => true,
                (Some(before), Some(when)) => before.holds_wherever(when),
                (Some(_), None) => false,
            }
    }
}

impl Reader {
    /// Checks that the rule for `key` with the kinds and conditions of `options` can apply at all, and adds it to `earlier`.
    pub(super) fn check_several(
        &mut self,
        key: &str,
        options: &RuleOptions,
        earlier: &mut EarlierRules,
    ) {
        // Nothing is known of conditions and kinds that cannot be read.
        if self.has_problem_with("When") || self.has_problem_with("ResourceTypes") {
            return;
        }
        let (kinds, when) = (options.kinds, options.when.as_ref());
        let contradiction = when.and_then(RuleConditions::contradiction);
        if let Some((first, second)) = contradiction {
            let kind = ProblemKind::NeverHolds(first.to_string(), second.to_string());
            self.problem("When", kind);
            return;
        }
        let of_key = earlier.0.entry(key.to_owned()).or_default();
        // It can apply if there is a kind for which no earlier rule takes everything.
        let before: Option<Vec<i64>> = kinds
            .iter()
            .map(|kind| Some(of_key.iter().find(|it| it.covers(kind, when))?.id))
            .collect();
        match (before.and_then(|ids| ids.first().copied()), when) {
            (Some(first), None) => {
                let key = key.to_owned();
                self.problem("TagKey", ProblemKind::RepeatedKey { key, first });
            }
            (Some(first), Some(_)) => {
                self.problem("When", ProblemKind::NeverApplies { first });
            }
            (None, _) => of_key.extend(self.id.map(|id| EarlierRule {
                id,
                kinds,
                when: when.cloned(),
            })),
        }
    }
}

/// For a sentence that begins with the rule: `applies`, `does not apply: tag:Env = prod does not hold`.
impl fmt::Display for RuleStanding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applies => f.write_str("applies"),
            Self::OtherKind(kinds) => write!(f, "does not apply: it is for {}", kinds.nouns()),
            Self::Fails(condition) => write!(f, "does not apply: {condition} does not hold"),
            Self::Undecided(condition, doubt) => {
                write!(
                    f,
                    "may apply: whether {condition} holds is not known, because {doubt}"
                )
            }
            Self::Behind(rule) => write!(f, "does not apply: rule {} comes first", rule.id),
        }
    }
}

impl fmt::Display for UndecidedRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = RuleStanding::Undecided(self.condition, self.doubt);
        write!(f, "rule {} {standing}", self.rule.id)
    }
}

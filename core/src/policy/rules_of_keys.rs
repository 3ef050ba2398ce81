//! The rules of each key.

use std::collections::BTreeMap;

use super::rule::TagRule;

/// The rules of each key, as positions among all rules: keys in the order of their first rules, and the rules of a key
/// in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RulesOfKeys {
    pub(super) keys: Vec<Vec<usize>>,
    /// Whether a key has several rules.
    pub(super) has_several: bool,
}

impl RulesOfKeys {
    /// Sorts `rules` by their keys.
    pub(super) fn of(rules: &[TagRule]) -> Self {
        let mut position_of: BTreeMap<&str, usize> = BTreeMap::new();
        let mut keys: Vec<Vec<usize>> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let next = keys.len();
            let position = *position_of.entry(&rule.tag_key).or_insert(next);
            match keys.get_mut(position) {
                Some(of_key) => of_key.push(at),
                None => keys.push(vec![at]),
            }
        }
        let has_several = keys.len() < rules.len();
        Self { keys, has_several }
    }
}

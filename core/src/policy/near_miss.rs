//! The value under a near miss of a rule's key: somebody meant it for the rule's tag.

use super::key::is_reserved_key;
use super::rule::TagRule;
use crate::date::end_of;
use crate::likeness::{is_blank, is_near_miss};
use crate::resource::Resource;

/// A tag: its key and its value.
pub type NearMissTag<'a> = (&'a str, &'a str);

/// What the near misses of a rule's key say about the value of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearMissValue<'a> {
    /// Nothing: there is no near miss, or none has a value.
    Absent,
    /// They mean this value, which the rule allows.
    Means {
        /// The first near miss.
        tag: NearMissTag<'a>,
        /// The value to write: that of the near miss, or the allowed value that it certainly means.
        value: &'a str,
    },
    /// The value is not allowed, and it is not certain which allowed value it means. Nothing is to be written, because every
    /// other value contradicts what somebody meant.
    NotAllowed {
        /// The near miss.
        tag: NearMissTag<'a>,
    },
    /// Two near misses have different values. Nothing is to be written.
    Conflict {
        /// One of them.
        first: NearMissTag<'a>,
        /// The other.
        second: NearMissTag<'a>,
    },
}

impl TagRule {
    /// The keys of `instance` that are near misses of this rule's. The key of another rule is nobody's near miss, nor is a
    /// key that AWS wrote.
    pub(super) fn near_misses<'a>(
        &self,
        instance: &'a Resource,
        rules: &[TagRule],
    ) -> impl Iterator<Item = NearMissTag<'a>> {
        let has_rule = |key: &str| rules.iter().any(|rule| rule.tag_key == key);
        let tags = instance.tags.iter();
        // A value that is not known says nothing, as one of blanks.
        let unknown = instance.details.unknown_tags.keys.iter();
        tags.map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(unknown.map(|key| (key.as_str(), "")))
            .filter(move |(key, _)| {
                is_near_miss(key, &self.tag_key) && !is_reserved_key(key) && !has_rule(key)
            })
    }

    /// What the near misses of this rule's key on `instance` say about the value of its tag. `rules` are all rules of the
    /// policy. A near miss whose value is blanks alone says nothing.
    #[must_use]
    pub fn near_miss_value<'a>(
        &'a self,
        instance: &'a Resource,
        rules: &[TagRule],
    ) -> NearMissValue<'a> {
        let near_misses = self.near_misses(instance, rules);
        let mut said = near_misses.filter(|(_, value)| !is_blank(value));
        let Some(first) = said.next() else {
            return NearMissValue::Absent;
        };
        let meant = self.meant(first.1);
        // Values that mean the same do not contradict each other.
        let contradicts = |other: &NearMissTag<'a>| match (meant, self.meant(other.1)) {
            (Some(one), Some(other)) => one != other,
            _ => first.1 != other.1,
        };
        if let Some(second) = said.find(contradicts) {
            return NearMissValue::Conflict { first, second };
        }
        match meant {
            Some(value) => NearMissValue::Means { tag: first, value },
            None => NearMissValue::NotAllowed { tag: first },
        }
    }

    /// The allowed value that `value` is, or certainly means.
    fn meant<'a>(&'a self, value: &'a str) -> Option<&'a str> {
        let is_dated = self.options.end_date.is_some();
        match &self.options.allowed {
            _ if is_dated && end_of(value).is_some() => Some(value),
            None if is_dated => None,
            Some(allowed) if !allowed.allows(value) => allowed.meant(value),
            _ => Some(value),
        }
    }
}

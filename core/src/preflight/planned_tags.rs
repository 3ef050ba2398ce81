//! The tags of a resource that is about to be created, as far as they are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::UnknownTags;

/// The fewest characters of a secret by which it is recognised inside a longer text.
const SHORTEST_PART: usize = 4;

/// The tags that instances will have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedTags {
    known: BTreeMap<String, String>,
    /// The keys of those whose values must not be shown.
    secret: BTreeSet<String>,
    /// Whether not even the keys may be shown.
    has_secret_keys: bool,
    unknown: UnknownTags,
}

impl PlannedTags {
    /// Tags of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        let mut tags = Self::default();
        tags.add_unknown_keys();
        tags
    }

    /// Adds a tag, or replaces its value.
    pub fn set(&mut self, key: &str, value: &str) {
        self.unknown.keys.remove(key);
        self.unknown.doubtful.remove(key);
        self.secret.remove(key);
        self.known.insert(key.to_owned(), value.to_owned());
    }

    /// Adds a tag whose value is not known, or forgets its value.
    pub fn set_unknown(&mut self, key: &str) {
        self.known.remove(key);
        self.unknown.doubtful.remove(key);
        self.unknown.keys.insert(key.to_owned());
    }

    /// Forgets a tag. It may still be among those whose keys are not known.
    pub fn remove(&mut self, key: &str) {
        self.unknown.keys.remove(key);
        self.unknown.doubtful.remove(key);
        self.secret.remove(key);
        self.known.remove(key);
    }

    /// Notes that there may be tags with any other key.
    pub fn add_unknown_keys(&mut self) {
        self.unknown.has_others = true;
    }

    /// Notes that a tag may be there or not.
    pub fn set_doubtful(&mut self, key: &str) {
        self.known.remove(key);
        self.unknown.keys.remove(key);
        self.unknown.doubtful.insert(key.to_owned());
    }

    /// Notes that the value of a tag must not be shown.
    pub fn hide(&mut self, key: &str) {
        self.secret.insert(key.to_owned());
    }

    /// Notes that no key and no value may be shown.
    pub fn hide_all(&mut self) {
        self.has_secret_keys = true;
    }

    /// Hides what `others` hide.
    pub fn hide_as(&mut self, others: &Self) {
        self.secret.extend(others.secret.iter().cloned());
        self.has_secret_keys |= others.has_secret_keys;
    }

    /// These tags with `others` over them: a key that both have gets the value of `others`.
    #[must_use]
    pub fn overlaid(mut self, others: &Self) -> Self {
        for (key, value) in &others.known {
            self.set(key, value);
        }
        for key in &others.unknown.keys {
            self.set_unknown(key);
        }
        for key in &others.unknown.doubtful {
            if self.known.contains_key(key) {
                self.set_unknown(key);
            } else if !self.unknown.keys.contains(key) {
                self.set_doubtful(key);
            }
        }
        if others.unknown.has_others {
            // Any of them may be one that is known here.
            let mine: Vec<String> = self.known.keys().cloned().collect();
            for key in mine.iter().filter(|key| !others.known.contains_key(*key)) {
                self.set_unknown(key);
            }
            self.add_unknown_keys();
        }
        self.hide_as(others);
        self
    }

    /// These tags or `others`: nobody knows which.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        let mut keys: BTreeSet<String> = self.keys().map(ToOwned::to_owned).collect();
        keys.extend(others.keys().map(ToOwned::to_owned));
        for key in keys {
            let (mine, theirs) = (self.known.get(&key), others.known.get(&key));
            let is_there =
                |it: &Self| it.known.contains_key(&key) || it.unknown.keys.contains(&key);
            if mine.is_some() && mine == theirs {
                continue;
            }
            if is_there(&self) && is_there(others) {
                self.set_unknown(&key);
            } else {
                self.set_doubtful(&key);
            }
        }
        self.unknown
            .doubtful
            .extend(others.unknown.doubtful.iter().cloned());
        self.unknown.has_others |= others.unknown.has_others;
        self.hide_as(others);
        self
    }

    /// Whether the value of the tag `key` must not be shown.
    #[must_use]
    pub fn is_secret(&self, key: &str) -> bool {
        self.has_secret_keys || self.secret.contains(key)
    }

    /// Whether the keys may be shown.
    #[must_use]
    pub fn shows_keys(&self) -> bool {
        !self.has_secret_keys
    }

    /// Hides each tag whose value is one of `texts`, or contains one that is not short.
    pub fn hide_texts(&mut self, texts: &BTreeSet<String>) {
        // A short text is part of others by chance.
        let is_in = |text: &str, value: &str| {
            value == text || (text.chars().count() >= SHORTEST_PART && value.contains(text))
        };
        let has = |value: &str| texts.iter().any(|text| is_in(text, value));
        let found = self.known.iter().filter(|(_, value)| has(value));
        let found: Vec<String> = found.map(|(key, _)| key.clone()).collect();
        self.secret.extend(found);
        self.has_secret_keys |= self.known.keys().any(|key| has(key));
    }

    /// The tags whose values are known.
    #[must_use]
    pub fn known(&self) -> &BTreeMap<String, String> {
        &self.known
    }

    /// What is not known of them.
    #[must_use]
    pub fn not_known(&self) -> &UnknownTags {
        &self.unknown
    }

    /// The keys that are there for certain.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let unknown = self.unknown.keys.iter();
        self.known.keys().chain(unknown).map(String::as_str)
    }
}

//! Whose a resource is: the value of the first of several tags that names somebody, or else who launched it.

use crate::likeness::{is_blank, is_blank_char};
use crate::policy::{MAX_KEY_CHARS, Policy, WhoRow};
use crate::resource::Resource;

/// The value that stands for a launcher who cannot be found.
const UNDEFINED: &str = "Undefined";

/// The keys of the tags that name an owner, in the order in which they are asked. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTags(Vec<String>);

/// The text is not a list of tag keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOwnerTags {
    /// A key is blank.
    #[error("must be tag keys separated by commas, such as Owner,CreatedBy")]
    Blank,
    /// A key is longer than EC2 allows.
    #[error("{0:?} is longer than a tag key may be ({MAX_KEY_CHARS} characters)")]
    TooLong(String),
}

impl Default for OwnerTags {
    /// `Owner`, then `CreatedBy`.
    fn default() -> Self {
        Self(vec!["Owner".to_owned(), "CreatedBy".to_owned()])
    }
}

impl OwnerTags {
    /// Reads keys separated by commas. Case counts, as in EC2.
    ///
    /// # Errors
    /// [`InvalidOwnerTags`] says what is wrong with the first key that cannot be read.
    pub fn from_list(text: &str) -> Result<Self, InvalidOwnerTags> {
        let mut keys = Vec::new();
        for key in text.split(',').map(str::trim) {
            if is_blank(key) {
                return Err(InvalidOwnerTags::Blank);
            }
            if key.chars().count() > MAX_KEY_CHARS {
                return Err(InvalidOwnerTags::TooLong(key.to_owned()));
            }
            keys.push(key.to_owned());
        }
        Ok(Self(keys))
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.0
    }
}

/// The person or team a resource belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name: as a who row spells it, or else as it was found. Never blank.
    pub name: String,
    /// Where it was found.
    pub source: OwnerSource,
}

/// Where an owner's name was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerSource {
    /// In the tag with this key.
    Tag(String),
    /// It is who launched the resource.
    Launcher,
}

impl Owner {
    /// The owner of `instance`: the value of the first of `tags` that [names somebody](Policy::somebody), or else
    /// `launcher`, who launched it as far as that is known. `None`: nobody is known.
    ///
    /// A value that the rule for the tag does not allow names nobody.
    #[must_use]
    pub fn of(
        policy: &Policy,
        tags: &OwnerTags,
        instance: &Resource,
        launcher: Option<&str>,
    ) -> Option<Self> {
        let is_allowed = |key: &str, value: &str| {
            let mut rules = policy.rules_for(instance);
            let rule = rules.find(|rule| rule.tag_key == key);
            let allowed = rule.and_then(|rule| rule.options.allowed.as_ref());
            allowed.is_none_or(|allowed| allowed.allows(value))
        };
        let by_tag = tags.keys().iter().find_map(|key| {
            let value = instance.tags.get(key)?;
            let name = policy
                .somebody(value)
                .filter(|_| is_allowed(key, value))?
                .to_owned();
            let source = OwnerSource::Tag(key.clone());
            Some(Self { name, source })
        });
        by_tag.or_else(|| {
            Some(Self {
                name: policy.somebody(launcher?)?.to_owned(),
                source: OwnerSource::Launcher,
            })
        })
    }

    /// What two spellings of the same name have in common, because case does not count.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.to_lowercase()
    }
}

impl Policy {
    /// The name of the person or team that `value` names, without blanks and control characters around it; `None` if it names nobody: a blank
    /// value, `Undefined`, the name of an AWS service, and what has the form `role/session`, unless a who row is about it.
    ///
    /// A who row that spells the name out, without wildcards, gives its spelling, so that a filter of somebody's
    /// subscription matches however the tag is written.
    #[must_use]
    pub fn somebody<'a>(&'a self, value: &'a str) -> Option<&'a str> {
        // Neither shows, nor can a subscription's filter have a control character.
        let name = value.trim_matches(|it: char| is_blank_char(it) || it.is_control());
        if name.is_empty() || name.eq_ignore_ascii_case(UNDEFINED) || is_service(name) {
            return None;
        }
        let mut rows = self.who_rows().iter().filter(|row| row.is_about(name));
        match rows.next() {
            Some(row) => Some(row.spelling(name).unwrap_or(name)),
            None => (!name.contains('/')).then_some(name),
        }
    }
}

impl WhoRow {
    /// The name as the row spells it; `None` if only wildcards match it.
    fn spelling(&self, name: &str) -> Option<&str> {
        let mut literals = self
            .who
            .iter()
            .filter(|pattern| pattern.matches_ignoring_case(name));
        literals.find_map(|pattern| pattern.as_literal())
    }
}

/// Whether `name` is that of an AWS service, such as `autoscaling.amazonaws.com`.
fn is_service(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut domains = [".amazonaws.com", ".amazonaws.com.cn", ".aws.internal"].iter();
    !name.contains('@') && domains.any(|domain| name.ends_with(domain))
}

#[cfg(test)]
mod tests;

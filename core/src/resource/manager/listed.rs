//! The tag keys by which an organisation's own managers are recognised.

use std::collections::BTreeMap;

use super::Manager;

/// The most characters of a tag's key.
///
/// See [Tag restrictions](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
const MAX_KEY_CHARS: usize = 128;

/// Tag keys that say that an instance has a manager, whatever their values: `acme:scaler`, `acme-pool/*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagerTags {
    patterns: Vec<Pattern>,
}

/// A key, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

/// Why a list of tag keys cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManagerTags {
    /// Nothing stands between two commas, or at an end.
    #[error("it must be tag keys separated by commas, such as acme:scaler,acme-pool/*")]
    Empty,
    /// A star stands elsewhere than at the end of the key.
    #[error("{0:?} has a * that is not at its end")]
    Star(String),
    /// The key would match every tag.
    #[error("* alone would make every tagged instance a managed one")]
    Everything,
    /// No tag has so long a key.
    #[error("{0:?} is longer than the 128 characters of a tag's key")]
    TooLong(String),
}

impl ManagerTags {
    /// Reads keys separated by commas. A key may end in `*`, which stands for any end of it.
    ///
    /// # Errors
    /// [`InvalidManagerTags`] names the first key that cannot be read.
    pub fn from_list(list: &str) -> Result<Self, InvalidManagerTags> {
        let patterns = list.split(',').map(|key| Pattern::read(key.trim()));
        Ok(Self {
            patterns: patterns.collect::<Result<_, _>>()?,
        })
    }

    /// The first of `tags` whose key is listed.
    pub(super) fn find<'a>(&self, tags: &'a BTreeMap<String, String>) -> Option<Manager<'a>> {
        let is_listed = |key: &str| self.patterns.iter().any(|pattern| pattern.matches(key));
        let (key, value) = tags.iter().find(|(key, _)| is_listed(key))?;
        Some(Manager::Listed { key, value })
    }
}

impl Pattern {
    fn read(key: &str) -> Result<Self, InvalidManagerTags> {
        let text = key.strip_suffix('*');
        let is_prefix = text.is_some();
        let text = text.unwrap_or(key);
        match text {
            "" if is_prefix => Err(InvalidManagerTags::Everything),
            "" => Err(InvalidManagerTags::Empty),
            _ if text.contains('*') => Err(InvalidManagerTags::Star(key.to_owned())),
            _ if text.chars().count() > MAX_KEY_CHARS => {
                Err(InvalidManagerTags::TooLong(key.to_owned()))
            }
            _ => Ok(Self {
                text: text.to_owned(),
                is_prefix,
            }),
        }
    }

    fn matches(&self, key: &str) -> bool {
        if self.is_prefix {
            key.starts_with(&self.text)
        } else {
            key == self.text
        }
    }
}

//! Reads conditions as people write them.

use std::str::FromStr;

use super::{Condition, ConditionSubject, InstanceDetail, RuleConditions, Test};
use crate::policy::allowed::AllowedValues;
use crate::policy::list;
use crate::policy::pattern::{InvalidPattern, Pattern};

/// What a condition on a tag begins with.
const TAG: &str = "tag:";

/// Why a text is not conditions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// It has no condition.
    #[error("says nothing: write a condition such as \"tag:Env = prod\", or leave it out")]
    Nothing,
    /// The name is not a filter's.
    #[error(
        "has {name:?}, which is not a filter{}: use tag:KEY, {}",
        suggestion.map_or_else(String::new, |name| format!(" (did you mean {name}?)")),
        names()
    )]
    Name {
        /// The name as it was written.
        name: String,
        /// The filter that was most likely meant.
        suggestion: Option<&'static str>,
    },
    /// There is no name.
    #[error("has a condition without a name: {0:?}")]
    NoName(String),
    /// There are no values.
    #[error("has {0:?}, which names no value: write \"{0} a, b\", or only the name")]
    NoValue(String),
    /// `!name = value`
    #[error("has {0:?}: write \"name != value\", or \"!name\" for what is not there")]
    NotWithValue(String),
    /// A tag's key has a wildcard.
    #[error("has {0:?}: a tag's key has no wildcards, write \\* for a star")]
    WildKey(String),
    /// A name or a value is not written as it must be.
    #[error("has a text that cannot be read: {0}")]
    Pattern(#[from] InvalidPattern),
}

impl RuleConditions {
    /// Reads texts of one or more conditions each.
    ///
    /// # Errors
    /// [`InvalidCondition`] names the first part that cannot be read, or says that there is none.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidCondition> {
        let parts = texts.into_iter().flat_map(|text| list::split(text, ';'));
        let conditions: Vec<Condition> = parts.map(str::parse).collect::<Result<_, _>>()?;
        if conditions.is_empty() {
            return Err(InvalidCondition::Nothing);
        }
        Ok(Self { conditions })
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (is_negated, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        let (name, values) = split_name(rest);
        let subject = || subject(text, name);
        let Some((sign, values)) = values else {
            return Ok(Self {
                subject: subject()?,
                test: if is_negated {
                    Test::Absent
                } else {
                    Test::There
                },
            });
        };
        if is_negated {
            return Err(InvalidCondition::NotWithValue(text.to_owned()));
        }
        let subject = subject()?;
        let patterns = list::patterns(values)?;
        if patterns.is_empty() {
            return Err(InvalidCondition::NoValue(text.to_owned()));
        }
        Ok(Self {
            subject,
            test: match sign {
                Sign::Equal => Test::AnyOf(patterns),
                Sign::NotEqual => Test::NoneOf(patterns),
            },
        })
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Equal,
    NotEqual,
}

/// The name before the first `=` or `!=` that is not in quotes, and what follows.
fn split_name(text: &str) -> (&str, Option<(Sign, &str)>) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in text.char_indices() {
        let is_literal = std::mem::replace(&mut is_escaped, false);
        match character {
            _ if is_literal => {}
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '=' if !is_quoted => {
                let (name, rest) = text.split_at(at);
                let values = rest.get(1..).unwrap_or_default();
                return match name.strip_suffix('!') {
                    Some(name) => (name.trim_end(), Some((Sign::NotEqual, values))),
                    None => (name.trim_end(), Some((Sign::Equal, values))),
                };
            }
            _ => {}
        }
    }
    (text, None)
}

/// The subject with the name `name`, of the condition `text`. The name or a tag's key may stand in double quotes.
fn subject(text: &str, name: &str) -> Result<ConditionSubject, InvalidCondition> {
    let name = name.trim();
    if let Some(key) = name.strip_prefix(TAG).filter(|key| key.starts_with('"')) {
        return tag(text, &key.parse()?);
    }
    let whole: Pattern = name.parse()?;
    let Some(literal) = whole.as_literal() else {
        return Err(if name.contains(TAG) {
            InvalidCondition::WildKey(text.to_owned())
        } else {
            unknown(name)
        });
    };
    if literal.trim().is_empty() {
        return Err(InvalidCondition::NoName(text.to_owned()));
    }
    match literal.strip_prefix(TAG) {
        Some(key) => tag(text, &Pattern::literal(key)),
        None => InstanceDetail::ALL
            .into_iter()
            .find(|detail| detail.as_str() == literal)
            .map(ConditionSubject::Detail)
            .ok_or_else(|| unknown(literal)),
    }
}

fn tag(text: &str, key: &Pattern) -> Result<ConditionSubject, InvalidCondition> {
    let Some(key) = key.as_literal() else {
        return Err(InvalidCondition::WildKey(text.to_owned()));
    };
    if key.trim().is_empty() {
        return Err(InvalidCondition::NoName(text.to_owned()));
    }
    Ok(ConditionSubject::Tag(key.to_owned()))
}

fn unknown(name: &str) -> InvalidCondition {
    let all = InstanceDetail::ALL.map(InstanceDetail::as_str);
    // Spellings of other tools for the same.
    let suggestion = match name {
        "type" | "InstanceType" => Some(InstanceDetail::InstanceType.as_str()),
        "account" | "account-id" => Some(InstanceDetail::OwnerId.as_str()),
        "ami" | "ami-id" => Some(InstanceDetail::ImageId.as_str()),
        "zone" | "az" => Some(InstanceDetail::AvailabilityZone.as_str()),
        "vpc" => Some(InstanceDetail::VpcId.as_str()),
        "subnet" => Some(InstanceDetail::SubnetId.as_str()),
        "tag" | "tags" | "tag-key" => Some("tag:KEY"),
        _ => {
            let known = all.into_iter().map(Pattern::literal).collect();
            let nearest = AllowedValues::new(known);
            let nearest = nearest.as_ref().and_then(|known| known.nearest(name));
            nearest.and_then(|nearest| all.into_iter().find(|it| *it == nearest))
        }
    };
    InvalidCondition::Name {
        name: name.to_owned(),
        suggestion,
    }
}

/// The names of the details, for a sentence.
fn names() -> String {
    InstanceDetail::ALL.map(InstanceDetail::as_str).join(", ")
}

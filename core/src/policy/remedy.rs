//! What a rule does about a defect of its tag. This is the only place that knows the following table.
//!
//! | `Action` | missing | empty |
//! |---|---|---|
//! | `Update` | `Required` = Y: write the value; N: nothing | write the value |
//! | `UserLookup` | write who launched the instance | the same |
//! | `Function` | write the function's value | the same |
//! | `Notify` | report | report |
//! | `Stop`, `Terminate` | that shutdown | the same |
//!
//! [`TagRule::defect`] finds the column and [`TagRule::remedy`] the cell. No cell overwrites a value that is set.

use std::fmt;

use super::function::Function;
use super::rule::{Action, TagRule};
use crate::resource::Instance;

/// What is wrong with a rule's tag. A tag has at most one defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect<'a> {
    /// The resource has no tag with the key of the rule.
    Missing {
        /// A key of the resource that differs only in case or surrounding blanks, most often by a typing error.
        near_miss: Option<&'a str>,
    },
    /// The tag exists and its value is empty.
    Empty,
}

/// The name of a [`Defect`], without the borrow of the resource that a [`Defect`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectName {
    /// [`Defect::Missing`]
    Missing,
    /// [`Defect::Empty`]
    Empty,
}

/// What a rule does about a defect of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleRemedy<'a> {
    /// Write this value.
    Write(&'a str),
    /// Write the value of this function.
    WriteFunction(&'a Function),
    /// Write who launched the resource.
    WriteLauncher,
    /// Report the defect and change nothing.
    Report,
    /// Stop or terminate the resource.
    ShutDown(Shutdown),
}

/// A stop or a termination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shutdown {
    /// Stop the resource.
    Stop,
    /// Terminate the resource.
    Terminate,
}

impl TagRule {
    /// The defect of this rule's tag on `instance`; `None` if the tag has none.
    #[must_use]
    pub fn defect<'a>(&self, instance: &'a Instance) -> Option<Defect<'a>> {
        match instance.tags.get(&self.tag_key) {
            Some(value) if value.is_empty() => Some(Defect::Empty),
            Some(_) => None,
            None => Some(Defect::Missing {
                near_miss: near_miss(&self.tag_key, instance),
            }),
        }
    }

    /// What this rule does about `defect`; `None` if it accepts the defect.
    #[must_use]
    pub fn remedy(&self, defect: DefectName) -> Option<RuleRemedy<'_>> {
        Some(match &self.action {
            // An optional tag may be missing. Its default replaces only an empty value.
            Action::Update { .. } if defect == DefectName::Missing && !self.required => {
                return None;
            }
            Action::Update { value } => RuleRemedy::Write(value),
            Action::UserLookup => RuleRemedy::WriteLauncher,
            Action::Function(function) => RuleRemedy::WriteFunction(function),
            Action::Notify => RuleRemedy::Report,
            Action::Stop => RuleRemedy::ShutDown(Shutdown::Stop),
            Action::Terminate => RuleRemedy::ShutDown(Shutdown::Terminate),
        })
    }
}

impl Defect<'_> {
    /// The defect's name.
    #[must_use]
    pub fn name(&self) -> DefectName {
        match self {
            Self::Missing { .. } => DefectName::Missing,
            Self::Empty => DefectName::Empty,
        }
    }
}

impl DefectName {
    /// Every defect, in the order in which [`TagRule::defect`] looks for them.
    pub const ALL: [Self; 2] = [Self::Missing, Self::Empty];

    /// The name in JSON and in the ledger, such as `missing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
        }
    }

    /// The defect whose [`as_str`](Self::as_str) is `name`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.as_str() == name)
    }
}

impl fmt::Display for DefectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first key of `instance` that differs from `key` only in case or surrounding blanks.
fn near_miss<'a>(key: &str, instance: &'a Instance) -> Option<&'a str> {
    let wanted = key.trim();
    instance
        .tags
        .keys()
        .map(String::as_str)
        .find(|candidate| is_same_but_for_case(candidate.trim(), wanted))
}

fn is_same_but_for_case(left: &str, right: &str) -> bool {
    // Nearly every key is ASCII, for which this comparison takes a tenth of the time.
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars()
        .flat_map(char::to_lowercase)
        .eq(right.chars().flat_map(char::to_lowercase))
}

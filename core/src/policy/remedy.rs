//! What a rule finds wrong with its tag, and what it wants done about it: the policy's central table, in one place.
//!
//! | `Action` | missing | empty |
//! |---|---|---|
//! | `Update` | `Required` = Y: write the value; N: nothing | write the value |
//! | `UserLookup` | write who launched the instance | the same |
//! | `Function` | write the function's value | the same |
//! | `Notify` | report | report |
//! | `Stop`, `Terminate` | that shutdown | the same |
//!
//! [`TagRule::defect`] picks the column, [`TagRule::remedy`] the cell. A value that somebody set is never overwritten:
//! no cell of the table writes over one.

use std::fmt;

use crate::Instance;

use super::{Action, Function, TagRule};

/// What is wrong with a rule's tag. A tag has one defect at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect<'a> {
    /// The resource has no tag of that key.
    Missing {
        /// A key of the resource that differs only in case or surrounding blanks: most often a typing error.
        near_miss: Option<&'a str>,
    },
    /// The tag is there, and its value is empty.
    Empty,
}

/// The name of a [`Defect`], which outlives the resource it was found on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectName {
    /// [`Defect::Missing`]
    Missing,
    /// [`Defect::Empty`]
    Empty,
}

/// What a rule wants done about a defect of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleRemedy<'a> {
    /// Write this value.
    Write(&'a str),
    /// Write the value of this function.
    WriteFunction(&'a Function),
    /// Write who launched the resource.
    WriteLauncher,
    /// Report the defect, change nothing.
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
    /// What is wrong with this rule's tag on `instance`; `None` if nothing is.
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

    /// What this rule wants done about `defect`; `None` if the rule does not mind it.
    #[must_use]
    pub fn remedy(&self, defect: DefectName) -> Option<RuleRemedy<'_>> {
        Some(match &self.action {
            // An optional tag need not be there: its default is only a default for an empty value.
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
    /// Every defect, the one that is looked for first first.
    pub const ALL: [Self; 2] = [Self::Missing, Self::Empty];

    /// The name as programs read it and as the ledger stores it, such as `missing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
        }
    }

    /// The defect that `name` names, as [`as_str`](Self::as_str) writes it.
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

fn near_miss<'a>(key: &str, instance: &'a Instance) -> Option<&'a str> {
    let wanted = key.trim();
    instance
        .tags
        .keys()
        .map(String::as_str)
        .find(|candidate| is_same_but_for_case(candidate.trim(), wanted))
}

fn is_same_but_for_case(left: &str, right: &str) -> bool {
    // Nearly every key is ASCII, and comparing those costs a tenth.
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars()
        .flat_map(char::to_lowercase)
        .eq(right.chars().flat_map(char::to_lowercase))
}

//! One remedy for one finding on one instance.

use std::{fmt, mem};

use chrono::NaiveDate;
use tagwarden_core::{DefectName, Finding, Kind, wording};

use super::ValueOrigin;
use crate::launcher::Unknown;

/// One remedy for one finding on one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The resource: `i-…`, `vol-…`.
    pub instance_id: String,
    /// What is wrong.
    pub cause: Cause,
    /// What to do about it.
    pub remedy: Remedy,
}

/// What is wrong with an instance: a [`Finding`] that outlives the policy it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No tags at all.
    Untagged,
    /// Something is wrong with the tag of a rule.
    Tag {
        /// The rule.
        rule_id: i64,
        /// Its tag.
        tag_key: String,
        /// What is wrong with it.
        defect: DefectName,
    },
}

/// What to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Write the finding's tag.
    Tag {
        /// Its value.
        value: String,
        /// Why the value is [`UNDEFINED`](super::UNDEFINED), where it was to be a launcher's name.
        unknown: Option<Unknown>,
        /// Where the value comes from; `None` for what older versions wrote, who did not say.
        origin: Option<ValueOrigin>,
    },
    /// Write the finding's tag, once it is known who launched the instance.
    TagLauncher,
    /// Write the finding's tag, once a source of its value can be read.
    TagFromSource {
        /// The source, as the policy names it: `vpc`.
        source: String,
    },
    /// Stop the instance.
    Stop {
        /// When it is to be terminated, if it stays stopped and untagged.
        terminate_on: Option<NaiveDate>,
    },
    /// Terminate the instance.
    Terminate,
    /// Report it.
    Notify {
        /// What to write, for a tag that is [nearly right](tagwarden_core::Defect::is_nearly_right) or whose value is not
        /// allowed.
        correction: Option<String>,
    },
}

impl Step {
    /// What the resource is, as its id says.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of_id(&self.instance_id).unwrap_or_default()
    }

    /// Whether both want the same done to the same instance for the same cause.
    #[must_use]
    pub fn is_same_act(&self, other: &Self) -> bool {
        self.instance_id == other.instance_id
            && self.cause == other.cause
            && mem::discriminant(&self.remedy) == mem::discriminant(&other.remedy)
    }
}

impl Cause {
    /// The tag that something is wrong with.
    #[must_use]
    pub fn tag_key(&self) -> Option<&str> {
        match self {
            Self::Untagged => None,
            Self::Tag { tag_key, .. } => Some(tag_key),
        }
    }

    /// The rule that found it.
    #[must_use]
    pub fn rule_id(&self) -> Option<i64> {
        match self {
            Self::Untagged => None,
            Self::Tag { rule_id, .. } => Some(*rule_id),
        }
    }

    /// What is wrong with the tag; `None` for an instance without any.
    #[must_use]
    pub fn defect(&self) -> Option<DefectName> {
        match self {
            Self::Untagged => None,
            Self::Tag { defect, .. } => Some(*defect),
        }
    }

    /// Whether the tag is there, with an empty value.
    #[must_use]
    pub fn is_empty_tag(&self) -> bool {
        self.defect() == Some(DefectName::Empty)
    }

    /// The cause's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.defect().map_or("untagged", DefectName::as_str)
    }
}

impl From<&Finding<'_>> for Cause {
    fn from(finding: &Finding<'_>) -> Self {
        Self::Tag {
            rule_id: finding.rule.id,
            tag_key: finding.rule.tag_key.clone(),
            defect: finding.defect.name(),
        }
    }
}

impl fmt::Display for Cause {
    /// `no tags found`, or `missing tag ProjectCode (rule 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged => f.write_str(wording::UNTAGGED),
            Self::Tag {
                rule_id,
                tag_key,
                defect,
            } => f.write_str(&wording::rule_defect(*defect, tag_key, *rule_id)),
        }
    }
}

impl Remedy {
    /// The remedy's name, as programs read it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tag { .. } | Self::TagLauncher | Self::TagFromSource { .. } => "tag",
            Self::Stop { .. } => "stop",
            Self::Terminate => "terminate",
            Self::Notify { .. } => "notify",
        }
    }

    /// Whether it stops or terminates the instance.
    #[must_use]
    pub fn is_shutdown(&self) -> bool {
        matches!(self, Self::Stop { .. } | Self::Terminate)
    }
}

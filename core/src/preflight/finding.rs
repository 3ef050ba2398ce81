//! What was found in a resource before it is launched.

use super::fix::FixTag;
use crate::DefectName;

/// A kind of finding. Its id stays the same from one version to the next, because tools recognise findings by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingKind {
    /// Such as `missing-tag`.
    pub id: &'static str,
    /// What it means, a whole sentence.
    pub means: &'static str,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingLevel {
    /// It must be put right.
    Error,
    /// It may be an error.
    Warning,
    /// It is worth knowing.
    Note,
}

impl FindingLevel {
    /// SARIF's and GitHub's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

pub(super) const UNTAGGED: FindingKind = FindingKind {
    id: "untagged",
    means: "The instance will have no tags at all.",
};

pub(super) const MISSING: FindingKind = FindingKind {
    id: "missing-tag",
    means: "The instance will lack the tag of a rule.",
};

pub(super) const EMPTY: FindingKind = FindingKind {
    id: "empty-tag",
    means: "The tag of a rule will have no value.",
};

pub(super) const DEFECTIVE: FindingKind = FindingKind {
    id: "defective-tag",
    means: "The value of a rule's tag is not what the rule asks for.",
};

pub(super) const UNKNOWN: FindingKind = FindingKind {
    id: "unknown-tag",
    means: "Whether the tag of a rule is there and right is not known before the launch.",
};

pub(super) const UNDECIDED: FindingKind = FindingKind {
    id: "undecided-rule",
    means: "Whether a rule applies is not known before the launch.",
};

/// The kinds of findings.
pub const KINDS: [FindingKind; 6] = [UNTAGGED, MISSING, EMPTY, DEFECTIVE, UNKNOWN, UNDECIDED];

/// What was found in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightFinding {
    /// How bad it is.
    pub level: FindingLevel,
    /// Its kind.
    pub kind: FindingKind,
    /// The rule; `None` for an untagged resource.
    pub rule: Option<FoundRule>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// The tag to write, if it is known which.
    pub fixes: Vec<FixTag>,
}

/// The rule of a finding, and its defect if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRule {
    /// Its `RuleId`.
    pub id: i64,
    /// The key of its tag.
    pub tag_key: String,
    /// The defect of the tag.
    pub defect: Option<DefectName>,
}

/// A resource, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedResource {
    /// The worst first.
    pub findings: Vec<PreflightFinding>,
    /// Why errors are only warnings, each without a full stop.
    pub doubts: Vec<String>,
    /// Why the policy does not apply to it, if it does not.
    pub not_applicable: Option<String>,
}

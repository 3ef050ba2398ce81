//! `When`: which resources a rule is for.
//!
//! | written | holds where |
//! |---|---|
//! | `tag:Env = prod, stage*` | the tag `Env` is `prod`, or begins with `stage` |
//! | `tag:Env` | the tag is there |
//! | `!tag:Env` | it is not |
//! | `tag:Env != prod` | it is there, and is neither `prod` nor nearly `prod` |
//!
//! Conditions are joined by `;`, and all of them must hold. The names are those of EC2's filters.
//!
//! A condition holds, fails, or is **undecided**. It is undecided if the resource's description does not have what it
//! asks for, and if the resource nearly has it, such as `Env = Prod` or `env = prod`: a typing error must not move a
//! resource from a rule that reports to one that terminates.
//!
//! | module | what it holds |
//! |---|---|
//! | `read` | reads a text into conditions |
//! | `overlap` | whether one list of conditions holds wherever another does, and whether one can hold at all |

mod overlap;
mod read;

use std::fmt;

pub use read::InvalidCondition;

use super::key::is_reserved_key;
use super::pattern::Pattern;
use crate::likeness::{is_blank, is_near_miss};
use crate::resource::{Kind, Resource, TagKnowledge};

/// `When`: the conditions of a rule, all of which must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleConditions {
    /// At least one.
    conditions: Vec<Condition>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    subject: ConditionSubject,
    test: Test,
}

/// What a condition asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionSubject {
    /// `tag:KEY`
    Tag(String),
    /// Another filter's name.
    Detail(InstanceDetail),
}

/// A filter's name, except `tag:KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are EC2's names")]
pub enum InstanceDetail {
    InstanceType,
    VpcId,
    SubnetId,
    ImageId,
    AvailabilityZone,
    InstanceLifecycle,
    KeyName,
    InstanceProfile,
    OwnerId,
    Region,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// `name = a, b*`
    AnyOf(Vec<Pattern>),
    /// `name`
    There,
    /// `!name`
    Absent,
    /// `name != a`
    NoneOf(Vec<Pattern>),
}

/// Whether conditions hold for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// All of them do.
    Holds,
    /// This one does not.
    Fails(&'a Condition),
    /// None fails, and of this one it is not known.
    Undecided(&'a Condition, ConditionDoubt<'a>),
}

/// Why a condition is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionDoubt<'a> {
    /// The description does not have what the condition asks for.
    NotKnown,
    /// The value is nearly one that the condition names.
    NearValue(&'a str),
    /// The resource does not have the tag, and this key is nearly its key.
    NearKey(&'a str),
}

/// What a description says of a detail.
enum Fact<'a> {
    Value(&'a str),
    Absent,
    NotKnown,
}

/// The answer of one condition.
enum Answer<'a> {
    Yes,
    No,
    Unknown(ConditionDoubt<'a>),
}

impl RuleConditions {
    /// The conditions, in the order in which they were written; at least one.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the conditions hold for `instance`. The first that fails decides, and else the first that is undecided.
    #[must_use]
    pub fn decide<'a>(&'a self, instance: &'a Resource) -> Decision<'a> {
        decide(self.conditions.iter(), instance)
    }

    /// As [`decide`](Self::decide), for an instance without any tags: conditions on tags do not count.
    #[must_use]
    pub fn decide_without_tags<'a>(&'a self, instance: &'a Resource) -> Decision<'a> {
        let conditions = self.conditions.iter();
        decide(conditions.filter(|it| it.tag_key().is_none()), instance)
    }

    /// The keys of the tags that the conditions ask about.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().filter_map(Condition::tag_key)
    }
}

fn decide<'a>(
    conditions: impl Iterator<Item = &'a Condition>,
    instance: &'a Resource,
) -> Decision<'a> {
    let mut decision = Decision::Holds;
    for condition in conditions {
        match condition.answer(instance) {
            Answer::No => return Decision::Fails(condition),
            Answer::Unknown(doubt) if decision == Decision::Holds => {
                decision = Decision::Undecided(condition, doubt);
            }
            Answer::Yes | Answer::Unknown(_) => {}
        }
    }
    decision
}

impl Condition {
    /// The key of the tag that it asks about; `None` if it asks about something else.
    #[must_use]
    pub fn tag_key(&self) -> Option<&str> {
        match &self.subject {
            ConditionSubject::Tag(key) => Some(key),
            ConditionSubject::Detail(_) => None,
        }
    }

    /// The detail that it asks about; `None` if it asks about a tag.
    pub(super) fn detail(&self) -> Option<InstanceDetail> {
        match self.subject {
            ConditionSubject::Tag(_) => None,
            ConditionSubject::Detail(detail) => Some(detail),
        }
    }

    /// The values that it names; none if it asks only whether there is one.
    pub(super) fn patterns(&self) -> &[Pattern] {
        match &self.test {
            Test::AnyOf(patterns) | Test::NoneOf(patterns) => patterns,
            Test::There | Test::Absent => &[],
        }
    }

    /// The values that it names and that have no wildcards, of a condition that asks for one of them.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        let patterns: &[Pattern] = match &self.test {
            Test::AnyOf(patterns) => patterns,
            Test::There | Test::Absent | Test::NoneOf(_) => &[],
        };
        patterns.iter().filter_map(Pattern::as_literal)
    }

    /// Whether it can hold only where the tag or detail is there.
    #[must_use]
    pub fn needs_presence(&self) -> bool {
        !matches!(self.test, Test::Absent)
    }

    fn answer<'a>(&'a self, instance: &'a Resource) -> Answer<'a> {
        match &self.subject {
            ConditionSubject::Detail(detail) => match detail.of(instance) {
                Fact::Value(value) => self.of_value(value),
                Fact::Absent => self.of_absence(),
                Fact::NotKnown => Answer::Unknown(ConditionDoubt::NotKnown),
            },
            ConditionSubject::Tag(key) => match instance.tags.get(key) {
                Some(value) => self.of_value(value),
                None => self.of_unlisted_tag(instance, key),
            },
        }
    }

    fn of_value<'a>(&'a self, value: &'a str) -> Answer<'a> {
        match &self.test {
            Test::There => Answer::Yes,
            Test::AnyOf(patterns) if patterns.iter().any(|it| it.matches(value)) => Answer::Yes,
            Test::AnyOf(patterns) if patterns.iter().any(|it| it.nearly_matches(value)) => {
                Answer::Unknown(ConditionDoubt::NearValue(value))
            }
            Test::Absent | Test::AnyOf(_) => Answer::No,
            // A value of blanks says nothing, as an absent tag.
            Test::NoneOf(patterns) => {
                let is_one = patterns.iter().any(|it| it.nearly_matches(value));
                if is_one || is_blank(value) {
                    Answer::No
                } else {
                    Answer::Yes
                }
            }
        }
    }

    /// The answer if the tag is not among those that are known.
    fn of_unlisted_tag<'a>(&'a self, instance: &'a Resource, key: &str) -> Answer<'a> {
        let unknown = &instance.details.unknown_tags;
        match (unknown.of(key), &self.test) {
            (TagKnowledge::ValueUnknown, Test::There) => return Answer::Yes,
            (TagKnowledge::ValueUnknown, Test::Absent) => return Answer::No,
            (TagKnowledge::ValueUnknown | TagKnowledge::Unknown, _) => {
                return Answer::Unknown(ConditionDoubt::NotKnown);
            }
            (TagKnowledge::Known, _) => {}
        }
        let is_near = |other: &&String| is_near_miss(other, key) && !is_reserved_key(other);
        let mut others = unknown.keys.iter().chain(&unknown.doubtful);
        if let Some(near) = others.find(is_near) {
            return Answer::Unknown(ConditionDoubt::NearKey(near));
        }
        match near_key(instance, key) {
            Some(near) => self.of_near_key(near),
            None => self.of_absence(),
        }
    }

    fn of_absence(&self) -> Answer<'_> {
        match self.test {
            Test::Absent => Answer::Yes,
            Test::There | Test::AnyOf(_) | Test::NoneOf(_) => Answer::No,
        }
    }

    /// The answer if the resource has a tag whose key is nearly the condition's.
    fn of_near_key<'a>(&'a self, (key, value): (&'a str, &'a str)) -> Answer<'a> {
        let says_it = match &self.test {
            Test::AnyOf(patterns) => patterns.iter().any(|it| it.nearly_matches(value)),
            Test::NoneOf(patterns) => !patterns.iter().any(|it| it.nearly_matches(value)),
            Test::There | Test::Absent => true,
        };
        if says_it {
            Answer::Unknown(ConditionDoubt::NearKey(key))
        } else {
            Answer::No
        }
    }
}

/// The first tag of `instance` whose key a person can take for `wanted`.
fn near_key<'a>(instance: &'a Resource, wanted: &str) -> Option<(&'a str, &'a str)> {
    let tags = instance.tags.iter();
    let mut tags = tags.map(|(key, value)| (key.as_str(), value.as_str()));
    tags.find(|(key, _)| is_near_miss(key, wanted) && !is_reserved_key(key))
}

impl InstanceDetail {
    /// Every detail, in the order of the documents.
    pub const ALL: [Self; 10] = [
        Self::InstanceType,
        Self::VpcId,
        Self::SubnetId,
        Self::ImageId,
        Self::AvailabilityZone,
        Self::InstanceLifecycle,
        Self::KeyName,
        Self::InstanceProfile,
        Self::OwnerId,
        Self::Region,
    ];

    /// The name of EC2's filter; `region` is none of EC2's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceType => "instance-type",
            Self::VpcId => "vpc-id",
            Self::SubnetId => "subnet-id",
            Self::ImageId => "image-id",
            Self::AvailabilityZone => "availability-zone",
            Self::InstanceLifecycle => "instance-lifecycle",
            Self::KeyName => "key-name",
            Self::InstanceProfile => "iam-instance-profile.arn",
            Self::OwnerId => "owner-id",
            Self::Region => "region",
        }
    }

    /// Whether resources of the kind `kind` have it. The VPC of what is attached is that of its instance.
    #[must_use]
    pub fn is_of(self, kind: Kind) -> bool {
        kind.attached_by().is_none()
            || matches!(
                self,
                Self::VpcId | Self::AvailabilityZone | Self::OwnerId | Self::Region
            )
    }

    fn of(self, instance: &Resource) -> Fact<'_> {
        let details = &instance.details;
        // What is attached to nothing is in no VPC.
        let is_detached = instance.kind.attached_by().is_some() && instance.attached_to.is_empty();
        // What every instance has is only left out by an excerpt.
        let (value, is_optional) = match self {
            Self::InstanceType => (details.instance_type.as_deref(), false),
            Self::VpcId => (instance.vpc_id.as_deref(), is_detached),
            Self::SubnetId => (details.subnet_id.as_deref(), false),
            Self::ImageId => (details.image_id.as_deref(), false),
            Self::AvailabilityZone => (details.availability_zone.as_deref(), false),
            Self::OwnerId => (details.owner_id.as_deref(), false),
            Self::Region => (details.region(), false),
            Self::InstanceLifecycle => (details.lifecycle.as_deref(), true),
            Self::KeyName => (details.key_name.as_deref(), true),
            Self::InstanceProfile => (details.profile_arn.as_deref(), true),
        };
        match value.filter(|value| !value.is_empty()) {
            Some(value) => Fact::Value(value),
            None if is_optional && details.is_whole => Fact::Absent,
            None => Fact::NotKnown,
        }
    }
}

impl fmt::Display for ConditionSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) => write!(f, "tag:{key}"),
            Self::Detail(detail) => f.write_str(detail.as_str()),
        }
    }
}

/// As people write it: `tag:Env = prod, stage*`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        let (sign, patterns) = match &self.test {
            Test::There => return write!(f, "{subject}"),
            Test::Absent => return write!(f, "!{subject}"),
            Test::AnyOf(patterns) => ("=", patterns),
            Test::NoneOf(patterns) => ("!=", patterns),
        };
        write!(f, "{subject} {sign}")?;
        for (position, pattern) in patterns.iter().enumerate() {
            let separator = if position == 0 { " " } else { ", " };
            write!(f, "{separator}{pattern}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RuleConditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, condition) in self.conditions.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{condition}")?;
        }
        Ok(())
    }
}

/// For a sentence: `it is not known`, or what is nearly right.
impl fmt::Display for ConditionDoubt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKnown => f.write_str("its description does not say it"),
            Self::NearValue(value) => write!(f, "its value {:?} is nearly right", beginning(value)),
            Self::NearKey(key) => write!(f, "its tag {:?} has nearly that key", beginning(key)),
        }
    }
}

/// As much of `text` as a sentence shows.
fn beginning(text: &str) -> &str {
    const LONGEST: usize = 64;
    let end = text.char_indices().nth(LONGEST);
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests;

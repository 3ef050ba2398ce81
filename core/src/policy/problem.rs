//! The problems that a policy table can have.

use std::borrow::Cow;
use std::fmt;

use super::condition::InvalidCondition;
use super::function::InvalidFunction;
use super::pattern::InvalidPattern;
use super::source::InvalidSource;
use super::times::InvalidNotice;
use super::who::InvalidContact;
use crate::resource::InvalidKinds;

/// One problem of the policy table, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position of the row among those given, from 0; `None` for a problem of the whole table.
    pub row: Option<usize>,
    /// The `RuleId`; `None` if the row has none that can be read.
    pub rule_id: Option<i64>,
    /// The attribute; `None` for a problem of the whole table.
    pub attribute: Option<Cow<'static, str>>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// The kinds of problems that a policy table can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The table holds no rules.
    #[error("the table has no rules")]
    EmptyTable,
    /// A required attribute is absent or blank.
    #[error("is missing")]
    Missing,
    /// An attribute has the wrong DynamoDB type.
    #[error("must be a {expected}, found {found}")]
    WrongType {
        /// The type that it must have.
        expected: &'static str,
        /// The value that it has, as JSON.
        found: String,
    },
    /// `Action` is not one of [`Action::NAMES`](super::Action::NAMES).
    #[error("{0:?} is not an action: use Update, UserLookup, Function, Notify, Stop or Terminate")]
    UnknownAction(String),
    /// `Required` is neither Y nor N.
    #[error("must be Y or N, found {0:?}")]
    NotYesOrNo(String),
    /// Two rules have the same tag key.
    #[error("{key:?} already has a rule: rule {first}")]
    RepeatedKey {
        /// The tag key.
        key: String,
        /// The first rule with that key.
        first: i64,
    },
    /// An earlier rule for the key applies wherever this one could.
    #[error(
        "can never apply: rule {first} has the same key and comes first wherever this one could"
    )]
    NeverApplies {
        /// The earlier rule.
        first: i64,
    },
    /// `WhenExpired` is not one of [`WhenExpired::NAMES`](super::WhenExpired::NAMES).
    #[error("{0:?} is not known: use Notify, Stop or Terminate")]
    UnknownWhenExpired(String),
    /// `AtMost` without end dates.
    #[error("has no effect without WhenExpired, which makes the tag's value an end date")]
    NeedsWhenExpired,
    /// `AtMost` is not a number of days.
    #[error("must be a number of whole days such as 90d, found {0:?}")]
    NotDays(String),
    /// `Notice` is not times.
    #[error(transparent)]
    Notice(#[from] InvalidNotice),
    /// `Notice` of a rule that shuts nothing down.
    #[error("has no effect: the rule shuts nothing down, neither by Action nor by WhenExpired")]
    NoticeOfNothing,
    /// A word in the place of an end date has wildcards.
    #[error(
        "{0:?} has a wildcard: with WhenExpired, Allowed lists the words that may stand in the place of a date, such as never"
    )]
    WildWord(String),
    /// `WhenExpired` with the action UserLookup.
    #[error("needs an end date in the tag, and Action UserLookup writes a name")]
    NameIsNoDate,
    /// `Default` of a rule with end dates is not one.
    #[error(
        "{0:?} is not an end date: write a date such as 2026-12-31, or use Action Function with today()+30d"
    )]
    DefaultIsNoDate(String),
    /// What the rule writes would be due before its notice is over.
    #[error("{value} is within the notice, or has passed at once: use at least today()+{least}d")]
    DefaultWithinNotice {
        /// The function.
        value: String,
        /// The least number of days ahead.
        least: i64,
    },
    /// What the rule writes lies further ahead than `AtMost`.
    #[error("{value} is further ahead than AtMost allows ({limit} days)")]
    DefaultTooFar {
        /// The function.
        value: String,
        /// The most days ahead.
        limit: i64,
    },
    /// Two conditions of a rule exclude each other.
    #[error("can never hold: {0:?} and {1:?} exclude each other")]
    NeverHolds(String, String),
    /// `When` is not conditions.
    #[error(transparent)]
    Condition(#[from] InvalidCondition),
    /// Two rows have the same id. A policy file can have this problem; a table cannot.
    #[error("is also used by another rule")]
    RepeatedId,
    /// A rule has the report's template.
    #[error("must be in a row of its own: this row is a rule")]
    TemplateInRule,
    /// Two rows have the report's template.
    #[error("is in the table twice: row {first} also has it")]
    RepeatedTemplate {
        /// The first row with a template.
        first: i64,
    },
    /// A rule or the template's row has a hold.
    #[error("must be in a row of its own: this row is {0}")]
    HoldInRow(&'static str),
    /// `Hold` is null or blank.
    #[error("must give a reason, such as \"the network is being moved\"")]
    NoReason,
    /// Two rows have a hold.
    #[error("is in the table twice: row {first} also has it")]
    RepeatedHold {
        /// The first row with a hold.
        first: i64,
    },
    /// The table's format is newer than this version of tagwarden.
    #[error("{0} is newer than tagwarden {version}, so nothing is done: use a version that reads format {0}", version = env!("CARGO_PKG_VERSION"))]
    NewerFormat(i64),
    /// `PolicyFormat` is not the number of a format.
    #[error("must be 2, found {0}: a table of the older format has no such row")]
    NotAFormat(i64),
    /// Two rows have a format.
    #[error("is in the table twice: row {first} also has it")]
    RepeatedFormat {
        /// The first row with a format.
        first: i64,
    },
    /// An attribute of another kind of row.
    #[error("must be in a row of its own: this row is {0}")]
    InRow(&'static str),
    /// An attribute that tagwarden does not know, in format 2.
    #[error("is not an attribute that tagwarden knows: begin the name of your own column with x-")]
    UnknownAttribute,
    /// An attribute of format 2 is there without a value.
    #[error("says nothing: give it a value, or remove it")]
    SaysNothing,
    /// A list has a part that is not a pattern.
    #[error("{0}")]
    Pattern(InvalidPattern),
    /// The value that a rule would write is not one that it allows.
    #[error("{value:?} is not a value that Allowed allows{hint}", hint = did_you_mean(nearest.as_deref()))]
    DefaultNotAllowed {
        /// The value of `Default`.
        value: String,
        /// The allowed value that was probably meant.
        nearest: Option<String>,
    },
    /// `From` has a part that is not a source.
    #[error(transparent)]
    Source(#[from] InvalidSource),
    /// `ResourceTypes` names what is not a kind.
    #[error(transparent)]
    Kinds(#[from] InvalidKinds),
    /// A rule shuts down what may not be shut down.
    #[error("{shutdown} is not for {nouns}: they are only tagged and reported; use {instead}")]
    ShutdownOfKind {
        /// The value of the attribute.
        shutdown: &'static str,
        /// What the attribute may be.
        instead: &'static str,
        /// The kinds that the rule is for.
        nouns: String,
    },
    /// A condition asks for what a kind does not have.
    #[error("asks for {detail}, which {nouns} do not have: give them a rule of their own")]
    DetailOfKind {
        /// The detail's name.
        detail: &'static str,
        /// The kind.
        nouns: &'static str,
    },
    /// `From: instance` of a rule for instances alone.
    #[error("instance is a source for volumes: add ResourceTypes with volume")]
    SourceOfKind,
    /// A source is the rule's own tag.
    #[error("tag:{0} is the rule's own tag: name another one")]
    OwnSource(String),
    /// A rule has `From` and never writes a value of it.
    #[error("is not used with Action {0}: use Update or Function")]
    SourceUnused(String),
    /// `Contact` is not an address.
    #[error(transparent)]
    Contact(#[from] InvalidContact),
    /// A who row has neither `Contact` nor `Tags`.
    #[error("says nothing: the row needs Contact, Tags or both")]
    WhoSaysNothing,
    /// A tag of a who row has a key that cannot be written.
    #[error("{0:?} is not a key that tagwarden can write")]
    UnwritableKey(String),
    /// A key with a character that people cannot see, in format 2.
    #[error(
        "{0:?} has blanks around it, or characters that nobody sees: no other key looks the same"
    )]
    HiddenCharacters(String),
    /// A key that people can take for the exemption's, in format 2.
    #[error("{0:?} looks like the key of an exemption, tagwarden:exempt-until: use another key")]
    ExemptionKey(String),
    /// A key or value has more characters than EC2 allows.
    #[error("must have at most {limit} characters, found {length}")]
    TooLong {
        /// The number of characters it has.
        length: usize,
        /// The most characters it may have.
        limit: usize,
    },
    /// The key is reserved for AWS.
    #[error("{0:?} begins with aws:, which is reserved for AWS")]
    ReservedKey(String),
    /// The key is reserved for tagwarden.
    #[error("{0:?} begins with tagwarden:, which is reserved for tagwarden")]
    OwnKey(String),
    /// `Action` is Update and `Default` is absent or blank.
    #[error("is missing: Action Update needs the value to write")]
    NoDefault,
    /// `Action` is Function and `Default` is not a function.
    #[error(transparent)]
    Function(#[from] InvalidFunction),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |value| format!(": did you mean {value:?}?"))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.rule_id {
            write!(f, "rule {id}: ")?;
        }
        if let Some(attribute) = &self.attribute {
            write!(f, "{attribute} ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// The problems of a policy table that is not valid and must not be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    pub(super) problems: Vec<Problem>,
}

impl InvalidPolicy {
    /// The problems, in the order of the rule ids; never empty.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "the policy has {count} problem{plural}: ")?;
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidPolicy {}

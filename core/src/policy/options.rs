//! What a rule says beyond its five columns: the attributes of `PolicyFormat` 2.

use super::allowed::AllowedValues;
use super::condition::RuleConditions;
use super::source::Source;
use super::times::Notice;
use super::when_expired::EndDateRule;
use crate::resource::Kinds;

/// The optional attributes of a rule. A rule of an older table has none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleOptions {
    /// `Allowed`: the values that the tag may have; `None` if it may have any.
    pub allowed: Option<AllowedValues>,
    /// `From`: where the value is taken from before the rule's own, in this order; empty if there is no such source.
    pub from: Vec<Source>,
    /// `When`: which resources the rule is for; `None` if it is for all.
    pub when: Option<RuleConditions>,
    /// `ResourceTypes`: the kinds of resources that the rule is for.
    pub kinds: Kinds,
    /// `WhenExpired` and `AtMost`: the tag's value is an end date; `None` if it is not.
    pub end_date: Option<EndDateRule>,
    /// `Notice`: when a shutdown by this rule is announced. A rule whose end dates shut down has one day if the table says
    /// nothing.
    pub notice: Option<Notice>,
}

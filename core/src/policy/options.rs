//! What a rule says beyond its five columns: the attributes of `PolicyFormat` 2.

use super::allowed::AllowedValues;
use super::condition::RuleConditions;
use super::source::Source;

/// The optional attributes of a rule. A rule of an older table has none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleOptions {
    /// `Allowed`: the values that the tag may have; `None` if it may have any.
    pub allowed: Option<AllowedValues>,
    /// `From`: where the value is taken from before the rule's own, in this order; empty if there is no such source.
    pub from: Vec<Source>,
    /// `When`: which resources the rule is for; `None` if it is for all.
    pub when: Option<RuleConditions>,
}

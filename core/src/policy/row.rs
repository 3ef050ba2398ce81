//! The rows of the policy table, before they are validated.

use serde_json::{Map, Value};

/// One row of the policy table: attribute names and values. A DynamoDB number is a JSON number.
pub type Row = Map<String, Value>;

/// The attributes of a rule, in the order in which people write them. tagwarden ignores all others.
pub const ATTRIBUTES: [&str; 5] = ["RuleId", "TagKey", "Action", "Required", "Default"];

/// The attribute that holds the [report's template](super::ReportTemplate), in a row that is not a rule.
pub const TEMPLATE_ATTRIBUTE: &str = "ReportTemplate";

/// The attribute that holds the reason of a [hold](super::Policy::hold), in a row that is not a rule.
pub const HOLD_ATTRIBUTE: &str = "Hold";

/// Whether tagwarden reads the attribute `name`, in a rule, in the template's row or in a hold.
#[must_use]
pub fn is_own_attribute(name: &str) -> bool {
    name == TEMPLATE_ATTRIBUTE || name == HOLD_ATTRIBUTE || ATTRIBUTES.contains(&name)
}

/// Whether a row holds the [report's template](super::ReportTemplate) and is not a rule: it has `ReportTemplate`, and no
/// attribute of a rule except `RuleId`. Null and blank values count as absent, because the console writes them for
/// attributes that people leave empty.
#[must_use]
pub fn is_template_row(row: &Row) -> bool {
    has(row, TEMPLATE_ATTRIBUTE) && !has_rule_attribute(row)
}

/// Whether a row is a [hold](super::Policy::hold) and not a rule: it has `Hold`, and no attribute of a rule except `RuleId`.
///
/// A `Hold` that is null or blank counts too: a brake without a reason must be a problem that names it.
#[must_use]
pub fn is_hold_row(row: &Row) -> bool {
    row.contains_key(HOLD_ATTRIBUTE) && !has(row, TEMPLATE_ATTRIBUTE) && !has_rule_attribute(row)
}

/// Whether the row has an attribute of a rule except `RuleId`.
fn has_rule_attribute(row: &Row) -> bool {
    let mut of_rule = ATTRIBUTES.iter().filter(|name| **name != "RuleId");
    of_rule.any(|name| has(row, name))
}

/// Whether the row has the attribute with a value that is not blank.
pub(super) fn has(row: &Row, attribute: &str) -> bool {
    match row.get(attribute) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_attributes() {
        for own in [
            "RuleId",
            "TagKey",
            "Action",
            "Required",
            "Default",
            "ReportTemplate",
            "Hold",
        ] {
            assert!(is_own_attribute(own), "{own}");
        }
        for foreign in ["", "Comment", "hold", "Rule"] {
            assert!(!is_own_attribute(foreign), "{foreign}");
        }
    }
}

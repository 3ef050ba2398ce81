//! The rows of the policy table, before they are validated.

use serde_json::{Map, Value};

/// One row of the policy table: attribute names and values. A DynamoDB number is a JSON number.
pub type Row = Map<String, Value>;

/// The attributes of a rule, in the order in which people write them. tagwarden ignores all others.
pub const ATTRIBUTES: [&str; 5] = ["RuleId", "TagKey", "Action", "Required", "Default"];

/// The attribute that holds the [report's template](super::ReportTemplate), in a row that is not a rule.
pub const TEMPLATE_ATTRIBUTE: &str = "ReportTemplate";

/// Whether tagwarden reads the attribute `name`, in a rule or in the template's row.
#[must_use]
pub fn is_own_attribute(name: &str) -> bool {
    name == TEMPLATE_ATTRIBUTE || ATTRIBUTES.contains(&name)
}

/// Whether a row holds the [report's template](super::ReportTemplate) and is not a rule: it has `ReportTemplate`, and no
/// attribute of a rule except `RuleId`. Null and blank values count as absent, because the console writes them for
/// attributes that people leave empty.
#[must_use]
pub fn is_template_row(row: &Row) -> bool {
    let mut of_rule = ATTRIBUTES.iter().filter(|name| **name != "RuleId");
    has(row, TEMPLATE_ATTRIBUTE) && !of_rule.any(|name| has(row, name))
}

/// Whether the row has the attribute with a value that is not blank.
pub(super) fn has(row: &Row, attribute: &str) -> bool {
    match row.get(attribute) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    }
}

//! The rows of the policy table, before they are validated.

use serde_json::{Map, Value};

/// One row of the policy table: attribute names and values. A DynamoDB number is a JSON number.
pub type Row = Map<String, Value>;

/// The attributes of a rule that every version knows, in the order in which people write them.
pub const ATTRIBUTES: [&str; 5] = ["RuleId", "TagKey", "Action", "Required", "Default"];

/// The attributes of a rule that a table has only with the row `{RuleId, PolicyFormat: 2}`, in the order in which people
/// write them. Without that row they are columns of somebody else.
pub const OPTIONAL_ATTRIBUTES: [&str; 7] = [
    "Allowed",
    "From",
    "When",
    "ResourceTypes",
    "WhenExpired",
    "Notice",
    "AtMost",
];

/// The attributes of a [who row](super::WhoRow), in the order in which people write them. As those of
/// [`OPTIONAL_ATTRIBUTES`], only format 2 has them.
pub const WHO_ATTRIBUTES: [&str; 3] = ["Who", "Contact", "Tags"];

/// The attribute that holds the [report's template](super::ReportTemplate), in a row that is not a rule.
pub const TEMPLATE_ATTRIBUTE: &str = "ReportTemplate";

/// The attribute that holds the [letters' template](super::LetterTemplate), in a row that is not a rule. As those of
/// [`OPTIONAL_ATTRIBUTES`], only format 2 has it.
pub const LETTER_TEMPLATE_ATTRIBUTE: &str = "LetterTemplate";

/// The attribute that holds the reason of a [hold](super::Policy::hold), in a row that is not a rule.
pub const HOLD_ATTRIBUTE: &str = "Hold";

/// The attribute that holds the number of the table's [format](super::PolicyFormat), in a row that is not a rule.
pub const FORMAT_ATTRIBUTE: &str = "PolicyFormat";

/// The attribute for people's notes, which every row may have in every format.
pub const COMMENT_ATTRIBUTE: &str = "Comment";

/// What the names of other columns must begin with in [format 2](super::PolicyFormat::V2).
pub const FOREIGN_PREFIX: &str = "x-";

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A rule.
    Rule,
    /// The report's template.
    Template,
    /// A hold.
    Hold,
    /// The table's format.
    Format,
    /// A who row. In a table of the older format, it is a rule without a tag key.
    Who,
    /// The letters' template. In a table of the older format, it is a rule without a tag key.
    LetterTemplate,
}

impl RowKind {
    /// What the row is. Everything that is nothing else is a rule.
    ///
    /// Null and blank values of the rule's old attributes count as absent, because the console writes them for
    /// attributes that people leave empty. A brake or a format without a value counts, so that it is a problem that
    /// names it.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        if has_rule_attribute(row) {
            Self::Rule
        } else if has(row, TEMPLATE_ATTRIBUTE) {
            Self::Template
        } else if row.contains_key(HOLD_ATTRIBUTE) {
            Self::Hold
        } else if row.contains_key(FORMAT_ATTRIBUTE) {
            Self::Format
        } else if row.contains_key("Who") {
            Self::Who
        } else if row.contains_key(LETTER_TEMPLATE_ATTRIBUTE) {
            Self::LetterTemplate
        } else {
            Self::Rule
        }
    }

    /// What the row is, for sentences.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Rule => "a rule",
            Self::Template => "the report's template",
            Self::Hold => "a hold",
            Self::Format => "the table's format",
            Self::Who => "a who row",
            Self::LetterTemplate => "the letters' template",
        }
    }

    /// The attributes that a row of this kind has, except `RuleId`.
    pub fn attributes(self) -> impl Iterator<Item = &'static str> {
        let (own, optional): (&[&str], &[&str]) = match self {
            Self::Rule => (&ATTRIBUTES, &OPTIONAL_ATTRIBUTES),
            Self::Template => (&[TEMPLATE_ATTRIBUTE], &[]),
            Self::Hold => (&[HOLD_ATTRIBUTE], &[]),
            Self::Format => (&[FORMAT_ATTRIBUTE], &[]),
            Self::Who => (&WHO_ATTRIBUTES, &[]),
            Self::LetterTemplate => (&[LETTER_TEMPLATE_ATTRIBUTE], &[]),
        };
        let all = own.iter().chain(optional).copied();
        all.filter(|name| *name != "RuleId")
    }
}

/// The attributes that tagwarden reads, of rows of every kind, in the order in which people write them.
pub fn own_attributes() -> impl Iterator<Item = &'static str> {
    let others = [TEMPLATE_ATTRIBUTE, HOLD_ATTRIBUTE, FORMAT_ATTRIBUTE];
    let of_rules = ATTRIBUTES.into_iter().chain(OPTIONAL_ATTRIBUTES);
    let of_letters = WHO_ATTRIBUTES
        .into_iter()
        .chain([LETTER_TEMPLATE_ATTRIBUTE]);
    of_rules.chain(others).chain(of_letters)
}

/// Whether only [format 2](super::PolicyFormat::V2) has the attribute `name`. In an older table it is somebody else's column.
#[must_use]
pub fn is_newer_attribute(name: &str) -> bool {
    OPTIONAL_ATTRIBUTES.contains(&name)
        || WHO_ATTRIBUTES.contains(&name)
        || name == LETTER_TEMPLATE_ATTRIBUTE
}

/// Whether tagwarden reads the attribute `name`, in a row of any kind.
#[must_use]
pub fn is_own_attribute(name: &str) -> bool {
    own_attributes().any(|own| own == name)
}

/// Whether an attribute with this name belongs to people, in every format: `Comment`, and what begins with `x-`.
#[must_use]
pub fn is_foreign_attribute(name: &str) -> bool {
    name == COMMENT_ATTRIBUTE || name.starts_with(FOREIGN_PREFIX)
}

/// Whether a row is one that only [format 2](super::PolicyFormat::V2) has: a rule with a newer attribute, a who row, or the
/// letters' template.
#[must_use]
pub fn needs_format_2(row: &Row) -> bool {
    let mut newer = OPTIONAL_ATTRIBUTES.iter();
    match RowKind::of(row) {
        RowKind::Rule => newer.any(|name| row.contains_key(*name)),
        RowKind::Who | RowKind::LetterTemplate => true,
        RowKind::Template | RowKind::Hold | RowKind::Format => false,
    }
}

/// Whether the row has an old attribute of a rule except `RuleId`.
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
            "PolicyFormat",
            "Allowed",
            "From",
            "Who",
            "Contact",
            "Tags",
            "LetterTemplate",
        ] {
            assert!(is_own_attribute(own), "{own}");
        }
        for foreign in ["", "Comment", "hold", "Rule"] {
            assert!(!is_own_attribute(foreign), "{foreign}");
        }
    }

    #[test]
    fn peoples_columns_are_known_by_their_names() {
        for (name, is_foreign) in [
            ("Comment", true),
            ("x-agreed", true),
            ("x-", true),
            ("comment", false),
            ("X-agreed", false),
            ("When", false),
        ] {
            assert_eq!(is_foreign_attribute(name), is_foreign, "{name}");
        }
    }
}

//! What is valid in a running table, but hardly meant.

use std::fmt;

use super::key::is_own_key;
use super::table::Policy;
use crate::exemption::{EXEMPTION_KEY, is_exemption_like};
use crate::likeness::has_hidden_characters;

/// Something in a valid policy that was hardly meant. A policy file with it is refused; a table that has it keeps its
/// meaning, because functions run by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCaution {
    /// The rule's `RuleId`.
    pub rule_id: i64,
    /// Its tag key.
    pub tag_key: String,
    /// What is wrong with the key.
    pub kind: KeyCaution,
}

/// What is wrong with a tag key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCaution {
    /// It has [hidden characters](has_hidden_characters).
    Hidden,
    /// It [looks like the key of an exemption](is_exemption_like).
    LikeExemption,
}

impl KeyCaution {
    /// What is wrong with `key`, if anything is. Keys that no rule may have at all are problems, and not of this kind.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        if has_hidden_characters(key) {
            Some(Self::Hidden)
        } else if is_exemption_like(key) && !is_own_key(key) {
            Some(Self::LikeExemption)
        } else {
            None
        }
    }
}

impl fmt::Display for KeyCaution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("has blanks around it, or characters that nobody sees"),
            Self::LikeExemption => {
                write!(f, "looks like the key of an exemption, {EXEMPTION_KEY}")
            }
        }
    }
}

impl fmt::Display for PolicyCaution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule_id,
            tag_key,
            kind,
        } = self;
        write!(f, "rule {rule_id}: TagKey {tag_key:?} {kind}")
    }
}

impl Policy {
    /// What is valid but hardly meant, in the order of the rules.
    pub fn cautions(&self) -> impl Iterator<Item = PolicyCaution> {
        self.rules().iter().filter_map(|rule| {
            Some(PolicyCaution {
                rule_id: rule.id,
                tag_key: rule.tag_key.clone(),
                kind: KeyCaution::of(&rule.tag_key)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_keys_that_were_hardly_meant() {
        let keys = [
            "Owner",
            "Owner ",
            "Ow\u{200b}ner",
            "exempt-until",
            "Project Code",
        ];
        let rows = keys.iter().zip(1..).map(|(key, id)| {
            let row = json!({"RuleId": id, "TagKey": key, "Action": "Notify", "Required": "N"});
            row.as_object().unwrap().clone()
        });
        let policy = Policy::from_rows(rows).unwrap();
        let cautions: Vec<String> = policy.cautions().map(|it| it.to_string()).collect();
        assert_eq!(
            cautions,
            [
                "rule 2: TagKey \"Owner \" has blanks around it, or characters that nobody sees",
                "rule 3: TagKey \"Ow\\u{200b}ner\" has blanks around it, or characters that nobody sees",
                "rule 4: TagKey \"exempt-until\" looks like the key of an exemption, tagwarden:exempt-until",
            ]
        );
    }
}

//! The tags to write, as code to paste.
//!
//! A value that only its author knows is left empty: the policy finds an empty value too, so that what is pasted and
//! forgotten does not pass.

use std::fmt::Write as _;

use tagwarden_core::preflight::{FixTag, comment, yaml_list};

/// How the tags of a resource are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixLanguage {
    /// Terraform: a map `tags`.
    HclMap,
    /// Terraform: blocks `tag` of an Auto Scaling group.
    HclBlocks,
    /// Terraform: an `aws_instance` in the place of a Spot request.
    SpotRequest,
    /// A template in YAML: a list `Tags`, whose items may have `PropagateAtLaunch`.
    YamlList { propagates: bool },
    /// A template in JSON: the same.
    JsonList { propagates: bool },
}

impl FixLanguage {
    /// Its name in Markdown.
    pub fn name(self) -> &'static str {
        match self {
            Self::HclMap | Self::HclBlocks | Self::SpotRequest => "hcl",
            Self::YamlList { .. } => "yaml",
            Self::JsonList { .. } => "json",
        }
    }
}

/// The code that writes `tags`; empty for none.
pub fn code(language: FixLanguage, tags: &[&FixTag]) -> String {
    if tags.is_empty() {
        return String::new();
    }
    match language {
        FixLanguage::YamlList { propagates } => yaml_list(tags, propagates),
        FixLanguage::JsonList { propagates } => json_list(tags, propagates),
        FixLanguage::HclMap => hcl_map(tags),
        FixLanguage::HclBlocks => hcl_blocks(tags),
        FixLanguage::SpotRequest => format!(
            "# in an aws_instance, in the place of the request:\n\
             instance_market_options {{\n  market_type = \"spot\"\n}}\n{}",
            hcl_map(tags)
        ),
    }
}

fn hcl_map(tags: &[&FixTag]) -> String {
    let keys = tags.iter().map(|tag| hcl_key(&tag.key));
    let keys: Vec<String> = keys.collect();
    let width = keys.iter().map(|key| key.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut code = "tags = {\n".to_owned();
    for (key, tag) in keys.iter().zip(tags) {
        let _ = writeln!(code, "  {key:width$} = {}{}", hcl_value(tag), comment(tag));
    }
    code.push_str("}\n");
    code
}

fn hcl_blocks(tags: &[&FixTag]) -> String {
    let blocks = tags.iter().map(|tag| {
        format!(
            "tag {{\n  key                 = {}\n  value               = {}{}\n  propagate_at_launch = true\n}}\n",
            hcl_text(&tag.key),
            hcl_value(tag),
            comment(tag)
        )
    });
    blocks.collect()
}

fn json_list(tags: &[&FixTag], propagates: bool) -> String {
    let items = tags.iter().map(|tag| {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let value = tag.value.as_deref().unwrap_or_default();
        let propagation = if propagates {
            ", \"PropagateAtLaunch\": true"
        } else {
            ""
        };
        format!(
            "  {{\"Key\": {}, \"Value\": {}{propagation}}}",
            json(&tag.key),
            json(value)
        )
    });
    let items: Vec<String> = items.collect();
    format!("\"Tags\": [\n{}\n]\n", items.join(",\n"))
}

fn hcl_value(tag: &FixTag) -> String {
    hcl_text(tag.value.as_deref().unwrap_or_default())
}

/// A key of a map: an identifier, or a text.
fn hcl_key(key: &str) -> String {
    let is_start = |first: char| first.is_ascii_alphabetic() || first == '_';
    let is_identifier = key.starts_with(is_start)
        && key
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    // Words of the language.
    let is_word = matches!(key, "null" | "true" | "false" | "for");
    if is_identifier && !is_word {
        key.to_owned()
    } else {
        hcl_text(key)
    }
}

/// A quoted text.
///
/// See [Strings and Templates](https://developer.hashicorp.com/terraform/language/expressions/strings).
fn hcl_text(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => quoted.extend([character, character]),
            other if other.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: Option<&str>, hint: Option<&str>) -> FixTag {
        FixTag {
            key: key.to_owned(),
            value: value.map(ToOwned::to_owned),
            hint: hint.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn writes_each_form() {
        let tags = [
            tag("Owner", None, Some("fill in")),
            tag("Cost Center", Some("a\"b ${c} %{d} $e\\\n"), None),
        ];
        let tags: Vec<&FixTag> = tags.iter().collect();
        assert_eq!(
            code(FixLanguage::HclMap, &tags),
            r#"tags = {
  Owner         = "" # fill in
  "Cost Center" = "a\"b $${c} %%{d} $e\\\n"
}
"#
        );
        assert_eq!(
            code(FixLanguage::HclBlocks, &tags[..1]),
            r#"tag {
  key                 = "Owner"
  value               = "" # fill in
  propagate_at_launch = true
}
"#
        );
        assert!(code(FixLanguage::SpotRequest, &tags[..1]).contains("market_type = \"spot\""));
        assert_eq!(code(FixLanguage::HclMap, &[]), "");
        let propagates = true;
        assert_eq!(
            code(FixLanguage::YamlList { propagates }, &tags),
            r#"Tags:
  - Key: Owner
    Value: "" # fill in
    PropagateAtLaunch: true
  - Key: "Cost Center"
    Value: "a\"b ${c} %{d} $e\\\n"
    PropagateAtLaunch: true
"#
        );
        let propagates = false;
        assert_eq!(
            code(FixLanguage::JsonList { propagates }, &tags),
            r#""Tags": [
  {"Key": "Owner", "Value": ""},
  {"Key": "Cost Center", "Value": "a\"b ${c} %{d} $e\\\n"}
]
"#
        );
    }

    #[test]
    fn quotes_what_is_not_an_identifier() {
        for (key, expected) in [
            ("Owner", "Owner"),
            ("cost-center_2", "cost-center_2"),
            ("2nd", "\"2nd\""),
            ("team:owner", "\"team:owner\""),
            ("for", "\"for\""),
            ("", "\"\""),
        ] {
            assert_eq!(hcl_key(key), expected);
        }
    }
}

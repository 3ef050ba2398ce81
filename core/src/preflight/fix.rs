//! A tag to write, and the code that writes it in a template.
//!
//! A value that only its author knows is left empty: the policy finds an empty value too, so that what is pasted and
//! forgotten does not pass.

/// A tag to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixTag {
    /// Its key.
    pub key: String,
    /// The value; `None` if only its author knows it.
    pub value: Option<String>,
    /// What the value may be.
    pub hint: Option<String>,
}

/// The property `Tags` of a template in YAML with these tags. With `propagates`, each has `PropagateAtLaunch`.
#[must_use]
pub fn yaml_list(tags: &[&FixTag], propagates: bool) -> String {
    let items = tags.iter().map(|tag| {
        let value = tag.value.as_deref().unwrap_or_default();
        let (key, value) = (yaml_text(&tag.key), yaml_text(value));
        let propagation = if propagates {
            "    PropagateAtLaunch: true\n"
        } else {
            ""
        };
        format!(
            "  - Key: {key}\n    Value: {value}{}\n{propagation}",
            comment(tag)
        )
    });
    let items: String = items.collect();
    format!("Tags:\n{items}")
}

/// A text as it is, if YAML takes it for nothing else; quoted as JSON otherwise.
fn yaml_text(text: &str) -> String {
    let is_plain = text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "_-./@".contains(it));
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if is_plain && !words.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// What the value may be, as a comment in YAML and HCL; empty if that is not known.
#[must_use]
pub fn comment(tag: &FixTag) -> String {
    match &tag.hint {
        Some(hint) => format!(" # {}", hint.replace(['\n', '\r'], " ")),
        None => String::new(),
    }
}

//! Tags as properties: a list of mappings with `Key` and `Value`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::value::PropertyValue;
use crate::preflight::PlannedTags;

/// The tags in a property.
#[derive(Clone, Debug, Default)]
pub struct TagList {
    /// The tags.
    pub tags: PlannedTags,
    /// Where each tag is, in bytes.
    pub places: BTreeMap<String, Range<usize>>,
    /// The keys of the tags that instances do not get.
    pub lost: Vec<String>,
}

/// Reads the property `Tags`. With `needs_propagation`, only tags with `PropagateAtLaunch` count.
#[must_use]
pub fn list(property: &PropertyValue<'_>, needs_propagation: bool) -> TagList {
    let mut found = TagList::default();
    match property {
        PropertyValue::Absent => {}
        PropertyValue::List(items) => {
            for item in items {
                let one = of_item(item, needs_propagation);
                found.tags = found.tags.overlaid(&one.tags);
                found.places.extend(one.places);
                found.lost.extend(one.lost);
            }
        }
        PropertyValue::Either(both) => {
            return or(
                list(&both.0, needs_propagation),
                list(&both.1, needs_propagation),
            );
        }
        // Some types have a mapping, and a template that is wrong has anything.
        PropertyValue::Unknown | PropertyValue::Text { .. } | PropertyValue::Map { .. } => {
            found.tags.add_unknown_keys();
        }
    }
    found
}

fn or(first: TagList, second: TagList) -> TagList {
    let mut places = first.places;
    places.extend(second.places);
    TagList {
        tags: first.tags.or(&second.tags),
        places,
        // What is lost in one case only may reach the instances in the other.
        lost: first
            .lost
            .into_iter()
            .filter(|key| second.lost.contains(key))
            .collect(),
    }
}

fn of_item(item: &PropertyValue<'_>, needs_propagation: bool) -> TagList {
    let mut found = TagList::default();
    let span = match item {
        PropertyValue::Absent => return found,
        PropertyValue::Either(both) => {
            return or(
                of_item(&both.0, needs_propagation),
                of_item(&both.1, needs_propagation),
            );
        }
        PropertyValue::Map { span, .. } => span.clone(),
        // A list in the list, such as one that a function gives.
        PropertyValue::List(_) => return list(item, needs_propagation),
        PropertyValue::Unknown | PropertyValue::Text { .. } => {
            found.tags.add_unknown_keys();
            return found;
        }
    };
    let key = item.get("Key");
    let PropertyValue::Text {
        text: key,
        is_secret: is_key_secret,
    } = key
    else {
        found.tags.add_unknown_keys();
        return found;
    };
    if needs_propagation {
        match item.get("PropagateAtLaunch") {
            PropertyValue::Text { text, .. } if text.eq_ignore_ascii_case("true") => {}
            PropertyValue::Text { .. } | PropertyValue::Absent => {
                found.lost.push(key);
                return found;
            }
            _ => {
                found.tags.set_doubtful(&key);
                return found;
            }
        }
    }
    match item.get("Value") {
        PropertyValue::Text { text, is_secret } => {
            found.tags.set(&key, &text);
            if is_secret {
                found.tags.hide(&key);
            }
        }
        PropertyValue::Absent => found.tags.set(&key, ""),
        _ => found.tags.set_unknown(&key),
    }
    if is_key_secret {
        found.tags.hide_all();
    }
    found.places.insert(key, span);
    found
}

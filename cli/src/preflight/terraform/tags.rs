//! Tags as attributes: a map of keys and values, or a list of blocks.

use tagwarden_core::preflight::PlannedTags;

use super::value::PlannedValue;

/// The tags in a map.
pub fn map(attribute: PlannedValue<'_>) -> PlannedTags {
    if attribute.is_unknown() {
        return PlannedTags::unknown();
    }
    let mut tags = PlannedTags::default();
    if attribute.is_sensitive() {
        tags.hide_all();
    }
    let values = attribute.value.as_object().into_iter().flatten();
    let unknown = attribute.unknown.as_object().into_iter().flatten();
    for key in values
        .map(|(key, _)| key)
        .chain(unknown.map(|(key, _)| key))
    {
        let value = attribute.get(key);
        match value.scalar() {
            _ if value.is_unknown() => tags.set_unknown(key),
            Some(text) => tags.set(key, &text),
            // Providers differ in what they make of null.
            None => tags.set_doubtful(key),
        }
        if value.is_sensitive() {
            tags.hide(key);
        }
    }
    tags
}

/// The tags of a resource with `tags`, and `tags_all` with the provider's default tags.
///
/// Where `tags_all` is unknown, its own tags count, and there may be any others. The provider also calls it unknown where
/// there are no tags at all, so that it says nothing where no provider has default tags.
pub fn with_defaults(resource: PlannedValue<'_>, has_no_defaults: bool) -> PlannedTags {
    let own = map(resource.get("tags"));
    let all = resource.get("tags_all");
    if all.is_unknown() {
        let mut tags = own;
        if !has_no_defaults {
            tags.add_unknown_keys();
        }
        return tags;
    }
    // Providers before default tags have no tags_all.
    if all.value.is_null() && all.unknown.is_null() {
        return own;
    }
    let mut tags = map(all);
    // The marks of what is sensitive are on the resource's own tags only.
    tags.hide_as(&own);
    tags
}

/// The blocks `tag` of an Auto Scaling group, as far as they reach its instances, and the keys of those that do not.
pub fn propagated(group: PlannedValue<'_>) -> (PlannedTags, Vec<String>) {
    let mut tags = PlannedTags::default();
    let mut lost = Vec::new();
    // `tags` is the older form: a list of maps.
    for attribute in [group.get("tag"), group.get("tags")] {
        if attribute.is_unknown() {
            tags.add_unknown_keys();
            continue;
        }
        if attribute.is_sensitive() {
            tags.hide_all();
        }
        for block in attribute.items() {
            let key = block.get("key");
            let propagates = block.get("propagate_at_launch");
            let Some(text) = key.text() else {
                tags.add_unknown_keys();
                continue;
            };
            let value = block.get("value");
            match propagates.scalar().as_deref() {
                Some("true" | "1") => match value.scalar() {
                    Some(value) => tags.set(text, &value),
                    None => tags.set_unknown(text),
                },
                Some(_) => lost.push(text.to_owned()),
                None => tags.set_doubtful(text),
            }
            if key.is_sensitive() {
                tags.hide_all();
            }
            if value.is_sensitive() {
                tags.hide(text);
            }
        }
    }
    (tags, lost)
}

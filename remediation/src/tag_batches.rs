//! Groups instances that get or lose the same tags into one call.

use std::collections::BTreeMap;

/// A tag: its key and its value.
pub type Tag = (String, String);

/// The tags of one call, in the order of the rules.
pub type Tags = Vec<Tag>;

/// The ids of the instances that get or lose the same tags, by these tags, which stay in the order in which they come.
///
/// Takes an instance's id, a key and a value for each tag. Of two values for one key of one instance the last one
/// counts.
pub fn group_by_tags<'a>(
    tags: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) -> BTreeMap<Tags, Vec<String>> {
    let mut tags_of: BTreeMap<&str, Tags> = BTreeMap::new();
    for (id, key, value) in tags {
        let tags = tags_of.entry(id).or_default();
        tags.retain(|(earlier, _)| earlier != key);
        tags.push((key.to_owned(), value.to_owned()));
    }
    let mut ids_of: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    for (id, tags) in tags_of {
        ids_of.entry(tags).or_default().push(id.to_owned());
    }
    ids_of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_instances_with_the_same_tags() {
        let groups = group_by_tags([
            ("i-2", "Project", "Shop"),
            ("i-1", "Project", "Old"),
            ("i-1", "Project", "Shop"),
            ("i-1", "Owner", "ann"),
            ("i-2", "Owner", "ann"),
            ("i-3", "Owner", "ann"),
        ]);
        let tags = |tags: &[(&str, &str)]| -> Tags {
            let tags = tags.iter();
            tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let expected = [
            (tags(&[("Owner", "ann")]), vec!["i-3".to_owned()]),
            (
                tags(&[("Project", "Shop"), ("Owner", "ann")]),
                vec!["i-1".to_owned(), "i-2".to_owned()],
            ),
        ];
        assert_eq!(groups, expected.into());
    }
}

//! Tags that are resources of their own: `aws_ec2_tag`, also for the instance of a Spot request, and
//! `aws_autoscaling_group_tag`.

use std::collections::BTreeMap;

use serde_json::Value;
use tagwarden_core::preflight::PlannedTags;

use super::configuration::Configuration;
use super::plan::{ResourceChange, TerraformPlan};
use super::tags;
use super::value::{PlannedValue, items, member};

/// A type of resource that is a tag.
struct TagType {
    name: &'static str,
    /// The attribute that refers to what it is on.
    attribute: &'static str,
    /// The types and attributes that this may refer to.
    targets: &'static [(&'static str, &'static str)],
}

const TYPES: [TagType; 2] = [
    TagType {
        name: "aws_ec2_tag",
        attribute: "resource_id",
        targets: &[
            ("aws_instance", "id"),
            ("aws_spot_instance_request", "spot_instance_id"),
        ],
    },
    TagType {
        name: "aws_autoscaling_group_tag",
        attribute: "autoscaling_group_name",
        targets: &[
            ("aws_autoscaling_group", "name"),
            ("aws_autoscaling_group", "id"),
        ],
    },
];

/// The tags of a plan that are resources of their own, by what they are on: the module, the type and the name of its block.
#[derive(Debug, Default)]
pub struct AttachedTags<'p>(BTreeMap<(&'p str, &'p str, &'p str), Vec<ResourceChange<'p>>>);

impl<'p> AttachedTags<'p> {
    /// Finds them.
    pub fn new(plan: &TerraformPlan<'p>, configuration: &Configuration<'p>) -> Self {
        let mut attached = Self::default();
        for change in plan.changes.iter().filter(|change| change.remains()) {
            let Some(tag) = TYPES.iter().find(|it| it.name == change.type_name) else {
                continue;
            };
            let expression = member(configuration.expressions(change), tag.attribute);
            let references = items(member(expression, "references")).iter();
            let found = references.filter_map(Value::as_str).find_map(|text| {
                let (type_name, rest) = text.split_once('.')?;
                let (named, attribute) = rest.rsplit_once('.')?;
                let is_target = tag.targets.contains(&(type_name, attribute));
                let name = named.split('[').next().unwrap_or(named);
                is_target.then_some((type_name, name))
            });
            if let Some((type_name, name)) = found {
                let block = (change.module, type_name, name);
                attached.0.entry(block).or_default().push(*change);
            }
        }
        attached
    }

    /// Adds those that are on the resource of `change`.
    pub fn add_to(&self, tags: &mut PlannedTags, change: &ResourceChange<'p>) {
        let block = (change.module, change.type_name, change.name);
        for attached in self.0.get(&block).into_iter().flatten() {
            // Which copy has which is not known, unless they have the same index.
            let is_certain = attached.index == change.index;
            if attached.type_name == "aws_autoscaling_group_tag" {
                let (own, _) = tags::propagated(attached.after);
                let both = tags.clone().overlaid(&own);
                *tags = if is_certain {
                    both
                } else {
                    tags.clone().or(&both)
                };
            } else {
                add_one(tags, attached.after, is_certain);
            }
        }
    }
}

fn add_one(tags: &mut PlannedTags, after: PlannedValue<'_>, is_certain: bool) {
    let Some(key) = after.get("key").text() else {
        tags.add_unknown_keys();
        return;
    };
    match after.get("value").scalar() {
        _ if !is_certain => tags.set_doubtful(key),
        Some(value) => tags.set(key, &value),
        None => tags.set_unknown(key),
    }
    if after.get("value").is_sensitive() {
        tags.hide(key);
    }
}

//! Launch templates, and the tags that they bring.

use tagwarden_core::InstanceDetails;
use tagwarden_core::preflight::PlannedTags;

use super::configuration::Configuration;
use super::details::{details_of, first_expression};
use super::index::{PlanEntry, PlanIndex};
use super::plan::ResourceChange;
use super::tags;
use super::value::{PlannedValue, items, member};

const TEMPLATE: &str = "aws_launch_template";

/// What a launch template brings to the instances.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    pub tags: PlannedTags,
    pub details: InstanceDetails,
}

impl Brought {
    /// Nothing is known of it.
    fn unknown() -> Self {
        Self {
            tags: PlannedTags::unknown(),
            details: InstanceDetails::default(),
        }
    }
}

/// What the template brings that the block `specification` of `change` names, with `expression` in the configuration.
pub fn brought<'p>(
    specification: PlannedValue<'_>,
    expression: &serde_json::Value,
    change: &ResourceChange<'p>,
    index: &PlanIndex<'p>,
) -> Brought {
    let version = specification.get("version");
    match entry(specification, expression, change, index) {
        Some(template) if is_this_version(&template, version) => Brought {
            tags: tags_of(template.after),
            details: details_of(template.after),
        },
        _ => Brought::unknown(),
    }
}

/// The template: by its id, by its name, or by what the configuration refers to.
fn entry<'p>(
    specification: PlannedValue<'_>,
    expression: &serde_json::Value,
    change: &ResourceChange<'p>,
    index: &PlanIndex<'p>,
) -> Option<PlanEntry<'p>> {
    // A group names it `id` and `name`, its mixed instances policy as the others.
    for (member_name, attribute) in [
        ("id", "id"),
        ("launch_template_id", "id"),
        ("name", "name"),
        ("launch_template_name", "name"),
    ] {
        if let Some(value) = specification.get(member_name).text() {
            return index.with(TEMPLATE, attribute, value);
        }
    }
    let names = ["id", "launch_template_id", "name", "launch_template_name"];
    names.iter().find_map(|name| {
        let expression = member(expression, name);
        index.referenced(expression, TEMPLATE, change)
    })
}

/// Whether the tags that the plan knows are those of the version that is asked for.
fn is_this_version(template: &PlanEntry<'_>, version: PlannedValue<'_>) -> bool {
    let is_new = template.change.is_some_and(|change| change.does("create"));
    let after = template.after;
    let latest = after.get("latest_version").scalar();
    match version.scalar().as_deref() {
        // The number of a version that the plan makes is not known yet.
        None if version.is_unknown() => true,
        Some("$Latest") => true,
        None | Some("" | "$Default") => {
            let default = after.get("default_version").scalar();
            is_new
                || after.get("update_default_version").value == true
                || (default.is_some() && default == latest)
        }
        Some(number) => latest.as_deref() == Some(number) || (is_new && number == "1"),
    }
}

/// The tags for instances.
fn tags_of(template: PlannedValue<'_>) -> PlannedTags {
    let specifications = template.get("tag_specifications");
    if specifications.is_unknown() {
        return PlannedTags::unknown();
    }
    let mut found = PlannedTags::default();
    for specification in specifications.items() {
        match specification.get("resource_type").text() {
            Some("instance") => found = found.overlaid(&tags::map(specification.get("tags"))),
            Some(_) => {}
            None => found.add_unknown_keys(),
        }
    }
    found
}

/// What the template of an Auto Scaling group brings; nothing for a group with a launch configuration.
pub fn of_group<'p>(
    change: &ResourceChange<'p>,
    configuration: &Configuration<'p>,
    index: &PlanIndex<'p>,
) -> Brought {
    let group = change.after;
    let expressions = configuration.expressions(change);
    let own = group.get("launch_template");
    let mixed = group.get("mixed_instances_policy");
    if let Some(specification) = own.first() {
        let expression = first_expression(expressions, "launch_template");
        return brought(specification, expression, change, index);
    }
    if let Some(policy) = mixed.first() {
        let template = policy.get("launch_template").first();
        let specification = template.and_then(|it| it.get("launch_template_specification").first());
        let overrides = template.is_some_and(|it| has_templates(it.get("override")));
        let expression = [
            "mixed_instances_policy",
            "launch_template",
            "launch_template_specification",
        ];
        let expression = expression
            .iter()
            .fold(expressions, |it, name| first_expression(it, name));
        return match specification {
            // A group that mixes several templates has the tags of one of them.
            Some(specification) if !overrides => brought(specification, expression, change, index),
            _ => Brought::unknown(),
        };
    }
    if own.is_unknown() || mixed.is_unknown() {
        return Brought::unknown();
    }
    Brought::default()
}

/// Whether an override of a mixed instances policy has a template of its own.
fn has_templates(overrides: PlannedValue<'_>) -> bool {
    overrides.is_unknown()
        || overrides
            .items()
            .any(|it| !it.get("launch_template_specification").is_absent())
}

/// What the template of an instance brings.
pub fn of_instance<'p>(
    change: &ResourceChange<'p>,
    configuration: &Configuration<'p>,
    index: &PlanIndex<'p>,
) -> Brought {
    let own = change.after.get("launch_template");
    let expressions = configuration.expressions(change);
    let is_written = !items(member(expressions, "launch_template")).is_empty();
    match own.first() {
        Some(specification) => {
            let expression = first_expression(expressions, "launch_template");
            brought(specification, expression, change, index)
        }
        // The provider computes the attribute, so it is unknown also where nobody wrote it.
        None if own.is_unknown() && (is_written || expressions.is_null()) => Brought::unknown(),
        None => Brought::default(),
    }
}

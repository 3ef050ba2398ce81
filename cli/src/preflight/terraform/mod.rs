//! The plans of Terraform and `OpenTofu`: what `terraform show -json` writes of a saved plan.
//!
//! See [JSON Output Format](https://developer.hashicorp.com/terraform/internals/json-format).
//!
//! | module | what it holds |
//! |---|---|
//! | `plan` | the document, as it is written |
//! | `value` | an attribute of which parts may be unknown or sensitive |
//! | `tags` | tags as attributes |
//! | `attached` | tags that are resources of their own |
//! | `configuration` | what the configuration says where the plan does not know the result |
//! | `details` | what conditions ask about |
//! | `index` | the plan's resources, by their references and ids |
//! | `template` | launch templates, and the tags that they bring |
//! | `resource` | the resources that make instances |
//! | [`source`] | where a resource is defined |

mod attached;
mod configuration;
mod details;
mod index;
mod plan;
mod resource;
pub mod source;
mod tags;
mod template;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::planned::{InputFormat, PreflightInput};
use crate::words::count;
use attached::AttachedTags;
use configuration::Configuration;
use index::PlanIndex;
use plan::{ResourceChange, TerraformPlan};
use resource::PlanReader;
use source::SourceTree;

const VERSION: &str =
    "Use a version of tagwarden that reads it, or one of Terraform that writes format 1.";

const AGAIN: &str = "Write the plan again, with `terraform show -json`.";

/// What makes instances, and is not judged.
const NOT_JUDGED: [(&str, &str); 6] = [
    ("aws_batch_compute_environment", MAKES_INSTANCES),
    ("aws_ec2_fleet", MAKES_INSTANCES),
    ("aws_eks_node_group", MAKES_INSTANCES),
    ("aws_emr_cluster", MAKES_INSTANCES),
    (
        "aws_imagebuilder_infrastructure_configuration",
        MAKES_INSTANCES,
    ),
    ("aws_spot_fleet_request", MAKES_INSTANCES),
];

const MAKES_INSTANCES: &str =
    "it launches instances, and their tags are not in a form that is read yet";

/// Reads the JSON document of a plan. `path` is what the file is called.
///
/// # Errors
/// The plan is of another form: what is wrong with the file, and what to do.
pub fn read(
    document: &Value,
    path: String,
    mut source: Option<&mut SourceTree>,
) -> Result<PreflightInput, (String, &'static str)> {
    check_version(document.get("format_version"))?;
    let plan = TerraformPlan::new(document).map_err(|name| {
        let what = format!("is not a plan as Terraform writes it: {name} is of another form");
        (what, AGAIN)
    })?;
    let configuration = Configuration::new(plan.configuration);
    let index = PlanIndex::new(&plan);
    let secrets = secrets(&plan, &configuration);
    let attached = AttachedTags::new(&plan, &configuration);
    let reader = PlanReader {
        attached: &attached,
        configuration: &configuration,
        index: &index,
    };
    let mut resources = Vec::new();
    let mut not_judged: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (change, is_deferred) in changes(&plan) {
        let known = NOT_JUDGED
            .iter()
            .find(|(name, _)| *name == change.type_name);
        if let Some((name, why)) = known {
            not_judged.entry(name).or_insert((0, why)).0 += 1;
        }
        let Some(mut resource) = reader.read(change, is_deferred) else {
            continue;
        };
        resource.launch.tags.hide_texts(&secrets);
        if let Some(source) = &mut source {
            resource.place = source.place(&configuration, change);
        }
        resources.push(resource);
    }
    let mut notes = notes(&plan);
    notes.extend(not_judged.iter().map(|(name, (number, why))| {
        let what = count(*number, "resource");
        format!("{what} of type {name} not judged: {why}.")
    }));
    Ok(PreflightInput {
        path,
        format: InputFormat::TerraformPlan,
        tool: tool(&plan),
        resources,
        notes,
    })
}

/// Refuses a format that this version does not know.
fn check_version(version: Option<&Value>) -> Result<(), (String, &'static str)> {
    let Some(version) = version.filter(|version| !version.is_null()) else {
        return Ok(());
    };
    let text = version.as_str().unwrap_or_default();
    let major = text.split('.').next().and_then(|it| it.parse::<u32>().ok());
    match major {
        Some(0 | 1) => Ok(()),
        Some(_) => Err((
            format!(
                "is a plan of the format_version {text}, and this version of tagwarden reads 1"
            ),
            VERSION,
        )),
        None => Err((format!("has the format_version {version}"), AGAIN)),
    }
}

/// The changes that create or update a resource, and whether each is deferred to a later plan.
fn changes<'a, 'p>(
    plan: &'a TerraformPlan<'p>,
) -> impl Iterator<Item = (&'a ResourceChange<'p>, bool)> {
    let now = plan.changes.iter().map(|change| (change, false));
    let deferred = plan.deferred.iter().map(|change| (change, true));
    now.chain(deferred).filter(|(change, _)| change.is_judged())
}

/// What the reader of the findings must know about the whole plan.
fn notes(plan: &TerraformPlan<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if plan.is_errored {
        let note = "Terraform could not finish the plan: what is not in it is not judged.";
        notes.push(note.to_owned());
    }
    if !plan.deferred.is_empty() {
        let what = count(plan.deferred.len(), "change");
        let note = format!(
            "{what} deferred to a later plan: tags that are not in this one are not known."
        );
        notes.push(note);
    }
    notes
}

fn tool(plan: &TerraformPlan<'_>) -> Option<String> {
    let version = plan.terraform_version?;
    let mut providers = plan.changes.iter().map(|change| change.provider);
    let is_tofu = providers.any(|name| name.starts_with("registry.opentofu.org/"));
    let name = if is_tofu { "OpenTofu" } else { "Terraform" };
    Some(format!("{name} {version}"))
}

/// The texts in sensitive variables. The marks of a plan get lost on the way through a provider's default tags.
fn secrets(plan: &TerraformPlan<'_>, configuration: &Configuration<'_>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for (name, variable) in plan.variables.into_iter().flatten() {
        if configuration.is_sensitive_variable(name) {
            add_texts(variable.get("value").unwrap_or(&Value::Null), &mut texts);
        }
    }
    texts
}

fn add_texts(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if !text.is_empty() => {
            texts.insert(text.clone());
        }
        Value::Number(number) => {
            texts.insert(number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| add_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|item| add_texts(item, texts)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

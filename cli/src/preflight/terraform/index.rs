//! The plan's resources, by what refers to them: their blocks, their ids, their names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plan::{ResourceChange, TerraformPlan};
use super::value::{PlannedValue, items, member};

/// A resource of the plan, or what a data source read.
#[derive(Clone, Copy, Debug)]
pub struct PlanEntry<'p> {
    pub index: &'p Value,
    pub after: PlannedValue<'p>,
    /// The change; `None` if the plan does not touch it.
    pub change: Option<ResourceChange<'p>>,
}

/// A block: the address of the module that it is in, its mode, type and name.
type Block<'p> = (&'p str, &'p str, &'p str, &'p str);

/// What the plan knows of resources that others refer to.
#[derive(Debug, Default)]
pub struct PlanIndex<'p> {
    blocks: BTreeMap<Block<'p>, Vec<PlanEntry<'p>>>,
    /// By type, attribute and value.
    values: BTreeMap<(&'p str, &'static str, &'p str), PlanEntry<'p>>,
}

/// The types that others refer to.
const TYPES: [&str; 2] = ["aws_launch_template", "aws_subnet"];

impl<'p> PlanIndex<'p> {
    /// Finds what others may refer to.
    pub fn new(plan: &TerraformPlan<'p>) -> Self {
        let mut index = Self::default();
        for change in &plan.changes {
            if TYPES.contains(&change.type_name) && change.remains() {
                let mode = if change.mode == "data" {
                    "data"
                } else {
                    "managed"
                };
                let block = (change.module, mode, change.type_name, change.name);
                index.add(
                    block,
                    PlanEntry {
                        index: change.index,
                        after: change.after,
                        change: Some(*change),
                    },
                );
            }
        }
        index.add_prior(plan.prior);
        index
    }

    /// Adds what the state before knew and the plan does not change: what data sources read, and old resources.
    fn add_prior(&mut self, module: &'p Value) {
        let address = member(module, "address").as_str().unwrap_or_default();
        for resource in items(member(module, "resources")) {
            let of = |name: &str| member(resource, name).as_str().unwrap_or_default();
            let block = (address, of("mode"), of("type"), of("name"));
            if !TYPES.contains(&block.2) {
                continue;
            }
            let index = member(resource, "index");
            let known = self.blocks.get(&block).into_iter().flatten();
            if known.clone().all(|entry| entry.index != index) {
                self.add(
                    block,
                    PlanEntry {
                        index,
                        after: PlannedValue::known(member(resource, "values")),
                        change: None,
                    },
                );
            }
        }
        for module in items(member(module, "child_modules")) {
            self.add_prior(module);
        }
    }

    fn add(&mut self, block: Block<'p>, entry: PlanEntry<'p>) {
        for name in ["id", "name"] {
            if let Some(value) = entry.after.get(name).text() {
                self.values.entry((block.2, name, value)).or_insert(entry);
            }
        }
        self.blocks.entry(block).or_default().push(entry);
    }

    /// The resource of this type whose `attribute` is `value`.
    pub fn with(
        &self,
        type_name: &str,
        attribute: &'static str,
        value: &str,
    ) -> Option<PlanEntry<'p>> {
        let values = &self.values;
        values
            .get(&(type_name, attribute, value) as &(&str, &str, &str))
            .copied()
    }

    /// The one resource of this type that an expression of `change` refers to; `None` if there is none, or it may be one
    /// of several.
    pub fn referenced(
        &self,
        expression: &Value,
        type_name: &str,
        change: &ResourceChange<'p>,
    ) -> Option<PlanEntry<'p>> {
        let references = items(member(expression, "references")).iter();
        let references: Vec<&str> = references.filter_map(Value::as_str).collect();
        let named = references.iter().filter_map(|it| reference(it, type_name));
        let named: BTreeSet<Reference<'_>> = named.collect();
        let blocks: BTreeSet<(&str, &str)> = named.iter().map(|it| (it.mode, it.name)).collect();
        let [(mode, name)] = *Vec::from_iter(blocks) else {
            return None;
        };
        let entries = self
            .blocks
            .get(&(change.module, mode, type_name, name) as &(&str, &str, &str, &str))?;
        if let [only] = entries.as_slice() {
            return Some(*only);
        }
        let indexes: BTreeSet<&str> = named.iter().filter_map(|it| it.index).collect();
        let has = |name: &str| references.iter().any(|it| it.starts_with(name));
        let wanted = match *Vec::from_iter(indexes) {
            [only] => serde_json::from_str(only).ok()?,
            [] if has("each.key") || has("count.index") => change.index.clone(),
            _ => return None,
        };
        let found = entries.iter().find(|it| *it.index == wanted);
        found.copied()
    }
}

/// A reference to a resource: `data.aws_launch_template.web[0].id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference<'r> {
    mode: &'r str,
    name: &'r str,
    /// As JSON.
    index: Option<&'r str>,
}

fn reference<'r>(text: &'r str, type_name: &str) -> Option<Reference<'r>> {
    let (mode, rest) = match text.strip_prefix("data.") {
        Some(rest) => ("data", rest),
        None => ("managed", text),
    };
    let rest = rest.strip_prefix(type_name)?.strip_prefix('.')?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let index = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    Some(Reference {
        mode,
        name,
        index: index.map(|(index, _)| index),
    })
}

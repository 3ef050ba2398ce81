//! The document, as it is written. Members that are absent or null have no content.

use serde_json::{Map, Value};

use super::value::{PlannedValue, items, member, text};

/// A plan.
#[derive(Clone, Debug)]
pub struct TerraformPlan<'p> {
    pub terraform_version: Option<&'p str>,
    pub changes: Vec<ResourceChange<'p>>,
    /// The changes that a later plan will make.
    pub deferred: Vec<ResourceChange<'p>>,
    /// The root module of the state before, with what data sources read.
    pub prior: &'p Value,
    pub configuration: &'p Value,
    pub variables: Option<&'p Map<String, Value>>,
    /// Whether planning ended with an error.
    pub is_errored: bool,
}

/// What the plan does to one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceChange<'p> {
    pub address: &'p str,
    /// The module that it is in, such as `module.web[0]`; empty for the root module.
    pub module: &'p str,
    pub mode: &'p str,
    pub type_name: &'p str,
    pub name: &'p str,
    /// The key or number under `for_each` or `count`.
    pub index: &'p Value,
    pub provider: &'p str,
    pub actions: &'p Value,
    /// The resource as it will be.
    pub after: PlannedValue<'p>,
}

impl<'p> TerraformPlan<'p> {
    /// The plan in a document.
    ///
    /// # Errors
    /// A member is not of the format: its name.
    pub fn new(document: &'p Value) -> Result<Self, &'static str> {
        for name in ["resource_changes", "deferred_changes"] {
            let changes = member(document, name);
            if !changes.is_null() && !changes.is_array() {
                return Err(name);
            }
        }
        let changes = items(member(document, "resource_changes")).iter();
        let deferred = items(member(document, "deferred_changes")).iter();
        let deferred = deferred.map(|it| ResourceChange::new(member(it, "resource_change")));
        Ok(Self {
            terraform_version: member(document, "terraform_version").as_str(),
            changes: changes
                .map(ResourceChange::new)
                .collect::<Option<_>>()
                .ok_or("resource_changes")?,
            deferred: deferred.collect::<Option<_>>().ok_or("deferred_changes")?,
            prior: member(
                member(member(document, "prior_state"), "values"),
                "root_module",
            ),
            configuration: member(document, "configuration"),
            variables: member(document, "variables").as_object(),
            is_errored: member(document, "errored") == true,
        })
    }
}

impl<'p> ResourceChange<'p> {
    /// The change; `None` if it says neither what nor how.
    fn new(value: &'p Value) -> Option<Self> {
        let change = member(value, "change");
        Some(Self {
            address: member(value, "address").as_str()?,
            module: text(value, "module_address"),
            mode: text(value, "mode"),
            type_name: member(value, "type").as_str()?,
            name: text(value, "name"),
            index: member(value, "index"),
            provider: text(value, "provider_name"),
            actions: member(change, "actions"),
            after: PlannedValue {
                value: member(change, "after"),
                unknown: member(change, "after_unknown"),
                sensitive: member(change, "after_sensitive"),
            },
        })
    }

    /// Whether it does `action`, alone or with others, as a replacement does.
    pub fn does(&self, action: &str) -> bool {
        items(self.actions).iter().any(|it| it == action)
    }

    /// Whether the resource is made or changed by this plan, and not only read.
    pub fn is_judged(&self) -> bool {
        self.mode != "data" && (self.does("create") || self.does("update"))
    }

    /// Whether the resource is there afterwards.
    pub fn remains(&self) -> bool {
        !self.after.value.is_null()
    }
}

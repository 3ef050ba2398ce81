//! Small plans of every shape, as `terraform show -json` writes them.

use serde_json::{Map, Value, json};

/// A plan that creates resources.
#[derive(Clone, Debug)]
pub struct Plan {
    pub changes: Vec<Value>,
    pub blocks: Vec<Value>,
    pub others: Map<String, Value>,
}

/// A resource that a plan creates.
#[derive(Clone, Debug)]
pub struct Resource {
    pub change: Value,
    pub expressions: Value,
}

impl Plan {
    pub fn of(resources: impl IntoIterator<Item = Resource>) -> Self {
        let mut plan = Self {
            changes: Vec::new(),
            blocks: Vec::new(),
            others: Map::new(),
        };
        for resource in resources {
            plan = plan.with(resource);
        }
        plan
    }

    pub fn with(mut self, resource: Resource) -> Self {
        let Resource {
            change,
            expressions,
        } = resource;
        self.blocks.push(json!({
            "address": change["address"], "mode": change["mode"], "type": change["type"], "name": change["name"],
            "provider_config_key": "aws", "expressions": expressions, "schema_version": 2,
        }));
        self.changes.push(change);
        self
    }

    /// Sets a member of the plan.
    pub fn set(mut self, name: &str, value: Value) -> Self {
        self.others.insert(name.to_owned(), value);
        self
    }

    pub fn json(&self) -> Value {
        let mut plan = json!({
            "format_version": "1.2",
            "terraform_version": "1.9.5",
            "planned_values": {"root_module": {}},
            "resource_changes": self.changes,
            "configuration": {
                "provider_config": {"aws": {
                    "name": "aws", "full_name": "registry.terraform.io/hashicorp/aws",
                    "expressions": {"default_tags": [{"tags": {}}], "region": {"constant_value": "eu-west-1"}},
                }},
                "root_module": {"resources": self.blocks},
            },
        });
        for (name, value) in &self.others {
            plan[name] = value.clone();
        }
        plan
    }
}

/// A resource `TYPE.NAME` that is created with these attributes. Those with `UNKNOWN` are unknown.
pub fn resource(address: &str, attributes: Value) -> Resource {
    let (type_name, name) = address.split_once('.').unwrap();
    let mut after = attributes;
    let unknown = take_unknown(&mut after);
    Resource {
        change: json!({
            "address": address, "mode": "managed", "type": type_name, "name": name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {
                "actions": ["create"], "before": null, "after": after, "after_unknown": unknown,
                "before_sensitive": false, "after_sensitive": {},
            },
        }),
        expressions: json!({}),
    }
}

/// What stands in attributes for what is unknown.
pub const UNKNOWN: &str = "(known after apply)";

/// Takes what is unknown out of a value, and returns the marks of it.
fn take_unknown(value: &mut Value) -> Value {
    match value {
        Value::String(text) if text == UNKNOWN => {
            *value = Value::Null;
            Value::Bool(true)
        }
        Value::Array(items) => items.iter_mut().map(take_unknown).collect(),
        Value::Object(members) => {
            let marks = members
                .iter_mut()
                .map(|(name, member)| (name.clone(), take_unknown(member)));
            let marks: Map<String, Value> = marks.filter(|(_, mark)| is_mark(mark)).collect();
            members.retain(|name, _| marks.get(name) != Some(&Value::Bool(true)));
            Value::Object(marks)
        }
        _ => Value::Null,
    }
}

fn is_mark(mark: &Value) -> bool {
    !mark.is_null()
}

impl Resource {
    /// Sets a member of the change, such as `actions`.
    pub fn change(mut self, name: &str, value: Value) -> Self {
        self.change["change"][name] = value;
        self
    }

    /// Sets a member of the resource, such as `module_address`.
    pub fn set(mut self, name: &str, value: Value) -> Self {
        self.change[name] = value;
        self
    }

    pub fn actions(self, actions: &[&str]) -> Self {
        self.change("actions", json!(actions))
    }

    /// What the configuration says.
    pub fn written(mut self, expressions: Value) -> Self {
        self.expressions = expressions;
        self
    }
}

/// The tags of an instance, which are also those with the default tags.
pub fn instance(address: &str, tags: Value) -> Resource {
    resource(address, json!({"tags": tags, "tags_all": tags}))
}

/// The block `tag` of a group.
pub fn block(key: &str, value: &str, propagates: bool) -> Value {
    json!({"key": key, "value": value, "propagate_at_launch": propagates})
}

/// A launch template with tags for instances.
pub fn template(address: &str, tags: Value) -> Resource {
    resource(
        address,
        json!({
            "id": UNKNOWN, "latest_version": UNKNOWN, "default_version": UNKNOWN,
            "tag_specifications": [
                {"resource_type": "volume", "tags": {"Owner": "volumes"}},
                {"resource_type": "instance", "tags": tags},
            ],
        }),
    )
}

/// A group with the template that the configuration refers to.
pub fn group(address: &str, tags: Value, template: &str) -> Resource {
    let attributes = json!({
        "tag": tags, "mixed_instances_policy": [],
        "launch_template": [{"id": UNKNOWN, "name": UNKNOWN, "version": "$Latest"}],
    });
    let references = json!({"references": [format!("{template}.id"), template]});
    resource(address, attributes).written(json!({"launch_template": [{"id": references}]}))
}

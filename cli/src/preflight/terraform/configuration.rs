//! What the configuration says where the plan does not know the result: references, and what is written at all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::ResourceChange;
use super::value::{items, member, text};

/// The configuration of a plan.
#[derive(Debug)]
pub struct Configuration<'p> {
    root: &'p Value,
    providers: &'p Value,
    /// The blocks of all modules: the names of the modules around one, its mode, its type and its name.
    blocks: BTreeMap<(String, &'p str, &'p str, &'p str), &'p Value>,
}

impl<'p> Configuration<'p> {
    /// The member `configuration` of a plan.
    pub fn new(configuration: &'p Value) -> Self {
        let root = member(configuration, "root_module");
        let mut blocks = BTreeMap::new();
        add_blocks(root, "", &mut blocks);
        Self {
            root,
            providers: member(configuration, "provider_config"),
            blocks,
        }
    }

    /// The expressions of the block that `change` comes from; null if it is not known.
    pub fn expressions(&self, change: &ResourceChange<'_>) -> &'p Value {
        self.block(change)
            .map_or(&Value::Null, |block| member(block, "expressions"))
    }

    fn block(&self, change: &ResourceChange<'_>) -> Option<&'p Value> {
        let modules = module_names(change.module).join(".");
        let mode = if change.mode == "data" {
            "data"
        } else {
            "managed"
        };
        let blocks = &self.blocks;
        let key = (modules, mode, change.type_name, change.name);
        blocks.get(&key as &(String, &str, &str, &str)).copied()
    }

    /// The Region that the provider of `change` is configured for, if it is a constant.
    pub fn region(&self, change: &ResourceChange<'_>) -> Option<&'p str> {
        let key = member(self.block(change)?, "provider_config_key").as_str()?;
        let expressions = member(member(self.providers, key), "expressions");
        member(member(expressions, "region"), "constant_value").as_str()
    }

    /// Whether it is certain that no provider adds default tags, as far as the configuration says.
    pub fn has_no_default_tags(&self) -> bool {
        let mut providers = self.providers.as_object().into_iter().flatten().peekable();
        providers.peek().is_some()
            && providers.all(|(_, provider)| {
                let expressions = member(provider, "expressions");
                expressions.get("default_tags").is_none()
            })
    }

    /// Whether the root module's variable `name` is sensitive.
    pub fn is_sensitive_variable(&self, name: &str) -> bool {
        member(member(member(self.root, "variables"), name), "sensitive") == true
    }

    /// Where the calls of the modules around a resource take them from, the outermost first.
    pub fn module_sources(&self, module: &str) -> Vec<(String, &'p str)> {
        let mut calls = Vec::new();
        let mut here = self.root;
        for name in module_names(module) {
            let call = member(member(here, "module_calls"), name);
            calls.push((name.to_owned(), text(call, "source")));
            here = member(call, "module");
        }
        calls
    }
}

fn add_blocks<'p>(
    module: &'p Value,
    names: &str,
    blocks: &mut BTreeMap<(String, &'p str, &'p str, &'p str), &'p Value>,
) {
    for block in items(member(module, "resources")) {
        let mode = text(block, "mode");
        let key = (
            names.to_owned(),
            mode,
            text(block, "type"),
            text(block, "name"),
        );
        blocks.insert(key, block);
    }
    let calls = member(module, "module_calls").as_object();
    for (name, call) in calls.into_iter().flatten() {
        let separator = if names.is_empty() { "" } else { "." };
        let names = format!("{names}{separator}{name}");
        add_blocks(member(call, "module"), &names, blocks);
    }
}

/// The names in a module's address: `web`, `inner` of `module.web["a.b"].module.inner[0]`.
pub fn module_names(address: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = address;
    while let Some(after) = rest.strip_prefix("module.") {
        let end = after.find(['.', '[']).unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        names.push(name);
        rest = after_index(tail).strip_prefix('.').unwrap_or_default();
    }
    names
}

/// What follows an index such as `["a.b"]`, which `text` may begin with.
fn after_index(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('[') else {
        return text;
    };
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in inner.char_indices() {
        let is_literal = std::mem::replace(&mut is_escaped, false);
        match character {
            _ if is_literal => {}
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ']' if !is_quoted => return inner.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_names_out_of_an_address() {
        for (address, expected) in [
            ("", &[][..]),
            ("module.web", &["web"]),
            ("module.web[0].module.inner", &["web", "inner"]),
            (
                r#"module.a["x.module.y"].module.b["]\""].module.c"#,
                &["a", "b", "c"],
            ),
            ("aws_instance.web", &[]),
        ] {
            assert_eq!(module_names(address), expected, "{address}");
        }
    }
}

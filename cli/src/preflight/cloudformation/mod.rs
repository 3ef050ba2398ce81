//! `CloudFormation` templates, in YAML and JSON, with the templates nested in them.
//!
//! | module | what it holds |
//! |---|---|
//! | `tree` | a text as a tree with places |
//! | [`evaluate`] | what functions, parameters and conditions come to |
//! | `resource` | the resources that make instances |

pub mod evaluate;
mod resource;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tagwarden_core::preflight::template::PropertyValue;

use evaluate::{Evaluator, StackInputs};
use resource::TemplateReader;
use tree::{TemplateEntry, TemplateKind, TemplateNode};

use super::planned::{InputFormat, PlannedResource, PreflightInput};
use crate::pipeline::line_and_column;
use crate::stream;
use crate::words::count;

/// The most templates in templates.
const DEEPEST: usize = 10;

const FIX: &str = "Fix the template: `aws cloudformation validate-template` checks it.";

/// The transforms that add no tags to instances.
const KNOWN_TRANSFORMS: [&str; 2] = ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"];

/// What makes instances, and is not judged.
const NOT_JUDGED: [(&str, &str); 5] = [
    ("AWS::Batch::ComputeEnvironment", MAKES_INSTANCES),
    ("AWS::EC2::EC2Fleet", MAKES_INSTANCES),
    ("AWS::EC2::SpotFleet", MAKES_INSTANCES),
    ("AWS::EKS::Nodegroup", MAKES_INSTANCES),
    ("AWS::EMR::Cluster", MAKES_INSTANCES),
];

const MAKES_INSTANCES: &str =
    "it launches instances, and their tags are not in a form that is read yet";

/// Reads a template. `path` is what the file is called.
///
/// # Errors
/// The text is not a template: what is wrong with the file, and what to do.
pub fn read(
    text: &str,
    path: &str,
    inputs: &StackInputs,
) -> Result<PreflightInput, (String, &'static str)> {
    let mut templates = Templates::default();
    templates.read(text, path, "", inputs)?;
    let Templates {
        resources,
        mut notes,
        not_judged,
        ..
    } = templates;
    notes.extend(not_judged.iter().map(|(name, (number, why))| {
        let what = count(*number, "resource");
        format!("{what} of type {name} not judged: {why}.")
    }));
    Ok(PreflightInput {
        path: path.to_owned(),
        format: InputFormat::CloudFormation,
        tool: None,
        resources,
        notes,
    })
}

/// What was read of a template and those in it.
#[derive(Default)]
struct Templates {
    resources: Vec<PlannedResource>,
    notes: Vec<String>,
    not_judged: BTreeMap<&'static str, (usize, &'static str)>,
    /// The files that are being read.
    open: Vec<PathBuf>,
}

impl Templates {
    fn read(
        &mut self,
        text: &str,
        path: &str,
        prefix: &str,
        inputs: &StackInputs,
    ) -> Result<(), (String, &'static str)> {
        let template = tree::read(text).map_err(|invalid| {
            let (line, column) = line_and_column(text, invalid.at);
            let what = format!(
                "is not a template: line {line}, column {column}: {}",
                invalid.why
            );
            (what, FIX)
        })?;
        let resources = template.get("Resources").map(|it| &it.kind);
        let Some(TemplateKind::Map(resources)) = resources else {
            return Err(("is not a template: it has no Resources".to_owned(), FIX));
        };
        let opening = opening(&template);
        if let Some(why) = &opening {
            let of = if prefix.is_empty() { "" } else { path };
            let separator = if of.is_empty() { "" } else { ": " };
            let note = format!(
                "{of}{separator}The template has {why}, so that no tag is missing for certain."
            );
            self.notes.push(note);
        }
        let reader = TemplateReader {
            template: &template,
            evaluator: Evaluator::new(&template, inputs),
            inputs,
            path,
            text,
            prefix,
            is_open: opening.is_some(),
        };
        let left_out = all(resources).into_iter();
        let left_out = left_out.filter(|entry| reader.is_left_out(entry));
        let left_out: Vec<&str> = left_out.map(|entry| entry.name.as_str()).collect();
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            let note = format!("Not made with these parameters, and not judged: {names}.");
            self.notes.push(note);
        }
        for entry in all(resources) {
            self.resources.extend(reader.read(entry));
            self.note(entry, prefix);
            if let Some(nested) = nested(entry) {
                self.nested(&reader, entry, nested);
            }
        }
        Ok(())
    }

    /// Notes what is not judged.
    fn note(&mut self, entry: &TemplateEntry, prefix: &str) {
        let type_name = entry.value.get("Type").and_then(TemplateNode::text);
        let type_name = type_name.unwrap_or_default();
        if let Some((name, why)) = NOT_JUDGED.iter().find(|(name, _)| *name == type_name) {
            self.not_judged.entry(name).or_insert((0, why)).0 += 1;
        }
        if type_name.ends_with("::MODULE") {
            let note = format!(
                "{prefix}{} is a module, {type_name}, and is not read.",
                entry.name
            );
            self.notes.push(note);
        }
    }

    /// Reads a nested template that is a local file, and names another one.
    fn nested(&mut self, reader: &TemplateReader<'_>, entry: &TemplateEntry, url: &TemplateNode) {
        let name = format!("{}{}", reader.prefix, entry.name);
        let value = reader.evaluator.value(url);
        let PropertyValue::Text {
            text: url,
            is_secret: false,
        } = &value
        else {
            let note =
                format!("The template nested in {name} is not read: where it is is not known.");
            self.notes.push(note);
            return;
        };
        if url.contains("://") || stream::is_stream(Path::new(reader.path)) {
            let note = format!(
                "The template nested in {name} is not read, because it is not a local file: {url}."
            );
            self.notes.push(note);
            return;
        }
        let path = Path::new(reader.path)
            .parent()
            .unwrap_or(Path::new(""))
            .join(url);
        if self.open.len() >= DEEPEST || self.open.contains(&path) {
            let note = format!(
                "The template nested in {name} is not read, because it is nested in itself: {url}."
            );
            self.notes.push(note);
            return;
        }
        let read = stream::read(&path).map_err(|error| error.to_string());
        let inputs = of_nested(reader, entry);
        self.open.push(path.clone());
        let shown = path.display().to_string();
        let read = read.and_then(|text| {
            let prefix = format!("{name}/");
            let read = self.read(&text, &shown, &prefix, &inputs);
            read.map_err(|(what, _)| format!("it {what}"))
        });
        self.open.pop();
        if let Err(why) = read {
            let note = format!("The template nested in {name} is not read: {shown}: {why}.");
            self.notes.push(note);
        }
    }
}

/// The resources, with those that a loop makes.
fn all(resources: &[TemplateEntry]) -> Vec<&TemplateEntry> {
    let mut found = Vec::new();
    for entry in resources {
        if is_loop(entry) {
            let bodies = entry.value.items().iter().flat_map(TemplateNode::entries);
            found.extend(bodies.filter(|it| !is_loop(it)));
        } else {
            found.push(entry);
        }
    }
    found
}

fn is_loop(entry: &TemplateEntry) -> bool {
    entry.name.starts_with("Fn::ForEach")
}

/// What may add tags to the resources of a template; `None` if nothing does.
fn opening(template: &TemplateNode) -> Option<String> {
    let transforms = template.get("Transform");
    let one = transforms.and_then(TemplateNode::text);
    let several = transforms.map(TemplateNode::items).unwrap_or_default();
    let mut names: BTreeSet<&str> = several.iter().filter_map(TemplateNode::text).collect();
    names.extend(one);
    let others = names.iter().find(|name| !KNOWN_TRANSFORMS.contains(name));
    if let Some(name) = others {
        return Some(format!("the transform {name}"));
    }
    // One with parameters is a mapping.
    let is_mapping = |it: &TemplateNode| !it.entries().is_empty();
    if transforms.is_some_and(is_mapping) || several.iter().any(is_mapping) {
        return Some("a transform with parameters".to_owned());
    }
    let resources = template.get("Resources").map(TemplateNode::entries);
    let resources = resources.unwrap_or_default();
    if resources.iter().any(is_loop) {
        return Some("Fn::ForEach over resources".to_owned());
    }
    let has_macro = |entries: &[TemplateEntry]| entries.iter().any(|it| it.name == "Fn::Transform");
    (has_macro(resources) || has_macro(template.entries())).then(|| "Fn::Transform".to_owned())
}

/// Where the template is that a resource nests, if it nests one.
fn nested(entry: &TemplateEntry) -> Option<&TemplateNode> {
    let type_name = entry.value.get("Type").and_then(TemplateNode::text)?;
    let properties = entry.value.get("Properties")?;
    match type_name {
        "AWS::CloudFormation::Stack" => properties.get("TemplateURL"),
        "AWS::Serverless::Application" => properties.get("Location"),
        _ => None,
    }
}

/// What a nested stack gets: its parameters, the tags of the stack above and its own.
fn of_nested(reader: &TemplateReader<'_>, entry: &TemplateEntry) -> StackInputs {
    let properties = entry.value.get("Properties");
    let parameters = properties.and_then(|it| it.get("Parameters"));
    let parameters = parameters.map(TemplateNode::entries).unwrap_or_default();
    let text = |value: &PropertyValue<'_>| value.text().map(ToOwned::to_owned);
    let given = parameters.iter().map(|entry| {
        let value = reader.evaluator.value(&entry.value);
        // Its secrets would lose their mark: they are not known there.
        let is_secret = matches!(
            value,
            PropertyValue::Text {
                is_secret: true,
                ..
            }
        );
        (entry.name.clone(), text(&value).filter(|_| !is_secret))
    });
    let pseudo = reader.inputs.parameters.iter();
    let pseudo = pseudo.filter(|(name, _)| name.starts_with("AWS::"));
    let pseudo = pseudo.map(|(name, value)| (name.clone(), value.clone()));
    let mut tags = reader.inputs.tags.clone();
    let own = properties.and_then(|it| it.get("Tags"));
    if let Some(own) = own.map(|node| reader.evaluator.value(node)) {
        let items = match &own {
            PropertyValue::List(items) => items.as_slice(),
            _ => &[],
        };
        tags.extend(items.iter().filter_map(|item| {
            let key = text(&item.get("Key"))?;
            let value = item.get("Value");
            let is_secret = matches!(
                value,
                PropertyValue::Text {
                    is_secret: true,
                    ..
                }
            );
            Some((key, text(&value).filter(|_| !is_secret)))
        }));
    }
    StackInputs {
        parameters: pseudo.chain(given).collect(),
        tags,
    }
}

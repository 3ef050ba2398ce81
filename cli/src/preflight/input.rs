//! A file: which of the formats it is, or why it is none of them.

use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use super::cloudformation::evaluate::StackInputs;
use super::planned::PreflightInput;
use super::terraform::source::SourceTree;
use super::{cloudformation, terraform};
use crate::exit::CommandError;
use crate::stream;

/// The first bytes of a zip file, which a saved plan is.
const ZIP: &[u8] = b"PK\x03\x04";

const SHOW: &str = "Write the plan as JSON: `terraform plan -out=plan.tfplan`, then `terraform show -json plan.tfplan > plan.json` \
                    (or `tofu`).";

const NEITHER: &str = "is neither a plan of Terraform nor a template of CloudFormation";

const KNOWN: &str = "Give a plan as `terraform show -json` writes it, or a template of CloudFormation in YAML or JSON.";

/// What is known beside the files.
#[derive(Debug, Default)]
pub struct InputContext {
    /// The configuration that plans are of.
    pub source: Option<SourceTree>,
    /// What stacks get.
    pub stack: StackInputs,
}

/// Reads a file or standard input.
///
/// # Errors
/// It cannot be read, or is something else: the message says what.
pub fn open(path: &Path, context: &mut InputContext) -> Result<PreflightInput, CommandError> {
    let name = stream::name(path);
    let bytes = read(path).map_err(|error| {
        CommandError::new(
            &format!("{name:?} cannot be read: {error}"),
            "Check the path and its permissions, then run the command again.",
        )
    })?;
    let refused = |what: &str, what_next: &str| {
        CommandError::new(&format!("{name:?} {what}"), what_next.to_owned())
    };
    if bytes.starts_with(ZIP) {
        return Err(refused("is a plan as `terraform plan -out` saves it", SHOW));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(refused("is not a text in UTF-8 or UTF-16", KNOWN));
    };
    let refuse = |(what, what_next): (String, &'static str)| refused(&what, what_next);
    let json = without_wrapper(&text);
    if !json.starts_with('{') {
        if has_resources(&text) {
            return cloudformation::read(&text, &name, &context.stack).map_err(refuse);
        }
        let (what, what_next) = not_json(json);
        return Err(refused(what, what_next));
    }
    match document(json, json.len() < text.trim_start().len()) {
        Ok(value) => match kind(&value) {
            Kind::Plan => {
                let source = context.source.as_mut();
                terraform::read(&value, name.clone(), source).map_err(refuse)
            }
            Kind::Template => cloudformation::read(&text, &name, &context.stack).map_err(refuse),
            Kind::Other(what, what_next) => Err(refused(what, what_next)),
        },
        Err(_) if is_log(json) => {
            let what = "is the log of `terraform plan -json`, not the plan";
            Err(refused(what, SHOW))
        }
        Err(error) => Err(refused(&format!("is not valid JSON: {error}"), KNOWN)),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream::open(path)?.0.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text without the line that the wrapper of the action hashicorp/setup-terraform writes before it.
fn without_wrapper(text: &str) -> &str {
    let text = text.trim_start();
    match text.strip_prefix("[command]") {
        Some(rest) => rest
            .split_once('\n')
            .map_or("", |(_, json)| json.trim_start()),
        None => text,
    }
}

/// The document. The wrapper writes lines of its own after it.
fn document(json: &str, is_wrapped: bool) -> serde_json::Result<Value> {
    if !is_wrapped {
        return serde_json::from_str(json);
    }
    let mut documents = serde_json::Deserializer::from_str(json).into_iter();
    documents
        .next()
        .unwrap_or_else(|| serde_json::from_str(json))
}

/// What a JSON document is.
enum Kind {
    Plan,
    Template,
    /// Something else, and what to do.
    Other(&'static str, &'static str),
}

fn kind(document: &Value) -> Kind {
    let has = |name: &str| document.get(name).is_some();
    if has("resource_changes") || has("planned_values") {
        Kind::Plan
    } else if has("Resources") {
        Kind::Template
    } else if has("lineage") || has("serial") {
        Kind::Other("is a state of Terraform, not a plan", SHOW)
    } else if has("format_version") && (has("values") || has("terraform_version")) {
        Kind::Other(
            "is the JSON of a state, not of a plan: `terraform show -json` was not given the plan",
            SHOW,
        )
    } else if has("@level") {
        Kind::Other("is the log of `terraform plan -json`, not the plan", SHOW)
    } else {
        Kind::Other(NEITHER, KNOWN)
    }
}

/// Whether a text in YAML has the resources of a template.
fn has_resources(text: &str) -> bool {
    let starts = [
        "Resources:",
        "\"Resources\":",
        "'Resources':",
        "Resources :",
    ];
    text.lines().any(|line| {
        starts
            .iter()
            .any(|start| line.trim_start().starts_with(start))
    })
}

/// Whether each line is a document of its own, as `terraform plan -json` writes them.
fn is_log(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    serde_json::from_str::<Value>(line).is_ok_and(|line| line.get("@level").is_some())
}

/// What a text is that is not JSON, and what to do.
fn not_json(text: &str) -> (&'static str, &'static str) {
    let has_line = |start: &str| {
        text.lines()
            .any(|line| line.trim_start().starts_with(start))
    };
    if text.trim().is_empty() {
        ("is empty", KNOWN)
    } else if text.contains("will perform the following actions") {
        ("is a plan as text", SHOW)
    } else if has_line("resource \"") || has_line("module \"") || has_line("provider \"") {
        ("is the configuration of Terraform, not a plan", SHOW)
    } else {
        (NEITHER, KNOWN)
    }
}

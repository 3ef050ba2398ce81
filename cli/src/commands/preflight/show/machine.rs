//! The JSON document.

use serde_json::{Map, Value, json};
use tagwarden_core::DefectName;
use tagwarden_core::preflight::PreflightFinding;

use super::view::{PreflightView, ResourceView};

pub fn members(view: &PreflightView<'_>) -> Map<String, Value> {
    let files = view.inputs.iter().map(|input| {
        json!({
            "file": input.path,
            "format": input.format.as_str(),
            "tool": input.tool,
            "resources": input.resources.len(),
        })
    });
    let counts = json!({
        "resources": view.counts.resources,
        "errors": view.counts.errors,
        "warnings": view.counts.warnings,
        "notes": view.counts.notes,
        "notApplicable": view.counts.not_applicable,
    });
    let resources = view.resources.iter().map(|it| resource(view, it));
    [
        ("policy", json!(view.policy)),
        ("files", files.collect()),
        ("counts", counts),
        ("resources", resources.collect()),
        ("notes", json!(view.notes)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn resource(view: &PreflightView<'_>, it: &ResourceView<'_>) -> Value {
    let place = it.resource.place.as_ref();
    let findings = it.judged.findings.iter();
    json!({
        "file": it.input.path,
        "address": it.resource.launch.address,
        "type": it.resource.type_name,
        "path": place.map(|place| &place.path),
        "line": place.map(|place| place.start.0),
        "column": place.map(|place| place.start.1),
        "findings": findings.map(|finding| finding_of(it, finding)).collect::<Value>(),
        "doubts": it.judged.doubts,
        "notApplicable": it.judged.not_applicable,
        "fix": code(view.fix(it)),
    })
}

fn finding_of(resource: &ResourceView<'_>, finding: &PreflightFinding) -> Value {
    let rule = finding.rule.as_ref();
    let place = resource.place_of(finding);
    let defect = rule.and_then(|rule| rule.defect);
    json!({
        "level": finding.level.as_str(),
        "kind": finding.kind.id,
        "ruleId": rule.map(|rule| rule.id),
        "tagKey": rule.map(|rule| &rule.tag_key),
        "defect": defect.map(DefectName::as_str),
        "message": finding.message,
        "path": place.map(|place| &place.path),
        "line": place.map(|place| place.start.0),
        "column": place.map(|place| place.start.1),
        "fix": code(resource.fix_of(finding)),
    })
}

fn code(code: String) -> Option<String> {
    (!code.is_empty()).then_some(code)
}

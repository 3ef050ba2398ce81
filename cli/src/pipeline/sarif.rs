//! SARIF 2.1.0.
//!
//! See [the standard](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), and for what GitHub makes of it
//! [SARIF support for code scanning](https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{FilePlace, FindingKind, PipelineFinding};
use crate::digest::sha256;
use crate::words::count;

/// The most results of a document: GitHub shows no more of one.
const MOST_RESULTS: usize = 5_000;

/// The document of `findings`, the worst first. `what` names the command, so that GitHub keeps the results of several
/// commands apart. `kinds` are all that the command knows; `notes` are what the reader should know beside the results.
pub fn document(
    what: &str,
    kinds: &[FindingKind],
    findings: Vec<PipelineFinding>,
    notes: &[String],
) -> Value {
    incomplete_document(what, kinds, findings, notes, &[])
}

/// The same where the command could not do a part of its work: `errors` say which, and the document that it did not succeed.
pub fn incomplete_document(
    what: &str,
    kinds: &[FindingKind],
    mut findings: Vec<PipelineFinding>,
    notes: &[String],
    errors: &[String],
) -> Value {
    findings.sort_by_key(|finding| finding.level);
    let left_out = findings.len().saturating_sub(MOST_RESULTS);
    findings.truncate(MOST_RESULTS);
    let failures = errors.iter().map(|error| notification("error", error));
    let notes = notes.iter().map(|note| notification("note", note));
    let mut notes: Vec<Value> = failures.chain(notes).collect();
    if left_out > 0 {
        let text = format!(
            "{} left out, the least severe: a document has at most {MOST_RESULTS}.",
            count(left_out, "result")
        );
        notes.push(notification("warning", &text));
    }
    let rules = kinds.iter().map(|kind| {
        json!({
            "id": kind.id,
            "shortDescription": {"text": kind.means},
        })
    });
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let results = findings.iter().map(|finding| {
        let before = seen
            .entry((finding.kind.id, &finding.identity))
            .or_default();
        *before += 1;
        result(kinds, finding, *before)
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tagwarden",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Value>(),
            }},
            "automationDetails": {"id": format!("tagwarden/{what}/")},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": errors.is_empty(),
                "toolExecutionNotifications": notes,
            }],
            "results": results.collect::<Value>(),
        }],
    })
}

fn notification(level: &str, text: &str) -> Value {
    json!({"level": level, "message": {"text": text}})
}

/// The result of a finding, which is the `nth` of its identity.
fn result(kinds: &[FindingKind], finding: &PipelineFinding, nth: usize) -> Value {
    let index = kinds.iter().position(|kind| kind.id == finding.kind.id);
    let fingerprint = fingerprint(finding, nth);
    let mut location = Map::new();
    if let Some(place) = &finding.place {
        location.insert("physicalLocation".to_owned(), physical(place));
    }
    if let Some(instance) = &finding.instance {
        let logical =
            json!([{"name": instance, "fullyQualifiedName": instance, "kind": "resource"}]);
        location.insert("logicalLocations".to_owned(), logical);
    }
    json!({
        "ruleId": finding.kind.id,
        "ruleIndex": index,
        "level": finding.level.as_str(),
        "message": {"text": finding.message},
        "locations": [location],
        // Many instances share the line of their rule. Without the first, GitHub would take them for one.
        "partialFingerprints": {
            "primaryLocationLineHash": format!("{}:1", fingerprint.get(..16).unwrap_or_default()),
            "tagwarden/v1": fingerprint,
        },
    })
}

fn physical(place: &FilePlace) -> Value {
    json!({
        "artifactLocation": {"uri": uri(&place.path)},
        "region": {
            "startLine": place.start.0,
            "startColumn": place.start.1,
            "endLine": place.end.0,
            "endColumn": place.end.1,
        },
    })
}

/// What is the same for a finding in each run: its kind, and what it is about.
fn fingerprint(finding: &PipelineFinding, nth: usize) -> String {
    let identity = format!("{}\n{}\n{nth}", finding.kind.id, finding.identity);
    sha256(&identity)
}

/// A path as a URI reference: relative as it was typed, or absolute.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let path = path.strip_prefix("./").unwrap_or(&path);
    path.bytes().fold(scheme.to_owned(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::FindingLevel;

    const KIND: FindingKind = FindingKind {
        id: "missing-tag",
        means: "A tag is missing.",
    };

    fn finding(level: FindingLevel, identity: &str) -> PipelineFinding {
        PipelineFinding {
            kind: KIND,
            level,
            message: "missing tag Owner".to_owned(),
            place: None,
            instance: Some(identity.to_owned()),
            identity: identity.to_owned(),
        }
    }

    #[test]
    fn leaves_out_the_least_severe() {
        let mut findings: Vec<_> = (0..MOST_RESULTS)
            .map(|number| finding(FindingLevel::Note, &format!("i-{number}")))
            .collect();
        findings.push(finding(FindingLevel::Error, "i-last"));
        let document = document("plan", &[KIND], findings, &[]);
        let run = &document["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), MOST_RESULTS);
        assert_eq!(results[0]["level"], "error");
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
            "1 result left out, the least severe: a document has at most 5000."
        );
    }

    #[test]
    fn a_fingerprint_tells_findings_apart_and_stays() {
        let of = |it: &PipelineFinding| result(&[KIND], it, 1)["partialFingerprints"].clone();
        let one = finding(FindingLevel::Error, "i-1");
        // A finding is the same, however it is worded and however bad it is.
        let reworded = PipelineFinding {
            message: "no tag Owner".to_owned(),
            ..finding(FindingLevel::Note, "i-1")
        };
        assert_eq!(of(&one), of(&reworded));
        assert_ne!(of(&one), of(&finding(FindingLevel::Error, "i-2")));
        let twice = document("check", &[KIND], vec![one.clone(), one.clone()], &[]);
        let results = &twice["runs"][0]["results"];
        assert_ne!(
            results[0]["partialFingerprints"],
            results[1]["partialFingerprints"]
        );
        assert_eq!(of(&one)["primaryLocationLineHash"], "0968232b5d39e9c4:1");
    }

    #[test]
    fn a_path_becomes_a_uri() {
        for (path, expected) in [
            ("policy.yaml", "policy.yaml"),
            ("./a b/policy.yaml", "a%20b/policy.yaml"),
            ("team\\policy.yaml", "team/policy.yaml"),
            ("/srv/é.yaml", "file:///srv/%C3%A9.yaml"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}

//! `Allowed`, and missing and empty tags, compared with Custodian's value filters.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tagwarden_core::resource::DescribedInstance;
use tagwarden_core::{DefectName, Policy, Resource, Scope, assess};

use super::{custodian, policy};

/// What a filter asks about the tag `Env`, in tagwarden's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Whether its value is allowed.
    Allowed,
    /// Whether it has a value that is not allowed.
    NotAllowed,
    /// Whether it has a value that is allowed, or nearly.
    NearlyAllowed,
    Missing,
    Empty,
    There,
}

/// A list of allowed values, what is asked of it, and the filter that asks the same.
fn filters() -> Vec<(&'static [&'static str], Asked, Value)> {
    const ANY: &[&str] = &["*"];
    let ask = |op: &str, value: Value| json!({"type": "value", "key": "tag:Env", "op": op, "value": value});
    let presence = |value: &str| json!({"type": "value", "key": "tag:Env", "value": value});
    let normalized = |value: Value| json!({"type": "value", "key": "tag:Env", "value_type": "normalize", "op": "in", "value": value});
    let words = &["Prod", "Stage"];
    vec![
        (words, Asked::Allowed, ask("in", json!(words))),
        (words, Asked::NotAllowed, ask("not-in", json!(words))),
        (
            words,
            Asked::NearlyAllowed,
            normalized(json!(["prod", "stage"])),
        ),
        (&["Prod"], Asked::Allowed, ask("eq", json!("Prod"))),
        (&["Prod"], Asked::NotAllowed, ask("ne", json!("Prod"))),
        (
            &["Prod", "Stage"],
            Asked::Allowed,
            ask("regex", json!("^(Prod|Stage)$")),
        ),
        (
            &["Prod", "Stage"],
            Asked::Allowed,
            ask("regex-case", json!("^(Prod|Stage)$")),
        ),
        (
            &["Prod", "Stage"],
            Asked::Allowed,
            ask("regex-case", json!("(Prod|Stage)")),
        ),
        (
            &["größe", "所有者"],
            Asked::Allowed,
            ask("in", json!(["größe", "所有者"])),
        ),
        (
            &["4711", "0815"],
            Asked::Allowed,
            ask("in", json!(["4711", "0815"])),
        ),
        // A number of YAML; tagwarden takes texts only, and says so.
        (&["4711"], Asked::Allowed, ask("eq", json!(4711))),
        (&["team-*"], Asked::Allowed, ask("glob", json!("team-*"))),
        (&["db-?"], Asked::Allowed, ask("glob", json!("db-?"))),
        (&["*-prod"], Asked::Allowed, ask("glob", json!("*-prod"))),
        (&["a*b*c"], Asked::Allowed, ask("glob", json!("a*b*c"))),
        (&["?"], Asked::Allowed, ask("glob", json!("?"))),
        (ANY, Asked::Allowed, ask("glob", json!("*"))),
        (&[r"a\*b"], Asked::Allowed, ask("glob", json!("a[*]b"))),
        (&[r"a\*b"], Asked::Allowed, ask("in", json!(["a*b"]))),
        (&["db-[12]"], Asked::Allowed, ask("glob", json!("db-[12]"))),
        (ANY, Asked::Missing, presence("absent")),
        (ANY, Asked::There, presence("present")),
        (ANY, Asked::There, presence("not-null")),
        (ANY, Asked::Empty, presence("empty")),
    ]
}

/// The tag `Env`; `None`: the instance does not have it.
const VALUES: &[Option<&str>] = &[
    None,
    Some(""),
    Some(" "),
    Some("\t\u{a0}"),
    Some("\u{200b}"),
    Some("Prod"),
    Some("prod"),
    Some("PROD"),
    Some(" Prod"),
    Some("Prod "),
    Some("Prod\n"),
    Some("\u{a0}Prod"),
    Some("Pro\u{200b}d"),
    Some("P-r-o-d"),
    Some("Production"),
    Some("ProdStage"),
    Some("Stage"),
    Some("Prod,Stage"),
    Some("asdf"),
    Some("größe"),
    // The same letters, composed otherwise.
    Some("gro\u{308}ße"),
    Some("GRÖSSE"),
    Some("所有者"),
    Some("4711"),
    Some("04711"),
    Some("4711.0"),
    Some("0815"),
    Some("team-"),
    Some("team-shop"),
    Some("Team-shop"),
    Some("team-\u{1f980}"),
    Some("team-a\nb"),
    Some("db-1"),
    Some("db-12"),
    Some("db-\u{1f980}"),
    Some("db-[12]"),
    Some("web-prod"),
    Some("-prod"),
    Some("a*b"),
    Some("axb"),
    Some("abbc"),
    Some("a-b-c"),
    Some("x"),
    Some("é"),
    Some("e\u{301}"),
];

fn described(value: Option<&str>) -> Value {
    let mut tags = vec![json!({"Key": "Name", "Value": "web"})];
    tags.extend(value.map(|value| json!({"Key": "Env", "Value": value})));
    json!({"InstanceId": "i-0a1b2c3d4e5f60718", "Tags": tags})
}

/// tagwarden's answer.
fn ours(policy: &Policy, instance: &Resource, asked: Asked) -> bool {
    let now: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    let assessment = assess(policy, &Scope::default(), instance, now);
    let finding = assessment.findings.first();
    let defect = finding.map(|it| it.defect.name());
    match asked {
        Asked::Allowed => defect.is_none(),
        Asked::NotAllowed => defect == Some(DefectName::NotAllowed),
        Asked::NearlyAllowed => match finding {
            None => true,
            Some(it) => it.defect.name() == DefectName::NotAllowed && it.defect.is_nearly_right(),
        },
        Asked::Missing => defect == Some(DefectName::Missing),
        Asked::Empty => defect == Some(DefectName::Empty),
        Asked::There => defect != Some(DefectName::Missing),
    }
}

const BLANKS: &str = "a value of blanks is empty, as a person sees it";
const NO_VALUE: &str =
    "a tag that is missing or empty has a defect of its own, which Required is about";
const ANY_CASE: &str = "regex ignores case; Allowed does not";
const LINE_END: &str = "`$` matches before a line break at the end";
const NOT_TO_THE_END: &str = "a regular expression without `$` takes any end";
const EMPTY_OR_ABSENT: &str = "Custodian's empty is also a tag that is not there";
const NOT_NULL: &str = "Custodian's not-null is also not empty";
const CLASS: &str = "brackets are a class of characters in a glob, and themselves in Allowed";
const YAML_NUMBER: &str =
    "a number is never equal to a tag, whose value is a text; Allowed refuses a number";
const SEPARATORS: &str = "a person takes them for the same, and nothing is shut down for it; normalize only drops blanks";

/// Why tagwarden and Custodian may disagree; `None` if they must not.
fn explanation(
    allowed: &[&str],
    asked: Asked,
    filter: &Value,
    value: Option<&str>,
) -> Option<&'static str> {
    let op = filter["op"].as_str().unwrap_or_default();
    let argument = filter["value"].as_str().unwrap_or_default();
    let is_blank =
        value.is_some_and(|it| !it.is_empty() && it.trim_matches(['\u{200b}']).trim().is_empty());
    // Whether the filter takes a value of blanks for one that is there.
    let is_one = value.is_some_and(|it| it.chars().count() == 1);
    let is_taken = asked != Asked::Allowed || argument == "*" || (argument == "?" && is_one);
    match (asked, value) {
        (Asked::Allowed, Some("4711")) if filter["value"].is_number() => Some(YAML_NUMBER),
        (Asked::Allowed, Some("")) if argument == "*" => Some(NO_VALUE),
        (Asked::Allowed | Asked::NotAllowed | Asked::Empty, Some(_)) if is_taken && is_blank => {
            Some(BLANKS)
        }
        (Asked::Allowed, Some("prod" | "PROD")) if op == "regex" => Some(ANY_CASE),
        (Asked::Allowed, Some("Prod\n")) if argument.ends_with('$') => Some(LINE_END),
        (Asked::Allowed, Some("Production" | "ProdStage" | "Prod " | "Prod\n" | "Prod,Stage"))
            if argument == "(Prod|Stage)" =>
        {
            Some(NOT_TO_THE_END)
        }
        (Asked::Allowed, Some("db-1" | "db-[12]")) if allowed == ["db-[12]"] => Some(CLASS),
        (Asked::NotAllowed, None | Some("")) => Some(NO_VALUE),
        (Asked::NearlyAllowed, Some("Pro\u{200b}d" | "P-r-o-d" | "-prod")) => Some(SEPARATORS),
        (Asked::Empty, None) => Some(EMPTY_OR_ABSENT),
        (Asked::There, Some("")) if argument == "not-null" => Some(NOT_NULL),
        _ => None,
    }
}

#[test]
fn values_differ_from_custodian_only_as_explained() {
    let filters = filters();
    let questions: Vec<(Value, Value)> = filters
        .iter()
        .flat_map(|(.., filter)| {
            VALUES
                .iter()
                .map(move |value| (filter.clone(), described(*value)))
        })
        .collect();
    let answers = custodian(&questions);
    let mut reasons = BTreeSet::new();
    let mut unexpected = Vec::new();
    for ((allowed, asked, filter), answers) in filters.iter().zip(answers.chunks(VALUES.len())) {
        let policy = policy(json!([
            {"RuleId": -1, "PolicyFormat": 2},
            {"RuleId": 1, "TagKey": "Env", "Action": "Notify", "Required": "Y", "Allowed": allowed},
        ]));
        for (value, theirs) in VALUES.iter().zip(answers) {
            let DescribedInstance(instance) = serde_json::from_value(described(*value)).unwrap();
            let ours = ours(&policy, &instance, *asked);
            let explanation = explanation(allowed, *asked, filter, *value);
            if (ours != *theirs) != explanation.is_some() {
                unexpected.push(format!(
                    "{value:?} under {allowed:?}, {asked:?}: {ours}; Custodian, {filter}: {theirs}; {explanation:?}"
                ));
            }
            reasons.extend(explanation);
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    // Each reason is needed.
    let all = [
        BLANKS,
        NO_VALUE,
        ANY_CASE,
        LINE_END,
        NOT_TO_THE_END,
        EMPTY_OR_ABSENT,
        NOT_NULL,
        CLASS,
        YAML_NUMBER,
        SEPARATORS,
    ];
    assert_eq!(reasons, all.into());
}

//! Fixed names stay within the services' limits, in a stack of the longest name too.
//!
//! `CloudFormation` shortens the names that it makes itself. A name that a template makes of the stack's name is refused
//! where it is too long, and the emulators accept any.

use std::path::Path;
use std::sync::Arc;

use regex_lite::Regex;
use serde_json::Value;

use crate::resolved::{Given, Resolved, Whole, plain};
use crate::template::{HOOK, STACK};

/// The id that `StackSets` give their stacks.
const ID: &str = "e6cac20f-6d3c-46e9-8314-53e0d4591532";

/// The longest name that a stack may have.
const STACK_NAME: usize = 128;

/// The limits of names that the provider's schemas do not tell: type, property, limit.
const DOCUMENTED: [(&str, &str, usize); 3] = [
    ("AWS::CloudWatch::Dashboard", "DashboardName", 255),
    ("AWS::Config::ConfigRule", "ConfigRuleName", 128),
    // The schema allows an ARN, which is no name of a new table.
    ("AWS::DynamoDB::Table", "TableName", 255),
];

/// The templates that deploy stacks; some may be missing.
fn templates() -> Vec<String> {
    let folder = Path::new(STACK).parent().unwrap();
    let others = ["organization.yaml", "central.yaml"].map(|name| folder.join(name));
    let others = others.iter().filter(|path| path.exists());
    [STACK.to_owned(), HOOK.to_owned()]
        .into_iter()
        .chain(others.map(|path| path.display().to_string()))
        .collect()
}

/// The name of a stack of the `StackSet` with a name of so many characters.
fn of_stack_set(length: usize) -> String {
    format!("StackSet-{}-{ID}", "n".repeat(length))
}

/// The longest text that the parameter takes.
fn longest(parameter: &Value) -> String {
    let pattern = Regex::new(parameter["AllowedPattern"].as_str().unwrap()).unwrap();
    let most = parameter["MaxLength"].as_u64().unwrap_or(300);
    let mut tried = (0..=most).rev().map(|it| {
        let length = usize::try_from(it).unwrap();
        "n".repeat(length)
    });
    tried.find(|text| pattern.is_match(text)).unwrap()
}

/// The names in the resource that the template makes, with their limits.
fn names(whole: &Whole, resource: &Resolved) -> Vec<(String, String, usize)> {
    let schema = whole.schemas.get(&resource.kind);
    let fixed = schema.and_then(|it| it["createOnlyProperties"].as_array());
    let mut names = Vec::new();
    for path in fixed.into_iter().flatten() {
        let property = path.as_str().unwrap().replace("/properties/", "");
        let Some(name) = resource.properties[&property].as_str() else {
            continue;
        };
        // What refers to a resource is no name that the template makes.
        if name.contains("${") || name.starts_with("arn:") {
            continue;
        }
        let described = &schema.unwrap()["properties"][&property];
        if described["enum"].is_array() || described["type"] == "boolean" {
            continue;
        }
        let limit = limit(&resource.kind, &property, described);
        names.push((property, name.to_owned(), limit));
    }
    names
}

fn limit(kind: &str, property: &str, described: &Value) -> usize {
    let documented = DOCUMENTED
        .iter()
        .find(|it| (it.0, it.1) == (kind, property));
    if let Some((_, _, limit)) = documented {
        return *limit;
    }
    if let Some(limit) = described["maxLength"].as_u64() {
        return usize::try_from(limit).unwrap();
    }
    let ranges = Regex::new(r"\{\d+,(\d+)\}").unwrap();
    let pattern = plain(&described["pattern"]);
    let limits = ranges.captures_iter(&pattern);
    let limits = limits.map(|range| range[1].parse().unwrap());
    limits
        .max()
        .unwrap_or_else(|| panic!("{kind} {property}: no limit is known"))
}

fn too_long(whole: &Whole, given: &Given) -> Vec<String> {
    let mut found = Vec::new();
    for (id, resource) in whole.resources(given) {
        for (property, name, limit) in names(whole, &resource) {
            if name.len() > limit {
                let length = name.len();
                found.push(format!("{id}: {property} {name} has {length} of {limit}"));
            }
        }
    }
    found
}

/// With `Name` and without: what else a parameter turns on has names too.
fn everything(stack: &str, whole: &Whole) -> Given {
    let all = [
        ("CreateLettersTopic", "true"),
        ("SlackWorkspaceId", "T0123ABCDEF"),
        ("SlackChannelId", "C0123ABCDEF"),
    ];
    let mut given = Given::named(stack);
    let known = |name: &str| !whole.template["Parameters"][name].is_null();
    given = given.with(&all.into_iter().filter(|it| known(it.0)).collect::<Vec<_>>());
    // The longest name of a Region.
    "ap-southeast-3".clone_into(&mut given.region);
    given
}

#[test]
fn names_fit_in_a_stack_of_the_longest_stack_set() {
    let stack = of_stack_set(STACK_NAME - of_stack_set(0).len());
    assert_eq!(stack.len(), STACK_NAME);
    for path in templates() {
        let whole = Whole::read(&path);
        let mut given = everything(&stack, &whole);
        let parameter = &whole.template["Parameters"]["Name"];
        if !parameter.is_null() {
            given = given.with(&[("Name", &longest(parameter))]);
        }
        assert_eq!(too_long(&whole, &given), Vec::<String>::new(), "{path}");
    }
}

/// Without a `Name` the stack's name is the beginning of every name, so that it has a limit, which the parameter tells.
#[test]
fn the_parameter_tells_how_long_a_stack_name_may_be() {
    let templates = templates().into_iter().map(|path| Whole::read(&path));
    let is_choice = |it: &Arc<Whole>| it.template["Parameters"]["Name"]["Default"] == "";
    let mut checked = 0;
    for whole in templates.filter(is_choice) {
        let fits = |length: &usize| {
            let given = everything(&"n".repeat(*length), &whole);
            too_long(&whole, &given).is_empty()
        };
        let longest = (1..=STACK_NAME).rev().find(fits).unwrap();
        let told = plain(&whole.template["Parameters"]["Name"]["Description"]);
        let wanted = format!("{longest} characters");
        assert!(told.contains(&wanted), "{wanted}: {told}");
        checked += 1;
    }
    assert_eq!(checked, 2);
}

/// The check finds what was wrong with version 0.1.0, whose functions no `StackSet` with a longer name could create.
#[test]
fn finds_the_names_of_0_1_0_too_long() {
    let whole = Whole::read(crate::upgrade::STACK_0_1_0);
    let longest_suffix = "-remediation".len();
    let most = 64 - of_stack_set(0).len() - longest_suffix;
    assert_eq!(
        too_long(&whole, &everything(&of_stack_set(most), &whole)),
        [""; 0]
    );
    let found = too_long(&whole, &everything(&of_stack_set(most + 1), &whole));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("RemediationFunction: FunctionName "));
}

//! The hook's template: what the function expects of it, and what keeps it out of the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tagwarden_core::preflight::template::LaunchType;

use crate::guard_rails::resources;
use crate::resolved::Whole;
use crate::stack::deployment;
use crate::template::{HOOK, STACK, Template};

fn properties() -> BTreeMap<String, Value> {
    let resources = Template::read(HOOK).resources.into_iter();
    resources.map(|it| (it.id, it.properties)).collect()
}

#[test]
fn stands_alone() {
    let template = Template::read(HOOK);
    let mut types: Vec<&str> = template
        .resources
        .iter()
        .map(|it| it.kind.as_str())
        .collect();
    types.sort_unstable();
    let expected = [
        "AWS::CloudFormation::LambdaHook",
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
    ];
    assert_eq!(types, expected);
    assert!(template.resources.iter().all(|it| it.condition.is_none()));
    // A new name must not take the old log away.
    let whole = Whole::read(HOOK);
    let made = resources(&whole, &[]);
    let logs = &made["HookLogs"];
    assert_eq!(
        (logs.deletion.as_str(), logs.replacement.as_str()),
        ("Delete", "Retain")
    );
    // Every parameter has a default.
    let without = template
        .parameters
        .iter()
        .find(|(_, it)| it["Default"].is_null());
    assert_eq!(without, None);
}

/// moto does not know hooks, so that the stack itself is not created there.
#[test]
fn the_script_packages_it() {
    let deployment = deployment("eu-north-1");
    deployment.prepare();
    let printed = deployment.run_script(&["--hook", "--package-only"]);
    let bucket = "s3://zips-eu-north-1/tagwarden-hook";
    assert!(
        printed.contains(&format!("{bucket}/hook.yaml")),
        "{printed}"
    );
    let packaged = deployment.directory.join("lambda/hook.packaged.yaml");
    let packaged = std::fs::read_to_string(packaged).unwrap();
    assert!(
        packaged.contains("AWS::CloudFormation::LambdaHook"),
        "{packaged}"
    );
    assert!(!packaged.contains("tagwarden-rule.zip"), "{packaged}");
}

#[test]
fn warns_and_is_on_by_default() {
    let parameters = Template::read(HOOK).parameters;
    let hook = &properties()["Hook"];
    for (name, default, values) in [
        ("FailureMode", "WARN", ["WARN", "FAIL"]),
        ("HookStatus", "ENABLED", ["ENABLED", "DISABLED"]),
    ] {
        assert_eq!(hook[name], json!({"Ref": name}));
        assert_eq!(parameters[name]["Default"], default);
        assert_eq!(parameters[name]["AllowedValues"], json!(values));
    }
}

#[test]
fn is_asked_for_what_the_function_judges() {
    let hook = &properties()["Hook"];
    assert_eq!(hook["TargetOperations"], json!(["RESOURCE"]));
    let filters = &hook["TargetFilters"];
    assert_eq!(
        filters["TargetNames"],
        json!(LaunchType::ALL.map(LaunchType::as_str))
    );
    assert_eq!(filters["Actions"], json!(["CREATE", "UPDATE"]));
    assert_eq!(filters["InvocationPoints"], json!(["PRE_PROVISION"]));
}

/// See [`LambdaHook`](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-lambdahook.html).
#[test]
fn its_name_has_three_parts_without_hyphens() {
    let alias = &Template::read(HOOK).parameters["HookAlias"];
    let pattern = regex_lite::Regex::new(alias["AllowedPattern"].as_str().unwrap()).unwrap();
    assert!(pattern.is_match(alias["Default"].as_str().unwrap()));
    for other in ["tagwarden", "A-b::Cd::Ef", "Ab::Cd", "A::Bc::De"] {
        assert!(!pattern.is_match(other), "{other}");
    }
}

/// CloudFormation waits 30 seconds. The function itself gives AWS 10.
#[test]
fn its_function_answers_in_time_and_in_any_case() {
    let function = &properties()["HookFunction"];
    assert_eq!(function["Handler"], "hook");
    let timeout = function["Timeout"].as_u64().unwrap();
    assert!((15..30).contains(&timeout));
    assert_eq!(function.get("ReservedConcurrentExecutions"), None);
    let stack = Template::read(STACK).resources;
    let mut rule = stack
        .into_iter()
        .find(|it| it.id == "RuleFunction")
        .unwrap();
    // A hook judges instances, whatever the stack covers.
    let variables = rule.properties["Environment"]["Variables"].as_object_mut();
    variables
        .unwrap()
        .remove("TAGWARDEN_RESOURCE_TYPES")
        .unwrap();
    for shared in [
        "Runtime",
        "Code",
        "Environment",
        "Architectures",
        "MemorySize",
    ] {
        assert_eq!(function[shared], rule.properties[shared], "{shared}");
    }
}

#[test]
fn only_cloudformation_invokes_it() {
    let role = &properties()["InvokeRole"];
    let trusted = &role["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(
        *trusted,
        json!([{
            "Effect": "Allow", "Principal": {"Service": "hooks.cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole",
        }])
    );
    let hook = &properties()["Hook"];
    assert_eq!(
        hook["ExecutionRole"],
        json!({"Fn::GetAtt": ["InvokeRole", "Arn"]})
    );
}

/// What has the same name in both templates takes the same values.
#[test]
fn its_parameters_are_those_of_the_stack() {
    let (stack, hook) = (
        Template::read(STACK).parameters,
        Template::read(HOOK).parameters,
    );
    let mut shared = 0;
    for (name, parameter) in &hook {
        let Some(of_stack) = stack.get(name) else {
            continue;
        };
        shared += 1;
        for setting in [
            "Type",
            "Default",
            "AllowedPattern",
            "AllowedValues",
            "MinValue",
            "MaxValue",
        ] {
            assert_eq!(parameter[setting], of_stack[setting], "{name}: {setting}");
        }
    }
    assert_eq!(shared, 11);
}

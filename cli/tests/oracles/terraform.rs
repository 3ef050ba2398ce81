//! c7n-left and checkov judge the sources, checkov and tagwarden the plans that Terraform makes of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::plans::{Plan, Resource, UNKNOWN, resource};
use crate::{CHECKOV, Difference, Found, compare, folder, preflight, venv};

const C7N_LEFT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracles/requirements.txt"
);
const C7N_LEFT_POLICY: &str = include_str!("c7n-left.yaml");

const TYPES: &str = "[aws_instance, aws_spot_instance_request, aws_autoscaling_group]";

/// A configuration, and the plan of it.
struct Case {
    name: &'static str,
    source: String,
    plan: Plan,
}

/// An instance with `tags` as they are written, and as the plan has them.
fn instance(name: &'static str, written: &str, planned: Value) -> Case {
    Case {
        name,
        source: format!(
            "resource \"aws_instance\" \"web\" {{\n  ami = \"ami-1\"\n  tags = {written}\n}}\n"
        ),
        plan: Plan::of([web(planned.clone(), planned)]),
    }
}

fn web(tags: Value, all: Value) -> Resource {
    resource(
        "aws_instance.web",
        json!({"ami": "ami-1", "tags": tags, "tags_all": all}),
    )
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let group = |name, propagates: bool| Case {
        name,
        source: format!(
            "resource \"aws_autoscaling_group\" \"jobs\" {{\n  max_size = 3\n  launch_configuration = \"jobs\"\n  tag {{\n    \
             key = \"Owner\"\n    value = \"ann\"\n    propagate_at_launch = {propagates}\n  }}\n}}\n"
        ),
        plan: Plan::of([resource(
            "aws_autoscaling_group.jobs",
            json!({
                "launch_configuration": "jobs",
                "tag": [{"key": "Owner", "value": "ann", "propagate_at_launch": propagates}],
            }),
        )]),
    };
    let copy = |index: i64, tags: Value| {
        let mut copy = web(tags.clone(), tags).set("index", json!(index));
        copy.change["address"] = json!(format!("aws_instance.web[{index}]"));
        copy
    };
    let spot = json!({"Owner": "ann"});
    let defaults = "provider \"aws\" {\n  default_tags {\n    tags = { Owner = \"ann\" }\n  }\n}\n";
    vec![
        instance("right", "{ Owner = \"ann\", Env = \"Prod\" }", json!({"Owner": "ann", "Env": "Prod"})),
        instance("no-owner", "{ Env = \"Prod\" }", json!({"Env": "Prod"})),
        instance("no-tags", "{}", json!({})),
        instance("not-allowed", "{ Owner = \"ann\", Env = \"prod\" }", json!({"Owner": "ann", "Env": "prod"})),
        instance("pattern", "{ Owner = \"ann\", Env = \"team-a\" }", json!({"Owner": "ann", "Env": "team-a"})),
        instance("both", "{ Env = \"Production\" }", json!({"Env": "Production"})),
        instance("empty", "{ Owner = \"\" }", json!({"Owner": ""})),
        instance("blank", "{ Owner = \"  \" }", json!({"Owner": "  "})),
        instance("other-case", "{ owner = \"ann\" }", json!({"owner": "ann"})),
        instance(
            "exempt",
            "{ \"tagwarden:exempt-until\" = \"2099-12-31 until the audit\" }",
            json!({"tagwarden:exempt-until": "2099-12-31 until the audit"}),
        ),
        Case {
            source: format!(
                "locals {{\n  common = {{ Env = \"Prod\" }}\n}}\n{}",
                instance("", "merge(local.common, { Owner = \"ann\" })", json!({})).source
            ),
            ..instance("merged", "", json!({"Owner": "ann", "Env": "Prod"}))
        },
        Case {
            source: format!("{defaults}{}", instance("", "{ Env = \"Prod\" }", json!({})).source),
            plan: Plan::of([web(json!({"Env": "Prod"}), json!({"Env": "Prod", "Owner": "ann"}))]),
            name: "default-tags",
        },
        // Only a plan knows what people give.
        Case {
            source: format!(
                "variable \"env\" {{}}\n{}",
                instance("", "{ Owner = \"ann\", Env = var.env }", json!({})).source
            ),
            ..instance("variable", "", json!({"Owner": "ann", "Env": "Test"}))
        },
        Case {
            source: format!(
                "variable \"env\" {{\n  default = \"Test\"\n}}\n{}",
                instance("", "{ Owner = \"ann\", Env = var.env }", json!({})).source
            ),
            ..instance("variable-with-default", "", json!({"Owner": "ann", "Env": "Test"}))
        },
        Case {
            source: format!(
                "resource \"aws_iam_user\" \"ann\" {{\n  name = \"ann\"\n}}\n{}",
                instance("", "{ Owner = aws_iam_user.ann.arn }", json!({})).source
            ),
            ..instance("known-after-apply", "", json!({"Owner": UNKNOWN}))
        },
        Case {
            name: "copies",
            source: "resource \"aws_instance\" \"web\" {\n  count = 2\n  ami = \"ami-1\"\n  \
                     tags = count.index == 0 ? { Owner = \"ann\" } : { Name = \"b\" }\n}\n"
                .to_owned(),
            plan: Plan::of([copy(0, json!({"Owner": "ann"})), copy(1, json!({"Name": "b"}))]),
        },
        Case {
            name: "spot",
            source: "resource \"aws_spot_instance_request\" \"web\" {\n  ami = \"ami-1\"\n  tags = { Owner = \"ann\" }\n}\n"
                .to_owned(),
            plan: Plan::of([resource(
                "aws_spot_instance_request.web",
                json!({"ami": "ami-1", "tags": spot, "tags_all": spot}),
            )]),
        },
        group("group", true),
        group("group-alone", false),
    ]
}

fn tagwarden(cases: &[Case], folder: &Path) -> BTreeSet<Found> {
    let found = cases
        .iter()
        .flat_map(|case| preflight(folder, case.name, "plan.json", "error"));
    found.collect()
}

fn write(cases: &[Case], folder: &Path) {
    for case in cases {
        let of_case = folder.join(case.name);
        std::fs::create_dir_all(&of_case).unwrap();
        std::fs::write(of_case.join("main.tf"), &case.source).unwrap();
        let plan = with_planned_values(&case.plan);
        std::fs::write(of_case.join("plan.json"), plan.to_string()).unwrap();
    }
}

/// The plan with its `planned_values`, which checkov reads and tagwarden does not.
fn with_planned_values(plan: &Plan) -> Value {
    let mut document = plan.json();
    let values = plan.changes.iter().map(|change| {
        let mut value = change.clone();
        value["values"] = change["change"]["after"].clone();
        value["sensitive_values"] = json!({});
        value.as_object_mut().unwrap().remove("change");
        value
    });
    document["planned_values"]["root_module"]["resources"] = values.collect();
    document
}

fn key(name: &str) -> &'static str {
    match name {
        "owner" | "CKV2_TW_1" => "Owner",
        "env" | "CKV2_TW_2" => "Env",
        other => panic!("{other}"),
    }
}

const SPOT: &str =
    "AWS's documents: the tags of a Spot request do not reach its instance, which is untagged";
const GROUP: &str = "it looks for the attribute tags, and a group has blocks, of which tagwarden reads those that reach instances";
const EXEMPT: &str = "it does not know the tag tagwarden:exempt-until";

fn known(
    case: &'static str,
    finder: &'static str,
    key: &'static str,
    reason: &'static str,
) -> Difference {
    Difference {
        case,
        finder,
        key,
        reason,
    }
}

#[test]
fn c7n_left_finds_the_same() {
    let programs = venv::installed("c7n-left", C7N_LEFT);
    let (cases, folder) = (cases(), folder("c7n-left"));
    write(&cases, &folder);
    let policies = folder.join("c7n-left");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("policy.yaml"), C7N_LEFT_POLICY).unwrap();
    let mut theirs = BTreeSet::new();
    for case in &cases {
        let found = folder.join(case.name).join("found.json");
        let mut run = Command::new(programs.join("c7n-left"));
        run.args(["run", "--output", "json", "--output-file"])
            .arg(&found);
        run.arg("-p")
            .arg(&policies)
            .arg("-d")
            .arg(folder.join(case.name));
        let output = run.output().unwrap();
        let found = std::fs::read(&found).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let found: Value = serde_json::from_slice(&found).unwrap();
        for finding in found["results"].as_array().unwrap() {
            let address = finding["resource"]["__tfmeta"]["path"].as_str().unwrap();
            let policy = finding["policy"]["name"].as_str().unwrap();
            theirs.insert((case.name.to_owned(), address.to_owned(), key(policy)));
        }
    }
    let other = "c7n-left";
    compare(
        other,
        &tagwarden(&cases, &folder),
        &theirs,
        &[
            known(
                "blank",
                "tagwarden",
                "Owner",
                "a value of blanks alone is empty to tagwarden",
            ),
            known("exempt", other, "Owner", EXEMPT),
            known("spot", "tagwarden", "Owner", SPOT),
            known("group", other, "Owner", GROUP),
        ],
    );
}

/// checkov's checks, as its users write them.
fn checks(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let check = |id: &str, definition: &str| {
        let text = format!(
            "metadata:\n  id: {id}\n  name: {id}\n  category: GENERAL_SECURITY\ndefinition:\n{definition}"
        );
        std::fs::write(folder.join(format!("{id}.yaml")), text).unwrap();
    };
    let attribute = |indent: &str, name: &str, operator: &str| {
        format!(
            "{indent}cond_type: attribute\n{indent}resource_types: {TYPES}\n{indent}attribute: {name}\n{indent}operator: {operator}\n"
        )
    };
    check("CKV2_TW_1", &attribute("  ", "tags.Owner", "exists"));
    let absent = attribute("      ", "tags.Env", "not_exists");
    let right = attribute("      ", "tags.Env", "regex_match");
    let either =
        format!("  or:\n    -\n{absent}    -\n{right}      value: '^(Prod|Stage|team-.*)$'\n");
    check("CKV2_TW_2", &either);
}

fn checkov(folder: &Path, framework: &str) -> BTreeSet<Found> {
    checks(&folder.join("checks"));
    let mut run = Command::new(venv::installed("checkov", CHECKOV).join("checkov"));
    run.current_dir(folder).env_remove("BC_API_KEY");
    run.args(["--framework", framework, "--external-checks-dir", "checks"]);
    run.args(["--check", "CKV2_TW_1,CKV2_TW_2", "--skip-download"]);
    run.args(["--quiet", "--output", "json", "--directory", "."]);
    let output = run.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let reports = match document {
        Value::Array(reports) => reports,
        report => vec![report],
    };
    let failed = reports.iter().flat_map(|report| {
        let failed = report["results"]["failed_checks"].as_array();
        failed.cloned().unwrap_or_default()
    });
    failed
        .map(|check| {
            let text = |name: &str| check[name].as_str().unwrap().to_owned();
            let case = text("file_path");
            let case = case
                .trim_start_matches('/')
                .split('/')
                .next()
                .unwrap()
                .to_owned();
            (case, text("resource"), key(&text("check_id")))
        })
        .collect()
}

const DEFAULTS: &str =
    "it reads tags only, and the plan has the provider's default tags in tags_all";
const EXISTS: &str =
    "checkov's operator asks whether the tag exists, and tagwarden whether it has a value";

/// Compares with checkov's framework `framework`, which has one difference of its own.
fn compare_with_checkov(framework: &str, own: Difference) {
    let (cases, folder) = (cases(), folder(&format!("checkov-{framework}")));
    write(&cases, &folder);
    let other = "checkov";
    compare(
        other,
        &tagwarden(&cases, &folder),
        &checkov(&folder, framework),
        &[
            known("empty", "tagwarden", "Owner", EXISTS),
            known("blank", "tagwarden", "Owner", EXISTS),
            known("exempt", other, "Owner", EXEMPT),
            known("spot", "tagwarden", "Owner", SPOT),
            known("group", other, "Owner", GROUP),
            known("default-tags", other, "Owner", DEFAULTS),
            own,
        ],
    );
}

#[test]
fn checkov_finds_the_same_in_sources() {
    let reason = "the source does not have the value, and the plan does";
    let own = known("variable", "tagwarden", "Env", reason);
    compare_with_checkov("terraform", own);
}

#[test]
fn checkov_finds_the_same_in_plans() {
    let reason = "a value that is not known yet is not in planned_values, but the tag is there";
    let own = known("known-after-apply", "checkov", "Owner", reason);
    compare_with_checkov("terraform_plan", own);
}

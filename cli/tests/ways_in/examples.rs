//! The examples for GitLab, Atlantis and the steps before the action, with a program that stands in for Terraform.

use serde_json::{Value, json};

use crate::{Place, block, shown};

/// A folder with a Terraform that plans an instance with these tags.
fn place(name: &str, tags: &Value) -> Place {
    let place = Place::new(name).with_tagwarden();
    let after = json!({"tags": tags, "tags_all": tags});
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.9.5", "planned_values": {},
        "resource_changes": [{
            "address": "aws_instance.web", "mode": "managed", "type": "aws_instance", "name": "web",
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {"actions": ["create"], "before": null, "after": after, "after_unknown": {}},
        }],
        "configuration": {"root_module": {"resources": []}},
    });
    place.write("shown.json", &plan.to_string());
    place.write("main.tf", "resource \"aws_instance\" \"web\" {\n}\n");
    place.program(
        "terraform",
        "case $1 in\n  init) ;;\n  plan) echo PK >plan.tfplan ;;\n  show) [ -f plan.tfplan ] && cat shown.json ;;\n  *) exit 1 ;;\nesac",
    );
    place
}

/// What is right passes, and what is wrong fails.
const CASES: [(&str, i32); 2] = [("Owner", 0), ("owner", 2)];

#[test]
fn gitlab_runs_its_script() {
    for (key, status) in CASES {
        let place = place(&format!("gitlab-{status}"), &json!({key: "ann"}));
        let job = block("tags:");
        let lines = job["tags"]["script"].as_array().unwrap();
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
        let output = place.bash(&lines.join("\n"), &[]);
        assert_eq!(output.status.code(), Some(status), "{}", shown(&output));
        let report = job["tags"]["artifacts"]["reports"]["junit"]
            .as_str()
            .unwrap();
        let report = place.read(report);
        assert!(report.contains("aws_instance.web"), "{report}");
        assert_eq!(
            report.contains("missing tag Owner"),
            status == 2,
            "{report}"
        );
    }
}

#[test]
fn atlantis_runs_its_step() {
    for (key, status) in CASES {
        let place = place(&format!("atlantis-{status}"), &json!({key: "ann"}));
        let workflow = block("workflows:");
        let steps = workflow["workflows"]["tags"]["plan"]["steps"]
            .as_array()
            .unwrap();
        assert_eq!(steps[..3], ["init", "plan", "show"]);
        let run = steps[3]["run"].as_str().unwrap();
        let mut shell = place.command("sh");
        // Atlantis's own step has written the plan there.
        let output = shell
            .args(["-c", run])
            .env("SHOWFILE", "shown.json")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", shown(&output));
        // The folder has the configuration, so that a finding has its line.
        let is_found = shown(&output).contains("aws_instance.web (main.tf:1)");
        assert_eq!(is_found, status == 2, "{}", shown(&output));
    }
}

#[test]
fn the_steps_before_the_action_write_the_plan() {
    let place = place("github", &json!({}));
    let example = block("jobs:");
    let steps = example["jobs"]["tags"]["steps"].as_array().unwrap();
    let script = steps.iter().find_map(|step| step["run"].as_str()).unwrap();
    let output = place.bash(script, &[]);
    assert!(output.status.success(), "{}", shown(&output));
    let action = steps.last().unwrap();
    assert_eq!(action["with"]["files"], "plan.json");
    assert_eq!(place.read("plan.json"), place.read("shown.json"));
}

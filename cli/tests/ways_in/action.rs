//! The steps of the GitHub Action.

use std::process::{Command, Output};

use serde_json::Value;

use crate::{Place, RIGHT, ROOT, WRONG, block, shown, yaml};

fn action() -> Value {
    yaml(&std::fs::read_to_string(format!("{ROOT}/action.yml")).unwrap())
}

/// Runs a step as a runner does, with these inputs and the defaults of the others.
fn step(place: &Place, at: usize, inputs: &[(&str, &str)]) -> Output {
    let action = action();
    let step = &action["runs"]["steps"][at];
    let mut variables = vec![
        ("RUNNER_TEMP".to_owned(), "temp".to_owned()),
        ("GITHUB_PATH".to_owned(), "path".to_owned()),
        ("GITHUB_STEP_SUMMARY".to_owned(), "summary.md".to_owned()),
    ];
    for (name, value) in step["env"].as_object().unwrap() {
        let expression = value.as_str().unwrap();
        let expression = expression
            .strip_prefix("${{ ")
            .unwrap()
            .strip_suffix(" }}")
            .unwrap();
        let value = if let Some(input) = expression.strip_prefix("inputs.") {
            let given = inputs.iter().find(|(name, _)| *name == input);
            let default = &action["inputs"][input]["default"];
            given.map_or_else(|| default.as_str().unwrap(), |(_, value)| value)
        } else {
            assert_eq!(expression, "github.action_path");
            "/action"
        };
        let value = value.to_owned();
        variables.push((name.clone(), value));
    }
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    // Nothing else is expanded in a script: an input would be a command.
    let script = step["run"].as_str().unwrap();
    assert!(!script.contains("${{"), "{script}");
    assert_eq!(step["shell"], "bash");
    place.bash(script, &variables)
}

#[test]
fn judges_what_it_is_given() {
    let place = Place::new("action").with_tagwarden();
    place.write("right.yaml", RIGHT);
    place.write("wrong; touch hacked.yaml", WRONG);
    let policy = ("policy", "policy.yaml");
    let output = step(&place, 1, &[("files", "right.yaml"), policy]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));

    let files = ("files", "right.yaml\n\nwrong; touch hacked.yaml\n");
    let output = step(&place, 1, &[files, policy, ("sarif", "tags.sarif")]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(
        shown(&output).contains("::error file=wrong; touch hacked.yaml,line=2"),
        "{}",
        shown(&output)
    );
    assert!(
        place
            .read("summary.md")
            .contains("missing tag Owner (rule 1)")
    );
    let sarif: Value = serde_json::from_str(&place.read("tags.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    assert!(!place.folder.join("hacked.yaml").exists());

    for (inputs, status) in [
        (vec![("files", "absent.yaml"), policy], 1),
        (vec![("files", "--help"), policy], 1),
        (vec![("files", ""), policy], 64),
        (vec![("files", "right.yaml"), ("policy", "absent.yaml")], 1),
    ] {
        let output = step(&place, 1, &inputs);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{inputs:?} {}",
            shown(&output)
        );
    }
}

#[test]
fn strict_fails_for_warnings() {
    let place = Place::new("action-strict").with_tagwarden();
    let doubtful = WRONG.to_owned()
        + "    Properties: {LaunchTemplate: {LaunchTemplateId: lt-1, Version: '1'}}\n";
    place.write("doubtful.yaml", &doubtful);
    for (strict, status) in [("false", 0), ("true", 2)] {
        let inputs = [
            ("files", "doubtful.yaml"),
            ("policy", "policy.yaml"),
            ("strict", strict),
        ];
        let output = step(&place, 1, &inputs);
        assert_eq!(output.status.code(), Some(status), "{}", shown(&output));
    }
}

#[test]
fn takes_the_binary_that_is_there() {
    let place = Place::new("action-there").with_tagwarden();
    let output = step(&place, 0, &[("binary-url", "file:///absent")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(!place.folder.join("path").exists());
}

#[test]
fn downloads_a_binary_with_the_right_checksum_only() {
    let built = env!("CARGO_BIN_EXE_tagwarden");
    let url = format!("file://{built}");
    let sum = Command::new("sha256sum").arg(built).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sum = sum.split(' ').next().unwrap();

    let place = Place::new("action-download");
    let output = step(&place, 0, &[("binary-url", &url), ("binary-sha256", sum)]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(place.read("path"), "temp/tagwarden/bin\n");
    let version = place
        .command(place.folder.join("temp/tagwarden/bin/tagwarden"))
        .arg("--version")
        .output();
    assert!(version.unwrap().status.success());

    let place = Place::new("action-checksum");
    for wrong in ["", "0000", &sum.replace(['0', '1', '2'], "3")] {
        let output = step(&place, 0, &[("binary-url", &url), ("binary-sha256", wrong)]);
        assert_ne!(output.status.code(), Some(0), "{}", shown(&output));
        assert!(!place.folder.join("path").exists());
    }
}

#[test]
fn builds_the_command_otherwise() {
    let place = Place::new("action-cargo");
    place.program("cargo", "printf '%s\\n' \"$*\" >cargo.txt");
    let output = step(&place, 0, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(
        place.read("cargo.txt"),
        "install --locked --path /action/cli --root temp/tagwarden\n"
    );
    let manifest = std::fs::read_to_string(format!("{ROOT}/cli/Cargo.toml")).unwrap();
    assert!(manifest.contains("[[bin]]\nname = \"tagwarden\""));
}

#[test]
fn the_guide_gives_inputs_that_exist() {
    let example = block("jobs:");
    let steps = example["jobs"]["tags"]["steps"].as_array().unwrap();
    let given = steps.last().unwrap()["with"].as_object().unwrap();
    let inputs = action();
    let inputs = inputs["inputs"].as_object().unwrap();
    for name in given.keys() {
        assert!(inputs.contains_key(name), "{name}");
    }
    for (name, input) in inputs {
        let is_required = input["required"] == true;
        assert_eq!(input["default"].is_string(), !is_required, "{name}");
        assert!(crate::GUIDE.contains(&format!("`{name}`")), "{name}");
    }
}

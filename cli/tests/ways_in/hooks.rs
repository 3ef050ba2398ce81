//! The hooks, run by pre-commit.

use std::process::{Command, Output};

use serde_json::Value;

use crate::{POLICY, PRE_COMMIT, Place, RIGHT, ROOT, WRONG, block, shown, venv, yaml};

fn git(place: &Place, folder: &str, arguments: &[&str]) {
    let mut git = place.command("git");
    git.current_dir(place.folder.join(folder));
    git.args([
        "-c",
        "user.name=ann",
        "-c",
        "user.email=ann@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    let output = git.args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A repository with the hooks, and one that uses them as the guide says.
fn place(name: &str) -> Place {
    let place = Place::new(name).with_tagwarden();
    let hooks = std::fs::read_to_string(format!("{ROOT}/.pre-commit-hooks.yaml")).unwrap();
    for folder in ["hooks", "user", "user/tags"] {
        std::fs::create_dir_all(place.folder.join(folder)).unwrap();
    }
    place.write("hooks/.pre-commit-hooks.yaml", &hooks);
    let mut config = block("repos:");
    let repository = &mut config["repos"][0];
    let tag = repository["rev"].as_str().unwrap().to_owned();
    repository["repo"] = place.folder.join("hooks").to_str().unwrap().into();
    place.write("user/.pre-commit-config.yaml", &config.to_string());
    git(&place, "hooks", &["init", "--quiet"]);
    git(&place, "hooks", &["add", "."]);
    git(
        &place,
        "hooks",
        &["commit", "--quiet", "--message", "hooks"],
    );
    git(&place, "hooks", &["tag", &tag]);
    git(&place, "user", &["init", "--quiet"]);
    place
}

fn run(place: &Place) -> Output {
    git(place, "user", &["add", "."]);
    let mut run: Command =
        place.command(venv::installed("pre-commit", PRE_COMMIT).join("pre-commit"));
    run.current_dir(place.folder.join("user"));
    run.env("PRE_COMMIT_HOME", place.folder.join("pre-commit"));
    run.args(["run", "--all-files", "--color", "never"])
        .output()
        .unwrap()
}

#[test]
fn pre_commit_judges_templates_and_checks_policies() {
    let place = place("hooks");
    place.write("user/tags/policy.yaml", POLICY);
    place.write("user/template.yaml", RIGHT);
    place.write("user/other.yaml", WRONG);
    let output = run(&place);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(
        shown(&output).matches("Passed").count(),
        2,
        "{}",
        shown(&output)
    );

    place.write(
        "user/web.template.json",
        r#"{"Resources": {"Web": {"Type": "AWS::EC2::Instance"}}}"#,
    );
    place.write(
        "user/tags/policy.yaml",
        &POLICY.replace("Notify", "Notify # reports"),
    );
    let output = run(&place);
    assert!(!output.status.success());
    assert!(
        shown(&output).contains("missing tag Owner (rule 1)"),
        "{}",
        shown(&output)
    );

    std::fs::remove_file(place.folder.join("user/web.template.json")).unwrap();
    place.write("user/tags/policy.yaml", &POLICY.replace("Notify", "Notfy"));
    let output = run(&place);
    assert!(!output.status.success());
    assert!(
        shown(&output).contains("did you mean Notify"),
        "{}",
        shown(&output)
    );
}

#[test]
fn hooks_are_the_commands_that_exist() {
    let hooks = yaml(&std::fs::read_to_string(format!("{ROOT}/.pre-commit-hooks.yaml")).unwrap());
    let hooks = hooks.as_array().unwrap();
    let entries: Vec<&Value> = hooks.iter().map(|hook| &hook["entry"]).collect();
    assert_eq!(entries, ["tagwarden check", "tagwarden preflight"]);
    assert!(hooks.iter().all(|hook| hook["language"] == "system"));
}

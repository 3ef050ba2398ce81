//! The Terraform module: it has a variable for each parameter of the template, and makes the stack that `scripts/deploy`
//! makes.
//!
//! tfparse evaluates it, and checkov judges it; both are in the Python Package Index. Terraform itself is not: where `terraform`
//! or `tofu` is on the PATH, it also judges values. Nothing here knows the AWS provider, which no registry of packages has.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::moto::REQUIREMENTS;
use crate::template::{STACK, Template};
use crate::venv;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CHECKOV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/requirements.txt");
/// tfparse comes with c7n-left, which the tests of the command use.
const C7N_LEFT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/cli/tests/oracles/requirements.txt"
);
/// What is made from the template.
const MADE: [&str; 3] = ["variables.tf", "parameters.tf", "outputs.tf"];

fn module() -> PathBuf {
    Path::new(ROOT).join("terraform")
}

/// A new folder for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("terraform-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn its_variables_are_the_templates_parameters() {
    let made = folder("made");
    let python = venv::installed("moto", REQUIREMENTS).join("python");
    let output = Command::new(python)
        .arg(Path::new(ROOT).join("tests/deploy/terraform.py"))
        .args([STACK.as_ref(), made.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    for file in MADE {
        let (new, old) = (made.join(file), module().join(file));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::copy(&new, &old).unwrap();
        }
        let (new, old) = (fs::read_to_string(new), fs::read_to_string(old));
        assert!(
            new.unwrap() == old.unwrap(),
            "terraform/{file} is not what the template has: UPDATE_DOCS=1 cargo test --test deploy"
        );
    }
    let variables = fs::read_to_string(module().join("variables.tf")).unwrap();
    let count = variables.matches("\nvariable \"").count();
    assert_eq!(count, Template::read(STACK).parameters.len());
    assert!(variables.contains("\nvariable \"max_destructive_per_hour\" {"));
}

/// The example with a release, in a folder.
fn example(name: &str) -> PathBuf {
    let folder = folder(name);
    let example = folder.join("examples/account");
    let release = example.join("release");
    fs::create_dir_all(&release).unwrap();
    for file in fs::read_dir(module()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let main = module().join("examples/account/main.tf");
    fs::copy(main, example.join("main.tf")).unwrap();
    for function in ["rule", "remediation"] {
        let zip = release.join(format!("tagwarden-{function}-arm64.zip"));
        fs::write(zip, function).unwrap();
    }
    fs::copy(STACK, release.join("tagwarden.yaml")).unwrap();
    example
}

/// What the module amounts to, as tfparse evaluates it.
fn evaluated(example: &Path) -> Value {
    let python = venv::installed("c7n-left", C7N_LEFT).join("python");
    let output = Command::new(python)
        .arg(Path::new(ROOT).join("tests/deploy/terraform_parse.py"))
        .arg(".")
        .current_dir(example)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The object with the template.
fn template_of(parsed: &Value) -> &Value {
    let mut objects = parsed["objects"].as_object().unwrap().values();
    objects.find(|it| it["content"].is_string()).unwrap()
}

/// Its stack would fail once its tables were made.
#[test]
fn a_template_whose_zips_are_not_replaced_is_refused() {
    let example = example("precondition");
    let holds = |parsed: &Value| {
        let condition = &template_of(parsed)["lifecycle"]["precondition"];
        assert!(condition["error_message"].is_string(), "{condition}");
        condition["condition"].as_bool().unwrap()
    };
    assert!(holds(&evaluated(&example)));
    let path = example.join("release/tagwarden.yaml");
    let template = fs::read_to_string(&path).unwrap();
    let other = template.replace(
        "Code: ../target/lambda/tagwarden-rule.zip",
        "Code: '../target/lambda/tagwarden-rule.zip'",
    );
    assert!(other != template);
    fs::write(path, other).unwrap();
    assert!(!holds(&evaluated(&example)));
}

#[test]
fn the_example_makes_the_stack_of_the_template() {
    let example = example("example");
    let parsed = evaluated(&example);
    assert_eq!(
        parsed["stack"]["parameters"],
        json!({"Architecture": "arm64", "Email": "cloud@acme.example", "Untagged": "notify"})
    );
    assert_eq!(parsed["stack"]["capabilities"], json!(["CAPABILITY_IAM"]));
    // The functions of the uploaded template are the uploaded zips.
    let objects = parsed["objects"].as_object().unwrap();
    assert_eq!(objects.len(), 3, "{:?}", objects.keys());
    let uploaded = example.join("uploaded.yaml");
    let template = template_of(&parsed);
    fs::write(&uploaded, template["content"].as_str().unwrap()).unwrap();
    let uploaded = Template::read(&uploaded.to_string_lossy());
    for (id, zip) in [
        ("RuleFunction", "tagwarden-rule-arm64.zip"),
        ("RemediationFunction", "tagwarden-remediation-arm64.zip"),
    ] {
        let is_of = |it: &&Value| it["source"].as_str().is_some_and(|it| it.ends_with(zip));
        let object = objects.values().find(is_of).unwrap();
        let function = uploaded.resources.iter().find(|it| it.id == id).unwrap();
        assert_eq!(
            function.properties["Code"],
            json!({"S3Bucket": "acme-tagwarden-eu-west-1", "S3Key": object["key"]})
        );
    }
    let zips = objects.values().filter(|it| it["source"].is_string());
    let keys: std::collections::BTreeSet<_> = zips.map(|it| it["key"].to_string()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn checkov_finds_nothing_in_it() {
    let mut linter = Command::new(venv::installed("checkov", CHECKOV).join("checkov"));
    linter
        .current_dir(ROOT)
        .args([
            "--framework",
            "terraform",
            "--compact",
            "--quiet",
            "--skip-download",
        ])
        .env_remove("BC_API_KEY")
        .args(["--directory", "terraform"]);
    let output = linter.output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
    let whole = fs::read_to_string(module().join("main.tf")).unwrap();
    for line in whole.lines().filter(|it| it.contains("checkov:skip=")) {
        assert!(line.split(':').nth(2).unwrap().len() > 20, "{line}");
    }
}

/// Terraform or `OpenTofu`, if it is there.
fn terraform() -> Option<&'static str> {
    let is_there = |it: &&str| Command::new(it).arg("version").output().is_ok();
    ["terraform", "tofu"].into_iter().find(is_there)
}

fn run(program: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments);
    command.env("CHECKPOINT_DISABLE", "1").output().unwrap()
}

#[test]
fn terraform_accepts_what_the_template_accepts() {
    let Some(program) = terraform() else {
        // Written directly, because the test harness captures the macros.
        let _ = writeln!(
            std::io::stderr(),
            "neither terraform nor tofu is on the PATH: values were not judged"
        );
        return;
    };
    let output = run(
        program,
        &module(),
        &["fmt", "-check", "-recursive", "-diff"],
    );
    let different = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{different}");
    // All but what needs the provider.
    let example = example("values");
    let folder = folder("values-of-variables");
    for file in ["variables.tf", "parameters.tf", "settings.tf"] {
        fs::copy(module().join(file), folder.join(file)).unwrap();
    }
    fs::write(
        folder.join("output.tf"),
        "output \"parameters\" { value = local.parameters }\n",
    )
    .unwrap();
    let files = format!("files={}", example.join("release").display());
    let output = run(program, &folder, &["init", "-input=false"]);
    assert!(output.status.success(), "{output:?}");
    for (value, problem) in [
        ("grace_minutes=3", None),
        ("mail_domains=[\"example.com\",\"*.example.org\"]", None),
        (
            "alarm_topic_arn=arn:aws:sns:REGION:111111111111:alarms",
            None,
        ),
        (
            "grace_minutes=-1",
            Some("grace_minutes must be a whole number"),
        ),
        (
            "grace_minutes=1.5",
            Some("grace_minutes must be a whole number"),
        ),
        ("mode=perhaps", Some("mode must be one of dry-run, enforce")),
        ("vpc_ids=my-vpc", Some("vpc_ids must be VPC ids")),
        (
            "mail_domains=[\"Example\"]",
            Some("mail_domains must be domains"),
        ),
        ("stack_name=1", Some("stack_name must begin with a letter")),
        (
            "log_retention_days=2",
            Some("log_retention_days must be one of"),
        ),
    ] {
        let arguments = ["plan", "-input=false", "-no-color", "-var", &files];
        let arguments = [&arguments[..], &["-var", "bucket=b", "-var", value]].concat();
        let output = run(program, &folder, &arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.success(),
            problem.is_none(),
            "{value}: {errors}"
        );
        if let Some(problem) = problem {
            let errors = errors.replace("\n│ ", " ");
            assert!(errors.contains(problem), "{value}: {errors}");
        }
    }
}

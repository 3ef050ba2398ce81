//! Files that are something else: the message says what.

use rstest::rstest;
use serde_json::{Value, json};

use crate::plans::{Plan, instance};
use crate::scene::Scene;
use crate::support::{stderr, stdout};

#[rstest]
#[case::newer(Plan::of([]).set("format_version", json!("2.0")).json(), "is a plan of the format_version 2.0, and this")]
#[case::odd(Plan::of([]).set("format_version", json!("x")).json(), "has the format_version \"x\"")]
#[case::state(json!({"version": 4, "terraform_version": "1.9.5", "serial": 7, "lineage": "x", "resources": []}),
    "is a state of Terraform, not a plan")]
#[case::shown_state(json!({"format_version": "1.0", "terraform_version": "1.9.5", "values": {"root_module": {}}}),
    "is the JSON of a state, not of a plan")]
#[case::shown_nothing(json!({"format_version": "1.0", "terraform_version": "1.9.5"}), "is the JSON of a state")]
#[case::log(json!({"@level": "info", "@message": "Terraform 1.9.5"}), "is the log of `terraform plan -json`")]
#[case::something(json!({"Reservations": []}), "is neither a plan of Terraform nor a template")]
#[case::resources(json!({"Resources": []}), "is not a template: it has no Resources")]
#[case::changes(Plan::of([]).set("resource_changes", json!({})).json(), "resource_changes is of another form")]
#[case::change(Plan::of([]).set("resource_changes", json!([{"address": 1}])).json(), "resource_changes is of another form")]
fn refuses_other_documents_by_name(#[case] document: Value, #[case] expected: &str) {
    refused(document.to_string().as_bytes(), expected);
}

#[rstest]
#[case::saved(
    b"PK\x03\x04\x14\x00\x08",
    "is a plan as `terraform plan -out` saves it"
)]
#[case::empty(b" \n", "is empty")]
#[case::bytes(b"{\xff", "is not a text in UTF-8 or UTF-16")]
#[case::cut(b"{\"format_version\": \"1.2\", \"resource_ch", "is not valid JSON")]
#[case::log(
    b"{\"@level\":\"info\"}\n{\"@level\":\"info\"}\n",
    "is the log of `terraform plan -json`"
)]
#[case::text(
    b"Terraform will perform the following actions:\n\n  # aws_instance.web",
    "is a plan as text"
)]
#[case::configuration(
    b"resource \"aws_instance\" \"web\" {\n}\n",
    "is the configuration of Terraform, not a plan"
)]
#[case::something(b"hello: there\n", "is neither a plan of Terraform nor a template")]
#[case::template(
    b"Resources:\n  a: [\n",
    "is not a template: line 3, column 1: this cannot be read"
)]
#[case::two(
    b"Resources:\n  a: {}\n---\nb: {}\n",
    "is not a template: line 3, column 1: a second document"
)]
fn refuses_other_files_by_name(#[case] bytes: &[u8], #[case] expected: &str) {
    refused(bytes, expected);
}

fn refused(bytes: &[u8], expected: &str) {
    let name: String = expected
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let scene = Scene::new(&format!("refused-{name}-{}", bytes.len()));
    scene.write("plan.json", bytes);
    let output = scene.run(&["plan.json", "--policy", "policy.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(
        message.starts_with("error: \"plan.json\" ") && message.contains(expected),
        "{message}"
    );
}

/// What people have at hand: older formats, Windows' encoding, gzip is tested with the streams, the wrapper of an action.
#[test]
fn reads_what_people_have_at_hand() {
    let scene = Scene::new("at-hand");
    let plan = Plan::of([instance("aws_instance.web", json!({"Owner": "ann"}))]);
    let older = plan
        .clone()
        .set("format_version", json!("0.1"))
        .json()
        .to_string();
    let json = plan.json().to_string();
    let utf_16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(json.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let wrapped = format!(
        "[command]/opt/terraform-bin show -json plan.tfplan\n{json}%0A\n::set-output name=stderr::\n"
    );
    for (name, bytes) in [
        ("older.json", older.into_bytes()),
        ("utf16.json", utf_16),
        ("wrapped.json", wrapped.into_bytes()),
    ] {
        scene.write(name, bytes);
        let output = scene.run(&[name, "--policy", "policy.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        assert!(
            stdout(&output).contains("1 resource: 2 notes"),
            "{name}: {}",
            stdout(&output)
        );
    }
    let output = scene.run_with(&["-", "--policy", "policy.yaml"], &json);
    assert!(
        stdout(&output).starts_with("standard input (Terraform 1.9.5), judged by policy.yaml:\n"),
        "{output:?}"
    );
}

#[test]
fn refuses_wrong_options() {
    let scene = Scene::new("options");
    scene.plan(&Plan::of([]));
    for (arguments, status, expected) in [
        (
            &[
                "plan.json",
                "--vpc-id",
                "vpc-1,vpc-2",
                "--policy",
                "policy.yaml",
            ][..],
            64,
            "name one VPC",
        ),
        (
            &[
                "plan.json",
                "--vpc-ids",
                "subnet-1",
                "--policy",
                "policy.yaml",
            ],
            64,
            "is not a VPC id",
        ),
        (
            &["-", "-", "--policy", "policy.yaml"],
            64,
            "standard input can be read only once",
        ),
        (
            &["-", "--policy", "-"],
            64,
            "standard input can be read only once",
        ),
        (
            &[
                "plan.json",
                "--source",
                "nowhere",
                "--policy",
                "policy.yaml",
            ],
            1,
            "is not a folder",
        ),
        (
            &["absent.json", "--policy", "policy.yaml"],
            1,
            "\"absent.json\" cannot be read",
        ),
        (
            &["plan.json", "--policy", "absent.yaml"],
            1,
            "\"absent.yaml\" cannot be read",
        ),
    ] {
        let output = scene.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {output:?}"
        );
        assert!(
            stderr(&output).contains(expected),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

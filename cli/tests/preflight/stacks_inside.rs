//! Templates in templates, and templates that are odd.

use serde_json::Value;

use crate::scene::{Scene, findings, findings_of};
use crate::stacks::{judge, judge_in, with_tags};
use crate::support::stdout;

#[test]
fn values_of_parameters_without_echo_are_not_shown() {
    let template = "Parameters:
  Stage: {Type: String, NoEcho: true, Default: Hush-Hush}
Resources:
  Web:
    Type: AWS::EC2::Instance
    Properties:
      Tags:
        - {Key: Env, Value: !Sub 'x-${Stage}'}
        - {Key: Owner, Value: !Join ['', [!Ref Stage]]}
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: nested.yaml
      Parameters: {Inner: !Ref Stage}
      Tags: [{Key: Team, Value: !Ref Stage}]
";
    let scene = Scene::new("stack-secrets");
    scene.write("template.yaml", template);
    let nested = "Parameters:\n  Inner: {Type: String}\nResources:\n  Web:\n    Type: AWS::EC2::Instance\n    Properties:\n      Tags: [{Key: Env, Value: !Ref Inner}]\n";
    scene.write("nested.yaml", nested);
    for form in ["text", "json", "markdown", "sarif", "junit", "github"] {
        let output = scene.run(&["template.yaml", "--policy", "policy.yaml", "--output", form]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            !stdout(&output).contains("Hush"),
            "{form}: {}",
            stdout(&output)
        );
    }
}

/// A nested template is read where it is a local file, with what the stack above gives it.
#[test]
fn reads_nested_templates() {
    let scene = Scene::new("stack-nested");
    let stack = |name: &str, url: &str, more: &str| {
        format!(
            "  {name}:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      TemplateURL: {url}\n{more}"
        )
    };
    scene.write(
        "template.yaml",
        format!(
            "Parameters:\n  Where: {{Type: String}}\nResources:\n{}{}{}{}{}",
            stack("App", "parts/app.yaml", "      Parameters: {Who: ann}\n      Tags: [{Key: ProjectCode, Value: P}]\n"),
            stack("Far", "https://bucket.s3.amazonaws.com/far.yaml", ""),
            stack("Unknown", "!Ref Where", ""),
            stack("Absent", "absent.yaml", ""),
            "  Serverless:\n    Type: AWS::Serverless::Application\n    Properties: {Location: parts/own.yaml}\n",
        ),
    );
    let app = "Parameters:\n  Who: {Type: String}\nResources:\n  Web:\n    Type: AWS::EC2::Instance\n    Properties:\n      Tags:\n        - {Key: Owner, Value: !Ref Who}\n        - {Key: CreatedBy, Value: ann}\n";
    scene.write("parts/app.yaml", app);
    scene.write(
        "parts/own.yaml",
        format!("Resources:\n{}", stack("Own", "own.yaml", "")),
    );
    let document = judge_in(&scene, &[]);
    let resources = document["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 1, "{document:#}");
    assert!(findings_of(&resources[0]).is_empty(), "{document:#}");
    assert_eq!(resources[0]["address"], "App/Web");
    assert_eq!(resources[0]["path"], "parts/app.yaml");
    let notes: Vec<&str> = document["notes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        notes,
        [
            "The template nested in Far is not read, because it is not a local file: https://bucket.s3.amazonaws.com/far.yaml.",
            "The template nested in Unknown is not read: where it is is not known.",
            "The template nested in Absent is not read: absent.yaml: No such file or directory (os error 2).",
            "The template nested in Serverless/Own is not read, because it is nested in itself: own.yaml.",
        ]
    );
}

#[test]
fn names_what_is_not_judged() {
    let template = "Resources:
  Data: {Type: AWS::EC2::SpotFleet}
  Nodes: {Type: AWS::EKS::Nodegroup}
  Part: {Type: 'Corp::Web::MODULE'}
  Bucket: {Type: AWS::S3::Bucket}
";
    let document = judge("others", template, &[]);
    let notes = document["notes"].to_string();
    for part in [
        "Part is a module",
        "type AWS::EC2::SpotFleet not judged",
        "type AWS::EKS::Nodegroup",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
    assert!(!notes.contains("Bucket"), "{notes}");
}

/// Anchors, deep nesting and aliases that multiply end in an answer.
#[test]
fn odd_templates_end_in_an_answer() {
    let anchored = with_tags("- &owner {Key: Owner, Value: ann}\n- *owner");
    assert!(findings(&judge("anchor", &anchored, &[])).is_empty());
    let deep = format!(
        "Resources:\n  Web: {}{}\n",
        "[".repeat(200),
        "]".repeat(200)
    );
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        let items = vec![before; 10].join(", ");
        let line = format!("a{level}: &a{level} [{items}]\n");
        bomb.push_str(&line);
    }
    bomb += "Resources: {}\n";
    let circle = "Conditions:\n  A: !Condition B\n  B: !Not [!Condition A]\nResources:\n  Web:\n    Type: AWS::EC2::Instance\n    Condition: A\n";
    for (name, template, status) in [
        ("deep", deep.as_str(), 1),
        ("bomb", &bomb, 1),
        ("circle", circle, 2),
    ] {
        let scene = Scene::new(&format!("stack-odd-{name}"));
        scene.write("template.yaml", template);
        let output = scene.run(&["template.yaml", "--policy", "policy.yaml"]);
        assert_eq!(output.status.code(), Some(status), "{name}: {output:?}");
    }
}

//! What `docs/preflight.md` shows is what the command writes.

use serde_json::json;

use crate::plans::{Plan, block, group, instance, template};
use crate::scene::{POLICY, Scene};
use crate::support::stdout;

const GUIDE: &str = include_str!("../../../docs/preflight.md");

const CONFIGURATION: &str = r#"resource "aws_instance" "web" {
  ami           = "ami-0a1b2c3d4e5f60718"
  instance_type = "t3.micro"
  tags          = { owner = "ann@example.com", Env = "prod" }
}

resource "aws_launch_template" "jobs" {
  tag_specifications {
    resource_type = "instance"
    tags          = { ProjectCode = "Proj042" }
  }
}

resource "aws_autoscaling_group" "jobs" {
  max_size = 3
  launch_template {
    id = aws_launch_template.jobs.id
  }
  tag {
    key                 = "Owner"
    value               = "team-jobs"
    propagate_at_launch = false
  }
}
"#;

const TEMPLATE: &str = "\
Parameters:
  Stage: {Type: String}
Resources:
  Web:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: ami-0a1b2c3d4e5f60718
      Tags:
        - {Key: Owner, Value: !ImportValue web-owner}
        - {Key: Env, Value: !Ref Stage}
";

/// The guide has this text, as a block of its own or part of one.
fn guide_shows(text: &str) {
    assert!(
        GUIDE.contains(text.trim_end()),
        "docs/preflight.md does not show:\n{text}"
    );
}

#[test]
fn guide_shows_the_real_output() {
    let scene = Scene::new("guide");
    scene.write("main.tf", CONFIGURATION);
    let jobs = "aws_launch_template.jobs";
    scene.plan(&Plan::of([
        instance(
            "aws_instance.web",
            json!({"owner": "ann@example.com", "Env": "prod"}),
        ),
        template(jobs, json!({"ProjectCode": "Proj042"})),
        group(
            "aws_autoscaling_group.jobs",
            json!([block("Owner", "team-jobs", false)]),
            jobs,
        ),
    ]));
    guide_shows(POLICY);
    guide_shows(CONFIGURATION);
    guide_shows("tagwarden preflight plan.json --policy policy.yaml --source .");
    let output = scene.run(&["plan.json", "--policy", "policy.yaml", "--source", "."]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    guide_shows(stdout(&output));

    scene.write("template.yaml", TEMPLATE);
    guide_shows(TEMPLATE);
    let command = "template.yaml --policy policy.yaml --parameter Stage=prod";
    guide_shows(&format!("tagwarden preflight {command}"));
    let output = scene.run(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    guide_shows(stdout(&output));
}

//! The forms of the output, and the exit statuses.

use serde_json::json;

use crate::pipeline_formats::{junit, sarif};
use crate::plans::{Plan, UNKNOWN, block, instance, resource};
use crate::scene::Scene;
use crate::support::{stderr, stdout};
use crate::world::World;

/// A plan with an error, a warning, a note, something the policy is not for, and something not judged.
fn plan() -> Plan {
    let tags = json!({"Owner": "ann", "ProjectCode": "P", "CreatedBy": "ann"});
    let mut unknown = tags.clone();
    unknown["Env"] = json!(UNKNOWN);
    let mut note = tags.clone();
    note.as_object_mut().unwrap().remove("ProjectCode");
    let mut exempt = json!({"Name": "old"});
    exempt["tagwarden:exempt-until"] = json!("2099-12-31 moves out");
    Plan::of([
        instance("aws_instance.right", tags),
        instance("aws_instance.web", json!({"Name": "web", "Env": "prod"})),
        instance("aws_instance.bare", json!({})),
        instance("aws_instance.unknown", unknown),
        instance("aws_instance.note", note),
        instance("aws_instance.old", exempt),
        resource(
            "aws_autoscaling_group.jobs",
            json!({
                "tag": [block("Owner", "ann", false)], "launch_configuration": "jobs", "launch_template": [],
            }),
        ),
        instance("aws_ec2_fleet.data", json!({})),
    ])
}

fn scene(name: &str) -> Scene {
    let scene = Scene::new(&format!("outputs-{name}"));
    scene.plan(&plan());
    scene.write(
        "main.tf",
        "resource \"aws_instance\" \"web\" {\n}\nresource \"aws_instance\" \"bare\" {\n}\n",
    );
    scene
}

const ARGUMENTS: [&str; 5] = ["plan.json", "--policy", "policy.yaml", "--source", "."];

fn run(scene: &Scene, more: &[&str]) -> std::process::Output {
    let output = scene.run(&[&ARGUMENTS[..], more].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(stderr(&output), "");
    output
}

#[test]
fn text_json_markdown_and_annotations() {
    let scene = scene("forms");
    for form in ["text", "json", "markdown", "github"] {
        let output = run(&scene, &["--output", form]);
        insta::assert_snapshot!(form, stdout(&output));
    }
    let colored = scene.run(&[&ARGUMENTS[..], &["--color", "always"]].concat());
    assert!(stdout(&colored).contains("\u{1b}[31m"), "{colored:?}");
}

#[test]
fn sarif_has_files_lines_and_addresses() {
    let scene = scene("sarif");
    let run_ = sarif(&run(&scene, &["--output", "sarif"]));
    let results = run_["results"].as_array().unwrap();
    let lines: Vec<String> = results
        .iter()
        .map(|result| {
            let location = &result["locations"][0];
            let physical = &location["physicalLocation"];
            format!(
                "{} {} {}:{} {}",
                result["level"].as_str().unwrap(),
                result["ruleId"].as_str().unwrap(),
                physical["artifactLocation"]["uri"].as_str().unwrap_or("-"),
                physical["region"]["startLine"],
                location["logicalLocations"][0]["fullyQualifiedName"]
                    .as_str()
                    .unwrap(),
            )
        })
        .collect();
    insta::assert_snapshot!("sarif", lines.join("\n"));
    let notes = &run_["invocations"][0]["toolExecutionNotifications"];
    assert!(
        notes[0]["message"]["text"]
            .as_str()
            .unwrap()
            .contains("aws_ec2_fleet"),
        "{notes}"
    );
    // The fingerprints stay where a line moves and others are fixed.
    let fingerprint = |run: &serde_json::Value, at: usize| {
        run["results"][at]["partialFingerprints"]["tagwarden/v1"].clone()
    };
    scene.write("main.tf", "\n\nresource \"aws_instance\" \"web\" {\n}\n");
    let moved = sarif(&run(&scene, &["--output", "sarif"]));
    assert_eq!(fingerprint(&run_, 0), fingerprint(&moved, 0));
}

/// A test for each resource, which fails by its errors, and with --strict by everything.
#[test]
fn junit_has_a_test_for_each_resource() {
    let scene = scene("junit");
    let failed = |more: &[&str]| {
        let output = run(&scene, &[&["--output", "junit"][..], more].concat());
        let tests = junit(&output);
        assert_eq!(tests.len(), 7);
        let failed = tests.iter().filter(|(.., failure)| failure.is_some());
        failed.map(|(_, name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        failed(&[]),
        [
            "aws_instance.web",
            "aws_instance.bare",
            "aws_autoscaling_group.jobs"
        ]
    );
    assert_eq!(failed(&["--strict"]).len(), 5);
}

/// The statuses: errors, and with --strict everything.
#[test]
fn ends_with_2_for_errors_and_strictly_for_everything() {
    let owned = json!({"Owner": "ann", "ProjectCode": "P", "CreatedBy": "ann"});
    let mut unknown = owned.clone();
    unknown["Env"] = json!(UNKNOWN);
    for (name, tags, plain, strict) in [
        ("nothing", owned, 0, 0),
        ("warning", unknown, 0, 2),
        ("note", json!({"Owner": "ann"}), 0, 2),
        ("error", json!({"Name": "web"}), 2, 2),
    ] {
        let scene = Scene::new(&format!("status-{name}"));
        scene.plan(&Plan::of([instance("aws_instance.web", tags)]));
        let status = |more: &[&str]| {
            let output = scene.run(&[&["plan.json", "--policy", "policy.yaml"], more].concat());
            output.status.code()
        };
        assert_eq!(status(&[]), Some(plain), "{name}");
        assert_eq!(status(&["--strict"]), Some(strict), "{name}");
    }
}

/// The policy of the table, as for the other commands.
#[test]
fn judges_by_the_policy_table() {
    let world = World::new("preflight");
    world.write("plan.json", &plan().json().to_string());
    let output = world.run(&["preflight", "plan.json"]);
    // The sample fills everything in, so that only what is untagged is an error.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("judged by the policy table acme_cloud_policy_tagging_def in us-east-1"),
        "{text}"
    );
    assert!(
        text.contains("aws_instance.bare\n  error: the instance will have no tags at all\n"),
        "{text}"
    );
    let absent = world.run(&["preflight", "plan.json", "--table", "absent"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(stderr(&absent).contains("absent"), "{absent:?}");
}

/// A thousand copies of a block are one entry, and what many need to know fits in a comment.
#[test]
fn a_plan_of_thousands_is_read_at_once() {
    let scene = Scene::new("thousands");
    let resources = (0..5_000).map(|number| {
        let name = format!("aws_instance.web{}", number % 50);
        let web = instance(&name, json!({"Name": format!("web {number}")}));
        web.set("address", json!(format!("{name}[{number}]")))
            .set("index", json!(number))
    });
    scene.plan(&Plan::of(resources));
    let output = scene.run(&["plan.json", "--policy", "policy.yaml"]);
    let text = stdout(&output);
    assert!(
        text.ends_with("5,000 resources: 5,000 errors, 10,000 notes\n"),
        "{}",
        text.len()
    );
    assert!(
        text.contains("aws_instance.web7[7] and 99 more alike\n"),
        "{text}"
    );
    let output = scene.run(&[
        "plan.json",
        "--policy",
        "policy.yaml",
        "--output",
        "markdown",
    ]);
    assert!(output.stdout.len() < 65_536, "{}", output.stdout.len());
    assert!(stdout(&output).contains("more resources are left out"));
}

/// Eight times as many resources take about eight times as long, in all that is read and looked up.
#[test]
fn the_time_grows_with_the_plan() {
    let time = |number: usize| {
        let scene = Scene::new(&format!("ratio-{number}"));
        let resources = (0..number).map(|number| {
            let name = format!("aws_instance.web{number}");
            instance(&name, json!({"Name": format!("web {number}")}))
        });
        scene.plan(&Plan::of(resources));
        let blocks =
            (0..number).map(|it| format!("resource \"aws_instance\" \"web{it}\" {{\n}}\n"));
        scene.write("main.tf", blocks.collect::<Vec<_>>().concat());
        let once = || {
            let start = std::time::Instant::now();
            run(&scene, &["--output", "sarif"]);
            start.elapsed()
        };
        once().min(once())
    };
    let (few, many) = (time(300), time(2_400));
    // A square would make it 64 times.
    assert!(many < few * 30, "{few:?}, {many:?}");
}

/// No text of a plan reaches a terminal as a command, or an annotation as another one.
#[test]
fn nothing_in_a_plan_is_a_command() {
    let scene = Scene::new("commands");
    let address = "aws_instance.web[\"\u{1b}[31m\u{202e}\n::error::x\"]";
    let tags = json!({"owner\u{1b}[2J": "x", "Env": "\n::warning::\u{1b}]0;x\u{7}"});
    let web = instance("aws_instance.web", tags).set("address", json!(address));
    scene.plan(&Plan::of([web]).set("terraform_version", json!("1\u{1b}[0m")));
    for form in ["text", "json", "markdown", "sarif", "junit", "github"] {
        let output = scene.run(&["plan.json", "--policy", "policy.yaml", "--output", form]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = stdout(&output);
        for part in ["\u{1b}", "\u{202e}", "\u{7}"] {
            assert!(!text.contains(part), "{form}: {text:?}");
        }
        let mut lines = text.lines().filter(|line| line.starts_with("::"));
        assert!(
            lines.all(|line| line.contains("::aws_instance.web[")),
            "{form}: {text}"
        );
    }
}

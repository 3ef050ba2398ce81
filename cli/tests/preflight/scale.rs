//! Large plans: the time grows with the number of resources, and no faster.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::plans::{Plan, Resource, UNKNOWN, block, group, resource, template};
use crate::scene::Scene;

/// A plan of so many resources: instances, groups, and the template of each group. A third of the instances has no owner.
fn plan(resources: usize) -> Plan {
    let instance = |number: usize| -> Resource {
        let owner = if number.is_multiple_of(3) {
            "Name"
        } else {
            "Owner"
        };
        let tags = json!({owner: format!("team-{number}"), "Env": "Prod", "ProjectCode": "P1"});
        let address = format!("aws_instance.web_{number}");
        resource(
            &address,
            json!({
                "ami": "ami-0a1b2c3d4e5f60718", "instance_type": "t3.micro", "subnet_id": UNKNOWN, "arn": UNKNOWN,
                "availability_zone": UNKNOWN, "cpu_core_count": UNKNOWN, "ebs_block_device": UNKNOWN, "id": UNKNOWN,
                "user_data": "x".repeat(200), "monitoring": UNKNOWN, "private_ip": UNKNOWN, "tags": tags, "tags_all": tags,
                "vpc_security_group_ids": ["sg-1", "sg-2"], "volume_tags": null, "timeouts": null,
            }),
        )
    };
    let of_group = |number: usize| {
        let name = format!("aws_launch_template.jobs_{number}");
        let tags = json!([block("Owner", "team-jobs", !number.is_multiple_of(2))]);
        [
            template(&name, json!({"ProjectCode": "P1"})),
            group(&format!("aws_autoscaling_group.jobs_{number}"), tags, &name),
        ]
    };
    let groups = resources / 5;
    let instances = (0..resources - 2 * groups).map(instance);
    Plan::of(instances.chain((0..groups).flat_map(of_group)))
}

/// How long the command takes: the shortest of three runs.
fn time(scene: &Scene, file: &str) -> Duration {
    let times = (0..3).map(|_| {
        let began = Instant::now();
        let output = scene.run(&[file, "--policy", "policy.yaml", "--output", "json"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        began.elapsed()
    });
    times.min().unwrap()
}

/// A release build takes less than a tenth of a second for the larger plan: see docs/performance.md. This build is not
/// optimised, so that only the growth is compared: 8 times as many resources, and not the square of that.
#[test]
fn time_grows_with_the_resources() {
    let scene = Scene::new("scale");
    for (file, resources) in [("small.json", 625), ("large.json", 5_000)] {
        scene.write(file, plan(resources).json().to_string());
    }
    let (small, large) = (time(&scene, "small.json"), time(&scene, "large.json"));
    assert!(large < small * 20, "{small:?}, then {large:?}");
}

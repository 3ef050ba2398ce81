//! Files and lines of the configuration that a plan is of.

use serde_json::{Value, json};

use crate::plans::{Plan, instance};
use crate::scene::Scene;

/// A plan of a root module with two modules, one of them from a registry.
fn plan() -> Plan {
    let inside = |address: &str, module: &str, name: &str| {
        let web = instance(&format!("aws_instance.{name}"), json!({"Name": "web"}));
        web.set("address", json!(address))
            .set("module_address", json!(module))
    };
    let mut plan = Plan::of([
        instance("aws_instance.web", json!({"Name": "web"})),
        inside(
            "module.app[\"a\"].aws_instance.app[0]",
            "module.app[\"a\"]",
            "app",
        ),
        inside(
            "module.far.module.deep.aws_instance.x",
            "module.far.module.deep",
            "x",
        ),
        instance("aws_instance.generated", json!({"Name": "web"})),
    ]);
    let mut configuration = plan.json()["configuration"].clone();
    configuration["root_module"]["module_calls"] = json!({
        "app": {"source": "./modules/app", "module": {}},
        "far": {"source": "terraform-aws-modules/ec2/aws", "module": {"module_calls": {
            "deep": {"source": "./deep", "module": {}},
        }}},
    });
    plan = plan.set("configuration", configuration);
    plan
}

fn write_configuration(scene: &Scene, folder: &str) {
    scene.write(
        &format!("{folder}/main.tf"),
        "# resource \"aws_instance\" \"web\" {}\n\nresource \"aws_instance\" \"web\" {\n}\n",
    );
    scene.write(
        &format!("{folder}/modules.tf"),
        "module \"app\" {\n  source = \"./modules/app\"\n}\nmodule \"far\" {\n}\n",
    );
    scene.write(
        &format!("{folder}/modules/app/instances.tf"),
        "\n\n  resource aws_instance app {\n  }\n",
    );
}

fn places(document: &Value) -> Vec<String> {
    let resources = document["resources"].as_array().unwrap().iter();
    resources
        .map(|it| match (it["path"].as_str(), &it["line"]) {
            (Some(path), line) => format!("{path}:{line}"),
            (None, line) => {
                assert!(line.is_null());
                "nowhere".to_owned()
            }
        })
        .collect()
}

/// The resource's own block; the call of a module from elsewhere; nothing for what is not there.
#[test]
fn finds_the_block_of_each_resource() {
    let scene = Scene::new("source");
    write_configuration(&scene, "infra");
    let document = scene.judge(&plan(), &["--source", "infra"]);
    assert_eq!(
        places(&document),
        [
            "infra/main.tf:3",
            "infra/modules/app/instances.tf:3",
            "infra/modules.tf:4",
            "nowhere"
        ]
    );
    write_configuration(&scene, ".");
    let here = scene.judge(&plan(), &["--source", "."]);
    assert_eq!(
        places(&here),
        [
            "main.tf:3",
            "modules/app/instances.tf:3",
            "modules.tf:4",
            "nowhere"
        ]
    );
    let without = scene.judge(&plan(), &[]);
    assert_eq!(places(&without), ["nowhere"; 4]);
}

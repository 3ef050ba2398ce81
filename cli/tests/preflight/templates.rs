//! Launch templates: which one a group or an instance has, and the tags that it brings.

use rstest::rstest;
use serde_json::{Value, json};

use crate::plans::{Plan, Resource, UNKNOWN, block, group, resource, template};
use crate::scene::{Scene, findings_of};

const WEB: &str = "aws_launch_template.web";

fn others() -> Value {
    json!([
        block("ProjectCode", "P", true),
        block("CreatedBy", "ann", true)
    ])
}

/// What is found in the group or instance, which is the last resource of the plan.
fn found(name: &str, plan: &Plan) -> Vec<String> {
    let document = Scene::new(&format!("template-{name}")).judge(plan, &[]);
    findings_of(document["resources"].as_array().unwrap().last().unwrap())
}

const UNKNOWN_OWNER: [&str; 2] = ["warning unknown-tag Owner", "warning unknown-tag Env"];

/// Each alone lacks a tag, and together they have all.
#[test]
fn a_group_has_the_tags_of_its_template() {
    let owner = json!({"Owner": "ann"});
    let plan = Plan::of([
        template(WEB, owner),
        group("aws_autoscaling_group.web", others(), WEB),
    ]);
    assert!(found("group", &plan).is_empty());
    let bare = Plan::of([
        template(WEB, json!({})),
        group("aws_autoscaling_group.web", others(), WEB),
    ]);
    assert_eq!(found("group-without", &bare), ["error missing-tag Owner"]);
    // The group's value is the one that counts.
    let wrong = template(WEB, json!({"Owner": "ann", "Env": "prod"}));
    let mut tags = others();
    tags.as_array_mut()
        .unwrap()
        .push(block("Env", "Prod", true));
    let plan = Plan::of([wrong, group("aws_autoscaling_group.web", tags, WEB)]);
    assert!(found("group-over", &plan).is_empty());
}

#[test]
fn a_template_alone_is_never_judged() {
    let plan = Plan::of([template(WEB, json!({}))]);
    let document = Scene::new("template-alone").judge(&plan, &[]);
    assert_eq!(document["counts"]["resources"], 0);
}

/// What is not known of the template is not missing.
#[rstest]
#[case::elsewhere("local.template", json!({"Owner": "ann"}))]
#[case::of_a_module("module.lt.id", json!({"Owner": "ann"}))]
#[case::tags_unknown(WEB, json!(UNKNOWN))]
fn a_template_that_is_not_known_makes_warnings(#[case] reference: &str, #[case] tags: Value) {
    let plan = Plan::of([
        template(WEB, tags),
        group("aws_autoscaling_group.web", others(), reference),
    ]);
    let name: String = reference
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    assert_eq!(found(&name, &plan), UNKNOWN_OWNER);
}

#[test]
fn two_templates_to_choose_from_make_warnings() {
    let mut web = group("aws_autoscaling_group.web", others(), WEB);
    web.expressions = json!({"launch_template": [{"id": {"references": [
        "var.is_new", "aws_launch_template.web.id", "aws_launch_template.web",
        "aws_launch_template.old.id", "aws_launch_template.old",
    ]}}]});
    let templates =
        [WEB, "aws_launch_template.old"].map(|it| template(it, json!({"Owner": "ann"})));
    assert_eq!(found("two", &Plan::of(templates).with(web)), UNKNOWN_OWNER);
}

/// A template that exists, by its id or its name.
#[rstest]
#[case(json!([{"id": "lt-1", "name": "web", "version": "$Latest"}]))]
#[case(json!([{"id": "", "name": "web", "version": "$Latest"}]))]
#[case(json!([{"id": "lt-1", "name": "web", "version": "3"}]))]
#[case(json!([{"id": "lt-1", "name": "web", "version": "$Default"}]))]
fn finds_a_template_that_exists(#[case] specification: Value) {
    let values = json!({
        "id": "lt-1", "name": "web", "latest_version": 3, "default_version": 3,
        "tag_specifications": [{"resource_type": "instance", "tags": {"Owner": "ann"}}],
    });
    let attributes = json!({"tag": others(), "launch_template": specification});
    let name = specification.to_string();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    // The plan leaves the template as it is, or a data source has read it.
    let kept = resource(WEB, values.clone()).actions(&["no-op"]);
    let web = || resource("aws_autoscaling_group.web", attributes.clone());
    assert!(found(&format!("kept-{name}"), &Plan::of([kept, web()])).is_empty());
    let data = json!({
        "address": "data.aws_launch_template.web", "mode": "data", "type": "aws_launch_template", "name": "web",
        "values": values,
    });
    let prior = json!({"values": {"root_module": {"resources": [data]}}});
    let plan = Plan::of([web()]).set("prior_state", prior);
    assert!(found(&format!("data-{name}"), &plan).is_empty());
}

/// The tags that the plan knows are those of the newest version.
#[rstest]
#[case::older("2", 3, 2, false)]
#[case::default_is_older("$Default", 3, 2, false)]
#[case::default_moves("$Default", 3, 2, true)]
fn an_older_version_is_not_known(
    #[case] version: &str,
    #[case] latest: i64,
    #[case] default: i64,
    #[case] moves: bool,
) {
    let old = resource(
        WEB,
        json!({
            "id": "lt-1", "name": "web", "latest_version": latest, "default_version": default,
            "update_default_version": moves,
            "tag_specifications": [{"resource_type": "instance", "tags": {"Owner": "ann"}}],
        }),
    );
    let old = old.actions(&["update"]);
    let specification = json!([{"id": "lt-1", "version": version}]);
    let web = resource(
        "aws_autoscaling_group.web",
        json!({"tag": others(), "launch_template": specification}),
    );
    let found = found(&format!("version-{version}-{moves}"), &Plan::of([old, web]));
    assert_eq!(found.is_empty(), moves, "{found:?}");
}

fn mixed(overrides: Value) -> Resource {
    let specification = json!([{"launch_template_id": UNKNOWN, "version": "$Latest"}]);
    let policy = json!([{"launch_template": [{
        "launch_template_specification": specification, "override": overrides,
    }]}]);
    let attributes =
        json!({"tag": others(), "launch_template": [], "mixed_instances_policy": policy});
    let references = json!({"references": [format!("{WEB}.id"), WEB]});
    let expression = json!([{"launch_template": [{
        "launch_template_specification": [{"launch_template_id": references}],
    }]}]);
    resource("aws_autoscaling_group.web", attributes)
        .written(json!({"mixed_instances_policy": expression}))
}

#[test]
fn a_group_that_mixes_instances_has_a_template_too() {
    let owner = || template(WEB, json!({"Owner": "ann"}));
    let types = json!([{"instance_type": "t3.micro", "launch_template_specification": []}]);
    assert!(found("mixed", &Plan::of([owner(), mixed(types)])).is_empty());
    let templates = json!([{"launch_template_specification": [{"launch_template_id": "lt-9"}]}]);
    assert_eq!(
        found("mixed-templates", &Plan::of([owner(), mixed(templates)])),
        UNKNOWN_OWNER
    );
}

/// Copies of a group have the copy of the template with the same key.
#[test]
fn copies_belong_together() {
    let copy = |address: &str, key: &str| json!(format!("{address}[{key:?}]"));
    let make = |key: &str, tags: Value| {
        let made = template(WEB, tags);
        made.set("address", copy(WEB, key)).set("index", json!(key))
    };
    let mut web = group("aws_autoscaling_group.web", others(), WEB);
    web.expressions = json!({"launch_template": [{"id": {"references": [WEB, "each.key"]}}]});
    let groups = ["a", "b"].map(|key| {
        let group = web
            .clone()
            .set("address", copy("aws_autoscaling_group.web", key));
        group.set("index", json!(key))
    });
    let templates = [make("a", json!({"Owner": "ann"})), make("b", json!({}))];
    let plan = Plan::of(templates.into_iter().chain(groups));
    let document = Scene::new("template-copies").judge(&plan, &[]);
    assert!(
        findings_of(&document["resources"][0]).is_empty(),
        "{document:#}"
    );
    assert_eq!(
        findings_of(&document["resources"][1]),
        ["error missing-tag Owner"]
    );
}

/// An instance with a template: what it brings counts, and what is not known of it is not missing.
#[test]
fn an_instance_has_the_tags_of_its_template() {
    let own = json!({"ProjectCode": "P", "CreatedBy": "ann"});
    let web = |reference: &str| {
        let attributes = json!({
            "tags": own, "tags_all": own, "launch_template": [{"id": UNKNOWN, "version": "$Latest"}],
        });
        let references = json!({"references": [reference]});
        let web = resource("aws_instance.web", attributes);
        web.written(json!({"launch_template": [{"id": references}]}))
    };
    let owner = || template(WEB, json!({"Owner": "ann"}));
    assert!(found("instance", &Plan::of([owner(), web(WEB)])).is_empty());
    assert_eq!(
        found(
            "instance-unknown",
            &Plan::of([owner(), web("var.template")])
        ),
        UNKNOWN_OWNER
    );
    // The provider computes the block also where nobody wrote it.
    let attributes = json!({"tags": own, "tags_all": own, "launch_template": UNKNOWN});
    let plain = resource("aws_instance.web", attributes)
        .written(json!({"ami": {"constant_value": "ami-1"}}));
    assert_eq!(
        found("instance-plain", &Plan::of([plain])),
        ["error missing-tag Owner"]
    );
}

/// Tags that are resources of their own are on the instance that they refer to.
#[rstest]
#[case::of_an_instance("aws_instance.web", "aws_instance.web.id", &[])]
#[case::of_a_spot_instance("aws_spot_instance_request.web", "aws_spot_instance_request.web.spot_instance_id", &[
    "note missing-tag ProjectCode", "note missing-tag CreatedBy",
])]
#[case::of_the_request_itself("aws_spot_instance_request.web", "aws_spot_instance_request.web.id", &[
    "error untagged", "error missing-tag Owner",
])]
#[case::of_another("aws_instance.web", "aws_instance.other.id", &["error missing-tag Owner"])]
fn tags_can_be_resources(
    #[case] address: &str,
    #[case] reference: &str,
    #[case] expected: &[&str],
) {
    let own = json!({"ProjectCode": "P", "CreatedBy": "ann"});
    let web = resource(address, json!({"tags": own, "tags_all": own}));
    let block = reference.rsplit_once('.').unwrap().0;
    let tag = resource(
        "aws_ec2_tag.owner",
        json!({"key": "Owner", "value": "ann", "resource_id": UNKNOWN}),
    );
    let tag = tag.written(json!({"resource_id": {"references": [reference, block]}}));
    let name: String = reference
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    assert_eq!(found(&name, &Plan::of([tag, web])), expected);
}

#[test]
fn tags_of_groups_and_copies_can_be_resources() {
    let tag = |index: Value| {
        let attributes =
            json!({"tag": [block("Owner", "ann", true)], "autoscaling_group_name": UNKNOWN});
        let tag = resource("aws_autoscaling_group_tag.owner", attributes);
        let references =
            json!({"references": ["aws_autoscaling_group.web.name", "aws_autoscaling_group.web"]});
        tag.written(json!({"autoscaling_group_name": references}))
            .set("index", index)
    };
    let web = || {
        resource(
            "aws_autoscaling_group.web",
            json!({"tag": others(), "launch_template": []}),
        )
    };
    assert!(found("group-tag", &Plan::of([tag(json!(null)), web()])).is_empty());
    // Which copy has it is not known.
    let copies = Plan::of([tag(json!("a")), web()]);
    assert_eq!(
        found("group-tag-copy", &copies),
        ["warning unknown-tag Owner"]
    );
}

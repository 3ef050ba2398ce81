//! What is found in resources of every shape.

use rstest::rstest;
use serde_json::{Value, json};

use crate::plans::{Plan, Resource, UNKNOWN, block, instance, resource};
use crate::scene::{Scene, findings, findings_of};

/// Tags that the policy finds nothing in.
fn right() -> Value {
    json!({"ProjectCode": "Proj042", "CreatedBy": "ann", "Owner": "ann"})
}

fn merged(mut tags: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        tags[key] = value.clone();
    }
    tags
}

fn found(name: &str, resource: Resource, more: &[&str]) -> Vec<String> {
    findings(&Scene::new(name).judge(&Plan::of([resource]), more))
}

/// The tags of an instance and all of them, and what is found.
#[rstest]
#[case::right(right(), right(), &[])]
#[case::no_tags(json!(null), json!({}), &["error untagged", "error missing-tag Owner"])]
#[case::missing(json!({"Name": "web"}), json!({"Name": "web"}), &[
    "error missing-tag Owner", "note missing-tag ProjectCode", "note missing-tag CreatedBy",
])]
#[case::blank(json!({"Owner": " "}), merged(right(), json!({"Owner": " "})), &["error empty-tag Owner"])]
#[case::not_allowed(right(), merged(right(), json!({"Env": "prod"})), &["error defective-tag Env"])]
#[case::allowed(right(), merged(right(), json!({"Env": "team-shop"})), &[])]
#[case::default_tags(json!({"Owner": "ann"}), right(), &[])]
#[case::defaults_unknown(json!({"Owner": "ann", "Env": "prod"}), json!(UNKNOWN), &[
    "error defective-tag Env", "note unknown-tag ProjectCode", "note unknown-tag CreatedBy",
])]
#[case::defaults_unknown_and_none_missing(json!({"Name": "web"}), json!(UNKNOWN), &[
    "warning unknown-tag Owner", "warning unknown-tag Env",
    "note unknown-tag ProjectCode", "note unknown-tag CreatedBy",
])]
#[case::all_unknown(json!(UNKNOWN), json!(UNKNOWN), &[
    "warning unknown-tag Owner", "warning unknown-tag Env",
    "note unknown-tag ProjectCode", "note unknown-tag CreatedBy",
])]
#[case::values_unknown(json!(null), merged(right(), json!({"Owner": UNKNOWN, "Env": UNKNOWN})), &[
    "warning unknown-tag Env",
])]
#[case::null_value(json!(null), merged(right(), json!({"Owner": null})), &[
    "warning unknown-tag Owner",
])]
fn judges_an_instance(#[case] tags: Value, #[case] all: Value, #[case] expected: &[&str]) {
    let name = format!(
        "instance-{}",
        expected.join("-").len() + tags.to_string().len() * 1000 + all.to_string().len()
    );
    let instance = resource("aws_instance.web", json!({"tags": tags, "tags_all": all}));
    let found = found(&name, instance, &[]);
    assert_eq!(found, expected);
}

/// An old provider has no default tags, and one without them calls no tags at all unknown.
#[test]
fn knows_that_there_are_no_default_tags() {
    let old = resource("aws_instance.web", json!({"tags": {"Name": "web"}}));
    assert_eq!(
        found("old-provider", old, &[])[0],
        "error missing-tag Owner"
    );
    let bare = resource(
        "aws_instance.web",
        json!({"tags": null, "tags_all": UNKNOWN}),
    );
    let plan = Plan::of([bare]);
    let doubtful = Scene::new("default-tags").judge(&plan, &[]);
    assert_eq!(findings(&doubtful)[0], "warning unknown-tag Owner");
    let mut without = plan.json()["configuration"].clone();
    let expressions = &mut without["provider_config"]["aws"]["expressions"];
    expressions.as_object_mut().unwrap().remove("default_tags");
    let sure = Scene::new("no-default-tags").judge(&plan.set("configuration", without), &[]);
    assert_eq!(findings(&sure)[0], "error untagged");
}

/// Every combination of actions that Terraform and `OpenTofu` write.
#[rstest]
#[case(&["create"], true)]
#[case(&["update"], true)]
#[case(&["delete", "create"], true)]
#[case(&["create", "delete"], true)]
#[case(&["create", "forget"], true)]
#[case(&["no-op"], false)]
#[case(&["read"], false)]
#[case(&["delete"], false)]
#[case(&["forget"], false)]
fn judges_what_is_created_or_changed(#[case] actions: &[&str], #[case] is_judged: bool) {
    let scene = Scene::new(&format!("actions-{}", actions.join("-")));
    let web = instance("aws_instance.web", json!({})).actions(actions);
    let document = scene.judge(&Plan::of([web]), &[]);
    assert_eq!(document["counts"]["resources"], usize::from(is_judged));
}

#[test]
fn data_sources_and_other_types_are_not_judged() {
    let data = instance("aws_instance.web", json!({})).set("mode", json!("data"));
    let bucket = instance("aws_s3_bucket.logs", json!({}));
    let fleets = [1, 2].map(|number| instance(&format!("aws_ec2_fleet.f{number}"), json!({})));
    let nodes = instance("aws_eks_node_group.nodes", json!({}));
    let plan = Plan::of([data, bucket, nodes].into_iter().chain(fleets));
    let document = Scene::new("others").judge(&plan, &[]);
    assert_eq!(document["counts"]["resources"], 0);
    assert_eq!(
        document["notes"],
        json!([
            "2 resources of type aws_ec2_fleet not judged: it launches instances, and their tags are not in a form that is \
             read yet.",
            "1 resource of type aws_eks_node_group not judged: it launches instances, and their tags are not in a form \
             that is read yet.",
        ])
    );
}

/// Its own rules judge a volume, which is never untagged.
#[test]
fn a_volume_is_judged_by_the_rules_for_volumes() {
    let scene = Scene::new("volumes");
    let plan = |tags: Value| Plan::of([instance("aws_ebs_volume.data", tags)]);
    let document = scene.judge(&plan(json!({})), &[]);
    assert_eq!(findings(&document), [""; 0]);
    assert_eq!(
        document["resources"][0]["notApplicable"],
        "no rule is for it"
    );
    scene.write(
        "policy.yaml",
        "rules:
  - {RuleId: 1, TagKey: Owner, Action: Notify, Required: Y, ResourceTypes: [instance, volume]}
  - {RuleId: 2, TagKey: Project, Action: Update, Default: none, Required: Y, From: [instance], ResourceTypes: [volume]}
  - {RuleId: 3, TagKey: Env, Action: Terminate, Required: Y}
format: 2
",
    );
    for (tags, expected) in [
        (
            json!({}),
            vec!["error missing-tag Owner", "note missing-tag Project"],
        ),
        (json!({"Owner": "ann"}), vec!["note missing-tag Project"]),
        (json!({"Owner": "ann", "Project": "shop"}), vec![]),
    ] {
        let document = scene.judge(&plan(tags), &[]);
        assert_eq!(findings(&document), expected, "{document}");
    }
    let document = scene.judge(&plan(json!({"Owner": "ann"})), &[]);
    let message = document["resources"][0]["findings"][0]["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains("would write the value of instance, or else none"),
        "{message}"
    );
}

/// A Spot request keeps its tags to itself, so its instance is untagged.
#[test]
fn a_spot_request_does_not_tag_its_instance() {
    let request = instance("aws_spot_instance_request.worker", right());
    let document = Scene::new("spot").judge(&Plan::of([request]), &[]);
    assert_eq!(
        findings(&document),
        ["error untagged", "error missing-tag Owner"]
    );
    let resource = &document["resources"][0];
    let message = resource["findings"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with("the tags of a Spot request do not reach its instance"),
        "{message}"
    );
    let fix = resource["fix"].as_str().unwrap();
    assert!(
        fix.contains("market_type = \"spot\"") && fix.contains("ProjectCode = \"Proj007\""),
        "{fix}"
    );
}

fn group(tags: Value) -> Resource {
    let attributes = json!({
        "tag": tags, "launch_configuration": "web", "launch_template": [], "mixed_instances_policy": [],
    });
    resource("aws_autoscaling_group.web", attributes)
}

#[rstest]
#[case::all(json!([block("Owner", "ann", true), block("ProjectCode", "P", true), block("CreatedBy", "ann", true)]), &[])]
#[case::kept_to_itself(
    json!([block("Owner", "ann", false), block("ProjectCode", "P", true), block("CreatedBy", "ann", true)]),
    &["error missing-tag Owner"],
)]
#[case::none(json!([]), &["error missing-tag Owner", "note missing-tag ProjectCode", "note missing-tag CreatedBy"])]
#[case::value_unknown(
    json!([block("Owner", UNKNOWN, true), block("ProjectCode", "P", true), block("CreatedBy", "ann", true)]),
    &[],
)]
#[case::key_unknown(
    json!([block(UNKNOWN, "ann", true), block("ProjectCode", "P", true), block("CreatedBy", "ann", true)]),
    &["warning unknown-tag Owner", "warning unknown-tag Env"],
)]
#[case::unknown(json!(UNKNOWN), &[
    "warning unknown-tag Owner", "warning unknown-tag Env",
    "note unknown-tag ProjectCode", "note unknown-tag CreatedBy",
])]
fn judges_a_group(#[case] tags: Value, #[case] expected: &[&str]) {
    let name = format!("group-{}", tags.to_string().len() * 10 + expected.len());
    let document = Scene::new(&name).judge(&Plan::of([group(tags.clone())]), &[]);
    assert_eq!(findings(&document), expected);
    if tags.to_string().contains("false") {
        let message = document["resources"][0]["findings"][0]["message"]
            .as_str()
            .unwrap();
        assert!(
            message.ends_with("the group has it without propagate_at_launch"),
            "{message}"
        );
    }
    // The older form of the same tags.
    let mut older = group(json!([]));
    older.change["change"]["after"]["tag"] = json!([]);
    let newer = group(tags);
    older.change["change"]["after"]["tags"] = newer.change["change"]["after"]["tag"].clone();
    older.change["change"]["after_unknown"]["tags"] =
        newer.change["change"]["after_unknown"]["tag"].clone();
    let document = Scene::new(&format!("{name}-older")).judge(&Plan::of([older]), &[]);
    assert_eq!(findings(&document), expected);
}

/// What a later plan will do is not known in this one, but what is known is.
#[test]
fn deferred_changes_are_unknown() {
    let web = instance("aws_instance.web", json!({"Env": "prod"}));
    let deferred = json!([{"reason": "resource_config_unknown", "resource_change": web.change}]);
    let document =
        Scene::new("deferred").judge(&Plan::of([]).set("deferred_changes", deferred), &[]);
    let found = findings(&document);
    assert_eq!(
        found[..2],
        ["error defective-tag Env", "warning unknown-tag Owner"]
    );
    let note = document["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("1 change deferred to a later plan"),
        "{note}"
    );
}

#[test]
fn says_that_a_plan_is_not_whole() {
    let document = Scene::new("errored").judge(&Plan::of([]).set("errored", json!(true)), &[]);
    let note = document["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("Terraform could not finish the plan"),
        "{note}"
    );
}

/// Copies of one block are shown as one, by the address of the first.
#[test]
fn knows_resources_by_their_addresses() {
    let copies = [
        "module.web[\"a.b\"].aws_instance.app[0]",
        "module.web[\"a.b\"].aws_instance.app[1]",
        "module.web[\"c]\"].aws_instance.app[0]",
    ];
    let copies = copies.map(|address| {
        instance("aws_instance.app", json!({"Name": "app"})).set("address", json!(address))
    });
    let other = instance("aws_instance.other", json!({"Name": "app"}));
    let scene = Scene::new("addresses");
    let plan = Plan::of(copies).with(other);
    let document = scene.judge(&plan, &[]);
    assert_eq!(
        document["resources"][2]["address"],
        "module.web[\"c]\"].aws_instance.app[0]"
    );
    let output = scene.run(&["plan.json", "--policy", "policy.yaml"]);
    let text = crate::support::stdout(&output);
    assert!(
        text.contains("module.web[\"a.b\"].aws_instance.app[0] and 2 more alike\n"),
        "{text}"
    );
    assert!(text.contains("\naws_instance.other\n"), "{text}");
}

/// A policy for one VPC: what is known of the VPC decides between errors, warnings and nothing.
#[test]
fn a_vpc_that_is_not_known_makes_warnings() {
    let attributes =
        json!({"tags": {"Name": "web"}, "tags_all": {"Name": "web"}, "subnet_id": "subnet-1"});
    let plan = Plan::of([resource("aws_instance.web", attributes)]);
    let covered = ["--vpc-ids", "vpc-1"];
    let judge = |name: &str, plan: &Plan, more: &[&str]| {
        Scene::new(name).judge(plan, &[&covered[..], more].concat())
    };
    let doubtful = judge("vpc-unknown", &plan, &[]);
    assert_eq!(findings(&doubtful)[0], "warning missing-tag Owner");
    let doubt = doubtful["resources"][0]["doubts"][0].as_str().unwrap();
    assert!(doubt.contains("--vpc-id"), "{doubt}");
    let said = judge("vpc-said", &plan, &["--vpc-id", "vpc-1"]);
    assert_eq!(findings(&said)[0], "error missing-tag Owner");
    let other = judge("vpc-other", &plan, &["--vpc-id", "vpc-2"]);
    assert!(findings(&other).is_empty());
    assert_eq!(
        other["resources"][0]["notApplicable"],
        "it is not in a VPC that the policy covers"
    );
    // The plan knows the subnet: a data source has read it.
    let subnet = json!({
        "address": "data.aws_subnet.web", "mode": "data", "type": "aws_subnet", "name": "web",
        "values": {"id": "subnet-1", "vpc_id": "vpc-2"},
    });
    let prior = json!({"values": {"root_module": {"child_modules": [{"address": "module.net", "resources": [subnet]}]}}});
    let known = judge("vpc-known", &plan.clone().set("prior_state", prior), &[]);
    assert_eq!(known["counts"]["notApplicable"], 1);
    // The plan makes the subnet.
    let subnet = resource("aws_subnet.web", json!({"id": UNKNOWN, "vpc_id": "vpc-1"}));
    let attributes =
        json!({"tags": {"Name": "web"}, "tags_all": {"Name": "web"}, "subnet_id": UNKNOWN});
    let web = resource("aws_instance.web", attributes);
    let web =
        web.written(json!({"subnet_id": {"references": ["aws_subnet.web.id", "aws_subnet.web"]}}));
    let made = judge("vpc-made", &Plan::of([subnet, web]), &[]);
    assert_eq!(findings(&made)[0], "error missing-tag Owner");
}

#[test]
fn an_exemption_counts_and_an_unknown_one_makes_warnings() {
    let exempt = |until: &str| {
        let tags = json!({"Name": "web", "tagwarden:exempt-until": until});
        Plan::of([instance("aws_instance.web", tags)])
    };
    let holds = Scene::new("exempt").judge(&exempt("2099-12-31 moves out"), &[]);
    assert_eq!(
        holds["resources"][0]["notApplicable"],
        "it is exempt until 2099-12-31"
    );
    let ended = Scene::new("exempt-ended").judge(&exempt("2020-12-31 moves out"), &[]);
    assert_eq!(findings(&ended)[0], "error missing-tag Owner");
    let unknown = Scene::new("exempt-unknown").judge(&exempt(UNKNOWN), &[]);
    assert_eq!(findings(&unknown)[0], "warning missing-tag Owner");
    assert_eq!(
        unknown["resources"][0]["doubts"][0],
        "whether it is exempt is not known before the launch: it may have the tag tagwarden:exempt-until"
    );
}

/// A rule with a condition, and what an instance with these attributes gets.
#[rstest]
#[case::type_holds("instance-type = p4*", json!({"instance_type": "p4d.24xlarge"}), &["error missing-tag Gpu"])]
#[case::type_fails("instance-type = p4*", json!({"instance_type": "t3.micro"}), &[])]
#[case::type_unknown("instance-type = p4*", json!({"instance_type": UNKNOWN}), &["warning undecided-rule Gpu"])]
#[case::account("owner-id = 111122223333", json!({}), &["warning undecided-rule Gpu"])]
#[case::region_of_the_provider("region = eu-west-1", json!({}), &["error missing-tag Gpu"])]
#[case::region_of_the_resource("region = eu-west-1", json!({"region": "us-east-1"}), &[])]
#[case::region_of_the_zone("region = eu-west-1", json!({"availability_zone": "us-east-1a"}), &[])]
#[case::tag_unknown("tag:Stage = x", json!({"tags": {"Stage": UNKNOWN}}), &["warning undecided-rule Gpu"])]
#[case::tag_there("tag:Stage", json!({"tags": {"Stage": UNKNOWN}}), &["error missing-tag Gpu"])]
#[case::tag_near("tag:Stage = x", json!({"tags": {"Stage": "X"}}), &["warning undecided-rule Gpu"])]
#[case::key_computed("!key-name", json!({"key_name": UNKNOWN}), &["error missing-tag Gpu"])]
#[case::not_spot("!instance-lifecycle", json!({"instance_lifecycle": UNKNOWN}), &["error missing-tag Gpu"])]
#[case::spot(
    "instance-lifecycle = spot",
    json!({"instance_market_options": [{"market_type": "spot"}]}),
    &["error missing-tag Gpu"],
)]
#[case::tag_is_set_anyway("owner-id = 1", json!({"tags": {"Gpu": "yes"}}), &[])]
fn conditions_decide_or_warn(
    #[case] when: &str,
    #[case] attributes: Value,
    #[case] expected: &[&str],
) {
    let name: String = format!("when-{when}-{attributes}");
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let scene = Scene::new(&name);
    scene.write(
        "policy.yaml",
        format!("rules:\n  - {{RuleId: 1, TagKey: Gpu, Action: Terminate, Required: Y, When: '{when}'}}\n"),
    );
    let mut attributes = attributes;
    attributes["tags"]["Name"] = json!("web");
    let mut web = resource("aws_instance.web", attributes);
    web.expressions = json!({"ami": {"constant_value": "ami-1"}});
    let document = scene.judge(&Plan::of([web]), &[]);
    assert_eq!(findings(&document), expected, "{document:#}");
}

/// What the remediation would write, and from where.
#[rstest]
#[case::default("Action: Update, Default: P1", json!({}), "note", "the remediation would write P1")]
#[case::function("Action: Function, Default: today()+30d", json!({}), "note", "the remediation would write today()+30d")]
#[case::near_miss("Action: Update, Default: P1", json!({"key": "P2"}), "note", "would write P2, the value of its tag key")]
#[case::two_near_misses("Action: Update, Default: P1", json!({"key": "P2", "KEY": "P3"}), "error", "missing tag Key")]
#[case::source("Action: Update, Default: P1, From: 'tag:Team, subnet'", json!({"Team": "x"}), "note",
    "would write the value of tag:Team or subnet, or else P1")]
#[case::no_source("Action: Update, From: 'tag:Team'", json!({}), "error", "missing tag Key")]
#[case::unknown_source("Action: Update, From: 'tag:Team'", json!({"Team": UNKNOWN}), "note", "the value of tag:Team")]
fn says_what_the_remediation_would_write(
    #[case] rule: &str,
    #[case] tags: Value,
    #[case] level: &str,
    #[case] expected: &str,
) {
    let name: String = format!("fill-{rule}-{tags}");
    let scene = Scene::new(
        &name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>(),
    );
    let text = format!("rules:\n  - {{RuleId: 1, TagKey: Key, Required: Y, {rule}}}\n");
    scene.write("policy.yaml", text);
    let mut tags = tags;
    tags["Name"] = json!("web");
    let document = scene.judge(&Plan::of([instance("aws_instance.web", tags)]), &[]);
    let finding = &document["resources"][0]["findings"][0];
    assert_eq!(finding["level"], level, "{document:#}");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains(expected), "{message}");
}

/// The code repairs what it is for: with it, the policy finds nothing but what is left to fill in.
#[test]
fn the_code_to_write_has_what_is_known() {
    let tags = json!({"owner": "ann", "Env": "prod"});
    let document = Scene::new("fix").judge(&Plan::of([instance("aws_instance.web", tags)]), &[]);
    assert_eq!(
        document["resources"][0]["fix"],
        "tags = {\n  Owner = \"ann\"\n  Env   = \"Prod\"\n}\n"
    );
    let strict = Plan::of([instance("aws_instance.web", json!({"Env": "none"}))]);
    let document = Scene::new("fix-strict").judge(&strict, &["--strict"]);
    let fix = document["resources"][0]["fix"].as_str().unwrap();
    assert_eq!(
        fix,
        "tags = {\n  Owner       = \"\" # fill in\n  Env         = \"\" # one of Prod, Stage, team-*\n  \
         ProjectCode = \"Proj007\"\n}\n"
    );
}

#[test]
fn several_files_are_judged_together() {
    let scene = Scene::new("several");
    scene.write(
        "one.json",
        Plan::of([instance("aws_instance.one", right())])
            .json()
            .to_string(),
    );
    scene.write(
        "two.json",
        Plan::of([instance("aws_instance.two", json!({}))])
            .json()
            .to_string(),
    );
    let output = scene.run(&[
        "one.json",
        "two.json",
        "--policy",
        "policy.yaml",
        "--output",
        "json",
    ]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["files"][1]["file"], "two.json");
    assert!(findings_of(&document["resources"][0]).is_empty());
    assert_eq!(findings_of(&document["resources"][1])[0], "error untagged");
    assert_eq!(document["resources"][1]["file"], "two.json");
}

//! What is sensitive counts, and is never shown.

use serde_json::{Value, json};

use crate::plans::{Plan, Resource, instance};
use crate::scene::{POLICY, Scene};

const SECRET: &str = "Hush-Hush";

const FORMS: [&str; 6] = ["text", "json", "markdown", "sarif", "junit", "github"];

/// Judges the plan in every form, none of which has the secret in it. Returns the text.
fn shown(name: &str, plan: &Plan, policy: &str) -> String {
    let scene = Scene::new(&format!("secrets-{name}"));
    scene.write("policy.yaml", policy);
    scene.plan(plan);
    for form in FORMS {
        let output = scene.run(&["plan.json", "--policy", "policy.yaml", "--output", form]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).unwrap();
        assert!(!all.contains("Hush"), "{form}: {all}");
    }
    let output = scene.run(&["plan.json", "--policy", "policy.yaml"]);
    String::from_utf8(output.stdout).unwrap()
}

fn marked(tags: Value, marks: Value) -> Resource {
    let web = instance("aws_instance.web", tags);
    web.change("after_sensitive", json!({"tags": marks, "tags_all": {}}))
}

/// Each kind of message that can quote a value.
#[test]
fn no_message_quotes_a_sensitive_value() {
    let policy = format!(
        "{POLICY}\
         \x20 - {{RuleId: 5, TagKey: Ends, Action: Notify, Required: N, WhenExpired: Notify, AtMost: 90d}}\n\
         \x20 - {{RuleId: 6, TagKey: Cost, Action: Update, Required: Y, Default: x}}\n\
         \x20 - {{RuleId: 7, TagKey: Team, Action: Notify, Required: Y, When: 'tag:Part = hush_hush'}}\n"
    );
    for (name, key) in [
        ("not-allowed", "Env"),
        ("unreadable", "Ends"),
        ("near-miss", "cost"),
        ("near-key", "owner"),
        ("condition", "Part"),
        ("exemption", "tagwarden:exempt-until"),
    ] {
        let tags = json!({"Name": "web", (key): SECRET});
        let marks = json!({(key): true});
        shown(name, &Plan::of([marked(tags.clone(), marks)]), &policy);
        shown(
            &format!("{name}-all"),
            &Plan::of([marked(tags, json!(true))]),
            &policy,
        );
    }
}

#[test]
fn a_sensitive_value_is_judged() {
    let tags = json!({"Owner": "ann", "Env": SECRET});
    let text = shown(
        "judged",
        &Plan::of([marked(tags, json!({"Env": true}))]),
        POLICY,
    );
    assert!(
        text.contains(
            "value of tag Env not allowed (rule 4): its value is sensitive and not shown"
        ),
        "{text}"
    );
    assert!(
        text.contains("Env = \"\" # one of Prod, Stage, team-*"),
        "{text}"
    );
}

/// Where all tags are sensitive, not even their keys are shown.
#[test]
fn keys_of_sensitive_maps_are_not_shown() {
    let tags = json!({"Name": "web", "o-w-n-e-r": "ann"});
    let text = shown("keys", &Plan::of([marked(tags, json!(true))]), POLICY);
    assert!(!text.contains("o-w-n-e-r"), "{text}");
    assert!(text.contains("it has a tag with nearly that key"), "{text}");
}

/// The marks get lost on the way through default tags: the values of sensitive variables do not.
#[test]
fn values_of_sensitive_variables_are_not_shown() {
    let mut plan = Plan::of([instance(
        "aws_instance.web",
        json!({"Env": format!("x-{SECRET}")}),
    )]);
    let mut configuration = plan.json()["configuration"].clone();
    configuration["root_module"]["variables"] = json!({"stage": {"sensitive": true}, "open": {}});
    plan = plan.set("configuration", configuration);
    plan = plan.set(
        "variables",
        json!({"stage": {"value": {"deep": [SECRET]}}, "open": {"value": "web"}}),
    );
    shown("variables", &plan, POLICY);
    // One letter is in many words, and is a secret only by itself.
    let short = json!({"stage": {"value": "p"}, "open": {"value": "web"}});
    for (value, is_shown) in [("prod", true), ("p", false)] {
        let mut plan = plan.clone().set("variables", short.clone());
        plan.changes = vec![instance("aws_instance.web", json!({"Env": value})).change];
        let text = Scene::new(&format!("secrets-short-{value}"))
            .judge(&plan, &[])
            .to_string();
        assert_eq!(
            text.contains("is not shown") || text.contains("and not shown"),
            !is_shown,
            "{text}"
        );
    }
}

#[test]
fn the_tags_of_groups_can_be_sensitive() {
    let tags = json!([
        {"key": "Env", "value": SECRET, "propagate_at_launch": true},
        {"key": "Owner", "value": "ann", "propagate_at_launch": true},
    ]);
    let group = crate::plans::resource(
        "aws_autoscaling_group.web",
        json!({"tag": tags, "launch_template": []}),
    );
    let group = group.change("after_sensitive", json!({"tag": [{"value": true}, {}]}));
    shown("group", &Plan::of([group]), POLICY);
}

/// What a sensitive exemption says is not shown either, but it counts.
#[test]
fn a_sensitive_exemption_counts() {
    let tags = json!({"Name": "web", "tagwarden:exempt-until": "2099-12-31 Hush-Hush"});
    let scene = Scene::new("secrets-exempt");
    let marks = json!({"tagwarden:exempt-until": true});
    let document = scene.judge(&Plan::of([marked(tags, marks)]), &[]);
    assert_eq!(document["resources"][0]["notApplicable"], "it is exempt");
}

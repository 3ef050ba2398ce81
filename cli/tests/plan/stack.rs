//! `--stack`: what a command means is what the stack's functions mean.

use std::process::Output;

use serde_json::{Value, json};

use crate::apply::LEDGER;
use crate::fake::Fake;
use crate::fleet::VPC;
use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, World};

/// The stack's tables have names of their own.
const POLICY: &str = "stack-policy";
const FUNCTION: &str = "tagwarden-remediation";

struct Scene {
    world: World,
    fake: Fake,
    topic: String,
}

impl Scene {
    /// A stack that notifies about untagged instances, in one VPC.
    fn new(test: &str, mode: &str) -> Self {
        let world = crate::apply::with_ledger(&format!("stack-{test}"));
        world.account.create_table(POLICY);
        let rule = json!({"RuleId": 1, "TagKey": "Stack", "Action": "Update", "Required": "Y", "Default": "S1"});
        world.account.put_item(POLICY, rule);
        let scene = Self {
            topic: world.account.create_topic("reports"),
            fake: Fake::new(),
            world,
        };
        scene.fake.function(FUNCTION, &scene.variables(mode));
        scene
    }

    fn variables(&self, mode: &str) -> Value {
        json!({
            "TAGWARDEN_POLICY_TABLE": POLICY, "TAGWARDEN_MODE": mode, "TAGWARDEN_UNTAGGED": "notify",
            "TAGWARDEN_VPC_IDS": VPC, "TAGWARDEN_LEDGER_TABLE": LEDGER, "TAGWARDEN_TOPIC_ARN": self.topic,
            "TAGWARDEN_REPORT_SUBJECT": "Of the stack", "TAGWARDEN_TERMINATE_AFTER_DAYS": "",
            "TAGWARDEN_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111111111111/queue",
        })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self
            .world
            .command(&[arguments, &["--stack", "tagwarden"]].concat());
        // With a stack, these do not count.
        command
            .env("TAGWARDEN_UNTAGGED", "terminate")
            .env("TAGWARDEN_TERMINATE_AFTER_DAYS", "1")
            .env("TAGWARDEN_POLICY_TABLE", "elsewhere")
            .env("TAGWARDEN_LEDGER_TABLE", "elsewhere");
        self.fake.serve_for(&mut command);
        command.output().unwrap()
    }

    fn document(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

#[test]
fn apply_means_what_the_function_means() {
    let scene = Scene::new("apply", "enforce");
    let document = scene.document(&["apply", "--yes"]);
    assert_eq!(
        document["stack"],
        json!({"name": "tagwarden", "function": FUNCTION, "mode": "enforce", "overridden": []})
    );
    assert_eq!(document["policy"], format!("the policy table {POLICY}"));
    // Only the VPC of the stack, and nothing is shut down.
    assert_eq!(document["planned"]["instances"], 18);
    let account = &scene.world.account;
    assert_eq!(
        account.count("TerminateInstances") + account.count("StopInstances"),
        0
    );
    assert!(account.count("CreateTags") > 0);
    assert!(!crate::apply::acts(&scene.world).is_empty());
    let published = account.published();
    assert_eq!(published.len(), 1, "{document}");
    assert_eq!(published[0].topic_arn, scene.topic);
    assert_eq!(published[0].subject.as_deref(), Some("Of the stack"));
    // A person who runs it can run it again: no message is for the function.
    assert_eq!(account.count("SendMessageBatch"), 0);
}

#[test]
fn options_override_the_stack_and_the_header_says_so() {
    let scene = Scene::new("override", "enforce");
    let same = ["--vpc-ids", VPC];
    let arguments = [
        &["plan", "--untagged", "terminate", "--grace-minutes", "0"],
        &same[..],
    ]
    .concat();
    let output = scene.run(&arguments);
    let head = "18 instances of us-east-1 (account 111111111111, keys of the environment, stack tagwarden but --untagged, \
                --grace-minutes) under the policy table stack-policy";
    assert!(stdout(&output).starts_with(head), "{output:?}");
    assert!(stdout(&output).contains("to terminate"), "{output:?}");
    let document = scene.document(&arguments);
    assert_eq!(
        document["stack"]["overridden"],
        json!(["--untagged", "--grace-minutes"])
    );
    assert_eq!(
        document["counts"]["wouldTerminate"].as_u64().unwrap(),
        2,
        "{document}"
    );
}

#[test]
fn every_command_finds_the_tables() {
    let scene = Scene::new("tables", "enforce");
    scene.run(&["apply", "--yes"]);
    let output = scene.run(&["pull"]);
    assert!(stdout(&output).contains("TagKey: Stack\n"), "{output:?}");
    scene.world.write("policy.yaml", SAMPLE);
    let output = scene.run(&["diff", "policy.yaml"]);
    let head = "The policy table stack-policy in us-east-1 (account 111111111111, keys of the environment, stack tagwarden), ";
    assert!(stdout(&output).starts_with(head), "{output:?}");
    let output = scene.run(&["history"]);
    let head = "The ledger ledger in us-east-1 (account 111111111111, keys of the environment, stack tagwarden), ";
    assert!(stdout(&output).starts_with(head), "{output:?}");
    assert!(stdout(&output).contains("tag Stack = \"S1\""), "{output:?}");
    let id = &scene.world.account.instances()[1].id;
    let document = scene.document(&["explain", id]);
    assert_eq!(document["policy"], format!("the policy table {POLICY}"));
    assert_eq!(document["mode"], "enforce");
    assert_eq!(document["stack"]["name"], "tagwarden");
    let document = scene.document(&["undo", "--since", "1h", "--dry-run"]);
    assert_eq!(document["ledgerTable"], LEDGER);
    assert_eq!(document["policyProblem"], Value::Null, "{document}");
    let output = scene.run(&["report", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = scene.world.read("page.html");
    assert!(page.contains("from the ledger ledger in us-east-1"));
    // Written last, because it changes what the others read.
    let output = scene.run(&["push", "policy.yaml", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(scene.world.account.items(POLICY).len(), 3);
}

/// A person asks for what is shown. That the functions would not do it is said first.
#[test]
fn apply_says_that_the_functions_are_in_dry_run_mode() {
    let scene = Scene::new("dry", "dry-run");
    let output = scene.run(&["apply", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = "\nThe functions of the stack tagwarden are in dry-run mode, and change nothing. This run does what it shows.\n";
    assert!(stdout(&output).contains(note), "{output:?}");
    assert!(scene.world.account.count("CreateTags") > 0);
    assert!(!stdout(&scene.run(&["plan"])).contains("dry-run mode"));
    assert_eq!(scene.document(&["plan"])["stack"]["mode"], "dry-run");
}

#[test]
fn names_a_stack_that_is_not_tagwardens() {
    let scene = Scene::new("other", "enforce");
    scene
        .fake
        .function("shop-remediation", &json!({"SHOP": "1"}));
    let calls = scene.world.account.calls().len();
    for (stack, what) in [
        (
            "tagwardn",
            "there is no stack of tagwarden named \"tagwardn\" in us-east-1: it would have a function \"tagwardn-remediation\"",
        ),
        (
            "shop",
            "the stack \"shop\" in us-east-1 is not tagwarden's: its function \"shop-remediation\" has no \
             TAGWARDEN_POLICY_TABLE and TAGWARDEN_MODE",
        ),
    ] {
        let mut command = scene.world.command(&["apply", "--yes", "--stack", stack]);
        scene.fake.serve_for(&mut command);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            stderr(&output).starts_with(&format!("error: {what}\n\nName the stack")),
            "{output:?}"
        );
    }
    scene
        .fake
        .refuse("GetFunctionConfiguration", "AccessDeniedException");
    let output = scene.run(&["apply", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("lambda:GetFunctionConfiguration: AccessDeniedException")
            && stderr(&output).contains("docs/command.md"),
        "{output:?}"
    );
    assert_eq!(scene.world.account.calls().len(), calls);
    let output = scene.world.run(&["apply", "--yes", "--stack", "-"]);
    assert!(
        stderr(&output).contains("not the name of a CloudFormation stack"),
        "{output:?}"
    );
}

/// A value that the function itself could not start with is named, with the option that replaces it.
#[test]
fn names_a_setting_of_the_stack_that_cannot_be_read() {
    let scene = Scene::new("broken", "enforce");
    let mut variables = scene.variables("enforce");
    variables["TAGWARDEN_UNTAGGED"] = "destroy".into();
    scene.fake.function(FUNCTION, &variables);
    let output = scene.run(&["plan"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output)
            .contains("TAGWARDEN_UNTAGGED is \"destroy\": must be terminate, stop or notify"),
        "{output:?}"
    );
    let output = scene.run(&["plan", "--untagged", "notify"]);
    assert_ne!(output.status.code(), Some(1), "{output:?}");
}

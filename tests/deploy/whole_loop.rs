//! The real template on moto: every resource exists, and the functions work with the permissions it grants.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::Tag;
use serde_json::{Value, json};

use crate::MOTO;
use crate::code;
use crate::moto_account::{
    ACCOUNT, Account, eventually, eventually_mailed, launch, role_arn, tags, verdicts,
};
use crate::stack::Stack;
use crate::template::{STACK, Template};

/// A stack with the mail address as its only parameter: events of EC2 and Config, a sweep, and the first report.
#[tokio::test]
async fn dry_run_reports_and_may_do_nothing_else() {
    let stack = Stack::deploy_by_the_script("us-east-1", &[]).await;
    let account = &stack.account;
    assert_every_resource_was_created(
        &stack,
        &[
            &WITHOUT_PARAMETERS[..],
            &["MayStop", "MayTerminate", "TagsInstances"],
        ]
        .concat(),
    );
    assert_queue_suits_lambda(&stack).await;

    let vpc = account.create_vpc().await;
    let ana = account.ec2_of_ana();
    let bare = launch(&ana, &vpc.subnet, &[("Name", "web")]).await;
    let untagged = launch(&ana, &vpc.subnet, &[]).await;
    eventually(async || account.verdicts().await, |now| now.len() == 2).await;
    let would = [
        format!("-- Instance {bare} missing tag ProjectCode. New tag would be created.\n"),
        format!("-- {untagged} would be terminated. Reason: No tags found.\n"),
    ];
    eventually_mailed(&stack.account, &stack.mailbox, &would).await;

    // The sweep, as EventBridge sends it. Lines are reported once a day, so only the new instance is in its report.
    let other = launch(&ana, &vpc.subnet, &[("Name", "db")]).await;
    stack.send(&scheduled("us-east-1")).await;
    let would = [format!(
        "-- Instance {other} missing tag ProjectCode. New tag would be created.\n"
    )];
    eventually_mailed(&stack.account, &stack.mailbox, &would).await;
    eventually(async || account.backlog().await, |messages| *messages == 0).await;
    assert_eq!(account.tags(&bare).await, tags(&[("Name", "web")]));
    assert_eq!(account.state(&untagged).await, "running");

    assert_nothing_was_denied(&stack);
    let remediation = as_role(&stack, "RemediationRole").await;
    let tag = Tag::builder().key("Owner").value("eve").build();
    let denied = remediation.create_tags().resources(&bare).tags(tag);
    assert_eq!(denied.send().await.unwrap_err().code(), DENIED);
    let denied = remediation.terminate_instances().instance_ids(&untagged);
    assert_eq!(denied.send().await.unwrap_err().code(), DENIED);
    let denied = as_role(&stack, "RuleRole").await;
    let denied = denied.stop_instances().instance_ids(&untagged);
    assert_eq!(denied.send().await.unwrap_err().code(), DENIED);

    assert_dashboard_shows_recorded_metrics(&stack);
    assert_tables_outlive_the_stack(stack).await;
}

/// Enforcing, with the rule of the conformance pack instead of the stack's.
#[tokio::test]
async fn enforcing_fixes_what_the_rule_of_the_pack_finds() {
    let mut stack = Stack::deploy("us-west-2", &["Mode=enforce", "CreateConfigRule=false"]).await;
    assert_every_resource_was_created(
        &stack,
        &[&WITHOUT_PARAMETERS[..], &["CreatesConfigRule", "MayStop"]].concat(),
    );
    stack.deploy_pack("tagwarden-conformance-pack-x1y2z3");
    let account = &stack.account;

    // At launch, by the launch event.
    let vpc = account.create_vpc().await;
    let ana = account.ec2_of_ana();
    let bare = launch(&ana, &vpc.subnet, &[("Name", "web")]).await;
    let untagged = launch(&ana, &vpc.subnet, &[]).await;
    let protected = launch(&ana, &vpc.subnet, &[("Name", "db")]).await;
    account.protect(&protected).await;
    let compliant = verdicts(&[(&bare, "COMPLIANT"), (&protected, "COMPLIANT")]);
    eventually(async || account.verdicts().await, |now| *now == compliant).await;
    assert_eq!(account.tags(&bare).await["CreatedBy"], "ana");
    assert_eq!(account.state(&untagged).await, "terminated");

    // Later, by the compliance change of a rule whose name begins with the stack's RuleName.
    let untag = account.ec2.delete_tags().resources(&bare);
    let untag = untag.tags(Tag::builder().key("CreatedBy").build());
    untag.send().await.unwrap();
    let launched_by = async || account.tags(&bare).await.get("CreatedBy").cloned();
    eventually(launched_by, Option::is_some).await;
    assert_eq!(launched_by().await.as_deref(), Some("ana"));
    eventually(async || account.backlog().await, |messages| *messages == 0).await;

    // By the console's Remediate button.
    let answer = stack.automate(&bare).unwrap();
    assert_eq!(
        (&answer["mode"], &answer["instances"]),
        (&json!("enforce"), &json!(1))
    );
    // Rules may not terminate here, whatever Untagged grants. What is refused lastingly is no failure: Config would count it
    // against all others.
    let rule = [
        ("TagKey", "Owner"),
        ("Action", "Terminate"),
        ("Required", "Y"),
    ];
    put_row(&stack, "9", &rule).await;
    let answer = stack.automate(&protected).unwrap();
    assert_eq!(
        (&answer["refused"], &answer["failed"]),
        (&json!(1), &json!(0))
    );

    // So is what is held.
    put_row(&stack, "10", &[("Hold", "the policy is being changed")]).await;
    let answer = stack.automate(&protected).unwrap();
    assert_eq!(
        (&answer["terminated"], &answer["failed"]),
        (&json!(0), &json!(0))
    );

    assert_nothing_was_denied(&stack);
    let calls = stack.calls("RemediationRole", |_| true);
    let made: BTreeSet<_> = calls
        .iter()
        .map(|call| call["action"].as_str().unwrap())
        .collect();
    // The launches' events named the launchers, so that CloudTrail was not asked.
    for call in [
        "ec2:CreateTags",
        "ec2:DescribeTags",
        "ec2:TerminateInstances",
        "sns:Publish",
    ] {
        assert!(made.contains(call), "{call} was not called, only {made:?}");
    }
    // Untagged=terminate must not grant StopInstances.
    let remediation = as_role(&stack, "RemediationRole").await;
    let denied = remediation.stop_instances().instance_ids(&bare);
    assert_eq!(denied.send().await.unwrap_err().code(), DENIED);
    // It must not grant the termination of an Auto Scaling group's member either.
    let member = [("aws:autoscaling:groupName", "web")];
    let member = launch(&ana, &vpc.subnet, &member).await;
    let denied = remediation.terminate_instances().instance_ids(&member);
    assert_eq!(denied.send().await.unwrap_err().code(), DENIED);
    let granted = remediation.terminate_instances().instance_ids(&bare);
    granted.send().await.unwrap();
}

/// Updates the stack from dry run to enforcing step by step, and back.
#[tokio::test]
async fn parameters_decide_what_is_granted() {
    const TAG: &str = "TagInstances";
    const STOP: &str = "StopInstances";
    const TERMINATE: &str = "TerminateInstances";
    let boundary = "arn:aws:iam::123456789012:policy/boundary";
    let bound = format!("PermissionsBoundary={boundary}");
    let mut stack = Stack::deploy("eu-west-1", &[&bound]).await;
    assert_eq!(stack.boundary("RemediationRole"), boundary);
    let steps: [(&[&str], &[&str]); 6] = [
        (&["Mode=enforce", "Untagged=notify"], &[TAG]),
        (&["Untagged=stop"], &[STOP, TAG]),
        (&["TerminateAfterDays=14"], &[STOP, TAG, TERMINATE]),
        (
            &[
                "TerminateAfterDays=",
                "Untagged=notify",
                "RulesMayDestroy=stop",
            ],
            &[STOP, TAG],
        ),
        (
            &["Untagged=terminate", "RulesMayDestroy=no"],
            &[TAG, TERMINATE],
        ),
        (&["Mode=dry-run"], &[]),
    ];
    for (parameters, granted) in steps {
        stack.update(parameters);
        let policies = [STOP, TAG, TERMINATE].into_iter();
        let made: Vec<_> = policies
            .filter(|policy| stack.resources.contains_key(*policy))
            .collect();
        assert_eq!(made, granted, "after {parameters:?}");
        let environment = stack
            .account
            .environment(&stack.resources["RemediationFunction"])
            .await;
        for (parameter, variable) in [
            ("Mode", "TAGWARDEN_MODE"),
            ("Untagged", "TAGWARDEN_UNTAGGED"),
        ] {
            let given = parameters.iter().filter_map(|it| it.split_once('='));
            let mut given = given.filter(|(name, _)| *name == parameter);
            assert!(
                given.all(|(_, value)| environment[variable] == value),
                "{environment:?}"
            );
        }
    }
}

/// The stack's default name of the policy table.
pub const POLICY_TABLE: &str = "acme_cloud_policy_tagging_def";

/// The conditions that hold only if parameters name topics, addresses or volumes, or ask for a topic.
const WITHOUT_PARAMETERS: [&str; 8] = [
    "CoversVolumes",
    "CreatesLettersTopic",
    "HasContactTopics",
    "HasSlackChannel",
    "HasTriggerTopic",
    "MailsReports",
    "SendsMail",
    "TagsVolumes",
];

const DENIED: Option<&str> = Some("UnauthorizedOperation");

/// Adds a row to the policy table.
async fn put_row(stack: &Stack, id: &str, attributes: &[(&str, &str)]) {
    let dynamodb = aws_sdk_dynamodb::Client::new(stack.account.sdk_config());
    let mut put = dynamodb.put_item().table_name(POLICY_TABLE);
    put = put.item("RuleId", AttributeValue::N(id.to_owned()));
    for (name, value) in attributes {
        put = put.item(*name, AttributeValue::S((*value).to_owned()));
    }
    put.send().await.unwrap();
}

/// Asserts that each resource has a physical name, because moto skips types that it does not know.
fn assert_every_resource_was_created(stack: &Stack, but: &[&str]) {
    let wanted: Vec<String> = Template::read(STACK)
        .resources
        .into_iter()
        .filter(|resource| {
            !resource
                .condition
                .as_deref()
                .is_some_and(|it| but.contains(&it))
        })
        .map(|resource| resource.id)
        .collect();
    let wanted: BTreeSet<&String> = wanted.iter().collect();
    assert_eq!(stack.resources.keys().collect::<BTreeSet<_>>(), wanted);
}

/// Asserts the queue settings that Lambda recommends. See
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
async fn assert_queue_suits_lambda(stack: &Stack) {
    let function = stack.account.lambda.get_function_configuration();
    let function = function.function_name(&stack.resources["RemediationFunction"]);
    let timeout = function.send().await.unwrap().timeout.unwrap();
    let mapping = stack.account.lambda.get_event_source_mapping();
    let mapping = mapping.uuid(&stack.resources["QueueToRemediation"]);
    let mapping = mapping.send().await.unwrap();
    let queue = stack.attributes("Queue").await;
    let visible_again: i32 = queue["VisibilityTimeout"].parse().unwrap();
    let longest_window = 300;
    assert!(visible_again >= 6 * timeout + longest_window, "{queue:?}");
    assert_eq!(mapping.batch_size, Some(1000));
    let redrive: Value = serde_json::from_str(&queue["RedrivePolicy"]).unwrap();
    assert_eq!(
        redrive["deadLetterTargetArn"],
        stack.attributes("DeadLetters").await["QueueArn"]
    );
    let policy: Value = serde_json::from_str(&queue["Policy"]).unwrap();
    assert_eq!(
        policy["Statement"][0]["Principal"]["Service"],
        "events.amazonaws.com"
    );
}

/// Asserts that the dashboard and the alarm show each metric that the functions count, and that the functions wrote no
/// other, whatever the level of the log.
fn assert_dashboard_shows_recorded_metrics(stack: &Stack) {
    let mut measured: BTreeSet<(String, String)> = MOTO
        .log()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|line| {
            assert_eq!(line.get("level"), None, "{line}");
            let metrics = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(metrics["Namespace"], "tagwarden");
            assert_eq!(metrics["Dimensions"], json!([["function"]]));
            let function = line["function"].as_str().unwrap().to_owned();
            let names = metrics["Metrics"].as_array().unwrap().clone();
            names.into_iter().map(move |metric| {
                assert_eq!(metric["Unit"], "Count");
                (
                    function.clone(),
                    metric["Name"].as_str().unwrap().to_owned(),
                )
            })
        })
        .collect();
    // Stacks with other names write to the same log.
    let own = ["RuleFunction", "RemediationFunction"].map(|it| &stack.resources[it]);
    measured.retain(|(function, _)| own.contains(&function));
    let body = dashboard(stack);
    let widgets = body["widgets"].as_array().unwrap();
    let mut shown = BTreeSet::from([(
        stack.resources["RemediationFunction"].clone(),
        "refusedBudget".to_owned(),
    )]);
    for metric in widgets
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap())
    {
        let text = |at: usize| metric[at].as_str().unwrap().to_owned();
        if text(0) == "tagwarden" {
            assert_eq!(text(2), "function");
            shown.insert((text(3), text(1)));
        }
    }
    // What did not happen was not written.
    assert!(measured.is_subset(&shown), "{measured:?} {shown:?}");
    for (function, sources) in [
        ("RuleFunction", include_str!("../../src/rule.rs")),
        (
            "RemediationFunction",
            include_str!("../../remediation/src/metrics.rs"),
        ),
    ] {
        let function = &stack.resources[function];
        let counted = sources.split("add(\"").skip(1);
        let counted: BTreeSet<&str> = counted.map(|it| it.split_once('"').unwrap().0).collect();
        let of_it = shown.iter().filter(|(of, _)| of == function);
        let of_it: BTreeSet<&str> = of_it.map(|(_, name)| name.as_str()).collect();
        assert_eq!(of_it, counted);
    }
    let swept = (
        stack.resources["RemediationFunction"].clone(),
        "sweeps".to_owned(),
    );
    assert!(measured.contains(&swept), "{measured:?}");
}

/// Asserts that deleting the stack keeps the policy and the ledger, and nothing else that costs or acts.
async fn assert_tables_outlive_the_stack(stack: Stack) {
    let (account, tables) = stack.delete();
    let dynamodb = aws_sdk_dynamodb::Client::new(account.sdk_config());
    let left = dynamodb.list_tables().send().await.unwrap();
    assert_eq!(BTreeSet::from_iter(left.table_names.unwrap()), tables);
    let functions = account.lambda.list_functions().send().await.unwrap();
    assert_eq!(functions.functions.unwrap(), []);
    let queues = account.sqs.list_queues().send().await.unwrap();
    let queues = queues.queue_urls.unwrap();
    assert!(
        queues.iter().all(|url| url.ends_with("/mailbox")),
        "{queues:?}"
    );
}

fn dashboard(stack: &Stack) -> Value {
    let output = crate::stack::deployment("us-east-1")
        .aws()
        .args(["cloudwatch", "get-dashboard", "--query", "DashboardBody"])
        .args([
            "--output",
            "text",
            "--dashboard-name",
            &stack.resources["Dashboard"],
        ])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asserts that no call of the functions or the document was denied to its role. Each call of a function must also be
/// one that its sources name, because `permissions.rs` relies on that.
pub fn assert_nothing_was_denied(stack: &Stack) {
    for role in ["RuleRole", "RemediationRole", "AutomationRole"] {
        for call in stack.calls(role, |session| session != INTRUDER) {
            assert_eq!(call["allowed"], true, "{call}");
        }
    }
    for (role, named) in [
        ("RuleRole", code::of_the_rule()),
        ("RemediationRole", code::of_the_remediation()),
    ] {
        let calls = stack.calls(role, |session| session != INTRUDER);
        assert!(!calls.is_empty(), "{role} was not used");
        for call in calls {
            let action = call["action"].as_str().unwrap();
            assert!(
                named.contains_key(action),
                "no source of {role}'s function names {action}"
            );
        }
    }
}

const INTRUDER: &str = "intruder";

/// An EC2 client with the role of one of the functions.
async fn as_role(stack: &Stack, role: &str) -> aws_sdk_ec2::Client {
    let account: &Account<'_> = &stack.account;
    account
        .ec2_of_role(&role_arn(&stack.resources[role]), INTRUDER)
        .await
}

pub fn scheduled(region: &str) -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": ACCOUNT, "time": "2026-11-23T12:00:00Z", "region": region,
        "resources": [format!("arn:aws:events:{region}:{ACCOUNT}:rule/sweep")], "detail": {},
    })
}

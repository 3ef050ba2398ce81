//! What the hook answers where something cannot be read.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_core::settings::{Environment, SettingError};
use tagwarden_rule::RuleFunction;
use tagwarden_sandbox::Fault;

use super::{Scene, rules};
use crate::support::{TABLE, World};

#[tokio::test(start_paused = true)]
async fn tags_of_a_stack_that_cannot_be_read_are_unknown() {
    let scene = Scene::new();
    let fault = Fault::new("DescribeStacks", "AccessDenied", "User is not authorized").status(403);
    scene.world.account.fail(fault.always());
    let message = scene.message(scene.creation(&[("Env", "prod")])).await;
    // What the resource itself has wrong is wrong in any case.
    assert!(message.starts_with("FAILED"), "{message}");
    assert!(
        message.contains("warning: whether there is a tag Owner is not known"),
        "{message}"
    );
    let why = "The tags of the stack are not known: cloudformation:DescribeStacks: AccessDenied: User is not authorized.";
    assert!(message.contains(why), "{message}");
    let message = scene.message(scene.creation(&[])).await;
    assert!(message.starts_with("SUCCESS"), "{message}");
}

#[rstest]
#[case::broken_policy(|world: World| {
    world.account.put_item(TABLE, json!({"RuleId": 3, "TagKey": "Owner", "Action": "Notfiy", "Required": "Y"}));
    world
}, "the policy table \"acme_cloud_policy_tagging_def\" is not valid")]
#[case::no_table(|world: World| world.set("TAGWARDEN_POLICY_TABLE", "nowhere"), "the policy table \"nowhere\" cannot be read")]
#[case::throttled_table(|world: World| {
    let fault = Fault::new("Scan", "ProvisionedThroughputExceededException", "Slow down");
    world.account.fail(fault.always());
    world
}, "dynamodb:Scan: ProvisionedThroughputExceededException: Slow down")]
#[case::denied_table(|world: World| {
    let fault = Fault::new("Scan", "AccessDeniedException", "User is not authorized");
    world.account.fail(fault.always());
    world
}, "dynamodb:Scan: AccessDeniedException")]
#[case::no_answer(|world: World| {
    world.account.latency(Duration::from_mins(1));
    world
}, "AWS did not answer tagwarden within 10 seconds")]
#[tokio::test(start_paused = true)]
async fn passes_with_the_reason_where_the_policy_cannot_be_read(
    #[case] break_it: fn(World) -> World,
    #[case] expected: &str,
) {
    let scene = Scene::of(break_it(World::with_table(&rules())), &[]);
    let began = scene.world.account.now();
    let message = scene.message(scene.creation(&[])).await;
    assert!(
        message.starts_with("SUCCESS Nothing was judged: "),
        "{message}"
    );
    assert!(message.contains(expected), "{message}");
    let took = scene.world.account.now() - began;
    assert!(took < chrono::TimeDelta::seconds(15), "{took}");
}

#[tokio::test(start_paused = true)]
async fn passes_events_that_cannot_be_read() {
    let scene = Scene::new();
    for event in [
        json!({"hookTypeName": null}),
        json!({"hookTypeName": "a::b::c", "requestData": 7}),
        scene.event(
            "CREATE_PRE_PROVISION",
            "AWS::EC2::Instance",
            json!({"resourceProperties": null}),
        ),
        scene.event("CREATE_PRE_PROVISION", "AWS::EC2::Instance", json!([])),
        scene.event("UPDATE_PRE_PROVISION", "AWS::EC2::Instance", Value::Null),
    ] {
        let message = scene.message(event).await;
        assert!(message.starts_with("SUCCESS "), "{message}");
    }
    let mut foreign = scene.creation(&[]);
    foreign["awsAccountId"] = json!("222222222222");
    let message = scene.message(foreign).await;
    assert!(
        message.starts_with("SUCCESS Nothing was judged: the event is from account 222222222222"),
        "{message}"
    );
    assert_eq!(scene.world.account.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn passes_with_the_reason_where_a_setting_cannot_be_read() {
    let scene = Scene::new();
    let error = SettingError {
        name: "TAGWARDEN_VPC_IDS",
        value: "my-vpc".to_owned(),
        expected: "not a list of VPCs".to_owned(),
    };
    let of = |handler: &'static str| {
        let variable = move |name: &str| (name == "_HANDLER").then(|| handler.to_owned());
        RuleFunction::in_spite_of(error.clone(), &Environment::new(&variable))
    };
    let function = of("hook").unwrap();
    let answer = function
        .handle(scene.world.lambda_event(scene.creation(&[])))
        .await
        .unwrap();
    assert_eq!(answer["hookStatus"], "SUCCESS");
    let message = answer["message"].as_str().unwrap();
    assert!(
        message.starts_with("Nothing was judged: the environment variable TAGWARDEN_VPC_IDS"),
        "{message}"
    );
    // An event of Config fails there, and the rule's function does not start.
    let event = scene.world.account.scheduled_event("tagwarden");
    let failed = function.handle(scene.world.lambda_event(event)).await;
    assert!(
        failed
            .unwrap_err()
            .to_string()
            .contains("TAGWARDEN_VPC_IDS")
    );
    assert_eq!(of("bootstrap").unwrap_err(), error);
}

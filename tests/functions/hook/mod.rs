//! The hook of CloudFormation: each kind of event of AWS's guide, and what it answers.

mod unreadable;

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{VPC, World};

const SUBNET: &str = "subnet-0a1b2c3d4e5f60718";

fn rules() -> Vec<Value> {
    vec![
        json!({"RuleId": -1, "PolicyFormat": 2}),
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Owner", "Action": "Notify", "Required": "Y"}),
        json!({"RuleId": 4, "TagKey": "Env", "Action": "Update", "Required": "N", "Default": "Prod", "Allowed": ["Prod", "Stage"]}),
    ]
}

/// An account with a policy and a stack, and the hook in it.
struct Scene {
    world: World,
    stack_id: String,
}

impl Scene {
    fn new() -> Self {
        Self::of(World::with_table(&rules()), &[])
    }

    fn of(world: World, stack_tags: &[(&str, &str)]) -> Self {
        let stack_id = world.account.create_stack("web", stack_tags);
        Self { world, stack_id }
    }

    /// The event of AWS's guide for a resource of CloudFormation. It has no token in the guide's example.
    fn event(&self, point: &str, type_name: &str, models: impl Into<Value>) -> Value {
        json!({
            "awsAccountId": self.world.account.id(),
            "stackId": self.stack_id,
            "changeSetId": null,
            "hookTypeName": "Private::Tagwarden::TagPolicy",
            "hookTypeVersion": "00000001",
            "hookModel": {"LambdaFunction": "arn:aws:lambda:us-east-1:111111111111:function:tagwarden-hook"},
            "actionInvocationPoint": point,
            "requestData": {
                "targetName": type_name, "targetType": type_name, "targetLogicalId": "Web", "targetModel": models.into(),
            },
            "requestContext": {"invocation": 1, "callbackContext": null},
        })
    }

    fn creation(&self, tags: &[(&str, &str)]) -> Value {
        let models = json!({"resourceProperties": {"Tags": list(tags)}});
        self.event("CREATE_PRE_PROVISION", "AWS::EC2::Instance", models)
    }

    async fn answer(&self, event: Value) -> Value {
        let answer = self.world.evaluate(event).await.unwrap();
        let schema: Vec<&str> = answer
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let known = [
            "annotations",
            "clientRequestToken",
            "errorCode",
            "hookStatus",
            "message",
        ];
        assert!(schema.iter().all(|name| known.contains(name)), "{answer}");
        let is_failed = answer["hookStatus"] == "FAILED";
        assert!(is_failed || answer["hookStatus"] == "SUCCESS", "{answer}");
        assert_eq!(answer.get("errorCode").is_some(), is_failed, "{answer}");
        answer
    }

    async fn message(&self, event: Value) -> String {
        let answer = self.answer(event).await;
        format!(
            "{} {}",
            answer["hookStatus"].as_str().unwrap(),
            answer["message"].as_str().unwrap()
        )
    }
}

fn list(tags: &[(&str, &str)]) -> Value {
    let tags = tags.iter();
    tags.map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn fails_what_the_remediation_would_not_fill_in() {
    let scene = Scene::new();
    let mut event = scene.creation(&[("Env", "prod")]);
    event["clientRequestToken"] = json!("f8da6d11-b23f-48f4-814c-0fb6a667f50e");
    let answer = scene.answer(event).await;
    assert_eq!(
        answer,
        json!({
            "hookStatus": "FAILED",
            "errorCode": "NonCompliant",
            "clientRequestToken": "f8da6d11-b23f-48f4-814c-0fb6a667f50e",
            "message": "Web does not keep the tag policy: error: missing tag Owner (rule 3). error: value of tag Env not \
                        allowed (rule 4): it is \"prod\", did you mean Prod? note: missing tag ProjectCode (rule 1); the \
                        remediation would write Proj007. note: missing tag CreatedBy (rule 2); the remediation would write \
                        who launched it.",
            "annotations": [
                {
                    "annotationName": "missing-tag/rule-3", "status": "FAILED", "severityLevel": "HIGH",
                    "statusMessage": "Missing tag Owner (rule 3).",
                    "remediationMessage": "Write in the template:\nTags:\n  - Key: Owner\n    Value: \"\" # fill in\n",
                },
                {
                    "annotationName": "defective-tag/rule-4", "status": "FAILED", "severityLevel": "HIGH",
                    "statusMessage": "Value of tag Env not allowed (rule 4): it is \"prod\", did you mean Prod?",
                    "remediationMessage": "Write in the template:\nTags:\n  - Key: Env\n    Value: Prod\n",
                },
                {
                    "annotationName": "missing-tag/rule-1", "status": "PASSED", "severityLevel": "INFORMATIONAL",
                    "statusMessage": "Missing tag ProjectCode (rule 1); the remediation would write Proj007.",
                    "remediationMessage": "Write in the template:\nTags:\n  - Key: ProjectCode\n    Value: Proj007\n",
                },
                {
                    "annotationName": "missing-tag/rule-2", "status": "PASSED", "severityLevel": "INFORMATIONAL",
                    "statusMessage":
                        "Missing tag CreatedBy (rule 2); the remediation would write who launched it.",
                },
            ],
        })
    );
    assert_eq!(scene.world.writes(), 0);
}

#[rstest]
#[case::right(&[("Owner", "ann"), ("ProjectCode", "P1"), ("CreatedBy", "ann")], "SUCCESS Web keeps the tag policy.")]
#[case::filled_in(
    &[("Owner", "ann"), ("CreatedBy", "ann")],
    "SUCCESS Web passes the tag policy: note: missing tag ProjectCode (rule 1); the remediation would write Proj007."
)]
#[case::exempt(
    &[("tagwarden:exempt-until", "2027-01-01 migration")],
    "SUCCESS The tag policy does not apply to Web: it is exempt until 2027-01-01."
)]
#[case::not_resolved(
    &[("Owner", "{{resolve:ssm:owner}}"), ("ProjectCode", "P1"), ("CreatedBy", "ann")],
    "SUCCESS Web keeps the tag policy."
)]
#[tokio::test(start_paused = true)]
async fn passes_what_is_right(#[case] tags: &[(&str, &str)], #[case] expected: &str) {
    let scene = Scene::new();
    assert_eq!(scene.message(scene.creation(tags)).await, expected);
}

#[tokio::test(start_paused = true)]
async fn tags_of_the_stack_count() {
    let stack = [
        ("Owner", "ann"),
        ("ProjectCode", "P1"),
        ("CreatedBy", "ann"),
        ("Env", "Test"),
    ];
    let scene = Scene::of(World::with_table(&rules()), &stack);
    let message = scene.message(scene.creation(&[("Env", "Stage")])).await;
    assert_eq!(message, "SUCCESS Web keeps the tag policy.");
    let message = scene.message(scene.creation(&[])).await;
    assert!(message.starts_with("FAILED"), "{message}");
    assert!(
        message.contains("value of tag Env not allowed"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn tags_of_a_group_must_propagate() {
    let scene = Scene::of(World::with_table(&rules()), &[("Owner", "ann")]);
    let of = |properties: Value| {
        let models = json!({"resourceProperties": properties});
        scene.event(
            "CREATE_PRE_PROVISION",
            "AWS::AutoScaling::AutoScalingGroup",
            models,
        )
    };
    let tag = |key: &str, propagates: Value| json!({"Key": key, "Value": "x", "PropagateAtLaunch": propagates});
    // The group's own tag takes the place of the stack's, and does not reach the instances.
    let answer = scene
        .answer(of(json!({"Tags": [tag("Owner", json!(false))]})))
        .await;
    assert_eq!(answer["hookStatus"], "FAILED");
    let annotation = &answer["annotations"][0];
    assert_eq!(
        annotation["statusMessage"],
        "Missing tag Owner (rule 3): the group has it without PropagateAtLaunch."
    );
    let code = annotation["remediationMessage"].as_str().unwrap();
    assert!(code.contains("PropagateAtLaunch: true"), "{code}");
    // Numbers and truth values come as they are, or as texts.
    for propagates in [json!(true), json!("true")] {
        let message = scene
            .message(of(json!({"Tags": [tag("Owner", propagates)]})))
            .await;
        assert!(message.starts_with("SUCCESS"), "{message}");
    }
    // A launch template may bring any tag.
    let template = json!({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}});
    let scene = Scene::new();
    let models = json!({"resourceProperties": template});
    let event = scene.event(
        "CREATE_PRE_PROVISION",
        "AWS::AutoScaling::AutoScalingGroup",
        models,
    );
    let answer = scene.answer(event).await;
    assert_eq!(answer["hookStatus"], "SUCCESS");
    let annotation = &answer["annotations"][0];
    assert_eq!(
        (&annotation["status"], &annotation["severityLevel"]),
        (&json!("SKIPPED"), &json!("LOW"))
    );
    assert_eq!(
        annotation["statusMessage"],
        "Whether there is a tag Owner is not known before the launch (rule 3)."
    );
}

/// A volume is judged by the rules for volumes.
#[tokio::test(start_paused = true)]
async fn a_volume_is_judged_by_the_rules_for_volumes() {
    let message = async |scene: &Scene, tags: &[(&str, &str)]| {
        let models = json!({"resourceProperties": {"Size": 8, "Tags": list(tags)}});
        scene
            .message(scene.event("CREATE_PRE_PROVISION", "AWS::EC2::Volume", models))
            .await
    };
    let scene = Scene::new();
    let expected = "SUCCESS The tag policy does not apply to Web: no rule is for it.";
    assert_eq!(message(&scene, &[]).await, expected);
    let for_volumes = json!({"RuleId": 9, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "ResourceTypes": ["volume"]});
    let scene = Scene::of(
        World::with_table(&[for_volumes, json!({"RuleId": 10, "PolicyFormat": 2})]),
        &[],
    );
    let failed = message(&scene, &[]).await;
    assert!(
        failed.starts_with(
            "FAILED Web does not keep the tag policy: error: missing tag Owner (rule 9)"
        ),
        "{failed}"
    );
    let passed = message(&scene, &[("Owner", "ann")]).await;
    assert!(passed.starts_with("SUCCESS"), "{passed}");
}

/// An update of an instance that is badly tagged must be possible.
#[rstest]
#[case::the_same(json!({"Tags": [{"Key": "Env", "Value": "prod"}, {"Key": "A", "Value": "b"}]}), "SUCCESS")]
#[case::another_order(json!({"Tags": [{"Key": "A", "Value": "b"}, {"Key": "Env", "Value": "prod"}]}), "SUCCESS")]
#[case::not_said(Value::Null, "SUCCESS")]
#[case::another_value(json!({"Tags": [{"Key": "Env", "Value": "Prod"}, {"Key": "A", "Value": "b"}]}), "FAILED")]
#[case::no_tags(json!({"ImageId": "ami-1"}), "FAILED")]
#[tokio::test(start_paused = true)]
async fn never_fails_an_update_that_leaves_the_tags(#[case] previous: Value, #[case] status: &str) {
    let scene = Scene::new();
    let models = json!({
        "resourceProperties": {"InstanceType": "t3.large", "Tags": list(&[("Env", "prod"), ("A", "b")])},
        "previousResourceProperties": previous,
    });
    let event = scene.event("UPDATE_PRE_PROVISION", "AWS::EC2::Instance", models);
    let message = scene.message(event).await;
    assert!(message.starts_with(status), "{message}");
    assert!(message.contains("missing tag Owner (rule 3)"), "{message}");
    let says_why = message.contains("The update leaves the tags as they were, and is not failed.");
    assert_eq!(says_why, status == "SUCCESS", "{message}");
}

#[rstest]
#[case::deletion(
    "DELETE_PRE_PROVISION",
    "AWS::EC2::Instance",
    "tagwarden does not judge a deletion."
)]
#[case::later_point(
    "CREATE_POST_PROVISION",
    "AWS::EC2::Instance",
    "tagwarden does not know the invocation point \"CREATE_POST_PROVISION\"."
)]
#[case::fleet(
    "CREATE_PRE_PROVISION",
    "AWS::EC2::SpotFleet",
    "tagwarden judges AWS::EC2::Instance, AWS::AutoScaling::AutoScalingGroup, AWS::EC2::Volume, and not \"AWS::EC2::SpotFleet\"."
)]
#[case::table(
    "UPDATE_PRE_PROVISION",
    "AWS::DynamoDB::Table",
    "tagwarden judges AWS::EC2::Instance, AWS::AutoScaling::AutoScalingGroup, AWS::EC2::Volume, and not \"AWS::DynamoDB::Table\"."
)]
#[tokio::test(start_paused = true)]
async fn passes_what_it_does_not_judge(
    #[case] point: &str,
    #[case] type_name: &str,
    #[case] expected: &str,
) {
    let scene = Scene::new();
    let event = scene.event(point, type_name, json!({"resourceProperties": {}}));
    assert_eq!(scene.message(event).await, format!("SUCCESS {expected}"));
    assert_eq!(scene.world.account.calls(), [], "nothing is asked for that");
}

/// The targets STACK and `CHANGE_SET` have a URL in the place of properties, `CLOUD_CONTROL` has no stack.
#[tokio::test(start_paused = true)]
async fn passes_operations_that_are_not_resources() {
    let scene = Scene::new();
    for target in ["STACK", "CHANGE_SET"] {
        for point in [
            "CREATE_PRE_PROVISION",
            "UPDATE_PRE_PROVISION",
            "DELETE_PRE_PROVISION",
        ] {
            let mut event = scene.event(point, target, Value::Null);
            let request = event["requestData"].as_object_mut().unwrap();
            request.remove("targetModel");
            request.insert("payload".to_owned(), json!("https://s3.example/x"));
            event["clientRequesttoken"] = json!("token");
            let answer = scene.answer(event).await;
            assert_eq!(answer["hookStatus"], "SUCCESS");
            assert_eq!(answer["clientRequestToken"], "token");
            let message = answer["message"].as_str().unwrap();
            assert!(
                message.contains("leave only RESOURCE in the hook's TargetOperations"),
                "{message}"
            );
        }
    }
    let models = json!({"resourceProperties": {}});
    let mut by_type = scene.event("CREATE_PRE_PROVISION", "AWS::EC2::Instance", models);
    by_type["requestData"]["targetType"] = json!("RESOURCE");
    let mut without_stack = scene.creation(&[]);
    without_stack["stackId"] = json!("");
    for event in [by_type, without_stack] {
        let message = scene.message(event).await;
        assert_eq!(
            message,
            "SUCCESS tagwarden does not judge what the Cloud Control API creates."
        );
    }
    assert_eq!(scene.world.account.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn asks_for_the_vpc_of_the_subnet() {
    let world = World::with_table(&rules()).set("TAGWARDEN_VPC_IDS", VPC);
    let scene = Scene::of(world, &[]);
    scene.world.account.create_subnet(SUBNET, VPC);
    scene.world.account.create_subnet("subnet-2", "vpc-2");
    let of = |type_name: &str, properties: Value| {
        scene.event(
            "CREATE_PRE_PROVISION",
            type_name,
            json!({"resourceProperties": properties}),
        )
    };
    let instance = "AWS::EC2::Instance";
    let group = "AWS::AutoScaling::AutoScalingGroup";
    for (type_name, properties, expected) in [
        (
            instance,
            json!({"SubnetId": SUBNET}),
            "FAILED Web does not keep",
        ),
        (
            instance,
            json!({"NetworkInterfaces": [{"DeviceIndex": "0", "SubnetId": SUBNET}]}),
            "FAILED Web does not keep",
        ),
        (
            group,
            json!({"VPCZoneIdentifier": [SUBNET, "subnet-3"]}),
            "FAILED Web does not keep",
        ),
        (
            instance,
            json!({"SubnetId": "subnet-2"}),
            "SUCCESS The tag policy does not apply to Web: it is not in a VPC that the policy covers.",
        ),
        (
            instance,
            json!({"SubnetId": "subnet-4"}),
            "SUCCESS Web passes the tag policy: warning: missing tag Owner",
        ),
        (
            instance,
            json!({}),
            "SUCCESS Web passes the tag policy: warning: missing tag Owner",
        ),
    ] {
        let message = scene.message(of(type_name, properties)).await;
        assert!(message.starts_with(expected), "{message}");
    }
    let message = scene
        .message(of(instance, json!({"SubnetId": "subnet-4"})))
        .await;
    let why = "The VPC is not known: ec2:DescribeSubnets: InvalidSubnetID.NotFound: The subnet ID 'subnet-4' does not exist.";
    assert!(message.contains(why), "{message}");
    // Where every VPC is covered, nobody needs to know.
    let scene = Scene::new();
    let models = json!({"resourceProperties": {"SubnetId": SUBNET}});
    scene
        .message(scene.event("CREATE_PRE_PROVISION", instance, models))
        .await;
    assert_eq!(scene.world.account.count("DescribeSubnets"), 0);
}

/// CloudFormation waits for each answer. The bound is wide of what a busy machine takes.
#[tokio::test]
async fn answers_in_under_a_tenth_of_a_second() {
    let scene = Scene::new();
    let rule = scene.world.rule();
    let tags: Vec<Value> = (0..50)
        .map(|n| json!({"Key": format!("key-{n}"), "Value": "x"}))
        .collect();
    let models = json!({"resourceProperties": {"Tags": tags}});
    let event = scene.event("CREATE_PRE_PROVISION", "AWS::EC2::Instance", models);
    rule.handle(scene.world.lambda_event(event.clone()))
        .await
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        rule.handle(scene.world.lambda_event(event.clone()))
            .await
            .unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    assert!(times[5] < Duration::from_millis(100), "{times:?}");
}

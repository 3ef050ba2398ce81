//! The roles allow what they grant and deny the rest, by ministack's evaluation of the policies, which is independent
//! of moto's.

use std::collections::BTreeMap;

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{InstanceType, Tag};

use crate::patience::eventually;
use crate::stack::Stack;

/// The calls tried, and whether each was allowed.
type Verdicts = BTreeMap<&'static str, bool>;

const READING: [&str; 4] = [
    "ec2:DescribeInstances",
    "dynamodb:Scan of the policy",
    "cloudtrail:LookupEvents",
    "sns:Publish to the topic",
];
const LEDGER: [&str; 5] = [
    "dynamodb:DeleteItem of the ledger",
    "dynamodb:GetItem of the ledger",
    "dynamodb:PutItem to the ledger",
    "dynamodb:Query of the ledger",
    "dynamodb:UpdateItem in the ledger",
];
const TAG: &str = "ec2:CreateTags";
const STOP: &str = "ec2:StopInstances";
const TERMINATE: &str = "ec2:TerminateInstances";

#[tokio::test]
async fn roles_allow_exactly_what_they_grant() {
    let mut stack = Stack::deploy("permissions", &[]).await;
    let remediation = [&READING[..], &LEDGER].concat();
    assert_granted(&stack, "RemediationRole", &remediation).await;
    assert_granted(&stack, "RuleRole", &READING[..2]).await;

    let steps: [(&str, &[&str]); 3] = [
        ("terminate", &[TAG, TERMINATE]),
        ("stop", &[TAG, STOP]),
        ("notify", &[TAG]),
    ];
    for (untagged, more) in steps {
        let enforcing = [("Mode", "enforce"), ("Untagged", untagged)];
        stack.update(&enforcing).await;
        let granted = [&remediation, more].concat();
        assert_granted(&stack, "RemediationRole", &granted).await;
        assert_granted(&stack, "RuleRole", &READING[..2]).await;
    }
    // Enforcing, but for other tags than those that are written here.
    let others = [("Mode", "enforce"), ("TagKeys", "ProjectCode,CreatedBy")];
    stack.update(&others).await;
    let granted = [&remediation[..], &[TERMINATE]].concat();
    assert_granted(&stack, "RemediationRole", &granted).await;
    stack.update(&[]).await;
    assert_granted(&stack, "RemediationRole", &remediation).await;
    assert_encrypted_transport_only(&stack).await;
}

/// Nobody may use the queues or publish to the topic without encryption, not even the account's root user.
async fn assert_encrypted_transport_only(stack: &Stack) {
    let sns = aws_sdk_sns::Client::new(&stack.config);
    let accepted = async || {
        let mut accepted = Vec::new();
        for queue in ["Queue", "DeadLetters"] {
            let send = stack.sqs.send_message().queue_url(&stack.resources[queue]);
            accepted.push(is_allowed(send.message_body("{}").send().await));
        }
        let publish = sns.publish().topic_arn(&stack.resources["Topic"]);
        accepted.push(is_allowed(publish.message("test").send().await));
        accepted
    };
    assert_eq!(accepted().await, [true; 3]);
    stack.encrypt(false);
    eventually(accepted, |now| *now == [false; 3]).await;
}

/// Asserts that the role allows exactly the `granted` ones of all calls tried.
async fn assert_granted(stack: &Stack, role: &str, granted: &[&str]) {
    let tried = try_everything(stack, &stack.as_role(role).await).await;
    let allowed = tried.iter().filter(|(_, allowed)| **allowed);
    let mut allowed: Vec<_> = allowed.map(|(call, _)| *call).collect();
    let mut granted = granted.to_vec();
    allowed.sort_unstable();
    granted.sort_unstable();
    assert_eq!(allowed, granted, "{role}");
}

async fn try_everything(stack: &Stack, config: &SdkConfig) -> Verdicts {
    let mut verdicts = Verdicts::new();
    on_instances(stack, config, &mut verdicts).await;
    on_tables(stack, config, &mut verdicts).await;
    on_the_rest(stack, config, &mut verdicts).await;
    verdicts
}

async fn on_instances(stack: &Stack, config: &SdkConfig, verdicts: &mut Verdicts) {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let id = stack.launch(&[("Name", "web")]).await;
    let tag = Tag::builder().key("Owner").value("eve").build();

    let call = ec2.describe_instances().send().await;
    verdicts.insert("ec2:DescribeInstances", is_allowed(call));
    let call = ec2.create_tags().resources(&id).tags(tag.clone());
    verdicts.insert(TAG, is_allowed(call.send().await));
    let volume = "vol-0123456789abcdef0";
    let call = ec2.create_tags().resources(volume).tags(tag.clone());
    verdicts.insert("ec2:CreateTags on a volume", is_allowed(call.send().await));
    let call = ec2.delete_tags().resources(&id).tags(tag);
    verdicts.insert("ec2:DeleteTags", is_allowed(call.send().await));
    let call = ec2.stop_instances().instance_ids(&id);
    verdicts.insert(STOP, is_allowed(call.send().await));
    let call = ec2.terminate_instances().instance_ids(&id);
    verdicts.insert(TERMINATE, is_allowed(call.send().await));
    let call = ec2.run_instances().image_id("ami-12345678");
    let call = call.instance_type(InstanceType::T3Micro);
    let call = call.min_count(1).max_count(1).send().await;
    verdicts.insert("ec2:RunInstances", is_allowed(call));

    let elsewhere = Region::from_static("us-east-1");
    let elsewhere = config.clone().into_builder().region(elsewhere).build();
    let ec2 = aws_sdk_ec2::Client::new(&elsewhere);
    let call = ec2.describe_instances().send().await;
    verdicts.insert("ec2:DescribeInstances elsewhere", is_allowed(call));
}

async fn on_tables(stack: &Stack, config: &SdkConfig, verdicts: &mut Verdicts) {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let (policy, ledger) = (
        &stack.resources["PolicyTable"],
        &stack.resources["LedgerTable"],
    );
    let text = || AttributeValue::S("test".to_owned());
    let rule = || AttributeValue::N("9".to_owned());

    let call = dynamodb.scan().table_name(policy).send().await;
    verdicts.insert("dynamodb:Scan of the policy", is_allowed(call));
    let call = dynamodb
        .put_item()
        .table_name(policy)
        .item("RuleId", rule());
    verdicts.insert(
        "dynamodb:PutItem to the policy",
        is_allowed(call.send().await),
    );
    let call = dynamodb
        .delete_item()
        .table_name(policy)
        .key("RuleId", rule());
    verdicts.insert(
        "dynamodb:DeleteItem of the policy",
        is_allowed(call.send().await),
    );

    let call = dynamodb.get_item().table_name(ledger);
    let call = call.key("Pk", text()).key("Sk", text()).send().await;
    verdicts.insert("dynamodb:GetItem of the ledger", is_allowed(call));
    let call = dynamodb.put_item().table_name(ledger);
    let call = call.item("Pk", text()).item("Sk", text()).send().await;
    verdicts.insert("dynamodb:PutItem to the ledger", is_allowed(call));
    let call = dynamodb.update_item().table_name(ledger);
    let call = call.key("Pk", text()).key("Sk", text()).send().await;
    verdicts.insert("dynamodb:UpdateItem in the ledger", is_allowed(call));
    let call = dynamodb.query().table_name(ledger);
    let call = call.key_condition_expression("Pk = :pk");
    let call = call.expression_attribute_values(":pk", text()).send().await;
    verdicts.insert("dynamodb:Query of the ledger", is_allowed(call));
    let call = dynamodb.scan().table_name(ledger).send().await;
    verdicts.insert("dynamodb:Scan of the ledger", is_allowed(call));
    let call = dynamodb.delete_item().table_name(ledger);
    let call = call.key("Pk", text()).key("Sk", text()).send().await;
    verdicts.insert("dynamodb:DeleteItem of the ledger", is_allowed(call));
}

async fn on_the_rest(stack: &Stack, config: &SdkConfig, verdicts: &mut Verdicts) {
    let cloudtrail = aws_sdk_cloudtrail::Client::new(config);
    let call = cloudtrail.lookup_events().send().await;
    verdicts.insert("cloudtrail:LookupEvents", is_allowed(call));

    let other = aws_sdk_sns::Client::new(&stack.config);
    let other = other.create_topic().name("other").send().await.unwrap();
    let sns = aws_sdk_sns::Client::new(config);
    let call = sns.publish().topic_arn(&stack.resources["Topic"]);
    let call = call.message("test").send().await;
    verdicts.insert("sns:Publish to the topic", is_allowed(call));
    let call = sns.publish().topic_arn(other.topic_arn.unwrap());
    let call = call.message("test").send().await;
    verdicts.insert("sns:Publish to another topic", is_allowed(call));

    let sqs = aws_sdk_sqs::Client::new(config);
    let call = sqs
        .send_message()
        .queue_url(&stack.resources["DeadLetters"]);
    let call = call.message_body("test").send().await;
    verdicts.insert("sqs:SendMessage", is_allowed(call));
}

/// Whether a call was allowed. Panics if it failed for another reason.
fn is_allowed<T, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> bool {
    const DENIALS: [&str; 4] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
    ];
    match answer {
        Ok(_) => true,
        Err(error) if error.code().is_some_and(|it| DENIALS.contains(&it)) => false,
        Err(error) => panic!("neither allowed nor denied: {error:?}"),
    }
}

//! The customer's or the stack's own key, which encrypts the topic and the tables.

use serde_json::{Value, json};
use tagwarden_aws::AwsError;

use super::checks::{Area, KEY_POLICY, KEY_UNUSABLE};
use super::exam::{Exam, Look};
use super::reports::TopicView;
use super::tables::TableViews;
use crate::aws::other::{OtherCall, OtherService};

const DESCRIBE: OtherCall = OtherCall::new(OtherService::Kms, "kms:DescribeKey");
const POLICY: OtherCall = OtherCall::new(OtherService::Kms, "kms:GetKeyPolicy");

/// What CloudWatch's alarms need to reach a topic that the key encrypts.
const ALARMS: &str = "cloudwatch.amazonaws.com";

/// The keys of a deployment, as calls of KMS know them.
#[derive(Clone, Debug)]
struct UsedKey {
    id: String,
    /// Whether the topic of the reports is encrypted with it.
    is_of_the_topic: bool,
    /// The Region that it is in.
    region: String,
}

/// Looks at every key that is not AWS's own.
pub async fn examine(exam: &mut Exam, topic: &TopicView, tables: &TableViews) {
    let mut keys: Vec<UsedKey> = Vec::new();
    // AWS's own key for SNS has a policy that nobody can change.
    if let Some(id) = topic.key.clone().filter(|it| !it.starts_with("alias/aws/")) {
        let region = topic.arn.as_deref().map(|arn| exam.region_of(arn));
        keys.push(UsedKey {
            id,
            is_of_the_topic: true,
            region: region.unwrap_or_else(|| exam.access.region.clone()),
        });
    }
    for id in &tables.keys {
        let is_known = keys
            .iter()
            .any(|key| id == &key.id || id.ends_with(&format!("/{}", key.id)));
        if !is_known {
            keys.push(UsedKey {
                id: id.clone(),
                is_of_the_topic: false,
                region: exam.region_of(id),
            });
        }
    }
    for key in keys {
        examine_key(exam, &key).await;
    }
}

async fn examine_key(exam: &mut Exam, key: &UsedKey) {
    let question = format!("whether the key {} can be used", key.id);
    let look = Look::new(Area::Key, &question);
    let config = exam.config_in(&key.region);
    let described = DESCRIBE.send(&config, json!({"KeyId": key.id})).await;
    let Some(described) = exam.see(look, described) else {
        return;
    };
    let text = |path: &str| described.pointer(path).and_then(Value::as_str);
    if text("/KeyMetadata/KeyManager") == Some("AWS") {
        return;
    }
    let state = text("/KeyMetadata/KeyState")
        .unwrap_or("Enabled")
        .to_owned();
    if state != "Enabled" {
        let what = format!("The key {} is in {state}.", key.id);
        let command = match state.as_str() {
            "PendingDeletion" => "cancel-key-deletion",
            _ => "enable-key",
        };
        let fix = exam.aws_in(&key.region, &["kms", command, "--key-id", &key.id]);
        exam.complain(KEY_UNUSABLE, what, [fix]);
    }
    if key.is_of_the_topic {
        judge_policy(exam, key, &config).await;
    }
}

/// The statement that no permission of a role can replace: CloudWatch is not of the account.
async fn judge_policy(exam: &mut Exam, key: &UsedKey, config: &aws_config::SdkConfig) {
    let question = format!("whether CloudWatch's alarms may use the key {}", key.id);
    let look = Look::new(Area::Key, &question);
    let parameters = json!({"KeyId": key.id, "PolicyName": "default"});
    let answer = POLICY.send(config, parameters).await;
    let policy = answer.and_then(|answer| {
        let text = answer.get("Policy").and_then(Value::as_str);
        let policy = text.and_then(|it| serde_json::from_str::<Value>(it).ok());
        policy.ok_or_else(|| AwsError::unreadable(POLICY.name(), "the policy is not JSON"))
    });
    let Some(policy) = exam.see(look, policy) else {
        return;
    };
    let missing = ["kms:Decrypt", "kms:GenerateDataKey"];
    let missing: Vec<&str> = missing
        .into_iter()
        .filter(|action| !allows(&policy, ALARMS, action))
        .collect();
    if missing.is_empty() {
        return;
    }
    let what = format!(
        "The policy of the key {} does not let {ALARMS} do {}, so that no alarm reaches the topic.",
        key.id,
        missing.join(" and ")
    );
    let get = [
        "kms",
        "get-key-policy",
        "--policy-name",
        "default",
        "--output",
        "text",
        "--key-id",
    ];
    let put = [
        "kms",
        "put-key-policy",
        "--policy-name",
        "default",
        "--policy",
        "file://key-policy.json",
        "--key-id",
    ];
    let fixes =
        [&get, &put].map(|it| exam.aws_in(&key.region, &[&it[..], &[key.id.as_str()]].concat()));
    exam.complain(KEY_POLICY, what, fixes);
}

/// Whether a statement lets `service` do `action`, whatever its conditions.
fn allows(policy: &Value, service: &str, action: &str) -> bool {
    let many = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    statements.iter().any(|statement| {
        let takes = |granted: &String| match granted.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => granted == action,
        };
        let services = many(statement.pointer("/Principal/Service"));
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && services.iter().any(|it| it == service)
            && many(statement.get("Action")).iter().any(takes)
    })
}

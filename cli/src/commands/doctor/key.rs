//! The customer's or the stack's own key, which encrypts the topic and the tables.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tagwarden_aws::AwsError;

use super::checks::{Area, KEY_POLICY, KEY_UNUSABLE};
use super::exam::{Exam, Look};
use super::policies::allows;
use super::reports::TopicView;
use super::stack::StackParts;
use super::tables::TableViews;
use crate::aws::other::{OtherCall, OtherService};

const DESCRIBE: OtherCall = OtherCall::new(OtherService::Kms, "kms:DescribeKey");
const POLICY: OtherCall = OtherCall::new(OtherService::Kms, "kms:GetKeyPolicy");

/// The service that raises alarms. Alarms reach an encrypted topic only if its key lets them.
const ALARMS: &str = "cloudwatch.amazonaws.com";

/// The keys that are not AWS's own, by their ARNs.
#[derive(Clone, Debug, Default)]
pub struct CustomerKeys {
    /// That of the topic of the reports.
    pub topic: Option<String>,
    /// That of the policy table.
    pub policy: Option<String>,
    /// That of the ledger.
    pub ledger: Option<String>,
}

/// A key as KMS describes it.
#[derive(Clone, Debug)]
struct KeyView {
    arn: String,
    region: String,
}

/// What is encrypted with a key, by the names that others know the key by.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedParts<'a> {
    /// The topic.
    pub topic: &'a TopicView,
    /// The tables.
    pub tables: &'a TableViews,
    /// The stack, which names the key of the logs.
    pub stack: &'a StackParts,
}

/// Looks at every key that is not AWS's own.
pub async fn examine(exam: &mut Exam, parts: EncryptedParts<'_>) -> CustomerKeys {
    let mut seen: BTreeMap<(String, String), Option<KeyView>> = BTreeMap::new();
    let topic_region = parts.topic.arn.as_deref().map(|arn| exam.region_of(arn));
    let log_key = parts.stack.parameter("KmsKeyArn");
    let log_key = log_key
        .filter(|key| key.starts_with("arn:"))
        .map(ToOwned::to_owned);
    let uses = [
        (parts.topic.key.as_ref(), topic_region),
        (parts.tables.policy_key.as_ref(), None),
        (parts.tables.ledger_key.as_ref(), None),
        (log_key.as_ref(), None),
    ];
    let mut views = Vec::new();
    for (id, region) in uses {
        // AWS's own key for a service has a policy that nobody can change.
        let Some(id) = id.filter(|id| !id.starts_with("alias/aws/")) else {
            views.push(None);
            continue;
        };
        let region = region.unwrap_or_else(|| exam.region_of(id));
        // One key may be known by its id and by its ARN. A multi-Region key has a key of the same id in each Region.
        let name = id.rsplit('/').next().unwrap_or(id).to_owned();
        let name = (region.clone(), name);
        if !seen.contains_key(&name) {
            let view = examine_key(exam, id, &region).await;
            seen.insert(name.clone(), view);
        }
        views.push(seen.get(&name).cloned().flatten());
    }
    let mut views = views.into_iter();
    let mut next = || views.next().flatten();
    let (topic, policy, ledger, logs) = (next(), next(), next(), next());
    // Alarms go elsewhere where the stack was told so, or where the topic is in another Region.
    let alarm_topic = parts.stack.parameter("AlarmTopicArn").unwrap_or_default();
    let report_topic = parts.topic.arn.as_deref().unwrap_or_default();
    let has_alarms = alarm_topic.is_empty() && exam.region_of(report_topic) == exam.access.region;
    let own_of_aws = parts.topic.key.as_deref();
    let own_of_aws = own_of_aws.filter(|it| it.starts_with("alias/aws/"));
    if let Some(alias) = own_of_aws.filter(|_| has_alarms) {
        let what = format!(
            "The topic {report_topic} is encrypted with {alias}, whose policy nobody can change, so that no alarm \
             reaches the topic."
        );
        let set = exam.aws(&[
            "sns",
            "set-topic-attributes",
            "--topic-arn",
            report_topic,
            "--attribute-name",
            "KmsMasterKeyId",
            "--attribute-value",
            "KEY",
        ]);
        exam.complain(KEY_POLICY, what, [set]);
    }
    if let Some(key) = topic.as_ref().filter(|_| has_alarms) {
        let use_of = ServiceUse {
            service: ALARMS.to_owned(),
            actions: &["kms:Decrypt", "kms:GenerateDataKey"],
            otherwise: "no alarm reaches the topic",
        };
        judge_policy(exam, key, &use_of).await;
    }
    if let Some(key) = &logs {
        let use_of = ServiceUse {
            service: format!("logs.{}.{}", exam.access.region, exam.dns_suffix()),
            actions: &[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:ReEncryptFrom",
            ],
            otherwise: "the functions write no logs",
        };
        judge_policy(exam, key, &use_of).await;
    }
    let arn = |view: Option<KeyView>| view.map(|view| view.arn);
    CustomerKeys {
        topic: arn(topic),
        policy: arn(policy),
        ledger: arn(ledger),
    }
}

/// What KMS says of the key; `None` if it was not seen, or is AWS's own.
async fn examine_key(exam: &mut Exam, id: &str, region: &str) -> Option<KeyView> {
    let question = format!("whether the key {id} can be used");
    let look = Look::new(Area::Key, &question);
    let config = exam.config_in(region);
    let described = DESCRIBE.send(&config, json!({"KeyId": id})).await;
    let described = exam.see(look, described)?;
    let text = |path: &str| described.pointer(path).and_then(Value::as_str);
    if text("/KeyMetadata/KeyManager") == Some("AWS") {
        return None;
    }
    let arn = text("/KeyMetadata/Arn").unwrap_or(id).to_owned();
    let Some(state) = text("/KeyMetadata/KeyState").map(ToOwned::to_owned) else {
        let unreadable = AwsError::unreadable(DESCRIBE.name(), "the answer has no KeyState");
        exam.not_seen(look, &unreadable);
        return None;
    };
    // A key whose primary Region is being changed can be used.
    if !matches!(state.as_str(), "Enabled" | "Updating") {
        let kms = |command: &[&str]| {
            let of = ["--key-id", arn.as_str()];
            exam.aws_at(&arn, &[&["kms"], command, &of[..]].concat())
        };
        let (why, fixes) = match state.as_str() {
            "Disabled" => ("", vec![kms(&["enable-key"])]),
            // Afterwards it is disabled.
            "PendingDeletion" | "PendingReplicaDeletion" => (
                "",
                vec![kms(&["cancel-key-deletion"]), kms(&["enable-key"])],
            ),
            "PendingImport" => (
                " Import its key material (aws kms import-key-material).",
                vec![kms(&[
                    "get-parameters-for-import",
                    "--wrapping-algorithm",
                    "RSAES_OAEP_SHA_256",
                    "--wrapping-key-spec",
                    "RSA_4096",
                ])],
            ),
            "Unavailable" => (
                " Connect its key store (aws kms connect-custom-key-store).",
                vec![exam.aws_at(&arn, &["kms", "describe-custom-key-stores"])],
            ),
            _ => (" Look again in a minute.", vec![kms(&["describe-key"])]),
        };
        let elsewhere = exam.elsewhere(&arn);
        let what = format!("The key {arn} is in {state}.{why}{elsewhere}");
        exam.complain(KEY_UNUSABLE, what, fixes);
    }
    Some(KeyView {
        arn,
        region: region.to_owned(),
    })
}

/// What a service does with a key by itself.
#[derive(Clone, Debug)]
struct ServiceUse {
    service: String,
    actions: &'static [&'static str],
    /// What becomes of it if it may not.
    otherwise: &'static str,
}

/// Whether a service may use the key. No permission of a role can replace that, because the service does it by itself.
/// docs/deploy.md has the policy word for word.
async fn judge_policy(exam: &mut Exam, key: &KeyView, use_of: &ServiceUse) {
    let (arn, service) = (&key.arn, &use_of.service);
    let question = format!("whether {service} may use the key {arn}");
    let look = Look::new(Area::Key, &question);
    let owner = arn.split(':').nth(4);
    if let (Some(owner), Ok(own)) = (owner, exam.access.account.as_deref())
        && owner != own
    {
        // KMS shows a key's policy to its own account only, whatever the policy says.
        let why = format!("the key is account {owner}'s, and only that account may see its policy");
        let next = "Compare it there with docs/deploy.md: `aws kms get-key-policy`.";
        exam.not_told(Look::minor(Area::Key, &question), &why, next);
        return;
    }
    let parameters = json!({"KeyId": arn, "PolicyName": "default"});
    let answer = POLICY.send(&exam.config_in(&key.region), parameters).await;
    let policy = answer.and_then(|answer| {
        let text = answer.get("Policy").and_then(Value::as_str);
        let policy = text.and_then(|it| serde_json::from_str::<Value>(it).ok());
        policy.ok_or_else(|| AwsError::unreadable(POLICY.name(), "the policy is not JSON"))
    });
    let Some(policy) = exam.see(look, policy) else {
        return;
    };
    let missing = use_of.actions.iter().copied();
    let missing: Vec<&str> = missing.filter(|it| !allows(&policy, service, it)).collect();
    if missing.is_empty() {
        return;
    }
    let what = format!(
        "The policy of the key {arn} does not let {service} do {}, so that {}. docs/deploy.md has the policy.",
        missing.join(", "),
        use_of.otherwise
    );
    let of = ["--policy-name", "default", "--key-id", arn];
    let get = [&["kms", "get-key-policy", "--output", "text"], &of[..]].concat();
    let file = ["--policy", "file://key-policy.json"];
    let put = [&["kms", "put-key-policy"], &of[..], &file].concat();
    let fixes = [get, put].map(|it| exam.aws_in(&key.region, &it));
    exam.complain(KEY_POLICY, what, fixes);
}

//! Cost allocation tags: whether bills show the tags of the policy.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::Policy;

use super::checks::{Area, COST_TAG_INACTIVE};
use super::exam::{Exam, Look};
use crate::aws::other::{OtherCall, OtherService};

const LIST: OtherCall = OtherCall::new(OtherService::CostExplorer, "ce:ListCostAllocationTags");

/// The most keys in a call.
const MOST_KEYS: usize = 100;

/// The most tags that one call activates.
const MOST_ACTIVATED: usize = 20;

/// Looks at the cost allocation tags. Only an organization's management account sees them, and an account of its own.
pub async fn examine(exam: &mut Exam, policy: Option<&Policy>) {
    let look = Look::minor(Area::Costs, "whether bills show the tags of the policy");
    let Some(policy) = policy else {
        exam.not_asked(look, "the policy was not seen, or is not valid");
        return;
    };
    let keys: BTreeSet<&str> = policy
        .rules()
        .iter()
        .map(|it| it.tag_key.as_str())
        .collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut active = BTreeSet::new();
    for some in keys.chunks(MOST_KEYS) {
        let mut parameters = Map::new();
        parameters.insert("Status".to_owned(), json!("Active"));
        parameters.insert("TagKeys".to_owned(), json!(some));
        parameters.insert("MaxResults".to_owned(), json!(MOST_KEYS));
        let answer = LIST
            .send(&exam.access.config, Value::from(parameters))
            .await;
        let listed = answer.and_then(|answer| {
            let listed = answer.get("CostAllocationTags").and_then(Value::as_array);
            let none = || AwsError::unreadable(LIST.name(), "the answer has no list of tags");
            listed.cloned().ok_or_else(none)
        });
        let Some(listed) = exam.see(look, listed) else {
            explain_members(exam);
            return;
        };
        let listed = listed.iter().filter_map(|it| it.get("TagKey")?.as_str());
        active.extend(listed.map(ToOwned::to_owned));
    }
    let inactive: Vec<&str> = keys
        .into_iter()
        .filter(|it| !active.contains(*it))
        .collect();
    if inactive.is_empty() {
        return;
    }
    let what = format!("No bill shows the tags {}.", inactive.join(", "));
    let statuses: Vec<Value> = inactive
        .iter()
        .map(|key| json!({"TagKey": key, "Status": "Active"}))
        .collect();
    let activate = statuses.chunks(MOST_ACTIVATED).map(|some| {
        exam.aws(&[
            "ce",
            "update-cost-allocation-tags-status",
            "--cost-allocation-tags-status",
            &json!(some).to_string(),
        ])
    });
    let activate: Vec<String> = activate.collect();
    exam.complain(COST_TAG_INACTIVE, what, activate);
}

/// Cost Explorer refuses members of an organization with the code for missing permissions.
fn explain_members(exam: &mut Exam) {
    let Some(unseen) = exam.unseen.last_mut() else {
        return;
    };
    if unseen.why.contains("inked account") {
        let next = "Only the organization's management account may see it: ask there \
                    (`aws ce list-cost-allocation-tags --status Active`).";
        unseen.what_next = String::from(next);
    }
}

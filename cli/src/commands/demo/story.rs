//! What happened, as data. Its JSON is what `--output json` writes: the fields' names are part of the interface.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use tagwarden_sandbox::Call;

/// The whole demo, step by step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The account's number.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// The VPC in scope.
    pub vpc_id: String,
    /// The items of the policy table.
    pub policy: Vec<Value>,
    /// The rule's findings before the remediation.
    pub before: Inspection,
    /// What the remediation would do about it.
    pub dry_run_report: PublishedReport,
    /// What the remediation did about it.
    pub report: PublishedReport,
    /// What the sweep did about the rest.
    pub sweep_report: PublishedReport,
    /// The rule's findings after the remediation.
    pub after: Inspection,
    /// What is left, and why.
    pub left: Vec<LeftInstance>,
    /// One more sweep.
    pub second_sweep: SecondSweep,
    /// What comes of a policy that says more.
    pub later: LaterChapter,
    /// Every call to AWS.
    pub calls: CallCounts,
    /// The duration of the demo, in milliseconds.
    pub wall_time_ms: u64,
}

/// The findings of the Config rule over the whole account.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The function's answer.
    pub counts: RuleCounts,
    /// All instances of the account, in the order of their ids.
    pub instances: Vec<InstanceSnapshot>,
}

/// What the rule's function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleCounts {
    /// Results sent to Config.
    pub evaluated: usize,
    /// Of these, `COMPLIANT`.
    pub compliant: usize,
    /// Of these, `NON_COMPLIANT`.
    pub non_compliant: usize,
    /// Of these, `NOT_APPLICABLE`.
    pub not_applicable: usize,
}

/// An instance, and what Config's dashboard shows of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSnapshot {
    /// `i-…`.
    pub instance_id: String,
    /// What it is called.
    pub role: &'static str,
    /// A few words about its tags.
    pub story: &'static str,
    /// The VPC it is in.
    pub vpc_id: String,
    /// EC2's name of its state.
    pub state: &'static str,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// `COMPLIANT` or `NON_COMPLIANT`; none where Config shows no result.
    pub verdict: Option<String>,
    /// The rule's explanation, where it gave one.
    pub annotation: Option<String>,
}

/// What the remediation published about one event, and what it answered.
#[derive(Clone, Debug, Serialize)]
pub struct PublishedReport {
    /// The subject of the message.
    pub subject: String,
    /// What people are sent.
    pub text: String,
    /// What programs are sent.
    pub json: Value,
    /// The function's answer to the event.
    pub answer: Value,
}

/// An instance that the remediation leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftInstance {
    /// `i-…`.
    pub instance_id: String,
    /// What it is called.
    pub role: &'static str,
    /// `deferred`, `refused` or `failed`.
    pub outcome: String,
    /// Why.
    pub reason: String,
}

/// A sweep when there is nothing left to fix.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondSweep {
    /// The instances that the sweep changed.
    pub changed_instances: Vec<String>,
    /// The sweep's calls.
    pub calls: CallCounts,
}

/// The second chapter: a list of values, and instances that end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LaterChapter {
    /// What the new policy changes in the table.
    pub policy_change: PolicyChange,
    /// The dates of the old rule that were taken back.
    pub undone_tags: usize,
    /// The rule's findings under the new policy.
    pub found: Inspection,
    /// The sweep that announces what ends.
    pub notice_report: PublishedReport,
    /// The sweep after the end.
    pub end_report: PublishedReport,
}

/// The difference between a policy file and the table.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyChange {
    /// As `tagwarden push` shows it, styled.
    #[serde(skip)]
    pub text: String,
    /// As `tagwarden push --output json` shows it.
    #[serde(flatten)]
    pub json: Map<String, Value>,
}

/// Calls to AWS, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    /// All of them.
    pub total: usize,
    /// By `service:Operation`, such as `ec2:CreateTags`.
    pub by_operation: BTreeMap<String, CallTally>,
}

/// The calls of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallTally {
    /// All of them.
    pub calls: usize,
    /// Of these, answered with an error.
    pub refused: usize,
}

/// The operations that change an instance.
const WRITES: [&str; 4] = [
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
];

impl CallCounts {
    /// Counts calls.
    pub fn count<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Self {
        let mut counted = Self::default();
        for call in calls {
            let name = format!("{}:{}", call.service, call.operation);
            let tally = counted.by_operation.entry(name).or_default();
            tally.calls += 1;
            tally.refused += usize::from(call.outcome.is_err());
            counted.total += 1;
        }
        counted
    }

    /// The calls of operations that change an instance.
    pub fn writes(&self) -> Self {
        let by_operation: BTreeMap<String, CallTally> = WRITES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), *self.by_operation.get(*name)?)))
            .collect();
        Self {
            total: by_operation.values().map(|tally| tally.calls).sum(),
            by_operation,
        }
    }
}

impl Story {
    /// The tags that the remediation wrote, by instance and key: those there now that were not, or were otherwise,
    /// before.
    pub fn written(&self) -> BTreeSet<(&str, &str)> {
        let before: BTreeMap<&str, &BTreeMap<String, String>> = self
            .before
            .instances
            .iter()
            .map(|seen| (seen.instance_id.as_str(), &seen.tags))
            .collect();
        let now = self.after.instances.iter().flat_map(|seen| {
            let id = seen.instance_id.as_str();
            seen.tags.iter().map(move |(key, value)| (id, key, value))
        });
        now.filter(|(id, key, value)| {
            let value_before = before.get(id).and_then(|tags| tags.get(*key));
            value_before != Some(*value)
        })
        .map(|(id, key, _)| (id, key.as_str()))
        .collect()
    }
}

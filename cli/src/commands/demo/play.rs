//! Plays the scenario: runs the functions' real handlers, through the real SDK, in a simulated account.

use std::time::Instant;

use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use tagwarden_core::settings::{DEFAULT_POLICY_TABLE, Environment, SettingError};
use tagwarden_remediation::{Remediation, RemediationError, Settings};
use tagwarden_rule::{Rule, RuleError};
use tagwarden_sandbox::{Account, InstanceRecord};

use super::fleet::{self, DemoInstance};
use super::story::{
    CallCounts, Inspection, InstanceSnapshot, LeftInstance, PublishedReport, SecondSweep, Story,
};

/// The functions' names.
const RULE: &str = "tagwarden-rule";
const REMEDIATION: &str = "tagwarden-remediation";

/// The remediation's ledger.
const LEDGER_TABLE: &str = "tagwarden-ledger";

/// How long after the first look that finds a reason for a shutdown a second one must still find it.
const GRACE: TimeDelta = TimeDelta::minutes(15);

/// The name of the rule in AWS Config.
const CONFIG_RULE: &str = "tagging-policy";

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the demo cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("the demo's settings are not what the functions take: {0}")]
    Settings(#[from] SettingError),
    #[error("the Config rule failed in the demo's account: {0}")]
    Rule(#[from] RuleError),
    #[error("the remediation failed in the demo's account: {0}")]
    Remediation(#[from] RemediationError),
    #[error("the remediation was to publish one report and published {0}")]
    Reports(usize),
    #[error("what the functions gave the demo is not what it knows: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Plays the whole demo.
pub fn play() -> Result<Story, DemoError> {
    let began = Instant::now();
    let mut story = tagwarden_sandbox::paused_runtime()?.block_on(Stage::set()?.play())?;
    story.wall_time_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(story)
}

/// The account and the functions in it.
struct Stage {
    account: Account,
    members: Vec<(String, DemoInstance)>,
    rule: Rule,
    dry_run: Remediation,
    enforce: Remediation,
}

impl Stage {
    fn set() -> Result<Self, DemoError> {
        let account = Account::new();
        account.create_config_rule(CONFIG_RULE);
        account.create_table(DEFAULT_POLICY_TABLE);
        account.create_table_with_keys(LEDGER_TABLE, "Pk", "Sk");
        for item in fleet::policy() {
            account.put_item(DEFAULT_POLICY_TABLE, item);
        }
        let members = fleet::members(account.now())
            .into_iter()
            .map(|member| (account.launch(member.launch.clone()), member))
            .collect();

        let topic = account.create_topic("tagging-policy-reports");
        let settings = |mode: &str| {
            let variable = |name: &str| match name {
                "TAGWARDEN_VPC_IDS" => Some(fleet::VPC.to_owned()),
                "TAGWARDEN_MODE" => Some(mode.to_owned()),
                "TAGWARDEN_TOPIC_ARN" => Some(topic.clone()),
                "TAGWARDEN_GRACE_MINUTES" => Some(GRACE.num_minutes().to_string()),
                "TAGWARDEN_LEDGER_TABLE" => Some(LEDGER_TABLE.to_owned()),
                _ => None,
            };
            Settings::from_environment(&Environment::new(&variable))
        };
        let (dry_run, enforce) = (settings("dry-run")?, settings("enforce")?);
        let sdk_config = account.sdk_config();
        Ok(Self {
            rule: Rule::new(&sdk_config, dry_run.policy.clone()),
            dry_run: Remediation::new(&sdk_config, dry_run),
            enforce: Remediation::new(&sdk_config, enforce),
            account,
            members,
        })
    }

    async fn play(&self) -> Result<Story, DemoError> {
        let before = self.inspect().await?;
        let batch = self.batch();
        let dry_run_report = self.remedy(&self.dry_run, batch.clone()).await?;
        let report = self.remedy(&self.enforce, batch).await?;
        // Between the first look and the second, somebody tags one of the two that are counted down.
        self.account.advance(GRACE);
        if let Some((id, member)) = self.members.iter().find(|(_, it)| it.role == fleet::LATE) {
            self.account.set_tag(id, "Name", member.role);
        }
        let sweep_report = self.remedy(&self.enforce, self.schedule()).await?;
        // Shutting an instance down takes a while.
        self.account.advance(TimeDelta::minutes(1));
        let after = self.inspect().await?;
        let second_sweep = self.sweep_again().await?;
        Ok(Story {
            account: self.account.id().to_owned(),
            region: self.account.region().to_owned(),
            vpc_id: fleet::VPC.to_owned(),
            policy: fleet::policy().to_vec(),
            before,
            left: self.left(&report, &sweep_report)?,
            dry_run_report,
            report,
            sweep_report,
            after,
            second_sweep,
            calls: CallCounts::count(&self.account.calls()),
            wall_time_ms: 0,
        })
    }

    /// Invokes the rule on its schedule.
    async fn inspect(&self) -> Result<Inspection, DemoError> {
        let event = self.account.scheduled_event(CONFIG_RULE);
        let answer = self.rule.handle(self.event(RULE, event)).await?;
        let mut results = self.account.compliance(CONFIG_RULE);
        let instances = self.members.iter().filter_map(|(id, member)| {
            let InstanceRecord {
                vpc_id,
                state,
                tags,
                ..
            } = self.account.instance(id)?;
            let result = results.remove(id);
            let (verdict, annotation) = result
                .map(|result| (result.compliance_type, result.annotation))
                .unzip();
            Some(InstanceSnapshot {
                instance_id: id.clone(),
                role: member.role,
                story: member.story,
                vpc_id,
                state: state.as_str(),
                tags,
                verdict,
                annotation: annotation.flatten(),
            })
        });
        Ok(Inspection {
            counts: serde_json::from_value(answer)?,
            instances: instances.collect(),
        })
    }

    /// Invokes the remediation's function with an event.
    async fn remedy(
        &self,
        function: &Remediation,
        event: Value,
    ) -> Result<PublishedReport, DemoError> {
        let published_before = self.account.published().len();
        let answer = function.handle(self.event(REMEDIATION, event)).await?;
        let published = self.account.published().split_off(published_before);
        let [message] = published.as_slice() else {
            return Err(DemoError::Reports(published.len()));
        };
        let body: Message = serde_json::from_str(&message.message)?;
        Ok(PublishedReport {
            subject: message.subject.clone().unwrap_or_default(),
            text: body.default,
            json: serde_json::from_str(&body.sqs)?,
            answer,
        })
    }

    async fn sweep_again(&self) -> Result<SecondSweep, DemoError> {
        let calls_before = self.account.calls().len();
        let before = self.account.instances();
        let event = self.event(REMEDIATION, self.schedule());
        self.enforce.handle(event).await?;
        Ok(SecondSweep {
            changed_instances: changed(&before, &self.account.instances()),
            calls: CallCounts::count(self.account.calls().iter().skip(calls_before)),
        })
    }

    /// The steps that `report` lists as not done, with the reasons, but for what `sweep` did.
    fn left(
        &self,
        report: &PublishedReport,
        sweep: &PublishedReport,
    ) -> Result<Vec<LeftInstance>, DemoError> {
        let (document, swept) = (
            Document::deserialize(&report.json)?,
            Document::deserialize(&sweep.json)?,
        );
        let left = document.entries.into_iter().filter_map(|entry| {
            // What the sweep says of the same step is newer.
            let mut swept = swept.entries.iter();
            let newer = swept.find(|it| it.instance_id == entry.instance_id);
            let entry = newer.cloned().unwrap_or(entry);
            if entry.outcome == "done" {
                return None;
            }
            let (_, member) = self
                .members
                .iter()
                .find(|(id, _)| *id == entry.instance_id)?;
            Some(LeftInstance {
                instance_id: entry.instance_id,
                role: member.role,
                outcome: entry.outcome,
                reason: entry.reason?,
            })
        });
        Ok(left.collect())
    }

    /// The compliance changes that Config has emitted, as SQS delivers them: one batch, one change a message.
    fn batch(&self) -> Value {
        let (region, account) = (self.account.region(), self.account.id());
        let changes = self.account.take_compliance_changes();
        let records: Vec<Value> = (1..)
            .zip(changes)
            .map(|(number, change)| {
                json!({
                    "messageId": format!("00000000-0000-4000-8000-{number:012}"),
                    "receiptHandle": format!("receipt-{number}"),
                    "body": change.to_string(),
                    "attributes": {"ApproximateReceiveCount": "1"},
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": format!("arn:aws:sqs:{region}:{account}:compliance-changes"),
                    "awsRegion": region,
                })
            })
            .collect();
        json!({ "Records": records })
    }

    /// The event of EventBridge's schedule.
    fn schedule(&self) -> Value {
        let (region, account) = (self.account.region(), self.account.id());
        json!({
            "version": "0",
            "id": "00000000-0000-4000-8000-00000000feed",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account,
            "time": self.account.now(),
            "region": region,
            "resources": [format!("arn:aws:events:{region}:{account}:rule/tagwarden-sweep")],
            "detail": {},
        })
    }

    /// An event as the Lambda runtime gives it to a function of this name, with five minutes to handle it.
    fn event(&self, function: &str, payload: Value) -> LambdaEvent<Value> {
        let (region, account) = (self.account.region(), self.account.id());
        let deadline = self.account.now() + TimeDelta::minutes(5);
        let mut context = Context::default();
        context.invoked_function_arn =
            format!("arn:aws:lambda:{region}:{account}:function:{function}");
        "8476a536-e9f4-11e8-9739-2dfe598c3fcd".clone_into(&mut context.request_id);
        context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap_or_default();
        LambdaEvent::new(payload, context)
    }
}

/// The ids of the instances that have changed or no longer exist.
fn changed(before: &[InstanceRecord], after: &[InstanceRecord]) -> Vec<String> {
    before
        .iter()
        .filter(|instance| !after.contains(instance))
        .map(|instance| instance.id.clone())
        .collect()
}

/// The parts of a published message that the demo shows.
#[derive(Deserialize)]
struct Message {
    default: String,
    /// The same for every program.
    sqs: String,
}

/// The parts of a report that the demo reads.
#[derive(Deserialize)]
struct Document {
    entries: Vec<DocumentEntry>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentEntry {
    instance_id: String,
    outcome: String,
    #[serde(default)]
    reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use tagwarden_sandbox::Launch;

    use super::*;

    #[test]
    fn whatever_happens_to_an_instance_changes_it() {
        let account = Account::new();
        let ids: Vec<String> = (0..4).map(|_| account.launch(Launch::new())).collect();
        let before = account.instances();
        assert_eq!(changed(&before, &account.instances()), Vec::<String>::new());
        account.set_tag(&ids[0], "Owner", "ann");
        account.terminate(&ids[1]);
        account.forget(&ids[3]);
        assert_eq!(
            changed(&before, &account.instances()),
            [&*ids[0], &ids[1], &ids[3]]
        );
    }
}

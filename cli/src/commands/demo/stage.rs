//! The stage: a simulated account with the functions' real handlers, and the events that reach them.

use chrono::{DateTime, DurationRound, NaiveDate, NaiveTime, TimeDelta, Utc};
use lambda_runtime::{Context, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::settings::{DEFAULT_POLICY_TABLE, Environment, SettingError};
use tagwarden_remediation::undo::UndoError;
use tagwarden_remediation::{Remediation, RemediationError, Settings};
use tagwarden_rule::{Rule, RuleError};
use tagwarden_sandbox::{Account, InstanceRecord};

use super::fleet::{self, DemoInstance};
use super::story::{Inspection, InstanceSnapshot, PublishedReport};

/// The functions' names.
const RULE: &str = "tagwarden-rule";
const REMEDIATION: &str = "tagwarden-remediation";

/// The remediation's ledger.
pub const LEDGER_TABLE: &str = "tagwarden-ledger";

/// How long after the first look that finds a reason for a shutdown a second one must still find it.
pub const GRACE: TimeDelta = TimeDelta::minutes(15);

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
    #[error("the demo's policy table cannot be read: {0}")]
    PolicyTable(#[from] AwsError),
    #[error("the demo's new policy is not one, or was not written: {0}")]
    Push(String),
    #[error("undo failed in the demo's account: {0}")]
    Undo(#[from] UndoError),
}

/// The account and the functions in it.
pub struct Stage {
    pub account: Account,
    /// When the account's time began.
    pub began: DateTime<Utc>,
    /// The instances, by their ids.
    pub members: Vec<(String, DemoInstance)>,
    rule: Rule,
    /// The remediation as it is by default: it changes nothing.
    pub dry_run: Remediation,
    /// The remediation that enforces the policy.
    pub enforce: Remediation,
    /// The same, and rules may end instances.
    pub enforce_ends: Remediation,
}

impl Stage {
    /// Sets up the account, today at noon. Then no midnight comes in between, whenever the demo runs.
    ///
    /// # Errors
    /// The settings are not what the functions take.
    pub fn set() -> Result<Self, DemoError> {
        let now = Utc::now();
        let midnight = now.duration_trunc(TimeDelta::days(1)).unwrap_or(now);
        let began = midnight + TimeDelta::hours(12);
        let account = Account::starting_at(began);
        account.create_config_rule(CONFIG_RULE);
        account.create_table(DEFAULT_POLICY_TABLE);
        account.create_table_with_keys(LEDGER_TABLE, "Pk", "Sk");
        for item in fleet::policy() {
            account.put_item(DEFAULT_POLICY_TABLE, item);
        }
        let members = fleet::members(began)
            .into_iter()
            .map(|member| (account.launch(member.launch.clone()), member))
            .collect();

        let topic = account.create_topic("tagging-policy-reports");
        let settings = |mode: &str, may_destroy: &str| {
            let variable = |name: &str| match name {
                "TAGWARDEN_VPC_IDS" => Some(fleet::VPC.to_owned()),
                "TAGWARDEN_MODE" => Some(mode.to_owned()),
                "TAGWARDEN_RULES_MAY_DESTROY" => Some(may_destroy.to_owned()),
                "TAGWARDEN_TOPIC_ARN" => Some(topic.clone()),
                "TAGWARDEN_GRACE_MINUTES" => Some(GRACE.num_minutes().to_string()),
                "TAGWARDEN_LEDGER_TABLE" => Some(LEDGER_TABLE.to_owned()),
                _ => None,
            };
            Settings::from_environment(&Environment::new(&variable))
        };
        let dry_run = settings("dry-run", "no")?;
        let enforce = settings("enforce", "no")?;
        let enforce_ends = settings("enforce", "stop-and-terminate")?;
        let sdk_config = account.sdk_config();
        Ok(Self {
            rule: Rule::new(&sdk_config, dry_run.policy.clone()),
            dry_run: Remediation::new(&sdk_config, dry_run),
            enforce: Remediation::new(&sdk_config, enforce),
            enforce_ends: Remediation::new(&sdk_config, enforce_ends),
            account,
            began,
            members,
        })
    }

    /// Invokes the rule on its schedule.
    ///
    /// # Errors
    /// The rule fails.
    pub async fn inspect(&self) -> Result<Inspection, DemoError> {
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
    ///
    /// # Errors
    /// The function fails, or publishes another number of reports than one.
    pub async fn remedy(
        &self,
        function: &Remediation,
        event: Value,
    ) -> Result<PublishedReport, DemoError> {
        let published_before = self.account.published().len();
        let answer = self.invoke(function, event).await?;
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

    /// Invokes the remediation's function with an event, whatever it publishes.
    ///
    /// # Errors
    /// The function fails.
    pub async fn invoke(&self, function: &Remediation, event: Value) -> Result<Value, DemoError> {
        Ok(function.handle(self.event(REMEDIATION, event)).await?)
    }

    /// Somebody tags the instance with this role.
    pub fn set_tag(&self, role: &str, key: &str, value: &str) {
        let mut members = self.members.iter();
        if let Some((id, _)) = members.find(|(_, member)| member.role == role) {
            self.account.set_tag(id, key, value);
        }
    }

    /// Lets time pass until this day begins.
    pub fn advance_to(&self, day: NaiveDate) {
        let begins = day.and_time(NaiveTime::MIN).and_utc();
        self.account.advance(begins - self.account.now());
    }

    /// The compliance changes that Config has emitted, as SQS delivers them: one batch, one change a message.
    pub fn batch(&self) -> Value {
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
    pub fn schedule(&self) -> Value {
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

/// The parts of a published message that the demo shows.
#[derive(Deserialize)]
struct Message {
    default: String,
    /// The same for every program.
    sqs: String,
}

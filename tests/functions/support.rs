//! The world of the tests: an account, the customer's policy table, and the two functions.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden_aws::Clock;
use tagwarden_aws::lambda::FunctionError;
use tagwarden_core::settings::{Environment, PolicySettings};
use tagwarden_remediation::ledger::{Ledger, Selection};
use tagwarden_remediation::undo::Undo;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_rule::Rule;
use tagwarden_sandbox::{Account, Identity, Launch, Publication};

pub const TABLE: &str = "acme_cloud_policy_tagging_def";
pub const LEDGER: &str = "ledger";
pub const RULE: &str = "tagwarden";
pub const VPC: &str = "vpc-0123456789abcdef0";

/// The EC2 calls that change an instance.
const WRITES: [&str; 4] = [
    "CreateTags",
    "DeleteTags",
    "StopInstances",
    "TerminateInstances",
];

pub struct World {
    pub account: Account,
    function: &'static str,
    topic: String,
    variables: BTreeMap<String, String>,
}

impl World {
    /// Takes back what was written in the last three days.
    pub async fn undo_all(&self) {
        let config = self.account.sdk_config();
        let client = aws_sdk_dynamodb::Client::new(&config);
        let ledger = Ledger::new(client, Clock::of(&config), LEDGER.to_owned());
        let undo = Undo::new(&config, ledger, TABLE.to_owned());
        let selection = Selection {
            since: Some(self.account.now() - TimeDelta::days(3)),
            ..Selection::default()
        };
        let plan = undo.preview(&selection).await.unwrap().plan;
        undo.execute(&selection, &plan).await.unwrap();
    }

    /// An account with the customer's sample table; the remediation is in its default mode, dry run.
    pub fn new() -> Self {
        Self::with_table(&customers_rules())
    }

    /// An account with these rows in the policy table.
    pub fn with_table(rows: &[Value]) -> Self {
        let account = Account::starting_at("2026-11-23T12:00:00Z".parse().unwrap());
        account.create_config_rule(RULE);
        account.create_table(TABLE);
        for row in rows {
            account.put_item(TABLE, row.clone());
        }
        let topic = account.create_topic("reports");
        let variables = BTreeMap::from([("TAGWARDEN_TOPIC_ARN".to_owned(), topic.clone())]);
        Self {
            account,
            function: RULE,
            topic,
            variables,
        }
    }

    /// Sets an environment variable of both functions.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Gives both functions another name.
    pub fn named(mut self, function: &'static str) -> Self {
        self.function = function;
        self
    }

    /// Another function in the same account, with a topic and variables of its own.
    pub fn beside(&self, function: &'static str) -> Self {
        let topic = self.account.create_topic(&format!("{function}-reports"));
        Self {
            account: self.account.clone(),
            function,
            variables: BTreeMap::from([("TAGWARDEN_TOPIC_ARN".to_owned(), topic.clone())]),
            topic,
        }
    }

    /// Switches the remediation to enforcing and creates its ledger. Rules may do everything, at the first look: tests
    /// of countdowns set a grace period.
    pub fn enforcing(self) -> Self {
        self.account.create_table_with_keys(LEDGER, "Pk", "Sk");
        self.account.set_time_to_live(LEDGER, "ExpiresAt");
        self.set("TAGWARDEN_MODE", "enforce")
            .set("TAGWARDEN_LEDGER_TABLE", LEDGER)
            .set("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate")
            .set("TAGWARDEN_GRACE_MINUTES", "0")
    }

    /// Launches an instance with these tags, an hour ago by IAM user ann. Returns its id.
    pub fn instance(&self, tags: &[(&str, &str)]) -> String {
        self.account.launch(old(tags))
    }

    pub fn rule(&self) -> Rule {
        let settings = self.environment(PolicySettings::from_environment);
        Rule::new(&self.account.sdk_config(), settings)
    }

    pub fn remediation(&self) -> Remediation {
        let settings = self.environment(Settings::from_environment);
        Remediation::new(&self.account.sdk_config(), settings)
    }

    fn environment<T, E: std::fmt::Debug>(
        &self,
        read: impl FnOnce(&Environment<'_>) -> Result<T, E>,
    ) -> T {
        read(&Environment::new(&|name| self.variables.get(name).cloned())).unwrap()
    }

    /// The rule's answer to an event, or the kind and message of its error.
    pub async fn evaluate(&self, event: Value) -> Result<Value, (String, String)> {
        answer(self.rule().handle(self.lambda_event(event)).await)
    }

    /// The remediation's answer to an event, or the kind and message of its error.
    pub async fn remediate(&self, event: Value) -> Result<Value, (String, String)> {
        answer(self.remediation().handle(self.lambda_event(event)).await)
    }

    /// As [`World::remediate`], for these instances.
    pub async fn remediate_ids(&self, ids: &[&String]) -> Value {
        self.remediate(json!({ "instanceIds": ids })).await.unwrap()
    }

    pub async fn sweep(&self) -> Value {
        self.remediate(scheduled_event()).await.unwrap()
    }

    pub async fn evaluate_all(&self) -> Value {
        let event = self.account.scheduled_event(RULE);
        self.evaluate(event).await.unwrap()
    }

    pub fn lambda_event(&self, payload: Value) -> LambdaEvent<Value> {
        let mut context = Context::default();
        let account = self.account.id();
        let function = self.function;
        context.invoked_function_arn =
            format!("arn:aws:lambda:us-east-1:{account}:function:{function}");
        let deadline = self.account.now() + TimeDelta::minutes(15);
        context.deadline = deadline.timestamp_millis().unsigned_abs();
        LambdaEvent::new(payload, context)
    }

    /// Gives the topic so many confirmed subscriptions.
    pub fn set_subscriptions(&self, confirmed: u32) {
        self.account.set_subscriptions(&self.topic, confirmed);
    }

    /// The texts of the reports published so far. What only programs need to read is left out.
    pub fn reports(&self) -> Vec<String> {
        let published = self.account.published().into_iter();
        let of_people = published
            .filter(|it| it.topic_arn == self.topic && !it.attributes.contains_key("part"));
        of_people.map(|it| delivered(&it, "email")).collect()
    }

    /// The reports published so far as programs receive them, part by part.
    pub fn documents(&self) -> Vec<Value> {
        let published = self.account.published().into_iter();
        let reports = published.filter(|it| it.topic_arn == self.topic);
        reports
            .map(|it| serde_json::from_str(&delivered(&it, "sqs")).unwrap())
            .collect()
    }

    /// The lines of the last report that are about an instance.
    pub fn lines(&self) -> Vec<String> {
        let report = self.reports().pop().unwrap_or_default();
        report
            .lines()
            .filter(|line| line.starts_with("-- "))
            .map(ToOwned::to_owned)
            .collect()
    }

    pub fn tags(&self, id: &str) -> BTreeMap<String, String> {
        self.account.instance(id).unwrap().tags
    }

    pub fn tag(&self, id: &str, key: &str) -> Option<String> {
        self.tags(id).remove(key)
    }

    pub fn state(&self, id: &str) -> &'static str {
        self.account.instance(id).unwrap().state.as_str()
    }

    pub fn verdict(&self, id: &str) -> Option<String> {
        let mut compliance = self.account.compliance(RULE);
        compliance.remove(id).map(|result| result.compliance_type)
    }

    pub fn annotation(&self, id: &str) -> Option<String> {
        self.account.compliance(RULE).remove(id)?.annotation
    }

    /// The number of calls that tried to change an instance.
    pub fn writes(&self) -> usize {
        WRITES.map(|call| self.account.count(call)).iter().sum()
    }
}

/// What subscribers of `protocol` receive of a publication.
pub fn delivered(publication: &Publication, protocol: &str) -> String {
    if publication.message_structure.is_none() {
        return publication.message.clone();
    }
    let body: Value = serde_json::from_str(&publication.message).unwrap();
    let text = body.get(protocol).unwrap_or(&body["default"]);
    text.as_str().unwrap().to_owned()
}

fn answer<E: FunctionError>(answer: Result<Value, E>) -> Result<Value, (String, String)> {
    answer.map_err(|error| (error.kind().to_owned(), error.to_string()))
}

/// The rows of the customer's sample table.
pub fn customers_rules() -> Vec<Value> {
    vec![
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
    ]
}

/// A launch with these tags, an hour ago by IAM user ann.
pub fn old(tags: &[(&str, &str)]) -> Launch {
    let launch = Launch::new()
        .vpc(VPC)
        .ago(TimeDelta::hours(1))
        .launched_by(Identity::iam_user("ann"));
    tags.iter()
        .fold(launch, |launch, (key, value)| launch.tag(*key, *value))
}

/// The customer's scheduled event, as EventBridge sends it.
pub fn scheduled_event() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:111111111111:rule/tagwarden-sweep"], "detail": {},
    })
}

/// The event that Config sends to EventBridge when an instance becomes `NON_COMPLIANT`.
pub fn compliance_change(id: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
        "account": "111111111111", "time": "2026-11-23T12:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "resourceId": id, "resourceType": "AWS::EC2::Instance", "awsRegion": "us-east-1",
            "awsAccountId": "111111111111", "configRuleName": "tagwarden",
            "messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
            "newEvaluationResult": {"complianceType": "NON_COMPLIANT"},
        },
    })
}

/// The event that Lambda makes of a queue's messages, each given as (message id, body).
pub fn sqs_batch(messages: &[(&str, String)]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|(id, body)| {
            json!({
                "messageId": id, "receiptHandle": "handle", "body": body,
                "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {},
                "md5OfBody": "0", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111111111111:tagwarden", "awsRegion": "us-east-1",
            })
        })
        .collect();
    json!({ "Records": records })
}

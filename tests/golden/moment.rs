//! A moment: an account with what a ledger holds, one event that a function receives, and all that comes of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Fault, Identity, InstanceState, Launch};

use crate::imports::{Environment, FunctionError, PolicySettings, Rule};
use crate::items::{self, list, text};

pub const TABLE: &str = "acme_cloud_policy_tagging_def";
pub const LEDGER: &str = "ledger";
pub const RULE: &str = "tagwarden";

const STATES: [InstanceState; 6] = [
    InstanceState::Pending,
    InstanceState::Running,
    InstanceState::ShuttingDown,
    InstanceState::Terminated,
    InstanceState::Stopping,
    InstanceState::Stopped,
];

/// An account as a fixture describes it.
pub struct Scene {
    pub account: Account,
    variables: BTreeMap<String, String>,
}

impl Scene {
    /// The account of `before`: its time, policy, instances, queue and topic, and the ledger's items.
    pub async fn of(before: &Value) -> Self {
        let now: DateTime<Utc> = text(&before["now"]).parse().unwrap();
        let account = Account::starting_at(now);
        account.create_config_rule(RULE);
        account.create_table(TABLE);
        for row in list(&before["policy"]) {
            account.put_item(TABLE, row.clone());
        }
        account.create_table_with_keys(LEDGER, "Pk", "Sk");
        let topic = account.create_topic("reports");
        for instance in list(&before["instances"]) {
            let id = account.launch(launch(instance, now));
            assert_eq!(
                id,
                text(&instance["id"]),
                "the fixture's instances are in order"
            );
        }
        let scene = Self {
            account,
            variables: settings(before, topic),
        };
        items::put(&scene.account, LEDGER, list(&before["ledger"])).await;
        for fault in before["faults"].as_array().into_iter().flatten() {
            let [operation, code, message] =
                ["operation", "code", "message"].map(|member| text(&fault[member]));
            scene.account.fail(Fault::new(operation, code, message));
        }
        if let Some(change) = before["change"].as_object() {
            let [operation, id, key, value] =
                ["before", "id", "key", "value"].map(|member| text(&change[member]).to_owned());
            let set = move |account: &Account| account.set_tag(&id, key, value);
            scene.account.on_next_call(operation, set);
        }
        scene
    }

    /// The remediation receives this event.
    pub async fn remediate(&self, event: &Value, request_id: &str) -> Value {
        let settings = self.environment(Settings::from_environment);
        let remediation = Remediation::new(&self.account.sdk_config(), settings);
        answer(remediation.handle(self.event(event, request_id)).await)
    }

    /// The Config rule receives this event.
    pub async fn evaluate(&self, event: &Value) -> Value {
        let settings = self.environment(PolicySettings::from_environment);
        let rule = Rule::new(&self.account.sdk_config(), settings);
        answer(rule.handle(self.event(event, "")).await)
    }

    fn environment<T, E: std::fmt::Debug>(
        &self,
        read: impl FnOnce(&Environment<'_>) -> Result<T, E>,
    ) -> T {
        read(&Environment::new(&|name| self.variables.get(name).cloned())).unwrap()
    }

    fn event(&self, payload: &Value, request_id: &str) -> LambdaEvent<Value> {
        let mut context = Context::default();
        let account = self.account.id();
        context.invoked_function_arn =
            format!("arn:aws:lambda:us-east-1:{account}:function:tagwarden");
        request_id.clone_into(&mut context.request_id);
        let deadline = self.account.now() + TimeDelta::minutes(15);
        context.deadline = deadline.timestamp_millis().unsigned_abs();
        LambdaEvent::new(payload.clone(), context)
    }

    /// What the topic received: the text for people, and the document for programs.
    pub fn published(&self) -> Vec<Value> {
        let published = self.account.published();
        let message = |message: &str, is_structured: bool| {
            if !is_structured {
                return json!({ "text": message });
            }
            let body: Value = serde_json::from_str(message).unwrap();
            let document: Value = serde_json::from_str(text(&body["sqs"])).unwrap();
            json!({"text": body["default"], "document": document, "forms": body.as_object().unwrap().keys().collect::<Vec<_>>()})
        };
        published
            .iter()
            .map(|it| message(&it.message, it.message_structure.is_some()))
            .collect()
    }

    /// The ledger's items.
    pub async fn items(&self) -> Vec<Value> {
        items::read(&self.account, LEDGER).await
    }

    /// What each instance shows.
    pub fn instances(&self) -> Vec<Value> {
        let instances = self.account.instances().into_iter();
        instances
            .map(|it| json!({"id": it.id, "state": it.state.as_str(), "tags": it.tags}))
            .collect()
    }
}

fn launch(instance: &Value, now: DateTime<Utc>) -> Launch {
    let launched_at: DateTime<Utc> = text(&instance["launchedAt"]).parse().unwrap();
    let state = STATES
        .into_iter()
        .find(|state| state.as_str() == text(&instance["state"]));
    let mut launch = Launch::new().ago(now - launched_at).state(state.unwrap());
    launch = match instance["launchedBy"].as_str() {
        Some(name) => launch.launched_by(Identity::iam_user(name)),
        None => launch.without_trail(),
    };
    if instance["protected"] == true {
        launch = launch.protected();
    }
    let tags = instance["tags"].as_object().unwrap().iter();
    tags.fold(launch, |launch, (key, value)| launch.tag(key, text(value)))
}

fn settings(before: &Value, topic: String) -> BTreeMap<String, String> {
    let given = before["settings"].as_object().unwrap().iter();
    let mut variables: BTreeMap<String, String> = given
        .map(|(name, value)| (name.clone(), text(value).to_owned()))
        .collect();
    variables.insert("TAGWARDEN_TOPIC_ARN".to_owned(), topic);
    // Version 0.1.0 let rules shut instances down, and did so at the first look. Today that takes these settings.
    let mut today = vec![("TAGWARDEN_RULES_MAY_DESTROY", "stop-and-terminate")];
    if variables["TAGWARDEN_MODE"] == "enforce" {
        today.push(("TAGWARDEN_GRACE_MINUTES", "0"));
    }
    for (name, value) in today {
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables
}

fn answer<E: FunctionError>(answer: Result<Value, E>) -> Value {
    match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => json!({"errorType": error.kind(), "errorMessage": error.to_string()}),
    }
}

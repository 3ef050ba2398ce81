//! AWS Config: custom rules, the events that invoke them, what they answer, and the history of the
//! resources' configurations.

mod evaluations;
mod events;
mod history;
mod item;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::Account;
use crate::ec2::is_volume;
use crate::ids::Ids;
use crate::place::{ACCOUNT_ID, REGION};
use item::RecordedItem;

/// The type of the resource with this id: a volume's or else an instance's.
pub(crate) fn resource_type(id: &str) -> &'static str {
    if is_volume(id) {
        "AWS::EC2::Volume"
    } else {
        "AWS::EC2::Instance"
    }
}

/// The account's Config.
#[derive(Debug, Default)]
pub(crate) struct Config {
    rules: BTreeMap<String, Rule>,
    /// The result tokens handed out: the rule each belongs to and when that was invoked.
    tokens: BTreeMap<String, (String, DateTime<Utc>)>,
    /// The compliance change events that no test has taken yet.
    changes: Vec<Value>,
    /// Resources whose next evaluation is not stored.
    failing: BTreeSet<String>,
    /// Configuration items in the order they were recorded.
    history: Vec<RecordedItem>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    id: String,
    parameters: Value,
    /// By resource type and id; also `NOT_APPLICABLE`, for the sake of its time, although Config shows
    /// no such result.
    results: BTreeMap<(String, String), Stored>,
}

/// A result as Config keeps it.
#[derive(Clone, Debug)]
struct Stored {
    evaluation: Evaluation,
    recorded: DateTime<Utc>,
    invoked: DateTime<Utc>,
}

/// What a rule says of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The resource's type, `AWS::EC2::Instance` for instance.
    pub resource_type: String,
    /// `COMPLIANT` or `NON_COMPLIANT`.
    pub compliance_type: String,
    /// The explanation, 1 to 256 characters.
    pub annotation: Option<String>,
    /// The moment the verdict is about.
    pub ordering_timestamp: DateTime<Utc>,
}

impl Evaluation {
    fn is_shown(&self) -> bool {
        self.compliance_type != "NOT_APPLICABLE"
    }
}

impl Rule {
    fn arn(&self) -> String {
        format!(
            "arn:aws:config:{REGION}:{ACCOUNT_ID}:config-rule/{}",
            self.id
        )
    }
}

impl Config {
    /// The rule of this name, made if there is none.
    fn rule(&mut self, name: &str, ids: &mut Ids) -> &mut Rule {
        self.rules.entry(name.to_owned()).or_insert_with(|| Rule {
            name: name.to_owned(),
            id: format!("config-rule-{}", ids.short()),
            parameters: json!({}),
            results: BTreeMap::new(),
        })
    }
}

impl Account {
    /// Makes a custom Lambda rule without parameters. One that is there already stays as it is.
    pub fn create_config_rule(&self, name: &str) {
        let contents = &mut *self.contents();
        contents.config.rule(name, &mut contents.ids);
    }

    /// Makes a custom Lambda rule, or gives the one that is there other parameters: what its events
    /// carry as `ruleParameters`.
    pub fn create_config_rule_with(&self, name: &str, parameters: Value) {
        let contents = &mut *self.contents();
        contents.config.rule(name, &mut contents.ids).parameters = parameters;
    }

    /// Deletes a rule and its results; the result tokens of its events lead nowhere from now on.
    pub fn delete_config_rule(&self, name: &str) {
        self.contents().config.rules.remove(name);
    }

    /// What a rule says by now, by resource id: as the dashboard shows it, where `NOT_APPLICABLE` is not a
    /// result.
    #[must_use]
    pub fn compliance(&self, rule: &str) -> BTreeMap<String, Evaluation> {
        let contents = self.contents();
        let results = contents.config.rules.get(rule).map(|rule| &rule.results);
        let results = results.into_iter().flatten();
        results
            .filter(|(_, stored)| stored.evaluation.is_shown())
            .map(|((_, id), stored)| (id.clone(), stored.evaluation.clone()))
            .collect()
    }

    /// The compliance change events that EventBridge delivered since the last time: one for each
    /// resource whose compliance became another, also for the first result, none while it stays.
    #[allow(
        clippy::must_use_candidate,
        reason = "taking them away may be all that is wanted"
    )]
    pub fn take_compliance_changes(&self) -> Vec<Value> {
        std::mem::take(&mut self.contents().config.changes)
    }

    /// The next evaluation of each of these resources is not stored but comes back in
    /// `FailedEvaluations`.
    pub fn fail_evaluations_once<T: Into<String>>(&self, ids: impl IntoIterator<Item = T>) {
        let ids = ids.into_iter().map(Into::into);
        self.contents().config.failing.extend(ids);
    }
}

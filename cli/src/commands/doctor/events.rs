//! What starts the remediation: the EventBridge rules that send to the queue, and the mapping that empties it.

use serde_json::{Value, json};
use tagwarden_aws::AwsError;
use tagwarden_core::{Kind, Kinds};

use super::checks::{
    Area, EVENT_RULE_MISSING, EVENT_RULE_NARROW, EVENT_RULE_OFF, MAPPING_FAILING, MAPPING_MISSING,
    MAPPING_OFF,
};
use super::exam::{Exam, Look};
use super::functions::LambdaFunction;
use super::queue::QueueView;
use crate::aws::other::{OtherCall, OtherService};

const LIST: OtherCall = OtherCall::new(OtherService::EventBridge, "events:ListRuleNamesByTarget");
const DESCRIBE: OtherCall = OtherCall::new(OtherService::EventBridge, "events:DescribeRule");

/// The most pages of rule names. One target has five rules at most, unless somebody changed the quota.
const MOST_PAGES: usize = 10;

/// What an EventBridge rule sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    ComplianceChanges,
    Launches,
    Sweep,
}

impl Sends {
    const ALL: [Self; 3] = [Self::ComplianceChanges, Self::Launches, Self::Sweep];

    fn name(self) -> &'static str {
        match self {
            Self::ComplianceChanges => "the compliance changes of AWS Config",
            Self::Launches => "the launches that CloudTrail records",
            Self::Sweep => "the schedule of the sweep",
        }
    }

    /// What a rule sends, as `DescribeRule` describes it.
    fn of(rule: &Value) -> Option<Self> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str);
        if text("ScheduleExpression").is_some_and(|it| !it.is_empty()) {
            return Some(Self::Sweep);
        }
        let pattern: Value = serde_json::from_str(text("EventPattern")?).ok()?;
        let sources = pattern.get("source")?.as_array()?;
        let has = |source: &str| sources.iter().any(|it| it == source);
        if has("aws.config") {
            Some(Self::ComplianceChanges)
        } else {
            has("aws.ec2").then_some(Self::Launches)
        }
    }
}

/// What the compliance changes that are sent must be about.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The names of the Config rules that call the function, as far as they were seen.
    pub rules: &'a [String],
    /// The kinds that the stack covers.
    pub kinds: Kinds,
}

/// Looks at what starts the remediation.
pub async fn examine(
    exam: &mut Exam,
    remediation: Option<&LambdaFunction>,
    queue: &QueueView,
    wanted: Wanted<'_>,
) {
    let Some(queue) = &queue.arn else {
        let look = Look::new(Area::Events, "whether events reach the remediation");
        exam.not_asked(look, "its queue is not known");
        return;
    };
    if let Some(remediation) = remediation {
        judge_mapping(exam, remediation, queue).await;
    } else {
        let look = Look::new(
            Area::Events,
            "whether the queue's messages reach the remediation",
        );
        exam.not_asked(look, "the remediation's function was not seen");
    }
    judge_rules(exam, queue, wanted).await;
}

async fn judge_mapping(exam: &mut Exam, remediation: &LambdaFunction, queue: &str) {
    let look = Look::new(
        Area::Events,
        "whether the queue's messages reach the remediation",
    );
    let client = aws_sdk_lambda::Client::new(&exam.access.config);
    let mappings = client
        .list_event_source_mappings()
        .event_source_arn(queue)
        .into_paginator()
        .items();
    let mappings: Result<Vec<_>, _> = mappings.send().try_collect().await;
    let mappings =
        mappings.map_err(|error| AwsError::new("lambda:ListEventSourceMappings", &error));
    let Some(mappings) = exam.see(look, mappings) else {
        return;
    };
    let mapping = mappings
        .iter()
        .find(|mapping| mapping.function_arn() == Some(&remediation.arn));
    let Some(mapping) = mapping else {
        let what = format!(
            "No event source mapping brings the messages of {queue} to the function {}.",
            remediation.name
        );
        let repair = exam.repair();
        exam.complain(MAPPING_MISSING, what, repair);
        return;
    };
    let id = mapping.uuid().unwrap_or_default();
    if let Some("Disabled" | "Disabling") = mapping.state() {
        let what = format!(
            "The event source mapping {id} of the function {} is off.",
            remediation.name
        );
        let on = exam.aws(&[
            "lambda",
            "update-event-source-mapping",
            "--uuid",
            id,
            "--enabled",
        ]);
        exam.complain(MAPPING_OFF, what, [on]);
    }
    let result = mapping.last_processing_result();
    if let Some(result) = result.filter(|it| it.starts_with("PROBLEM")) {
        let what = format!("The event source mapping {id} does not work: {result}.");
        let repair = exam.repair();
        exam.complain(MAPPING_FAILING, what, repair);
    }
}

async fn judge_rules(exam: &mut Exam, queue: &str, wanted: Wanted<'_>) {
    let look = Look::new(
        Area::Events,
        "whether EventBridge sends events to the queue",
    );
    let mut names = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut parameters = json!({"TargetArn": queue});
        if let (Some(token), Some(members)) = (&next, parameters.as_object_mut()) {
            members.insert("NextToken".to_owned(), json!(token));
        }
        let page = LIST.send(&exam.access.config, parameters).await;
        let Some(page) = exam.see(look, page) else {
            return;
        };
        let list = page.get("RuleNames").and_then(Value::as_array);
        let list = list.into_iter().flatten().filter_map(Value::as_str);
        names.extend(list.map(ToOwned::to_owned));
        next = page
            .get("NextToken")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned);
        if next.is_none() {
            break;
        }
    }
    let mut sent = Vec::new();
    let mut is_all_seen = true;
    for name in names {
        let question = format!("whether the EventBridge rule {name} is on");
        let look = Look::new(Area::Events, &question);
        let rule = DESCRIBE.send(&exam.access.config, json!({"Name": name}));
        let rule = rule.await;
        let Some(rule) = exam.see(look, rule) else {
            is_all_seen = false;
            continue;
        };
        let Some(sends) = Sends::of(&rule) else {
            continue;
        };
        sent.push(sends);
        if sends == Sends::ComplianceChanges {
            judge_pattern(exam, &name, &rule, wanted);
        }
        let is_on = rule.get("State").and_then(Value::as_str);
        if is_on.is_some_and(|it| !it.starts_with("ENABLED")) {
            let what = format!(
                "The EventBridge rule {name} is off: it sends {}.",
                sends.name()
            );
            let on = exam.aws(&["events", "enable-rule", "--name", &name]);
            exam.complain(EVENT_RULE_OFF, what, [on]);
        }
    }
    // A rule that was not seen may be the one that is not there.
    for sends in Sends::ALL
        .into_iter()
        .filter(|it| is_all_seen && !sent.contains(it))
    {
        let what = format!(
            "No EventBridge rule sends {} to the queue {queue}.",
            sends.name()
        );
        let repair = exam.repair();
        exam.complain(EVENT_RULE_MISSING, what, repair);
    }
}

/// Whether the pattern lets through the compliance changes of the Config rules, of all kinds.
fn judge_pattern(exam: &mut Exam, name: &str, rule: &Value, wanted: Wanted<'_>) {
    let pattern = rule.get("EventPattern").and_then(Value::as_str);
    let pattern: Value = pattern
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let takes = |path: &str, value: &str| {
        let matchers = pattern.pointer(path).and_then(Value::as_array);
        matchers.is_none_or(|it| it.iter().any(|matcher| matches(matcher, value)))
    };
    let rules = wanted.rules.iter().map(String::as_str);
    let rules = rules.filter(|it| !takes("/detail/configRuleName", it));
    let types = wanted.kinds.iter().map(Kind::config_type);
    let types = types.filter(|it| !takes("/detail/resourceType", it));
    let mut left: Vec<&str> = rules.collect();
    // Pushed, because these names live longer than the others.
    for kind in types {
        left.push(kind);
    }
    if left.is_empty() {
        return;
    }
    let what = format!(
        "The EventBridge rule {name} leaves out the compliance changes of {}.",
        left.join(", ")
    );
    let repair = exam.repair();
    exam.complain(EVENT_RULE_NARROW, what, repair);
}

/// Whether one matcher of a pattern takes the value. Of matchers that no stack of tagwarden has, it is assumed.
fn matches(matcher: &Value, value: &str) -> bool {
    match (
        matcher.as_str(),
        matcher.get("prefix").and_then(Value::as_str),
    ) {
        (Some(exact), _) => exact == value,
        (None, Some(prefix)) => value.starts_with(prefix),
        (None, None) => true,
    }
}

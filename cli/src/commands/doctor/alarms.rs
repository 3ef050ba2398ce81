//! The stack's alarms.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::checks::{ALARM_RINGING, Area};
use super::exam::{Exam, Look};
use super::stack::StackParts;
use crate::aws::other::{OtherCall, OtherService};

const DESCRIBE: OtherCall = OtherCall::new(OtherService::CloudWatch, "cloudwatch:DescribeAlarms");

/// Looks at the stack's alarms.
pub async fn examine(exam: &mut Exam, parts: &StackParts) {
    let look = Look::new(Area::Alarms, "whether an alarm of the stack is ringing");
    let mut parameters = Map::new();
    parameters.insert("StateValue".to_owned(), json!("ALARM"));
    parameters.insert("MaxRecords".to_owned(), json!(100));
    if parts.exists == Some(false) {
        return;
    }
    match parts.alarms() {
        Some([]) => return,
        Some(names) => {
            for (index, name) in names.iter().enumerate() {
                parameters.insert(format!("AlarmNames.member.{}", index + 1), json!(name));
            }
        }
        // CloudFormation begins the names with the stack's.
        None => {
            let prefix = format!("{}-", exam.stack);
            parameters.insert("AlarmNamePrefix".to_owned(), json!(prefix));
        }
    }
    let alarms = DESCRIBE
        .send(&exam.access.config, Value::from(parameters))
        .await;
    let Some(alarms) = exam.see(look, alarms) else {
        return;
    };
    let alarms = alarms
        .get("MetricAlarms")
        .and_then(Value::as_array)
        .cloned();
    for alarm in alarms.unwrap_or_default() {
        let text = |name: &str| alarm.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("AlarmName");
        if text("StateValue") != "ALARM" || !is_of_stack(exam, parts, name) {
            continue;
        }
        if text("MetricName") == "sweeps" && is_new(text("AlarmConfigurationUpdatedTimestamp")) {
            let look = Look::minor(Area::Alarms, "whether the scheduled sweeps run");
            let why = "the alarm on them is less than a day old, and is raised until the first sweep has ended";
            exam.not_told(look, why, "Look again tomorrow.");
            continue;
        }
        let what = format!("The alarm {name} is ringing: {}", text("AlarmDescription"));
        let history = exam.aws(&["cloudwatch", "describe-alarm-history", "--alarm-name", name]);
        exam.complain(ALARM_RINGING, what.trim_end(), [history]);
    }
}

/// Whether an alarm is one of the stack's. The names of a stack `tagwarden-prod` begin with those of `tagwarden`, too.
fn is_of_stack(exam: &Exam, parts: &StackParts, name: &str) -> bool {
    if let Some(names) = parts.alarms() {
        return names.iter().any(|it| it == name);
    }
    // CloudFormation names it `STACK-LOGICAL-RANDOM`.
    let rest = name.strip_prefix(exam.stack.as_str());
    let logical = rest.and_then(|it| it.strip_prefix('-')?.split_once('-'));
    logical.is_some_and(|(logical, random)| logical.ends_with("Alarm") && !random.contains('-'))
}

/// Whether an alarm was made, or changed, within the hours that the alarm on the sweeps looks at.
fn is_new(updated: &str) -> bool {
    let updated = DateTime::parse_from_rfc3339(updated);
    updated.is_ok_and(|at| Utc::now().signed_duration_since(at) < TimeDelta::days(1))
}

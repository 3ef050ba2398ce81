//! Shows the plan and the outcome of an undo, as text and as JSON.

use std::fmt::Write as _;

use comfy_table::Color;
use owo_colors::OwoColorize;
use serde_json::{Map, Value, json};
use tagwarden_core::exemption::EXEMPTION_KEY;
use tagwarden_remediation::ledger::RemedyName;
use tagwarden_remediation::plan::ValueOrigin;
use tagwarden_remediation::undo::{
    Before, KeptTag, PastShutdown, UndoOutcome, UndoPlan, UndoPreview, UndoResult, UndoStep,
    WrittenTag,
};

use crate::ledger::OpenLedger;
use crate::table::{self, Column, cell, table};
use crate::when::rfc3339;
use crate::words::{count, on_one_line, printable_line};

/// The plan, with everything a person needs to know before they agree to it.
pub fn plan(ledger: &OpenLedger, look: &UndoPreview) -> String {
    let plan = &look.plan;
    let mut text = format!("{ledger}:\n\n");
    let mut part = |part: String| {
        text.push_str(&part);
        text.push('\n');
    };
    if !plan.steps.is_empty() {
        let steps = steps(&plan.steps, look.unread_policy.is_none());
        part(format!("To undo:\n\n{steps}"));
    }
    if !plan.left.is_empty() {
        part(format!("Left as they are:\n\n{}", left(&plan.left)));
    }
    if !plan.shutdowns.is_empty() {
        part(ends(&plan.shutdowns, &ledger.access.region));
    }
    if let Some(warning) = warning(look, &ledger.access.region) {
        part(warning);
    }
    text.push_str(&sum(plan));
    text
}

fn sum(plan: &UndoPlan) -> String {
    if plan.steps.is_empty() {
        return "Nothing to undo.\n".to_owned();
    }
    let tags = count(plan.steps.len(), "tag");
    let instances = count(plan.instances(), "instance");
    let left = plan.left.len();
    format!("{tags} on {instances} to undo, {left} to leave as they are.\n")
}

fn steps(steps: &[UndoStep], is_policy_known: bool) -> String {
    let rows = steps.iter().map(|step| {
        let written = &step.written;
        let after = match &step.before {
            Before::Missing => cell("no such tag").fg(Color::DarkRed),
            Before::Empty { value } => cell(format!("{value:?}")).fg(Color::DarkYellow),
        };
        let next = match step.asked_by {
            Some(rule_id) => format!("rule {rule_id} writes it again"),
            None if is_policy_known => "-".to_owned(),
            None => "not known".to_owned(),
        };
        vec![
            cell(printable_line(&written.instance_id)),
            cell(on_one_line(&written.tag_key)),
            cell(value(written)),
            after,
            cell(written.run_id.as_str()),
            cell(next),
        ]
    });
    let columns = [
        Column::whole("Instance"),
        Column::new("Tag"),
        Column::new("Value"),
        Column::new("Afterwards"),
        Column::spare("Written by run"),
        Column::new("Next sweep"),
    ];
    table(&columns, rows.collect(), table::width())
}

fn left(left: &[KeptTag]) -> String {
    let rows = left.iter().map(|left| {
        let written = &left.written;
        vec![
            cell(printable_line(&written.instance_id)),
            cell(on_one_line(&written.tag_key)),
            cell(format!("{:?}", written.value)),
            cell(printable_line(&left.reason.to_string())),
        ]
    });
    let columns = [
        Column::whole("Instance"),
        Column::new("Tag"),
        Column::new("Written"),
        Column::new("Why it stays"),
    ];
    table(&columns, rows.collect(), table::width())
}

/// The stops and terminations, and how to start the stopped instances.
fn ends(ends: &[PastShutdown], region: &str) -> String {
    let mut text = "These stops and terminations cannot be undone:\n\n".to_owned();
    for end in ends {
        let (id, run_id) = (printable_line(&end.instance_id), &end.run_id);
        let now = end.state.map_or("no longer exists".to_owned(), |state| {
            format!("is {state} now")
        });
        let what = match end.remedy {
            RemedyName::Stop => "stopped",
            _ => "terminated",
        };
        let _ = writeln!(text, "  {id} was {what} by run {run_id}; it {now}.");
    }
    let stopped: Vec<&str> = ends
        .iter()
        .filter(|end| end.can_be_started())
        .map(|end| end.instance_id.as_str())
        .collect();
    if !stopped.is_empty() {
        let _ = writeln!(
            text,
            "\nTo start the stopped instances (fix their tags first, because the reason for the stop remains):\n  aws ec2 start-instances \
             --region {region} --instance-ids {}",
            stopped.join(" ")
        );
    }
    text
}

/// What the policy will do about the tags, if that is known.
fn warning(look: &UndoPreview, region: &str) -> Option<String> {
    if look.plan.steps.is_empty() {
        return None;
    }
    let warning = "Warning:".yellow();
    let warning = warning.bold();
    if let Some(problem) = &look.unread_policy {
        return Some(format!(
            "{warning} the policy cannot be read, so it is not known whether it still asks for these tags, or whether\n\
             it would stop or terminate an instance without them: {}\n",
            printable_line(&problem.to_string())
        ));
    }
    let steps = &look.plan.steps;
    let mut asked = steps.iter().filter(|step| step.asked_by.is_some());
    let first = asked.next()?;
    let number = 1 + asked.count();
    let tags = count(steps.len(), "tag");
    Some(format!(
        "{warning} the policy asks for {number} of the {tags}. The next run that enforces will write them again.\n\
         To prevent this, change the rule (tagwarden pull, then push), or exempt the instance for a time:\n\n  \
         aws ec2 create-tags --region {region} --resources {} \\\n    \
         --tags 'Key={EXEMPTION_KEY},Value=YYYY-MM-DD the reason'\n",
        first.written.instance_id,
    ))
}

/// The outcomes of the steps.
pub fn outcome(undone: &UndoResult) -> String {
    let outcomes = &undone.outcomes;
    let number = |wanted: fn(&UndoOutcome) -> bool| {
        outcomes
            .iter()
            .filter(|(_, outcome)| wanted(outcome))
            .count()
    };
    let done = count(number(|it| *it == UndoOutcome::Done), "tag");
    let spared = number(|it| matches!(it, UndoOutcome::Spared(_)));
    let failed = number(|it| matches!(it, UndoOutcome::Failed(_)));
    let mut text = String::new();
    for (step, outcome) in outcomes {
        let WrittenTag {
            instance_id,
            tag_key,
            ..
        } = &step.written;
        let (instance_id, key) = (printable_line(instance_id), on_one_line(tag_key));
        let _ = match outcome {
            UndoOutcome::Done => Ok(()),
            UndoOutcome::Spared(reason) => writeln!(
                text,
                "Left: {instance_id}, {key}: {}.",
                printable_line(&reason.to_string())
            ),
            UndoOutcome::Failed(why) => {
                writeln!(text, "Failed: {instance_id}, {key}: {}", on_one_line(why))
            }
        };
    }
    let _ = write!(text, "Done: {done} undone");
    for (number, what) in [(spared, "left"), (failed, "failed")] {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    let _ = match &undone.run_id {
        Some(run_id) => writeln!(text, ", by run {run_id}."),
        None => writeln!(text, "."),
    };
    text
}

/// The plan and the outcome as JSON.
pub fn json(look: &UndoPreview, undone: Option<&UndoResult>) -> Map<String, Value> {
    let plan = &look.plan;
    let tags: Vec<Value> = match undone {
        None => plan
            .steps
            .iter()
            .map(|step| step_json(step, "planned", None))
            .collect(),
        Some(undone) => undone
            .outcomes
            .iter()
            .map(|(step, outcome)| match outcome {
                UndoOutcome::Done => step_json(step, "done", None),
                UndoOutcome::Spared(reason) => step_json(step, "spared", Some(&reason.to_string())),
                UndoOutcome::Failed(why) => step_json(step, "failed", Some(why)),
            })
            .collect(),
    };
    let left = plan.left.iter().map(|left| {
        let mut map = written_json(&left.written);
        map.insert("reason".to_owned(), left.reason.name().into());
        map.insert("why".to_owned(), left.reason.to_string().into());
        Value::from(map)
    });
    let ends = plan.shutdowns.iter().map(|end| {
        json!({
            "instanceId": end.instance_id,
            "remedy": end.remedy,
            "runId": end.run_id,
            "at": rfc3339(end.at),
            "state": end.state.map(tagwarden_core::State::as_str),
        })
    });
    let problem = look.unread_policy.as_ref().map(ToString::to_string);
    let run_id = undone.and_then(|undone| undone.run_id.as_ref());
    let mut map = Map::new();
    map.insert("runId".to_owned(), json!(run_id));
    map.insert("tags".to_owned(), tags.into());
    map.insert("left".to_owned(), left.collect());
    map.insert("ends".to_owned(), ends.collect());
    map.insert("policyProblem".to_owned(), json!(problem));
    map
}

fn step_json(step: &UndoStep, outcome: &str, why: Option<&str>) -> Value {
    let mut map = written_json(&step.written);
    let before = match &step.before {
        Before::Missing => None,
        Before::Empty { value } => Some(value),
    };
    map.insert("before".to_owned(), json!(before));
    map.insert("askedBy".to_owned(), json!(step.asked_by));
    map.insert("outcome".to_owned(), outcome.into());
    map.insert("why".to_owned(), json!(why));
    map.into()
}

/// `"Proj042", from its tag projectcode`.
fn value(written: &WrittenTag) -> String {
    let from = written.origin.as_ref().and_then(ValueOrigin::describe);
    let from = from.map_or_else(String::new, |from| format!(", from {}", on_one_line(&from)));
    format!("{:?}{from}", written.value)
}

fn written_json(written: &WrittenTag) -> Map<String, Value> {
    let origin = written.origin.iter();
    let origin = origin.map(|origin| ("valueOrigin", json!(origin.to_string())));
    let members = [
        ("instanceId", json!(written.instance_id)),
        ("tagKey", json!(written.tag_key)),
        ("value", json!(written.value)),
        ("ruleId", json!(written.rule_id)),
        ("runId", json!(written.run_id)),
        ("at", json!(rfc3339(written.at))),
    ];
    let members = members.into_iter().chain(origin);
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

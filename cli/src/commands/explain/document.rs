//! The explanation for programs.

use serde_json::{Map, Value, json};
use tagwarden_core::annotation::annotation;
use tagwarden_core::policy::RuleStanding;
use tagwarden_core::{Defect, Exemption, Resource, assess};
use tagwarden_remediation::explain::{
    ExplainedLauncher, ExplainedShutdown, ExplainedStep, Explanation, ShutdownTime, ValueSource,
};
use tagwarden_remediation::launcher::Launcher;

use super::endings;
use super::events::shutdown_in_words;
use super::rules::{ExplainedRule, action, rules};
use super::text::notes;
use crate::aws::access::AwsAccess;
use crate::forecast::VerdictName;
use crate::forecast::explained::Explained;
use crate::when::rfc3339;

pub fn members(explained: &Explained) -> Map<String, Value> {
    let instances = explained.instances.iter().filter_map(|instance| {
        let explanation = explained.explanations.instances.get(&instance.id)?;
        Some(part(explained, instance, explanation))
    });
    let mut members = map([
        ("at", json!(rfc3339(explained.at))),
        ("from", json!(explained.from)),
        ("policy", json!(explained.policy_name)),
        ("mode", json!(explained.mode)),
        ("notes", json!(notes(explained))),
        ("instances", instances.collect()),
        ("unknown", json!(explained.unknown)),
    ]);
    members.extend(explained.access.iter().flat_map(AwsAccess::to_json));
    members
}

fn map<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn part(explained: &Explained, instance: &Resource, explanation: &Explanation) -> Value {
    let (policy, scope) = (&explained.policy, &explained.settings.policy.scope);
    let assessment = assess(policy, scope, instance, explained.at);
    let rules = rules(policy, instance, explanation, explained.at);
    let remembered = explanation.remembered.iter().map(|tag| {
        json!({
            "tagKey": tag.key,
            "tagValue": tag.value,
            "writtenAt": tag.written_at.iter().map(|at| rfc3339(*at)).collect::<Vec<_>>(),
            "undoneAt": tag.undone_at.map(rfc3339),
        })
    });
    let mut members = map([
        ("instanceId", json!(instance.id)),
        (
            "name",
            json!(instance.tags.get("Name").filter(|it| !it.is_empty())),
        ),
        ("vpcId", json!(instance.vpc_id)),
        ("state", json!(instance.state.as_str())),
        ("launchedAt", json!(instance.launched_at.map(rfc3339))),
        ("verdict", json!(VerdictName::from(assessment.verdict))),
        ("annotation", json!(annotation(&assessment))),
        ("exemption", exemption(explained, instance)),
        (
            "manager",
            json!(explanation.manager.as_ref().map(ToString::to_string)),
        ),
        (
            "launcher",
            explanation.launcher.as_ref().map_or(Value::Null, launcher),
        ),
        ("rules", rules.iter().map(rule).collect()),
        (
            "endDates",
            explanation
                .end_dates
                .iter()
                .map(endings::document)
                .collect(),
        ),
        ("steps", explanation.steps.iter().map(step).collect()),
        (
            "shutdowns",
            explanation.shutdowns.iter().map(shutdown).collect(),
        ),
        ("remembered", remembered.collect()),
    ]);
    if explained.is_of_many && explained.is_recorded {
        let details = &instance.details;
        members.insert("account".to_owned(), json!(details.owner_id));
        members.insert("region".to_owned(), json!(details.region()));
    }
    members.into()
}

fn exemption(explained: &Explained, instance: &Resource) -> Value {
    match Exemption::of(instance, explained.at) {
        None => Value::Null,
        Some(Exemption::Holds { until, reason }) => {
            json!({"state": "holds", "until": until, "reason": reason})
        }
        Some(Exemption::Ended { until }) => json!({"state": "ended", "until": until}),
        Some(Exemption::Unreadable { key, value }) => {
            json!({"state": "unreadable", "tagKey": key, "tagValue": value})
        }
    }
}

fn launcher(explained: &ExplainedLauncher) -> Value {
    let (name, problem) = match &explained.launcher {
        Launcher::Known(name) => (Some(name), None),
        Launcher::Nobody => (None, Some("not-recorded".to_owned())),
        Launcher::TooOld => (None, Some("too-old".to_owned())),
        Launcher::Failed(error) => (None, Some(error.to_string())),
    };
    json!({"name": name, "source": explained.source.name(), "problem": problem})
}

fn rule(explained: &ExplainedRule<'_>) -> Value {
    let near_miss = match explained.defect {
        Some(Defect::Missing { near_miss }) => near_miss,
        _ => None,
    };
    let mut members = json!({
        "ruleId": explained.rule.id,
        "tagKey": explained.rule.tag_key,
        "action": action(&explained.rule.action),
        "required": explained.rule.required,
        "value": explained.value,
        "defect": explained.defect.map(|defect| defect.name().as_str()),
        "nearMiss": near_miss,
    });
    if let (Value::Object(members), true) =
        (&mut members, explained.standing != RuleStanding::Applies)
    {
        // Only where a condition of the policy decided so.
        members.insert("standing".to_owned(), json!(explained.standing.to_string()));
    }
    members
}

fn step(explained: &ExplainedStep) -> Value {
    let mut step = json!(explained.entry);
    if let Value::Object(members) = &mut step {
        members.extend(map([
            ("source", json!(explained.source.map(ValueSource::name))),
            ("until", json!(explained.until.map(rfc3339))),
        ]));
    }
    step
}

fn shutdown(explained: &ExplainedShutdown) -> Value {
    let safeguards = explained.safeguards.iter().map(|it| {
        json!({
            "name": it.name,
            "holds": it.holds,
            "says": it.says,
            "until": it.until.map(rfc3339),
        })
    });
    let countdown = explained.countdown.map(|it| {
        json!({
            "since": rfc3339(it.since),
            "seenAt": rfc3339(it.seen_at),
            "noticedAt": it.noticed_at.map(rfc3339),
            "standing": it.standing.name(),
            "day": it.standing.day().map(rfc3339),
        })
    });
    let (when, after) = match explained.at {
        ShutdownTime::NextRun => ("next-run", None),
        ShutdownTime::RunAfterNext => ("run-after-next", None),
        ShutdownTime::OnceLooksAgree => ("once-looks-agree", None),
        ShutdownTime::After(at) => ("after", Some(rfc3339(at))),
        ShutdownTime::Never => ("never", None),
    };
    json!({
        "shutdown": shutdown_in_words(explained.shutdown),
        "reason": explained.reason.to_string(),
        "at": {"when": when, "after": after},
        "countdown": countdown,
        "safeguards": safeguards.collect::<Value>(),
    })
}

//! Instances and policies for the tests.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_core::{Policy, Resource, State};
use tagwarden_remediation::Settings;
use tagwarden_remediation::launcher::{RecordedEvent, RecordedLaunches, RecordedResource};
use tagwarden_remediation::on_demand::preview;

use crate::forecast::inputs::{Inputs, PolicyPlan};

pub fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// A running instance, launched ten days ago.
pub fn instance(id: &str, tags: &[(&str, &str)]) -> Resource {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        launched_at: Some(now() - TimeDelta::days(10)),
        tags: tags.collect::<BTreeMap<_, _>>(),
        ..Resource::instance(id, State::Running)
    }
}

/// The customer's sample.
pub fn sample() -> Policy {
    policy(&[
        json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}),
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}),
        json!({"RuleId": 3, "TagKey": "Expires", "Action": "Function", "Required": "N", "Default": "today()"}),
    ])
}

pub fn policy(rows: &[Value]) -> Policy {
    let rows = rows.iter().map(|row| row.as_object().unwrap().clone());
    Policy::from_rows(rows).unwrap()
}

/// These instances under this policy. A recording says that ann launched `i-a`.
pub fn inputs(policy: Policy, instances: Vec<Resource>) -> Inputs {
    inputs_with(policy, instances, &[])
}

/// The same, with these environment variables for the remediation.
pub fn inputs_with(policy: Policy, instances: Vec<Resource>, variables: &[(&str, &str)]) -> Inputs {
    let variable = |asked: &str| {
        let mut variables = variables.iter();
        let (_, value) = variables.find(|(name, _)| *name == asked)?;
        Some((*value).to_owned())
    };
    let settings = Settings::from_environment(&Environment::new(&variable)).unwrap();
    let mut launches = RecordedLaunches::default();
    launches.add(&RecordedEvent {
        event_name: Some("RunInstances".to_owned()),
        username: Some("ann".to_owned()),
        resources: vec![RecordedResource {
            resource_name: Some("i-a".to_owned()),
        }],
        cloud_trail_event: None,
    });
    let preview = preview(&policy, &settings, &instances, &launches, now());
    Inputs {
        instances,
        from: "fleet.json".to_owned(),
        access: None,
        is_recorded: true,
        at: now(),
        policy: PolicyPlan {
            name: "policy.yaml".to_owned(),
            policy,
            settings,
            report: preview.report,
            prospects: preview.prospects,
        },
        against: None,
        notes: Vec::new(),
    }
}

//! Who launched an instance, from look-ups that somebody recorded: `aws cloudtrail lookup-events`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::planner::{FoundLaunch, earlier};
use super::record;
use super::{HISTORY, Launcher, Unattributed};

/// An event as the AWS CLI writes it; what is not needed is not read, and anything may be missing.
///
/// See [lookup-events](https://docs.aws.amazon.com/cli/latest/reference/cloudtrail/lookup-events.html).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RecordedEvent {
    /// Such as `RunInstances`.
    pub event_name: Option<String>,
    /// Who made the call, in CloudTrail's short form.
    pub username: Option<String>,
    /// What the call was about.
    #[serde(deserialize_with = "record::null_as_default")]
    pub resources: Vec<RecordedResource>,
    /// The whole event, as JSON in a string.
    pub cloud_trail_event: Option<String>,
}

/// A resource of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RecordedResource {
    /// Such as `i-…`.
    pub resource_name: Option<String>,
}

/// The launches among recorded events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedLaunches {
    /// By instance.
    by: BTreeMap<String, Launcher>,
}

impl RecordedLaunches {
    /// Takes an event. An event that is not a launch, or whose launch failed, changes nothing.
    pub fn add(&mut self, event: &RecordedEvent) {
        let resources = event.resources.iter();
        let launch = record::launch(
            event.event_name.as_deref(),
            event.cloud_trail_event.as_deref(),
            event.username.as_deref(),
            resources.filter_map(|resource| resource.resource_name.as_deref()),
        );
        if let Some(FoundLaunch { instance_ids, by }) = launch {
            let launched = instance_ids.into_iter().map(|id| (id, by.clone()));
            self.by.extend(launched);
        }
    }

    /// Who launched those of `instances` that the recording can tell of at `now`.
    ///
    /// One that is not in the answer is not in the recording. That says nothing of what CloudTrail itself would show:
    /// a recording does not say what it leaves out.
    #[must_use]
    pub fn launchers(
        &self,
        instances: impl IntoIterator<Item = Unattributed>,
        now: DateTime<Utc>,
    ) -> BTreeMap<String, Launcher> {
        let horizon = earlier(now, HISTORY);
        let launcher = |instance: &Unattributed| match self.by.get(&instance.id) {
            _ if instance.provisioned_by.is_some() => Some(instance.provisioned_by.clone().into()),
            Some(launcher) => Some(launcher.clone()),
            None => {
                let is_older = instance.launched_at.is_some_and(|at| at < horizon);
                is_older.then_some(Launcher::TooOld)
            }
        };
        instances
            .into_iter()
            .filter_map(|instance| Some((launcher(&instance)?, instance.id)))
            .map(|(launcher, id)| (id, launcher))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tagwarden_core::{Resource, State};

    use super::*;

    fn instance(id: &str, launched_at: &str) -> Resource {
        Resource {
            launched_at: Some(launched_at.parse().unwrap()),
            ..Resource::instance(id, State::Running)
        }
    }

    /// What the recording tells of i-1, launched yesterday.
    fn told(events: &[Value]) -> Option<Launcher> {
        let mut launches = RecordedLaunches::default();
        for event in events {
            launches.add(&RecordedEvent::deserialize(event).unwrap());
        }
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let instance = instance("i-1", "2026-11-22T12:00:00Z");
        launches
            .launchers([Unattributed::from(&instance)], now)
            .remove("i-1")
    }

    fn known(name: &str) -> Launcher {
        Launcher::Known(name.to_owned())
    }

    #[test]
    fn names_who_launched_an_instance() {
        let record = json!({
            "eventName": "RunInstances",
            "userIdentity": {"type": "IAMUser", "userName": "ann"},
            "responseElements": {"instancesSet": {"items": [{"instanceId": "i-1"}]}},
        });
        let whole = json!({"EventName": "RunInstances", "CloudTrailEvent": record.to_string()});
        assert_eq!(told(&[whole]), Some(known("ann")));
        // Without the event itself, its short form says as much.
        let short = json!({
            "EventName": "RunInstances",
            "Username": "ann",
            "Resources": [{"ResourceType": "AWS::EC2::Instance", "ResourceName": "i-1"}],
        });
        assert_eq!(told(&[short]), Some(known("ann")));
    }

    #[test]
    fn ignores_events_that_are_not_launches() {
        let resources = json!([{"ResourceName": "i-1"}]);
        let failed = json!({"eventName": "RunInstances", "errorCode": "Client.DryRunOperation"});
        for event in [
            json!({}),
            json!({"EventName": "CreateTags", "Username": "ann", "Resources": resources}),
            json!({"EventName": "RunInstances", "Username": "ann", "Resources": null}),
            json!({"EventName": "RunInstances", "Username": "ann", "Resources": resources,
                   "CloudTrailEvent": failed.to_string()}),
        ] {
            assert_eq!(told(std::slice::from_ref(&event)), None, "{event}");
        }
    }

    /// Whatever the short form says: it is the last part of a name, such as the session of a service.
    #[test]
    fn names_nobody_from_an_event_that_cannot_be_read() {
        for record in ["", "no JSON", "[]", r#"{"eventName": 7}"#] {
            let event = json!({
                "EventName": "RunInstances",
                "Username": "AutoScaling",
                "Resources": [{"ResourceName": "i-1"}],
                "CloudTrailEvent": record,
            });
            let Some(Launcher::Failed(error)) = told(&[event]) else {
                panic!("{record:?} told a launcher");
            };
            let message = "cloudtrail:LookupEvents: UnreadableDocument: the event of its launch cannot be read: ";
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }

    /// Members that say nothing take nothing from what the others say.
    #[test]
    fn names_who_launched_an_instance_in_spite_of_null_members() {
        let ann = json!({"type": "IAMUser", "userName": "ann"});
        for (identity, answer, expected) in [
            (&ann, json!(null), known("ann")),
            (&ann, json!({}), known("ann")),
            (&ann, json!({"instancesSet": null}), known("ann")),
            (&ann, json!({"instancesSet": {"items": null}}), known("ann")),
            (&ann, json!({"instancesSet": {"items": [{}]}}), known("ann")),
            (
                &json!(null),
                json!({"instancesSet": null}),
                Launcher::Nobody,
            ),
        ] {
            let record = json!({
                "eventName": "RunInstances",
                "userIdentity": identity,
                "responseElements": answer,
            });
            let event = json!({
                "EventName": "RunInstances",
                "Username": "AutoScaling",
                "Resources": [{"ResourceName": "i-1"}],
                "CloudTrailEvent": record.to_string(),
            });
            assert_eq!(told(&[event]), Some(expected), "{record}");
        }
    }

    #[test]
    fn names_who_provisioned_an_instance_through_service_catalog() {
        let mut instance = instance("i-1", "2026-11-22T12:00:00Z");
        let principal = "arn:aws:sts::111111111111:assumed-role/EndUsers/ann@example.com";
        let key = "aws:servicecatalog:provisioningPrincipalArn";
        instance.tags.insert(key.to_owned(), principal.to_owned());
        let mut launches = RecordedLaunches::default();
        launches.add(&RecordedEvent {
            event_name: Some("RunInstances".to_owned()),
            username: Some("servicecatalog".to_owned()),
            resources: vec![RecordedResource {
                resource_name: Some("i-1".to_owned()),
            }],
            cloud_trail_event: None,
        });
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let told = launches.launchers([Unattributed::from(&instance)], now);
        assert_eq!(told["i-1"], known("ann@example.com"));
    }

    #[test]
    fn distinguishes_a_launch_without_a_name_from_no_launch() {
        let event = json!({"EventName": "RunInstances", "Resources": [{"ResourceName": "i-1"}]});
        assert_eq!(told(&[event]), Some(Launcher::Nobody));
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn calls_launches_before_the_event_history_too_old() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let old = instance("i-1", "2026-08-25T11:59:59Z");
        let young = instance("i-2", "2026-08-25T12:00:00Z");
        let launchers =
            RecordedLaunches::default().launchers([&old, &young].map(Unattributed::from), now);
        let expected = BTreeMap::from([("i-1".to_owned(), Launcher::TooOld)]);
        assert_eq!(launchers, expected);
    }
}

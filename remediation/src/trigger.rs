//! Reads an event into an [`EventRequest`].
//!
//! An event is trusted to say which instances to look at and who launched them, never what is wrong with them.
//!
//! What comes through a topic is for all its subscribers: reports of others, alarms, letters, whatever people send. There a
//! message that asks this function for nothing is ignored. A message that somebody sends to this function alone and that
//! cannot be read is an error.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tagwarden_aws::lambda::{ForeignAccount, check_account};
use tagwarden_core::Kind;

use crate::launcher::record::{ApiCall, ResponseElements};
use crate::link::{ReportOrigin, SOURCE_PREFIX, Sender};
use crate::request::{EventRequest, NamedInstance, Trigger};

/// Why an event cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// Not an event of a known shape.
    #[error(
        "the remediation does not take this event: {0}; it takes SQS batches, Config Rules Compliance Change, Scheduled Event and RunInstances events, Config notifications through SNS, and {{\"instanceIds\": [\"i-…\"]}} or {{\"resourceIds\": [\"i-…\", \"vol-…\"]}}"
    )]
    Unknown(String),
    /// A known shape with something wrong inside.
    #[error("the {what} cannot be read: {why}")]
    Malformed {
        /// The kind of event.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An event of another account.
    #[error(transparent)]
    ForeignAccount(#[from] ForeignAccount),
}

/// SNS inside SQS inside Lambda is as deep as envelopes go.
const MAX_ENVELOPES: usize = 3;

/// Reads any trigger but an SQS batch, for the function `here`.
///
/// # Errors
/// The event is of no known shape, malformed, or of another account. What came through SNS is no error: it is
/// [`EventRequest::Nothing`], with the reason.
pub fn read(event: &Value, here: &Sender) -> Result<EventRequest, TriggerError> {
    Reader { here }.read(event, 0)
}

/// The event that asks for what another run had no time for, passed on for the `hops`-th time. `report_hops` is how many
/// reports led to that run; 0 where something else started it.
#[must_use]
pub fn requeued(ids: &[&str], hops: u32, report_hops: u32) -> Value {
    let mut event = named(ids);
    event.insert("hops".to_owned(), hops.into());
    if report_hops > 0 {
        event.insert("reportHops".to_owned(), report_hops.into());
    }
    event.into()
}

/// The event that asks for a look at `not_before` or later.
#[must_use]
pub fn postponed(ids: &[&str], not_before: DateTime<Utc>) -> Value {
    let mut event = named(ids);
    event.insert("notBefore".to_owned(), json!(not_before));
    event.into()
}

/// The event that names `ids`: instances as `instanceIds`, which older versions read, and others as `resourceIds`.
fn named(ids: &[&str]) -> Map<String, Value> {
    let is_instance = |id: &&str| Kind::of_id(id).is_none_or(|kind| kind == Kind::Instance);
    let (instances, others): (Vec<&str>, Vec<&str>) = ids.iter().copied().partition(is_instance);
    let mut event = Map::new();
    if !instances.is_empty() || others.is_empty() {
        event.insert("instanceIds".to_owned(), json!(instances));
    }
    if !others.is_empty() {
        event.insert("resourceIds".to_owned(), json!(others));
    }
    event
}

struct Reader<'a> {
    here: &'a Sender,
}

impl Reader<'_> {
    fn own_account(&self) -> Option<&str> {
        self.here.account.as_deref()
    }

    fn read(&self, event: &Value, depth: usize) -> Result<EventRequest, TriggerError> {
        let Some(members) = event.as_object() else {
            return Err(TriggerError::Unknown("it is not a JSON object".to_owned()));
        };
        if depth > MAX_ENVELOPES {
            return Err(TriggerError::Unknown("it is wrapped too often".to_owned()));
        }
        if members.contains_key("Records") {
            self.sns_event(event, depth)
        } else if members.contains_key("detail-type") {
            self.event_bridge(event)
        } else if members.get("Type").is_some() && members.contains_key("Message") {
            let notification: SnsNotification = parse("SNS notification", event)?;
            Ok(self.sns_message(&notification.message, depth))
        } else if members.contains_key("messageType") {
            self.config_notification(event)
        } else if is_report(members) {
            self.report(event)
        } else if members.contains_key("instanceIds") || members.contains_key("resourceIds") {
            named_ids(event)
        } else if let Some(what) = foreign(members) {
            Ok(EventRequest::Nothing(
                format!("{what} asks for nothing").into(),
            ))
        } else {
            Err(TriggerError::Unknown(shape(members)))
        }
    }

    fn sns_event(&self, event: &Value, depth: usize) -> Result<EventRequest, TriggerError> {
        let event: SnsEvent = parse("SNS event", event)?;
        // SNS invokes with one record each.
        match event.records.as_slice() {
            [record] => Ok(self.sns_message(&record.sns.message, depth)),
            records => Err(TriggerError::Malformed {
                what: "SNS event",
                why: format!("it has {} records, not one", records.len()),
            }),
        }
    }

    fn sns_message(&self, message: &str, depth: usize) -> EventRequest {
        const WHAT: &str = "message that came through SNS";
        let request = parse_text(WHAT, message).and_then(|message| self.read(&message, depth + 1));
        request.unwrap_or_else(|error| {
            EventRequest::Nothing(format!("a message of a topic is ignored: {error}").into())
        })
    }

    /// A report names instances, and is trusted with nothing else. What it names that is not an instance is left out.
    fn report(&self, event: &Value) -> Result<EventRequest, TriggerError> {
        let report: Report = parse("report", event)?;
        if let Some(why) = self.here.why_ignored(&report.origin) {
            return Ok(EventRequest::Nothing(why.into()));
        }
        // A report names its instances twice, and older ones have no other member.
        let ids = report.instance_ids.into_iter().chain(report.resource_ids);
        let is_id = |id: &String| Kind::ALL.iter().any(|kind| kind.is_id(id));
        let ids: BTreeSet<String> = ids.filter(is_id).collect();
        let named: Vec<NamedInstance> = ids
            .into_iter()
            .map(|id| NamedInstance {
                id,
                launched_by: None,
            })
            .collect();
        if named.is_empty() {
            return Ok(EventRequest::Nothing(
                "the report names no instances".into(),
            ));
        }
        let hops = report.origin.hops;
        Ok(EventRequest::Instances(Trigger::Report { hops }, named))
    }

    fn event_bridge(&self, event: &Value) -> Result<EventRequest, TriggerError> {
        let event: EventBridgeEvent = parse("EventBridge event", event)?;
        check_account(self.own_account(), event.account.as_deref())?;
        match event.detail_type.as_str() {
            "Scheduled Event" => Ok(EventRequest::Sweep),
            "Config Rules Compliance Change" => self.compliance_change(&event.detail),
            "AWS API Call via CloudTrail" => self.launch(&event.detail),
            other => Err(TriggerError::Unknown(format!(
                "its detail-type is {other:?}"
            ))),
        }
    }

    fn config_notification(&self, event: &Value) -> Result<EventRequest, TriggerError> {
        let notification: ConfigNotification = parse("Config notification", event)?;
        match notification.message_type.as_str() {
            "ComplianceChangeNotification" => self.compliance_change(event),
            "ConfigurationItemChangeNotification"
            | "OversizedConfigurationItemChangeNotification"
            // Config could not put the large item into its bucket. The notification names the resource all the same.
            | "OversizedConfigurationItemChangeDeliveryFailed" => {
                let item = notification
                    .configuration_item
                    .or(notification.configuration_item_summary)
                    .ok_or_else(|| TriggerError::Malformed {
                        what: "Config notification",
                        why: "it has no configuration item".to_owned(),
                    })?;
                check_account(self.own_account(), item.aws_account_id.as_deref())?;
                let trigger = Trigger::ConfigurationChange;
                resource(trigger, &item.resource_type, item.resource_id)
            }
            // A delivery channel's other notifications: snapshots, history files, evaluations started.
            "ConfigRulesEvaluationStarted"
            | "ConfigurationHistoryDeliveryCompleted"
            | "ConfigurationSnapshotDeliveryStarted"
            | "ConfigurationSnapshotDeliveryCompleted"
            | "ConfigurationSnapshotDeliveryFailed" => Ok(EventRequest::Nothing(
                "the Config notification is about no resource".into(),
            )),
            other => Err(TriggerError::Unknown(format!(
                "its messageType is {other:?}"
            ))),
        }
    }

    fn compliance_change(&self, detail: &Value) -> Result<EventRequest, TriggerError> {
        let change: ComplianceChange = parse("compliance change", detail)?;
        check_account(self.own_account(), change.aws_account_id.as_deref())?;
        let is_non_compliant = change
            .new_evaluation_result
            .is_some_and(|result| result.compliance_type == "NON_COMPLIANT");
        let trigger = Trigger::ComplianceChange;
        let request = resource(trigger, &change.resource_type, change.resource_id)?;
        Ok(match request {
            EventRequest::Instances(_, named) if !is_non_compliant => EventRequest::Settled(named),
            request => request,
        })
    }

    fn launch(&self, detail: &Value) -> Result<EventRequest, TriggerError> {
        const WHAT: &str = "RunInstances event";
        let call: ApiCall = parse(WHAT, detail)?;
        if call.event_name != "RunInstances" {
            let name = call.event_name;
            return Err(TriggerError::Unknown(format!("it is a call of {name:?}")));
        }
        check_account(self.own_account(), call.recipient_account_id.as_deref())?;
        if call.error_code.is_some() {
            return Ok(EventRequest::Nothing(
                "the launch failed, or was a dry run".into(),
            ));
        }
        let response = call
            .response_elements
            .ok_or_else(|| TriggerError::Malformed {
                what: WHAT,
                why: "it has no responseElements".to_owned(),
            })?;
        let launched_by = call.user_identity.name();
        let launched: Vec<NamedInstance> = ResponseElements::instance_ids(response)
            .map(|id| {
                Ok(NamedInstance {
                    id: checked_id(WHAT, &[Kind::Instance], id)?,
                    launched_by: launched_by.clone(),
                })
            })
            .collect::<Result<_, TriggerError>>()?;
        // CloudTrail leaves out what is too large for its record, as of a launch of very many.
        if launched.is_empty() {
            return Ok(EventRequest::Nothing(
                "the launch event does not say what was launched: the sweep will find it".into(),
            ));
        }
        Ok(EventRequest::Instances(Trigger::Launch, launched))
    }
}

fn named_ids(event: &Value) -> Result<EventRequest, TriggerError> {
    const WHAT: &str = "list of instanceIds";
    const OTHERS: &str = "list of resourceIds";
    let event: NamedIds = parse(WHAT, event)?;
    if event.ids.is_empty() && event.resource_ids.is_empty() {
        return Err(TriggerError::Malformed {
            what: WHAT,
            why: "it is empty".to_owned(),
        });
    }
    let trigger = match event.hops {
        0 => Trigger::Request,
        hops => Trigger::Requeued {
            hops,
            report_hops: event.report_hops,
        },
    };
    let not_before = event.not_before;
    let instances = event.ids.into_iter();
    let instances = instances.map(|id| checked_id(WHAT, &[Kind::Instance], id));
    let others = event.resource_ids.into_iter();
    let others = others.map(|id| checked_id(OTHERS, &Kind::ALL, id));
    instances
        .chain(others)
        .map(|id| {
            Ok(NamedInstance {
                id: id?,
                launched_by: None,
            })
        })
        .collect::<Result<_, _>>()
        .map(|named| match not_before {
            Some(at) => EventRequest::Later(at, named),
            None => EventRequest::Instances(trigger, named),
        })
}

fn resource(
    trigger: Trigger,
    resource_type: &str,
    id: String,
) -> Result<EventRequest, TriggerError> {
    let Some(kind) = Kind::from_config_type(resource_type) else {
        return Ok(EventRequest::Nothing(
            "the resource is neither an EC2 instance nor a volume".into(),
        ));
    };
    let named = NamedInstance {
        id: checked_id("Config event", &[kind], id)?,
        launched_by: None,
    };
    Ok(EventRequest::Instances(trigger, vec![named]))
}

/// `id`, if it is the id of one of `kinds`.
fn checked_id(what: &'static str, kinds: &[Kind], id: String) -> Result<String, TriggerError> {
    if kinds.iter().any(|kind| kind.is_id(&id)) {
        return Ok(id);
    }
    let expected = match kinds {
        [kind] => kind.as_str(),
        _ => "resource",
    };
    let article = if expected.starts_with('i') { "an" } else { "a" };
    Err(TriggerError::Malformed {
        what,
        why: format!("{id:?} is not {article} {expected} id"),
    })
}

fn parse<T: DeserializeOwned>(what: &'static str, value: &Value) -> Result<T, TriggerError> {
    T::deserialize(value).map_err(|error| TriggerError::Malformed {
        what,
        why: error.to_string(),
    })
}

/// Reads JSON that came inside a string.
///
/// # Errors
/// [`TriggerError::Malformed`], with `what` it was meant to be.
pub(crate) fn parse_text(what: &'static str, text: &str) -> Result<Value, TriggerError> {
    serde_json::from_str(text).map_err(|error| TriggerError::Malformed {
        what,
        why: format!("it is not JSON: {error}"),
    })
}

/// Whether it is the JSON of a report: an older one has no `source`.
fn is_report(members: &Map<String, Value>) -> bool {
    members.contains_key("instanceIds") && members.contains_key("runId")
}

/// What a topic carries beside triggers, recognised also where it comes without SNS's envelope.
fn foreign(members: &Map<String, Value>) -> Option<&'static str> {
    let has = |names: &[&str]| names.iter().all(|name| members.contains_key(*name));
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if has(&["AlarmName", "NewStateValue"]) {
        Some("a CloudWatch alarm")
    } else if text("source") == Some("custom") && has(&["version", "content"]) {
        Some("a message for a chat")
    } else if has(&["audience", "runId"]) {
        Some("a letter to an owner")
    } else if text("source").is_some_and(|source| source.starts_with(SOURCE_PREFIX)) {
        Some("a message of tagwarden that names no instances")
    } else {
        None
    }
}

fn shape(members: &Map<String, Value>) -> String {
    const SHOWN: usize = 8;
    if members.is_empty() {
        return "it has no members".to_owned();
    }
    let names: Vec<&str> = members.keys().take(SHOWN).map(String::as_str).collect();
    let more = if members.len() > SHOWN { ", …" } else { "" };
    format!("its members are {}{more}", names.join(", "))
}

#[derive(Deserialize)]
struct SnsEvent {
    #[serde(rename = "Records")]
    records: Vec<SnsRecord>,
}

#[derive(Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    sns: SnsNotification,
}

#[derive(Deserialize)]
struct SnsNotification {
    #[serde(rename = "Message")]
    message: String,
}

/// What is read of a report: see `docs/report.schema.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(flatten)]
    origin: ReportOrigin,
    instance_ids: Vec<String>,
    /// Older reports name instances only.
    #[serde(default)]
    resource_ids: Vec<String>,
}

#[derive(Deserialize)]
struct EventBridgeEvent {
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    detail: Value,
}

/// The same members in an EventBridge event's `detail` and in a notification through SNS.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ComplianceChange {
    resource_id: String,
    resource_type: String,
    #[serde(default)]
    aws_account_id: Option<String>,
    #[serde(default)]
    new_evaluation_result: Option<EvaluationResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EvaluationResult {
    compliance_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigNotification {
    message_type: String,
    #[serde(default)]
    configuration_item: Option<NotifiedItem>,
    #[serde(default)]
    configuration_item_summary: Option<NotifiedItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotifiedItem {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    aws_account_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedIds {
    #[serde(default, rename = "instanceIds")]
    ids: Vec<String>,
    #[serde(default)]
    resource_ids: Vec<String>,
    /// See [`requeued`].
    #[serde(default)]
    hops: u32,
    /// See [`requeued`].
    #[serde(default)]
    report_hops: u32,
    /// See [`postponed`].
    #[serde(default)]
    not_before: Option<DateTime<Utc>>,
}

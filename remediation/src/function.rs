//! The Lambda function: from an event to its answer.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::{Value, json};
use tagwarden_aws::lambda::{FunctionError, Handler, VERSION};
use tagwarden_aws::policy_table::PolicyTableError;

use tagwarden_core::Kind;

use crate::launcher::Launcher;
use crate::link::Sender;
use crate::metrics;
use crate::remediation::{Remediation, RemediationError};
use crate::report::{Report, ReportCounts};
use crate::request::{EventRequest, NamedInstance, RunRequest, Target, Trigger};
use crate::run::{Run, pass_on};
use crate::run_id::RunId;
use crate::settings::Mode;
use crate::trigger::{self, TriggerError};

impl Handler for Remediation {
    type Error = RemediationError;

    fn handle(
        &self,
        event: LambdaEvent<Value>,
    ) -> impl Future<Output = Result<Value, RemediationError>> {
        Remediation::handle(self, event)
    }
}

impl FunctionError for RemediationError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Trigger(TriggerError::ForeignAccount(_)) => "ForeignAccount",
            Self::Trigger(_) => "InvalidEvent",
            Self::PolicyTable(PolicyTableError::Invalid { .. }) => "InvalidPolicyTable",
            Self::PolicyTable(PolicyTableError::Unreadable { .. }) => "UnreadablePolicyTable",
            Self::PolicyNotAgreed | Self::PolicyChanged => "PolicyChanged",
            Self::Interrupted => "Interrupted",
            Self::Aws(_) => "AwsError",
            Self::Unreported(_) => "ReportNotPublished",
        }
    }
}

/// The answer to any event but an SQS batch.
#[derive(Serialize)]
struct Answer {
    mode: Mode,
    #[serde(flatten)]
    counts: ReportCounts,
}

impl Remediation {
    /// Does what the policy asks for about the instances that one event names, and reports it.
    ///
    /// Answers an SQS batch with the messages that are to come again, any other event with the [`ReportCounts`] as JSON.
    /// A message comes again if it cannot be read, or if something that it asks for failed and may pass by itself.
    ///
    /// # Errors
    /// See [`RemediationError`]; for a batch, only where no message of it could be served.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, RemediationError> {
        let (payload, context) = event.into_parts();
        if is_batch(&payload) {
            return self.handle_batch(&payload, &context).await;
        }
        let here = self.sender(&context);
        let request = self.due(trigger::read(&payload, &here)?).await?;
        let (_, counts) = self.serve(&[request], &context).await?;
        let answer = Answer {
            mode: self.settings.mode,
            counts,
        };
        // Numbers and a name always have a JSON form.
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }

    /// One run serves all messages of the batch.
    async fn handle_batch(
        &self,
        payload: &Value,
        context: &Context,
    ) -> Result<Value, RemediationError> {
        let batch: SqsEvent =
            serde_json::from_value(payload.clone()).map_err(|error| TriggerError::Malformed {
                what: "SQS batch",
                why: error.to_string(),
            })?;
        let here = self.sender(context);
        let mut response = SqsBatchResponse::default();
        let mut served: Vec<(String, EventRequest)> = Vec::new();
        for message in batch.records {
            let id = message.message_id.clone().unwrap_or_default();
            let request = match read_message(&message, &here) {
                Ok(request) => self.due(request).await,
                Err(error) => Err(error.into()),
            };
            match request {
                Ok(request) => served.push((id, request)),
                Err(error) => {
                    tracing::error!(message_id = id, "{error}");
                    response.add_failure(id);
                }
            }
        }
        let (message_ids, requests): (Vec<String>, Vec<EventRequest>) = served.into_iter().unzip();
        let (report, _) = self.serve(&requests, context).await?;
        // A permanent failure is in the report. The same run again would fail in the same way.
        let to_retry = report.instances_to_retry();
        for (id, request) in message_ids.into_iter().zip(&requests) {
            let is_to_retry = match request {
                EventRequest::Nothing(_) | EventRequest::Later(..) | EventRequest::Settled(_) => {
                    false
                }
                EventRequest::Sweep => !to_retry.is_empty(),
                EventRequest::Instances(_, named) => named
                    .iter()
                    .any(|instance| to_retry.contains(instance.id.as_str())),
            };
            if is_to_retry {
                response.add_failure(id);
            }
        }
        Ok(json!({ "batchItemFailures": response.batch_item_failures }))
    }

    /// What `request` asks for now: what comes before its time is sent on without a look, and an instance that is not
    /// `NON_COMPLIANT` any more needs a look only if something is counted down for it.
    ///
    /// # Errors
    /// SQS did not take the message.
    async fn due(&self, request: EventRequest) -> Result<EventRequest, RemediationError> {
        match self.of_own_kinds(request) {
            EventRequest::Later(at, named) if at > self.clock.now() => {
                let ids: Vec<&str> = named.iter().map(|it| it.id.as_str()).collect();
                if pass_on(self, &ids, at).await? {
                    return Ok(EventRequest::Nothing(
                        "its time has not come: it was sent on".into(),
                    ));
                }
                Ok(EventRequest::Instances(Trigger::Countdown, named))
            }
            EventRequest::Later(_, named) => Ok(EventRequest::Instances(Trigger::Countdown, named)),
            EventRequest::Settled(named) => {
                let named = self.watched(named).await?;
                if named.is_empty() {
                    return Ok(EventRequest::Nothing(
                        "the resource is not NON_COMPLIANT".into(),
                    ));
                }
                Ok(EventRequest::Instances(Trigger::ComplianceChange, named))
            }
            request => Ok(request),
        }
    }

    /// What `request` asks for of the kinds of resources that this function covers. Its role allows no call for others.
    fn of_own_kinds(&self, mut request: EventRequest) -> EventRequest {
        let kinds = self.settings.policy.kinds;
        let named = match &mut request {
            EventRequest::Instances(_, named)
            | EventRequest::Later(_, named)
            | EventRequest::Settled(named) => named,
            EventRequest::Sweep | EventRequest::Nothing(_) => return request,
        };
        named.retain(|it| Kind::of_id(&it.id).is_none_or(|kind| kinds.contains(kind)));
        if named.is_empty() {
            let nouns = kinds.nouns();
            let why = format!("this function covers {nouns} only: see TAGWARDEN_RESOURCE_TYPES");
            return EventRequest::Nothing(why.into());
        }
        request
    }

    /// Those of `named` for which something is counted down, or of which a tag is not restored any more.
    async fn watched(
        &self,
        named: Vec<NamedInstance>,
    ) -> Result<Vec<NamedInstance>, RemediationError> {
        let enforces = self.settings.mode == Mode::Enforce;
        let Some(ledger) = self.ledger.as_ref().filter(|_| enforces) else {
            return Ok(Vec::new());
        };
        let standing = ledger.standing().await?;
        let is_watched = |it: &NamedInstance| {
            standing.countdowns.contains_key(&it.id) || standing.paused.contains_key(&it.id)
        };
        Ok(named.into_iter().filter(is_watched).collect())
    }

    async fn serve(
        &self,
        requests: &[EventRequest],
        context: &Context,
    ) -> Result<(Report, ReportCounts), RemediationError> {
        let Some(request) = run_request(requests, context, self.sender(context)) else {
            let run_id = RunId::new(self.clock.now(), &context.request_id);
            let report = Report::new(self.settings.mode, 0, run_id);
            return Ok((report, ReportCounts::default()));
        };
        // On the heap, because the future of a whole run is large.
        let result = Box::pin(Run::start(self, request).await?.finish()).await?;
        result.published?;
        let report = result.report;
        let counts = report.counts();
        metrics::add_run(&report, &counts);
        let is_sweep = |request: &&EventRequest| matches!(request, EventRequest::Sweep);
        metrics::add_sweeps(requests.iter().filter(is_sweep).count());
        tracing::info!(?counts, mode = ?self.settings.mode, version = VERSION, "run ended");
        Ok((report, counts))
    }
}

impl Remediation {
    /// Who this function is, as its reports say.
    fn sender(&self, context: &Context) -> Sender {
        let name = &context.env_config.function_name;
        Sender::of_function(&context.invoked_function_arn, name, self.region.as_deref())
    }
}

fn is_batch(payload: &Value) -> bool {
    let first_source = payload.pointer("/Records/0/eventSource");
    first_source.and_then(Value::as_str) == Some("aws:sqs")
}

fn read_message(message: &SqsMessage, here: &Sender) -> Result<EventRequest, TriggerError> {
    const WHAT: &str = "body of the SQS message";
    let body = message.body.as_deref().unwrap_or_default();
    trigger::read(&trigger::parse_text(WHAT, body)?, here)
}

/// All that `requests` ask for, as one run's; `None` if that is nothing.
fn run_request(requests: &[EventRequest], context: &Context, sender: Sender) -> Option<RunRequest> {
    let mut sweep = false;
    let mut ids = BTreeSet::new();
    let mut launchers = BTreeMap::new();
    let mut triggers = BTreeSet::new();
    for request in requests {
        match request {
            EventRequest::Sweep => {
                sweep = true;
                triggers.insert(Trigger::Schedule);
            }
            EventRequest::Nothing(why) => tracing::info!("nothing to do: {why}"),
            // `Remediation::due` has made something else of these.
            EventRequest::Later(..) | EventRequest::Settled(_) => {}
            EventRequest::Instances(trigger, named) => {
                triggers.insert(*trigger);
                for instance in named {
                    ids.insert(instance.id.clone());
                    if let Some(name) = &instance.launched_by {
                        launchers.insert(instance.id.clone(), Launcher::Known(name.clone()));
                    }
                }
            }
        }
    }
    let target = if sweep {
        Target::Fleet
    } else if ids.is_empty() {
        return None;
    } else {
        Target::Instances(ids)
    };
    Some(RunRequest {
        target,
        launchers,
        deadline: deadline(context),
        triggers,
        request_id: context.request_id.clone(),
        sender,
    })
}

/// When Lambda ends the function; `None` where the runtime does not say.
fn deadline(context: &Context) -> Option<DateTime<Utc>> {
    let millis = i64::try_from(context.deadline).ok()?;
    (millis > 0)
        .then(|| DateTime::from_timestamp_millis(millis))
        .flatten()
}

//! The network between a function and the account: delays, refuses and loses calls, and kills functions.
//!
//! A request travels, the account executes it, and the answer travels back. Both ways take time, so that concurrent
//! functions interleave between any two calls. A request that was sent is executed even when its function was killed
//! meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_types::region::Region;
use serde_json::{Value, json};
use tagwarden_sandbox::Fault;
use tokio::sync::Notify;

use crate::model::Run;
use crate::world::World;

/// A Region that the clients of no other storm have. The SDK keeps its tokens for retries by service and Region, for the
/// whole process, so storms with the same Region would take them from each other, and a storm would not follow from its seed.
pub fn own_region() -> Region {
    static STORMS: AtomicU64 = AtomicU64::new(0);
    let number = STORMS.fetch_add(1, Ordering::Relaxed);
    Region::new(format!("us-storm-{number}"))
}

/// The point of a call at which the function is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the request is sent.
    Before,
    /// After the request is sent. The account still executes it.
    Underway,
    /// After the answer has arrived, before the function uses it.
    Answered,
}

/// The call at which a function is killed, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    pub call: u32,
    pub stage: Stage,
}

/// One run of a function.
#[derive(Debug)]
pub struct Function {
    pub run: Run,
    pub kill: Option<Kill>,
    /// Notified when the function is killed.
    pub killed: Notify,
}

/// What becomes of a call, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Answered,
    /// Refused with an error that the SDK retries.
    Refused,
    /// Executed, and answered with an error.
    Lost,
    /// Executed, and never answered.
    Silent,
}

/// The delays and the outcome of a call, decided before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct CallPlan {
    pub number: u32,
    pub request_delay: Duration,
    pub response_delay: Duration,
    pub outcome: CallOutcome,
}

/// The HTTP client of one function.
#[derive(Clone, Debug)]
pub struct Network {
    pub world: World,
    pub function: Arc<Function>,
    pub account: SharedHttpClient,
}

#[derive(Debug)]
struct FunctionConnector {
    world: World,
    function: Arc<Function>,
    account: SharedHttpConnector,
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(FunctionConnector {
            world: self.world.clone(),
            function: self.function.clone(),
            account: self.account.http_connector(settings, components),
        })
    }
}

impl HttpConnector for FunctionConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (world, function) = (self.world.clone(), self.function.clone());
        let account = self.account.clone();
        HttpConnectorFuture::new(async move {
            let operation = operation(&request);
            let plan = world.plan_call(&function, &operation);
            let is_killed_at = |stage| {
                let call = plan.number;
                function.kill == Some(Kill { call, stage })
            };
            if is_killed_at(Stage::Before) {
                return hang(&function).await;
            }
            // A task of its own, because a request that was sent outlives its function.
            let delivery = deliver(world, function.run, account, request, operation, plan);
            let underway = tokio::spawn(delivery);
            if is_killed_at(Stage::Underway) {
                return hang(&function).await;
            }
            let answer = underway
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            tokio::time::sleep(plan.response_delay).await;
            if is_killed_at(Stage::Answered) {
                return hang(&function).await;
            }
            match plan.outcome {
                CallOutcome::Answered | CallOutcome::Refused => answer,
                CallOutcome::Lost => respond(500, &json!({})),
                CallOutcome::Silent => std::future::pending().await,
            }
        })
    }
}

/// Kills the function: signals its death and never returns to it.
async fn hang(function: &Function) -> Result<HttpResponse, ConnectorError> {
    function.killed.notify_one();
    std::future::pending().await
}

/// Carries a request to the account and returns the answer.
async fn deliver(
    world: World,
    run: Run,
    account: SharedHttpConnector,
    request: HttpRequest,
    operation: String,
    plan: CallPlan,
) -> Result<HttpResponse, ConnectorError> {
    let sent = world.model(|model| model.sent(run));
    let items = if operation == "TransactWriteItems" {
        items(&request)
    } else {
        Vec::new()
    };
    // DynamoDB refuses a transaction while another holds one of its items.
    let conflicts = world.lock(&items);
    if !conflicts.is_empty() {
        tokio::time::sleep(plan.request_delay).await;
        return respond(400, &conflict(items.len(), &conflicts));
    }
    tokio::time::sleep(plan.request_delay).await;
    world.unlock(&items);
    let ids = instance_ids(&request);
    world.meddle(&ids, &items);
    if plan.outcome == CallOutcome::Refused {
        world.account().fail(refusal(&operation));
    }
    let call = account.call(request);
    let (answer, before, after) = world.watch(&operation, &ids, call).await;
    world.observe((run, sent), &before, &after);
    answer
}

/// A refusal that the SDK retries.
pub fn refusal(operation: &str) -> Fault {
    match operation {
        "LookupEvents" => Fault::new(operation, "ThrottlingException", "Rate exceeded"),
        "TransactWriteItems" | "GetItem" | "PutItem" | "Query" | "Scan" | "UpdateItem"
        | "DeleteItem" | "BatchGetItem" => Fault::new(
            operation,
            "ThrottlingException",
            "Rate of requests exceeds the limit",
        ),
        "Publish" | "GetTopicAttributes" => Fault::new(operation, "Throttling", "Rate exceeded"),
        "SendMessageBatch" => Fault::new(
            operation,
            "RequestThrottled",
            "The request was denied due to request throttling.",
        ),
        _ => Fault::new(operation, "RequestLimitExceeded", "Request limit exceeded.").status(503),
    }
}

pub fn respond(status: u16, body: &Value) -> Result<HttpResponse, ConnectorError> {
    let status =
        StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
    Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
}

/// DynamoDB's answer to a transaction of `actions` actions, of which `conflicts` met another transaction.
fn conflict(actions: usize, conflicts: &[usize]) -> Value {
    let reason = |position| {
        if conflicts.contains(&position) {
            json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"})
        } else {
            json!({"Code": "None"})
        }
    };
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": (0..actions).map(reason).collect::<Vec<_>>(),
    })
}

pub fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target");
    let of_target = target.and_then(|target| target.rsplit('.').next());
    let named = || parameter(request, |name| name == "Action").pop();
    of_target
        .map(ToOwned::to_owned)
        .or_else(named)
        .unwrap_or_default()
}

/// The instances that a call to EC2 names.
pub fn instance_ids(request: &HttpRequest) -> Vec<String> {
    let mut ids = parameter(request, |name| {
        name.starts_with("InstanceId.")
            || name.starts_with("ResourceId.")
            || name.starts_with("Filter.1.Value.")
    });
    ids.retain(|id| id.starts_with("i-"));
    ids
}

pub fn parameter(request: &HttpRequest, is_it: impl Fn(&str) -> bool) -> Vec<String> {
    let body = request.body().bytes().unwrap_or_default();
    let pairs = form_urlencoded::parse(body);
    let values = pairs.filter(|(name, _)| is_it(name));
    values.map(|(_, value)| value.into_owned()).collect()
}

/// The keys of the items that a transaction puts.
pub fn items(request: &HttpRequest) -> Vec<(String, String)> {
    let body: Value =
        serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
    let actions = body.get("TransactItems").and_then(Value::as_array);
    let key = |action: &Value, name: &str| {
        let value = action.pointer(&format!("/Put/Item/{name}/S"));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let actions = actions.into_iter().flatten();
    actions
        .map(|action| (key(action, "Pk"), key(action, "Sk")))
        .collect()
}

//! The calls of one run: people write before any of them, some are refused, slow or lost, and the run may be killed at any.
//!
//! Every look, notice and shutdown of the run is noted and judged here, because only here it is known which run made it.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde_json::json;
use tokio::sync::Notify;

use super::witness::Witness;
use crate::network::{instance_ids, items, operation, parameter, refusal, respond};

/// Where a run is killed: at this call, before it is sent or after it was carried out.
#[derive(Clone, Copy, Debug)]
pub struct KillAt {
    pub call: u32,
    pub is_after: bool,
}

/// One run of the function.
#[derive(Debug)]
pub struct StormRun {
    pub number: usize,
    pub kill: Option<KillAt>,
    pub killed: Notify,
}

/// The HTTP client of one run.
#[derive(Clone, Debug)]
pub struct WatchedNetwork {
    pub witness: Arc<Witness>,
    pub run: Arc<StormRun>,
    pub account: SharedHttpClient,
}

#[derive(Debug)]
struct WatchedConnector {
    witness: Arc<Witness>,
    run: Arc<StormRun>,
    account: SharedHttpConnector,
}

impl HttpClient for WatchedNetwork {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(WatchedConnector {
            witness: self.witness.clone(),
            run: self.run.clone(),
            account: self.account.http_connector(settings, components),
        })
    }
}

impl HttpConnector for WatchedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (witness, run) = (self.witness.clone(), self.run.clone());
        let account = self.account.clone();
        HttpConnectorFuture::new(call(witness, run, account, request))
    }
}

async fn call(
    witness: Arc<Witness>,
    run: Arc<StormRun>,
    account: SharedHttpConnector,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let operation = operation(&request);
    let weather = witness.next_call(run.number);
    let kill = run.kill.filter(|kill| kill.call == weather.number);
    if kill.is_some_and(|kill| !kill.is_after) {
        return hang(&run).await;
    }
    tokio::time::sleep(Duration::from_millis(weather.latency)).await;
    if weather.is_refused {
        witness.account.fail(refusal(&operation));
    }
    // What people do here is seen by this look, if it is one; before a shutdown it comes too late.
    witness.people_write();
    let ids = instance_ids(&request);
    let claimed = items(&request);
    let message = parameter(&request, |name| name == "Message").pop();
    let before = witness.live();
    let answer = account.call(request).await;
    if answer.as_ref().is_ok_and(|it| it.status().is_success()) {
        match operation.as_str() {
            "DescribeInstances" => witness.looked(run.number, &ids, &before),
            "TransactWriteItems" => {
                witness.wrote(run.number, claimed.into_iter().map(|(pk, _)| pk));
            }
            "Publish" => witness.published(&message.unwrap_or_default()),
            "StopInstances" | "TerminateInstances" => witness.judge(run.number, &before),
            _ => {}
        }
    }
    if kill.is_some() {
        return hang(&run).await;
    }
    if weather.is_lost {
        return respond(500, &json!({}));
    }
    answer
}

/// Kills the run: signals its death and never returns to it.
async fn hang(run: &StormRun) -> Result<HttpResponse, ConnectorError> {
    run.killed.notify_one();
    std::future::pending().await
}

//! The SDK's HTTP client seam: a client without a network.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::Account;
use crate::wire::{Incoming, Outgoing};

/// Hands every request to the account.
#[derive(Clone, Debug)]
pub(crate) struct AccountHttp(pub(crate) Account);

impl HttpClient for AccountHttp {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for AccountHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let account = self.0.clone();
        HttpConnectorFuture::new(async move {
            // Every operation the account knows has its body in memory; `None` is a stream.
            let Some(body) = request.body().bytes() else {
                let error = "the sandbox takes no streaming request";
                return Err(ConnectorError::user(error.into()));
            };
            // The SDK gives the whole URL.
            let url = request.uri();
            let path = url.split_once("://").map_or(url, |(_, rest)| {
                rest.find('/').map_or("/", |at| rest.split_at(at).1)
            });
            let incoming = Incoming {
                target: request.headers().get("x-amz-target"),
                path,
                authorization: request.headers().get("authorization"),
                body,
            };
            respond(account.answer(incoming).await)
        })
    }
}

fn respond(outgoing: Outgoing) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(outgoing.status)
        .map_err(|error| ConnectorError::user(error.into()))?;
    let headers = outgoing.headers();
    let mut response = HttpResponse::new(status, SdkBody::from(outgoing.body));
    for (name, value) in headers {
        response
            .headers_mut()
            .try_insert(name, value)
            .map_err(|error| ConnectorError::user(error.into()))?;
    }
    Ok(response)
}

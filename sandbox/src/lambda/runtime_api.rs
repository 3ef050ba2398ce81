//! The Runtime API: the function fetches its events here and leaves its answers.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::InvocationError;

/// What a function posted to the Runtime API.
#[derive(Debug)]
pub(super) enum RuntimeReply {
    /// The answer to the event with this request id, or its error.
    Answer(String, Result<Value, InvocationError>),
    /// It could not start.
    InitError(InvocationError),
}

/// A Runtime API for one process, on a free port of the loopback interface.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    exchange: Arc<Exchange>,
    left: mpsc::UnboundedReceiver<RuntimeReply>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Exchange {
    arn: String,
    events: Mutex<VecDeque<Event>>,
    more: Notify,
    left: mpsc::UnboundedSender<RuntimeReply>,
}

#[derive(Debug)]
struct Event {
    request_id: String,
    /// Since 1970.
    deadline: Duration,
    body: String,
}

impl RuntimeApi {
    pub(super) async fn serve(arn: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, left) = mpsc::unbounded_channel();
        let exchange = Arc::new(Exchange {
            arn,
            events: Mutex::default(),
            more: Notify::new(),
            left: sender,
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&exchange)));
        Ok(Self {
            address,
            exchange,
            left,
            server,
        })
    }

    /// Queues an event for the function to fetch.
    pub(super) fn offer(&self, request_id: &str, event: &Value, time: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let event = Event {
            request_id: request_id.to_owned(),
            deadline: now.unwrap_or_default().saturating_add(time),
            body: event.to_string(),
        };
        self.exchange.events().push_back(event);
        self.exchange.more.notify_one();
    }

    /// What the function leaves next; waits for it.
    pub(super) async fn next(&mut self) -> Option<RuntimeReply> {
        self.left.recv().await
    }

    /// What the function has left already.
    pub(super) fn pending(&mut self) -> Option<RuntimeReply> {
        self.left.try_recv().ok()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Exchange {
    fn events(&self) -> std::sync::MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix("/2018-06-01/runtime/");
        let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
        Ok(match (head.method, parts.as_slice()) {
            (Method::GET, ["invocation", "next"]) => self.next_event().await,
            (Method::POST, ["invocation", id, "response"]) => {
                let body = body.collect().await?.to_bytes();
                let text = String::from_utf8_lossy(&body);
                // Lambda passes on whatever a custom runtime answers; the sandbox wraps an answer that is not JSON in a string.
                let value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
                self.leave(RuntimeReply::Answer((*id).to_owned(), Ok(value)))
            }
            (Method::POST, ["invocation", id, "error"]) => {
                let body = body.collect().await?.to_bytes();
                self.leave(RuntimeReply::Answer(
                    (*id).to_owned(),
                    Err(function_error(&body)),
                ))
            }
            (Method::POST, ["init", "error"]) => {
                let body = body.collect().await?.to_bytes();
                self.leave(RuntimeReply::InitError(function_error(&body)))
            }
            _ => plain(StatusCode::NOT_FOUND, "no such resource of the Runtime API"),
        })
    }

    /// The next event. Lambda freezes a function that asks while there is none, so this just waits.
    async fn next_event(&self) -> Response<Full<Bytes>> {
        let event = loop {
            let event = self.events().pop_front();
            match event {
                Some(event) => break event,
                None => self.more.notified().await,
            }
        };
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", event.request_id)
            .header(
                "lambda-runtime-deadline-ms",
                event.deadline.as_millis().to_string(),
            )
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            )
            .body(Full::new(Bytes::from(event.body)))
            .unwrap_or_else(|error| plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
    }

    fn leave(&self, left: RuntimeReply) -> Response<Full<Bytes>> {
        // The receiver is gone only when the process is about to be killed.
        let _ = self.left.send(left);
        plain(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
    }
}

async fn accept(listener: TcpListener, exchange: Arc<Exchange>) {
    while let Ok((stream, _)) = listener.accept().await {
        let exchange = Arc::clone(&exchange);
        tokio::spawn(async move {
            let service = service_fn(|request| exchange.answer(request));
            // The function hangs up when it is killed.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn plain(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    response
}

/// Reads an error as a runtime reports it.
fn function_error(body: &[u8]) -> InvocationError {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    InvocationError {
        error_type: text("errorType").unwrap_or_else(|| "Unhandled".to_owned()),
        message: text("errorMessage").unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()),
    }
}

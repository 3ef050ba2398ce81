//! The account for other processes: the same operations over HTTP on the loopback interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;

use chrono::Utc;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming as IncomingBody};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::wire::{Incoming, Outgoing};
use crate::{Account, Organization};

/// An account served at `http://127.0.0.1` on a free port, all its services at one address: what
/// `AWS_ENDPOINT_URL` is for. It serves until it is dropped.
///
/// It has a thread and a runtime of its own, so that a test may block while another process asks. That
/// runtime's clock is the real one: where the test's own is paused, the account's time is the later of
/// the two.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Serves `account` from now on.
    ///
    /// # Errors
    /// Whatever the operating system says when it refuses a port, a thread or what the runtime needs.
    pub fn serve(account: &Account) -> io::Result<Self> {
        Self::serve_all(Served::Account(account.clone()))
    }

    /// Serves the places of `organization` from now on. The credentials and the Region of a call say which it is for.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_organization(organization: &Organization) -> io::Result<Self> {
        Self::serve_all(Served::Organization(organization.clone()))
    }

    fn serve_all(served: Served) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("tagwarden-sandbox".to_owned())
            .spawn(move || run(&runtime, listener, &served, stopped))?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address, `http://127.0.0.1:49152` for instance.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What is served.
#[derive(Clone, Debug)]
enum Served {
    Account(Account),
    Organization(Organization),
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens only where the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(runtime: &Runtime, listener: TcpListener, served: &Served, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            ended = serve(listener, served) => {
                if let Err(error) = ended {
                    tracing::error!(%error, "the loopback server has ended");
                }
            }
        }
    });
}

async fn serve(listener: TcpListener, served: &Served) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answering = served.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&answering, request));
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection has ended early");
            }
        });
    }
}

async fn answer(
    served: &Served,
    request: Request<IncomingBody>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = head.headers.get("x-amz-target");
    let incoming = Incoming {
        target: target.and_then(|target| target.to_str().ok()),
        path: head.uri.path_and_query().map_or("/", |it| it.as_str()),
        authorization: head
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok()),
        body: &body,
    };
    let mut outgoing = match served {
        Served::Account(account) => account.answer(incoming).await,
        Served::Organization(organization) => organization.answer(incoming).await,
    };
    // The client's clock is the real one. To an SDK that sees another here, an `AccessDeniedException`
    // looks like a matter of clocks, and it tries again.
    outgoing.date = Utc::now();
    Ok(respond(outgoing))
}

fn respond(outgoing: Outgoing) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(outgoing.status);
    for (name, value) in outgoing.headers() {
        response = response.header(name, value);
    }
    // A fault may carry a status that HTTP does not know.
    let body = Full::new(Bytes::from(outgoing.body));
    response.body(body).unwrap_or_else(|error| {
        let mut broken = Response::new(Full::new(Bytes::from(error.to_string())));
        *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

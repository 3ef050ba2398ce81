//! The function's process.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::runtime_api::{RuntimeApi, RuntimeReply};
use super::{Bootstrap, InvocationError};
use crate::place::REGION;

/// A bootstrap that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    api: RuntimeApi,
    output: Output,
    timeout: Duration,
}

/// How an event went.
#[derive(Debug)]
pub(super) enum Handled {
    /// The function answered, or reported an error.
    Answered(Result<Value, InvocationError>),
    /// The process is no longer of use.
    Lost(InvocationError),
}

impl Process {
    pub(super) async fn start(bootstrap: &Bootstrap) -> io::Result<Self> {
        let api = RuntimeApi::serve(bootstrap.arn()).await?;
        let mut command = Command::new(&bootstrap.path);
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // What Lambda sets, see
        // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &bootstrap.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env(
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", bootstrap.name),
            )
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]sandbox")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "ASIASANDBOX000000000")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_SESSION_TOKEN", "sandbox")
            .envs(
                bootstrap
                    .environment
                    .iter()
                    .map(|(key, value)| (key, value)),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut output = Output::default();
        output.follow(child.stdout.take());
        output.follow(child.stderr.take());
        Ok(Self {
            child,
            api,
            output,
            timeout: bootstrap.timeout,
        })
    }

    /// Hands the function one event and waits for what becomes of it.
    pub(super) async fn handle(&mut self, event: &Value) -> io::Result<Handled> {
        let request_id = request_id();
        self.api.offer(&request_id, event, self.timeout);
        let deadline = tokio::time::sleep(self.timeout);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                // What was left before the process ended counts.
                biased;
                Some(left) = self.api.next() => {
                    if let Some(handled) = take(left, &request_id) {
                        return Ok(handled);
                    }
                }
                status = self.child.wait() => {
                    let status = status?;
                    while let Some(left) = self.api.pending() {
                        if let Some(handled) = take(left, &request_id) {
                            return Ok(handled);
                        }
                    }
                    return Ok(Handled::Lost(self.exit_error(&request_id, status).await));
                }
                () = &mut deadline => {
                    self.child.kill().await?;
                    let seconds = self.timeout.as_secs_f64();
                    return Ok(Handled::Lost(InvocationError {
                        error_type: "Sandbox.Timedout".to_owned(),
                        message: format!(
                            "RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds{}",
                            self.output.finish().await
                        ),
                    }));
                }
            }
        }
    }

    /// Ends the process, if it has not ended by itself.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    async fn exit_error(&mut self, request_id: &str, status: ExitStatus) -> InvocationError {
        InvocationError {
            error_type: "Runtime.ExitError".to_owned(),
            message: format!(
                "RequestId: {request_id} Error: Runtime exited with error: {status}{}",
                self.output.finish().await
            ),
        }
    }
}

/// A request id like Lambda's. They differ in their first digits, too: functions take those for a name.
fn request_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{number:08x}-0000-4000-a000-000000000000")
}

/// What something left means for the event with this id; nothing if it is about another.
fn take(left: RuntimeReply, request_id: &str) -> Option<Handled> {
    match left {
        RuntimeReply::Answer(id, answer) => (id == request_id).then_some(Handled::Answered(answer)),
        RuntimeReply::InitError(error) => Some(Handled::Lost(error)),
    }
}

/// What a process has written, both streams together.
#[derive(Debug, Default)]
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Output {
    /// Reads a stream as it comes, so that the process never waits for room in the pipe.
    fn follow(&mut self, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(mut stream) = stream else {
            return;
        };
        let text = Arc::clone(&self.text);
        self.readers.push(tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
        }));
    }

    /// All that was written, on lines of its own, once the process has ended.
    async fn finish(&mut self) -> String {
        for reader in self.readers.drain(..) {
            // A child of the process may hold the pipe open for as long as it likes.
            let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
        }
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        match String::from_utf8_lossy(&text).trim() {
            "" => String::new(),
            text => format!("\n{text}"),
        }
    }
}

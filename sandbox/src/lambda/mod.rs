//! Lambda for one function: its `bootstrap` as a process, and the Runtime API it asks for events.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

mod process;
mod runtime_api;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::place::{ACCOUNT_ID, REGION};
use process::Process;

/// A function of the account: an executable that speaks the Runtime API, and its configuration.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// # use tagwarden_sandbox::{Account, Bootstrap, Loopback};
/// let account = Account::new();
/// let loopback = Loopback::serve(&account)?;
/// let rule = Bootstrap::new("target/debug/tagwarden-rule").env("AWS_ENDPOINT_URL", loopback.url());
/// let answer = rule.invoke(&account.scheduled_event("tagging")).await?;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bootstrap {
    path: PathBuf,
    name: String,
    environment: Vec<(OsString, OsString)>,
    timeout: Duration,
}

/// An invocation that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct InvocationError {
    /// The type: the function's own, or Lambda's, as `Runtime.ExitError` for a process that ended and
    /// `Sandbox.Timedout` for one that took too long.
    pub error_type: String,
    /// The message. Where the process has ended, what it had written to its output is part of it.
    pub message: String,
}

impl Bootstrap {
    /// The function whose executable is at `path`, named after it, with an empty environment and 60
    /// seconds for an invocation.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        let stem = path.file_stem().map(OsStr::to_string_lossy);
        Self {
            name: stem.map_or_else(|| "function".to_owned(), std::borrow::Cow::into_owned),
            path,
            environment: Vec::new(),
            timeout: Duration::from_mins(1),
        }
    }

    /// With this name: part of the ARN the function sees.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With this environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// With so much time for the start and for each invocation, which the function sees as its deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The function's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{}",
            self.name
        )
    }

    /// Starts the function, hands it one event and gives its answer, or its error. The process has ended
    /// when this returns, and is killed if this is dropped before.
    ///
    /// Asks for a runtime with I/O and a clock that is not paused.
    ///
    /// # Errors
    /// What the operating system says when the process cannot be started, or the Runtime API cannot be
    /// served. What the function does wrong is the inner error.
    pub async fn invoke(&self, event: &Value) -> io::Result<Result<Value, InvocationError>> {
        let mut answers = self.invoke_all(std::slice::from_ref(event)).await?;
        answers
            .pop()
            .ok_or_else(|| io::Error::other("no answer to the event"))
    }

    /// As [`Bootstrap::invoke`], for several events one after the other: by the same process as long as
    /// that lives, as Lambda does it. The answers are in the order of the events.
    ///
    /// # Errors
    /// As [`Bootstrap::invoke`].
    pub async fn invoke_all(
        &self,
        events: &[Value],
    ) -> io::Result<Vec<Result<Value, InvocationError>>> {
        let mut answers = Vec::with_capacity(events.len());
        let mut process: Option<Process> = None;
        for event in events {
            let mut running = match process.take() {
                Some(running) => running,
                None => Process::start(self).await?,
            };
            match running.handle(event).await? {
                // The environment is frozen between two events and goes on with the next.
                process::Handled::Answered(answer) => {
                    answers.push(answer);
                    process = Some(running);
                }
                process::Handled::Lost(error) => {
                    answers.push(Err(error));
                    running.stop().await?;
                }
            }
        }
        if let Some(running) = process {
            running.stop().await?;
        }
        Ok(answers)
    }
}

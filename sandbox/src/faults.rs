//! Trouble on demand: refusals, latency, and a world that changes between two calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::ApiError;
use crate::{Account, Request};

/// An error that a matching call gets instead of its answer.
///
/// ```
/// # use tagwarden_sandbox::{Account, Fault};
/// # let account = Account::new();
/// account.fail(
///     Fault::new("CreateTags", "UnauthorizedOperation", "You are not authorized to perform this operation.")
///         .status(403)
///         .when(|request| request.mentions("i-00000000000000001"))
///         .always(),
/// );
/// ```
#[derive(Clone)]
pub struct Fault {
    operation: String,
    error: ApiError,
    remaining: Option<u32>,
    when: Option<Condition>,
}

type Condition = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

impl Fault {
    /// The next call of `operation` is refused with this code and message and HTTP status 400. The
    /// SDK retries by the code (`RequestLimitExceeded`, `ThrottlingException`) and by the statuses
    /// 500, 502, 503 and 504.
    #[must_use]
    pub fn new(
        operation: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation: operation.into(),
            error: ApiError::new(code, message),
            remaining: Some(1),
            when: None,
        }
    }

    /// With this HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.error.status = status;
        self
    }

    /// The next `n` calls it applies to, a retry being a call.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.remaining = Some(n);
        self
    }

    /// Every call it applies to from now on.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.remaining = None;
        self
    }

    /// Only calls for which `condition` holds. It must not call the account, whose lock is held.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.when = Some(Arc::new(condition));
        self
    }

    fn applies(&self, request: &Request) -> bool {
        self.operation == request.operation
            && self.remaining != Some(0)
            && self.when.as_ref().is_none_or(|holds| holds(request))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("operation", &self.operation)
            .field("error", &self.error)
            .field("remaining", &self.remaining)
            .field("conditional", &self.when.is_some())
            .finish()
    }
}

/// The account's troubles.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) latency: Duration,
    faults: Vec<Fault>,
    hooks: Vec<Hook>,
}

/// Something to do when an operation is about to be answered.
pub(crate) struct Hook {
    operation: String,
    act: Box<dyn FnMut(&Account) + Send>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hook").field(&self.operation).finish()
    }
}

impl Troubles {
    /// The refusal this request is to meet, if any; the first fault that applies is used up.
    pub(crate) fn strike(&mut self, request: &Request) -> Result<(), ApiError> {
        let fault = self.faults.iter_mut().find(|fault| fault.applies(request));
        fault.map_or(Ok(()), |fault| {
            fault.remaining = fault.remaining.map(|left| left.saturating_sub(1));
            Err(fault.error.clone())
        })
    }
}

impl Account {
    /// Adds a fault. Faults are tried in the order they were added.
    pub fn fail(&self, fault: Fault) {
        self.contents().troubles.faults.push(fault);
    }

    /// Every call takes this long from now on, by tokio's clock.
    pub fn latency(&self, latency: Duration) {
        self.contents().troubles.latency = latency;
    }

    /// Runs `act` whenever a call of `operation` is about to be answered, each of the SDK's retries
    /// included: a test can change the world between two calls of the function under test.
    pub fn on_call(
        &self,
        operation: impl Into<String>,
        act: impl FnMut(&Account) + Send + 'static,
    ) {
        self.contents().troubles.hooks.push(Hook {
            operation: operation.into(),
            act: Box::new(act),
        });
    }

    /// As [`Account::on_call`], for the next call of `operation` only.
    pub fn on_next_call(
        &self,
        operation: impl Into<String>,
        act: impl FnOnce(&Account) + Send + 'static,
    ) {
        let mut act = Some(act);
        self.on_call(operation, move |account| {
            if let Some(act) = act.take() {
                act(account);
            }
        });
    }

    /// Runs the hooks of `operation`. They may call the account, so its lock is not held meanwhile.
    pub(crate) fn run_hooks(&self, operation: &str) {
        let mut hooks = std::mem::take(&mut self.contents().troubles.hooks);
        for hook in hooks.iter_mut().filter(|hook| hook.operation == operation) {
            (hook.act)(self);
        }
        // A hook may have added others: they come after those that were there.
        let mut contents = self.contents();
        hooks.append(&mut contents.troubles.hooks);
        contents.troubles.hooks = hooks;
    }
}

//! Ctrl-C and SIGTERM: the first ends the run cleanly, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tagwarden_remediation::progress::Monitor;

use crate::exit::{CommandError, Exit};

/// Whether a signal was caught.
#[derive(Debug)]
pub struct Interrupt {
    is_caught: Arc<AtomicBool>,
    monitor: Monitor,
}

impl Interrupt {
    /// Installs the handlers: the first signal cancels the run that `monitor` belongs to, the second ends this process.
    ///
    /// # Errors
    /// The operating system refuses a handler.
    pub fn catch(monitor: &Monitor) -> Result<Self, CommandError> {
        let is_caught = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag that the first one has set.
            flag::register_conditional_shutdown(
                signal,
                Exit::Interrupted.code().into(),
                Arc::clone(&is_caught),
            )
            .and_then(|_| flag::register(signal, Arc::clone(&is_caught)))
            .map_err(|error| {
                CommandError::new(
                    &format!("cannot install the handlers for Ctrl-C and SIGTERM: {error}"),
                    "Nothing was done. Run the command in another shell.",
                )
            })?;
        }
        Ok(Self {
            is_caught,
            monitor: monitor.clone(),
        })
    }

    /// Whether there was a signal.
    pub fn is_caught(&self) -> bool {
        self.is_caught.load(Ordering::Relaxed)
    }

    /// Passes a signal on to the run.
    pub fn pass_on(&self) {
        if self.is_caught() {
            self.monitor.cancel();
        }
    }
}

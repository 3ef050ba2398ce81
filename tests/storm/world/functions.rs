//! Runs the functions, and the sweeps after the storm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;
use chrono::TimeDelta;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::{Remediation, Settings};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::queue::{deliver, sweep};
use super::{World, open_marks};
use crate::model::StackNumber;
use crate::network::{Function, Kill, Network, Stage};
use crate::scenario::{SCOPE, Setup};

/// The most sweeps after which nothing may be left to do.
const MOST_SWEEPS: usize = 100;

/// The most instances that a run finds out to be refused, before it leaves the others to the next.
const MOST_REFUSED: usize = 20;

impl World {
    /// The configuration of clients whose calls go over the network of one run.
    pub(super) fn config_of(&self, function: &Arc<Function>) -> SdkConfig {
        let config = self.account().sdk_config();
        let network = Network {
            world: self.clone(),
            function: function.clone(),
            account: config.http_client().unwrap(),
        };
        config
            .to_builder()
            .region(self.0.region.clone())
            .http_client(SharedHttpClient::new(network))
            .build()
    }

    /// Runs one function of a stack. Returns an error if it failed, was killed or timed out.
    pub(super) async fn invoke(&self, stack: StackNumber, payload: Value) -> Result<Value, ()> {
        let function = self.function();
        self.state().model.tally.functions += 1;
        let config = self.config_of(&function);
        let remediation = Remediation::new(&config, self.stack(stack).settings.clone());
        let time = Duration::from_secs(self.storm().setup.timeout_seconds);
        let deadline = self.account().now() + TimeDelta::from_std(time).unwrap();
        let mut context = Context::default();
        let number = self.account().id();
        context.request_id = format!("{:08x}-0000-4000-8000-000000000000", function.run);
        context.invoked_function_arn =
            format!("arn:aws:lambda:us-east-1:{number}:function:tagwarden");
        context.deadline = deadline.timestamp_millis().unsigned_abs();
        let handled = Box::pin(remediation.handle(LambdaEvent::new(payload, context)));
        let handled = timeout(time, handled);
        let now = self.account().now();
        self.model(|model| model.run_started(function.run, stack, now));
        let answer = tokio::select! {
            biased;
            () = function.killed.notified() => None,
            answer = handled => answer.ok(),
        };
        self.model(|model| model.run_ended(function.run));
        answer.map_or_else(
            || {
                let mut state = self.state();
                state.model.tally.killed += 1;
                state.model.record_trouble(function.run);
                Err(())
            },
            |answer| answer.map_err(drop),
        )
    }

    /// A new run, which is killed at one of its calls or is not.
    pub(super) fn function(&self) -> Arc<Function> {
        let mut state = self.state();
        state.runs += 1;
        let run = state.runs;
        let kill = match self.0.killing {
            Some((killed, kill)) => (killed == run).then_some(kill),
            None if state.is_calm || !state.happens(self.storm().trouble.killed) => None,
            None => Some(Kill {
                call: state.chance.u32(..40),
                stage: [Stage::Before, Stage::Underway, Stage::Answered][state.chance.usize(..3)],
            }),
        };
        Arc::new(Function {
            run,
            kill,
            killed: Notify::new(),
        })
    }
}

/// Ends the trouble, and sweeps until nothing is left to do. Then people may take all tags of a stack back, and the
/// sweeps go on.
pub(super) async fn settle(world: &World) {
    world.state().is_calm = true;
    world.activate_policy(0);
    world.calm_down();
    sweep_until_idle(world).await;
    let Some(stack) = world.storm().final_undo else {
        return;
    };
    if !world.has_violation() {
        world.undo_everything(stack).await;
        sweep_until_idle(world).await;
    }
}

/// Sweeps until the sweeps find nothing to do.
///
/// One idle sweep proves nothing: it may have begun a countdown, announced a shutdown, or found out which instances
/// are refused for good. So there must be as many in a row as these can take.
async fn sweep_until_idle(world: &World) {
    let lull_minutes = world.storm().setup.lull_minutes;
    let waiting = world.storm().setups().map(|setup| {
        let after_stop = match setup.terminate_after_days {
            0 => TimeDelta::zero(),
            days => TimeDelta::days(days + 1),
        };
        TimeDelta::minutes(setup.grace_minutes)
            + TimeDelta::hours(setup.notice_hours).max(after_stop)
    });
    let waiting = waiting.max().unwrap_or_default().num_minutes();
    let waiting = usize::try_from(waiting).unwrap() / usize::try_from(lull_minutes).unwrap();
    let idle_sweeps = 3 + waiting + world.state().fleet.len() / MOST_REFUSED;
    let mut last = String::new();
    let mut idle = 0;
    for _ in 0..MOST_SWEEPS {
        if world.has_violation() {
            return;
        }
        sleep(Duration::from_mins(lull_minutes)).await;
        let first = world.state().runs + 1;
        let mut answers = Vec::new();
        for stack in 0..world.stacks() {
            answers.push(world.invoke(stack, sweep()).await);
        }
        deliver(world, || true).await;
        let is_open = open_marks(world.account(), world.stacks()) > 0;
        let runs = first..=world.state().runs;
        let has_written = world.model(|model| runs.into_iter().any(|run| model.has_written(run)));
        if answers.iter().all(Result::is_ok) && !has_written && !is_open {
            idle += 1;
        } else {
            idle = 0;
        }
        if idle == idle_sweeps {
            return;
        }
        last = format!("{answers:?}, has written: {has_written}, is open: {is_open}");
    }
    world.model(|model| model.violate(format!("the sweeps always found something to do: {last}")));
}

/// A stack's settings, with its policy table, ledger, topic and queue, and with the topics of letters and of a team.
pub(super) fn settings(setup: &Setup, names: [&str; 4], letters: &[String; 2]) -> Settings {
    let [policy_table, ledger_table, topic, queue_url] = names;
    let mut variables: BTreeMap<&str, String> = BTreeMap::from([
        ("TAGWARDEN_POLICY_TABLE", policy_table.to_owned()),
        ("TAGWARDEN_LEDGER_TABLE", ledger_table.to_owned()),
        ("TAGWARDEN_TOPIC_ARN", topic.to_owned()),
        ("TAGWARDEN_QUEUE_URL", queue_url.to_owned()),
        (
            "TAGWARDEN_RULES_MAY_DESTROY",
            setup.rules_may_destroy.to_owned(),
        ),
        ("TAGWARDEN_NOTICE_HOURS", setup.notice_hours.to_string()),
        (
            "TAGWARDEN_TERMINATE_AFTER_DAYS",
            setup.terminate_after_days.to_string(),
        ),
        ("TAGWARDEN_MODE", "enforce".to_owned()),
        ("TAGWARDEN_UNTAGGED", setup.untagged.to_owned()),
        ("TAGWARDEN_GRACE_MINUTES", setup.grace_minutes.to_string()),
        (
            "TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR",
            setup.budget.to_string(),
        ),
    ]);
    if setup.is_scoped {
        variables.insert("TAGWARDEN_VPC_IDS", SCOPE.to_owned());
    }
    if setup.letters {
        let [letters, contact] = letters.clone();
        variables.insert("TAGWARDEN_LETTERS_TOPIC_ARN", letters);
        variables.insert("TAGWARDEN_CONTACT_TOPICS", contact);
    }
    let read = |name: &str| variables.get(name).cloned();
    Settings::from_environment(&Environment::new(&read)).unwrap()
}

//! A function in a process of its own, as on Lambda, so that its memory and processor time can be measured. The account
//! is in the parent process, at `AWS_ENDPOINT_URL`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use chrono::{TimeDelta, Utc};
use lambda_runtime::{Context, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tagwarden_aws::lambda::{logging, metrics};
use tagwarden_core::settings::{Environment, PolicySettings};
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_rule::Rule;
use tagwarden_sandbox::Loopback;

use super::fleet::Fleet;

/// The environment variable that names the function to a child process.
const VARIABLE: &str = "TAGWARDEN_BENCH_FUNCTION";

/// One of the two functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Rule,
    Sweep,
}

/// What the child process measured of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub answer: Value,
    /// The time from the event to its answer, in seconds, waiting included.
    pub seconds: f64,
    /// The processor time from the event to its answer, in seconds.
    pub processor: f64,
    /// The peak of resident memory before the event, in KiB.
    pub peak_before: u64,
    /// The peak of resident memory after the answer, in KiB.
    pub peak: u64,
}

impl Function {
    /// The function's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Sweep => "sweep",
        }
    }

    /// The function that this process must run, if [`run`] started it.
    pub fn of_process() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        [Self::Rule, Self::Sweep]
            .into_iter()
            .find(|function| function.name() == name)
    }
}

/// Starts `function` on the account of `fleet` and passes it `event`. Returns what it measured.
pub fn run(function: Function, fleet: &Fleet, event: &Value) -> Measured {
    let loopback = Loopback::serve(&fleet.account).unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .env_clear()
        .env(VARIABLE, function.name())
        .env("AWS_LAMBDA_FUNCTION_NAME", "tagwarden")
        .env("AWS_ENDPOINT_URL", loopback.url())
        .env("AWS_REGION", fleet.account.region())
        .env("AWS_ACCESS_KEY_ID", "ASIASANDBOX000000000")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .envs(fleet.variables.iter().cloned())
        .stdin(Stdio::piped())
        // The log is written as on Lambda, and discarded.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(event.to_string().as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_str(errors.lines().last().unwrap_or_default()).unwrap()
}

/// Runs a function in this process, as `src/main.rs` of both functions does, but without the Runtime API.
pub fn run_as_child(function: Function) {
    logging::install(&Environment::of_process()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let measured = runtime.block_on(measure(function));
    eprintln!("{}", serde_json::to_string(&measured).unwrap());
}

async fn measure(function: Function) -> Measured {
    let payload = serde_json::from_reader(std::io::stdin()).unwrap();
    let mut context = Context::default();
    context.deadline = (Utc::now() + TimeDelta::minutes(15))
        .timestamp_millis()
        .unsigned_abs();
    let event = LambdaEvent::new(payload, context);
    let environment = Environment::of_process();
    metrics::install(&environment);
    let config = tagwarden_aws::function_config(&environment).unwrap();
    match function {
        Function::Rule => {
            let settings = PolicySettings::from_environment(&environment).unwrap();
            let rule = Rule::new(&config, settings);
            measure_handling(async || rule.handle(event).await.unwrap()).await
        }
        Function::Sweep => {
            let settings = Settings::from_environment(&environment).unwrap();
            let remediation = Remediation::new(&config, settings);
            measure_handling(async || remediation.handle(event).await.unwrap()).await
        }
    }
}

async fn measure_handling(handle: impl AsyncFnOnce() -> Value) -> Measured {
    let peak_before = peak();
    let processor = processor();
    let start = Instant::now();
    let answer = handle().await;
    metrics::flush();
    Measured {
        answer,
        seconds: start.elapsed().as_secs_f64(),
        processor: self::processor() - processor,
        peak_before,
        peak: peak(),
    }
}

/// The peak of this process's resident memory, in KiB, from Linux's `VmHWM`.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// The processor time of this process, in seconds. Linux counts in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name before the last parenthesis may hold anything. After it, the 12th and 13th are user and system time.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    let hundredths: f64 = times.map(|time| time.parse::<f64>().unwrap()).sum();
    hundredths / 100.0
}

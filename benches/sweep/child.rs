//! A function in a process of its own, as Lambda runs it, so that its memory and processor time are its own: the
//! account is in the process that started it, at `AWS_ENDPOINT_URL`.

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

/// Tells the process which function it is.
const VARIABLE: &str = "TAGWARDEN_BENCH_FUNCTION";

/// One of the two functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Rule,
    Sweep,
}

/// What the process measured of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub answer: Value,
    /// From the event to its answer, in seconds, waiting included.
    pub seconds: f64,
    /// The processor time of that, in seconds.
    pub processor: f64,
    /// The most memory that was resident before the event, in KiB.
    pub peak_before: u64,
    /// The same after its answer.
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

    /// The function that this process is to be, if it was started by [`run`].
    pub fn of_process() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        [Self::Rule, Self::Sweep]
            .into_iter()
            .find(|function| function.name() == name)
    }
}

/// Starts `function` against the account of `fleet`, hands it `event`, and gives what it measured.
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
        // Its log, written as in Lambda and read by nobody.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(event.to_string().as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_str(told.lines().last().unwrap_or_default()).unwrap()
}

/// What this process does where it is a function: as `src/main.rs` of both functions, but for the Runtime API.
pub fn be(function: Function) {
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
            around(async || rule.handle(event).await.unwrap()).await
        }
        Function::Sweep => {
            let settings = Settings::from_environment(&environment).unwrap();
            let remediation = Remediation::new(&config, settings);
            around(async || remediation.handle(event).await.unwrap()).await
        }
    }
}

async fn around(handle: impl AsyncFnOnce() -> Value) -> Measured {
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

/// The most memory of this process that was resident at once, in KiB, by Linux's account (`VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// The processor time of this process, in seconds, by Linux's account, which counts in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name before the last parenthesis may hold anything. After it, the 12th and 13th are user and system time.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    let hundredths: f64 = times.map(|time| time.parse::<f64>().unwrap()).sum();
    hundredths / 100.0
}

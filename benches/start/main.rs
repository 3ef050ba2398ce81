//! The time from the start of a function's process to its first event and its first answer: a cold start without
//! Lambda's own part.
//!
//! ```text
//! cargo bench --bench start                    # the rule, as the benchmark's profile builds it
//! cargo bench --bench start -- target/release  # every bootstrap in a directory
//! ```
//!
//! A plain HTTP server stands in for the Runtime API and the sandbox for AWS, both over loopback. Each start gives the
//! rule one changed instance, or the remediation, in a dry run, one instance id. The first use of AWS-LC is measured in
//! a process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, and prints what it measured"
)]

mod runtime_api;
mod tls;

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Launch, Loopback};

use runtime_api::RuntimeApi;

/// The number of starts whose median is printed.
const STARTS: usize = 31;

const RULE: &str = "tagwarden";

/// A function's times, measured from the start of its process.
struct Times {
    asked: Duration,
    answered: Duration,
}

fn main() {
    if tls::is_asked_for() {
        return tls::measure_in_this_process();
    }
    // `cargo bench` passes this argument. `cargo test` does not, and only checks that the benchmark works.
    let is_bench = env::args().any(|argument| argument == "--bench");
    let starts = if is_bench { STARTS } else { 3 };
    let account = account();
    let loopback = Loopback::serve(&account).unwrap();
    println!(
        "| function | start to asking for the first event | start to the first answer | executable |"
    );
    println!("|---|---|---|---|");
    for bootstrap in bootstraps() {
        let event = event_for(&bootstrap, &account);
        let times: Vec<Times> = (0..starts)
            .map(|_| start(&bootstrap, &loopback.url(), &event))
            .collect();
        println!(
            "| {} | {:.1} ms | {:.1} ms | {:.1} MB |",
            bootstrap.file_name().unwrap().to_string_lossy(),
            median(times.iter().map(|times| times.asked)),
            median(times.iter().map(|times| times.answered)),
            megabytes(&bootstrap),
        );
    }
    let (first, second): (Vec<Duration>, Vec<Duration>) =
        (0..starts).map(|_| tls::in_another_process()).unzip();
    println!();
    println!(
        "TLS: {:.1} ms from the request to its ClientHello the first time, {:.1} ms the second time (medians of {starts})",
        median(first.into_iter()),
        median(second.into_iter()),
    );
}

fn account() -> Account {
    let account = Account::new();
    account.create_config_rule(RULE);
    account.create_table("acme_cloud_policy_tagging_def");
    account.put_item(
        "acme_cloud_policy_tagging_def",
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "ann"}),
    );
    account
}

fn bootstraps() -> Vec<PathBuf> {
    let built = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule"));
    let directory = env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let directory = directory.map_or_else(|| built.parent().unwrap().to_owned(), PathBuf::from);
    let names = ["tagwarden-rule", "tagwarden-remediation"];
    let found = names.map(|name| directory.join(name));
    found.into_iter().filter(|path| path.exists()).collect()
}

fn event_for(bootstrap: &Path, account: &Account) -> Value {
    let id = account.launch(Launch::new().tag("Name", "web-1"));
    if bootstrap.ends_with("tagwarden-rule") {
        account.change_event(RULE, &id)
    } else {
        json!({"instanceIds": [id]})
    }
}

fn start(bootstrap: &Path, endpoint_url: &str, event: &Value) -> Times {
    let api = RuntimeApi::serve(event.to_string());
    let start = Instant::now();
    let mut process = std::process::Command::new(bootstrap)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "tagwarden")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_ENDPOINT_URL", endpoint_url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "ASIASANDBOX000000000")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let answered = api.answered();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(answered.is_answer, "{}", answered.body);
    Times {
        asked: answered.asked_at - start,
        answered: answered.at - start,
    }
}

/// The median, in milliseconds.
fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times.get(times.len() / 2).unwrap().as_secs_f64() * 1_000.0
}

fn megabytes(path: &Path) -> f64 {
    let length = path.metadata().unwrap().len();
    f64::from(u32::try_from(length / 1_000).unwrap()) / 1_000.0
}

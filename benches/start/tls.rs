//! The cost of the first use of TLS: reading the root certificates, initialising AWS-LC, and generating keys.

use std::env;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use tagwarden_aws::function_config;
use tagwarden_core::settings::Environment;

/// The environment variable that makes a process measure.
const VARIABLE: &str = "TAGWARDEN_BENCH_TLS";

pub fn is_asked_for() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// Times the first and the second request of a new process, each until its `ClientHello` arrives.
pub fn in_another_process() -> (Duration, Duration) {
    let process = Command::new(env::current_exe().unwrap())
        .env(VARIABLE, "1")
        .env("AWS_ACCESS_KEY_ID", "ASIASANDBOX000000000")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox")
        .output()
        .unwrap();
    let printed = String::from_utf8(process.stdout).unwrap();
    let mut times = printed
        .split_whitespace()
        .map(|micros| Duration::from_micros(micros.parse().unwrap()));
    (times.next().unwrap(), times.next().unwrap())
}

pub fn measure_in_this_process() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (sender, hellos) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut first = [0];
            connection.unwrap().read_exact(&mut first).unwrap();
            assert_eq!(first, [0x16], "a TLS handshake");
            sender.send(Instant::now()).unwrap();
        }
    });
    let variable = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        _ => None,
    };
    let config = function_config(&Environment::new(&variable)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = config
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    // Two services share one HTTPS client, as in a function.
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sns = aws_sdk_sns::Client::new(&config);
    // The server closes the connection, so an error is expected.
    let first = Instant::now();
    let _ = runtime.block_on(dynamodb.scan().table_name("t").send());
    let first = hellos.recv().unwrap() - first;
    let second = Instant::now();
    let _ = runtime.block_on(sns.publish().topic_arn("t").message("m").send());
    let second = hellos.recv().unwrap() - second;
    println!("{} {}", first.as_micros(), second.as_micros());
}

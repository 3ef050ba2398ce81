//! moto's server as a child process: installed once, started on a free port, ended with the test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use serde_json::Value;

use super::venv;

/// How long the server may take to be ready; on a warm machine it is two seconds.
const START: Duration = Duration::from_mins(2);
/// How long it may take to end what it started.
const END: Duration = Duration::from_secs(5);

/// What is installed: moto, cfn-lint and the AWS CLI.
pub const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/requirements.txt");
/// A zip on standard output that holds `bootstrap`, which is the argument.
const ZIP: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, 'w') as package:
    package.writestr('bootstrap', sys.argv[1])";
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/server.py");

/// A running moto server, with one account (`123456789012`) and every Region.
///
/// The server ends when its standard input closes, which this value holds: on drop, and also when the test's
/// process ends without dropping it, as it does for a `static`.
#[derive(Debug)]
pub struct Moto {
    server: Child,
    lifeline: Option<ChildStdin>,
    endpoint: String,
    user: Credentials,
    programs: PathBuf,
    log: PathBuf,
    calls: PathBuf,
}

impl Moto {
    /// Installs moto if need be (half a minute, once for each `requirements.txt`) and starts the server.
    ///
    /// Panics with what to do about it if Python is missing, the installation fails or the server does not start.
    #[allow(dead_code, reason = "one of the two, as the test likes")]
    pub fn start() -> Self {
        Self::start_with("moto-server", &[])
    }

    /// The same, and what has a role's credentials may do only what the role grants; see [`Moto::calls`].
    #[allow(dead_code, reason = "one of the two, as the test likes")]
    pub fn start_with_permissions() -> Self {
        Self::start_with("moto-server-with-permissions", &["--iam"])
    }

    fn start_with(name: &str, options: &[&str]) -> Self {
        let programs = venv::installed("moto", REQUIREMENTS);
        let file = venv::target_directory().join(name);
        let (log, calls) = (
            file.with_extension("log"),
            file.with_extension("calls.jsonl"),
        );
        let _ = fs::remove_file(&calls);
        let mut server = Command::new(programs.join("python"))
            .arg(SERVER)
            .args(options)
            .args((!options.is_empty()).then_some(&calls))
            .env("PYTHONDONTWRITEBYTECODE", "1") // nothing beside the sources
            .process_group(0) // whose processes the server ends all at once
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let lifeline = server.stdin.take();
        let stdout = server.stdout.take().unwrap();

        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = ready.recv_timeout(START).unwrap_or_default();
        let Ok(told) = serde_json::from_str::<Value>(&line) else {
            drop(lifeline);
            let _ = server.kill();
            let _ = server.wait();
            panic!("moto's server did not start: see {}", log.display());
        };
        let text = |pointer: &str| told.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Self {
            server,
            lifeline,
            endpoint: text("/endpoint"),
            user: credentials(&text("/user/accessKeyId"), &text("/user/secretAccessKey")),
            programs,
            log,
            calls,
        }
    }

    /// The directory of the programs that are installed with moto: `python`, `aws`, `cfn-lint`.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// What the server and the functions logged so far.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The calls that were made with a role's credentials so far: `role`, `session`, `action`, `resources` and
    /// whether it was `allowed`.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn calls(&self) -> Vec<Value> {
        let calls = fs::read_to_string(&self.calls).unwrap();
        calls
            .lines()
            .map(|call| serde_json::from_str(call).unwrap())
            .collect()
    }

    /// Where the server listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The real SDK's configuration for this server: over HTTP, in us-east-1, as the account's root user.
    pub fn sdk_config(&self) -> SdkConfig {
        // moto takes any key it does not know for the account's own.
        self.sdk_config_as(credentials("AKIAIOSFODNN7EXAMPLE", "any"))
    }

    /// The same as the IAM user `ana`.
    pub fn sdk_config_as_ana(&self) -> SdkConfig {
        self.sdk_config_as(self.user.clone())
    }

    fn sdk_config_as(&self, credentials: Credentials) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(self.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .build()
    }

    /// A Lambda deployment package whose `bootstrap` becomes the given program.
    pub fn zip_of(&self, program: &Path) -> Vec<u8> {
        assert!(
            program.is_file(),
            "{} is missing: build the whole workspace with `cargo test --workspace`",
            program.display()
        );
        let bootstrap = format!("#!/bin/sh\nexec '{}'\n", program.display());
        let zip = Command::new(self.programs.join("python"))
            .args(["-c", ZIP, &bootstrap])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(zip.status.success(), "no zip was made");
        zip.stdout
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if !matches!(self.server.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn credentials(key: &str, secret: &str) -> Credentials {
    Credentials::new(key, secret, None, None, "moto")
}

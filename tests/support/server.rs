//! An emulator's server as a child process, which cannot outlive the test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
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

/// The longest time until the server is ready. On a warm machine it takes two seconds.
const START: Duration = Duration::from_mins(2);
/// The longest time for the server to stop what it started.
const END: Duration = Duration::from_secs(5);

/// A running server.
///
/// The server stops when its standard input closes. This value holds that input, so the server stops on drop and also
/// when the test's process ends without a drop, as with a `static`.
#[derive(Debug)]
pub struct Server {
    process: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

impl Server {
    /// Starts the command and waits for the line of JSON that it prints when it is ready. Returns the server and that
    /// JSON. The server's standard error goes to the file `log`.
    ///
    /// Panics with the log's path if the server does not start.
    pub fn start(command: &mut Command, log: PathBuf) -> (Self, Value) {
        let mut process = command
            .env("PYTHONDONTWRITEBYTECODE", "1") // nothing beside the sources
            .process_group(0) // whose processes the server ends all at once
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let stdout = process.stdout.take().unwrap();
        let server = Self {
            process,
            input,
            log,
        };

        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = ready.recv_timeout(START).unwrap_or_default();
        let Ok(told) = serde_json::from_str(&line) else {
            panic!("the server did not start: see {}", server.log.display());
        };
        (server, told)
    }

    /// Writes a line to the server's standard input.
    #[allow(dead_code, reason = "for the server that listens")]
    pub fn tell(&self, line: &str) {
        let mut input = self.input.as_ref().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// The log of the server and the functions so far.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The real SDK's configuration for the server at `endpoint`: over HTTP, in us-east-1.
pub fn sdk_config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .build()
}

/// An access key that does not expire.
pub fn credentials(key: &str, secret: &str) -> Credentials {
    Credentials::new(key, secret, None, None, "test")
}

/// A Lambda deployment package with the given program as its `bootstrap`, made by Python.
///
/// Panics if the program was not built.
pub fn zip_of(program: &Path) -> Vec<u8> {
    const ZIP: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, 'w') as package:
    package.writestr('bootstrap', sys.argv[1])";
    assert!(
        program.is_file(),
        "{} is missing: build the whole workspace with `cargo test --workspace`",
        program.display()
    );
    let bootstrap = format!("#!/bin/sh\nexec '{}'\n", program.display());
    let zip = Command::new("python3")
        .args(["-c", ZIP, &bootstrap])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(zip.status.success(), "no zip was made");
    zip.stdout
}

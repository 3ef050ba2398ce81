//! moto's server as a child process: installed once, started on a free port, ended with the test.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
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

/// How long the server may take to be ready; on a warm machine it is two seconds.
const START: Duration = Duration::from_mins(2);
/// How long it may take to end what it started.
const END: Duration = Duration::from_secs(5);

const REQUIREMENTS: &str = include_str!("../moto/requirements.txt");
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
    python: PathBuf,
}

impl Moto {
    /// Installs moto if need be (half a minute, once for each `requirements.txt`) and starts the server.
    ///
    /// Panics with what to do about it if Python is missing, the installation fails or the server does not start.
    pub fn start() -> Self {
        let target = target_directory();
        let python = installed_python(&target);
        let log = target.join("moto-server.log");
        let mut server = Command::new(&python)
            .arg(SERVER)
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
        let Ok(told) = serde_json::from_str::<serde_json::Value>(&line) else {
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
            python,
        }
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
        let zip = Command::new(&self.python)
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

/// Cargo's target directory: this test is `target/debug/deps/moto-…`.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// The interpreter of a virtual environment that holds `requirements.txt`, installed if it is not there yet.
///
/// The environment is named after the requirements and Python's version. A lock keeps two test runs from installing
/// at once; a marker, written last, tells a finished installation from an interrupted one, which is done again.
fn installed_python(target: &Path) -> PathBuf {
    let version = Command::new("python3").arg("--version").output();
    let version = version.unwrap_or_else(|error| {
        panic!("the tests on moto need python3 (3.11 or newer, with venv) on the PATH: {error}")
    });
    let mut hasher = DefaultHasher::new();
    (REQUIREMENTS, version.stdout).hash(&mut hasher);
    let venv = target.join(format!("moto-venv-{:016x}", hasher.finish()));
    let (python, finished) = (venv.join("bin/python"), venv.join("finished"));

    let lock = File::create(venv.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !finished.exists() {
        // Not by `eprintln`, which a test keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "Installing moto into {} ...",
            venv.display()
        );
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv));
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/moto/requirements.txt"
            )));
        File::create(finished).unwrap();
    }
    python
}

/// Runs the command to its end; its errors are shown, and are this test's.
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} failed: {status}");
}

//! moto's server: installed once, started on a free port, stopped with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use serde_json::Value;

use super::server::{Server, credentials, sdk_config};
use super::venv;

/// The Python requirements: moto, cfn-lint and the AWS CLI.
pub const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/requirements.txt");
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/server.py");

/// A running moto server, with one account (`123456789012`) and every Region.
#[derive(Debug)]
pub struct Moto {
    #[allow(
        dead_code,
        reason = "ends the server when dropped; one test reads its log"
    )]
    server: Server,
    endpoint: String,
    user: Credentials,
    programs: PathBuf,
    calls: PathBuf,
}

impl Moto {
    /// Installs moto if needed (half a minute, once for each `requirements.txt`) and starts the server.
    ///
    /// Panics with advice if Python is missing, the installation fails or the server does not start.
    #[allow(dead_code, reason = "one of the two, as the test likes")]
    pub fn start() -> Self {
        Self::start_with("moto-server", &[])
    }

    /// Starts a server that also enforces roles: their credentials may do only what the role grants. See
    /// [`Moto::calls`].
    #[allow(dead_code, reason = "one of the two, as the test likes")]
    pub fn start_with_permissions() -> Self {
        Self::start_with("moto-server-with-permissions", &["--iam"])
    }

    fn start_with(name: &str, options: &[&str]) -> Self {
        let programs = venv::installed("moto", REQUIREMENTS);
        let file = venv::target_directory().join(name);
        let calls = file.with_extension("calls.jsonl");
        let _ = fs::remove_file(&calls);
        let mut python = Command::new(programs.join("python"));
        python
            .arg(SERVER)
            .args(options)
            .args((!options.is_empty()).then_some(&calls));
        let (server, told) = Server::start(&mut python, file.with_extension("log"));
        let text = |pointer: &str| told.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Self {
            server,
            endpoint: text("/endpoint"),
            user: credentials(&text("/user/accessKeyId"), &text("/user/secretAccessKey")),
            programs,
            calls,
        }
    }

    /// The directory of the programs installed with moto: `python`, `aws`, `cfn-lint`.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The log of the server and the functions so far.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The calls made with a role's credentials so far: `role`, `session`, `action`, `resources` and whether it was
    /// `allowed`.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn calls(&self) -> Vec<Value> {
        let calls = fs::read_to_string(&self.calls).unwrap();
        calls
            .lines()
            .map(|call| serde_json::from_str(call).unwrap())
            .collect()
    }

    /// The server's address: `http://127.0.0.1:PORT`.
    #[allow(dead_code, reason = "for the tests of the stack")]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The real SDK's configuration for this server: over HTTP, in us-east-1, as the account's root user.
    pub fn sdk_config(&self) -> SdkConfig {
        // moto treats any unknown key as the account's root user.
        sdk_config(&self.endpoint, credentials("AKIAIOSFODNN7EXAMPLE", "any"))
    }

    /// The real SDK's configuration for this server as the IAM user `ana`.
    pub fn sdk_config_as_ana(&self) -> SdkConfig {
        sdk_config(&self.endpoint, self.user.clone())
    }
}

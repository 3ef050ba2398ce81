//! Runs `scripts/deploy` and the AWS CLI against an emulator, with the functions that Cargo built for the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::server::zip_of;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/deploy");

/// The emulator, Region and credentials of a deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The directory of the AWS CLI.
    pub programs: PathBuf,
    /// The emulator's URL.
    pub endpoint: String,
    /// The access key's id and secret.
    pub key: (&'static str, &'static str),
    /// The Region.
    pub region: &'static str,
    /// Stands in for Cargo's target directory, where `scripts/deploy` looks for the zips.
    pub directory: PathBuf,
}

impl Deployment {
    /// Packages both functions as `scripts/build` does, and creates the bucket for them.
    pub fn prepare(&self) {
        self.package();
        run_to_success(
            self.aws()
                .args(["s3", "mb", &format!("s3://{}", self.bucket())]),
        );
    }

    /// Packages both functions as `scripts/build` does.
    pub fn package(&self) {
        let zips = self.directory.join("lambda");
        fs::create_dir_all(&zips).unwrap();
        for function in ["tagwarden-rule", "tagwarden-remediation"] {
            // Cargo gives a test only the path of its own package's binaries. The remediation's binary is beside the
            // rule's.
            let rule = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule"));
            let zip = zip_of(&rule.with_file_name(function));
            fs::write(zips.join(format!("{function}.zip")), zip).unwrap();
        }
        fs::write(zips.join("architecture"), "x86_64\n").unwrap();
    }

    /// Runs `scripts/deploy`. Returns what it printed.
    pub fn run_script(&self, arguments: &[&str]) -> String {
        let mut deploy = self.command(SCRIPT);
        run_to_success(deploy.args(["--bucket", &self.bucket()]).args(arguments))
    }

    /// The resources of a stack: logical ids and physical ids.
    pub fn resources(&self, stack: &str) -> BTreeMap<String, String> {
        let mut list = self.aws();
        list.args(["cloudformation", "list-stack-resources", "--output", "json"]);
        let listed = run_to_success(list.args(["--stack-name", stack]));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let resources = listed["StackResourceSummaries"].as_array().unwrap().iter();
        resources
            .filter_map(|resource| {
                let text = |member: &str| resource[member].as_str().map(ToOwned::to_owned);
                // moto also lists resources that a condition excludes, without a name.
                Some((
                    text("LogicalResourceId").filter(|id| !id.is_empty())?,
                    text("PhysicalResourceId")?,
                ))
            })
            .collect()
    }

    /// A command of the AWS CLI.
    ///
    /// Not for SQS, where version 1 of the CLI ignores `AWS_ENDPOINT_URL` and uses AWS's own address.
    pub fn aws(&self) -> Command {
        self.command(&self.programs.join("aws").to_string_lossy())
    }

    /// A command whose AWS is the emulator and which can reach no other host.
    pub fn command(&self, program: &str) -> Command {
        fs::create_dir_all(&self.directory).unwrap();
        let settings = self.directory.join("aws-config");
        // The emulators do not understand bucket names in the host name.
        fs::write(&settings, "[default]\ns3 =\n  addressing_style = path\n").unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.programs.display()))
            // moto expects a bucket in the path only if the host is `localhost`.
            .env(
                "AWS_ENDPOINT_URL",
                self.endpoint.replace("127.0.0.1", "localhost"),
            )
            .env("AWS_ACCESS_KEY_ID", self.key.0)
            .env("AWS_SECRET_ACCESS_KEY", self.key.1)
            .env("AWS_REGION", self.region)
            .env("AWS_DEFAULT_REGION", self.region)
            .env("AWS_CONFIG_FILE", settings)
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // AWS's own addresses are https, and nothing listens at this proxy.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("CARGO_TARGET_DIR", &self.directory);
        command
    }

    fn bucket(&self) -> String {
        format!("zips-{}", self.region)
    }
}

/// Runs the command to completion. Returns what it printed, and panics with its errors if it fails.
pub fn run_to_success(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (printed, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {errors}");
    String::from_utf8(printed).unwrap()
}

//! Makes the recordings in `cli/tests/plan/recorded` anew, with the AWS CLI itself, of the tests' fleet:
//!
//! ```console
//! $ cargo run --example record_fleet
//! ```
//!
//! The account is one inside this program, on loopback: AWS is not called.

use std::error::Error;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use tagwarden_sandbox::{Account, Loopback};

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/plan/fleet.rs"]
mod fleet;

/// What is recorded, and the command that does it.
const RECORDINGS: [(&str, &[&str]); 2] = [
    ("fleet.json", &["ec2", "describe-instances"]),
    (
        "launches.json",
        &[
            "cloudtrail",
            "lookup-events",
            "--lookup-attributes",
            "AttributeKey=EventName,AttributeValue=RunInstances",
            "--start-time",
            "2026-08-26T00:00:00Z",
        ],
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let account = Account::starting_at(fleet::RECORDED_AT.parse::<DateTime<Utc>>()?);
    fleet::launch(&account);
    let loopback = Loopback::serve(&account)?;
    for (name, arguments) in RECORDINGS {
        let output = Command::new("aws")
            .args(arguments)
            .args(["--output", "json"])
            .env("AWS_ENDPOINT_URL", loopback.url())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIASANDBOX000000000")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("the AWS CLI cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("aws {}: {}", arguments.join(" "), output.status).into());
        }
        std::fs::write(fleet::recording(name), output.stdout)?;
    }
    Ok(())
}

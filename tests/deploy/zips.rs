//! What `scripts/build` made starts as Lambda starts it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tagwarden_sandbox::lambda::Bootstrap;

use crate::venv;

#[tokio::test]
#[ignore = "needs the zips of scripts/build, for this machine's architecture"]
async fn each_bootstrap_answers_the_runtime_api() {
    let built = venv::target_directory().join("lambda");
    let architecture = fs::read_to_string(built.join("architecture")).unwrap();
    let own = std::env::consts::ARCH.replace("aarch64", "arm64");
    assert_eq!(architecture.trim(), own, "build with `scripts/build {own}`");
    for function in ["tagwarden-rule", "tagwarden-remediation"] {
        let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join(function);
        let zip = built.join(format!("{function}.zip"));
        let unzip = Command::new("python3")
            .args(["-m", "zipfile", "--extract"])
            .args([&zip, &unpacked])
            .status();
        assert!(unzip.unwrap().success());
        let bootstrap = unpacked.join("bootstrap");
        // Python's unzip forgets the mode.
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&bootstrap, executable).unwrap();
        let answer = Bootstrap::new(bootstrap)
            .name(function)
            .env("AWS_REGION", "us-east-1")
            .invoke(&json!({"hello": "world"}))
            .await
            .unwrap();
        assert_eq!(answer.unwrap_err().error_type, "InvalidEvent", "{function}");
    }
}

//! Inputs that nobody wrote: the command reads any policy file and any recording without a panic.
//!
//! See `tests/fuzz/main.rs` at the root.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

#[allow(dead_code, reason = "the functions' targets use the rest of it")]
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use mutate::{Chance, corpus, each_seed, text};

/// So many files are read by one command: to start it takes longer than to read one.
const AT_ONCE: u64 = 50;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Panics unless the command ends by itself, with a status of its own.
fn ends(arguments: &[&str], folder: &PathBuf, how: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_tagwarden"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let status = output.status.code();
    assert!(matches!(status, Some(0..=2)), "{how}: {output:?}");
}

#[test]
fn checks_any_policy_file() {
    let corpus = corpus("policy");
    let folder = folder("fuzz-policy");
    each_seed(6, |seed| {
        let names: Vec<String> = (0..AT_ONCE).map(|nth| format!("{nth}.yaml")).collect();
        for (nth, name) in (0..).zip(&names) {
            let chance = &mut Chance::new(seed.wrapping_mul(AT_ONCE).wrapping_add(nth));
            std::fs::write(folder.join(name), text(&corpus, chance)).unwrap();
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let how = format!("seed {seed}; the files are in {}", folder.display());
        ends(&[&["check"], &names[..]].concat(), &folder, &how);
    });
}

#[test]
fn plans_any_recording() {
    let corpus = corpus("recording");
    let policy = &mutate::corpus("policy")[0];
    let folder = folder("fuzz-recording");
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
    each_seed(60, |seed| {
        let recording = text(&corpus, &mut Chance::new(seed));
        std::fs::write(folder.join("fleet.json"), &recording).unwrap();
        let how = format!("seed {seed}, input:\n{recording}");
        let arguments = [
            "plan",
            "--policy",
            "policy.yaml",
            "--instances",
            "fleet.json",
        ];
        ends(&arguments, &folder, &how);
    });
}

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

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
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

/// The text as a file: mostly as it is, sometimes in UTF-16 or compressed, with a byte that is wrong.
fn encoded(text: &str, chance: &mut Chance) -> Vec<u8> {
    let mut bytes: Vec<u8> = match chance.below(4) {
        0 => text
            .encode_utf16()
            .fold(vec![0xff, 0xfe], |mut bytes, unit| {
                bytes.extend(unit.to_le_bytes());
                bytes
            }),
        1 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        _ => return text.into(),
    };
    if chance.below(2) == 0 {
        let at = chance.below(bytes.len());
        bytes[at] = bytes[at].wrapping_add(1);
    }
    bytes
}

/// Plans with recordings that are made of these corpora, one for each option.
fn plans(folder: &PathBuf, seeds: u64, corpora: &[(&str, &str, Vec<String>)]) {
    let policy = &mutate::corpus("policy")[0];
    std::fs::write(folder.join("policy.yaml"), policy).unwrap();
    each_seed(seeds, |seed| {
        let chance = &mut Chance::new(seed);
        let mut arguments = vec!["plan", "--policy", "policy.yaml"];
        let mut how = format!("seed {seed}");
        for (option, file, corpus) in corpora {
            let recording = text(corpus, chance);
            std::fs::write(folder.join(file), encoded(&recording, chance)).unwrap();
            arguments.extend([option, file]);
            let _ = write!(how, ", {option}:\n{recording}");
        }
        ends(&arguments, folder, &how);
    });
}

#[test]
fn judges_any_plan_and_any_template() {
    let corpus = corpus("preflight");
    let folder = folder("fuzz-preflight");
    std::fs::write(folder.join("policy.yaml"), &mutate::corpus("policy")[0]).unwrap();
    each_seed(120, |seed| {
        let chance = &mut Chance::new(seed);
        let input = text(&corpus, chance);
        std::fs::write(folder.join("input"), encoded(&input, chance)).unwrap();
        let form = ["text", "json", "markdown", "sarif", "junit", "github"][chance.below(6)];
        let arguments = [
            "preflight",
            "input",
            "--policy",
            "policy.yaml",
            "--output",
            form,
        ];
        ends(
            &arguments,
            &folder,
            &format!("seed {seed}, {form}:\n{input}"),
        );
    });
}

#[test]
fn plans_any_recording() {
    let instances = ("--instances", "fleet.json", corpus("recording"));
    plans(&folder("fuzz-recording"), 80, &[instances]);
}

#[test]
fn plans_with_any_events() {
    let launched = r#"{"InstanceId": "i-00000000000000001", "State": "running", "Tags": null}"#;
    let instances = ("--instances", "fleet.json", vec![launched.to_owned()]);
    let events = ("--events", "launches.json", corpus("events"));
    plans(&folder("fuzz-events"), 60, &[events, instances]);
}

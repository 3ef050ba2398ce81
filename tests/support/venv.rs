//! Python programs for the tests, installed once into Cargo's target directory.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo's target directory: a test is `target/debug/deps/moto-…`.
pub fn target_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// The directory of programs of a virtual environment that holds the `requirements` (a file's path), installed if it
/// is not there yet.
///
/// The environment is named after the requirements and Python's version. A lock keeps two test runs from installing
/// at once; a marker, written last, tells a finished installation from an interrupted one, which is done again.
///
/// Panics with what to do about it if Python is missing or the installation fails.
pub fn installed(name: &str, requirements: &str) -> PathBuf {
    let version = Command::new("python3").arg("--version").output();
    let version = version.unwrap_or_else(|error| {
        panic!("the tests of {name} need python3 (3.11 or newer, with venv) on the PATH: {error}")
    });
    let mut hasher = DefaultHasher::new();
    (fs::read_to_string(requirements).unwrap(), version.stdout).hash(&mut hasher);
    let venv = target_directory().join(format!("{name}-venv-{:016x}", hasher.finish()));
    let (programs, finished) = (venv.join("bin"), venv.join("finished"));

    let lock = File::create(venv.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !finished.exists() {
        // Not by `eprintln`, which a test keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "Installing {name} into {} ...",
            venv.display()
        );
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv));
        run(Command::new(programs.join("python"))
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(Path::new(requirements)));
        File::create(finished).unwrap();
    }
    programs
}

/// Runs the command to its end; its errors are shown, and are this test's.
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} failed: {status}");
}

//! Installs Python programs for the tests, once, into Cargo's target directory.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo's target directory, found from the test's own path `target/debug/deps/moto-…`.
pub fn target_directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// The program directory of a virtual environment with the `requirements` (a file's path), which is installed if
/// missing.
///
/// The environment is named after the requirements and Python's version. A lock keeps two test runs from installing at
/// once. A marker, written last, tells a complete installation from an interrupted one, which is repeated.
///
/// Panics with advice if Python is missing or the installation fails.
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
        // Written directly, because the test harness captures `eprintln`.
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

/// Runs the command to completion, shows its errors, and panics if it fails.
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?} failed: {status}");
}

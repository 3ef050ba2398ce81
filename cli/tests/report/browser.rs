//! A browser to look at pages with: installed once into Cargo's target directory, without rights and without a system
//! browser.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::venv;

/// Node.js and npm, as a package for Python.
const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/report/browser/requirements.txt"
);

/// What npm installs and what unpacks it; and what drives it.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("browser/package.json")),
    (
        "package-lock.json",
        include_str!("browser/package-lock.json"),
    ),
    ("unpack.mjs", include_str!("browser/unpack.mjs")),
];
const LOOK: &str = include_str!("browser/look.mjs");

/// Opens the page on a wide and a narrow screen, in light and dark, does what a reader would do, and says what is to
/// be seen: see `browser/look.mjs`. The screenshots are beside the page.
///
/// Panics with what to do about it if the browser cannot be installed.
pub fn look(page: &Path) -> Vec<Value> {
    let (node, place) = installed();
    let output = Command::new(node)
        .arg(place.join("look.mjs"))
        .arg(page)
        .arg(page.with_extension(""))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Value::Array(views) = told["views"].take() else {
        panic!("{told}")
    };
    views
}

/// Node.js, and the directory that the browser is in.
///
/// The directory is named after what is installed. A lock keeps two test runs from installing at once; a marker,
/// written last, tells a finished installation from an interrupted one, which is done again.
fn installed() -> (PathBuf, PathBuf) {
    let programs = venv::installed("browser", REQUIREMENTS);
    let node = programs.join("node");
    let mut hasher = DefaultHasher::new();
    (FILES, fs::read_to_string(REQUIREMENTS).unwrap()).hash(&mut hasher);
    let name = format!("browser-{:016x}", hasher.finish());
    let place = venv::target_directory().join(name);
    let (unpacked, finished) = (place.join("unpacked"), place.join("finished"));

    let lock = File::create(place.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !finished.exists() {
        // Not by `eprintln`, which a test keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "Installing a browser into {} ...",
            place.display()
        );
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&unpacked).unwrap();
        for (name, text) in FILES {
            fs::write(place.join(name), text).unwrap();
        }
        // npm is a script that looks for `node` on the PATH.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs.clone()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path).unwrap();
        run(Command::new(programs.join("npm"))
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--loglevel", "error"])
            .env("PATH", path)
            .current_dir(&place));
        run(Command::new(&node)
            .arg("unpack.mjs")
            .env("TMPDIR", &unpacked)
            .current_dir(&place));
        // Nobody needs it packed any more.
        let _ = fs::remove_dir_all(place.join("node_modules/@sparticuz"));
        File::create(finished).unwrap();
    }
    fs::write(place.join("look.mjs"), LOOK).unwrap();
    (node, place)
}

/// Runs the command to its end; its errors are shown, and are this test's.
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(
        status.success(),
        "{command:?} failed: {status}. The browser's packages come from PyPI and npm: are they reachable?"
    );
}

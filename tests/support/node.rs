//! Node.js and its packages for the tests, installed once into Cargo's target directory.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::venv;

/// The manifests, with `requirements.txt`: Node.js from the Python Package Index, so that the tests need Python only.
const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/node");
/// The same from a package in a folder of the workspace.
const MANIFESTS_ABOVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/support/node");

/// Node.js with the script, which may use the packages of `package.json`. They are installed if missing.
pub fn script(path: &str) -> Command {
    let mut node = program("node");
    node.env("NODE_PATH", packages()).arg(path);
    node
}

/// The folder of the packages in `package-lock.json`.
fn packages() -> PathBuf {
    let manifests = ["package.json", "package-lock.json"];
    let texts = manifests.map(|name| fs::read_to_string(folder().join(name)).unwrap());
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    let folder = venv::target_directory().join(format!("node-packages-{:016x}", hasher.finish()));
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let finished = folder.join("finished");
    if !finished.exists() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in manifests.iter().zip(&texts) {
            fs::write(folder.join(name), text).unwrap();
        }
        let mut install = program("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        let output = install.current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        File::create(finished).unwrap();
    }
    folder.join("node_modules")
}

/// A program of Node.js. npm finds `node` beside itself.
fn program(name: &str) -> Command {
    let requirements = folder().join("requirements.txt");
    let programs = venv::installed("node", &requirements.display().to_string());
    let mut path = vec![programs.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(programs.join(name));
    command.env("PATH", env::join_paths(path).unwrap());
    command
}

fn folder() -> &'static Path {
    let mut places = [MANIFESTS, MANIFESTS_ABOVE].map(Path::new).into_iter();
    places.find(|it| it.exists()).unwrap()
}

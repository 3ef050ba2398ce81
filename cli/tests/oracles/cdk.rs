//! aws-cdk-lib synthesizes stacks: does tagwarden find owners where the app put them?

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{folder, preflight, venv};

/// Node.js from the Python Package Index, so that the tests need Python only.
const NODE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracles/cdk/requirements.txt"
);

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles/cdk");

/// The folder with the packages of `package-lock.json`, which are installed if missing, and the app.
fn installed() -> PathBuf {
    let manifests = ["package.json", "package-lock.json"];
    let texts = manifests.map(|name| fs::read_to_string(Path::new(APP).join(name)).unwrap());
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    let folder = venv::target_directory().join(format!("cdk-{:016x}", hasher.finish()));
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
    fs::copy(Path::new(APP).join("app.js"), folder.join("app.js")).unwrap();
    folder
}

/// A program of Node.js. npm finds `node` beside itself.
fn program(name: &str) -> Command {
    let programs = venv::installed("node", NODE);
    let mut path = vec![programs.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = Command::new(programs.join(name));
    command.env("PATH", env::join_paths(path).unwrap());
    command
}

#[test]
fn finds_owners_where_a_cdk_app_put_them() {
    let folder = folder("cdk");
    let mut app = program("node");
    app.arg(installed().join("app.js"))
        .arg(folder.join("cdk.out"));
    let output = app.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stacks: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stacks.len(), 3);
    for (stack, resources) in stacks {
        let without = resources.iter().filter(|(_, owner)| *owner == "never");
        let without: BTreeSet<&String> = without.map(|(resource, _)| resource).collect();
        assert!(resources.len() > without.len());
        let template = format!("{stack}.template.json");
        let errors = preflight(&folder, "cdk.out", &template, "error");
        let found: BTreeSet<&String> = errors.iter().map(|(_, resource, _)| resource).collect();
        assert_eq!(found, without, "{stack}");
        let warnings = preflight(&folder, "cdk.out", &template, "warning");
        assert_eq!(warnings, BTreeSet::new(), "{stack}");
    }
}

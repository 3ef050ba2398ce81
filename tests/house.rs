//! The order of the house: no circle of imports, no file too long, one name for one type, and what each package may
//! depend on.
//!
//! The exceptions are lists at the top of this file. A list that is empty is what everybody wants.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "also in the helpers, a panic is a failed test"
)]

#[path = "house/imports.rs"]
mod imports;
#[path = "house/links.rs"]
mod links;
#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use imports::Package;
use source::Source;

/// The packages, each with its folder.
const PACKAGES: [(&str, &str); 6] = [
    ("core", "core/src"),
    ("aws", "aws/src"),
    ("rule", "src"),
    ("remediation", "remediation/src"),
    ("cli", "cli/src"),
    ("sandbox", "sandbox/src"),
];

/// Packages whose modules may import each other in circles: the sandbox's services are all parts of one account.
const MAY_HAVE_CIRCLES: [&str; 1] = ["sandbox"];

/// Circles that are still there, as the test prints them. One that is smaller passes, too.
const CIRCLES_LEFT: &[&str] = &[];

/// How many lines of code a file may have, without its tests.
const LONGEST_FILE: usize = 500;

/// Files that are longer, each with the reason.
const LONGER_FILES: &[(&str, &str)] = &[];

/// Names that several types have outside their modules. `Args` is for good: each subcommand has its own, and nobody else
/// names it but by its module.
#[rustfmt::skip]
const SHARED_NAMES: &[&str] = &[
    "Args",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for (name, folder) in PACKAGES {
        if !MAY_HAVE_CIRCLES.contains(&name) {
            circles.extend(Package::read(name, &root().join(folder)).circles());
        }
    }
    let is_left = |circle: &BTreeSet<String>| {
        let mut left = CIRCLES_LEFT.iter().map(|left| left.split(' '));
        left.any(|left| circle.is_subset(&left.map(ToOwned::to_owned).collect()))
    };
    let new = circles.iter().filter(|circle| !is_left(&circle.members));
    let new: Vec<String> = new.map(ToString::to_string).collect();
    assert!(new.is_empty(), "circles of imports:\n\n{}", new.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for (path, source) in sources() {
        let is_known = LONGER_FILES.iter().any(|(file, _)| *file == path);
        if source.lines > LONGEST_FILE && !is_known {
            long.push(format!("{path}: {} lines without its tests", source.lines));
        }
    }
    assert!(
        long.is_empty(),
        "longer than {LONGEST_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn a_type_that_leaves_its_module_has_a_name_of_its_own() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, source) in sources() {
        for name in source.public_types() {
            files.entry(name).or_default().push(path.clone());
        }
    }
    let shared = files.iter().filter(|(name, files)| {
        let is_known = SHARED_NAMES.contains(&name.as_str());
        files.len() > 1 && !is_known
    });
    let shared: Vec<String> = shared
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert!(
        shared.is_empty(),
        "names of several types:\n{}",
        shared.join("\n")
    );
}

#[test]
fn the_core_knows_no_aws_and_no_runtime() {
    let tree = cargo_tree(&["-p", "tagwarden-core", "-e", "normal", "-f", "{p}"]);
    let is_foreign = |line: &&String| line.starts_with("aws-") || line.starts_with("tokio");
    let foreign: Vec<&String> = tree.iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(
        tree.iter().any(|line| line.starts_with("chrono ")),
        "{tree:?}"
    );
}

#[test]
fn the_functions_have_no_sandbox_and_no_event_streams() {
    let functions = ["-p", "tagwarden-rule", "-p", "tagwarden-remediation"];
    let tree = cargo_tree(&[&functions[..], &["-e", "normal,build", "-f", "{p} {f}"]].concat());
    let is_foreign = |line: &&String| line.contains("sandbox") || line.contains("event-stream");
    let foreign: Vec<&String> = tree.iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// Else the EC2 SDK, most of every build, would be compiled once for the command and once for the tests.
#[test]
fn the_sdks_have_the_same_features_with_and_without_the_tests() {
    let below_the_sdk = cargo_tree(&["-p", "aws-sdk-ec2", "-e", "normal,build", "-f", "{p}"]);
    let features = |edges| {
        let tree = cargo_tree(&["--workspace", "-e", edges, "-f", "{p}|{f}"]);
        let of_the_sdk = |line: &String| {
            let package = line.split('|').next().unwrap();
            below_the_sdk.contains(package)
        };
        tree.into_iter().filter(of_the_sdk).collect::<BTreeSet<_>>()
    };
    let with_tests = features("normal,build,dev");
    let command = features("normal,build");
    let others: Vec<&String> = command.difference(&with_tests).collect();
    assert!(others.is_empty(), "not as in the tests: {others:?}");
}

/// The recipes of CONTRIBUTING.md name files and folders that there are.
#[test]
fn the_recipes_name_files_that_exist() {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |quoted: &&str| {
        let first = quoted.split('/').next().unwrap();
        quoted.contains('/')
            && !quoted.contains([' ', '…'])
            && !quoted.contains("NAME")
            && root().join(first).is_dir()
    };
    let is_absent = |path: &&str| !root().join(path).exists();
    let absent: Vec<&str> = quoted.filter(is_path).filter(is_absent).collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let pages = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "terraform/README.md",
    ];
    let pages = pages.map(|name| root().join(name));
    let pages = docs
        .chain(pages)
        .filter(|path| path.extension().is_some_and(|it| it == "md"));
    let broken: Vec<String> = pages.flat_map(|page| links::broken(&page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The lines of `cargo tree`, each once.
fn cargo_tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // What cargo adds to a line that it has shown before, and to macros.
    let line = |line: &str| line.replace(" (*)", "").replace(" (proc-macro)", "");
    text.lines().map(line).collect()
}

/// Every source file of the packages, by its path from the root, without tests.
fn sources() -> Vec<(String, Source)> {
    let mut all = Vec::new();
    for (name, folder) in PACKAGES {
        for source in Package::read(name, &root().join(folder)).sources {
            let path = source
                .path
                .strip_prefix(root())
                .unwrap()
                .display()
                .to_string();
            all.push((path, source));
        }
    }
    all
}

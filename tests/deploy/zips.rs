//! `scripts/build --check` accepts zips that would run on Lambda and refuses others. Building takes a quarter of an
//! hour, so these tests make zips of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/build");

/// Writes a zip with one executable file named `bootstrap`. Arguments: the zip, the file.
const ZIP: &str = "\
import pathlib, sys, zipfile
entry = zipfile.ZipInfo('bootstrap')
entry.external_attr = 0o100755 << 16
with zipfile.ZipFile(sys.argv[1], 'w') as package:
    package.writestr(entry, pathlib.Path(sys.argv[2]).read_bytes())";

#[test]
fn accepts_functions_that_start_and_answer() {
    let target = zips_of("answering", |rule, function| rule.with_file_name(function));
    let output = check(&target);
    let errors = String::from_utf8_lossy(&output.stderr);
    // On a system newer than Lambda's the binaries need a newer C library. The check then refuses them before starting
    // them.
    let too_new = errors.contains("and Lambda has 2.34");
    let printed = String::from_utf8_lossy(&output.stdout);
    let answers = printed
        .matches("starts, and answers the Runtime API")
        .count();
    assert!(
        output.status.success() && answers == 2 || too_new,
        "{printed}{errors}"
    );
}

#[test]
fn refuses_a_program_that_lambda_cannot_load() {
    let target = zips_of("a-script", |_, _| BUILD.into());
    let output = check(&target);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("is not an executable for"), "{errors}");
}

#[test]
fn does_not_start_a_function_where_lambda_does_not_run() {
    let target = zips_of("on-a-mac", |_, _| "/bin/true".into());
    // Python runs this file as it starts.
    let patch = "import platform; platform.system = lambda: 'Darwin'\n";
    fs::write(target.join("sitecustomize.py"), patch).unwrap();
    let output = command(&target)
        .env("PYTHONPATH", &target)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert_eq!(
        printed
            .matches("NOT STARTED: this machine is Darwin")
            .count(),
        2,
        "{printed}"
    );
}

/// As on a Linux without glibc, whose kernel would start it and whose loader is missing.
#[test]
fn a_function_that_this_machine_cannot_start_is_not_a_failure() {
    let folder = target("unstartable");
    fs::create_dir_all(&folder).unwrap();
    let mut header = vec![0; 64];
    header[..4].copy_from_slice(b"\x7fELF");
    header[18] = if std::env::consts::ARCH == "aarch64" {
        183
    } else {
        62
    };
    let program = folder.join("program");
    fs::write(&program, header).unwrap();
    let output = check(&zips_of("unstartable", |_, _| program.clone()));
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    let says = "NOT STARTED: this machine cannot start it (";
    assert_eq!(printed.matches(says).count(), 2, "{printed}");
}

/// The script must be readable to a Python that it refuses.
#[test]
fn an_old_python_is_told_which_one_it_takes() {
    const AS_OLD: &str = "\
import ast, sys
text = open(sys.argv[1]).read()
ast.parse(text, feature_version=(3, 7))
sys.version_info = (3, 8, 18, 'final', 0)
exec(compile(text, sys.argv[1], 'exec'), {'__name__': '__main__'})";
    let old = Command::new("python3").args(["-c", AS_OLD, BUILD]).output();
    let old = old.unwrap();
    let errors = String::from_utf8_lossy(&old.stderr);
    assert_eq!(old.status.code(), Some(1));
    assert!(
        errors.starts_with("scripts/build needs Python 3.9 or newer, and this is 3.8"),
        "{errors}"
    );
}

#[test]
fn the_tools_of_the_build_are_pinned_by_their_hashes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let requirements = fs::read_to_string(root.join("scripts/requirements.txt")).unwrap();
    let lines = requirements.lines().filter(|line| !line.starts_with('#'));
    let text: String = lines.collect::<Vec<_>>().join("\n");
    let tools: Vec<&str> = text.split('\n').filter(|it| it.contains("==")).collect();
    assert_eq!(tools.len(), 4, "{tools:?}");
    for tool in text.split("==").skip(1) {
        assert!(tool.matches("--hash=sha256:").count() > 3, "{tool}");
    }
    assert!(
        fs::read_to_string(BUILD)
            .unwrap()
            .contains("--require-hashes")
    );
}

#[test]
fn builds_packages_of_the_workspace() {
    let script = fs::read_to_string(BUILD).unwrap();
    let functions = script.lines().find(|line| line.starts_with("FUNCTIONS = "));
    let names: Vec<&str> = functions.unwrap().split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 2);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in names {
        let is_named = |folder: &str| {
            let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
            manifest.contains(&format!("[package]\nname = \"{name}\""))
        };
        assert!(is_named("") || is_named("remediation"), "no package {name}");
    }
}

#[test]
fn reports_missing_zips() {
    let output = check(&target("nothing"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("run scripts/build first"), "{errors}");
}

/// Makes a target directory with both zips for this machine's architecture. `program` chooses each zip's program, given
/// the path of the rule's binary and the function's name. The remediation's binary is beside the rule's.
fn zips_of(name: &str, program: impl Fn(&Path, &str) -> PathBuf) -> PathBuf {
    let target = target(name);
    let directory = target.join("lambda");
    fs::create_dir_all(&directory).unwrap();
    let own = std::env::consts::ARCH.replace("aarch64", "arm64");
    fs::write(directory.join("architecture"), own + "\n").unwrap();
    for function in ["tagwarden-rule", "tagwarden-remediation"] {
        let rule = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule"));
        let zip = Command::new("python3")
            .args(["-c", ZIP])
            .arg(directory.join(format!("{function}.zip")))
            .arg(program(rule, function))
            .status();
        assert!(zip.unwrap().success());
    }
    target
}

fn check(target: &Path) -> Output {
    command(target).output().unwrap()
}

fn command(target: &Path) -> Command {
    let mut check = Command::new(BUILD);
    check.arg("--check").env("CARGO_TARGET_DIR", target);
    check
}

fn target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("zips-{name}"))
}

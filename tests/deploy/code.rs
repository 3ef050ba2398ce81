//! Finds the AWS calls that the functions' sources name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The calls by their IAM action, with the files that make them.
pub type Calls = BTreeMap<String, BTreeSet<String>>;

/// The calls of the Config rule's function, including the shared modules that it uses.
pub fn of_the_rule() -> Calls {
    let mut files = sources("src");
    // The hook has a function and a role of its own.
    files.retain(|file| !file.starts_with(hook()));
    calls(&with_shared_modules(files))
}

/// The calls of the hook's function, including the shared modules that it uses.
pub fn of_the_hook() -> Calls {
    calls(&with_shared_modules(sources("src/hook")))
}

fn hook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hook")
}

/// The calls of the remediation's function, including the shared modules that it uses.
pub fn of_the_remediation() -> Calls {
    let mut files = sources("remediation/src");
    // Undo belongs to the command and has its user's permissions. The function must not delete tags.
    let undo = Path::new(env!("CARGO_MANIFEST_DIR")).join("remediation/src/undo");
    files.retain(|file| !file.starts_with(&undo));
    calls(&with_shared_modules(files))
}

/// Adds the files of `tagwarden-aws` whose modules `files` name, and those whose modules these name.
fn with_shared_modules(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let own: String = files.iter().map(|file| shipped(file)).collect();
    // `use tagwarden_aws::{AwsError, tags}`
    let groups = own.split("tagwarden_aws::{").skip(1);
    let together: BTreeSet<&str> = groups
        .filter_map(|rest| rest.split('}').next())
        .flat_map(|names| names.split(',').map(str::trim))
        .collect();
    let module = |file: &Path| file.file_stem().unwrap().to_string_lossy().into_owned();
    let (mut named, mut others): (Vec<_>, Vec<_>) =
        sources("aws/src").into_iter().partition(|file| {
            let module = module(file);
            together.contains(&*module) || own.contains(&format!("tagwarden_aws::{module}"))
        });
    while let Some(file) = named.pop() {
        let text = shipped(&file);
        let is_named = |other: &PathBuf| {
            let used = format!("use crate::{}", module(other));
            [":", ";"]
                .iter()
                .any(|end| text.contains(&(used.clone() + end)))
        };
        let (more, rest) = others.into_iter().partition::<Vec<_>, _>(is_named);
        named.extend(more);
        others = rest;
        files.push(file);
    }
    files
}

fn calls(files: &[PathBuf]) -> Calls {
    let mut calls = Calls::new();
    for file in files {
        let name = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        for text in shipped(file).split('"').skip(1).step_by(2) {
            if is_action(text) {
                let files = calls.entry(text.to_owned()).or_default();
                files.insert(name.display().to_string());
            }
        }
    }
    calls
}

/// Whether the text is an IAM action such as `ec2:DescribeInstances`.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, operation)| {
        !service.is_empty()
            && service
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && operation.starts_with(|first: char| first.is_ascii_uppercase())
            && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The file's text without its tests, which come last.
fn shipped(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    // A quote in a character literal would be taken for the start of a string.
    text[..end].replace("'\"'", "")
}

/// Every Rust file under the folder, without tests.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    found
}

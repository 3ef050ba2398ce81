//! The links of the documents that lead to files of this repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The links of `page` that lead nowhere: to a file that does not exist, or to a heading that a document does not have.
pub fn broken(page: &Path) -> Vec<String> {
    let text = without_code(&std::fs::read_to_string(page).unwrap());
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
    targets
        .filter(|target| !target.starts_with("http") && !leads_somewhere(page, target))
        .map(|target| format!("{}: {target}", page.display()))
        .collect()
}

fn leads_somewhere(page: &Path, target: &str) -> bool {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path: PathBuf = match path {
        "" => page.to_owned(),
        path => page.parent().unwrap().join(path),
    };
    path.exists() && (heading.is_empty() || headings(&path).contains(heading))
}

/// The names by which GitHub links to the headings of a document.
fn headings(path: &Path) -> BTreeSet<String> {
    let text = without_code(&std::fs::read_to_string(path).unwrap());
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let titles = titles.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let in_links = |character: &char| character.is_alphanumeric() || matches!(character, '-' | '_');
    titles
        .map(|title| title.replace(' ', "-").chars().filter(in_links).collect())
        .collect()
}

/// A document without its blocks of code, in which brackets mean something else.
fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

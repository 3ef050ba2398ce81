//! Where a resource is defined, in the folder of the configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::configuration::Configuration;
use super::plan::ResourceChange;
use crate::pipeline::FilePlace;

/// A folder with a configuration, and the blocks in it and in the modules that it calls.
#[derive(Debug)]
pub struct SourceTree {
    root: PathBuf,
    folders: BTreeMap<PathBuf, Blocks>,
}

/// The blocks of one folder: `resource "aws_instance" "web"` and `module "web"`, by their labels.
type Blocks = BTreeMap<Vec<String>, FilePlace>;

impl SourceTree {
    /// The configuration in `root`. Nothing is read yet.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folders: BTreeMap::new(),
        }
    }

    /// The place of the block that `change` comes from. Where a module is from elsewhere, the place of its call.
    pub fn place(
        &mut self,
        configuration: &Configuration<'_>,
        change: &ResourceChange<'_>,
    ) -> Option<FilePlace> {
        let mut folder = self.root.clone();
        let mut call = None;
        for (name, source) in configuration.module_sources(change.module) {
            let labels = ["module".to_owned(), name];
            call = self.blocks(&folder).get(&labels[..]).cloned().or(call);
            if !(source.starts_with("./") || source.starts_with("../")) {
                return call;
            }
            folder = joined(&folder, source);
        }
        let labels = ["resource", change.type_name, change.name];
        let labels = labels.map(ToOwned::to_owned);
        self.blocks(&folder).get(&labels[..]).cloned().or(call)
    }

    fn blocks(&mut self, folder: &Path) -> &Blocks {
        self.folders
            .entry(folder.to_owned())
            .or_insert_with(|| read(folder))
    }
}

/// `folder` followed by a module's source, without the steps up and back.
fn joined(folder: &Path, source: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in source.split('/') {
        let is_named = path.file_name().is_some();
        match part {
            "" | "." => {}
            ".." if is_named => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}

fn read(folder: &Path) -> Blocks {
    let mut blocks = Blocks::new();
    let entries = fs::read_dir(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    });
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(folder.join(entry.ok()?.file_name())))
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "tf" || it == "tofu")
        })
        .collect();
    paths.sort();
    for path in paths {
        if let Ok(text) = fs::read_to_string(&path) {
            add_blocks(&path.display().to_string(), &text, &mut blocks);
        }
    }
    blocks
}

/// Finds the blocks that begin a line, outside comments and multi-line texts.
fn add_blocks(path: &str, text: &str, blocks: &mut Blocks) {
    let mut ends_with: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if let Some(end) = &ends_with {
            if (end == "*/" && trimmed.contains("*/")) || trimmed == end {
                ends_with = None;
            }
            continue;
        }
        if let Some(labels) = header(trimmed) {
            let column = line.chars().count() - line.trim_start().chars().count() + 1;
            let length = line.trim_end().chars().count();
            blocks.entry(labels).or_insert_with(|| FilePlace {
                path: path.to_owned(),
                start: (number + 1, column),
                end: (number + 1, length + 1),
            });
        }
        ends_with = opened(trimmed);
    }
}

/// What ends the comment or the multi-line text that a line opens.
fn opened(line: &str) -> Option<String> {
    if let Some((_, comment)) = line.rsplit_once("/*")
        && !comment.contains("*/")
        && !line.starts_with(['#'])
        && !line.starts_with("//")
        && !line.contains('"')
    {
        return Some("*/".to_owned());
    }
    let (_, word) = line.split_once("<<")?;
    let word = word.strip_prefix('-').unwrap_or(word);
    let is_word = !word.is_empty() && word.chars().all(|it| it.is_alphanumeric() || it == '_');
    is_word.then(|| word.to_owned())
}

/// The labels of a block of which this is the first line.
fn header(line: &str) -> Option<Vec<String>> {
    let (head, _) = line.split_once('{')?;
    let mut words = head.split_whitespace();
    let kind = words.next()?;
    let labels: Vec<String> = words.map(|it| it.trim_matches('"').to_owned()).collect();
    let is_block = match kind {
        "resource" => labels.len() == 2,
        "module" => labels.len() == 1,
        _ => false,
    };
    is_block.then(|| [vec![kind.to_owned()], labels].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_blocks_and_nothing_in_comments_and_texts() {
        let text = r#"
# resource "aws_instance" "commented" {
/*
resource "aws_instance" "old" {
*/
resource "aws_instance" "web" {
  user_data = <<-EOT
resource "aws_instance" "text" {
  EOT
}
  resource aws_instance plain { ami = "x" }
module "m" { source = "./m" }
resource "aws_instance" "web" {
"#;
        let mut blocks = Blocks::new();
        add_blocks("main.tf", text, &mut blocks);
        let found = blocks.iter().map(|(labels, place)| {
            let (labels, start, end) = (labels.join("."), place.start, place.end);
            format!("{labels} {}:{}-{}", start.0, start.1, end.1)
        });
        let found: Vec<String> = found.collect();
        assert_eq!(
            found,
            [
                "module.m 12:1-30",
                "resource.aws_instance.plain 11:3-44",
                "resource.aws_instance.web 6:1-32",
            ]
        );
    }

    #[test]
    fn joins_without_steps_back() {
        for (folder, source, expected) in [
            ("infra", "./modules/web", "infra/modules/web"),
            ("infra/live", "../modules/web", "infra/modules/web"),
            ("", "./m", "m"),
            ("", "../m", "../m"),
        ] {
            assert_eq!(joined(Path::new(folder), source), Path::new(expected));
        }
    }
}

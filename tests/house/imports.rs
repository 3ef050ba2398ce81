//! Which module of a package imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::source::Source;

/// A module's path in its package: `["ledger", "writer"]`.
type Module = Vec<String>;

/// A package's modules, without those of tests.
pub struct Package {
    name: &'static str,
    pub sources: Vec<Source>,
    modules: BTreeSet<Module>,
    /// What a module gives on under a name of its own: the path behind it.
    given_on: BTreeMap<(Module, String), Vec<String>>,
    /// The paths that each module names.
    named: Vec<(Module, Vec<String>)>,
}

/// Modules of one folder that import each other in a circle.
pub struct Circle {
    /// All that hang together, with the package and the folder before each: `remediation/run`.
    pub members: BTreeSet<String>,
    /// One way round.
    way: Vec<String>,
    /// The imports that make it.
    imports: Vec<String>,
}

impl Package {
    pub fn read(name: &'static str, folder: &Path) -> Self {
        let mut package = Self {
            name,
            sources: Vec::new(),
            modules: BTreeSet::from([Vec::new()]),
            given_on: BTreeMap::new(),
            named: Vec::new(),
        };
        let mut files = vec![];
        rust_files(folder, &mut files);
        let read = files
            .iter()
            .map(|path| (module_of(folder, path), Source::read(path)));
        let read: Vec<(Module, Source)> = read.collect();
        let is_test = |module: &Module| {
            read.iter().any(|(parent, source)| {
                let mut tests = source.test_modules.iter();
                tests.any(|name| {
                    module.starts_with(&[&parent[..], std::slice::from_ref(name)].concat())
                })
            })
        };
        let tests: BTreeSet<Module> = read
            .iter()
            .map(|(module, _)| module.clone())
            .filter(|module| is_test(module) || module.last().is_some_and(|it| it == "tests"))
            .collect();
        for (module, source) in read {
            if tests.contains(&module) || module.iter().any(|name| name == "tests") {
                continue;
            }
            package.modules.insert(module.clone());
            package.read_paths(&module, &source.words);
            package.sources.push(source);
        }
        package
    }

    fn read_paths(&mut self, module: &Module, words: &[String]) {
        let mut at = 0;
        while at < words.len() {
            let is_start = matches!(words[at].as_str(), "crate" | "super" | "self")
                && words.get(at + 1).is_some_and(|word| word == "::");
            let is_use = words[at] == "use";
            if !is_start && !is_use {
                at += 1;
                continue;
            }
            let is_public = is_use && at > 0 && matches!(words[at - 1].as_str(), "pub" | ")");
            let mut paths = Vec::new();
            let start = at + usize::from(is_use);
            at = read_tree(words, start, &[], &mut paths).max(at + 1);
            for (path, alias) in paths {
                let Some(absolute) = Self::absolute(module, &path) else {
                    continue;
                };
                if is_public {
                    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
                    self.given_on
                        .insert((module.clone(), name), absolute.clone());
                }
                self.named.push((module.clone(), absolute));
            }
        }
    }

    /// The path from the package's root; `None` if it leads out of the package.
    fn absolute(module: &Module, path: &[String]) -> Option<Vec<String>> {
        let mut base = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while let Some(("super", left)) =
                    rest.split_first().map(|(it, left)| (it.as_str(), left))
                {
                    base.pop();
                    rest = left;
                }
            }
            // A module below, or another package: which of them, only the whole package tells.
            _ => {}
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The module in which what a path names is defined, as far as re-exports tell.
    fn definer(&self, path: &[String], depth: usize) -> Module {
        let mut module = Vec::new();
        for name in path {
            let mut below = module.clone();
            below.push(name.clone());
            if !self.modules.contains(&below) {
                break;
            }
            module = below;
        }
        let Some(name) = path.get(module.len()) else {
            return module;
        };
        match self.given_on.get(&(module.clone(), name.clone())) {
            Some(behind) if depth > 0 && behind != path => self.definer(behind, depth - 1),
            _ => module,
        }
    }

    /// The imports between modules of one folder: a file, or all that is in a folder, counts as one.
    fn imports(&self) -> BTreeMap<Module, BTreeMap<(String, String), String>> {
        const LONGEST_CHAIN: usize = 8;
        let mut imports: BTreeMap<Module, BTreeMap<(String, String), String>> = BTreeMap::new();
        for (from, path) in &self.named {
            let to = self.definer(path, LONGEST_CHAIN);
            let shared = from
                .iter()
                .zip(&to)
                .take_while(|(left, right)| left == right)
                .count();
            if let (Some(left), Some(right)) = (from.get(shared), to.get(shared)) {
                let what = format!("{} imports {}", from.join("::"), path.join("::"));
                let folder = imports.entry(from[..shared].to_vec()).or_default();
                folder.entry((left.clone(), right.clone())).or_insert(what);
            }
        }
        imports
    }

    /// The circles, one for all modules that hang together.
    pub fn circles(&self) -> Vec<Circle> {
        let mut circles = Vec::new();
        for (folder, imports) in self.imports() {
            let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for (from, to) in imports.keys() {
                arrows.entry(from).or_default().insert(to);
            }
            let mut seen = BTreeSet::new();
            for start in arrows.keys() {
                let reached = reached(&arrows, start);
                if !reached.contains(start) || seen.contains(start) {
                    continue;
                }
                let back = |other: &&&str| self::reached(&arrows, other).contains(start);
                let members: BTreeSet<&str> = reached.iter().filter(back).copied().collect();
                seen.extend(members.iter().copied());
                let way = way_round(&arrows, &members, start);
                let steps = way.iter().zip(way.iter().cycle().skip(1));
                let imports = steps
                    .map(|(from, to)| imports[&((*from).to_owned(), (*to).to_owned())].clone());
                let place = [&[self.name.to_owned()][..], &folder[..]]
                    .concat()
                    .join("/");
                circles.push(Circle {
                    imports: imports.collect(),
                    members: members.iter().map(|it| format!("{place}/{it}")).collect(),
                    way: way.iter().map(ToString::to_string).collect(),
                });
            }
        }
        circles
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<&str> = self.members.iter().map(String::as_str).collect();
        writeln!(f, "{}", members.join(" "))?;
        writeln!(f, "  {} → {}", self.way.join(" → "), self.way[0])?;
        self.imports
            .iter()
            .try_for_each(|import| writeln!(f, "  {import}"))
    }
}

fn reached<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = arrows.get(start).into_iter().flatten().copied().collect();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(arrows.get(next).into_iter().flatten());
        }
    }
    reached
}

/// The shortest way from `start` to itself.
fn way_round<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    members: &BTreeSet<&'a str>,
    start: &'a str,
) -> Vec<&'a str> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().copied().unwrap_or(start);
        for next in arrows.get(last).into_iter().flatten() {
            if *next == start {
                return way;
            }
            if members.contains(next) && seen.insert(*next) {
                ways.push_back([&way[..], &[*next]].concat());
            }
        }
    }
    vec![start]
}

/// Reads a path, or a tree of them in braces, that begins at `at`. Gives where it ends.
fn read_tree(
    words: &[String],
    mut at: usize,
    before: &[String],
    paths: &mut Vec<(Vec<String>, Option<String>)>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match words.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while words.get(at).is_some_and(|word| word != "}") {
                    at = read_tree(words, at, &path, paths).max(at + 1);
                    if words.get(at).is_some_and(|word| word == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            Some(name)
                if name
                    .chars()
                    .all(|sign| sign.is_alphanumeric() || sign == '_') =>
            {
                // `use a::{self, B}` names `a`.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
            }
            _ => {}
        }
        if words.get(at).is_some_and(|word| word == "::") {
            at += 1;
            continue;
        }
        let has_alias = words.get(at).is_some_and(|word| word == "as");
        let alias = words.get(at + 1).filter(|_| has_alias).cloned();
        at += if has_alias { 2 } else { 0 };
        if path.len() > before.len() || !before.is_empty() {
            paths.push((path, alias));
        }
        return at;
    }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}

fn module_of(folder: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(folder).unwrap().with_extension("");
    let mut module: Module = path
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if module
        .last()
        .is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str()))
    {
        module.pop();
    }
    module
}

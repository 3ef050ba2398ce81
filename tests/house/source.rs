//! A source file as words, without comments, texts and tests.

use std::path::{Path, PathBuf};

/// One file.
pub struct Source {
    pub path: PathBuf,
    /// Lines of the file without its tests.
    pub lines: usize,
    /// Names, `::` and single signs.
    pub words: Vec<String>,
    /// Modules that are compiled for tests only.
    pub test_modules: Vec<String>,
}

impl Source {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut source = Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            words: Vec::new(),
            test_modules: Vec::new(),
        };
        source.leave_out_tests(&words(&text));
        source
    }

    /// Takes the words over, but for the items that `#[cfg(test)]` stands before.
    fn leave_out_tests(&mut self, words: &[(String, usize)]) {
        const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
        let mut at = 0;
        while at < words.len() {
            let is_test = MARK
                .iter()
                .enumerate()
                .all(|(offset, mark)| words.get(at + offset).is_some_and(|(word, _)| word == mark));
            if !is_test {
                self.words.push(words[at].0.clone());
                at += 1;
                continue;
            }
            let end = end_of_item(words, at + MARK.len());
            let item = &words[at..end];
            let name = item.windows(2).find(|pair| pair[0].0 == "mod");
            self.test_modules.extend(name.map(|pair| pair[1].0.clone()));
            let lines = item.last().unwrap().1 - words[at].1 + 1;
            self.lines = self.lines.saturating_sub(lines);
            at = end;
        }
    }

    /// The names of types that can be seen outside their module.
    pub fn public_types(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            if !["struct", "enum", "trait", "union", "type"].contains(&word.as_str()) {
                continue;
            }
            let before = self.words.get(at.wrapping_sub(1)).map(String::as_str);
            let is_restricted = before == Some(")")
                && self.words[..at]
                    .iter()
                    .rev()
                    .take(6)
                    .any(|word| word == "pub");
            if before == Some("pub") || is_restricted {
                names.extend(self.words.get(at + 1).cloned());
            }
        }
        names
    }
}

/// Where the item that begins at `at` ends: after its `;`, or after the brace that closes it.
fn end_of_item(words: &[(String, usize)], mut at: usize) -> usize {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    while at < words.len() {
        match words[at].0.as_str() {
            "[" | "(" => brackets += 1,
            "]" | ")" => brackets = brackets.saturating_sub(1),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                let is_use = words.get(at + 1).is_some_and(|(word, _)| word == ";");
                if depth == 0 && !is_use {
                    return at + 1;
                }
            }
            ";" if depth == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The words of Rust source, each with its line; no comments, and nothing of what stands in quotes.
fn words(text: &str) -> Vec<(String, usize)> {
    let signs: Vec<char> = text.chars().collect();
    let (mut words, mut at, mut line) = (Vec::new(), 0, 1);
    while at < signs.len() {
        let start = at;
        let next = signs.get(at + 1).copied();
        let word = match signs[at] {
            '/' if next == Some('/') => {
                at = find(&signs, at, "\n");
                None
            }
            '/' if next == Some('*') => {
                at = find(&signs, at, "*/") + 2;
                None
            }
            '"' => {
                at = end_of_text(&signs, at + 1);
                None
            }
            'r' if next == Some('"') || (next == Some('#') && is_raw(&signs, at + 1)) => {
                let hashes = signs[at + 1..]
                    .iter()
                    .take_while(|sign| **sign == '#')
                    .count();
                let end = format!("\"{}", "#".repeat(hashes));
                at = find(&signs, at + hashes + 2, &end) + end.len();
                None
            }
            '\'' => {
                at = end_of_character(&signs, at);
                None
            }
            sign if sign.is_alphanumeric() || sign == '_' => {
                let is_of_name = |sign: &char| sign.is_alphanumeric() || *sign == '_';
                at += signs[at..]
                    .iter()
                    .take_while(|sign| is_of_name(sign))
                    .count();
                Some(signs[start..at].iter().collect())
            }
            ':' if next == Some(':') => {
                at += 2;
                Some("::".to_owned())
            }
            sign => {
                at += 1;
                (!sign.is_whitespace()).then(|| sign.to_string())
            }
        };
        words.extend(word.map(|word| (word, line)));
        let end = at.min(signs.len());
        line += signs[start..end]
            .iter()
            .filter(|sign| **sign == '\n')
            .count();
    }
    words
}

fn is_raw(signs: &[char], at: usize) -> bool {
    signs[at..].iter().find(|sign| **sign != '#') == Some(&'"')
}

/// Where `what` stands, from `at` on; the end if nowhere.
fn find(signs: &[char], at: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    let found = (at..signs.len()).find(|at| signs[*at..].starts_with(&what));
    found.unwrap_or(signs.len())
}

fn end_of_text(signs: &[char], mut at: usize) -> usize {
    while at < signs.len() && signs[at] != '"' {
        at += if signs[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// After a character in quotes; or after the quote of a lifetime.
fn end_of_character(signs: &[char], at: usize) -> usize {
    if signs.get(at + 1) == Some(&'\\') {
        return find(signs, at + 3, "'") + 1;
    }
    if signs.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    at + 1
}

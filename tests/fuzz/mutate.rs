//! Makes inputs that nobody wrote from ones that somebody did.

use std::time::{Duration, Instant};

use serde_json::Value;

/// How long to go on by hand, in seconds.
const VARIABLE: &str = "TAGWARDEN_FUZZ_SECONDS";

/// Texts that often mean something, or are too much.
const TOKENS: [&str; 24] = [
    "",
    " ",
    "\0",
    "\n",
    "{{",
    "}}",
    "{%",
    "%}",
    "[",
    "{",
    "\"",
    "- ",
    ": ",
    "&a",
    "*a",
    "!!binary",
    "null",
    "-1",
    "99999999999999999999",
    "9999-12-31",
    "today()+9999999d",
    "i-",
    "é",
    "\u{10ffff}",
];

/// A simple source of chance, whose seed gives the same inputs again.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn token(&mut self) -> &'static str {
        TOKENS[self.below(TOKENS.len())]
    }
}

/// Calls `test` with seeds: the first `count`, or for as long as [`VARIABLE`] says, from a seed of this moment.
pub fn each_seed(count: u64, mut test: impl FnMut(u64)) {
    let Ok(seconds) = std::env::var(VARIABLE) else {
        (0..count).for_each(test);
        return;
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let first = u64::try_from(now.as_millis()).unwrap();
    for seed in first.. {
        if Instant::now() > end {
            eprintln!("{} inputs", seed - first);
            return;
        }
        test(seed);
    }
}

/// The files of a folder of the corpus, in the order of their names.
pub fn corpus(folder: &str) -> Vec<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    // This file belongs to tests of the root package and of the command.
    let root = root.strip_suffix("/cli").unwrap_or(root);
    let folder = format!("{root}/tests/fuzz/corpus/{folder}");
    let files = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let texts: Vec<String> = read.collect();
    assert!(!texts.is_empty(), "{folder}");
    texts
}

/// One of `corpus`, changed in a few places.
pub fn text(corpus: &[String], chance: &mut Chance) -> String {
    let mut bytes = corpus[chance.below(corpus.len())].clone().into_bytes();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(24)).min(bytes.len());
        match chance.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, chance.token().bytes())),
            2 => drop(bytes.splice(at..end, chance.token().bytes())),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let byte = u8::try_from(chance.below(256)).unwrap();
                bytes.splice(at..(at + 1).min(bytes.len()), [byte]);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One of `corpus`, which are JSON, changed in a few places; JSON still, and so is JSON in its texts, mostly.
pub fn json(corpus: &[String], chance: &mut Chance) -> Value {
    let text = &corpus[chance.below(corpus.len())];
    let mut value: Value = serde_json::from_str(text).unwrap();
    for _ in 0..=chance.below(3) {
        change(&mut value, chance);
    }
    value
}

fn change(value: &mut Value, chance: &mut Chance) {
    let is_here = chance.below(4) == 0;
    match value {
        Value::Object(members) if !members.is_empty() && !is_here => {
            let at = chance.below(members.len());
            let name = members.keys().nth(at).unwrap().clone();
            if chance.below(8) == 0 {
                members.remove(&name);
            } else {
                change(&mut members[&name], chance);
            }
        }
        Value::Array(values) if !values.is_empty() && !is_here => {
            let at = chance.below(values.len());
            change(&mut values[at], chance);
        }
        Value::String(text) if !is_here => {
            if let Ok(mut inner) = serde_json::from_str::<Value>(text) {
                change(&mut inner, chance);
                *text = inner.to_string();
            } else {
                let changed = self::text(std::slice::from_ref(text), chance);
                *text = changed;
            }
        }
        _ => *value = other(chance),
    }
}

fn other(chance: &mut Chance) -> Value {
    match chance.below(8) {
        0 => Value::Null,
        1 => true.into(),
        2 => (-1).into(),
        3 => u64::MAX.into(),
        4 => 1e300.into(),
        5 => Value::Array(vec![Value::Null; chance.below(3)]),
        6 => Value::Object(serde_json::Map::new()),
        _ => chance.token().into(),
    }
}

//! A policy file's text as a tree in which every part knows its place.
//!
//! One parser reads both formats: JSON is a subset of YAML 1.2. It is, but for one thing: JSON escapes a character
//! beyond U+FFFF as two halves (`\ud83d\ude00`), which YAML refuses. [`Source`] puts the character itself there.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::problem::Problem;

/// A value and its place in the file, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

/// A value, as YAML's core schema sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that has been named as a problem already.
    Unreadable,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub name_span: Range<usize>,
    pub value: Node,
}

impl Entry {
    /// From the name to the end of the value.
    pub fn span(&self) -> Range<usize> {
        self.name_span.start..self.value.span.end.max(self.name_span.end)
    }
}

impl Node {
    /// Whether it is unreadable, or anything in it is.
    pub fn is_unreadable(&self) -> bool {
        match &self.kind {
            Kind::Unreadable => true,
            Kind::List(nodes) => nodes.iter().any(Self::is_unreadable),
            Kind::Map(entries) => entries.iter().any(|entry| entry.value.is_unreadable()),
            _ => false,
        }
    }

    /// What it is, in a sentence.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Unreadable => "unreadable",
        }
    }
}

/// DynamoDB nests values 32 levels deep; the file has three of its own around them.
const DEEPEST: usize = 35;

/// Reads a text as one YAML or JSON document. What is wrong here and there is added to `problems`.
///
/// # Errors
/// The text has no structure to go by: the one problem that says so.
pub fn read(text: &str, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    let source = Source::new(text);
    let mut builder = Builder {
        source: &source,
        text,
        open: Vec::new(),
        root: None,
        problems,
    };
    for event in Parser::new_from_str(&source.yaml) {
        let (event, span) = event.map_err(|error| {
            let at = source.place(*error.marker());
            let problem = Problem::error(at..at, format!("this cannot be read: {}", error.info()));
            if error.info().contains("tab") {
                problem.help("YAML is indented with spaces, not with tabs")
            } else {
                problem
            }
        })?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| {
        Problem::error(0..0, "the file is empty".to_owned())
            .help("a policy is a list of rules: see `tagwarden pull` for one to begin with")
    })
}

/// The text as the parser reads it, and where each of its characters is in the file.
struct Source {
    yaml: String,
    places: Vec<usize>,
}

impl Source {
    fn new(text: &str) -> Self {
        let mut source = Self {
            yaml: String::with_capacity(text.len()),
            places: Vec::with_capacity(text.len()),
        };
        let is_json = text.trim_start_matches('\u{feff}').trim_start();
        let is_json = is_json.starts_with(['{', '[']);
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let place = text.len() - rest.len();
            let (character, length) = match paired_escape(rest).filter(|_| is_json) {
                Some(character) => (character, 12),
                None => (first, first.len_utf8()),
            };
            source.push(character, place);
            rest = rest.get(length..).unwrap_or_default();
            // What is escaped is not looked at: `\\ud83d` is a backslash and a text.
            if character == '\\'
                && let Some(escaped) = rest.chars().next()
                && escaped != 'u'
            {
                source.push(escaped, place + 1);
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
            }
        }
        source.places.push(text.len());
        source
    }

    fn push(&mut self, character: char, place: usize) {
        self.yaml.push(character);
        self.places.push(place);
    }

    /// A mark of the parser's, in bytes of the file.
    fn place(&self, mark: Marker) -> usize {
        let last = self.places.last().copied().unwrap_or_default();
        self.places.get(mark.index()).copied().unwrap_or(last)
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.place(span.start);
        start..self.place(span.end).max(start)
    }
}

/// The character of two halves such as `\ud83d\ude00` at the beginning of `text`.
fn paired_escape(text: &str) -> Option<char> {
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let halves = [half(0)?, half(6)?];
    // A lone character that needs no second half is not to swallow its neighbour.
    (0xd800..0xdc00).contains(&halves[0]).then_some(())?;
    char::decode_utf16(halves).next()?.ok()
}

/// Makes the tree of the parser's events.
struct Builder<'a> {
    source: &'a Source,
    text: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
    problems: &'a mut Vec<Problem>,
}

/// A list or mapping whose end is still to come.
struct Open {
    span: Range<usize>,
    is_tagged: bool,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        name: Option<(String, Range<usize>)>,
    },
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let range = self.source.range(span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(Problem::error(
                    range,
                    "a second document begins here: a policy is one".to_owned(),
                ));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, &range);
                let kind = self.scalar(&text, style, tag.as_deref(), &range);
                let range = self.trimmed(range);
                self.add(Node { span: range, kind }, Some(text.into_owned()))?;
            }
            Event::Alias(_) => {
                self.problems.push(
                    Problem::error(range.clone(), "aliases are not supported".to_owned())
                        .help("write the value out"),
                );
                let kind = Kind::Unreadable;
                self.add(Node { span: range, kind }, None)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(range, anchor, tag.as_deref(), Content::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    name: None,
                };
                self.open(range, anchor, tag.as_deref(), content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end)?,
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), Problem> {
        if self.open.len() == DEEPEST {
            let message = "this is nested deeper than DynamoDB's 32 levels".to_owned();
            return Err(Problem::error(span, message));
        }
        self.refuse_anchor(anchor, &span);
        if tag.is_some() {
            self.refuse_tag(&span);
        }
        self.open.push(Open {
            span,
            is_tagged: tag.is_some(),
            content,
        });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        // The end of what is written in blocks is where the next thing begins: too far.
        let start = open.span.start;
        let is_flow = matches!(self.text.as_bytes().get(start), Some(b'{' | b'['));
        let (kind, last) = match open.content {
            Content::List(nodes) => {
                let last = nodes.last().map(|node| node.span.end);
                (Kind::List(nodes), last)
            }
            Content::Map { entries, .. } => {
                let last = entries.last().map(|entry| entry.span().end);
                (Kind::Map(entries), last)
            }
        };
        let end = if is_flow { end } else { last.unwrap_or(end) };
        let kind = if open.is_tagged {
            Kind::Unreadable
        } else {
            kind
        };
        let span = start..end.max(start);
        self.add(Node { span, kind }, None)
    }

    /// Adds a value, or a name, to what is open; `name` is what it says as a name.
    fn add(&mut self, node: Node, name: Option<String>) -> Result<(), Problem> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(nodes)) => nodes.push(node),
            Some(Content::Map {
                entries,
                name: slot,
            }) => match (slot.take(), name) {
                (None, Some(name)) => *slot = Some((name, node.span)),
                (None, None) => {
                    let message = format!("a name must be a text, this is {}", node.describe());
                    return Err(Problem::error(node.span, message));
                }
                (Some((name, name_span)), _) => {
                    if let Some(first) = entries.iter().find(|entry| entry.name == name) {
                        let problem = Problem::error(name_span, format!("{name:?} is here twice"))
                            .context(first.name_span.clone(), "here first");
                        self.problems.push(problem);
                    } else {
                        entries.push(Entry {
                            name,
                            name_span,
                            value: node,
                        });
                    }
                }
            },
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Range<usize>,
    ) -> Kind {
        match tag {
            None if style == ScalarStyle::Plain => plain(text),
            None => Kind::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                Kind::Text(text.to_owned())
            }
            // `! text` asks for no type in particular.
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Kind::Text(text.to_owned()),
            Some(_) => {
                self.refuse_tag(span);
                Kind::Unreadable
            }
        }
    }

    fn refuse_tag(&mut self, span: &Range<usize>) {
        let span = self.first_word(span);
        let tag = self.text.get(span.clone()).unwrap_or_default();
        let message = format!("the tag {tag} is not supported");
        self.problems.push(Problem::error(span, message).help(
            "for sets and binary values write DynamoDB's own JSON: {$dynamodb: {SS: [a, b]}}",
        ));
    }

    fn refuse_anchor(&mut self, anchor: usize, span: &Range<usize>) {
        if anchor > 0 {
            let span = self.first_word(span);
            let problem = Problem::error(span, "anchors are not supported".to_owned());
            self.problems.push(problem.help("write the value out"));
        }
    }

    /// Tags and anchors come first, and end at a space; what they belong to may be many lines.
    fn first_word(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let word = text.split(char::is_whitespace).next().unwrap_or_default();
        span.start..span.start + word.len()
    }

    /// Without the white space that the parser counts in after some scalars.
    fn trimmed(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + text.trim_end().len()
    }
}

/// What an unquoted text is in YAML 1.2's [core schema](https://yaml.org/spec/1.2.2/#1032-tag-resolution), but for
/// numbers that are not decimal: DynamoDB has none, and a text is what is then refused by name.
pub fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        number if is_number(number) => Kind::Number(number.to_owned()),
        text => Kind::Text(text.to_owned()),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|digits| !digits.is_empty() && is_digits(digits))
}

//! A YAML or JSON text as a tree in which every part knows its place.
//!
//! One parser reads both formats, because JSON is a subset of YAML 1.2. There is one exception: JSON escapes a character
//! beyond U+FFFF as two halves (`\ud83d\ude00`), which YAML refuses. [`PlacedText`] replaces them with the character.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::problem::TextProblem;

/// A value and its place in the file, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Range<usize>,
    pub kind: NodeKind,
}

/// A value, as YAML's core schema sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    Null,
    Bool(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<NodeEntry>),
    /// Something that is already reported as a problem.
    Unreadable,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeEntry {
    pub name: String,
    pub name_span: Range<usize>,
    pub value: Node,
}

impl NodeEntry {
    /// From the name to the end of the value.
    pub fn span(&self) -> Range<usize> {
        self.name_span.start..self.value.span.end.max(self.name_span.end)
    }
}

impl Node {
    /// Whether it or anything in it is unreadable.
    pub fn is_unreadable(&self) -> bool {
        match &self.kind {
            NodeKind::Unreadable => true,
            NodeKind::List(nodes) => nodes.iter().any(Self::is_unreadable),
            NodeKind::Map(entries) => entries.iter().any(|entry| entry.value.is_unreadable()),
            _ => false,
        }
    }

    /// Its kind, for sentences.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "true or false",
            NodeKind::Number(_) => "a number",
            NodeKind::Text(_) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
            NodeKind::Unreadable => "unreadable",
        }
    }
}

/// The most levels of a file: DynamoDB's 32 levels of a value, and three of the file's own around them.
const DEEPEST: usize = 35;

/// Reads a text as one YAML or JSON document. Problems of its parts are added to `problems`.
///
/// # Errors
/// The text has no structure. The error is the problem that says so.
pub fn read(text: &str, problems: &mut Vec<TextProblem>) -> Result<Node, TextProblem> {
    let source = PlacedText::new(text);
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
            let problem =
                TextProblem::error(at..at, format!("this cannot be read: {}", error.info()));
            if error.info().contains("tab") {
                problem.help("YAML is indented with spaces, not with tabs")
            } else {
                problem
            }
        })?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| {
        TextProblem::error(0..0, "the file is empty".to_owned())
            .help("a policy is a list of rules; `tagwarden pull` writes one to start with")
    })
}

/// The text for the parser, and the place of each of its characters in the file.
pub struct PlacedText {
    yaml: String,
    places: Vec<usize>,
}

impl PlacedText {
    pub fn new(text: &str) -> Self {
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
            // An escaped character starts nothing: `\\ud83d` is a backslash and a text.
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

    /// The text for the parser.
    pub fn yaml(&self) -> &str {
        &self.yaml
    }

    fn push(&mut self, character: char, place: usize) {
        self.yaml.push(character);
        self.places.push(place);
    }

    /// The place of a parser's mark, in bytes of the file.
    pub fn place(&self, mark: Marker) -> usize {
        let last = self.places.last().copied().unwrap_or_default();
        self.places.get(mark.index()).copied().unwrap_or(last)
    }

    /// A parser's span, in bytes of the file.
    pub fn range(&self, span: Span) -> Range<usize> {
        let start = self.place(span.start);
        start..self.place(span.end).max(start)
    }
}

/// The character that two halves such as `\ud83d\ude00` at the beginning of `text` stand for.
fn paired_escape(text: &str) -> Option<char> {
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let halves = [half(0)?, half(6)?];
    // A character that needs no second half must not swallow its neighbour.
    (0xd800..0xdc00).contains(&halves[0]).then_some(())?;
    char::decode_utf16(halves).next()?.ok()
}

/// Builds the tree from the parser's events.
struct Builder<'a> {
    source: &'a PlacedText,
    text: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
    problems: &'a mut Vec<TextProblem>,
}

/// A list or mapping that has not ended yet.
struct Open {
    span: Range<usize>,
    is_tagged: bool,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<NodeEntry>,
        name: Option<(String, Range<usize>)>,
    },
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), TextProblem> {
        let range = self.source.range(span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(TextProblem::error(
                    range,
                    "a second document begins here; a policy is one document".to_owned(),
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
                    TextProblem::error(range.clone(), "aliases are not supported".to_owned())
                        .help("write the value out"),
                );
                let kind = NodeKind::Unreadable;
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
    ) -> Result<(), TextProblem> {
        if self.open.len() == DEEPEST {
            let message = "this is nested deeper than DynamoDB's 32 levels".to_owned();
            return Err(TextProblem::error(span, message));
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

    fn close(&mut self, end: usize) -> Result<(), TextProblem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        // The parser puts the end of a block where the next thing begins, which is too far.
        let start = open.span.start;
        let is_flow = matches!(self.text.as_bytes().get(start), Some(b'{' | b'['));
        let (kind, last) = match open.content {
            Content::List(nodes) => {
                let last = nodes.last().map(|node| node.span.end);
                (NodeKind::List(nodes), last)
            }
            Content::Map { entries, .. } => {
                let last = entries.last().map(|entry| entry.span().end);
                (NodeKind::Map(entries), last)
            }
        };
        let end = if is_flow { end } else { last.unwrap_or(end) };
        let kind = if open.is_tagged {
            NodeKind::Unreadable
        } else {
            kind
        };
        let span = start..end.max(start);
        self.add(Node { span, kind }, None)
    }

    /// Adds a value or a name to the list or mapping that is open. `name` is the node as a name.
    fn add(&mut self, node: Node, name: Option<String>) -> Result<(), TextProblem> {
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
                    return Err(TextProblem::error(node.span, message));
                }
                (Some((name, name_span)), _) => {
                    if let Some(first) = entries.iter().find(|entry| entry.name == name) {
                        let problem =
                            TextProblem::error(name_span, format!("{name:?} is here twice"))
                                .context(first.name_span.clone(), "here first");
                        self.problems.push(problem);
                    } else {
                        entries.push(NodeEntry {
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
    ) -> NodeKind {
        match tag {
            None if style == ScalarStyle::Plain => plain(text),
            None => NodeKind::Text(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                NodeKind::Text(text.to_owned())
            }
            // `! text` names no type.
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => {
                NodeKind::Text(text.to_owned())
            }
            Some(_) => {
                self.refuse_tag(span);
                NodeKind::Unreadable
            }
        }
    }

    fn refuse_tag(&mut self, span: &Range<usize>) {
        let span = self.first_word(span);
        let tag = self.text.get(span.clone()).unwrap_or_default();
        let message = format!("the tag {tag} is not supported");
        self.problems.push(TextProblem::error(span, message).help(
            "for sets and binary values write DynamoDB's own JSON: {$dynamodb: {SS: [a, b]}}",
        ));
    }

    fn refuse_anchor(&mut self, anchor: usize, span: &Range<usize>) {
        if anchor > 0 {
            let span = self.first_word(span);
            let problem = TextProblem::error(span, "anchors are not supported".to_owned());
            self.problems.push(problem.help("write the value out"));
        }
    }

    /// The first word, which is the tag or the anchor. Their value may be many lines long.
    fn first_word(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let word = text.split(char::is_whitespace).next().unwrap_or_default();
        span.start..span.start + word.len()
    }

    /// The span without the white space that the parser includes after some scalars.
    fn trimmed(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + text.trim_end().len()
    }
}

/// The kind of an unquoted text in YAML 1.2's [core schema](https://yaml.org/spec/1.2.2/#1032-tag-resolution), except
/// that a number that is not decimal is a text: DynamoDB has no such numbers, and a later check names the text.
pub fn plain(text: &str) -> NodeKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true),
        "false" | "False" | "FALSE" => NodeKind::Bool(false),
        number if is_number(number) => NodeKind::Number(number.to_owned()),
        text => NodeKind::Text(text.to_owned()),
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

//! A template as a tree in which every part knows its place: YAML with CloudFormation's short forms, or JSON.
//!
//! `!Ref X` becomes `{"Ref": "X"}`, `!Sub x` becomes `{"Fn::Sub": "x"}`, and so on. Anchors are resolved.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::text::node::{NodeKind, PlacedText, plain};

/// The most levels of a template, and the most nodes with those that aliases repeat.
const DEEPEST: usize = 100;
const MOST_NODES: usize = 1_000_000;

/// A value and its place in the file, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateNode {
    pub span: Range<usize>,
    pub kind: TemplateKind,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplateKind {
    Null,
    /// A text, a number or a truth value, as CloudFormation takes them.
    Text(String),
    List(Vec<TemplateNode>),
    Map(Vec<TemplateEntry>),
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateEntry {
    pub name: String,
    /// The place of the name.
    pub span: Range<usize>,
    pub value: TemplateNode,
}

/// Where and why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTemplate {
    /// In bytes.
    pub at: usize,
    pub why: String,
}

impl TemplateNode {
    /// The member `name` of a mapping.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.name == name)?;
        Some(&entry.value)
    }

    /// The entries of a mapping; none of something else.
    pub fn entries(&self) -> &[TemplateEntry] {
        match &self.kind {
            TemplateKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of something else.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            TemplateKind::List(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            TemplateKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name and the argument of a function: of a mapping of one entry that is `Ref`, `Condition` or begins with `Fn::`.
    pub fn function(&self) -> Option<(&str, &Self)> {
        let [entry] = self.entries() else {
            return None;
        };
        let name = entry.name.as_str();
        let is_function = matches!(name, "Ref" | "Condition") || name.starts_with("Fn::");
        is_function.then_some((name, &entry.value))
    }

    fn count(&self) -> usize {
        let inner: usize = match &self.kind {
            TemplateKind::List(items) => items.iter().map(Self::count).sum(),
            TemplateKind::Map(entries) => entries.iter().map(|it| it.value.count()).sum(),
            _ => 0,
        };
        inner + 1
    }
}

/// Reads a text as one document.
///
/// # Errors
/// The text has no structure, or is more than a template can be.
pub fn read(text: &str) -> Result<TemplateNode, InvalidTemplate> {
    let source = PlacedText::new(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(source.yaml()) {
        let (event, span) = event.map_err(|error| InvalidTemplate {
            at: source.place(*error.marker()),
            why: format!("this cannot be read: {}", error.info()),
        })?;
        let range = source.range(span);
        let at = range.start;
        builder
            .take(event, range)
            .map_err(|why| InvalidTemplate { at, why })?;
    }
    builder.root.ok_or(InvalidTemplate {
        at: 0,
        why: "the file is empty".to_owned(),
    })
}

#[derive(Default)]
struct Builder {
    root: Option<TemplateNode>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, TemplateNode>,
    nodes: usize,
}

/// A list or mapping that has not ended yet.
struct Open {
    start: usize,
    anchor: usize,
    function: Option<String>,
    content: Content,
}

enum Content {
    List(Vec<TemplateNode>),
    Map(Vec<TemplateEntry>, Option<(String, Range<usize>)>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err("a second document begins here; a template is one document".to_owned());
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = match plain(&text) {
                    NodeKind::Null if style == ScalarStyle::Plain => TemplateKind::Null,
                    _ => TemplateKind::Text(text.into_owned()),
                };
                let node = TemplateNode { span: range, kind };
                self.add(node, anchor, function(tag.as_deref()))?;
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or("this alias is inside what it stands for")?;
                self.nodes += node.count();
                self.add(node, 0, None)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(
                    range.start,
                    anchor,
                    tag.as_deref(),
                    Content::List(Vec::new()),
                )?;
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map(Vec::new(), None);
                self.begin(range.start, anchor, tag.as_deref(), content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let kind = match open.content {
                        Content::List(items) => TemplateKind::List(items),
                        Content::Map(entries, _) => TemplateKind::Map(entries),
                    };
                    let span = open.start..range.end.max(open.start);
                    self.add(TemplateNode { span, kind }, open.anchor, open.function)?;
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        start: usize,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), String> {
        if self.open.len() == DEEPEST {
            return Err(format!("this is nested deeper than {DEEPEST} levels"));
        }
        self.open.push(Open {
            start,
            anchor,
            function: function(tag),
            content,
        });
        Ok(())
    }

    /// Adds a value or a name to what is open.
    fn add(
        &mut self,
        node: TemplateNode,
        anchor: usize,
        function: Option<String>,
    ) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(format!("this is more than {MOST_NODES} values"));
        }
        let node = match function {
            None => node,
            Some(name) => TemplateNode {
                span: node.span.clone(),
                kind: TemplateKind::Map(vec![TemplateEntry {
                    name,
                    span: node.span.clone(),
                    value: node,
                }]),
            },
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, slot)) => match slot.take() {
                Some((name, span)) => entries.push(TemplateEntry {
                    name,
                    span,
                    value: node,
                }),
                None => match node.kind {
                    TemplateKind::Text(name) => *slot = Some((name, node.span)),
                    TemplateKind::Null => *slot = Some(("null".to_owned(), node.span)),
                    _ => return Err("a name must be a text".to_owned()),
                },
            },
        }
        Ok(())
    }
}

/// The long name of a short form: `Ref` for `!Ref`, `Fn::Sub` for `!Sub`.
fn function(tag: Option<&Tag>) -> Option<String> {
    let tag = tag?;
    if tag.is_yaml_core_schema() || tag.suffix.is_empty() || tag.suffix == "!" {
        return None;
    }
    Some(match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

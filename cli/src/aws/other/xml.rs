//! XML answers as JSON.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The deepest nesting that is read. AWS's answers have fewer than ten.
const DEEPEST: usize = 64;

/// The answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not the XML that was expected: {0}")]
pub struct UnreadableXml(String);

/// An element that is open.
#[derive(Debug, Default)]
struct OpenElement {
    name: String,
    text: String,
    members: Map<String, Value>,
    list: Vec<Value>,
}

/// What stands in the root element. Text is a string, elements named `member` are an array, others are an object. An empty
/// element is an empty string.
///
/// # Errors
/// It is not XML, or nested too deeply.
pub fn read(document: &str) -> Result<Value, UnreadableXml> {
    let unreadable = |why: &dyn std::fmt::Display| UnreadableXml(why.to_string());
    let mut reader = Reader::from_str(document);
    let mut open: Vec<OpenElement> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| unreadable(&error))? {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err(unreadable(&"it is nested too deeply"));
                }
                open.push(OpenElement::new(local(&start)));
            }
            Event::Empty(start) => match open.last_mut() {
                Some(outer) => outer.add(local(&start), Value::from("")),
                None => return Ok(Value::from("")),
            },
            Event::End(_) => {
                let Some(inner) = open.pop() else {
                    return Err(unreadable(&"an element ends that did not begin"));
                };
                let name = inner.name.clone();
                match open.last_mut() {
                    Some(outer) => outer.add(name, inner.close()),
                    None => return Ok(inner.close()),
                }
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref();
                let character = character.map_err(|error| unreadable(&error))?;
                if let Some(element) = open.last_mut() {
                    match character {
                        Some(character) => element.text.push(character),
                        None => element
                            .text
                            .push_str(resolve_predefined_entity(&reference).unwrap_or_default()),
                    }
                }
            }
            Event::Eof => return Err(unreadable(&"it ends early")),
            _ => {}
        }
    }
}

/// The name without its attributes and its namespace.
fn local(tag: &str) -> String {
    let name = tag.split_ascii_whitespace().next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

impl OpenElement {
    fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    fn add(&mut self, name: String, value: Value) {
        if name == "member" {
            self.list.push(value);
        } else {
            self.members.insert(name, value);
        }
    }

    fn close(self) -> Value {
        if !self.list.is_empty() {
            Value::Array(self.list)
        } else if self.members.is_empty() {
            Value::String(self.text)
        } else {
            Value::Object(self.members)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_lists_objects_and_texts() {
        let document = r#"<?xml version="1.0"?>
<R xmlns="urn:x"><A><Stacks>
  <member><Name>a &amp; b&#33;</Name><Empty/></member>
  <member><Name><![CDATA[<c>]]></Name></member>
</Stacks><None></None></A></R>"#;
        let expected = json!({"A": {
            "Stacks": [{"Name": "a & b!", "Empty": ""}, {"Name": "<c>"}],
            "None": "",
        }});
        assert_eq!(read(document).unwrap(), expected);
    }

    #[test]
    fn refuses_what_is_not_whole() {
        for document in ["", "not XML", "<a><b></a>", "<a><b>", "<a>&#x110000;</a>"] {
            assert!(read(document).is_err(), "{document}");
        }
        let deep = "<a>".repeat(100_000);
        assert!(read(&deep).is_err());
    }
}

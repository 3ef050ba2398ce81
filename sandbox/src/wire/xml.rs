//! Writing XML.

use std::fmt::Display;

use quick_xml::escape::escape;

/// Elements one after the other, as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// A whole document with one root element, in `namespace` unless that is empty.
    pub(crate) fn document(root: &str, namespace: &str, content: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self(String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<",
        ));
        xml.0.push_str(root);
        if !namespace.is_empty() {
            xml.0.push_str(" xmlns=\"");
            xml.0.push_str(&escape(namespace));
            xml.0.push('"');
        }
        xml.0.push('>');
        content(&mut xml);
        xml.close(root);
        xml.0
    }

    /// An element that holds others.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.open(name);
        content(self);
        self.close(name);
    }

    /// An element that holds text.
    pub(crate) fn text(&mut self, name: &str, text: impl AsRef<str>) {
        self.open(name);
        self.0.push_str(&escape(text.as_ref()));
        self.close(name);
    }

    /// An element that holds a number or another value that needs no escaping.
    pub(crate) fn value(&mut self, name: &str, value: impl Display) {
        self.text(name, value.to_string());
    }

    /// A list in EC2's way: `<name><item>…</item><item>…</item></name>`.
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for item in items {
                xml.element("item", |xml| write(xml, item));
            }
        });
    }

    /// The elements of another.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }
}

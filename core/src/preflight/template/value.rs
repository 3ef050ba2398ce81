//! The value of a property of a template, as far as it is known before the stack is made.

use std::ops::Range;

/// A value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyValue<'t> {
    /// `AWS::NoValue`, null, or not there.
    Absent,
    /// A text, a number or a truth value.
    Text {
        /// The text.
        text: String,
        /// Whether it comes from a parameter with `NoEcho`.
        is_secret: bool,
    },
    /// Nothing is known of it.
    Unknown,
    /// A list.
    List(Vec<Self>),
    /// A mapping.
    Map {
        /// Its names and values.
        entries: Vec<(&'t str, Self)>,
        /// Where it is in its text, in bytes; empty where there is no text.
        span: Range<usize>,
    },
    /// One of these: nobody knows which.
    Either(Box<(Self, Self)>),
}

impl PropertyValue<'_> {
    /// A text that anybody may see.
    pub fn plain(text: impl Into<String>) -> Self {
        let (text, is_secret) = (text.into(), false);
        Self::Text { text, is_secret }
    }

    /// One of two values: nobody knows which.
    #[must_use]
    pub fn either(first: Self, second: Self) -> Self {
        if first == second {
            return first;
        }
        Self::Either(Box::new((first, second)))
    }

    /// A known text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The member of a mapping; absent from anything else that is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Self {
        match self {
            Self::Map { entries, .. } => {
                let entry = entries.iter().find(|(entry, _)| *entry == name);
                entry.map_or(Self::Absent, |(_, value)| value.clone())
            }
            Self::Unknown => Self::Unknown,
            Self::Either(both) => Self::either(both.0.get(name), both.1.get(name)),
            Self::Absent | Self::Text { .. } | Self::List(_) => Self::Absent,
        }
    }
}

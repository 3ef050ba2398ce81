//! Several kinds of resources: those that a rule is for, and those that a stack covers.

use std::fmt;

use super::kind::Kind;

/// Kinds of resources; at least one. The default is instances alone, as before there were other kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// One bit for each kind, at its position in [`Kind::ALL`].
    bits: u8,
}

/// A list that does not name kinds of resources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKinds {
    /// A part is not the name of a kind.
    #[error("{0:?} is not a kind of resource: use {names}", names = names(" or "))]
    Unknown(String),
    /// It names none.
    #[error("it names no kind of resource: use {names}", names = names(", "))]
    Nothing,
}

/// The names of all kinds.
fn names(separator: &str) -> String {
    Kind::ALL.map(Kind::as_str).join(separator)
}

impl Kinds {
    /// The kinds with these names, such as `instance` and `volume`. Blanks around a name do not count.
    ///
    /// # Errors
    /// The first name that is not a kind's, or that there is none.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidKinds> {
        let mut bits = 0;
        for name in names {
            let kind = Kind::from_name(name.trim());
            bits |= bit(kind.ok_or_else(|| InvalidKinds::Unknown(name.trim().to_owned()))?);
        }
        if bits == 0 {
            return Err(InvalidKinds::Nothing);
        }
        Ok(Self { bits })
    }

    /// Reads `instance,volume`, or the names in AWS Config, as a stack has them: `AWS::EC2::Instance,AWS::EC2::Volume`. A text
    /// of blanks is the default.
    ///
    /// # Errors
    /// As [`of_names`](Self::of_names).
    pub fn from_list(list: &str) -> Result<Self, InvalidKinds> {
        if list.trim().is_empty() {
            return Ok(Self::default());
        }
        let names = list.split(',').filter(|part| !part.trim().is_empty());
        let names = names.map(|name| match Kind::from_config_type(name.trim()) {
            Some(kind) => kind.as_str(),
            None => name,
        });
        Self::of_names(names)
    }

    /// Every kind.
    #[must_use]
    pub fn all() -> Self {
        let kinds = Kind::ALL.into_iter();
        Self {
            bits: kinds.fold(0, |bits, kind| bits | bit(kind)),
        }
    }

    /// These kinds and `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self {
            bits: self.bits | others.bits,
        }
    }

    /// Those that are not among `others`; `None` if there is none.
    #[must_use]
    pub fn without(self, others: Self) -> Option<Self> {
        let bits = self.bits & !others.bits;
        (bits != 0).then_some(Self { bits })
    }

    /// Whether `kind` is one of them.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.bits & bit(kind) != 0
    }

    /// The kinds, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }

    /// Those that are attached to instances.
    pub fn attached(self) -> impl Iterator<Item = Kind> {
        self.iter().filter(|kind| kind.attached_by().is_some())
    }

    /// Whether any of them may be stopped and terminated.
    #[must_use]
    pub fn may_shut_down(self) -> bool {
        self.iter().any(Kind::may_shut_down)
    }

    /// The kinds for a sentence: `instances and volumes`.
    #[must_use]
    pub fn nouns(self) -> String {
        let nouns: Vec<&str> = self.iter().map(|kind| kind.noun(2)).collect();
        nouns.join(" and ")
    }
}

const fn bit(kind: Kind) -> u8 {
    1 << kind as u8
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            bits: bit(Kind::Instance),
        }
    }
}

/// As people write them: `instance, volume`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Kind::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (list, expected) in [
            ("", "instance"),
            (" ", "instance"),
            ("instance", "instance"),
            ("volume", "volume"),
            (" volume , instance,", "instance, volume"),
            ("volume,volume", "volume"),
            ("AWS::EC2::Instance, AWS::EC2::Volume", "instance, volume"),
            ("AWS::EC2::Volume", "volume"),
        ] {
            let kinds = Kinds::from_list(list).unwrap();
            assert_eq!(kinds.to_string(), expected, "{list:?}");
            assert_eq!(Kinds::from_list(expected), Ok(kinds));
            for kind in Kind::ALL {
                let is_named = expected.split(", ").any(|name| name == kind.as_str());
                assert_eq!(kinds.contains(kind), is_named, "{list:?} {kind}");
            }
        }
        assert_eq!(Kinds::default(), Kinds::from_list("instance").unwrap());
    }

    #[test]
    fn refuses_what_is_not_a_kind() {
        for (list, expected) in [
            (",", r"it names no kind of resource: use instance, volume"),
            (
                "Volume",
                r#""Volume" is not a kind of resource: use instance or volume"#,
            ),
            (
                "instance volume",
                r#""instance volume" is not a kind of resource: use instance or volume"#,
            ),
        ] {
            assert_eq!(Kinds::from_list(list).unwrap_err().to_string(), expected);
        }
    }
}

//! Where the value of a tag comes from.

use std::fmt;
use std::str::FromStr;

use tagwarden_core::wording::excerpt;

/// Where the value that is written to a tag comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueOrigin {
    /// The rule's `Default`.
    Default,
    /// The rule's function.
    Function,
    /// Who launched the instance, or that nobody can be found.
    Launcher,
    /// A tag of the instance whose key is a near miss of the rule's.
    NearMiss(String),
    /// What tagwarden wrote there before and somebody removed.
    Restored,
    /// Another tag of the instance, which the rule names as a source.
    Tag(String),
    /// The tag of the same key of the instance that a volume is attached to.
    Instance(String),
    /// The tag of the same key of the instance's subnet.
    Subnet(String),
    /// The tag of the same key of the instance's VPC.
    Vpc(String),
    /// The who row with this id, which is about who launched the instance.
    Who(i64),
    /// Another origin, because a source before it could not be read.
    After {
        /// Where the value comes from.
        origin: Box<Self>,
        /// Which source could not be read, and why.
        unread: String,
    },
}

impl ValueOrigin {
    fn kind(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Function => "function",
            Self::Launcher => "launcher",
            Self::NearMiss(_) => "near-miss",
            Self::Restored => "restored",
            Self::Tag(_) => "tag",
            Self::Instance(_) => "instance",
            Self::Subnet(_) => "subnet",
            Self::Vpc(_) => "vpc",
            Self::Who(_) => "who",
            Self::After { origin, .. } => origin.kind(),
        }
    }

    /// Whether the value is that of the rule's function, which another day gives another value.
    #[must_use]
    pub fn is_function(&self) -> bool {
        match self {
            Self::After { origin, .. } => origin.is_function(),
            other => *other == Self::Function,
        }
    }

    /// Where the value comes from, for sentences; `None` where the rule itself says so.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::Default | Self::Function | Self::Launcher => None,
            Self::Restored => Some("what tagwarden wrote before".to_owned()),
            Self::NearMiss(key) | Self::Tag(key) => Some(format!("its tag {}", excerpt(key))),
            Self::Instance(id) => Some(format!("its instance {id}")),
            Self::Subnet(id) => Some(format!("its subnet {id}")),
            Self::Vpc(id) => Some(format!("its VPC {id}")),
            Self::Who(row_id) => Some(format!("row {row_id}, which is about its launcher")),
            Self::After { origin, unread } => {
                let from = origin.describe().unwrap_or_else(|| "the rule".to_owned());
                Some(format!("{from}, because {unread}"))
            }
        }
    }
}

/// As programs and the ledger read it: `default`, `near-miss:projectcode`.
impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After { origin, .. } => origin.fmt(f),
            Self::Who(row_id) => write!(f, "{}:{row_id}", self.kind()),
            Self::NearMiss(detail)
            | Self::Tag(detail)
            | Self::Instance(detail)
            | Self::Subnet(detail)
            | Self::Vpc(detail) => {
                write!(f, "{}:{detail}", self.kind())
            }
            Self::Default | Self::Function | Self::Launcher | Self::Restored => {
                f.write_str(self.kind())
            }
        }
    }
}

/// The text names an origin that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin of a value")]
pub struct UnknownOrigin;

impl FromStr for ValueOrigin {
    type Err = UnknownOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, detail) = match text.split_once(':') {
            Some((kind, detail)) => (kind, Some(detail.to_owned())),
            None => (text, None),
        };
        Ok(match (kind, detail) {
            ("default", None) => Self::Default,
            ("function", None) => Self::Function,
            ("launcher", None) => Self::Launcher,
            ("restored", None) => Self::Restored,
            ("near-miss", Some(key)) => Self::NearMiss(key),
            ("tag", Some(key)) => Self::Tag(key),
            ("instance", Some(id)) => Self::Instance(id),
            ("subnet", Some(id)) => Self::Subnet(id),
            ("vpc", Some(id)) => Self::Vpc(id),
            ("who", Some(id)) => Self::Who(id.parse().map_err(|_| UnknownOrigin)?),
            _ => return Err(UnknownOrigin),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for origin in [
            ValueOrigin::Default,
            ValueOrigin::Function,
            ValueOrigin::Launcher,
            ValueOrigin::Restored,
            ValueOrigin::NearMiss("project:code".to_owned()),
            ValueOrigin::Tag("Team".to_owned()),
            ValueOrigin::Instance("i-1".to_owned()),
            ValueOrigin::Subnet("subnet-1".to_owned()),
            ValueOrigin::Vpc("vpc-1".to_owned()),
            ValueOrigin::Who(-7),
        ] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        for text in ["", "moon", "default:x", "near-miss", "who:ann"] {
            assert_eq!(text.parse::<ValueOrigin>(), Err(UnknownOrigin), "{text}");
        }
    }
}

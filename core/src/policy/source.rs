//! Sources of a tag's value: the attribute `From`.

use std::fmt;
use std::str::FromStr;

/// Where the value of a tag is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Another tag of the same resource, with this key.
    Tag(String),
    /// The tag of the same key of the instance that a volume is attached to. Nothing for an instance.
    Instance,
    /// The tag of the same key of the instance's subnet. Nothing for a volume.
    Subnet,
    /// The tag of the same key of the VPC that the resource is in.
    Vpc,
    /// What a [who row](super::WhoRow) says of the name of who launched the instance.
    Launcher,
}

/// Why a text is not a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// It names no source.
    #[error("{0:?} is not a source: use tag:KEY, instance, subnet, vpc or launcher")]
    Unknown(String),
    /// `tag:` without a key.
    #[error("tag: needs the key of another tag, such as tag:Team")]
    NoKey,
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "subnet" => Ok(Self::Subnet),
            "vpc" => Ok(Self::Vpc),
            "launcher" => Ok(Self::Launcher),
            "instance" => Ok(Self::Instance),
            "tag:" => Err(InvalidSource::NoKey),
            other => match other.strip_prefix("tag:") {
                Some(key) => Ok(Self::Tag(key.trim().to_owned())),
                None => Err(InvalidSource::Unknown(other.to_owned())),
            },
        }
    }
}

/// As people write it: `tag:Team`, `subnet`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(key) => write!(f, "tag:{key}"),
            Self::Instance => f.write_str("instance"),
            Self::Subnet => f.write_str("subnet"),
            Self::Vpc => f.write_str("vpc"),
            Self::Launcher => f.write_str("launcher"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "tag:Team", "tag:a:b", "instance", "subnet", "vpc", "launcher",
        ] {
            let source: Source = text.parse().unwrap();
            assert_eq!(source.to_string(), text);
        }
        let key: Source = " tag: Team ".parse().unwrap();
        assert_eq!(key, Source::Tag("Team".to_owned()));
    }

    #[test]
    fn refuses_what_is_not_a_source() {
        let refused = |text: &str| text.parse::<Source>().unwrap_err();
        assert_eq!(refused("tag:"), InvalidSource::NoKey);
        for text in ["Tag:Team", "image", "VPC", ""] {
            assert_eq!(refused(text), InvalidSource::Unknown(text.to_owned()));
        }
    }
}

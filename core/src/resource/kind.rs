//! What differs between the kinds of resources: one row of a table for each.
//!
//! Whatever holds for one kind and not for another is a column of [`KindRow`]. Code asks the kind, and never compares it.

use std::fmt;

/// What a resource is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An EC2 instance.
    #[default]
    Instance,
    /// An EBS volume.
    Volume,
}

/// What is true of one kind.
#[derive(Debug)]
struct KindRow {
    /// The name: in the policy's `ResourceTypes`, in documents for programs, and in sentences.
    name: &'static str,
    /// The name of several in sentences.
    plural: &'static str,
    /// The name at the beginning of a sentence.
    title: &'static str,
    /// The name in AWS Config and CloudFormation.
    config_type: &'static str,
    /// What the ids begin with, before 8 or 17 hexadecimal digits.
    ///
    /// See [Resource IDs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html).
    id_prefix: &'static str,
    /// Whether it may be stopped and terminated. What may not is only tagged and reported.
    may_shut_down: bool,
    /// Whether having no tags at all is a finding of its own.
    untagged_counts: bool,
    /// The relationship in its configuration items that names the instance it is attached to; `None` for what is attached
    /// to no instance. What is attached is in scope by its instance, and takes its launcher.
    attached_by: Option<&'static str>,
    /// The CloudTrail event that creates it, for which launchers are looked up; `None` if nothing is looked up.
    created_by: Option<&'static str>,
}

static INSTANCE: KindRow = KindRow {
    name: "instance",
    plural: "instances",
    title: "Instance",
    config_type: "AWS::EC2::Instance",
    id_prefix: "i-",
    may_shut_down: true,
    untagged_counts: true,
    attached_by: None,
    created_by: Some("RunInstances"),
};

static VOLUME: KindRow = KindRow {
    name: "volume",
    plural: "volumes",
    title: "Volume",
    config_type: "AWS::EC2::Volume",
    id_prefix: "vol-",
    may_shut_down: false,
    untagged_counts: false,
    attached_by: Some("Is attached to Instance"),
    created_by: None,
};

impl Kind {
    /// Every kind, in the order in which documents list them.
    pub const ALL: [Self; 2] = [Self::Instance, Self::Volume];

    const fn row(self) -> &'static KindRow {
        match self {
            Self::Instance => &INSTANCE,
            Self::Volume => &VOLUME,
        }
    }

    /// `instance`: the name in the policy, in documents for programs and in sentences.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// `instance` for one, `instances` for any other number.
    #[must_use]
    pub const fn noun(self, count: usize) -> &'static str {
        match count {
            1 => self.row().name,
            _ => self.row().plural,
        }
    }

    /// `Instance`: the name at the beginning of a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// `AWS::EC2::Instance`: the name in AWS Config and CloudFormation.
    #[must_use]
    pub const fn config_type(self) -> &'static str {
        self.row().config_type
    }

    /// Whether it may be stopped and terminated. What may not is only tagged and reported.
    #[must_use]
    pub const fn may_shut_down(self) -> bool {
        self.row().may_shut_down
    }

    /// Whether having no tags at all is a finding of its own, in the place of those of the rules.
    #[must_use]
    pub const fn untagged_counts(self) -> bool {
        self.row().untagged_counts
    }

    /// The relationship in its configuration items that names the instance it is attached to. `None` for a kind that is
    /// attached to no instance: it is in scope by itself, and has a launcher of its own.
    #[must_use]
    pub const fn attached_by(self) -> Option<&'static str> {
        self.row().attached_by
    }

    /// The CloudTrail event that creates it, for which launchers are looked up; `None` if nothing is looked up.
    #[must_use]
    pub const fn created_by(self) -> Option<&'static str> {
        self.row().created_by
    }

    /// Whether `text` has the form of an id of this kind: its prefix, and 8 or 17 hexadecimal digits.
    #[must_use]
    pub fn is_id(self, text: &str) -> bool {
        text.strip_prefix(self.row().id_prefix)
            .is_some_and(|digits| {
                matches!(digits.len(), 8 | 17)
                    && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
    }

    /// The kind of the resource with the id `id`, by what its id begins with; `None` if no kind's ids begin so.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let mut kinds = Self::ALL.into_iter();
        kinds.find(|kind| id.starts_with(kind.row().id_prefix))
    }

    /// The kind that the policy names `name`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind that AWS Config names `config_type`; `None` if tagwarden does not know it.
    #[must_use]
    pub fn from_config_type(config_type: &str) -> Option<Self> {
        let mut kinds = Self::ALL.into_iter();
        kinds.find(|kind| kind.config_type() == config_type)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_each_of_its_names() {
        for kind in Kind::ALL {
            let id = format!("{}0a1b2c3d4e5f60718", kind.row().id_prefix);
            assert_eq!(Kind::of_id(&id), Some(kind));
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
            assert_eq!(Kind::from_config_type(kind.config_type()), Some(kind));
            assert!(kind.is_id(&id), "{id}");
            assert_eq!(kind.title().to_ascii_lowercase(), kind.as_str());
            assert_eq!((kind.noun(1), kind.noun(0)), (kind.as_str(), kind.noun(2)));
        }
        assert_eq!(Kind::of_id("eni-0a1b2c3d"), None);
        assert_eq!(Kind::from_name("Volume"), None);
        assert_eq!(Kind::from_config_type("AWS::S3::Bucket"), None);
    }

    /// What may be shut down has a launcher and a countdown of its own; what is only tagged has neither.
    #[test]
    fn only_an_instance_may_be_shut_down() {
        let shut_down = |kind: &Kind| kind.may_shut_down() || kind.untagged_counts();
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(shut_down).collect();
        assert_eq!(kinds, [Kind::Instance]);
    }

    #[test]
    fn knows_an_id() {
        for (kind, id) in [
            (Kind::Instance, "i-0a1b2c3d"),
            (Kind::Instance, "i-0a1b2c3d4e5f60718"),
            (Kind::Instance, "i-ABCDEF01"),
            (Kind::Volume, "vol-0a1b2c3d"),
            (Kind::Volume, "vol-0a1b2c3d4e5f60718"),
        ] {
            assert!(kind.is_id(id), "{id}");
        }
        for other in [
            "",
            "i-",
            "i-0a1b2c3",
            "i-0a1b2c3d4",
            "i-0a1b2c3g",
            "vol-0a1b2c3g",
            "volume-0a1b2c3d",
            "0a1b2c3d",
        ] {
            assert!(!Kind::ALL.iter().any(|kind| kind.is_id(other)), "{other}");
        }
    }
}

//! The resources that make instances, and volumes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tags::{self, TagList};
use super::value::PropertyValue;
use crate::preflight::launch::{LostTags, PlannedLaunch};
use crate::preflight::planned_tags::PlannedTags;
use crate::{InstanceDetails, Kind};

/// The types of CloudFormation that are judged: what makes instances, and volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchType {
    /// `AWS::EC2::Instance`
    Instance,
    /// `AWS::AutoScaling::AutoScalingGroup`
    Group,
    /// `AWS::EC2::Volume`
    Volume,
}

impl LaunchType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Instance, Self::Group, Self::Volume];

    /// The type with this name; `None` if its resources are not judged.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// CloudFormation's name of the type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "AWS::EC2::Instance",
            Self::Group => "AWS::AutoScaling::AutoScalingGroup",
            Self::Volume => "AWS::EC2::Volume",
        }
    }

    /// What its resources make.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Instance | Self::Group => Kind::Instance,
            Self::Volume => Kind::Volume,
        }
    }

    /// Whether its tags reach the instances only with `PropagateAtLaunch`.
    #[must_use]
    pub fn propagates(self) -> bool {
        self == Self::Group
    }
}

/// What a launch template brings to the instances.
#[derive(Clone, Debug, Default)]
pub struct BroughtByTemplate {
    /// The tags for instances.
    pub tags: PlannedTags,
    /// What else it says of them.
    pub details: InstanceDetails,
}

impl BroughtByTemplate {
    /// What a template brings that is not known: any tags.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            tags: PlannedTags::unknown(),
            details: InstanceDetails::default(),
        }
    }
}

/// A resource that CloudFormation is about to make.
#[derive(Clone, Copy)]
pub struct StackResource<'a, 't> {
    /// Its type.
    pub launch_type: LaunchType,
    /// Its name in the template.
    pub logical_id: &'a str,
    /// Gives the value of a property by its name.
    pub property: &'a dyn Fn(&str) -> PropertyValue<'t>,
    /// The tags of the stack, which its resources get too.
    pub stack_tags: &'a PlannedTags,
}

impl std::fmt::Debug for StackResource<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            launch_type,
            logical_id,
            ..
        } = self;
        f.debug_struct("StackResource")
            .field("launch_type", launch_type)
            .field("logical_id", logical_id)
            .finish_non_exhaustive()
    }
}

impl StackResource<'_, '_> {
    /// The instances that it will launch, with what its launch template brings. Gives also where its tags are in the text, in
    /// bytes.
    #[must_use]
    pub fn launch(
        &self,
        brought: BroughtByTemplate,
    ) -> (PlannedLaunch, BTreeMap<String, Range<usize>>) {
        let propagates = self.launch_type.propagates();
        let TagList {
            tags: own,
            places,
            lost,
        } = tags::list(&(self.property)("Tags"), propagates);
        let tags = brought.tags.overlaid(&self.tags_of_stack(&lost));
        let details = match self.launch_type {
            LaunchType::Group | LaunchType::Volume => brought.details,
            LaunchType::Instance => self.details(brought.details),
        };
        let launch = PlannedLaunch {
            kind: self.launch_type.kind(),
            address: self.logical_id.to_owned(),
            tags: tags.overlaid(&own),
            details,
            vpc_id: None,
            lost: (!lost.is_empty()).then(|| LostTags {
                keys: lost.into_iter().collect(),
                why: "the group has it without PropagateAtLaunch",
            }),
        };
        (launch, places)
    }

    /// The tags of the stack, and those that CloudFormation and Auto Scaling write.
    fn tags_of_stack(&self, lost: &[String]) -> PlannedTags {
        let mut tags = self.stack_tags.clone();
        // A tag of the group's own replaces the stack's, also one that does not reach the instances.
        for key in lost {
            tags.remove(key);
        }
        tags.set("aws:cloudformation:logical-id", self.logical_id);
        tags.set_unknown("aws:cloudformation:stack-id");
        tags.set_unknown("aws:cloudformation:stack-name");
        if self.launch_type == LaunchType::Group {
            tags.set_unknown("aws:autoscaling:groupName");
        }
        tags
    }

    /// What the instance says of itself, and the template beneath.
    fn details(&self, template: InstanceDetails) -> InstanceDetails {
        let text = |name: &str| (self.property)(name).text().map(ToOwned::to_owned);
        let is_absent = |name: &str| (self.property)(name) == PropertyValue::Absent;
        let key_name = text("KeyName");
        let is_whole = is_absent("LaunchTemplate")
            && is_absent("IamInstanceProfile")
            && (key_name.is_some() || is_absent("KeyName"));
        InstanceDetails {
            is_whole,
            instance_type: text("InstanceType").or(template.instance_type),
            image_id: text("ImageId").or(template.image_id),
            subnet_id: text("SubnetId"),
            availability_zone: text("AvailabilityZone"),
            key_name: key_name.or(template.key_name),
            lifecycle: template.lifecycle,
            ..InstanceDetails::default()
        }
    }
}

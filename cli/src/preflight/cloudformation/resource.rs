//! The resources that make instances, and what their launch templates bring.

use tagwarden_core::InstanceDetails;
use tagwarden_core::preflight::PlannedTags;
use tagwarden_core::preflight::template::{
    BroughtByTemplate, LaunchType, PropertyValue, StackResource, tags,
};

use super::evaluate::{Evaluator, StackInputs};
use super::tree::{TemplateEntry, TemplateNode};
use crate::pipeline::{FilePlace, line_and_column};
use crate::preflight::fix::FixLanguage;
use crate::preflight::planned::PlannedResource;

const TEMPLATE: &str = "AWS::EC2::LaunchTemplate";

/// Reads the resources of one template.
#[derive(Debug)]
pub struct TemplateReader<'t> {
    pub template: &'t TemplateNode,
    pub evaluator: Evaluator<'t>,
    pub inputs: &'t StackInputs,
    /// What the file is called, and its text.
    pub path: &'t str,
    pub text: &'t str,
    /// What stands before the names of a nested template's resources.
    pub prefix: &'t str,
    /// Whether something may add tags that are not here.
    pub is_open: bool,
}

impl<'t> TemplateReader<'t> {
    /// The resource as its instances will be; `None` if it makes none, or is certainly not made.
    pub fn read(&self, entry: &'t TemplateEntry) -> Option<PlannedResource> {
        let launch_type = launch_type(entry)?;
        if !self.is_made(&entry.value) {
            return None;
        }
        let property = |name: &str| self.property(&entry.value, name);
        let brought = match launch_type {
            LaunchType::Group => self.of_group(&entry.value),
            LaunchType::Instance => self.brought(&entry.value, &property("LaunchTemplate")),
            LaunchType::Volume => BroughtByTemplate::default(),
        };
        let resource = StackResource {
            launch_type,
            logical_id: &entry.name,
            property: &property,
            stack_tags: &self.stack_tags(),
        };
        let (mut launch, places) = resource.launch(brought);
        if self.is_open {
            launch.tags.add_unknown_keys();
        }
        launch.address = format!("{}{}", self.prefix, entry.name);
        launch.details.stated_region = self.pseudo("AWS::Region");
        launch.details.owner_id = self.pseudo("AWS::AccountId");
        launch.vpc_id = self.vpc(&entry.value);
        let places = places.into_iter();
        Some(PlannedResource {
            type_name: launch_type.as_str().to_owned(),
            place: Some(self.place(&entry.span)),
            tag_places: places.map(|(key, span)| (key, self.place(&span))).collect(),
            language: self.language(launch_type.propagates()),
            launch,
        })
    }

    /// Whether it would make instances, and its condition certainly fails.
    pub fn is_left_out(&self, entry: &TemplateEntry) -> bool {
        launch_type(entry).is_some() && !self.is_made(&entry.value)
    }

    /// Whether a resource's condition may hold.
    fn is_made(&self, resource: &TemplateNode) -> bool {
        let condition = resource.get("Condition").and_then(TemplateNode::text);
        condition.is_none_or(|name| self.evaluator.condition(name) != Some(false))
    }

    fn property(&self, resource: &'t TemplateNode, name: &str) -> PropertyValue<'t> {
        let properties = resource.get("Properties");
        match properties.and_then(|it| it.get(name)) {
            Some(node) => self.evaluator.value(node),
            // A macro may have written any property.
            None if properties.is_some_and(|it| it.get("Fn::Transform").is_some()) => {
                PropertyValue::Unknown
            }
            None => PropertyValue::Absent,
        }
    }

    /// The tags of the stack.
    fn stack_tags(&self) -> PlannedTags {
        let mut tags = PlannedTags::default();
        for (key, value) in &self.inputs.tags {
            match value {
                Some(value) => tags.set(key, value),
                None => tags.set_unknown(key),
            }
        }
        tags
    }

    fn of_group(&self, group: &'t TemplateNode) -> BroughtByTemplate {
        let mixed = self.property(group, "MixedInstancesPolicy");
        if mixed == PropertyValue::Absent {
            return self.brought(group, &self.property(group, "LaunchTemplate"));
        }
        let template = mixed.get("LaunchTemplate");
        let has_own =
            |it: &PropertyValue<'_>| it.get("LaunchTemplateSpecification") != PropertyValue::Absent;
        let is_mixed = match template.get("Overrides") {
            PropertyValue::Absent => false,
            PropertyValue::List(items) => items.iter().any(has_own),
            _ => true,
        };
        if is_mixed {
            return BroughtByTemplate::unknown();
        }
        let path = ["MixedInstancesPolicy", "LaunchTemplate"];
        let inner = path
            .iter()
            .try_fold(properties(group), |node, name| node?.get(name).map(Some));
        let specification = template.get("LaunchTemplateSpecification");
        let node = inner
            .flatten()
            .and_then(|it| it.get("LaunchTemplateSpecification"));
        self.of_specification(node, &specification)
    }

    /// What the template brings that the property `LaunchTemplate` names.
    fn brought(
        &self,
        resource: &'t TemplateNode,
        property: &PropertyValue<'_>,
    ) -> BroughtByTemplate {
        let node = properties(resource).and_then(|it| it.get("LaunchTemplate"));
        self.of_specification(node, property)
    }

    fn of_specification(
        &self,
        node: Option<&'t TemplateNode>,
        specification: &PropertyValue<'_>,
    ) -> BroughtByTemplate {
        if *specification == PropertyValue::Absent {
            return BroughtByTemplate::default();
        }
        let template = node.and_then(|node| self.template_of(node));
        let is_newest = node.is_some_and(is_newest);
        let Some(template) = template.filter(|_| is_newest) else {
            return BroughtByTemplate::unknown();
        };
        let data = self.property(template, "LaunchTemplateData");
        let mut tags = PlannedTags::default();
        match data.get("TagSpecifications") {
            PropertyValue::Absent => {}
            PropertyValue::List(items) => {
                for item in &items {
                    match item.get("ResourceType") {
                        PropertyValue::Text { text, .. } if text == "instance" => {
                            let own = tags::list(&item.get("Tags"), false);
                            tags = tags.overlaid(&own.tags);
                        }
                        PropertyValue::Text { .. } => {}
                        _ if *item == PropertyValue::Absent => {}
                        _ => tags.add_unknown_keys(),
                    }
                }
            }
            _ => tags.add_unknown_keys(),
        }
        if !self.is_made(template) {
            return BroughtByTemplate::unknown();
        }
        let text = |name: &str| data.get(name).text().map(ToOwned::to_owned);
        let market = data.get("InstanceMarketOptions").get("MarketType");
        BroughtByTemplate {
            tags,
            details: InstanceDetails {
                lifecycle: market.text().map(ToOwned::to_owned),
                instance_type: text("InstanceType"),
                image_id: text("ImageId"),
                key_name: text("KeyName"),
                ..InstanceDetails::default()
            },
        }
    }

    /// The launch template of this file that a specification refers to.
    fn template_of(&self, specification: &'t TemplateNode) -> Option<&'t TemplateNode> {
        let by_id = specification.get("LaunchTemplateId").and_then(referenced);
        if let Some(name) = by_id {
            return self.resource(name, TEMPLATE);
        }
        // A template has the name that its property gives it.
        let wanted = self
            .evaluator
            .value(specification.get("LaunchTemplateName")?);
        let wanted = wanted.text()?;
        let resources = self.template.get("Resources")?.entries().iter();
        let mut named = resources.filter(|entry| {
            let type_name = entry.value.get("Type").and_then(TemplateNode::text);
            type_name == Some(TEMPLATE)
                && self.property(&entry.value, "LaunchTemplateName").text() == Some(wanted)
        });
        Some(&named.next()?.value)
    }

    /// The resource `name` of this file, if it is of this type.
    fn resource(&self, name: &str, type_name: &str) -> Option<&'t TemplateNode> {
        let resource = self.template.get("Resources")?.get(name)?;
        let its_type = resource.get("Type").and_then(TemplateNode::text);
        (its_type == Some(type_name)).then_some(resource)
    }

    /// The VPC of a subnet of this file.
    fn vpc(&self, instance: &'t TemplateNode) -> Option<String> {
        let subnet = properties(instance)?.get("SubnetId").and_then(referenced)?;
        let subnet = self.resource(subnet, "AWS::EC2::Subnet")?;
        self.property(subnet, "VpcId").text().map(ToOwned::to_owned)
    }

    fn pseudo(&self, name: &str) -> Option<String> {
        self.inputs.parameters.get(name).cloned().flatten()
    }

    /// The first line of a place.
    fn place(&self, span: &std::ops::Range<usize>) -> FilePlace {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        FilePlace {
            path: self.path.to_owned(),
            start: line_and_column(self.text, span.start),
            end: line_and_column(self.text, span.start + first.len().max(1)),
        }
    }

    fn language(&self, propagates: bool) -> FixLanguage {
        if self.text.trim_start().starts_with('{') {
            FixLanguage::JsonList { propagates }
        } else {
            FixLanguage::YamlList { propagates }
        }
    }
}

/// The type of a resource that makes instances.
fn launch_type(entry: &TemplateEntry) -> Option<LaunchType> {
    let type_name = entry.value.get("Type").and_then(TemplateNode::text)?;
    LaunchType::named(type_name)
}

fn properties(resource: &TemplateNode) -> Option<&TemplateNode> {
    resource.get("Properties")
}

/// The resource that a node is a reference to.
fn referenced(node: &TemplateNode) -> Option<&str> {
    match node.function()? {
        ("Ref", argument) => argument.text(),
        ("Fn::GetAtt", argument) => {
            let text = argument.text().and_then(|text| text.split_once('.'));
            let list = argument.items().first().and_then(TemplateNode::text);
            text.map(|(name, _)| name).or(list)
        }
        _ => None,
    }
}

/// Whether a specification asks for the version that this file makes.
fn is_newest(specification: &TemplateNode) -> bool {
    let Some(version) = specification.get("Version") else {
        return false;
    };
    let attribute = version.function().and_then(|(name, argument)| {
        let text = argument.text().and_then(|text| text.split_once('.'));
        let list = argument.items().get(1).and_then(TemplateNode::text);
        let attribute = text.map(|(_, attribute)| attribute).or(list)?;
        (name == "Fn::GetAtt").then_some(attribute)
    });
    version.text() == Some("$Latest") || attribute == Some("LatestVersionNumber")
}

//! The resources that make instances, and volumes.

use std::collections::{BTreeMap, BTreeSet};

use tagwarden_core::preflight::{LostTags, PlannedLaunch, PlannedTags};
use tagwarden_core::{InstanceDetails, Kind};

use super::attached::AttachedTags;
use super::configuration::Configuration;
use super::details::details_of;
use super::index::PlanIndex;
use super::plan::ResourceChange;
use super::value::{items, member};
use super::{tags, template};
use crate::preflight::fix::FixLanguage;
use crate::preflight::planned::PlannedResource;

/// The tag that AWS writes to the instances of a group, so that they are never untagged.
const GROUP_KEY: &str = "aws:autoscaling:groupName";

/// Reads resources.
#[derive(Clone, Copy, Debug)]
pub struct PlanReader<'a, 'p> {
    pub attached: &'a AttachedTags<'p>,
    pub configuration: &'a Configuration<'p>,
    pub index: &'a PlanIndex<'p>,
}

impl<'p> PlanReader<'_, 'p> {
    /// The resource as its instances will be; `None` if it makes none, or they are judged elsewhere.
    pub fn read(&self, change: &ResourceChange<'p>, is_deferred: bool) -> Option<PlannedResource> {
        let mut resource = match change.type_name {
            "aws_instance" => self.instance(change),
            "aws_spot_instance_request" => self.spot_request(change),
            "aws_autoscaling_group" => self.group(change),
            "aws_ebs_volume" => self.volume(change),
            _ => return None,
        };
        self.attached.add_to(&mut resource.launch.tags, change);
        if is_deferred {
            resource.launch.tags.add_unknown_keys();
        }
        Some(resource)
    }

    fn own_tags(&self, change: &ResourceChange<'p>) -> PlannedTags {
        tags::with_defaults(change.after, self.configuration.has_no_default_tags())
    }

    fn instance(&self, change: &ResourceChange<'p>) -> PlannedResource {
        let brought = template::of_instance(change, self.configuration, self.index);
        let own = self.own_tags(change);
        let launch = PlannedLaunch {
            tags: brought.tags.overlaid(&own),
            details: self.details(change, &brought.details),
            vpc_id: self.vpc(change),
            ..PlannedLaunch::default()
        };
        planned(change, FixLanguage::HclMap, launch)
    }

    /// The instance of a Spot request, which gets none of its tags.
    fn spot_request(&self, change: &ResourceChange<'p>) -> PlannedResource {
        let requested = self.own_tags(change);
        let keys: BTreeSet<String> = requested.keys().map(ToOwned::to_owned).collect();
        let mut details = self.details(change, &InstanceDetails::default());
        details.lifecycle = Some("spot".to_owned());
        let launch = PlannedLaunch {
            details,
            vpc_id: self.vpc(change),
            lost: Some(LostTags {
                keys,
                why: "the tags of a Spot request do not reach its instance",
            }),
            ..PlannedLaunch::default()
        };
        planned(change, FixLanguage::SpotRequest, launch)
    }

    fn group(&self, change: &ResourceChange<'p>) -> PlannedResource {
        let brought = template::of_group(change, self.configuration, self.index);
        let (own, lost) = tags::propagated(change.after);
        let mut tags = brought.tags.overlaid(&own);
        tags.set_unknown(GROUP_KEY);
        let lost = (!lost.is_empty()).then(|| LostTags {
            keys: lost.into_iter().collect(),
            why: "the group has it without propagate_at_launch",
        });
        let launch = PlannedLaunch {
            tags,
            // Which of its zones, subnets and types an instance gets is not known.
            details: InstanceDetails {
                stated_region: self.region(change),
                ..brought.details
            },
            lost,
            ..PlannedLaunch::default()
        };
        planned(change, FixLanguage::HclBlocks, launch)
    }

    fn volume(&self, change: &ResourceChange<'p>) -> PlannedResource {
        let launch = PlannedLaunch {
            kind: Kind::Volume,
            tags: self.own_tags(change),
            details: InstanceDetails {
                stated_region: self.region(change),
                ..InstanceDetails::default()
            },
            ..PlannedLaunch::default()
        };
        planned(change, FixLanguage::HclMap, launch)
    }

    /// What the instance says of itself, and the template beneath.
    fn details(&self, change: &ResourceChange<'p>, template: &InstanceDetails) -> InstanceDetails {
        let after = change.after;
        let own = details_of(after);
        let expressions = self.configuration.expressions(change);
        let has_template = !after.get("launch_template").is_absent()
            && !items(member(expressions, "launch_template")).is_empty();
        // What the provider computes is unknown also where nobody wrote it. Then there is none.
        let is_written = |name: &str| expressions.is_null() || expressions.get(name).is_some();
        let is_known = |name: &str| after.get(name).is_absent() || !is_written(name);
        let optional = [
            "key_name",
            "iam_instance_profile",
            "instance_market_options",
        ];
        let is_whole = !has_template
            && own.profile_arn.is_none()
            && optional.iter().all(|name| match *name {
                "key_name" => own.key_name.is_some() || is_known(name),
                "instance_market_options" => own.lifecycle.is_some() || is_known(name),
                name => is_known(name),
            });
        InstanceDetails {
            is_whole,
            instance_type: own.instance_type.or_else(|| template.instance_type.clone()),
            image_id: own.image_id.or_else(|| template.image_id.clone()),
            key_name: own.key_name.or_else(|| template.key_name.clone()),
            lifecycle: own.lifecycle.or_else(|| template.lifecycle.clone()),
            stated_region: self.region(change),
            ..own
        }
    }

    fn region(&self, change: &ResourceChange<'p>) -> Option<String> {
        // Since its version 6, the provider has the attribute on every resource.
        let own = change.after.get("region").text();
        let region = own.or_else(|| self.configuration.region(change))?;
        Some(region.to_owned())
    }

    /// The VPC of the instance's subnet, if the plan knows it.
    fn vpc(&self, change: &ResourceChange<'p>) -> Option<String> {
        let expressions = self.configuration.expressions(change);
        let expression = member(expressions, "subnet_id");
        let subnet = match change.after.get("subnet_id").text() {
            Some(id) => self.index.with("aws_subnet", "id", id),
            None => self.index.referenced(expression, "aws_subnet", change),
        };
        Some(subnet?.after.get("vpc_id").text()?.to_owned())
    }
}

/// The resource of a change, and what it launches.
fn planned(
    change: &ResourceChange<'_>,
    language: FixLanguage,
    launch: PlannedLaunch,
) -> PlannedResource {
    PlannedResource {
        type_name: change.type_name.to_owned(),
        place: None,
        tag_places: BTreeMap::new(),
        language,
        launch: PlannedLaunch {
            address: change.address.to_owned(),
            ..launch
        },
    }
}

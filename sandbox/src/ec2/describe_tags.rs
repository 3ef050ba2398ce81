//! `DescribeTags`.

use std::ops::Bound;

use super::Ec2Service;
use super::check_dry_run;
use super::describe::{page_size, place};
use super::filter::{Values, invalid, named_values};
use crate::account::{Account, Contents};
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, Xml};

/// What the page tokens of this listing are sealed for.
const LISTING: &str = "DescribeTags";

/// The kind of the resource with this id. Instances, subnets, volumes and VPCs have tags here.
fn kind(id: &str) -> &'static str {
    match id.split('-').next() {
        Some("subnet") => "subnet",
        Some("vol") => "volume",
        Some("vpc") => "vpc",
        _ => "instance",
    }
}

impl Account {
    /// Tags a subnet or a VPC, `subnet-…` or `vpc-…`.
    pub fn tag_network(&self, id: &str, key: &str, value: &str) {
        let mut contents = self.contents();
        let tags = contents.ec2.network_tags.entry(id.to_owned()).or_default();
        tags.insert(key.to_owned(), value.to_owned());
    }
}

/// Joins a resource's id and a key to one place in the listing. It sorts before every character of a key.
const SEPARATOR: char = '\0';

/// A resource's id, a key and a value.
type ListedTag = (String, String, String);

impl Contents {
    /// Tags in the order of their resources and keys, with the filters `resource-id`, `resource-type`, `key`, `value`
    /// and `tag:KEY`. A resource that does not exist has no tags. See
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html>.
    pub(crate) fn describe_tags(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["Filter", "MaxResults", "NextToken", "DryRun"])?;
        let filters = named_values(request)?;
        for (name, _) in &filters {
            let is_known = matches!(*name, "resource-id" | "resource-type" | "key" | "value");
            if !is_known && !name.starts_with("tag:") {
                return Err(invalid(name));
            }
        }
        let size = page_size(request)?.unwrap_or(usize::MAX);
        let after = place(LISTING, request)?;
        check_dry_run(request)?;

        let mut tags = self.ec2.listed_tags(&filters, after.as_deref(), context);
        let page: Vec<ListedTag> = tags.by_ref().take(size).collect();
        let next = match (page.last(), tags.next()) {
            (Some((id, key, _)), Some(_)) => Some(format!("{id}{SEPARATOR}{key}")),
            _ => None,
        };
        let mut xml = Xml::default();
        xml.items("tagSet", page, |xml, (id, key, value)| {
            xml.text("resourceId", &id);
            xml.text("resourceType", kind(&id));
            xml.text("key", key);
            xml.text("value", value);
        });
        if let Some(next) = next {
            xml.text("nextToken", page::seal(LISTING, &next));
        }
        Ok(Answer::Xml(xml))
    }
}

impl Ec2Service {
    /// The tags that pass all filters, after the place `after`.
    fn listed_tags<'a>(
        &'a self,
        filters: &'a [(&'a str, Values<'a>)],
        after: Option<&'a str>,
        context: &'a Context,
    ) -> impl Iterator<Item = ListedTag> + 'a {
        let instances = self.instances.values();
        let visible = instances.filter(|record| record.is_visible(context.now));
        let tags = visible.flat_map(|record| {
            let (instance, _) = record.described(context.now);
            let tags = instance.tags.iter();
            tags.map(|(key, value)| (instance.id.clone(), key.clone(), value.clone()))
        });
        // By id: `i-…` comes before `subnet-…`, that before `vol-…`, and that before `vpc-…`.
        let before = (Bound::Unbounded, Bound::Excluded("vol"));
        let after_them = (Bound::Included("vol"), Bound::Unbounded);
        let subnets = self.network_tags.range::<str, _>(before);
        let vpcs = self.network_tags.range::<str, _>(after_them);
        let volumes = self.volumes.keys().filter_map(|id| {
            let tags = self.tags_of(id, context.now)?;
            Some((id, tags))
        });
        let others = subnets.chain(volumes).chain(vpcs).flat_map(|(id, tags)| {
            let tags = tags.iter();
            tags.map(|(key, value)| (id.clone(), key.clone(), value.clone()))
        });
        tags.chain(others).filter(move |(id, key, value)| {
            let is_later = after.is_none_or(|after| {
                let (last_id, last_key) = after.split_once(SEPARATOR).unwrap_or((after, ""));
                (id.as_str(), key.as_str()) > (last_id, last_key)
            });
            is_later
                && filters.iter().all(|(name, values)| {
                    let one_of = |text: &str| values.fit(text);
                    match *name {
                        "resource-id" => one_of(id),
                        "resource-type" => one_of(kind(id)),
                        "key" => one_of(key),
                        "value" => one_of(value),
                        other => other.strip_prefix("tag:") == Some(key) && one_of(value),
                    }
                })
        })
    }
}

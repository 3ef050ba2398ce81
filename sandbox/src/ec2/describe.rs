//! `DescribeInstances` and `DescribeInstanceAttribute`.

use std::ops::Bound;

use super::filter::Filter;
use super::instance::{InstanceRecord, Record};
use super::{Ec2Service, answer, check_dry_run};
use crate::account::Contents;
use crate::calls::Request;
use crate::dispatch::Context;
use crate::ids::page;
use crate::wire::{Answer, ApiError, Xml};

/// What the page tokens of this listing are sealed for.
const LISTING: &str = "DescribeInstances";

/// `MaxResults` is 5 to 1,000; without it the sandbox's pages have 1,000 too.
const LARGEST_PAGE: usize = 1000;

impl Contents {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
    pub(crate) fn describe_instances(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["InstanceId", "Filter", "MaxResults", "NextToken", "DryRun"])?;
        let ids = request.list("InstanceId");
        let filters = Filter::of(request)?;
        let size = page_size(request)?;
        let after = place(LISTING, request)?;
        if !ids.is_empty() {
            if size.is_some() || after.is_some() {
                let message =
                    "The parameter instancesSet cannot be used with the parameter maxResults";
                return Err(ApiError::new("InvalidParameterCombination", message));
            }
            self.ec2.check_ids(&ids, context.now)?;
        }
        check_dry_run(request)?;

        let passes = |record: &Record| {
            let (instance, state) = record.described(context.now);
            let mut filters = filters.iter();
            filters.all(|filter| filter.passes(instance, state))
        };
        let (mut instances, next) = if ids.is_empty() {
            let size = size.unwrap_or(LARGEST_PAGE);
            self.ec2.page(after.as_deref(), size, context, passes)
        } else {
            (self.ec2.named(&ids, context, passes), None)
        };
        self.ec2.omit_tags(&mut instances);
        let mut xml = Xml::default();
        answer::reservations(&mut xml, &instances, &self.place.account);
        if let Some(next) = next {
            xml.text("nextToken", page::seal(LISTING, &next));
        }
        Ok(Answer::Xml(xml))
    }

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html>
    pub(crate) fn describe_instance_attribute(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["InstanceId", "Attribute", "DryRun"])?;
        let id = request.text("InstanceId").unwrap_or_default();
        self.ec2.check_ids(&[id], context.now)?;
        check_dry_run(request)?;
        let attribute = request.text("Attribute").unwrap_or_default();
        let instance = self.ec2.instance(id, context.now);
        let value = instance.and_then(|instance| match attribute {
            "disableApiTermination" => Some(instance.protected),
            "disableApiStop" => Some(instance.stop_protected),
            _ => None,
        });
        let Some(value) = value else {
            return Err(ApiError::unsupported(&format!(
                "the instance attribute {attribute}"
            )));
        };
        let mut xml = Xml::default();
        xml.text("instanceId", id);
        xml.element(attribute, |xml| xml.value("value", value));
        Ok(Answer::Xml(xml))
    }
}

impl Ec2Service {
    /// At most `size` instances that pass, after the id `after`; and the id to go on after, if there
    /// are more.
    fn page(
        &self,
        after: Option<&str>,
        size: usize,
        context: &Context,
        passes: impl Fn(&Record) -> bool,
    ) -> (Vec<InstanceRecord>, Option<String>) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.instances.range::<str, _>((start, Bound::Unbounded));
        let mut matching = rest
            .map(|(_, record)| record)
            .filter(|record| record.is_visible(context.now) && passes(record));
        let page = matching.by_ref().take(size);
        let page: Vec<InstanceRecord> = page
            .map(|record| record.as_described(context.now))
            .collect();
        let next = match (page.last(), matching.next()) {
            (Some(last), Some(_)) => Some(last.id.clone()),
            _ => None,
        };
        (page, next)
    }

    /// The named instances that pass, each once, in the order of their launches.
    fn named(
        &self,
        ids: &[&str],
        context: &Context,
        passes: impl Fn(&Record) -> bool,
    ) -> Vec<InstanceRecord> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
            .filter_map(|id| self.get(id, context.now))
            .filter(|record| passes(record))
            .map(|record| record.as_described(context.now))
            .collect()
    }
}

pub(super) fn page_size(request: &Request) -> Result<Option<usize>, ApiError> {
    let Some(text) = request.text("MaxResults") else {
        return Ok(None);
    };
    let expecting = match text.parse::<i64>() {
        Ok(number) if number < 5 => "greater than 5",
        Ok(number) => match usize::try_from(number) {
            Ok(size) if size <= LARGEST_PAGE => return Ok(Some(size)),
            _ => "lower than or equal to 1000",
        },
        Err(_) => "that is a number",
    };
    let message = format!(
        "Value ( {text} ) for parameter maxResults is invalid. Expecting a value {expecting}."
    );
    Err(ApiError::new("InvalidParameterValue", message))
}

/// The place that a request's page token leads to in the listing of this name.
pub(super) fn place(listing: &str, request: &Request) -> Result<Option<String>, ApiError> {
    let Some(token) = request.text("NextToken") else {
        return Ok(None);
    };
    match page::open(listing, token) {
        Some(place) => Ok(Some(place)),
        None => Err(ApiError::new(
            "InvalidPaginationToken",
            "The specified pagination token is not valid or is expired.",
        )),
    }
}

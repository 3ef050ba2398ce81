//! `CreateTags` and `DeleteTags`.
//!
//! The limits are those of
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.

use std::collections::BTreeSet;

use super::{Ec2Service, check_count, check_dry_run, is_well_formed};
use crate::account::Contents;
use crate::calls::Request;
use crate::cloudtrail::caller;
use crate::dispatch::Context;
use crate::wire::{Answer, ApiError, Xml};

const MOST_TAGS: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// A tag of a request: a value that was left out differs from an empty one.
struct Tag<'a> {
    key: &'a str,
    value: Option<&'a str>,
}

impl Contents {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>
    pub(crate) fn create_tags(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        let ids = checked_ids(&self.ec2, request, context)?;
        let tags = tags(request)?;
        if tags.is_empty() {
            return Err(missing("tagSet"));
        }
        let tags = tags.iter().map(settable).collect::<Result<Vec<_>, _>>()?;
        for id in &ids {
            let held = self.ec2.tags_of(id, context.now).into_iter();
            let mut keys: BTreeSet<&str> = held.flatten().map(|(key, _)| key.as_str()).collect();
            keys.extend(tags.iter().map(|(key, _)| *key));
            // AWS's own tags do not count.
            if keys.iter().filter(|key| !is_reserved(key)).count() > MOST_TAGS {
                let message = "The maximum number of Tags for a resource has been reached.";
                return Err(ApiError::new("TagLimitExceeded", message));
            }
        }
        check_dry_run(request)?;
        for id in &ids {
            if let Some(held) = self.ec2.tags_to_change(id, context.now) {
                for (key, value) in &tags {
                    held.insert((*key).to_owned(), (*value).to_owned());
                }
            }
        }
        self.record_write("CreateTags", &ids, &caller(), context.now);
        Ok(done())
    }

    /// Without tags it deletes all but AWS's own; a tag with a value goes only if it has that value, see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>.
    pub(crate) fn delete_tags(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        let ids = checked_ids(&self.ec2, request, context)?;
        let tags = tags(request)?;
        check_dry_run(request)?;
        for id in &ids {
            if let Some(held) = self.ec2.tags_to_change(id, context.now) {
                held.retain(|key, value| {
                    let named = |tag: &Tag<'_>| {
                        tag.key == key && tag.value.is_none_or(|wanted| wanted == value)
                    };
                    is_reserved(key) || !(tags.is_empty() || tags.iter().any(named))
                });
            }
        }
        self.record_write("DeleteTags", &ids, &caller(), context.now);
        Ok(done())
    }
}

fn done() -> Answer {
    let mut xml = Xml::default();
    xml.value("return", true);
    Answer::Xml(xml)
}

fn checked_ids<'a>(
    ec2: &Ec2Service,
    request: &'a Request,
    context: &Context,
) -> Result<Vec<&'a str>, ApiError> {
    request.only(&["ResourceId", "Tag", "DryRun"])?;
    let ids = request.list("ResourceId");
    if ids.is_empty() {
        return Err(missing("resourceIdSet"));
    }
    check_count(&ids)?;
    // Tags go to every kind of resource, so a strange id is not taken for an instance's.
    let is_strange = |id: &&&str| !is_well_formed("i-", id) && !is_well_formed("vol-", id);
    if let Some(id) = ids.iter().find(is_strange) {
        return Err(ApiError::new(
            "InvalidID",
            format!("The ID '{id}' is not valid"),
        ));
    }
    ec2.check_exist(&ids, context.now)?;
    Ok(ids)
}

fn tags(request: &Request) -> Result<Vec<Tag<'_>>, ApiError> {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    for number in 1.. {
        let value = request.text(&format!("Tag.{number}.Value"));
        let Some(key) = request.text(&format!("Tag.{number}.Key")) else {
            match value {
                Some(_) => return Err(invalid("Tag key cannot be null.")),
                None => break,
            }
        };
        if tags.iter().any(|tag| tag.key == key) {
            return Err(invalid(&format!("Duplicate tag key '{key}' specified.")));
        }
        if is_reserved(key) {
            let message = "Tag keys starting with 'aws:' are reserved for internal use";
            return Err(invalid(message));
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

/// A tag that may be set, as its key and its value.
fn settable<'a>(tag: &Tag<'a>) -> Result<(&'a str, &'a str), ApiError> {
    let Some(value) = tag.value else {
        return Err(invalid(
            "Tag value cannot be null. Use empty string instead.",
        ));
    };
    if tag.key.is_empty() {
        return Err(invalid("Tag key cannot be empty."));
    }
    for (what, text, most) in [
        ("key", tag.key, LONGEST_KEY),
        ("value", value, LONGEST_VALUE),
    ] {
        if text.chars().count() > most {
            let message = format!("Tag {what} exceeds the maximum length of {most} characters");
            return Err(invalid(&message));
        }
    }
    Ok((tag.key, value))
}

/// AWS keeps `aws:` to itself, in upper and lower case.
fn is_reserved(key: &str) -> bool {
    let prefix = key.get(..4);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

fn missing(parameter: &str) -> ApiError {
    let message = format!("The request must contain the parameter {parameter}");
    ApiError::new("MissingParameter", message)
}

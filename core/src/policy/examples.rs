//! Examples of what the rules of a policy tell apart, for a forecast that must judge what is not known yet.
//!
//! A description may leave out what a condition asks about, and CloudTrail may not show yet who launched an instance. The
//! forecast tries one example of each value that the policy treats differently.

use std::collections::{BTreeMap, BTreeSet};

use super::allowed::AllowedValues;
use super::condition::{InstanceDetail, RuleConditions};
use super::pattern::Pattern;
use super::rule::Action;
use super::source::Source;
use super::table::Policy;
use crate::resource::Resource;

/// An example of a value that matches none of a policy's patterns but `*`.
pub const OTHER_EXAMPLE: &str = "something else";

/// Values that the rules of policies tell apart: one for each pattern, and [`OTHER_EXAMPLE`]. What several patterns match
/// together has no example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyExamples {
    /// The details that conditions ask about, and values of them.
    details: BTreeMap<usize, BTreeSet<String>>,
    /// Values of tags, by key.
    tags: BTreeMap<String, BTreeSet<String>>,
    /// The names of people, as conditions, allowed values and who rows tell them apart.
    names: BTreeSet<String>,
}

impl PolicyExamples {
    /// The examples of all of `policies`.
    #[must_use]
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut examples = Self::default();
        for policy in policies {
            examples.add(policy);
        }
        examples
    }

    fn add(&mut self, policy: &Policy) {
        for rule in policy.rules() {
            let when = rule.options.when.iter();
            for condition in when.flat_map(RuleConditions::conditions) {
                let values = condition.patterns().iter().map(Pattern::example);
                if let Some(key) = condition.tag_key() {
                    self.tags.entry(key.to_owned()).or_default().extend(values);
                } else if let Some(detail) = condition.detail() {
                    let place = InstanceDetail::ALL.iter().position(|it| *it == detail);
                    let of_detail = self.details.entry(place.unwrap_or_default()).or_default();
                    of_detail.extend(values);
                }
            }
            let allowed = rule.options.allowed.iter();
            let allowed = allowed.flat_map(AllowedValues::patterns);
            let of_key = self.tags.entry(rule.tag_key.clone()).or_default();
            of_key.extend(allowed.map(Pattern::example));
        }
        let rules = policy.rules().iter();
        for rule in rules.filter(|rule| rule.action == Action::UserLookup) {
            let values = self.tags.get(&rule.tag_key).into_iter().flatten();
            self.names.extend(values.cloned());
        }
        let uses_rows = policy
            .rules()
            .iter()
            .any(|rule| rule.options.from.contains(&Source::Launcher));
        let rows = policy.who_rows().iter().filter(|_| uses_rows);
        let patterns = rows.flat_map(|row| &row.who);
        self.names.extend(patterns.map(Pattern::example));
    }

    /// Names of people that the policies tell apart, and one that they do not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(String::as_str);
        names.chain([OTHER_EXAMPLE])
    }

    /// Values of the tag `key` that the policies tell apart, and one that they do not.
    pub fn values<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let values = self.tags.get(key).into_iter().flatten();
        values.map(String::as_str).chain([OTHER_EXAMPLE])
    }

    /// What `instance` could be, as far as its description leaves that open and the policies tell it apart: at most `limit`
    /// instances, and `instance` itself where nothing is open.
    #[must_use]
    pub fn completions(&self, instance: &Resource, limit: usize) -> Vec<Resource> {
        let mut completions = vec![instance.clone()];
        for (place, values) in &self.details {
            let Some(detail) = InstanceDetail::ALL.get(*place) else {
                continue;
            };
            if !detail.is_open(instance) {
                continue;
            }
            let values = values.iter().map(String::as_str).chain([OTHER_EXAMPLE]);
            let absent = detail.is_optional().then_some(None);
            let values: Vec<Option<&str>> = values.map(Some).chain(absent).collect();
            let all = completions.iter().flat_map(|completion| {
                values.iter().map(|value| {
                    let mut completion = completion.clone();
                    detail.set(&mut completion, *value);
                    completion
                })
            });
            completions = all.take(limit).collect();
        }
        for completion in &mut completions {
            completion.details.is_whole = true;
        }
        completions
    }
}

impl InstanceDetail {
    /// What an On-Demand Instance, or one without a key pair or profile, does not have.
    fn is_optional(self) -> bool {
        matches!(
            self,
            Self::InstanceLifecycle | Self::KeyName | Self::InstanceProfile
        )
    }

    /// Whether the description of `instance` leaves it out although AWS would say it.
    fn is_open(self, instance: &Resource) -> bool {
        let details = &instance.details;
        let value = match self {
            Self::InstanceType => &details.instance_type,
            Self::VpcId => &instance.vpc_id,
            Self::SubnetId => &details.subnet_id,
            Self::ImageId => &details.image_id,
            Self::AvailabilityZone | Self::Region => &details.availability_zone,
            Self::InstanceLifecycle => &details.lifecycle,
            Self::KeyName => &details.key_name,
            Self::InstanceProfile => &details.profile_arn,
            // A whole description may lack the reservation around it.
            Self::OwnerId => return details.owner_id.is_none(),
        };
        value.is_none() && !details.is_whole
    }

    fn set(self, instance: &mut Resource, value: Option<&str>) {
        let details = &mut instance.details;
        let place = match self {
            Self::InstanceType => &mut details.instance_type,
            Self::VpcId => &mut instance.vpc_id,
            Self::SubnetId => &mut details.subnet_id,
            Self::ImageId => &mut details.image_id,
            Self::AvailabilityZone | Self::Region => &mut details.availability_zone,
            Self::InstanceLifecycle => &mut details.lifecycle,
            Self::KeyName => &mut details.key_name,
            Self::InstanceProfile => &mut details.profile_arn,
            Self::OwnerId => &mut details.owner_id,
        };
        let value = value.map(|value| match self {
            // The zone says which Region it is.
            Self::Region => format!("{value}a"),
            _ => value.to_owned(),
        });
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::{InstanceDetails, State};

    fn policy(rows: &[serde_json::Value]) -> Policy {
        let rows = rows.iter().map(|row| row.as_object().unwrap().clone());
        Policy::from_rows(rows).unwrap()
    }

    fn instance(details: InstanceDetails) -> Resource {
        Resource {
            details,
            ..Resource::instance("i-1", State::Running)
        }
    }

    #[test]
    fn completes_what_a_description_leaves_open() {
        let policy = policy(&[
            json!({"RuleId": -1, "PolicyFormat": 2}),
            json!({"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y",
                "When": "instance-type = p4*, p5?; key-name"}),
        ]);
        let examples = PolicyExamples::of([&policy]);
        let whole = InstanceDetails {
            is_whole: true,
            instance_type: Some("t3.micro".to_owned()),
            ..InstanceDetails::default()
        };
        let of = |details: InstanceDetails| examples.completions(&instance(details), 100);
        assert_eq!(of(whole.clone()), [instance(whole)]);
        let seen: BTreeSet<_> = of(InstanceDetails::default())
            .into_iter()
            .map(|it| (it.details.instance_type.unwrap(), it.details.key_name))
            .collect();
        let types = ["p4", "p5x", OTHER_EXAMPLE].map(str::to_owned);
        let keys = [None, Some(OTHER_EXAMPLE.to_owned())];
        let expected = types
            .iter()
            .flat_map(|it| keys.iter().map(|key| (it.clone(), key.clone())));
        assert_eq!(seen, expected.collect());
        assert_eq!(
            examples
                .completions(&instance(InstanceDetails::default()), 4)
                .len(),
            4
        );
    }

    #[test]
    fn an_example_matches_its_pattern() {
        for text in ["prod", "team-*", "db-?", "*", "?", "\\*", "*/ci"] {
            let pattern: Pattern = text.parse().unwrap();
            assert!(pattern.matches(&pattern.example()), "{text}");
            assert!(!pattern.example().is_empty());
        }
    }

    #[test]
    fn names_are_those_that_rules_and_who_rows_tell_apart() {
        let policy = policy(&[
            json!({"RuleId": -1, "PolicyFormat": 2}),
            json!({"RuleId": 1, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Allowed": "ann, ci/*"}),
            json!({"RuleId": 2, "TagKey": "Team", "Action": "Update", "Required": "Y", "Default": "none",
                "From": "launcher", "When": "tag:CreatedBy != root"}),
            json!({"RuleId": 3, "Who": "bob", "Tags": {"Team": "shop"}}),
        ]);
        let examples = PolicyExamples::of([&policy]);
        let names: Vec<&str> = examples.names().collect();
        assert_eq!(names, ["ann", "bob", "ci/", "root", OTHER_EXAMPLE]);
        let values: Vec<&str> = examples.values("Team").collect();
        assert_eq!(values, [OTHER_EXAMPLE]);
    }
}

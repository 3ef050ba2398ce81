//! Filters, and those of `DescribeInstances`.

use std::collections::BTreeSet;

use super::instance::{InstanceRecord, InstanceState};
use crate::calls::Request;
use crate::wire::ApiError;

/// "The maximum number of filter values specified on a single call is 200", see
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
const MOST_VALUES: usize = 200;

/// One filter: an instance passes if any of the values fits. All filters must let it pass.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    field: Field<'a>,
    values: Values<'a>,
}

/// The values of a filter. A large account is filtered by hundreds of ids, most of which have no wildcards.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    exact: BTreeSet<&'a str>,
    patterns: Vec<&'a str>,
}

impl<'a> Values<'a> {
    fn new(values: Vec<&'a str>) -> Self {
        let has_wildcard = |value: &&str| value.contains(['*', '?', '\\']);
        let (patterns, exact) = values.into_iter().partition::<Vec<_>, _>(has_wildcard);
        Self {
            exact: exact.into_iter().collect(),
            patterns,
        }
    }

    /// Whether any of the values fits.
    pub(super) fn fit(&self, text: &str) -> bool {
        self.exact.contains(text) || self.patterns.iter().any(|pattern| fits(pattern, text))
    }
}

/// The fields the sandbox filters by. EC2 knows more; they are refused as unknown ones are.
#[derive(Debug)]
enum Field<'a> {
    InstanceId,
    StateName,
    VpcId,
    AvailabilityZone,
    TagKey,
    Tag(&'a str),
}

impl<'a> Filter<'a> {
    /// The filters of a request.
    pub(super) fn of(request: &'a Request) -> Result<Vec<Self>, ApiError> {
        let filters = named_values(request)?.into_iter();
        filters
            .map(|(name, values)| {
                let field = Field::named(name)?;
                Ok(Self { field, values })
            })
            .collect()
    }

    /// Whether an instance passes that is in `state` by now.
    pub(super) fn passes(&self, instance: &InstanceRecord, state: InstanceState) -> bool {
        let one_of = |text: &str| self.values.fit(text);
        match self.field {
            Field::InstanceId => one_of(&instance.id),
            Field::StateName => one_of(state.as_str()),
            // A terminated instance is in no VPC any more.
            Field::VpcId => state != InstanceState::Terminated && one_of(&instance.vpc_id),
            Field::AvailabilityZone => one_of(&instance.availability_zone),
            Field::TagKey => instance.tags.keys().any(|key| one_of(key)),
            Field::Tag(key) => instance.tags.get(key).is_some_and(|value| one_of(value)),
        }
    }
}

impl<'a> Field<'a> {
    fn named(name: &'a str) -> Result<Self, ApiError> {
        Ok(match name {
            "instance-id" => Self::InstanceId,
            "instance-state-name" => Self::StateName,
            "vpc-id" => Self::VpcId,
            "availability-zone" => Self::AvailabilityZone,
            "tag-key" => Self::TagKey,
            _ => {
                if let Some(key) = name.strip_prefix("tag:") {
                    Self::Tag(key)
                } else {
                    return Err(invalid(name));
                }
            }
        })
    }
}

/// The names and the values of a request's filters.
pub(super) fn named_values(request: &Request) -> Result<Vec<(&str, Values<'_>)>, ApiError> {
    let mut filters = Vec::new();
    let mut values_in_all = 0;
    for number in 1.. {
        let Some(name) = request.text(&format!("Filter.{number}.Name")) else {
            break;
        };
        let values = request.list(&format!("Filter.{number}.Value"));
        values_in_all += values.len();
        filters.push((name, Values::new(values)));
    }
    if values_in_all > MOST_VALUES {
        let message = format!(
            "The maximum number of filter values specified on a single call is {MOST_VALUES}"
        );
        return Err(ApiError::new("FilterLimitExceeded", message));
    }
    Ok(filters)
}

/// The refusal of a filter of this name.
pub(super) fn invalid(name: &str) -> ApiError {
    let message = format!("The filter '{name}' is invalid");
    ApiError::new("InvalidParameterValue", message)
}

/// Whether a filter value fits: `*` stands for any characters, `?` for one, and `\` before either, or
/// before itself, makes it ordinary. Upper and lower case differ.
fn fits(pattern: &str, text: &str) -> bool {
    // Where to try again if what follows the last star fails: the classic walk without recursion.
    let (mut pattern, mut text) = (pattern, text);
    let mut retry: Option<(&str, &str)> = None;
    loop {
        let mut rest = pattern.chars();
        let stepped = match rest.next() {
            Some('*') => {
                retry = Some((rest.as_str(), text));
                pattern = rest.as_str();
                continue;
            }
            Some('?') => first(text).map(|(_, text)| text),
            Some('\\') => rest.next().and_then(|wanted| after(text, wanted)),
            Some(wanted) => after(text, wanted),
            None if text.is_empty() => return true,
            None => None,
        };
        (pattern, text) = match (stepped, retry) {
            (Some(text), _) => (rest.as_str(), text),
            (None, None) => return false,
            (None, Some((pattern, from))) => match first(from) {
                Some((_, from)) => {
                    retry = Some((pattern, from));
                    (pattern, from)
                }
                None => return false,
            },
        };
    }
}

fn first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|char| (char, chars.as_str()))
}

fn after(text: &str, wanted: char) -> Option<&str> {
    text.strip_prefix(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_wildcards_as_ec2_documents() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("prod", "prod", true),
            ("prod", "Prod", false),
            ("prod*", "production", true),
            ("*tion", "production", true),
            ("*d*t*n", "production", true),
            ("*x*", "production", false),
            ("prod?", "prod", false),
            ("prod?", "prodü", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\\\", "a\\", true),
            ("*ab", "aab", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern:?} and {text:?}");
        }
    }
}

//! The tags that keep a resource, and the command that sets them.

use chrono::TimeDelta;
use tagwarden_core::exemption::EXEMPTION_KEY;
use tagwarden_core::policy::{AllowedValues, Pattern};
use tagwarden_core::{Action, TagRule};

use super::context::LetterContext;
use super::kind::LetterKind;
use crate::plan::{Cause, Outcome, Reason, Remedy};
use crate::report::Entry;

/// How far ahead the end date lies that a letter proposes, where the rule allows so much.
const PROPOSED: i64 = 30;

/// The most tags that a letter proposes for an untagged resource.
const MOST_TAGS: usize = 10;

/// The most values of a rule's list that a letter shows. A list may be larger than a message.
const MOST_ALLOWED: usize = 20;

/// What stands for a value that only the reader knows.
const PLACEHOLDER: &str = "VALUE";

/// The tags to set, so that a resource stays or needs nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Keys and values, in the order of the rules.
    pub tags: Vec<(String, String)>,
    /// The values that the first tag may have, where the rule lists them: the first of them where they are many.
    pub allowed: Vec<String>,
    /// How many more it may have.
    pub allowed_left: usize,
    /// The command of the AWS CLI that sets them.
    pub command: String,
}

impl Keep {
    /// What keeps the resource of `entry`, whose owner is `owner`; `None` where no tag does.
    pub(super) fn of(
        entry: &Entry,
        kind: LetterKind,
        owner: &str,
        context: LetterContext<'_>,
    ) -> Option<Self> {
        let is_over = matches!(entry.step.remedy, Remedy::Terminate);
        let tags = match (kind, &entry.outcome) {
            (LetterKind::Tagged, _) => return None,
            (LetterKind::Shutdown, Outcome::Done) if is_over => return None,
            (_, Outcome::Refused(Reason::Managed { .. } | Reason::RemovedRepeatedly { .. })) => {
                return None;
            }
            (_, Outcome::Refused(Reason::UnreadableExemption { .. })) => {
                let until = context.now.date_naive() + TimeDelta::days(PROPOSED);
                vec![(EXEMPTION_KEY.to_owned(), format!("{until} REASON"))]
            }
            _ => tags_for(&entry.step.cause, owner, context),
        };
        if tags.is_empty() {
            return None;
        }
        let mut allowed = allowed(&entry.step.cause, context);
        let allowed_left = allowed.len().saturating_sub(MOST_ALLOWED);
        allowed.truncate(MOST_ALLOWED);
        let command = command(&entry.step.instance_id, &tags, context.region);
        Some(Self {
            tags,
            allowed,
            allowed_left,
            command,
        })
    }
}

fn tags_for(cause: &Cause, owner: &str, context: LetterContext<'_>) -> Vec<(String, String)> {
    let tag = |rule: &TagRule| (rule.tag_key.clone(), value(rule, owner, context));
    let rules = context.policy.rules();
    match cause {
        Cause::Tag {
            rule_id, tag_key, ..
        } => {
            let rule = rules.iter().find(|rule| rule.id == *rule_id);
            vec![rule.map_or_else(|| (tag_key.clone(), PLACEHOLDER.to_owned()), tag)]
        }
        // Conditions are about more than the report knows. What has no tags needs those that everything needs.
        Cause::Untagged => {
            let needed = rules
                .iter()
                .filter(|rule| rule.required && rule.options.when.is_none());
            let tags: Vec<(String, String)> = needed.map(tag).take(MOST_TAGS).collect();
            if tags.is_empty() {
                return rules.iter().take(1).map(tag).collect();
            }
            tags
        }
    }
}

/// The value that the tag of `rule` is likely to get.
fn value(rule: &TagRule, owner: &str, context: LetterContext<'_>) -> String {
    if let Some(end_date) = &rule.options.end_date {
        let most = end_date.at_most.and_then(|days| i64::try_from(days).ok());
        let days = most.map_or(PROPOSED, |most| most.min(PROPOSED));
        let until = context.now.date_naive() + TimeDelta::days(days);
        return until.to_string();
    }
    let likely = match &rule.action {
        Action::Update { value } => value.clone(),
        Action::UserLookup => Some(owner.to_owned()),
        Action::Function(function) => Some(function.value(context.now)),
        Action::Notify | Action::Stop | Action::Terminate => None,
    };
    let allowed = rule.options.allowed.as_ref();
    let likely = likely.filter(|value| allowed.is_none_or(|allowed| allowed.allows(value)));
    let first_allowed = || literals(rule).into_iter().next();
    let value = likely.or_else(first_allowed);
    value.unwrap_or_else(|| PLACEHOLDER.to_owned())
}

/// The values that the tag of `cause` may have, where its rule spells them out.
fn allowed(cause: &Cause, context: LetterContext<'_>) -> Vec<String> {
    let mut rules = context.policy.rules().iter();
    let rule = rules.find(|rule| Some(rule.id) == cause.rule_id());
    rule.filter(|rule| rule.options.end_date.is_none())
        .map(literals)
        .unwrap_or_default()
}

fn literals(rule: &TagRule) -> Vec<String> {
    let allowed = rule.options.allowed.iter();
    let patterns = allowed.flat_map(AllowedValues::patterns);
    let literals = patterns.filter_map(Pattern::as_literal);
    literals.map(ToOwned::to_owned).collect()
}

/// The command that sets `tags` on the resource `id`, as a POSIX shell takes it.
///
/// See [create-tags](https://docs.aws.amazon.com/cli/latest/reference/ec2/create-tags.html).
fn command(id: &str, tags: &[(String, String)], region: Option<&str>) -> String {
    let region = region.map_or_else(String::new, |region| format!(" --region {region}"));
    let is_plain = |text: &str| {
        let mut characters = text.chars();
        !text.is_empty()
            && characters.all(|it| it.is_ascii_alphanumeric() || "_.:/@+-".contains(it))
    };
    let is_all_plain = tags
        .iter()
        .all(|(key, value)| is_plain(key) && is_plain(value));
    let tags = if is_all_plain {
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| format!("Key={key},Value={value}"));
        tags.collect::<Vec<_>>().join(" ")
    } else {
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| serde_json::json!({"Key": key, "Value": value}));
        let json = serde_json::Value::Array(tags.collect()).to_string();
        format!("'{}'", json.replace('\'', r"'\''"))
    };
    format!("aws ec2 create-tags{region} --resources {id} --tags {tags}")
}

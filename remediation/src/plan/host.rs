//! The instances that volumes are attached to: where a volume's values and its launcher come from.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tagwarden_core::likeness::is_blank;
use tagwarden_core::policy::Source;
use tagwarden_core::{Action, Policy, Resource, RuleRemedy, Scope, TagRule, assess};

use super::sources::SourceAnswer;
use super::{PlanContext, SourceFailure, UNDEFINED};

/// An instance that something is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The instance.
    pub instance: Resource,
    /// The keys of the tags that its own rules write. Their values count from the next run on.
    pub written: BTreeSet<String>,
}

/// What the instances that a volume is attached to say of a value.
pub(super) enum HostAnswer {
    /// This value, of this instance.
    Has {
        /// `i-…`.
        id: String,
        value: String,
    },
    /// Nothing.
    Absent,
    /// Values that differ: what they are.
    Conflict(String),
    /// That is not known.
    Failed(SourceFailure),
}

impl Host {
    /// What `instance` is to what is attached to it, under `policy` at `now`.
    #[must_use]
    pub fn new(policy: &Policy, scope: &Scope, instance: Resource, now: DateTime<Utc>) -> Self {
        let findings = assess(policy, scope, &instance, now).findings;
        let writes = findings.iter().filter(|finding| {
            matches!(
                finding.rule.remedy(instance.kind, finding.defect),
                Some(
                    RuleRemedy::Write(_) | RuleRemedy::WriteFunction(_) | RuleRemedy::WriteLauncher
                )
            )
        });
        let written = writes.map(|finding| finding.rule.tag_key.clone()).collect();
        Self { instance, written }
    }

    /// The name of who launched it, as its tags say by the rules of `policy`.
    #[must_use]
    pub fn noted_launcher(&self, policy: &Policy) -> Option<&str> {
        let name = policy.noted_launcher(&self.instance);
        name.filter(|name| *name != UNDEFINED)
    }
}

/// The instance whose launcher is that of `resource`: itself, or the first that it is attached to. `None` for what is
/// attached to nothing.
#[must_use]
pub(crate) fn launched_id(resource: &Resource) -> Option<&str> {
    match resource.kind.attached_by() {
        None => Some(&resource.id),
        Some(_) => resource.attached_to.first().map(String::as_str),
    }
}

/// Whether `rule` takes a value from the instances that a resource is attached to: by `From`, and for a launcher's name.
#[must_use]
pub(crate) fn asks_hosts(rule: &TagRule) -> bool {
    rule.action == Action::UserLookup || rule.options.from.contains(&Source::Instance)
}

impl PlanContext {
    /// What the instances say to which `resource` is attached, of the tag `key`. Values for which `counts` does not hold
    /// are absent.
    pub(super) fn ask_hosts(
        &self,
        resource: &Resource,
        key: &str,
        counts: impl Fn(&str) -> bool,
    ) -> HostAnswer {
        let mut found: Option<(&str, &str)> = None;
        let mut failure = None;
        for id in &resource.attached_to {
            let value = match self.ask_host(id, key) {
                SourceAnswer::Has(value) if is_blank(value) || !counts(value) => continue,
                SourceAnswer::Has(value) => value,
                SourceAnswer::Absent => continue,
                SourceAnswer::Failed(why) => {
                    failure.get_or_insert(why);
                    continue;
                }
            };
            match found {
                Some((first, other)) if other != value => {
                    return HostAnswer::Conflict(format!(
                        "its instances disagree: {key} is {other:?} on {first} and {value:?} on {id}"
                    ));
                }
                Some(_) => {}
                None => found = Some((id, value)),
            }
        }
        match (failure, found) {
            (Some(failure), _) => HostAnswer::Failed(failure),
            (None, Some((id, value))) => HostAnswer::Has {
                id: id.to_owned(),
                value: value.to_owned(),
            },
            (None, None) => HostAnswer::Absent,
        }
    }

    fn ask_host<'a>(&'a self, id: &str, key: &str) -> SourceAnswer<&'a str> {
        let unread = |why: &str| SourceAnswer::Failed(SourceFailure::Unread(why.to_owned()));
        let Some(host) = self.hosts.get(id) else {
            return unread("it was not looked at in this run");
        };
        // An instance that is gone has nothing.
        let Some(host) = host else {
            return SourceAnswer::Absent;
        };
        if let Some(value) = host.instance.tags.get(key).filter(|it| !is_blank(it)) {
            return SourceAnswer::Has(value);
        }
        // DescribeInstances sometimes omits tags.
        match self.sources.value(id, key) {
            SourceAnswer::Has(value) if !is_blank(value) => SourceAnswer::Has(value),
            SourceAnswer::Failed(failure) => SourceAnswer::Failed(failure),
            // Sources are judged as found. What this run writes counts for the next one.
            _ if host.written.contains(key) => unread("its own rule writes it first"),
            _ => SourceAnswer::Absent,
        }
    }
}

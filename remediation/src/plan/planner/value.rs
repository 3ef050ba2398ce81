//! Which value a tag gets: the first that there is of several.

use chrono::TimeDelta;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::policy::{Function, NearMissValue, Source};
use tagwarden_core::wording::{excerpt, suggestion, too_far};
use tagwarden_core::{Action, DefectName, RuleRemedy, TagRule};

use super::InstancePlanner;
use crate::launcher::{Launcher, SHOWN_AFTER, Unknown};
use crate::plan::host::{HostAnswer, launched_id};
use crate::plan::sources::SourceAnswer;
use crate::plan::{
    Act, Cause, Memory, Outcome, Reason, Remedy, SourceFailure, UNDEFINED, ValueOrigin,
};

/// A value to write, and where it comes from.
struct FoundValue {
    value: String,
    unknown: Option<Unknown>,
    origin: ValueOrigin,
}

impl FoundValue {
    fn of(value: impl Into<String>, origin: ValueOrigin) -> Self {
        Self {
            value: value.into(),
            unknown: None,
            origin,
        }
    }

    /// The same value, which is second best because of what is `unread`.
    fn after(mut self, unread: Option<String>) -> Self {
        if let Some(unread) = unread {
            let origin = Box::new(self.origin);
            self.origin = ValueOrigin::After { origin, unread };
        }
        self
    }
}

/// How long a tag waits for a source that cannot be read.
const WAIT: TimeDelta = TimeDelta::days(1);

fn unread(why: String) -> SourceValue {
    SourceAnswer::Failed(SourceFailure::Unread(why))
}

/// What a source says of a value.
type SourceValue = SourceAnswer<FoundValue>;

impl InstancePlanner<'_> {
    /// Writes the rule's default, unless there is a value that somebody meant or that a source has.
    pub(super) fn write_default(&mut self, cause: Cause, rule: &TagRule, default: Option<&str>) {
        let Some(cause) = self.write_near_miss(cause, rule) else {
            return;
        };
        let default = default.map(|value| FoundValue::of(value, ValueOrigin::Default));
        self.write_from_sources(cause, rule, default);
    }

    /// Writes the value of the rule's function, unless there is a value that somebody meant, that was there before, or that
    /// a source has.
    pub(super) fn write_function(&mut self, cause: Cause, rule: &TagRule, function: &Function) {
        let Some(cause) = self.write_near_miss(cause, rule) else {
            return;
        };
        if let Some(value) = self.restorable(rule) {
            return self.write(cause, rule, FoundValue::of(value, ValueOrigin::Restored));
        }
        let value = FoundValue::of(function.value(self.now), ValueOrigin::Function);
        self.write_from_sources(cause, rule, Some(value));
    }

    /// Writes the value of the first of the rule's sources that has one, or the rule's `own`. A source that cannot be read
    /// now is not absent: the write waits, for a day at most.
    fn write_from_sources(&mut self, cause: Cause, rule: &TagRule, own: Option<FoundValue>) {
        let mut unread: Option<String> = None;
        for source in &rule.options.from {
            let answer = match self.ask_any(rule, source) {
                Ok(answer) => answer,
                Err(correction) => return self.report(cause, Some(correction)),
            };
            let failure = match answer {
                SourceAnswer::Has(value) => {
                    let value = value.after(unread);
                    return self.write(cause, rule, value);
                }
                SourceAnswer::Absent => continue,
                SourceAnswer::Failed(failure) => failure,
            };
            let described = self.describe(source);
            let why = match failure {
                SourceFailure::Unread(why) if self.may_wait(rule) => {
                    let remedy = Remedy::TagFromSource {
                        source: described.clone(),
                    };
                    let source = described;
                    let reason = Reason::SourceUnread { source, why };
                    return self.settle(cause, remedy, Outcome::Deferred(reason));
                }
                SourceFailure::Denied(why) | SourceFailure::Unread(why) => why,
            };
            unread.get_or_insert(format!("{described} cannot be read: {why}"));
        }
        if let Some(value) = own {
            return self.write(cause, rule, value.after(unread));
        }
        let names: Vec<String> = rule.options.from.iter().map(ToString::to_string).collect();
        let unread = unread.map_or_else(String::new, |why| format!("; {why}"));
        let correction = format!("no source has a value: {}{unread}", names.join(", "));
        self.report(cause, Some(correction));
    }

    /// What `source` says of the value of the rule's tag.
    fn ask(&self, rule: &TagRule, source: &Source) -> SourceValue {
        let instance = self.instance;
        let (id, origin): (_, fn(String) -> ValueOrigin) = match source {
            Source::Tag(key) => return self.ask_tag(key),
            Source::Launcher => return self.ask_launcher(rule),
            // The instances are asked by `ask_any`.
            Source::Instance => return SourceAnswer::Absent,
            Source::Subnet => (instance.details.subnet_id.as_ref(), ValueOrigin::Subnet),
            Source::Vpc => (instance.vpc_id.as_ref(), ValueOrigin::Vpc),
        };
        // An instance that EC2 describes without a VPC is not in one.
        let Some(id) = id else {
            return SourceAnswer::Absent;
        };
        match self.context.sources.value(id, &rule.tag_key) {
            SourceAnswer::Has(value) if is_blank(value) => SourceAnswer::Absent,
            SourceAnswer::Has(value) => {
                SourceAnswer::Has(FoundValue::of(value, origin(id.clone())))
            }
            SourceAnswer::Absent => SourceAnswer::Absent,
            SourceAnswer::Failed(failure) => SourceAnswer::Failed(failure),
        }
    }

    fn ask_tag(&self, key: &str) -> SourceValue {
        let value = self.instance.tags.get(key);
        if let Some(value) = value.filter(|value| !is_blank(value)) {
            return SourceAnswer::Has(FoundValue::of(value, ValueOrigin::Tag(key.to_owned())));
        }
        // Sources are judged on the resource as found. What this run writes counts for the next one.
        let mut findings = self.findings.iter();
        let is_written = findings.any(|finding| {
            let remedy = finding.rule.remedy(self.instance.kind, finding.defect);
            let writes = matches!(
                remedy,
                Some(
                    RuleRemedy::Write(_) | RuleRemedy::WriteFunction(_) | RuleRemedy::WriteLauncher
                )
            );
            finding.rule.tag_key == key && writes
        });
        if is_written {
            return unread("its own rule writes it first".to_owned());
        }
        SourceAnswer::Absent
    }

    /// What `source` says, or else a correction: the instances that a volume is attached to disagree.
    fn ask_any(&self, rule: &TagRule, source: &Source) -> Result<SourceValue, String> {
        if *source != Source::Instance {
            return Ok(self.ask(rule, source));
        }
        match self
            .context
            .ask_hosts(self.instance, &rule.tag_key, |_| true)
        {
            HostAnswer::Has { id, value } => {
                let value = FoundValue::of(value, ValueOrigin::Instance(id));
                Ok(SourceAnswer::Has(value))
            }
            HostAnswer::Absent => Ok(SourceAnswer::Absent),
            HostAnswer::Conflict(correction) => Err(correction),
            HostAnswer::Failed(failure) => Ok(SourceAnswer::Failed(failure)),
        }
    }

    fn ask_launcher(&self, rule: &TagRule) -> SourceValue {
        // What is attached to nothing has no launcher.
        let Some(id) = launched_id(self.instance) else {
            return SourceAnswer::Absent;
        };
        let memory = self.context.memories.get(id);
        let remembered = memory.and_then(Memory::launcher);
        let noted = || {
            let name = self.policy.noted_launcher(self.instance);
            name.filter(|name| *name != UNDEFINED)
        };
        let of_host = || {
            let host = self.context.hosts.get(id)?.as_ref()?;
            host.noted_launcher(self.policy)
        };
        let name = match remembered.or_else(noted).or_else(of_host) {
            Some(name) => name,
            None => match self.context.launchers.get(id) {
                Some(Launcher::Known(name)) => name,
                Some(Launcher::TooOld) => return SourceAnswer::Absent,
                Some(Launcher::Nobody) => match self.launch_not_shown() {
                    Some(reason) => return unread(reason.to_string()),
                    None => return SourceAnswer::Absent,
                },
                Some(Launcher::Failed(error)) => {
                    let is_denied = error
                        .code()
                        .is_some_and(|it| it.starts_with("AccessDenied"));
                    let why = error.to_string();
                    return if is_denied {
                        SourceAnswer::Failed(SourceFailure::Denied(why))
                    } else {
                        unread(why)
                    };
                }
                None if self.policy.who_rows().is_empty() => return SourceAnswer::Absent,
                None => return unread(Reason::LookUpUnfinished.to_string()),
            },
        };
        match self.policy.tag_by_launcher(name, &rule.tag_key) {
            Some((row_id, value)) => {
                SourceAnswer::Has(FoundValue::of(value, ValueOrigin::Who(row_id)))
            }
            None => SourceAnswer::Absent,
        }
    }

    /// The source, as people know it.
    fn describe(&self, source: &Source) -> String {
        let instance = self.instance;
        match source {
            Source::Tag(key) => format!("its tag {}", excerpt(key)),
            Source::Subnet => {
                let id = instance.details.subnet_id.as_deref();
                format!("its subnet {}", id.unwrap_or_default())
            }
            Source::Vpc => format!("its VPC {}", instance.vpc_id.as_deref().unwrap_or_default()),
            Source::Instance => format!("its instance {}", instance.attached_to.join(" or ")),
            Source::Launcher => "its launcher".to_owned(),
        }
    }

    /// Whether the tag of `rule` may wait for a source: it has waited for less than a day. Without a ledger, which knows that,
    /// the instance is younger than a day, and a volume waits.
    fn may_wait(&self, rule: &TagRule) -> bool {
        let memory = self.context.memories.get(&self.instance.id);
        let since = memory.and_then(|memory| memory.waits_since(&rule.tag_key));
        let since = match (since, &self.settings.ledger_table) {
            (Some(since), _) => Some(since),
            (None, Some(_)) => return true,
            // A default would stay, while the instance of a volume gets its tag in a moment.
            (None, None) if self.instance.kind.attached_by().is_some() => return true,
            (None, None) => self.instance.launched_at,
        };
        since.is_some_and(|since| self.now.signed_duration_since(since) < WAIT)
    }

    /// Writes the value under a near miss of the rule's key, because it is what somebody meant. If it is not allowed, or if
    /// two near misses contradict each other, that is reported and nothing is written. Gives the cause back if there is
    /// no such value.
    fn write_near_miss(&mut self, cause: Cause, rule: &TagRule) -> Option<Cause> {
        let named = |(key, value): (&str, &str)| format!("{key:?} = {:?}", excerpt(value));
        let correction = match rule.near_miss_value(self.instance, self.policy.rules()) {
            NearMissValue::Absent => return Some(cause),
            NearMissValue::Means { tag, value } => {
                let origin = ValueOrigin::NearMiss(tag.0.to_owned());
                self.write(cause, rule, FoundValue::of(value, origin));
                return None;
            }
            NearMissValue::NotAllowed { tag } => {
                let hint = suggestion(rule, tag.1).unwrap_or_default();
                format!(
                    "it has the tag {}, which is not allowed, {hint}",
                    named(tag)
                )
            }
            NearMissValue::Conflict { first, second } => format!(
                "it has the tags {} and {}, write the right value to the key {:?}",
                named(first),
                named(second),
                rule.tag_key
            ),
        };
        self.report(cause, Some(correction));
        None
    }

    /// The value that tagwarden wrote for `rule` before, if it is a name or a date and may be written again. The policy may
    /// have changed, so the value must still be allowed.
    fn restorable(&self, rule: &TagRule) -> Option<String> {
        let memory = self.context.memories.get(&self.instance.id)?;
        let value = memory.restorable(rule)?;
        rule.allows(value).then(|| value.to_owned())
    }

    fn write(&mut self, cause: Cause, rule: &TagRule, value: FoundValue) {
        let FoundValue {
            value,
            unknown,
            origin,
        } = value;
        // What is not allowed is not written, whoever launched the instance and whatever day it is.
        if !rule.allows(&value) {
            let hint = suggestion(rule, &value).unwrap_or_default();
            let from = origin.describe();
            let from = from.map_or_else(String::new, |from| format!(" from {from}"));
            let correction = format!("it would get {:?}{from}, {hint}", excerpt(&value));
            return self.report(cause, Some(correction));
        }
        if rule.is_too_far(&value, self.now) {
            let correction = format!("it would get {:?}, {}", excerpt(&value), too_far(rule));
            return self.report(cause, Some(correction));
        }
        // What a manager would replace has no end of its own. A volume's end date is for people alone.
        let is_own = matches!(origin, ValueOrigin::Default | ValueOrigin::Function);
        if is_own
            && rule.options.end_date.is_some()
            && self.instance.kind.may_shut_down()
            && let Some(reason) = self.managed()
        {
            let remedy = Remedy::Tag {
                value,
                unknown,
                origin: Some(origin),
            };
            return self.settle(cause, remedy, Outcome::Refused(reason));
        }
        let memory = self.context.memories.get(&self.instance.id);
        let paused = memory.and_then(|memory| memory.paused_until(rule, self.now));
        let remedy = Remedy::Tag {
            value,
            unknown,
            origin: Some(origin),
        };
        if let Some(until) = paused.map(|until| until.date_naive()) {
            let reason = Reason::RemovedRepeatedly { until, by: None };
            return self.settle(cause, remedy, Outcome::Refused(reason));
        }
        let step = self.step(cause, remedy);
        self.plan.tags.extend(Act::of(step, &self.instance.tags));
    }

    pub(super) fn write_launcher(&mut self, cause: Cause, rule: &TagRule) {
        if let Some(name) = self.restorable(rule) {
            return self.write(cause, rule, FoundValue::of(name, ValueOrigin::Restored));
        }
        let Some(cause) = self.write_launcher_of_host(cause, rule) else {
            return;
        };
        let undefined = |unknown| (UNDEFINED.to_owned(), Some(unknown));
        let launcher = launched_id(self.instance).and_then(|id| self.context.launchers.get(id));
        let (value, unknown) = match launcher {
            Some(Launcher::Known(name)) => (name.clone(), None),
            Some(Launcher::TooOld) => undefined(Unknown::TooOld),
            Some(Launcher::Nobody) => match self.launch_not_shown() {
                Some(reason) => {
                    return self.settle(cause, Remedy::TagLauncher, Outcome::Deferred(reason));
                }
                None => undefined(Unknown::NotRecorded),
            },
            Some(Launcher::Failed(error)) => {
                return self.settle(cause, Remedy::TagLauncher, Outcome::Failed(error.into()));
            }
            None => {
                let outcome = Outcome::Deferred(Reason::LookUpUnfinished);
                return self.settle(cause, Remedy::TagLauncher, outcome);
            }
        };
        let origin = ValueOrigin::Launcher;
        let value = FoundValue {
            value,
            unknown,
            origin,
        };
        self.write(cause, rule, value);
    }

    /// Writes the name that the instances of a volume have under the same key, or reports that it has none. Gives the cause
    /// back where the launcher is to be looked up: for an instance, and for a volume whose instance has no such name.
    fn write_launcher_of_host(&mut self, cause: Cause, rule: &TagRule) -> Option<Cause> {
        if self.instance.kind.attached_by().is_none() {
            return Some(cause);
        }
        if self.instance.attached_to.is_empty() {
            let kind = self.instance.kind;
            let correction =
                format!("the {kind} is attached to no instance, whose launcher it would name");
            self.report(cause, Some(correction));
            return None;
        }
        let is_name = |value: &str| value != UNDEFINED;
        match self
            .context
            .ask_hosts(self.instance, &rule.tag_key, is_name)
        {
            HostAnswer::Has { id, value } => {
                self.write(
                    cause,
                    rule,
                    FoundValue::of(value, ValueOrigin::Instance(id)),
                );
                None
            }
            HostAnswer::Conflict(correction) => {
                self.report(cause, Some(correction));
                None
            }
            HostAnswer::Failed(SourceFailure::Unread(why)) if self.may_wait(rule) => {
                let source = self.describe(&Source::Instance);
                let remedy = Remedy::TagFromSource {
                    source: source.clone(),
                };
                let reason = Reason::SourceUnread { source, why };
                self.settle(cause, remedy, Outcome::Deferred(reason));
                None
            }
            HostAnswer::Absent | HostAnswer::Failed(_) => Some(cause),
        }
    }

    /// Replaces an `Undefined` that tagwarden wrote a short time ago and for which there is a name by now. This is the only
    /// value that is ever overwritten.
    pub(super) fn replace_undefined(&mut self, rule: &TagRule) {
        let is_undefined =
            self.instance.tags.get(&rule.tag_key).map(String::as_str) == Some(UNDEFINED);
        let memory = self.context.memories.get(&self.instance.id);
        let is_own = memory.is_some_and(|it| it.is_own_undefined(&rule.tag_key, self.now));
        let launcher = launched_id(self.instance);
        let launcher = launcher.and_then(|id| self.context.launchers.get(id));
        if rule.action == Action::UserLookup
            && is_undefined
            && is_own
            && let Some(Launcher::Known(name)) = launcher
            && rule.allows(name)
        {
            let cause = Cause::Tag {
                rule_id: rule.id,
                tag_key: rule.tag_key.clone(),
                defect: DefectName::Missing,
            };
            let value = FoundValue::of(name.clone(), ValueOrigin::Launcher);
            self.write(cause, rule, value);
        }
    }

    /// Why CloudTrail may not show the launch yet: it shows one minutes after it happened.
    fn launch_not_shown(&self) -> Option<Reason> {
        match self.younger_than(self.settings.grace.max(SHOWN_AFTER))? {
            Reason::Grace { age, grace } => Some(Reason::LaunchNotShown { age, grace }),
            reason => Some(reason),
        }
    }
}

//! What is not known of an instance. Each thing that it could be is a world of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::TimeDelta;
use tagwarden_core::likeness::is_blank;
use tagwarden_core::policy::{OTHER_EXAMPLE, PolicyExamples, Source};
use tagwarden_core::{Action, Resource, TagRule};

use super::future::{Knowledge, Outlook};
use crate::launcher::Launcher;
use crate::plan::{PlanContext, Prospect, SourceFailure, SourceTags};

/// The most things that an instance could be for what its description leaves out, and the most sets of tags that its
/// subnet and VPC could have. More are not tried.
const MOST: usize = 24;

/// How long something that is not known yet is waited for at most.
const WAIT: TimeDelta = TimeDelta::days(1);

impl Outlook<'_> {
    /// What becomes of `instance` in each world.
    pub(super) fn worlds(
        &self,
        instance: &Resource,
        examples: &PolicyExamples,
    ) -> BTreeMap<String, Prospect> {
        let mut worlds = BTreeMap::new();
        let context = self.context_of(instance);
        if self.is_static && !self.asks_for_a_shutdown(instance, &context) {
            return worlds;
        }
        let paths = self.paths(instance, &context, examples);
        let sources = self.sources(instance, &context, examples);
        let completions = examples.completions(instance, MOST);
        for (at, completion) in completions.iter().enumerate() {
            for (source, tags) in &sources {
                let context = PlanContext {
                    sources: tags.clone(),
                    ..context.clone()
                };
                for (path, phases) in &paths {
                    let name = format!("{at} {source} {path}");
                    let prospect = self.prospect(completion, &context, phases);
                    worlds.insert(name, prospect);
                }
            }
        }
        worlds
    }

    /// In which order it may become known who launched `instance`, and that nothing more becomes known.
    fn paths(
        &self,
        instance: &Resource,
        context: &PlanContext,
        examples: &PolicyExamples,
    ) -> BTreeMap<String, Vec<Knowledge>> {
        let is_asked = self.asks_for_the_launcher(instance);
        let known = context.launchers.get(&instance.id);
        let is_young = instance.launched_at.is_none_or(|at| self.now - at < WAIT);
        let is_final = match known {
            Some(Launcher::Known(_) | Launcher::TooOld) => true,
            // CloudTrail shows a launch late.
            Some(Launcher::Nobody) => !is_young,
            Some(Launcher::Failed(_)) | None => false,
        };
        let phase = |launcher: Option<&Launcher>, is_late| Knowledge {
            launcher: launcher.cloned(),
            is_late,
        };
        let mut paths = BTreeMap::new();
        let mut add = |name: &str, phases: &[Knowledge]| {
            for length in 1..=phases.len() {
                let path = phases.get(..length).unwrap_or_default();
                paths.insert(format!("{name}{length}"), path.to_vec());
            }
        };
        if !is_asked || is_final {
            let both = [phase(known, false), phase(known, true)];
            // Sources may be waited for.
            let path = if self.has_sources {
                &both[..]
            } else {
                both.get(1..).unwrap_or_default()
            };
            add("known ", path);
            return paths;
        }
        add("unknown ", &[phase(known, false), phase(known, true)]);
        let names = examples.names();
        let names = names.filter(|name| self.tells_names_apart || *name == OTHER_EXAMPLE);
        let known_as = names.map(|name| Launcher::Known(name.to_owned()));
        let launchers: Vec<Launcher> = [Launcher::Nobody].into_iter().chain(known_as).collect();
        for (at, launcher) in launchers.iter().enumerate() {
            let of_it = |is_late| phase(Some(launcher), is_late);
            add(&format!("at once {at} "), &[of_it(false), of_it(true)]);
            add(
                &format!("soon {at} "),
                &[phase(known, false), of_it(false), of_it(true)],
            );
            add(
                &format!("late {at} "),
                &[phase(known, false), phase(known, true), of_it(true)],
            );
        }
        paths
    }

    /// Whether a rule asks who launched `instance`.
    fn asks_for_the_launcher(&self, instance: &Resource) -> bool {
        let rules = self.policy.rules().iter();
        let mut lacking = rules.filter(|rule| lacks(instance, rule));
        lacking.any(|rule| {
            rule.action == Action::UserLookup || rule.options.from.contains(&Source::Launcher)
        })
    }

    /// What the tags of the subnet and the VPC of `instance` could be, as far as rules take values from them.
    fn sources(
        &self,
        instance: &Resource,
        context: &PlanContext,
        examples: &PolicyExamples,
    ) -> BTreeMap<String, SourceTags> {
        let known = &context.sources;
        let is_denied = matches!(known.failure, Some(SourceFailure::Denied(_)));
        let ids = |rule: &TagRule| {
            let of = |source: &Source| match source {
                Source::Subnet => instance.details.subnet_id.clone(),
                Source::Vpc => instance.vpc_id.clone(),
                Source::Tag(_) | Source::Instance | Source::Launcher => None,
            };
            let ids: Vec<String> = rule.options.from.iter().filter_map(of).collect();
            ids
        };
        let is_known = |id: &str, key: &str| {
            known.failure.is_none() && known.keys.contains(key) && known.tags.contains_key(id)
        };
        let mut open: BTreeSet<(String, &str)> = BTreeSet::new();
        for rule in self
            .policy
            .rules()
            .iter()
            .filter(|rule| lacks(instance, rule))
        {
            let ids = ids(rule).into_iter();
            let unknown = ids.filter(|id| !is_denied && !is_known(id, &rule.tag_key));
            open.extend(unknown.map(|id| (id, rule.tag_key.as_str())));
        }
        let mut all = BTreeMap::from([(String::new(), known.clone())]);
        for (id, key) in open {
            let values: Vec<Option<&str>> = examples.values(key).map(Some).chain([None]).collect();
            let mut with = BTreeMap::new();
            for (name, tags) in &all {
                for value in &values {
                    let mut name = name.clone();
                    let _ = write!(name, "{id}#{key}={value:?} ");
                    let mut tags = tags.clone();
                    tags.failure = None;
                    tags.keys.insert(key.to_owned());
                    let of_id = tags.tags.entry(id.clone()).or_default();
                    if let Some(value) = value {
                        of_id.insert(key.to_owned(), (*value).to_owned());
                    }
                    with.insert(name, tags);
                }
            }
            // Also that it is not known for a while.
            with.extend(all);
            all = with.into_iter().take(MOST).collect();
        }
        all
    }
}

/// Whether the tag of `rule` is missing on `instance`, or blank.
fn lacks(instance: &Resource, rule: &TagRule) -> bool {
    let value = instance.tags.get(&rule.tag_key);
    value.is_none_or(|value| is_blank(value))
}

//! What every form shows.

use tagwarden_core::preflight::{FixTag, JudgedResource, PreflightFinding, PreflightRules};

use crate::chosen_policy::ChosenPolicy;
use crate::pipeline::{FilePlace, FindingLevel};
use crate::preflight::fix;
use crate::preflight::planned::{PlannedResource, PreflightInput};
use crate::words::{count, thousands};

/// What was found in all files.
#[derive(Debug)]
pub struct PreflightView<'a> {
    pub inputs: &'a [PreflightInput],
    /// Where the policy is from.
    pub policy: &'a str,
    /// The resources, in the order of the files.
    pub resources: Vec<ResourceView<'a>>,
    /// What is not judged and what is not known, each a whole sentence.
    pub notes: Vec<String>,
    pub counts: PreflightCounts,
    is_strict: bool,
}

/// A resource, and what was found in it.
#[derive(Debug)]
pub struct ResourceView<'a> {
    pub input: &'a PreflightInput,
    pub resource: &'a PlannedResource,
    pub judged: JudgedResource,
}

/// Numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreflightCounts {
    pub resources: usize,
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    pub not_applicable: usize,
}

impl<'a> PreflightView<'a> {
    pub fn new(
        inputs: &'a [PreflightInput],
        rules: &PreflightRules<'_>,
        chosen: &'a ChosenPolicy,
        is_strict: bool,
    ) -> Self {
        let resources = inputs.iter().flat_map(|input| {
            let resources = input.resources.iter();
            resources.map(move |resource| ResourceView {
                input,
                resource,
                judged: rules.judge(&resource.launch),
            })
        });
        let resources: Vec<ResourceView<'_>> = resources.collect();
        let mut notes = Vec::new();
        for input in inputs {
            let of_file = input.notes.iter();
            notes.extend(of_file.map(|note| match inputs {
                [_] => note.clone(),
                _ => format!("{}: {note}", input.path),
            }));
        }
        if let Some(reason) = chosen.policy.hold() {
            let note = format!(
                "The policy has a hold, so that nothing is written or shut down now: {reason}."
            );
            notes.push(note);
        }
        Self {
            inputs,
            policy: &chosen.name,
            counts: PreflightCounts::of(&resources),
            resources,
            notes,
            is_strict,
        }
    }

    /// Whether the command fails.
    pub fn fails(&self) -> bool {
        let PreflightCounts {
            errors,
            warnings,
            notes,
            ..
        } = self.counts;
        errors > 0 || (self.is_strict && warnings + notes > 0)
    }

    /// Whether a finding makes the command fail.
    pub fn is_failure(&self, finding: &PreflightFinding) -> bool {
        self.is_strict || finding.level == FindingLevel::Error
    }

    /// `plan.json (Terraform 1.9.5), judged by policy.yaml`
    pub fn headline(&self) -> String {
        let files = self.inputs.iter().map(|input| match &input.tool {
            Some(tool) => format!("{} ({tool})", input.path),
            None => input.path.clone(),
        });
        let files: Vec<String> = files.collect();
        format!("{}, judged by {}", files.join(", "), self.policy)
    }

    /// `3 resources: 1 error, 2 notes`
    pub fn tally(&self) -> String {
        let counts = self.counts;
        let parts = [
            (counts.errors, "error"),
            (counts.warnings, "warning"),
            (counts.notes, "note"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let mut parts: Vec<String> = parts.map(|(number, what)| shown(*number, what)).collect();
        if parts.is_empty() {
            parts.push("no findings".to_owned());
        }
        if counts.not_applicable > 0 {
            let number = thousands(counts.not_applicable);
            parts.push(format!("{number} that the policy is not for"));
        }
        format!(
            "{}: {}",
            shown(counts.resources, "resource"),
            parts.join(", ")
        )
    }

    /// The code that repairs a resource; empty if there is nothing to write. Notes count where they fail.
    pub fn fix(&self, resource: &ResourceView<'_>) -> String {
        let findings = resource.judged.findings.iter();
        let wanted = findings.filter(|it| it.level != FindingLevel::Note || self.is_strict);
        let mut tags: Vec<&FixTag> = Vec::new();
        for tag in wanted.flat_map(|finding| &finding.fixes) {
            if tags.iter().all(|it| it.key != tag.key) {
                tags.push(tag);
            }
        }
        fix::code(resource.resource.language, &tags)
    }
}

impl ResourceView<'_> {
    /// Where a finding is: at the tag, or at the resource.
    pub fn place_of(&self, finding: &PreflightFinding) -> Option<&FilePlace> {
        let tag = finding.rule.as_ref();
        let tag = tag.and_then(|rule| self.resource.tag_places.get(&rule.tag_key));
        tag.or(self.resource.place.as_ref())
    }

    /// The code for one finding; empty if there is nothing to write.
    pub fn fix_of(&self, finding: &PreflightFinding) -> String {
        let tags: Vec<&FixTag> = finding.fixes.iter().collect();
        fix::code(self.resource.language, &tags)
    }

    /// The resource's address without what tells its copies apart.
    pub fn block(&self) -> String {
        let mut block = String::new();
        let (mut depth, mut is_quoted) = (0_usize, false);
        for character in self.resource.launch.address.chars() {
            match character {
                '"' if depth > 0 => is_quoted = !is_quoted,
                '[' if !is_quoted => depth += 1,
                ']' if !is_quoted => depth = depth.saturating_sub(1),
                other if depth == 0 => block.push(other),
                _ => {}
            }
        }
        block
    }
}

impl PreflightCounts {
    fn of(resources: &[ResourceView<'_>]) -> Self {
        let mut counts = Self {
            resources: resources.len(),
            ..Self::default()
        };
        for resource in resources {
            counts.not_applicable += usize::from(resource.judged.not_applicable.is_some());
            for finding in &resource.judged.findings {
                *match finding.level {
                    FindingLevel::Error => &mut counts.errors,
                    FindingLevel::Warning => &mut counts.warnings,
                    FindingLevel::Note => &mut counts.notes,
                } += 1;
            }
        }
        counts
    }
}

fn shown(number: usize, what: &str) -> String {
    if number < 1_000 {
        return count(number, what);
    }
    format!("{} {what}s", thousands(number))
}

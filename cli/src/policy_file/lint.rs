//! What is wrong with the rules of a file.
//!
//! Whether they are a policy is for the engine to say, which is asked with the rows as the table would have them:
//! what passes here passes there. This module finds the place of each of its problems, and warns of what is sound
//! and yet hardly meant.

use std::collections::BTreeMap;
use std::ops::Range;

use tagwarden_aws::policy_table::row;
use tagwarden_core::policy::{
    ATTRIBUTES, FunctionError, Problem as PolicyProblem, ProblemKind, TEMPLATE_ATTRIBUTE,
    is_own_attribute,
};
use tagwarden_core::{Action, Policy};
use tagwarden_remediation::report::check_template;

use super::node::{Entry, Kind, Node};
use super::problem::Problem;
use super::suggestion::{nearest, nearest_attribute, nearest_function, yes_or_no};
use super::{Rule, Rules, count, is_template};

/// Adds everything that is wrong with the rules; `text` is the file's.
pub fn lint(rules: &Rules<'_>, root: &Node, text: &str, problems: &mut Vec<Problem>) {
    let mut blamed = Vec::new();
    let rows = rules.rows.iter().map(|rule| row(rule.item.clone()));
    if let Err(invalid) = Policy::from_rows(rows) {
        for problem in invalid.problems() {
            problems.extend(place(problem, rules, root, &mut blamed));
        }
    }
    foreign_attributes(rules, &blamed, problems);
    keys_in_two_cases(rules, problems);
    unused_defaults(rules, problems);
    broken_template(rules, text, problems);
}

/// The engine's problem, at its place; `None` for one that only follows from another that was named. Attributes
/// that it is put down to, as misspelt, are added to `blamed`.
fn place(
    problem: &PolicyProblem,
    rules: &Rules<'_>,
    root: &Node,
    blamed: &mut Vec<Range<usize>>,
) -> Option<Problem> {
    let Some(rule) = problem.row.and_then(|at| rules.rows.get(at)) else {
        if !rules.is_complete {
            return None;
        }
        let span = if rules.node.span.is_empty() {
            root.span.clone()
        } else {
            rules.node.span.clone()
        };
        let message = match problem.kind {
            ProblemKind::EmptyTable => "the file has no rules".to_owned(),
            _ => problem.to_string(),
        };
        return Some(Problem::error(span, message).help(super::SHAPE));
    };
    let attribute = problem.attribute.unwrap_or_default();
    let Some(entry) = rule.entry(attribute) else {
        // Perhaps it is there, under a name that is nearly right.
        let misspelt = rule.entries.iter().find(|entry| {
            !ATTRIBUTES.contains(&entry.name.as_str())
                && nearest_attribute(&entry.name) == Some(attribute)
        });
        let message = problem.to_string();
        return Some(match misspelt {
            Some(entry) => {
                blamed.push(entry.name_span.clone());
                Problem::error(entry.name_span.clone(), message)
                    .help(format!("did you mean {attribute}?"))
            }
            None => Problem::error(heading(rule), message),
        });
    };
    if entry.value.is_unreadable() {
        return None;
    }
    let span = if entry.value.span.is_empty() {
        entry.name_span.clone()
    } else {
        entry.value.span.clone()
    };
    let mut placed = Problem::error(span, problem.to_string());
    placed.help = help(problem, entry);
    placed.context = first_of_two(problem, rules);
    Some(placed)
}

/// The line that tells which rule it is.
fn heading(rule: &Rule<'_>) -> Range<usize> {
    let entry = rule.entry("RuleId").or_else(|| rule.entries.first());
    entry.map_or_else(|| rule.node.span.clone(), Entry::span)
}

fn help(problem: &PolicyProblem, entry: &Entry) -> Option<String> {
    let did_you_mean = |meant: &str| format!("did you mean {meant}?");
    match &problem.kind {
        ProblemKind::UnknownAction(action) => nearest(action, &Action::NAMES).map(did_you_mean),
        ProblemKind::NotYesOrNo(text) => yes_or_no(text).map(did_you_mean),
        ProblemKind::Function(FunctionError::Unknown(text)) => {
            nearest_function(text).map(did_you_mean)
        }
        ProblemKind::WrongType { .. } => match (&entry.value.kind, entry.name.as_str()) {
            (Kind::Number(text), "Required") => yes_or_no(text).map(did_you_mean),
            (Kind::Text(text), "RuleId") if text.parse::<i64>().is_ok() => {
                Some(format!("write it without quotes: {text}"))
            }
            (Kind::Number(text), name) if name != "RuleId" => {
                Some(format!("put it in quotes: \"{text}\""))
            }
            (Kind::Bool(value), name) if name != "RuleId" => {
                Some(format!("put it in quotes: \"{value}\""))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The rule that had it first, where there is one too many.
fn first_of_two(problem: &PolicyProblem, rules: &Rules<'_>) -> Option<(Range<usize>, String)> {
    let own = problem.row?;
    let others = || {
        let rows = rules.rows.iter().enumerate();
        rows.filter(move |(at, _)| *at != own).map(|(_, rule)| rule)
    };
    let (entry, label) = match &problem.kind {
        ProblemKind::RepeatedKey { key, first } => {
            let mut others = others().filter(|rule| rule.text("TagKey") == Some(key));
            (
                others.next()?.entry("TagKey")?,
                format!("rule {first} has it"),
            )
        }
        ProblemKind::RepeatedId => {
            let own = rules.rows.get(own)?.entry("RuleId")?;
            let mut others = others().filter_map(|rule| rule.entry("RuleId"));
            let other = others.find(|other| other.value.kind == own.value.kind)?;
            (other, "the other rule".to_owned())
        }
        _ => return None,
    };
    Some((entry.value.span.clone(), label))
}

/// Attributes that tagwarden does not know are kept, and may be misspelt.
fn foreign_attributes(rules: &Rules<'_>, blamed: &[Range<usize>], problems: &mut Vec<Problem>) {
    let mut foreign: BTreeMap<&str, (Range<usize>, usize)> = BTreeMap::new();
    let entries = rules.rows.iter().flat_map(|rule| rule.entries);
    for entry in entries {
        let span = &entry.name_span;
        if is_own_attribute(&entry.name) || blamed.contains(span) {
            continue;
        }
        if let Some(meant) = nearest(&entry.name, &ATTRIBUTES) {
            let message = format!("tagwarden does not use the attribute {:?}", entry.name);
            let problem = Problem::warning(span.clone(), message);
            problems.push(problem.help(format!("did you mean {meant}?")));
            continue;
        }
        let (_, times) = foreign.entry(&entry.name).or_insert((span.clone(), 0));
        *times += 1;
    }
    for (name, (span, times)) in foreign {
        let rules = count(times, "rule");
        let message = format!("tagwarden does not use the attribute {name:?} (in {rules})");
        let problem = Problem::warning(span, message);
        problems.push(problem.help("it is kept as it is, in the file and in the table"));
    }
}

/// Two rules for what is one tag to most people, and two to AWS.
fn keys_in_two_cases(rules: &Rules<'_>, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<String, (&str, Range<usize>)> = BTreeMap::new();
    for rule in &rules.rows {
        let (Some(key), Some(entry)) = (rule.text("TagKey"), rule.entry("TagKey")) else {
            continue;
        };
        let span = entry.value.span.clone();
        match seen.get(&key.to_lowercase()) {
            Some((first, place)) if *first != key => {
                let message = format!("{key:?} and {first:?} differ in case only");
                let problem = Problem::warning(span, message).context(place.clone(), "the other");
                problems.push(problem.help("AWS takes them for two tags: an instance needs both"));
            }
            Some(_) => {}
            None => {
                seen.insert(key.to_lowercase(), (key, span));
            }
        }
    }
}

/// A value that no action writes.
fn unused_defaults(rules: &Rules<'_>, problems: &mut Vec<Problem>) {
    for rule in &rules.rows {
        let Some(action @ ("UserLookup" | "Notify" | "Stop" | "Terminate")) = rule.text("Action")
        else {
            continue;
        };
        let Some(entry) = rule.entry("Default") else {
            continue;
        };
        let is_something = match &entry.value.kind {
            Kind::Null | Kind::Unreadable => false,
            Kind::Text(text) => !text.trim().is_empty(),
            _ => true,
        };
        if is_something {
            let message =
                format!("Default is not used: Action {action} writes no value of its own");
            let problem = Problem::warning(entry.value.span.clone(), message);
            problems.push(problem.help("leave it out, or use Action Update"));
        }
    }
}

/// A template that makes no text: the report would be in the built-in one.
fn broken_template(rules: &Rules<'_>, text: &str, problems: &mut Vec<Problem>) {
    let mut templates = rules.rows.iter().filter(|rule| is_template(&rule.item));
    let Some(rule) = templates.next() else {
        return;
    };
    let (Some(source), Some(entry)) = (
        rule.text(TEMPLATE_ATTRIBUTE),
        rule.entry(TEMPLATE_ATTRIBUTE),
    ) else {
        return;
    };
    let Err(error) = check_template(source) else {
        return;
    };
    let placed = error.line.and_then(|line| line_of_block(text, entry, line));
    let (span, message) = match placed {
        Some(span) => (span, error.what),
        None => (entry.name_span.clone(), error.to_string()),
    };
    let problem = Problem::error(span, format!("the report's template: {message}"));
    problems.push(problem.help("docs/report.md has everything that a template can say"));
}

/// The place in the file of a line, from 1, of a text that is written as a block (`|`).
fn line_of_block(text: &str, entry: &Entry, line: usize) -> Option<Range<usize>> {
    let after = text.get(entry.name_span.end..)?;
    let value = after.trim_start_matches([':', ' ']);
    let header = value.strip_prefix('|')?;
    let mut start = text.len() - header.len();
    let mut lines = header.split_inclusive('\n');
    for _ in 0..line {
        start += lines.next()?.len();
    }
    let line = lines.next()?;
    let indent = line.len() - line.trim_start().len();
    Some(start + indent..start + line.trim_end().len().max(indent))
}

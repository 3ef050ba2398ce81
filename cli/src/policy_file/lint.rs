//! Finds the problems of the rules of a file.
//!
//! The engine decides whether the rules are a policy. It gets the rows as the table would hold them, so a file that passes
//! here passes there. This module finds the place of each problem, and warns about what is valid but hardly meant.

use std::collections::BTreeMap;
use std::ops::Range;

use tagwarden_aws::policy_table::row;
use tagwarden_core::policy::{
    ATTRIBUTES, FOREIGN_PREFIX, InvalidFunction, LETTER_TEMPLATE_ATTRIBUTE, OPTIONAL_ATTRIBUTES,
    Problem, ProblemKind, RowKind, TEMPLATE_ATTRIBUTE, is_foreign_attribute, is_newer_attribute,
    is_own_attribute,
};
use tagwarden_core::{Action, Policy};
use tagwarden_remediation::letter::check_letter_template;
use tagwarden_remediation::report::{TemplateError, check_template};

use super::keys;
use super::relations;
use super::rows::{FileRule, FileRules, SHAPE, kind};
use crate::text::node::{Node, NodeEntry, NodeKind};
use crate::text::problem::TextProblem;
use crate::text::suggestion::{nearest, nearest_attribute, nearest_function, yes_or_no};
use crate::words::count;

/// Adds all problems of the rules. `text` is that of the file.
pub fn lint(rules: &FileRules<'_>, root: &Node, text: &str, problems: &mut Vec<TextProblem>) {
    let mut blamed = Vec::new();
    let rows = rules.rows.iter().map(|rule| row(rule.item.clone()));
    match Policy::from_rows(rows) {
        Ok(policy) => relations::lint(&policy, rules, problems),
        Err(invalid) => {
            for problem in invalid.problems() {
                problems.extend(place(problem, rules, root, &mut blamed));
            }
        }
    }
    foreign_attributes(rules, &blamed, problems);
    keys::lint(rules, problems);
    unused_defaults(rules, problems);
    optional_shutdowns(rules, problems);
    holds(rules, problems);
    broken_templates(rules, text, problems);
}

/// The engine's problem, at its place; `None` if it only follows from another problem. A misspelt attribute that causes
/// it is added to `blamed`.
fn place(
    problem: &Problem,
    rules: &FileRules<'_>,
    root: &Node,
    blamed: &mut Vec<Range<usize>>,
) -> Option<TextProblem> {
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
        return Some(TextProblem::error(span, message).help(SHAPE));
    };
    let attribute = problem.attribute.as_deref().unwrap_or_default();
    let Some(entry) = rule.entry(attribute) else {
        // The attribute may be there under a misspelt name.
        let misspelt = rule.entries.iter().find(|entry| {
            !ATTRIBUTES.contains(&entry.name.as_str())
                && nearest_attribute(&entry.name) == Some(attribute)
        });
        let message = problem.to_string();
        return Some(match misspelt {
            Some(entry) => {
                blamed.push(entry.name_span.clone());
                TextProblem::error(entry.name_span.clone(), message)
                    .help(format!("did you mean {attribute}?"))
            }
            None => TextProblem::error(heading(rule), message),
        });
    };
    if entry.value.is_unreadable() || blamed.contains(&entry.name_span) {
        return None;
    }
    let is_name = matches!(
        problem.kind,
        ProblemKind::UnknownAttribute | ProblemKind::InRow(_)
    );
    let span = if entry.value.span.is_empty() || is_name {
        entry.name_span.clone()
    } else {
        entry.value.span.clone()
    };
    let mut placed = TextProblem::error(span, problem.to_string());
    placed.help = help(problem, entry, rule);
    placed.context = first_of_two(problem, rules);
    Some(placed)
}

/// The line that says which rule it is.
fn heading(rule: &FileRule<'_>) -> Range<usize> {
    let entry = rule.entry("RuleId").or_else(|| rule.entries.first());
    entry.map_or_else(|| rule.node.span.clone(), NodeEntry::span)
}

fn help(problem: &Problem, entry: &NodeEntry, rule: &FileRule<'_>) -> Option<String> {
    let did_you_mean = |meant: &str| format!("did you mean {meant}?");
    match &problem.kind {
        ProblemKind::UnknownAction(action) => nearest(action, &Action::NAMES).map(did_you_mean),
        ProblemKind::UnknownAttribute => {
            let own: Vec<&str> = kind(&rule.item).attributes().collect();
            nearest(&entry.name, &own).map(did_you_mean)
        }
        ProblemKind::NotYesOrNo(text) => yes_or_no(text).map(did_you_mean),
        ProblemKind::Function(InvalidFunction::Unknown(text)) => {
            nearest_function(text).map(did_you_mean)
        }
        ProblemKind::WrongType { .. } => match (&entry.value.kind, entry.name.as_str()) {
            (NodeKind::Number(text), "Required") => yes_or_no(text).map(did_you_mean),
            (NodeKind::Text(text), "RuleId") if text.parse::<i64>().is_ok() => {
                Some(format!("write it without quotes: {text}"))
            }
            (NodeKind::Number(text), name) if name != "RuleId" => {
                Some(format!("put it in quotes: \"{text}\""))
            }
            (NodeKind::Bool(value), name) if name != "RuleId" => {
                Some(format!("put it in quotes: \"{value}\""))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The place of the first of two rules that have the same id or key.
fn first_of_two(problem: &Problem, rules: &FileRules<'_>) -> Option<(Range<usize>, String)> {
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

/// Warns about attributes that tagwarden does not know: they are kept, but may be misspelt. In the newer format, the
/// engine refuses them. A name that is nearly that of a newer attribute is an error here too, because a rule without its
/// restriction would be for everything.
fn foreign_attributes(
    rules: &FileRules<'_>,
    blamed: &[Range<usize>],
    problems: &mut Vec<TextProblem>,
) {
    if rules.has_format {
        return;
    }
    let mut foreign: BTreeMap<&str, (Range<usize>, usize)> = BTreeMap::new();
    let entries = rules.rows.iter().flat_map(|rule| {
        let is_rule = kind(&rule.item) == RowKind::Rule;
        rule.entries.iter().map(move |entry| (entry, is_rule))
    });
    for (entry, is_rule) in entries {
        let span = &entry.name_span;
        let is_own = is_own_attribute(&entry.name) && !is_newer_attribute(&entry.name);
        if is_own || blamed.contains(span) {
            continue;
        }
        let newer = nearest(&entry.name, &OPTIONAL_ATTRIBUTES);
        let may_be_newer = is_rule && rules.may_be_newer && !is_foreign_attribute(&entry.name);
        if let Some(meant) = newer.filter(|_| may_be_newer) {
            let message = format!("tagwarden does not use the attribute {:?}", entry.name);
            let problem = TextProblem::error(span.clone(), message);
            problems.push(problem.help(format!(
                "did you mean {meant}? begin the name of your own column with {FOREIGN_PREFIX}, or write `format: 1` at the top"
            )));
            continue;
        }
        if let Some(meant) = nearest(&entry.name, &ATTRIBUTES) {
            let message = format!("tagwarden does not use the attribute {:?}", entry.name);
            let problem = TextProblem::warning(span.clone(), message);
            problems.push(problem.help(format!("did you mean {meant}?")));
            continue;
        }
        let (_, times) = foreign.entry(&entry.name).or_insert((span.clone(), 0));
        *times += 1;
    }
    for (name, (span, times)) in foreign {
        let rules = count(times, "rule");
        let message = format!("tagwarden does not use the attribute {name:?} (in {rules})");
        let problem = TextProblem::warning(span, message);
        problems.push(problem.help("it is kept as it is, in the file and in the table"));
    }
}

/// Warns about values that no action writes.
fn unused_defaults(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    for rule in &rules.rows {
        let Some(action @ ("UserLookup" | "Notify" | "Stop" | "Terminate")) = rule.text("Action")
        else {
            continue;
        };
        let Some(entry) = rule.entry("Default") else {
            continue;
        };
        let has_value = match &entry.value.kind {
            NodeKind::Null | NodeKind::Unreadable => false,
            NodeKind::Text(text) => !text.trim().is_empty(),
            _ => true,
        };
        if has_value {
            let message =
                format!("Default is not used: Action {action} writes no value of its own");
            let problem = TextProblem::warning(entry.value.span.clone(), message);
            problems.push(problem.help("leave it out, or use Action Update"));
        }
    }
}

/// Warns about rules that ask for a shutdown and are not required: they only report.
fn optional_shutdowns(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    for rule in &rules.rows {
        let Some(action @ ("Stop" | "Terminate")) = rule.text("Action") else {
            continue;
        };
        let Some(entry) = rule.entry("Required") else {
            continue;
        };
        let is_required = match &entry.value.kind {
            NodeKind::Text(text) => text != "N",
            NodeKind::Bool(value) => *value,
            _ => true,
        };
        if !is_required {
            let message = format!("Action {action} with Required N only reports");
            let problem = TextProblem::warning(entry.value.span.clone(), message);
            let help =
                "nothing is shut down that is not NON_COMPLIANT: use Required Y, or Action Notify";
            problems.push(problem.help(help));
        }
    }
}

/// Warns about a hold: under it the functions change nothing.
fn holds(rules: &FileRules<'_>, problems: &mut Vec<TextProblem>) {
    for rule in rules
        .rows
        .iter()
        .filter(|rule| kind(&rule.item) == RowKind::Hold)
    {
        let message = "the policy has a hold: nothing is written and nothing is shut down";
        let problem = TextProblem::warning(rule.node.span.clone(), message.to_owned());
        problems.push(problem.help("the Config rule and the reports go on"));
    }
}

/// Reports templates that cannot be rendered: the functions would use the built-in ones.
fn broken_templates(rules: &FileRules<'_>, text: &str, problems: &mut Vec<TextProblem>) {
    for rule in &rules.rows {
        let kind = kind(&rule.item);
        let (attribute, check, guide): (_, fn(&str) -> _, _) = match kind {
            RowKind::Template => (TEMPLATE_ATTRIBUTE, check_template, "docs/report.md"),
            RowKind::LetterTemplate => (
                LETTER_TEMPLATE_ATTRIBUTE,
                check_letter_template,
                "docs/letters.md",
            ),
            _ => continue,
        };
        let (Some(source), Some(entry)) = (rule.text(attribute), rule.entry(attribute)) else {
            continue;
        };
        if let Err(error) = check(source) {
            let problem = broken_template(kind, entry, text, error);
            problems
                .push(problem.help(format!("{guide} lists everything that a template can use")));
        }
    }
}

/// What is wrong with the template of `entry`, at its line where that is known.
fn broken_template(
    kind: RowKind,
    entry: &NodeEntry,
    text: &str,
    error: TemplateError,
) -> TextProblem {
    let placed = error.line.and_then(|line| line_of_block(text, entry, line));
    let (span, message) = match placed {
        Some(span) => (span, error.what),
        None => (entry.name_span.clone(), error.to_string()),
    };
    TextProblem::error(span, format!("{}: {message}", kind.describe()))
}

/// The place of a line, counted from 1, of a text that is written as a block (`|`).
fn line_of_block(text: &str, entry: &NodeEntry, line: usize) -> Option<Range<usize>> {
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

//! The annotation of a resource on the Config dashboard, in at most 256 characters.

use crate::assessment::{Assessment, Finding, NotApplicable, Verdict};
use crate::exemption::{EXEMPTION_KEY, Exemption};
use crate::policy::Defect;
use crate::wording::{
    UNTAGGED_SENTENCE, date_hint, excerpt, rule_defect, suggestion, tag_defect, too_far,
};

/// The most characters of an annotation. PutEvaluations refuses the whole call for one that is longer.
///
/// See [Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html).
pub const MAX_ANNOTATION_CHARS: usize = 256;

/// Explains an assessment in at most [`MAX_ANNOTATION_CHARS`] characters: names each finding, violations first.
///
/// Gives `None` if there is nothing to explain, because PutEvaluations refuses an empty annotation. Findings that do
/// not fit are left out from the end and counted.
///
/// An exemption that has ended is named after the findings that it no longer covers. One that cannot be read is always
/// named, because its author expects it to hold.
#[must_use]
pub fn annotation(assessment: &Assessment<'_>) -> Option<String> {
    let kind = assessment.kind;
    if let Verdict::NotApplicable(why) = assessment.verdict {
        return Some(match why {
            NotApplicable::OutOfScope if kind.attached_by().is_some() => {
                format!("The {kind} is not attached to an instance in a VPC of this policy.")
            }
            NotApplicable::OutOfScope => format!("The {kind} is not in a VPC of this policy."),
            NotApplicable::NoRule => format!("No rule of the policy is for this {kind}."),
            NotApplicable::Gone(state) => format!("The {kind} is {state}."),
            NotApplicable::Exempt { until, reason } => {
                exempt(&format!("Exempt until {until}: "), reason)
            }
        });
    }
    let parts = parts(assessment);
    // The note on the exemption comes last, so it is worked out before the findings are cut to the rest of the room.
    let note = match assessment.exemption {
        Some(Exemption::Ended { until }) if !parts.is_empty() => {
            Some(format!("its exemption ended on {until}"))
        }
        Some(Exemption::Unreadable { key, .. }) => Some(unreadable_exemption(key)),
        _ => None,
    };
    match (parts.is_empty(), note) {
        (true, note) => note,
        (false, None) => Some(fit(&parts, MAX_ANNOTATION_CHARS)),
        (false, Some(note)) => {
            let room = MAX_ANNOTATION_CHARS.saturating_sub(note.chars().count() + "; ".len());
            Some(format!("{}; {note}", fit(&parts, room)))
        }
    }
}

/// What is wrong with the tag `key`, which looks like an exemption and cannot be read.
fn unreadable_exemption(key: &str) -> String {
    if key == EXEMPTION_KEY {
        return format!("{EXEMPTION_KEY} is not a date and a reason (2026-12-31 why)");
    }
    let shown = excerpt(key);
    format!("\"{shown}\" exempts nothing: the key must be {EXEMPTION_KEY}")
}

/// One part for each finding, violations first, and one for each rule of which it is not known whether it applies; or one
/// part for an untagged instance.
fn parts(assessment: &Assessment<'_>) -> Vec<String> {
    if assessment.is_untagged {
        return vec![UNTAGGED_SENTENCE.to_owned()];
    }
    let (required, optional): (Vec<_>, Vec<_>) = assessment
        .findings
        .iter()
        .partition(|finding| finding.is_violation());
    let required = required.into_iter().map(describe);
    let optional = optional
        .into_iter()
        .map(|finding| format!("optional: {}", describe(finding)));
    let unknown = assessment.unknown.iter().map(ToString::to_string);
    required.chain(optional).chain(unknown).collect()
}

/// One sentence of `beginning` and `reason`; a long `reason` is cut at a word.
fn exempt(beginning: &str, reason: &str) -> String {
    // Most people write a reason without a full stop, some with one.
    let reason = reason.trim_end_matches('.');
    let room = MAX_ANNOTATION_CHARS.saturating_sub(beginning.chars().count() + 1);
    let kept = cut_at_word(reason, room);
    let end = if kept.len() < reason.len() {
        '…'
    } else {
        '.'
    };
    format!("{beginning}{kept}{end}")
}

fn describe(finding: &Finding<'_>) -> String {
    let Finding { rule, defect } = finding;
    match defect {
        Defect::Missing {
            near_miss: Some(found),
        } => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            format!("{what} (rule {}; found {found})", rule.id)
        }
        Defect::Empty { value } if !value.is_empty() => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            format!("{what} (rule {}; only blanks)", rule.id)
        }
        Defect::Unreadable { value } => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            let (found, hint) = (excerpt(value), date_hint(rule, value));
            format!("{what} (rule {}; found {found}, {hint})", rule.id)
        }
        // The date, and never the days since then: it must not be news every day.
        Defect::Expired { value, .. } => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            format!("{what} (rule {}; {value})", rule.id)
        }
        Defect::TooFar { value } => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            format!(
                "{what} (rule {}; found {value}, {})",
                rule.id,
                too_far(rule)
            )
        }
        Defect::NotAllowed { value, .. } => {
            let what = tag_defect(defect.name(), &rule.tag_key);
            let found = excerpt(value);
            let hint = suggestion(rule, value).map_or_else(String::new, |hint| format!(", {hint}"));
            format!("{what} (rule {}; found {found}{hint})", rule.id)
        }
        Defect::Missing { near_miss: None } | Defect::Empty { .. } => {
            rule_defect(defect.name(), &rule.tag_key, rule.id)
        }
    }
}

/// Joins `parts` in at most `limit` characters; parts that do not fit are counted.
fn fit(parts: &[String], limit: usize) -> String {
    let whole = parts.join("; ");
    if whole.chars().count() <= limit {
        return whole;
    }
    for kept in (1..parts.len()).rev() {
        let shortened = format!(
            "{}; and {} more",
            parts.get(..kept).unwrap_or_default().join("; "),
            parts.len() - kept
        );
        if shortened.chars().count() <= limit {
            return shortened;
        }
    }
    // Not even the first finding fits, because its tag key is nearly as long as EC2 allows.
    let more = match parts.len() - 1 {
        0 => "…".to_owned(),
        more => format!("… and {more} more"),
    };
    let room = limit.saturating_sub(more.chars().count());
    let first = parts.first().map_or("", String::as_str);
    format!("{}{more}", cut_at_word(first, room))
}

/// The longest beginning of `text` that ends with a whole word and has at most `limit` characters. A single word that
/// is longer is cut at `limit`.
fn cut_at_word(text: &str, limit: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(limit) else {
        return text;
    };
    let cut = text.get(..end).unwrap_or_default();
    if next.is_whitespace() {
        return cut.trim_end();
    }
    match cut.rfind(char::is_whitespace) {
        Some(space) => cut.get(..space).unwrap_or_default().trim_end(),
        None => cut,
    }
}

#[cfg(test)]
mod tests;

//! What the Config dashboard says of an instance, in the 256 characters it has for it.

use crate::exemption::EXEMPTION_KEY;
use crate::wording::{UNTAGGED_SENTENCE, rule_defect, tag_defect};
use crate::{Assessment, Defect, Exemption, Finding, NotApplicable, Verdict};

/// The longest annotation that PutEvaluations takes, in characters; one more and the whole call is refused.
///
/// See [Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html).
pub const MAX_ANNOTATION_CHARS: usize = 256;

/// Explains an assessment: names each rule and tag at fault, required ones first.
///
/// `None` where there is nothing to say (PutEvaluations refuses an empty annotation). What does not fit is left
/// out from the end, finding by finding, with the count of what was left out.
///
/// An exemption that has ended is told after the findings that it no longer covers, and not where there are none. One
/// that cannot be read is told in any case: somebody believes in it.
#[must_use]
pub fn annotation(assessment: &Assessment<'_>) -> Option<String> {
    if let Verdict::NotApplicable(why) = assessment.verdict {
        return Some(match why {
            NotApplicable::OutOfScope => "The instance is not in a VPC of this policy.".to_owned(),
            NotApplicable::Gone(state) => format!("The instance is {state}."),
            NotApplicable::Exempt { until, reason } => {
                exempt(&format!("Exempt until {until}: "), reason)
            }
        });
    }
    let parts = parts(assessment);
    let note = match assessment.exemption {
        Some(Exemption::Ended { until }) if !parts.is_empty() => {
            Some(format!("its exemption ended on {until}"))
        }
        Some(Exemption::Unreadable) => Some(format!(
            "{EXEMPTION_KEY} is not a date and a reason (2026-12-31 why)"
        )),
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

/// What is wrong, part by part: required tags first.
fn parts(assessment: &Assessment<'_>) -> Vec<String> {
    if assessment.is_untagged {
        return vec![UNTAGGED_SENTENCE.to_owned()];
    }
    let (required, optional): (Vec<_>, Vec<_>) = assessment
        .findings
        .iter()
        .partition(|finding| finding.rule.required);
    let required = required.into_iter().map(describe);
    let optional = optional
        .into_iter()
        .map(|finding| format!("optional: {}", describe(finding)));
    required.chain(optional).collect()
}

/// One sentence of `beginning` and `reason`, shortened if need be.
fn exempt(beginning: &str, reason: &str) -> String {
    // Most reasons are written without a full stop, and some with one.
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
        Defect::Missing { near_miss: None } | Defect::Empty => {
            rule_defect(defect.name(), &rule.tag_key, rule.id)
        }
    }
}

/// Joins `parts` in at most `limit` characters.
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
    // Not even the first finding fits: its tag's key is about as long as EC2 allows.
    let more = match parts.len() - 1 {
        0 => "…".to_owned(),
        more => format!("… and {more} more"),
    };
    let room = limit.saturating_sub(more.chars().count());
    let first = parts.first().map_or("", String::as_str);
    format!("{}{more}", cut_at_word(first, room))
}

/// The longest beginning of `text` that ends with a whole word and has at most `limit` characters; a single word
/// that is longer is cut where it must be.
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

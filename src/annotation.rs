//! What the Config dashboard says of an instance, in the 256 characters it has for it.

use crate::{Assessment, Defect, Finding, NotApplicable, Verdict};

/// The longest annotation that PutEvaluations takes, in characters; one more and the whole call is refused.
///
/// See [Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html).
pub const MAX_ANNOTATION_CHARS: usize = 256;

/// Explains an assessment: names each rule and tag at fault, required ones first.
///
/// `None` where there is nothing to say (PutEvaluations refuses an empty annotation). What does not fit is left
/// out from the end, finding by finding, with the count of what was left out.
#[must_use]
pub fn annotation(assessment: &Assessment<'_>) -> Option<String> {
    if let Verdict::NotApplicable(why) = assessment.verdict {
        return Some(match why {
            NotApplicable::OutOfScope => "The instance is not in a VPC of this policy.".to_owned(),
            NotApplicable::Gone(state) => format!("The instance is {state}."),
        });
    }
    let (required, optional): (Vec<_>, Vec<_>) = assessment
        .findings
        .iter()
        .partition(|finding| finding.is_required());
    let mut parts: Vec<String> = required.into_iter().map(describe).collect();
    parts.extend(
        optional
            .into_iter()
            .map(|finding| format!("optional: {}", describe(finding))),
    );
    if parts.is_empty() {
        return None;
    }
    Some(fit(&parts, MAX_ANNOTATION_CHARS))
}

fn describe(finding: &Finding<'_>) -> String {
    match finding {
        Finding::Untagged => "The instance has no tags at all.".to_owned(),
        Finding::Tag { rule, defect } => {
            let (key, id) = (&rule.tag_key, rule.id);
            match defect {
                Defect::Missing { near_miss: None } => format!("missing tag {key} (rule {id})"),
                Defect::Missing {
                    near_miss: Some(found),
                } => format!("missing tag {key} (rule {id}; found {found})"),
                Defect::Empty => format!("empty tag {key} (rule {id})"),
            }
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

//! The end dates of an instance, in words: how long it has, when its owner is told, and what keeps it.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use tagwarden_core::policy::WhenExpired;
use tagwarden_remediation::explain::ExplainedEndDate;

use super::events::moment;
use super::rules::ends;
use crate::when::rfc3339;
use crate::words::on_one_line;

/// `Expires = 2027-01-10 (rule 2): ends in 10 days, then terminated; notices 2026-12-28, …`.
pub fn ends_when(end_date: &ExplainedEndDate, is_managed: bool, now: DateTime<Utc>) -> String {
    let ExplainedEndDate {
        rule_id,
        tag_key,
        date,
        ..
    } = end_date;
    let (key, date) = (on_one_line(tag_key), on_one_line(date));
    let what = match end_date.when_expired {
        _ if is_managed => {
            return format!(
                "{key} = {date} (rule {rule_id}): {}, and only reported, because of its manager",
                ends(end_date)
            );
        }
        WhenExpired::Notify => "then reported",
        WhenExpired::Stop => "then stopped",
        WhenExpired::Terminate => "then terminated",
    };
    let mut text = format!(
        "{key} = {date} (rule {rule_id}): {}, {what}",
        ends(end_date)
    );
    if let Some(at) = end_date.noticed_at {
        let _ = write!(text, "; last notice {}", moment(at));
    }
    let to_come = end_date.notices.iter().filter(|at| **at > now);
    let to_come: Vec<String> = to_come.map(|at| moment(*at)).collect();
    if !to_come.is_empty() {
        let _ = write!(text, "; notices to come: {}", to_come.join(", "));
    } else if end_date.noticed_at.is_none() && !end_date.notices.is_empty() {
        text.push_str("; the next run gives notice, and the day moves with it");
    }
    text
}

/// The command that keeps the instance: the date in it is one that the rule allows.
pub fn keep(end_date: &ExplainedEndDate, id: &str) -> String {
    let last = end_date.latest.and_then(last_day);
    let value = last.map_or_else(|| "DATE".to_owned(), |day| day.to_string());
    let limit = match last {
        Some(_) => " (the last date that the rule allows today)",
        None => " (a later date, such as 2026-12-31)",
    };
    format!(
        "aws ec2 create-tags --resources {} --tags {}{limit}",
        on_one_line(id),
        shell_word(&format!(
            "Key={},Value={value}",
            on_one_line(&end_date.tag_key)
        ))
    )
}

/// For programs.
pub fn document(end_date: &ExplainedEndDate) -> Value {
    let notices = end_date.notices.iter().map(|at| rfc3339(*at));
    json!({
        "ruleId": end_date.rule_id,
        "tagKey": end_date.tag_key,
        "date": end_date.date,
        "endsAt": rfc3339(end_date.end),
        "daysLeft": end_date.days_left,
        "whenExpired": end_date.when_expired.as_str(),
        "notices": notices.collect::<Vec<_>>(),
        "noticedAt": end_date.noticed_at.map(rfc3339),
        "latest": end_date.latest.and_then(last_day),
    })
}

/// The day whose end `end` is.
fn last_day(end: DateTime<Utc>) -> Option<NaiveDate> {
    let last = end.checked_sub_signed(TimeDelta::nanoseconds(1))?;
    Some(last.date_naive())
}

/// `word` as a shell takes it: in quotes where it has more than letters, digits and `=,.:/_-`.
fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "=,.:/_-".contains(it);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

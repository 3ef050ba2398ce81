//! What a rule does about a defect, in one table: every action, `Required` and defect, from a tag as it is on the instance
//! to the remedy and the verdict.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::policy;
use crate::policy::{Action, Policy, RuleRemedy, Shutdown};
use crate::{DefectName, Kind, Resource, Scope, State, Verdict, assess};

/// The tags of an instance that has one defect under a rule for `Owner` with allowed values.
const VALUES: [(&str, (&str, &str)); 7] = [
    ("missing", ("Name", "web")),
    ("nearly the key", ("OWNER ", "ann")),
    ("empty", ("Owner", "")),
    ("blanks", ("Owner", " \u{200b}")),
    ("not allowed", ("Owner", "asdf")),
    ("nearly allowed", ("Owner", "Ann ")),
    ("allowed", ("Owner", "ann")),
];

/// `!` is `NON_COMPLIANT`, and without it `COMPLIANT`. It is the table of DESIGN, with a column for what is nearly right.
const OF_VALUES: &str = "
Action     Required | missing     nearly the key  empty       blanks      not allowed  nearly allowed  allowed
Update     Y        | write!      write!          write!      write!      report!      report!         -
Update     N        | -           -               write       write       report!      report!         -
UserLookup Y        | launcher!   launcher!       launcher!   launcher!   report!      report!         -
UserLookup N        | launcher    launcher        launcher    launcher    report!      report!         -
Function   Y        | function!   function!       function!   function!   report!      report!         -
Function   N        | function    function        function    function    report!      report!         -
Notify     Y        | report!     report!         report!     report!     report!      report!         -
Notify     N        | report      report          report      report      report!      report!         -
Stop       Y        | stop!       report!         stop!       report!     stop!        report!         -
Stop       N        | report      report          report      report      report!      report!         -
Terminate  Y        | terminate!  report!         terminate!  report!     terminate!   report!         -
Terminate  N        | report      report          report      report      report!      report!         -
";

/// As [`VALUES`], under a rule with end dates that allows the word `never` and 90 days. It is 2026-11-23.
const DATES: [(&str, (&str, &str)); 9] = [
    ("missing", ("Name", "web")),
    ("nearly the key", ("owner", "2026-12-31")),
    ("empty", ("Owner", "")),
    ("blanks", ("Owner", "\u{a0}")),
    ("unreadable", ("Owner", "31.12.2025")),
    ("nearly a word", ("Owner", "Never")),
    ("too far", ("Owner", "2027-02-22")),
    ("in time", ("Owner", "2026-11-23")),
    ("word", ("Owner", "never")),
];

/// What `WhenExpired` says changes nothing before the end.
const OF_DATES: &str = "
Action     Required | missing     nearly the key  empty       blanks      unreadable   nearly a word   too far  in time  word
Update     Y        | write!      write!          write!      write!      report!      report!         report!  -        -
Update     N        | -           -               write       write       report!      report!         report!  -        -
Function   Y        | function!   function!       function!   function!   report!      report!         report!  -        -
Function   N        | function    function        function    function    report!      report!         report!  -        -
Notify     Y        | report!     report!         report!     report!     report!      report!         report!  -        -
Notify     N        | report      report          report      report      report!      report!         report!  -        -
Stop       Y        | stop!       report!         stop!       report!     report!      report!         report!  -        -
Stop       N        | report      report          report      report      report!      report!         report!  -        -
Terminate  Y        | terminate!  report!         terminate!  report!     report!      report!         report!  -        -
Terminate  N        | report      report          report      report      report!      report!         report!  -        -
";

/// What is done once the end date has passed, by `WhenExpired`.
const OF_EXPIRED: &str = "
Action     Required | Notify      Stop            Terminate
Update     Y        | report!     stop!           terminate!
Update     N        | report!     stop!           terminate!
Function   Y        | report!     stop!           terminate!
Function   N        | report!     stop!           terminate!
Notify     Y        | report!     stop!           terminate!
Notify     N        | report!     stop!           terminate!
Stop       Y        | report!     stop!           terminate!
Stop       N        | report!     stop!           terminate!
Terminate  Y        | report!     stop!           terminate!
Terminate  N        | report!     stop!           terminate!
";

/// The columns' places, so that the tables are the same text.
const WIDTHS: [usize; 9] = [12, 16, 12, 12, 13, 16, 9, 9, 9];

/// One rule, with allowed values, or with end dates and this `WhenExpired`; `None` if there is no such rule.
fn one_rule(action: &str, required: &str, when_expired: Option<&str>) -> Option<Policy> {
    let (allowed, default) = match (action, when_expired) {
        ("Function", None) => (json!(["ann", "ben", "20??-*"]), "today()"),
        ("Function", Some(_)) => (json!(["never"]), "today()+30d"),
        (_, None) => (json!(["ann", "ben"]), "ann"),
        (_, Some(_)) => (json!(["never"]), "never"),
    };
    let mut rule = json!({
        "RuleId": 1, "TagKey": "Owner", "Action": action, "Required": required, "Allowed": allowed, "Default": default,
    });
    if let Some(when_expired) = when_expired {
        rule["WhenExpired"] = json!(when_expired);
        rule["AtMost"] = json!("90d");
    }
    match policy(json!([{"RuleId": -1, "PolicyFormat": 2}, rule])) {
        Ok(policy) => Some(policy),
        // A name is not a date.
        Err(_) if action == "UserLookup" && when_expired.is_some() => None,
        Err(problems) => panic!("{problems:?}"),
    }
}

fn instance((key, value): (&str, &str)) -> Resource {
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        tags: [(key.to_owned(), value.to_owned())].into(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

/// The remedy and the verdict for an instance with this tag; notes the defect.
fn cell(policy: &Policy, tag: (&str, &str), defects: &mut BTreeSet<DefectName>) -> String {
    let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
    let instance = instance(tag);
    let assessment = assess(policy, &Scope::default(), &instance, now);
    let finding = assessment.findings.first();
    let remedy = finding.and_then(|it| it.rule.remedy(Kind::Instance, it.defect));
    let (word, is_shutdown) = match remedy {
        None => ("-", false),
        Some(RuleRemedy::Write(_)) => ("write", false),
        Some(RuleRemedy::WriteFunction(_)) => ("function", false),
        Some(RuleRemedy::WriteLauncher) => ("launcher", false),
        Some(RuleRemedy::Report) => ("report", false),
        Some(RuleRemedy::ShutDown(Shutdown::Stop)) => ("stop", true),
        Some(RuleRemedy::ShutDown(Shutdown::Terminate)) => ("terminate", true),
    };
    let is_violation = match assessment.verdict {
        Verdict::Compliant => false,
        Verdict::NonCompliant => true,
        other @ Verdict::NotApplicable(_) => panic!("{other:?}"),
    };
    defects.extend(finding.map(|it| it.defect.name()));
    // Nothing is shut down that is not NON_COMPLIANT, nor for what is nearly right.
    assert!(!is_shutdown || is_violation, "{tag:?}");
    assert!(!is_shutdown || finding.is_some_and(|it| !it.defect.is_nearly_right()));
    format!("{word}{}", if is_violation { "!" } else { "" })
}

fn line(action: &str, required: &str, cells: impl IntoIterator<Item = String>) -> String {
    let mut line = format!("{action:<10} {required:<8} | ");
    for (cell, width) in cells.into_iter().zip(WIDTHS) {
        write!(line, "{cell:<width$}").unwrap();
    }
    format!("{}\n", line.trim_end())
}

/// The table of `columns`; the cells of a rule are those that `cells` gives, and a rule that cannot be is left out.
fn table(columns: &[&str], mut cells: impl FnMut(&str, &str) -> Option<Vec<String>>) -> String {
    let heads = columns.iter().map(|it| (*it).to_owned());
    let mut table = format!("\n{}", line("Action", "Required", heads));
    for action in Action::NAMES {
        for required in ["Y", "N"] {
            if let Some(cells) = cells(action, required) {
                table += &line(action, required, cells);
            }
        }
    }
    table
}

#[test]
fn every_action_does_about_every_defect_what_the_design_says() {
    let mut defects = BTreeSet::new();
    let heads = VALUES.map(|(name, _)| name);
    let of_values = table(&heads, |action, required| {
        let policy = one_rule(action, required, None)?;
        let cells = VALUES.map(|(_, tag)| cell(&policy, tag, &mut defects));
        Some(cells.to_vec())
    });
    assert_eq!(of_values, OF_VALUES, "{of_values}");
    for when_expired in ["Notify", "Stop", "Terminate"] {
        let heads = DATES.map(|(name, _)| name);
        let of_dates = table(&heads, |action, required| {
            let policy = one_rule(action, required, Some(when_expired))?;
            let cells = DATES.map(|(_, tag)| cell(&policy, tag, &mut defects));
            Some(cells.to_vec())
        });
        assert_eq!(of_dates, OF_DATES, "{when_expired}: {of_dates}");
    }
    let heads = ["Notify", "Stop", "Terminate"];
    let of_expired = table(&heads, |action, required| {
        let cell = |when_expired| {
            let policy = one_rule(action, required, Some(when_expired))?;
            Some(cell(&policy, ("Owner", "2026-11-22"), &mut defects))
        };
        heads.map(cell).into_iter().collect()
    });
    assert_eq!(of_expired, OF_EXPIRED, "{of_expired}");
    // No defect is left out, and the list of actions is the table's.
    assert_eq!(defects, DefectName::ALL.into());
}

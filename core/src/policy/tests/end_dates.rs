//! End dates: which rules may have them, what a value's defect is, and what is done about it.

use chrono::{DateTime, Utc};
use rstest::rstest;
use serde_json::{Value, json};

use super::policy;
use crate::policy::{Defect, Policy, RuleRemedy, Shutdown};
use crate::{Kind, Resource, Scope, State, Verdict, assess};

fn table(members: &Value) -> Value {
    let mut rule = json!({
        "RuleId": 3, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Stop",
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    json!([{"RuleId": -1, "PolicyFormat": 2}, rule])
}

fn read(members: &Value) -> Policy {
    policy(table(members)).unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn instance(value: Option<&str>) -> Resource {
    let tags = [Some(("Name", "web")), value.map(|value| ("Expires", value))];
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        tags: tags
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

#[rstest]
#[case::unknown(json!({"WhenExpired": "stop"}), r#"rule 3: WhenExpired "stop" is not known: use Notify, Stop or Terminate"#)]
#[case::blank(json!({"WhenExpired": " "}), "rule 3: WhenExpired says nothing: give it a value, or remove it")]
#[case::null(json!({"WhenExpired": null}), "rule 3: WhenExpired says nothing: give it a value, or remove it")]
#[case::at_most_of_nothing(json!({"AtMost": ""}), "rule 3: AtMost says nothing: give it a value, or remove it")]
#[case::hours(json!({"AtMost": "12h"}), r#"rule 3: AtMost must be a number of whole days such as 90d, found "12h""#)]
#[case::no_days(json!({"AtMost": "0d"}), r#"rule 3: AtMost must be a number of whole days such as 90d, found "0d""#)]
#[case::no_time(json!({"Notice": "soon"}), r#"rule 3: Notice has "soon", which is not a time before the shutdown: write 14d, 1w or 36h (a year at most)"#)]
#[case::no_times(json!({"Notice": []}), "rule 3: Notice says nothing: give it a value, or remove it")]
#[case::notice_of_a_report(json!({"WhenExpired": "Notify", "Notice": "1d"}), "rule 3: Notice has no effect: the rule shuts nothing down, neither by Action nor by WhenExpired")]
#[case::wild_word(json!({"Allowed": ["never", "20*"]}), r#"rule 3: Allowed "20*" has a wildcard: with WhenExpired, Allowed lists the words that may stand in the place of a date, such as never"#)]
#[case::name(json!({"Action": "UserLookup"}), "rule 3: WhenExpired needs an end date in the tag, and Action UserLookup writes a name")]
#[case::default_is_no_date(json!({"Action": "Update", "Default": "Q4"}), r#"rule 3: Default "Q4" is not an end date: write a date such as 2026-12-31, or use Action Function with today()+30d"#)]
#[case::today(json!({"Action": "Function", "Default": "today()"}), "rule 3: Default today() is within the notice, or has passed at once: use at least today()+1d")]
#[case::within_the_notice(json!({"Action": "Function", "Default": "today()+13d", "Notice": "14d, 1d"}), "rule 3: Default today()+13d is within the notice, or has passed at once: use at least today()+14d")]
#[case::moment(json!({"Action": "Function", "Default": "now()", "WhenExpired": "Notify"}), "rule 3: Default now() is within the notice, or has passed at once: use at least today()+1d")]
#[case::past(json!({"Action": "Function", "Default": "today()-1d", "WhenExpired": "Notify"}), "rule 3: Default today()-1d is within the notice, or has passed at once: use at least today()+1d")]
#[case::beyond_at_most(json!({"Action": "Function", "Default": "today()+91d", "AtMost": "90d"}), "rule 3: Default today()+91d is further ahead than AtMost allows (90 days)")]
fn rejects_what_says_nothing_or_cannot_be_meant(#[case] members: Value, #[case] problem: &str) {
    assert_eq!(policy(table(&members)).unwrap_err(), [problem]);
}

#[rstest]
#[case::without_when_expired(json!({"AtMost": "90d"}), "rule 1: AtMost has no effect without WhenExpired, which makes the tag's value an end date")]
#[case::notice_without_a_shutdown(json!({"Notice": "1d"}), "rule 1: Notice has no effect: the rule shuts nothing down, neither by Action nor by WhenExpired")]
fn rejects_what_has_no_effect(#[case] members: Value, #[case] problem: &str) {
    let mut rule = json!({"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y"});
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    let problems = policy(json!([{"RuleId": -1, "PolicyFormat": 2}, rule])).unwrap_err();
    assert_eq!(problems, [problem]);
}

#[rstest]
#[case(json!({"Action": "Function", "Default": "today()+14d", "Notice": "14d, 1d"}))]
#[case(json!({"Action": "Function", "Default": "today()+90d", "AtMost": "90d"}))]
#[case(json!({"Action": "Function", "Default": "today()", "WhenExpired": "Notify"}))]
#[case(json!({"Action": "Update", "Required": "Y", "Default": "2026-12-31"}))]
#[case(json!({"Action": "Update", "Required": "Y", "Default": "never", "Allowed": "never"}))]
#[case(json!({"Action": "Stop", "WhenExpired": "Notify", "Notice": ["36h"]}))]
fn accepts_defaults_outside_the_notice(#[case] members: Value) {
    let _ = read(&members);
}

#[test]
fn a_shutdown_without_a_notice_has_one_day() {
    let notice = |members: Value| {
        let policy = read(&members);
        policy.rules()[0].notice().map(ToString::to_string)
    };
    assert_eq!(notice(json!({})).as_deref(), Some("1d"));
    assert_eq!(
        notice(json!({"Notice": ["1d", "2w"]})).as_deref(),
        Some("14d, 1d")
    );
    assert_eq!(notice(json!({"WhenExpired": "Notify"})), None);
}

/// The columns of the table of remedies that end dates add, for every action: (value, defect, what is done).
#[rstest]
fn the_remedy_once_expired_is_when_expireds(
    #[values("Update", "Function", "Notify", "Stop", "Terminate")] action: &str,
    #[values("Y", "N")] required: &str,
    #[values("Notify", "Stop", "Terminate")] when_expired: &str,
) {
    let members = json!({
        "Action": action, "Required": required, "WhenExpired": when_expired, "AtMost": "90d",
        "Allowed": ["never"], "Default": if action == "Update" { "2026-12-31" } else { "today()+30d" },
    });
    let policy = read(&members);
    let rule = &policy.rules()[0];
    let expired = match when_expired {
        "Stop" => RuleRemedy::ShutDown(Shutdown::Stop),
        "Terminate" => RuleRemedy::ShutDown(Shutdown::Terminate),
        _ => RuleRemedy::Report,
    };
    for (value, expected) in [
        ("2026-11-22", Some(expired)),
        ("2026-11-23", None),
        ("2027-02-21", None),
        ("2027-02-22", Some(RuleRemedy::Report)),
        ("31.12.2026", Some(RuleRemedy::Report)),
        ("Never", Some(RuleRemedy::Report)),
        ("never", None),
    ] {
        let instance = instance(Some(value));
        let defect = rule.defect(&instance, policy.rules(), now());
        assert_eq!(
            defect.and_then(|defect| rule.remedy(Kind::Instance, defect)),
            expected,
            "{value}"
        );
        let verdict = assess(&policy, &Scope::default(), &instance, now()).verdict;
        let is_compliant = verdict == Verdict::Compliant;
        assert_eq!(is_compliant, expected.is_none(), "{value}");
        if let Some(defect) = defect {
            let is_expired = matches!(defect, Defect::Expired { .. });
            assert_eq!(defect.is_nearly_right(), !is_expired, "{value}");
        }
    }
}

/// Required is about missing and empty tags only.
#[test]
fn an_absent_end_date_follows_action_and_required() {
    let policy = read(&json!({"Action": "Terminate", "Required": "Y"}));
    let rule = &policy.rules()[0];
    let remedy = |value| {
        let instance = instance(value);
        let defect = rule.defect(&instance, policy.rules(), now());
        defect
            .and_then(|defect| rule.remedy(Kind::Instance, defect))
            .map(|it| it == RuleRemedy::ShutDown(Shutdown::Terminate))
    };
    assert_eq!(remedy(None), Some(true));
    assert_eq!(remedy(Some("")), Some(true));
    assert_eq!(remedy(Some(" ")), Some(false));
}

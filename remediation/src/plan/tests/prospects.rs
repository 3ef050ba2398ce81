//! What a prospect knows of conditions, allowed values, sources and end dates. Each case fails without that knowledge.

use std::collections::BTreeMap;

use tagwarden_core::policy::PolicyExamples;

use super::*;
use crate::launcher::Launcher;

/// The prospects of an instance of ten days that a `launcher` launched, under rules of format 2.
fn of(rules: &Value, tags: &[(&str, &str)], launcher: Option<&str>) -> Prospects {
    of_described(rules, tags, launcher, InstanceDetails::default())
}

fn of_described(
    rules: &Value,
    tags: &[(&str, &str)],
    launcher: Option<&str>,
    details: InstanceDetails,
) -> Prospects {
    let mut rows = rules.as_array().unwrap().clone();
    rows.push(json!({"RuleId": -1, "PolicyFormat": 2}));
    let policy = policy(json!(rows));
    let instance = Resource {
        details,
        ..instance(14_400, tags)
    };
    let launcher = launcher.map(|name| (ID.to_owned(), Launcher::Known(name.to_owned())));
    let context = PlanContext {
        launchers: launcher.into_iter().collect(),
        ..PlanContext::default()
    };
    let examples = PolicyExamples::of([&policy]);
    let settings = dry_run();
    let mut all = prospects(&policy, &settings, &[instance], &context, &examples, now());
    all.remove(ID).unwrap_or_default()
}

/// How certain a shutdown is, and when it comes: hours from now.
fn fate(prospects: &Prospects) -> (&'static str, Option<i64>) {
    let certainty = match (prospects.least.is_clear(), prospects.most.is_clear()) {
        (true, true) => "never",
        (true, false) => "perhaps",
        (false, _) => "surely",
    };
    (certainty, prospects.most.down.map(|it| it.num_hours()))
}

fn ending(members: &Value) -> Value {
    let mut rule = json!({
        "RuleId": 1, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate",
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    json!([rule])
}

/// (the rule, the tags) → how certain the end is, and in how many hours. It is 23 November, noon.
#[rstest]
#[case::to_come(json!({}), &[("Expires", "2026-12-10")], ("surely", Some(17 * 24 + 12)))]
#[case::far_off(json!({}), &[("Expires", "2031-01-01")], ("surely", Some(36_012)))]
#[case::passed(json!({}), &[("Expires", "2026-11-01")], ("surely", Some(24)))]
#[case::within_the_notice(json!({"Notice": "3d"}), &[("Expires", "2026-11-24")], ("surely", Some(72)))]
#[case::only_reported(json!({"WhenExpired": "Notify"}), &[("Expires", "2026-11-01")], ("never", None))]
#[case::a_word(json!({"Allowed": "never"}), &[("Expires", "never")], ("never", None))]
#[case::unreadable(json!({}), &[("Expires", "10.12.2026")], ("never", None))]
// It is too far ahead today, and is not later.
#[case::too_far_today(json!({"AtMost": "5d"}), &[("Expires", "2026-12-10")], ("surely", Some(17 * 24 + 12)))]
#[case::managed(json!({}), &[("Expires", "2026-12-10"), ("aws:autoscaling:groupName", "web")], ("never", None))]
// What the exemption covers is counted from its end.
#[case::exempt_beyond_it(
    json!({}),
    &[("Expires", "2026-12-10"), ("tagwarden:exempt-until", "2026-12-24 audit")],
    ("surely", Some(24))
)]
#[case::exempt_until_before_it(
    json!({}),
    &[("Expires", "2026-12-10"), ("tagwarden:exempt-until", "2026-11-30 audit")],
    ("surely", Some(10 * 24))
)]
#[case::filled_in(
    json!({"Action": "Function", "Default": "today()+30d"}), &[("Name", "a")], ("surely", Some(30 * 24 + 12))
)]
#[case::filled_in_but_managed(
    json!({"Action": "Function", "Default": "today()+30d"}),
    &[("Name", "a"), ("aws:autoscaling:groupName", "web")],
    ("never", None)
)]
fn an_end_date_passes(
    #[case] members: Value,
    #[case] tags: &[(&str, &str)],
    #[case] expected: (&str, Option<i64>),
) {
    let rules = ending(&members);
    assert_eq!(fate(&of(&rules, tags, None)), expected);
}

#[test]
fn says_what_a_shutdown_waits_for() {
    let until = "2026-12-11T00:00:00Z".parse().unwrap();
    let dated = [("Expires", "2026-12-10")];
    let exempt = [("A", "x"), ("tagwarden:exempt-until", "2026-12-24 audit")];
    let owner = json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": "Terminate", "Required": "Y"},
    ]);
    let after = |rules: &Value, tags: &[(&str, &str)]| of(rules, tags, None).most.after;
    assert_eq!(
        after(&ending(&json!({})), &dated),
        Some(Awaited::EndDate(until))
    );
    assert_eq!(after(&owner, &exempt), Some(Awaited::ExemptionEnd));
    assert_eq!(after(&owner, &[("A", "x")]), None);
    let written = json!([
        {"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "prod"},
        {"RuleId": 2, "TagKey": "Owner", "Action": "Terminate", "Required": "Y", "When": "tag:Env = prod"},
    ]);
    assert_eq!(after(&written, &[("A", "x")]), Some(Awaited::Tags));
}

/// A shorter first notice is less notice, also if the last one stays.
#[test]
fn knows_the_first_notice() {
    let tags = [("Expires", "2026-12-10")];
    let notices = |notice: &str| {
        let most = of(&ending(&json!({"Notice": notice})), &tags, None).most;
        (
            most.first_notice.unwrap().num_days(),
            most.notice.unwrap().num_days(),
        )
    };
    assert_eq!(notices("14d, 3d, 1d"), (14, 1));
    assert_eq!(notices("1d"), (1, 1));
}

/// A date that lies too far ahead is written on the first day on which it may be, and other rules see it then.
#[test]
fn a_default_date_is_written_once_it_may_be() {
    let rules = json!([
        {"RuleId": 1, "TagKey": "Expires", "Action": "Update", "Required": "Y", "Default": "2027-02-10",
            "WhenExpired": "Notify", "AtMost": "30d"},
        {"RuleId": 2, "TagKey": "Owner", "Action": "Terminate", "Required": "Y", "When": "tag:Expires"},
    ]);
    let expected = ("surely", Some(48 * 24 + 12));
    assert_eq!(fate(&of(&rules, &[("A", "x")], None)), expected);
}

const MISSING_OWNER: &str = "Owner";

/// (who writes what, the condition of the rule that terminates for a missing Owner, the tags, who launched it) → its fate.
/// Rules write `Env`, then `Tier`, then `Team`.
#[rstest]
#[case::not_written(json!([]), "tag:Env = prod", &[("A", "x")], None, "never")]
#[case::written(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "prod"}]),
    "tag:Env = prod", &[("A", "x")], None, "surely"
)]
#[case::written_so_that_it_does_not_apply(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "prod"}]),
    "!tag:Env", &[("A", "x")], None, "never"
)]
#[case::a_chain(
    json!([
        {"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "prod"},
        {"RuleId": 2, "TagKey": "Tier", "Action": "Update", "Required": "Y", "Default": "1", "When": "tag:Env = prod"},
        {"RuleId": 3, "TagKey": "Team", "Action": "Update", "Required": "Y", "From": "tag:Tier"},
    ]),
    "tag:Team = 1", &[("A", "x")], None, "surely"
)]
#[case::not_an_allowed_value(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "UserLookup", "Required": "Y", "Allowed": "bob"}]),
    "tag:Env", &[("A", "x")], Some("ann"), "never"
)]
#[case::an_allowed_value(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "UserLookup", "Required": "Y", "Allowed": "bob"}]),
    "tag:Env", &[("A", "x")], Some("bob"), "surely"
)]
#[case::a_name_that_is_not_known(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "UserLookup", "Required": "Y"}]),
    "tag:Env = ci/*", &[("A", "x")], None, "perhaps"
)]
#[case::no_name(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "UserLookup", "Required": "Y"}]),
    "tag:Env = Undefined", &[("A", "x")], None, "perhaps"
)]
#[case::another_name(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "UserLookup", "Required": "Y"}]),
    "tag:Env = ci/*", &[("A", "x")], Some("ann"), "never"
)]
#[case::by_a_who_row(
    json!([
        {"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "From": "launcher", "Default": "dev"},
        {"RuleId": 2, "Who": "ann", "Tags": {"Env": "prod"}},
    ]),
    "tag:Env = prod", &[("A", "x")], None, "perhaps"
)]
#[case::by_the_who_row_of_its_launcher(
    json!([
        {"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "From": "launcher", "Default": "dev"},
        {"RuleId": 2, "Who": "ann", "Tags": {"Env": "prod"}},
    ]),
    "tag:Env = prod", &[("A", "x")], Some("ann"), "surely"
)]
#[case::by_its_subnet(
    json!([{"RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "From": "subnet", "Default": "dev"}]),
    "tag:Env = prod", &[("A", "x")], None, "perhaps"
)]
#[case::by_what_is_left_out(json!([]), "instance-type = p5*", &[("A", "x")], None, "perhaps")]
#[case::by_what_it_may_not_have(json!([]), "!key-name", &[("A", "x")], None, "perhaps")]
#[case::nearly_right_stays_undecided(json!([]), "tag:Env = prod", &[("Env", "Prod")], None, "never")]
#[case::behind_an_earlier_rule(
    json!([{"RuleId": 1, "TagKey": "Owner", "Action": "Notify", "Required": "Y", "When": "tag:Tier"}]),
    "tag:Env = prod", &[("Env", "prod"), ("Tier", "1")], None, "never"
)]
fn tags_that_are_written_decide_conditions(
    #[case] others: Value,
    #[case] when: &str,
    #[case] tags: &[(&str, &str)],
    #[case] launcher: Option<&str>,
    #[case] expected: &str,
) {
    let mut rules = others.as_array().unwrap().clone();
    rules.push(json!({
        "RuleId": 9, "TagKey": MISSING_OWNER, "Action": "Terminate", "Required": "Y", "When": when,
    }));
    let details = InstanceDetails {
        subnet_id: Some("subnet-1".to_owned()),
        ..InstanceDetails::default()
    };
    let prospects = of_described(&json!(rules), tags, launcher, details);
    assert_eq!(fate(&prospects).0, expected, "{:#?}", prospects.worlds);
}

/// What a value that is not allowed is terminated for, and what is nearly right is not.
#[rstest]
#[case("asdf", "surely")]
#[case("Prod", "never")]
#[case("prod", "never")]
fn a_value_that_is_not_allowed(#[case] value: &str, #[case] expected: &str) {
    let rules = json!([
        {"RuleId": 1, "TagKey": "Env", "Action": "Terminate", "Required": "Y", "Allowed": "prod, dev"},
    ]);
    assert_eq!(fate(&of(&rules, &[("Env", value)], None)).0, expected);
}

/// The worlds have the same names in forecasts by the same examples, so that policies are compared world by world.
#[test]
fn worlds_of_two_policies_have_the_same_names() {
    let rule = |id: i64, when: &str| json!({"RuleId": id, "TagKey": "Owner", "Action": "Terminate", "Required": "Y", "When": when});
    let format = json!({"RuleId": -1, "PolicyFormat": 2});
    let before = policy(json!([format, rule(1, "instance-type = p4*")]));
    let after = policy(json!([format, rule(1, "instance-type = p5*")]));
    let examples = PolicyExamples::of([&before, &after]);
    let of = |policy: &Policy| {
        let (settings, instances) = (dry_run(), [instance(14_400, &[("A", "x")])]);
        let context = PlanContext::default();
        let mut all = prospects(policy, &settings, &instances, &context, &examples, now());
        let worlds: BTreeMap<String, Prospect> = all.remove(ID).unwrap().worlds;
        worlds
    };
    let (before, after) = (of(&before), of(&after));
    assert!(before.keys().eq(after.keys()));
    let newly = after
        .iter()
        .filter(|(name, it)| !it.is_clear() && before[*name].is_clear());
    assert_eq!(newly.count(), 1);
}

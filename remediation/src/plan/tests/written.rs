//! Whatever is written is allowed, wherever the value comes from: near misses, other tags, subnets, VPCs, launchers, the
//! ledger, defaults and functions.

use tagwarden_core::Action;
use tagwarden_core::date::end_of;
use tagwarden_core::likeness::is_blank;

use super::*;
use crate::plan::memory::{TagClaim, rule_note};

/// Values that are allowed, nearly allowed, not allowed, blank, dates, and what looks like one.
const VALUES: &str = "|Prod|prod|STAGE|Stage|asdf|team-x|Team-x|Undefined| |\u{200b}|2026-12-31|2026-11-01|2027-09-01|31\\.12\\.2026|never|Never";

/// A rule for `Env`: its action with a default, its allowed values or end dates, and its sources.
#[derive(Clone, Debug)]
struct EnvRule {
    action: &'static str,
    has_default: bool,
    allowed: usize,
    from: Vec<&'static str>,
}

/// What the world says of one instance, beside its tags.
#[derive(Clone, Debug)]
struct Knowledge {
    subnet: Option<String>,
    vpc: Option<String>,
    source_failure: usize,
    who: String,
    launcher: usize,
    /// What tagwarden wrote, how many hours ago, and whether it was taken back.
    remembered: Option<(String, i64, bool)>,
    hours_old: i64,
}

fn any_rule() -> impl Strategy<Value = EnvRule> {
    let sources = vec!["tag:Team", "subnet", "vpc", "launcher"];
    (
        prop::sample::select(vec!["Update", "UserLookup", "Function"]),
        any::<bool>(),
        0..4_usize,
        prop::sample::subsequence(sources, 0..=4).prop_shuffle(),
    )
        .prop_map(|(action, has_default, allowed, from)| EnvRule {
            action,
            has_default,
            allowed,
            from,
        })
}

fn any_knowledge() -> impl Strategy<Value = Knowledge> {
    let value = || prop::option::of(VALUES);
    let remembered = prop::option::of((VALUES, 0..80_i64, any::<bool>()));
    (
        value(),
        value(),
        0..6_usize,
        VALUES,
        0..7_usize,
        remembered,
        0..60_i64,
    )
        .prop_map(
            |(subnet, vpc, source_failure, who, launcher, remembered, hours_old)| Knowledge {
                subnet,
                vpc,
                source_failure,
                who,
                launcher,
                remembered,
                hours_old,
            },
        )
}

/// The policy with this rule; `None` if there is no such rule.
fn policy_of(rule: &EnvRule, who: &str) -> Option<Policy> {
    let is_dated = rule.allowed == 3 && rule.action != "UserLookup";
    let mut row = json!({"RuleId": 1, "TagKey": "Env", "Action": rule.action, "Required": "Y"});
    let default = match (rule.action, is_dated) {
        ("Function", true) => "today()+30d",
        ("Function", false) => "today()",
        (_, true) => "2026-12-31",
        _ => "Prod",
    };
    if rule.has_default || rule.action == "Function" {
        row["Default"] = json!(default);
    }
    match rule.allowed {
        1 => row["Allowed"] = json!(["Prod", "Stage", "team-*", "20*"]),
        2 => row["Allowed"] = json!(["Prod", "Undefined", "2026-11-23"]),
        3 if is_dated => {
            row["Allowed"] = json!(["never"]);
            row["WhenExpired"] = json!("Stop");
            row["AtMost"] = json!("90d");
        }
        _ => {}
    }
    if rule.action != "UserLookup" && !rule.from.is_empty() {
        row["From"] = json!(rule.from);
    }
    let mut rows = vec![
        json!({"RuleId": -1, "PolicyFormat": 2}),
        row,
        json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "N"}),
    ];
    // A who row with a tag of blanks is a problem.
    if !is_blank(who) {
        rows.push(json!({"RuleId": 9, "Who": "ann", "Tags": {"Env": who}}));
    }
    let rows: Vec<Row> = serde_json::from_value(Value::from(rows)).unwrap();
    Policy::from_rows(rows).ok()
}

fn context(policy: &Policy, known: &Knowledge) -> PlanContext {
    let mut sources = SourceTags::default();
    sources.keys.insert("Env".to_owned());
    for (id, value) in [("subnet-1", &known.subnet), ("vpc-1", &known.vpc)] {
        let tags = sources.tags.entry(id.to_owned()).or_default();
        tags.extend(value.iter().map(|value| ("Env".to_owned(), value.clone())));
    }
    sources.failure = match known.source_failure {
        0 => Some(SourceFailure::Denied("denied".to_owned())),
        1 => Some(SourceFailure::Unread("throttled".to_owned())),
        _ => None,
    };
    let launcher = match known.launcher {
        0 => Some(Launcher::Known("ann".to_owned())),
        1 => Some(Launcher::Known("bob".to_owned())),
        2 => Some(Launcher::Known("Undefined".to_owned())),
        3 => Some(Launcher::Known("Prod".to_owned())),
        4 => Some(Launcher::Nobody),
        5 => Some(Launcher::TooOld),
        _ => None,
    };
    let mut memory = Memory::default();
    // tagwarden never wrote a value of blanks.
    let remembered = known.remembered.iter().filter(|it| !is_blank(&it.0));
    for (value, hours, is_undone) in remembered {
        let rule = &policy.rules()[0];
        let note = rule_note(rule);
        let run_id = "20261123T120000Z-00000001".parse().unwrap();
        let mut claim = |value: Option<&str>, at| {
            memory.claim(TagClaim {
                tag_key: "Env",
                value,
                rule: value.map(|_| note.as_str()),
                run_id: &run_id,
                until: at,
                at,
            });
        };
        let at = now() - TimeDelta::hours(*hours);
        claim(Some(value), at);
        if *is_undone {
            claim(None, at + TimeDelta::minutes(1));
        }
    }
    PlanContext {
        sources,
        launchers: launcher.map(|it| (ID.to_owned(), it)).into_iter().collect(),
        memories: BTreeMap::from([(ID.to_owned(), memory)]),
        ..PlanContext::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    /// Nothing is ever written that is not allowed, nothing over a value that somebody set, and no end date that nobody can
    /// read or that lies too far ahead.
    #[test]
    fn nothing_written_is_ever_not_allowed(
        tags in prop::collection::btree_map("Env|ENV|e-nv|env |Env\u{200b}|Team|team|Name", VALUES, 0..4),
        rule in any_rule(),
        known in any_knowledge(),
        is_managed in prop::bool::weighted(0.1),
    ) {
        let policy = policy_of(&rule, &known.who);
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let mut instance = instance(known.hours_old * 60, &[]);
        instance.tags = tags;
        if is_managed {
            instance.tags.insert("aws:autoscaling:groupName".to_owned(), "web".to_owned());
        }
        instance.vpc_id = Some("vpc-1".to_owned());
        instance.details.subnet_id = Some("subnet-1".to_owned());
        let context = context(&policy, &known);
        let plan = plan(&policy, &at_once(), std::slice::from_ref(&instance), &context, now());
        let rule = &policy.rules()[0];
        for act in plan.tags {
            let Remedy::Tag { value, .. } = &act.step.remedy else {
                panic!("{act:?}");
            };
            if act.step.cause.tag_key() != Some("Env") {
                continue;
            }
            // By the list itself, not by the function that the planner asks.
            let allowed = rule.options.allowed.as_ref();
            let is_listed = allowed.is_none_or(|it| it.patterns().iter().any(|it| it.matches(value)));
            if rule.options.end_date.is_some() {
                let end = end_of(value);
                prop_assert!(end.is_some() || (allowed.is_some() && is_listed), "{value:?} is not a date");
                let last = "2027-02-22T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
                prop_assert!(end.is_none_or(|end| end <= last), "{value:?} is too far ahead");
            } else {
                prop_assert!(is_listed, "{value:?} is not allowed");
            }
            prop_assert!(!is_blank(value), "{value:?} says nothing");
            let before = instance.tags.get("Env").map_or("", String::as_str);
            let is_own = before == UNDEFINED && rule.action == Action::UserLookup;
            prop_assert!(is_blank(before) || is_own, "{before:?} is overwritten with {value:?}");
        }
    }
}

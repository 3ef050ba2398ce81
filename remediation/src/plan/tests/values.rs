//! Which values are written, and which are reported in the place of a write.

use super::*;

/// A policy of format 2 with one rule for `Env`.
fn env_rule(members: &Value) -> Policy {
    let mut rule = json!({
        "RuleId": 1, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "Prod",
        "Allowed": ["Prod", "Stage", "team-*"],
    });
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    policy(json!([{"RuleId": -1, "PolicyFormat": 2}, rule]))
}

fn env(defect: DefectName, remedy: Remedy) -> Step {
    Step {
        instance_id: ID.to_owned(),
        cause: Cause::Tag {
            rule_id: 1,
            tag_key: "Env".to_owned(),
            defect,
        },
        remedy,
    }
}

fn notify(correction: &str) -> Remedy {
    Remedy::Notify {
        correction: Some(correction.to_owned()),
    }
}

#[rstest]
fn a_value_that_is_not_allowed_is_reported_and_never_overwritten(
    #[values("Update", "UserLookup", "Notify")] action: &str,
    #[values("Y", "N")] required: &str,
) {
    let policy = env_rule(&json!({"Action": action, "Required": required}));
    for (value, correction) in [
        ("PROD", r#"it is "PROD", did you mean Prod?"#),
        ("asdf", r#"it is "asdf", allowed: Prod, Stage, team-*"#),
    ] {
        let steps = plan_one(&policy, &at_once(), &instance(60, &[("Env", value)]));
        let expected = Steps {
            in_order: vec![env(DefectName::NotAllowed, notify(correction))],
            ..Steps::default()
        };
        assert_eq!(steps, expected);
    }
}

#[rstest]
#[case("Stop", Remedy::Stop { terminate_on: None })]
#[case("Terminate", Remedy::Terminate)]
fn only_what_is_not_nearly_allowed_is_shut_down(#[case] action: &str, #[case] remedy: Remedy) {
    let policy = env_rule(&json!({"Action": action}));
    let shutdowns = |value| {
        let steps = plan_one(&policy, &at_once(), &instance(60, &[("Env", value)]));
        steps.shutdowns
    };
    assert_eq!(shutdowns("asdf"), [env(DefectName::NotAllowed, remedy)]);
    for value in ["Prod", "team-x", "prod", " Stage", "Team_X", " "] {
        assert_eq!(shutdowns(value), [], "{value:?}");
    }
    let optional = env_rule(&json!({"Action": action, "Required": "N"}));
    let steps = plan_one(&optional, &at_once(), &instance(60, &[("Env", "asdf")]));
    assert_eq!(steps.shutdowns, []);
    assert_eq!(steps.in_order.len(), 1);
}

#[test]
fn a_countdown_is_for_this_defect_and_survives_no_other() {
    let policy = env_rule(&json!({"Action": "Terminate"}));
    let plan_of = |value, countdowns| {
        let context = PlanContext {
            countdowns,
            ..PlanContext::default()
        };
        let instance = instance(60, &[("Env", value)]);
        plan(&policy, &enforcing(), &[instance], &context, now())
    };
    let begun = plan_of("asdf", BTreeMap::new()).countdowns;
    let (name, change) = begun.first_key_value().unwrap();
    assert_eq!(name.reason.to_string(), "not-allowed#Env");
    assert_eq!(
        CountdownReason::from_name("not-allowed#Env"),
        Some(name.reason.clone())
    );
    let running = BTreeMap::from([(name.clone(), change.new)]);
    let running = BTreeMap::from([(ID.to_owned(), running)]);
    // Another value that is not allowed is the same defect; an allowed one, or nearly one, ends it.
    assert!(plan_of("other", running.clone()).gone.is_empty());
    for value in ["Prod", "prod", ""] {
        let gone = plan_of(value, running.clone()).gone;
        assert!(gone.contains_key(name), "{value:?}");
    }
}

#[test]
fn a_launcher_who_is_not_allowed_is_reported() {
    let policy = env_rule(&json!({"Action": "UserLookup", "Default": null}));
    let launched_by = |name: &str| {
        let launcher = Some(Launcher::Known(name.to_owned()));
        plan_with(
            &policy,
            &at_once(),
            &instance(60, &[("Name", "web")]),
            launcher,
        )
        .in_order
    };
    assert_eq!(
        launched_by("team-x"),
        [env(
            DefectName::Missing,
            tag_from("team-x", ValueOrigin::Launcher)
        )]
    );
    let correction = r#"it would get "stage", did you mean Stage?"#;
    assert_eq!(
        launched_by("stage"),
        [env(DefectName::Missing, notify(correction))]
    );
    let nobody = Some(Launcher::TooOld);
    let steps = plan_with(
        &policy,
        &at_once(),
        &instance(60, &[("Name", "web")]),
        nobody,
    );
    let correction = r#"it would get "Undefined", allowed: Prod, Stage, team-*"#;
    assert_eq!(
        steps.in_order,
        [env(DefectName::Missing, notify(correction))]
    );
}

#[test]
fn a_day_that_is_not_allowed_is_reported() {
    let rule = json!({"Action": "Function", "Default": "today()", "Allowed": "2027-*"});
    let steps = plan_one(
        &env_rule(&rule),
        &at_once(),
        &instance(60, &[("Name", "web")]),
    );
    let correction = r#"it would get "2026-11-23", allowed: 2027-*"#;
    assert_eq!(
        steps.in_order,
        [env(DefectName::Missing, notify(correction))]
    );
}

/// The first step for an instance with these tags, under one rule for `Env`.
fn step(policy: &Policy, tags: &[(&str, &str)]) -> Remedy {
    let steps = plan_one(policy, &at_once(), &instance(60, tags));
    let [step] = &steps.in_order[..] else {
        panic!("not one step: {steps:?}");
    };
    step.remedy.clone()
}

fn near(key: &str, value: &str) -> Remedy {
    tag_from(value, ValueOrigin::NearMiss(key.to_owned()))
}

#[rstest]
#[case::as_it_is(&[("env", "Stage")], near("env", "Stage"))]
#[case::certainly_meant(&[("ENV", "stage ")], near("ENV", "Stage"))]
#[case::by_a_wildcard(&[("env", "team-x")], near("env", "team-x"))]
#[case::blank_says_nothing(&[("env", " ")], tag("Prod"))]
#[case::blank_beside_a_value(&[("ENV", ""), ("env", "Stage")], near("env", "Stage"))]
#[case::two_that_agree(&[("ENV", "Stage"), ("env", "Stage")], near("ENV", "Stage"))]
#[case::two_that_mean_the_same(&[("ENV", "STAGE"), ("env", "Stage")], near("ENV", "Stage"))]
#[case::two_that_differ(
    &[("ENV", "Stage"), ("env", "Prod")],
    notify(r#"it has the tags "ENV" = "Stage" and "env" = "Prod", write the right value to the key "Env""#)
)]
#[case::two_that_are_not_allowed(
    &[("ENV", "a"), ("env", "b")],
    notify(r#"it has the tags "ENV" = "a" and "env" = "b", write the right value to the key "Env""#)
)]
#[case::not_allowed(
    &[("env", "asdf")],
    notify(r#"it has the tag "env" = "asdf", which is not allowed, allowed: Prod, Stage, team-*"#)
)]
#[case::nearly_a_wildcard(
    &[("env", "Team-X")],
    notify(r#"it has the tag "env" = "Team-X", which is not allowed, allowed: Prod, Stage, team-*"#)
)]
#[case::written_by_aws(&[("aws:env", "Stage")], tag("Prod"))]
#[case::empty_and_a_near_miss(&[("Env", ""), ("env", "Stage")], near("env", "Stage"))]
fn the_value_under_a_near_miss_is_what_somebody_meant(
    #[case] tags: &[(&str, &str)],
    #[case] expected: Remedy,
) {
    assert_eq!(step(&env_rule(&json!({})), tags), expected);
}

#[test]
fn a_near_miss_counts_in_every_format_and_comes_before_a_date() {
    let owner = [("owner", "ann"), ("Name", "web")];
    assert_eq!(
        step(&rule("Update", "nobody"), &owner),
        near("owner", "ann")
    );
    assert_eq!(
        step(&rule("Function", "today()"), &owner),
        near("owner", "ann")
    );
    // Who launched an instance is a fact.
    let launcher = Some(Launcher::Known("bob".to_owned()));
    let steps = plan_with(
        &rule("UserLookup", ""),
        &at_once(),
        &instance(60, &owner),
        launcher,
    );
    let bob = tag_from("bob", ValueOrigin::Launcher);
    assert_eq!(steps.in_order, [missing_owner(bob)]);
}

#[test]
fn a_key_with_a_rule_of_its_own_is_nobodys_near_miss() {
    let policy = policy(json!([
        {"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody"},
        {"RuleId": 2, "TagKey": "owner", "Action": "Notify", "Required": "N"},
    ]));
    assert_eq!(step(&policy, &[("owner", "ann")]), tag("nobody"));
}

/// A policy of format 2 with a rule for `CostCenter` and the who rows.
fn cost_center(members: &Value) -> Policy {
    let mut rule = json!({"RuleId": 1, "TagKey": "CostCenter", "Action": "Update", "Required": "Y", "Default": "100"});
    let members = members.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(members);
    policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        rule,
        {"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "N"},
        {"RuleId": 100, "Who": "ann", "Tags": {"CostCenter": "4711"}},
        {"RuleId": 110, "Who": "*", "Tags": {"Team": "none"}},
    ]))
}

/// The instance in a subnet and a VPC, an hour old.
fn networked(tags: &[(&str, &str)]) -> Resource {
    let mut instance = instance(60, tags);
    instance.vpc_id = Some("vpc-1".to_owned());
    instance.details.subnet_id = Some("subnet-1".to_owned());
    instance
}

/// What became of `CostCenter`: the remedy, and why it is left.
fn cost(policy: &Policy, instance: &Resource, context: &PlanContext) -> (Remedy, Option<String>) {
    let plan = plan(
        policy,
        &enforcing(),
        std::slice::from_ref(instance),
        context,
        now(),
    );
    let done = plan.tags.into_iter().map(|act| (act.step, None));
    let reported = plan.reported.into_iter().map(|step| (step, None));
    let settled = plan.settled.into_iter();
    let settled = settled.map(|(step, outcome)| (step, outcome.reason()));
    let mut all = done.chain(reported).chain(settled);
    let (step, why) = all
        .find(|(step, _)| step.cause.tag_key() == Some("CostCenter"))
        .unwrap();
    (step.remedy, why)
}

fn sources(tags: &[(&str, &str)]) -> PlanContext {
    let mut sources = SourceTags::default();
    sources.keys.insert("CostCenter".to_owned());
    for id in ["subnet-1", "vpc-1"] {
        sources.tags.entry(id.to_owned()).or_default();
    }
    for (id, value) in tags {
        let of_one = sources.tags.entry((*id).to_owned()).or_default();
        of_one.insert("CostCenter".to_owned(), (*value).to_owned());
    }
    PlanContext {
        sources,
        ..PlanContext::default()
    }
}

const ALL: &str = "tag:Team, subnet, vpc, launcher";

#[rstest]
#[case::near_miss(&[("costcenter", "9"), ("Team", "t")], &[("subnet-1", "s")], near("costcenter", "9"))]
#[case::another_tag(&[("Team", "t"), ("CreatedBy", "ann")], &[("subnet-1", "s")], tag_from("t", ValueOrigin::Tag("Team".to_owned())))]
#[case::subnet(&[("Team", " "), ("CreatedBy", "ann")], &[("subnet-1", "s"), ("vpc-1", "v")], tag_from("s", ValueOrigin::Subnet("subnet-1".to_owned())))]
#[case::vpc(&[("CreatedBy", "ann")], &[("subnet-1", ""), ("vpc-1", "v")], tag_from("v", ValueOrigin::Vpc("vpc-1".to_owned())))]
#[case::launcher(&[("CreatedBy", "Ann")], &[], tag_from("4711", ValueOrigin::Who(100)))]
#[case::first_row_with_tags_counts(&[("CreatedBy", "bob")], &[], tag("100"))]
#[case::nobody(&[("CreatedBy", "Undefined")], &[], tag("100"))]
fn the_first_source_that_has_a_value_counts(
    #[case] tags: &[(&str, &str)],
    #[case] of_sources: &[(&str, &str)],
    #[case] expected: Remedy,
) {
    let mut context = sources(of_sources);
    context.launchers = BTreeMap::from([(ID.to_owned(), Launcher::TooOld)]);
    let found = cost(
        &cost_center(&json!({ "From": ALL })),
        &networked(tags),
        &context,
    );
    assert_eq!(found, (expected, None));
}

#[test]
fn the_launchers_name_comes_from_the_ledger_then_the_tag_then_cloudtrail() {
    let policy = cost_center(&json!({"From": "launcher"}));
    let known = |name: &str| BTreeMap::from([(ID.to_owned(), Launcher::Known(name.to_owned()))]);
    let who = (tag_from("4711", ValueOrigin::Who(100)), None);
    let context = PlanContext {
        launchers: known("ann"),
        ..PlanContext::default()
    };
    assert_eq!(cost(&policy, &networked(&[("Name", "x")]), &context), who);
    let noted = networked(&[("CreatedBy", "bob")]);
    assert_eq!(cost(&policy, &noted, &context), (tag("100"), None));
    let mut remembered = Memory::default();
    remembered.launched_by = Some("ann".to_owned());
    let context = PlanContext {
        memories: BTreeMap::from([(ID.to_owned(), remembered)]),
        ..PlanContext::default()
    };
    assert_eq!(cost(&policy, &noted, &context), who);
}

#[test]
fn a_source_that_has_a_value_which_is_not_allowed_is_reported() {
    let policy = cost_center(&json!({"From": "vpc", "Allowed": ["100", "200"]}));
    let found = cost(
        &policy,
        &networked(&[("Name", "x")]),
        &sources(&[("vpc-1", "20")]),
    );
    let correction = r#"it would get "20" from its VPC vpc-1, did you mean 200?"#;
    assert_eq!(found, (notify(correction), None));
}

#[test]
fn without_a_default_and_a_source_it_is_reported() {
    let policy = cost_center(&json!({"From": "tag:Team, vpc", "Default": null}));
    let found = cost(&policy, &networked(&[("Name", "x")]), &sources(&[]));
    assert_eq!(
        found,
        (notify("no source has a value: tag:Team, vpc"), None)
    );
}

#[test]
fn what_is_denied_counts_as_absent_and_is_said() {
    let mut context = sources(&[]);
    context.sources.failure = Some(SourceFailure::Denied("ec2:DescribeTags: denied".to_owned()));
    let policy = cost_center(&json!({"From": "vpc, tag:Team"}));
    let (remedy, why) = cost(&policy, &networked(&[("Team", "t")]), &context);
    let Remedy::Tag { value, origin, .. } = remedy else {
        panic!("{remedy:?}");
    };
    assert_eq!((value.as_str(), why), ("t", None));
    let origin = origin.unwrap();
    assert_eq!(origin.to_string(), "tag:Team");
    assert_eq!(
        origin.describe().unwrap(),
        "its tag Team, because its VPC vpc-1 cannot be read: ec2:DescribeTags: denied"
    );
}

#[test]
fn what_cannot_be_read_now_waits_for_a_day() {
    let policy = cost_center(&json!({"From": "vpc"}));
    let instance = networked(&[("Name", "x")]);
    let mut context = sources(&[]);
    context.sources.failure = Some(SourceFailure::Unread("throttled".to_owned()));
    let source = "its VPC vpc-1".to_owned();
    let why = "its value may be that of its VPC vpc-1, which cannot be read now: throttled; it waits for a day at most";
    let waits = (Remedy::TagFromSource { source }, Some(why.to_owned()));
    assert_eq!(cost(&policy, &instance, &context), waits);
    let waiting = |hours| {
        let since = (now() - TimeDelta::hours(hours)).timestamp_millis();
        let mut memory = Memory::default();
        memory.waits_since.insert("CostCenter".to_owned(), since);
        BTreeMap::from([(ID.to_owned(), memory)])
    };
    context.memories = waiting(23);
    assert_eq!(cost(&policy, &instance, &context), waits);
    context.memories = waiting(25);
    let (remedy, why) = cost(&policy, &instance, &context);
    assert!(
        matches!(&remedy, Remedy::Tag { value, .. } if value == "100"),
        "{remedy:?}"
    );
    assert_eq!(why, None);
}

#[test]
fn a_launch_that_cloudtrail_does_not_show_yet_is_waited_for() {
    let policy = cost_center(&json!({"From": "launcher"}));
    let mut young = networked(&[("Name", "x")]);
    young.launched_at = Some(now() - TimeDelta::minutes(2));
    let context = PlanContext {
        launchers: BTreeMap::from([(ID.to_owned(), Launcher::Nobody)]),
        ..PlanContext::default()
    };
    let (remedy, why) = cost(&policy, &young, &context);
    assert!(matches!(remedy, Remedy::TagFromSource { .. }), "{remedy:?}");
    assert!(why.unwrap().contains("CloudTrail does not show its launch"));
    let old = networked(&[("Name", "x")]);
    assert_eq!(cost(&policy, &old, &context), (tag("100"), None));
}

#[test]
fn a_tag_that_this_run_writes_counts_for_the_next() {
    let policy = policy(json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 1, "TagKey": "CostCenter", "Action": "Update", "Required": "Y", "Default": "100", "From": "tag:Team"},
        {"RuleId": 2, "TagKey": "Team", "Action": "Update", "Required": "Y", "Default": "shop"},
    ]));
    let (remedy, _) = cost(
        &policy,
        &networked(&[("Name", "x")]),
        &PlanContext::default(),
    );
    assert!(matches!(remedy, Remedy::TagFromSource { .. }), "{remedy:?}");
    let team = networked(&[("Team", "shop")]);
    let expected = tag_from("shop", ValueOrigin::Tag("Team".to_owned()));
    assert_eq!(
        cost(&policy, &team, &PlanContext::default()),
        (expected, None)
    );
}

/// Somebody who removes what tagwarden wrote and sets the tag under another spelling has the last word.
#[test]
fn a_near_miss_comes_before_what_tagwarden_wrote() {
    let policy = rule("Function", "today()");
    let mut memory = Memory::default();
    memory.claim(TagClaim {
        tag_key: "Owner",
        value: Some("2026-11-01"),
        rule: Some(&rule_note(&policy.rules()[0])),
        run_id: &"20261101T120000Z-00000001".parse().unwrap(),
        until: now() - TimeDelta::days(22),
        at: now() - TimeDelta::days(22),
    });
    let context = PlanContext {
        memories: BTreeMap::from([(ID.to_owned(), memory)]),
        ..PlanContext::default()
    };
    let written = |tags: &[(&str, &str)]| {
        let plan = plan(&policy, &at_once(), &[instance(60, tags)], &context, now());
        let steps: Steps = plan.into();
        steps.in_order
    };
    let restored = tag_from("2026-11-01", ValueOrigin::Restored);
    assert_eq!(written(&[("Name", "web")]), [missing_owner(restored)]);
    let set = [("owner", "2026-12-24")];
    assert_eq!(written(&set), [missing_owner(near("owner", "2026-12-24"))]);
}

/// A table may have a default that UserLookup has never used.
#[test]
fn user_lookup_does_not_use_a_default() {
    let nobody = Some(Launcher::TooOld);
    let instance = instance(60, &[("Name", "web")]);
    let steps = plan_with(
        &rule("UserLookup", "unknown"),
        &at_once(),
        &instance,
        nobody,
    );
    assert_eq!(steps.in_order, [missing_owner(undefined(Unknown::TooOld))]);
}

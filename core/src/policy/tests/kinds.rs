//! `ResourceTypes`: which kinds of resources a rule is for.

use rstest::rstest;
use serde_json::{Value, json};

use super::policy;
use crate::annotation::annotation;
use crate::policy::{Policy, RuleRemedy};
use crate::{Kind, Resource, Scope, Shutdown, State, assess};

/// A policy of format 2 with these rules, each with the tag key Env unless it says another.
fn with(rules: &[Value]) -> Result<Policy, Vec<String>> {
    let rules = rules.iter().zip(7..).map(|(members, id)| {
        let mut rule = json!({
            "RuleId": id, "TagKey": "Env", "Action": "Update", "Required": "Y", "Default": "Prod",
        });
        let members = members.as_object().unwrap().clone();
        rule.as_object_mut().unwrap().extend(members);
        rule
    });
    let rows: Vec<Value> = rules
        .chain([json!({"RuleId": -1, "PolicyFormat": 2})])
        .collect();
    policy(rows.into())
}

fn resource(kind: Kind, tags: &[(&str, &str)]) -> Resource {
    let mut resource = match kind {
        Kind::Instance => Resource::instance("i-0a1b2c3d4e5f60718", State::Running),
        Kind::Volume => Resource::new(kind, "vol-0a1b2c3d4e5f60718", State::InUse),
    };
    let tags = tags.iter();
    resource.tags = tags
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    resource
}

#[rstest]
#[case::default(json!({}), "instance")]
#[case::text(json!({"ResourceTypes": "volume"}), "volume")]
#[case::texts(json!({"ResourceTypes": "volume, instance"}), "instance, volume")]
#[case::list(json!({"ResourceTypes": ["instance", "volume"]}), "instance, volume")]
#[case::twice(json!({"ResourceTypes": ["volume", "volume"]}), "volume")]
#[case::shutdown_of_mixed(json!({"ResourceTypes": "instance,volume", "Action": "Terminate"}), "instance, volume")]
#[case::from_instance(json!({"ResourceTypes": "instance,volume", "From": "instance"}), "instance, volume")]
#[case::a_detail_that_both_have(json!({"ResourceTypes": "volume", "When": "vpc-id = vpc-1; region = us-*"}), "volume")]
fn reads_kinds(#[case] members: Value, #[case] expected: &str) {
    let policy = with(&[members]).unwrap();
    assert_eq!(policy.rules()[0].options.kinds.to_string(), expected);
}

#[rstest]
#[case::nothing(json!({"ResourceTypes": ""}), "ResourceTypes says nothing: give it a value, or remove it")]
#[case::number(json!({"ResourceTypes": 7}), "ResourceTypes must be a list of strings, or a string (S), found 7")]
#[case::unknown(json!({"ResourceTypes": "instance, bucket"}), r#"ResourceTypes "bucket" is not a kind of resource: use instance or volume"#)]
#[case::config_type(json!({"ResourceTypes": "AWS::EC2::Volume"}), r#"ResourceTypes "AWS::EC2::Volume" is not a kind of resource: use instance or volume"#)]
#[case::stop(
    json!({"ResourceTypes": "volume", "Action": "Stop"}),
    "Action Stop is not for volumes: they are only tagged and reported; use Update, UserLookup, Function or Notify"
)]
#[case::terminate(
    json!({"ResourceTypes": "volume", "Action": "Terminate"}),
    "Action Terminate is not for volumes: they are only tagged and reported; use Update, UserLookup, Function or Notify"
)]
#[case::end_date(
    json!({"ResourceTypes": "volume", "Action": "Notify", "WhenExpired": "Terminate"}),
    "WhenExpired Terminate is not for volumes: they are only tagged and reported; use Notify"
)]
#[case::detail(
    json!({"ResourceTypes": "instance, volume", "When": "instance-type = p5*"}),
    "When asks for instance-type, which volumes do not have: give them a rule of their own"
)]
#[case::from_instance(json!({"ResourceTypes": "instance", "From": "instance"}), "From instance is a source for volumes: add ResourceTypes with volume")]
fn refuses(#[case] members: Value, #[case] problem: &str) {
    assert_eq!(
        with(&[members]).unwrap_err(),
        [format!("rule 7: {problem}")]
    );
}

/// For each kind, the lowest rule applies, whole. A rule that no kind leaves anything to is an error.
#[rstest]
#[case::other_kind(json!({}), json!({"ResourceTypes": "volume"}), None)]
#[case::one_kind_is_left(json!({}), json!({"ResourceTypes": "instance, volume"}), None)]
#[case::same_kind(
    json!({"ResourceTypes": "volume"}), json!({"ResourceTypes": "volume"}),
    Some("rule 8: TagKey \"Env\" already has a rule: rule 7")
)]
#[case::both_are_taken(
    json!({"ResourceTypes": "instance, volume"}), json!({"ResourceTypes": "volume", "When": "tag:A"}),
    Some("rule 8: When can never apply: rule 7 has the same key and comes first wherever this one could")
)]
fn each_kind_has_rules_of_its_own(
    #[case] first: Value,
    #[case] second: Value,
    #[case] problem: Option<&str>,
) {
    let problems = with(&[first, second]).err().unwrap_or_default();
    assert_eq!(problems, problem.map(ToOwned::to_owned).as_slice());
}

#[test]
fn the_rules_of_a_kind_apply_to_it_alone() {
    let policy = with(&[
        json!({"Default": "of an instance"}),
        json!({"Default": "of a volume", "ResourceTypes": "volume"}),
        json!({"TagKey": "Owner", "ResourceTypes": "instance, volume"}),
    ]);
    let policy = policy.unwrap();
    for (kind, expected) in [(Kind::Instance, [7, 9]), (Kind::Volume, [8, 9])] {
        let resource = resource(kind, &[("Name", "x")]);
        let ids: Vec<i64> = policy.rules_for(&resource).map(|rule| rule.id).collect();
        assert_eq!(ids, expected, "{kind}");
    }
    let volume = resource(Kind::Volume, &[]);
    let said = policy.standing(&policy.rules()[0], &volume).to_string();
    assert_eq!(said, "does not apply: it is for instances");
    let said = policy.standing(&policy.rules()[1], &volume).to_string();
    assert_eq!(said, "applies");
}

/// Without tags, a volume has a finding for each rule. An instance has one remedy for all.
#[test]
fn a_volume_is_never_untagged() {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let of_both = with(&[
        json!({"ResourceTypes": "instance, volume"}),
        json!({"ResourceTypes": "instance, volume", "TagKey": "Owner", "Action": "Notify"}),
    ]);
    let of_both = of_both.unwrap();
    let of_instances = with(&[json!({})]).unwrap();
    for (kind, is_untagged, said) in [
        (Kind::Instance, true, "The instance has no tags at all."),
        (
            Kind::Volume,
            false,
            "missing tag Env (rule 7); missing tag Owner (rule 8)",
        ),
    ] {
        let resource = resource(kind, &[]);
        let assessment = assess(&of_both, &Scope::default(), &resource, now);
        assert_eq!(assessment.is_untagged, is_untagged, "{kind}");
        assert_eq!(annotation(&assessment).as_deref(), Some(said));
    }
    let volume = resource(Kind::Volume, &[]);
    let assessment = assess(&of_instances, &Scope::default(), &volume, now);
    let said = annotation(&assessment);
    assert_eq!(
        said.as_deref(),
        Some("No rule of the policy is for this volume.")
    );
}

/// Whatever a rule does about an instance, it never shuts a volume down.
#[rstest]
#[case::stop(json!({"Action": "Stop"}), &[], Shutdown::Stop)]
#[case::terminate(json!({"Action": "Terminate"}), &[], Shutdown::Terminate)]
#[case::end_date(json!({"Action": "Notify", "WhenExpired": "Terminate"}), &[("Env", "2026-11-01")], Shutdown::Terminate)]
fn a_volume_is_never_shut_down(
    #[case] mut members: Value,
    #[case] tags: &[(&str, &str)],
    #[case] shutdown: Shutdown,
) {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    members["ResourceTypes"] = json!("instance, volume");
    let policy = with(&[members]).unwrap();
    let tags = [tags, &[("Name", "x")]].concat();
    for (kind, expected) in [
        (Kind::Instance, RuleRemedy::ShutDown(shutdown)),
        (Kind::Volume, RuleRemedy::Report),
    ] {
        let resource = resource(kind, &tags);
        let assessment = assess(&policy, &Scope::default(), &resource, now);
        let finding = assessment.findings[0];
        assert_eq!(
            finding.rule.remedy(kind, finding.defect),
            Some(expected),
            "{kind}"
        );
    }
}

/// A volume counts by the VPC of its instance, which its reader fills in. A detached one is in none.
#[test]
fn a_volume_is_in_scope_by_its_instance() {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let policy = with(&[json!({"ResourceTypes": "volume"})]).unwrap();
    let scope = Scope::from_list("vpc-1").unwrap();
    let out = "The volume is not attached to an instance in a VPC of this policy.";
    for (vpc_id, said) in [
        (Some("vpc-1"), "missing tag Env (rule 7)"),
        (Some("vpc-2"), out),
        (None, out),
    ] {
        let mut volume = resource(Kind::Volume, &[]);
        volume.vpc_id = vpc_id.map(ToOwned::to_owned);
        let assessment = assess(&policy, &scope, &volume, now);
        assert_eq!(annotation(&assessment).as_deref(), Some(said), "{vpc_id:?}");
    }
    let mut gone = resource(Kind::Volume, &[]);
    gone.state = State::Deleting;
    let assessment = assess(&policy, &scope, &gone, now);
    assert_eq!(
        annotation(&assessment).as_deref(),
        Some("The volume is deleting.")
    );
}

/// What is attached to nothing is in no VPC. Where the VPC of its instance is not known, nothing is known.
#[test]
fn a_condition_on_the_vpc_asks_for_the_instances() {
    let policy = with(&[json!({"ResourceTypes": "volume", "When": "vpc-id = vpc-1"})]).unwrap();
    for (attached_to, vpc_id, said) in [
        (vec![], None, "does not apply: vpc-id = vpc-1 does not hold"),
        (vec!["i-1".to_owned()], Some("vpc-1".to_owned()), "applies"),
        (
            vec!["i-1".to_owned()],
            None,
            "may apply: whether vpc-id = vpc-1 holds is not known, because its description does not say it",
        ),
    ] {
        let mut volume = resource(Kind::Volume, &[]);
        volume.details.is_whole = true;
        volume.attached_to = attached_to;
        volume.vpc_id = vpc_id;
        assert_eq!(
            policy.standing(&policy.rules()[0], &volume).to_string(),
            said
        );
    }
}

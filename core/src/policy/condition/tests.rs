use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::resource::{InstanceDetails, State};

fn when(text: &str) -> RuleConditions {
    RuleConditions::of([text]).unwrap()
}

fn instance(tags: &[(&str, &str)]) -> Resource {
    Resource {
        vpc_id: Some("vpc-1".to_owned()),
        details: InstanceDetails {
            is_whole: true,
            lifecycle: None,
            instance_type: Some("p5.48xlarge".to_owned()),
            image_id: Some("ami-1".to_owned()),
            subnet_id: Some("subnet-1".to_owned()),
            availability_zone: Some("us-east-1a".to_owned()),
            key_name: Some("ann".to_owned()),
            profile_arn: Some("arn:aws:iam::111122223333:instance-profile/ci".to_owned()),
            owner_id: Some("111122223333".to_owned()),
            ..InstanceDetails::default()
        },
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

fn name(decision: Decision<'_>) -> &'static str {
    match decision {
        Decision::Holds => "holds",
        Decision::Fails(_) => "fails",
        Decision::Undecided(..) => "undecided",
    }
}

/// Each test against a tag: absent, there, empty, nearly right, under a key that is nearly right.
#[rstest]
#[case("tag:Env = prod", ["fails", "holds", "fails", "fails", "undecided", "undecided", "undecided"])]
#[case("tag:Env = pro*, stage", ["fails", "holds", "fails", "fails", "undecided", "undecided", "undecided"])]
#[case("tag:Env", ["fails", "holds", "holds", "holds", "holds", "undecided", "undecided"])]
#[case("!tag:Env", ["holds", "fails", "fails", "fails", "fails", "undecided", "undecided"])]
#[case("tag:Env != prod", ["fails", "fails", "holds", "fails", "fails", "fails", "fails"])]
#[case("tag:Env != stage", ["fails", "holds", "holds", "fails", "holds", "undecided", "undecided"])]
#[case("tag:Env = *", ["fails", "holds", "holds", "holds", "holds", "undecided", "undecided"])]
fn decides_by_a_tag(#[case] text: &str, #[case] expected: [&str; 7]) {
    let tags: [&[(&str, &str)]; 7] = [
        &[("Name", "web")],
        &[("Env", "prod")],
        &[("Env", "dev")],
        &[("Env", " ")],
        &[("Env", "Prod")],
        &[("env", "prod")],
        &[("ENV ", "PROD")],
    ];
    let when = when(text);
    let found = tags.map(|tags| name(when.decide(&instance(tags))));
    assert_eq!(found, expected, "{text}");
}

#[rstest]
#[case("instance-type = p4*, p5*", "holds")]
#[case("instance-type = t3*", "fails")]
#[case("instance-type != p5*", "fails")]
#[case("vpc-id = vpc-1", "holds")]
#[case("vpc-id != vpc-2", "holds")]
#[case("subnet-id = subnet-?", "holds")]
#[case("image-id = ami-2", "fails")]
#[case("availability-zone = us-east-1?", "holds")]
#[case("region = us-east-1", "holds")]
#[case("region = eu-*", "fails")]
#[case("owner-id = 111122223333", "holds")]
#[case("key-name", "holds")]
#[case("!key-name", "fails")]
#[case("key-name = Ann", "undecided")]
#[case("iam-instance-profile.arn = *:instance-profile/ci", "holds")]
#[case("!instance-lifecycle", "holds")]
#[case("instance-lifecycle = spot", "fails")]
#[case("instance-lifecycle != spot", "fails")]
#[case("instance-type = p5*; tag:Team = ml", "holds")]
#[case("instance-type = p5*; !tag:Team", "fails")]
#[case("tag:Team = ML; instance-type = t3*", "fails")]
#[case("tag:Team = ML; instance-type = p5*", "undecided")]
fn decides_by_details(#[case] text: &str, #[case] expected: &str) {
    let instance = instance(&[("Team", "ml")]);
    assert_eq!(name(when(text).decide(&instance)), expected, "{text}");
}

/// An excerpt says nothing about what it leaves out.
#[test]
fn what_is_not_described_is_undecided() {
    let mut excerpt = instance(&[("Team", "ml")]);
    excerpt.details = InstanceDetails::default();
    excerpt.vpc_id = None;
    for detail in InstanceDetail::ALL {
        for text in [
            format!("{} = x", detail.as_str()),
            format!("{} != x", detail.as_str()),
            detail.as_str().to_owned(),
            format!("!{}", detail.as_str()),
        ] {
            let when = when(&text);
            assert_eq!(name(when.decide(&excerpt)), "undecided", "{text}");
        }
    }
    // One condition that fails decides.
    let both = when("region = x; tag:Team = infra");
    assert_eq!(name(both.decide(&excerpt)), "fails");
}

#[test]
fn conditions_on_tags_do_not_count_without_tags() {
    let bare = instance(&[]);
    for (text, expected) in [
        ("tag:Env = prod", "holds"),
        ("!tag:Env", "holds"),
        ("tag:Env = prod; vpc-id = vpc-1", "holds"),
        ("tag:Env = prod; vpc-id = vpc-2", "fails"),
    ] {
        assert_eq!(name(when(text).decide_without_tags(&bare)), expected);
    }
}

#[test]
fn a_tag_that_aws_wrote_is_nobodys_near_miss() {
    let instance = instance(&[("aws:env", "prod")]);
    assert_eq!(name(when("!tag:aws-env").decide(&instance)), "holds");
    assert_eq!(name(when("tag:aws:env = prod").decide(&instance)), "holds");
}

#[rstest]
#[case("tag:Env = prod", "tag:Env = prod")]
#[case(
    " tag:Env=prod ,stage* ; ! key-name ;",
    "tag:Env = prod, stage*; !key-name"
)]
#[case("tag:Cost Center != a", "tag:Cost Center != a")]
#[case(r#"tag:"a = b" = c"#, "tag:a = b = c")]
#[case(r#""tag:a;b" = c"#, "tag:a;b = c")]
#[case(r#"tag:K = "x; y, z", w"#, "tag:K = x; y, z, w")]
#[case("tag:Env", "tag:Env")]
#[case("tag:a:b/c.d@e+f", "tag:a:b/c.d@e+f")]
fn reads_what_people_write(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(when(text).to_string(), expected);
}

#[rstest]
#[case("", "says nothing")]
#[case(" ; ;", "says nothing")]
#[case("= prod", "without a name")]
#[case("!", "without a name")]
#[case("tag: = prod", "without a name")]
#[case("tag:Env =", "names no value")]
#[case("tag:Env = ,", "names no value")]
#[case("tag:Env !=", "names no value")]
#[case("!tag:Env = prod", "!name")]
#[case("Env = prod", "is not a filter")]
#[case("instance-typ = p5*", "did you mean instance-type?")]
#[case("Instance-Type = p5*", "did you mean instance-type?")]
#[case("tag-key = Env", "did you mean tag:KEY?")]
#[case("account-id = 1", "did you mean owner-id?")]
#[case("tag:Env* = prod", "no wildcards")]
#[case("instance-* = prod", "is not a filter")]
#[case(r#"tag:Env = "prod"#, "double quote")]
#[case(r"tag:Env = \x", "backslash")]
fn rejects_what_is_not_a_condition(#[case] text: &str, #[case] why: &str) {
    let error = RuleConditions::of([text]).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

/// (earlier, later, whether a rule with the later can never apply)
#[rstest]
#[case("tag:Env = prod", "tag:Env = prod", true)]
#[case("tag:Env = prod, stage", "tag:Env = prod", true)]
#[case("tag:Env = prod", "tag:Env = prod, stage", false)]
#[case("tag:Env", "tag:Env = prod; vpc-id = vpc-1", true)]
#[case("tag:Env; vpc-id = vpc-1", "tag:Env = prod", false)]
#[case("tag:Env = *", "tag:Env = prod", true)]
#[case("tag:Env = pro*", "tag:Env = prod", true)]
#[case("!tag:Env", "!tag:Env; key-name", true)]
#[case("tag:Env != prod", "tag:Env = dev", true)]
#[case("tag:Env != prod", "tag:Env = Prod", false)]
#[case("tag:Env != prod", "tag:Env != prod, stage", true)]
#[case("tag:Env", "tag:Team", false)]
#[case("vpc-id = vpc-1; tag:A", "tag:A; vpc-id = vpc-1", true)]
fn finds_what_holds_wherever_another_does(
    #[case] earlier: &str,
    #[case] later: &str,
    #[case] expected: bool,
) {
    assert_eq!(when(earlier).holds_wherever(&when(later)), expected);
}

#[rstest]
#[case("tag:Env = a; tag:Env = b", true)]
#[case("tag:Env = a; !tag:Env", true)]
#[case("tag:Env != a; tag:Env = a", true)]
#[case("tag:Env = a, b; tag:Env = b, c", false)]
#[case("tag:Env = a*; tag:Env = ab", false)]
#[case("tag:Env = a*; tag:Env = b", true)]
#[case("tag:Env = a; tag:Team = b", false)]
#[case("tag:Env; tag:Env != a", false)]
#[case("region = us-east-1; region = us-east-2", true)]
fn finds_conditions_that_contradict(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(when(text).contradiction().is_some(), expected);
}

fn any_condition() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["tag:A", "tag:B", "key-name", "instance-type"]);
    let value = prop::sample::select(vec!["a", "b", "A", "a*", "*", "a, b", "?"]);
    (name, 0..4, value).prop_map(|(name, test, value)| match test {
        0 => name.to_owned(),
        1 => format!("!{name}"),
        2 => format!("{name} = {value}"),
        _ => format!("{name} != {value}"),
    })
}

fn any_when() -> impl Strategy<Value = RuleConditions> {
    let conditions = prop::collection::vec(any_condition(), 1..4);
    conditions
        .prop_map(|conditions| RuleConditions::of(conditions.iter().map(String::as_str)).unwrap())
}

fn any_instance() -> impl Strategy<Value = Resource> {
    let tags = prop::collection::btree_map("[AaBb]", "|a|b|A|ab| ", 0..4);
    let detail = || prop::option::of("a|b|A|ab");
    (tags, detail(), detail(), any::<bool>()).prop_map(
        |(tags, key_name, instance_type, is_whole): (BTreeMap<String, String>, _, _, _)| {
            let mut instance = instance(&[]);
            instance.tags = tags;
            instance.details.key_name = key_name;
            instance.details.instance_type = instance_type;
            instance.details.is_whole = is_whole;
            instance
        },
    )
}

proptest! {
    /// Taking a condition away never makes the rest fail.
    #[test]
    fn removing_a_condition_only_widens(when in any_when(), instance in any_instance(), at in any::<prop::sample::Index>()) {
        let mut fewer = when.clone();
        if fewer.conditions.len() > 1 {
            let at = at.index(fewer.conditions.len());
            fewer.conditions.remove(at);
            match when.decide(&instance) {
                Decision::Holds => prop_assert_eq!(fewer.decide(&instance), Decision::Holds),
                Decision::Undecided(..) => {
                    prop_assert!(!matches!(fewer.decide(&instance), Decision::Fails(_)));
                }
                Decision::Fails(_) => {}
            }
        }
    }

    /// What is said about two lists of conditions is true of every instance.
    #[test]
    fn what_is_known_of_conditions_is_true(first in any_when(), second in any_when(), instance in any_instance()) {
        let holds = |when: &RuleConditions| when.decide(&instance) == Decision::Holds;
        if first.holds_wherever(&second) && holds(&second) {
            prop_assert!(holds(&first), "{first} | {second}");
        }
        if first.excludes(&second) {
            prop_assert!(!(holds(&first) && holds(&second)), "{first} | {second}");
        }
        if first.contradiction().is_some() {
            prop_assert!(!holds(&first), "{first}");
        }
    }

    /// A tag that is lost never makes a condition on it hold, unless the condition asks for just that.
    #[test]
    fn no_text_causes_a_panic(text in "(tag:)?[a-zA\"\\\\=!;,* -]{0,24}") {
        if let Ok(when) = RuleConditions::of([text.as_str()]) {
            prop_assert!(!when.conditions().is_empty());
            let _ = when.to_string();
        }
    }
}

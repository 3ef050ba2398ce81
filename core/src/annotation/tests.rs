use chrono::{DateTime, Utc};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::policy::Row;
use crate::{Policy, Resource, Scope, State, assess};

fn instance(tags: &[(&str, &str)]) -> Resource {
    Resource {
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy(rules: &[(&str, &str)]) -> Policy {
    let rows = rules.iter().zip(1..).map(|((key, required), id)| {
        json!({"RuleId": id, "TagKey": key, "Action": "Notify", "Required": required})
    });
    let rows: Vec<Row> = serde_json::from_value(rows.collect::<Value>()).unwrap();
    Policy::from_rows(rows).unwrap()
}

fn annotate(rules: &[(&str, &str)], tags: &[(&str, &str)]) -> Option<String> {
    let instance = instance(tags);
    let policy = policy(rules);
    annotation(&assess(&policy, &Scope::default(), &instance, now()))
}

#[test]
fn names_the_rule_and_tag_of_each_finding() {
    let rules = [("Expires", "N"), ("ProjectCode", "Y"), ("CreatedBy", "Y")];
    let text = annotate(&rules, &[("projectcode", "P1"), ("CreatedBy", "")]).unwrap();
    assert_eq!(
        text,
        "missing tag ProjectCode (rule 2; found projectcode); empty tag CreatedBy (rule 3); \
         optional: missing tag Expires (rule 1)"
    );
}

#[test]
fn says_that_a_value_is_only_blanks() {
    let text = annotate(
        &[("Owner", "Y"), ("Team", "N")],
        &[("Owner", " "), ("Team", "")],
    );
    assert_eq!(
        text.unwrap(),
        "empty tag Owner (rule 1; only blanks); optional: empty tag Team (rule 2)"
    );
}

#[test]
fn has_no_annotation_without_findings() {
    assert_eq!(annotate(&[("Owner", "Y")], &[("Owner", "ann")]), None);
    let optional = annotate(&[("Owner", "N")], &[("Name", "web")]).unwrap();
    assert_eq!(optional, "optional: missing tag Owner (rule 1)");
    let untagged = annotate(&[("Owner", "Y")], &[]).unwrap();
    assert_eq!(untagged, "The instance has no tags at all.");
}

#[test]
fn counts_findings_that_do_not_fit() {
    let keys: Vec<String> = (0..20)
        .map(|number| format!("Department{number:02}"))
        .collect();
    let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "Y")).collect();
    let text = annotate(&rules, &[("Name", "web")]).unwrap();
    assert_eq!(
        text,
        "missing tag Department00 (rule 1); missing tag Department01 (rule 2); \
         missing tag Department02 (rule 3); missing tag Department03 (rule 4); \
         missing tag Department04 (rule 5); missing tag Department05 (rule 6); \
         missing tag Department06 (rule 7); and 13 more"
    );
    assert_eq!(text.chars().count(), MAX_ANNOTATION_CHARS);
}

#[test]
fn cuts_a_finding_that_is_too_long_at_a_word() {
    let key = "K".repeat(128);
    let near_miss = "k".repeat(128);
    let rules = [(key.as_str(), "Y"), ("Owner", "Y")];
    let text = annotate(&rules, &[(near_miss.as_str(), "v")]).unwrap();
    assert_eq!(
        text,
        format!("missing tag {key} (rule 1; found… and 1 more")
    );
}

const EXEMPTION: &str = "tagwarden:exempt-until";

#[rstest]
#[case("moves house", "moves house.")]
#[case("moves house.", "moves house.")]
#[case("bis Umzug, größer", "bis Umzug, größer.")]
fn names_an_exemption_with_its_reason(#[case] reason: &str, #[case] shown: &str) {
    let value = format!("2026-12-31 {reason}");
    let text = annotate(&[("Owner", "Y")], &[(EXEMPTION, value.as_str())]).unwrap();
    assert_eq!(text, format!("Exempt until 2026-12-31: {shown}"));
}

#[test]
fn cuts_a_long_reason_at_a_word() {
    // EC2 stores values of up to 256 characters, not bytes.
    let value = format!("2026-12-31 {}größte", "größer ".repeat(34));
    let value = value.chars().take(256).collect::<String>();
    let text = annotate(&[("Owner", "Y")], &[(EXEMPTION, value.as_str())]).unwrap();
    assert_eq!(
        text,
        format!("Exempt until 2026-12-31: {}größer…", "größer ".repeat(32))
    );
    let one_word = format!("2026-12-31 {}", "ö".repeat(245));
    let text = annotate(&[("Owner", "Y")], &[(EXEMPTION, one_word.as_str())]).unwrap();
    assert_eq!(
        text,
        format!("Exempt until 2026-12-31: {}…", "ö".repeat(230))
    );
    let fits = format!("2026-12-31 {}", "ö".repeat(230));
    let text = annotate(&[("Owner", "Y")], &[(EXEMPTION, fits.as_str())]).unwrap();
    assert_eq!(
        text,
        format!("Exempt until 2026-12-31: {}.", "ö".repeat(230))
    );
}

const ENDED: &str = "2026-11-01 moves house";
const UNREADABLE: &str = "until the migration is over";

#[rstest]
#[case("Y", &[(EXEMPTION, ENDED)], Some("missing tag Owner (rule 1); its exemption ended on 2026-11-01"))]
#[case("N", &[(EXEMPTION, ENDED)], Some("optional: missing tag Owner (rule 1); its exemption ended on 2026-11-01"))]
#[case("Y", &[(EXEMPTION, ENDED), ("Owner", "ann")], None)]
#[case("Y", &[(EXEMPTION, UNREADABLE)], Some("missing tag Owner (rule 1); tagwarden:exempt-until is not a date and a reason (2026-12-31 why)"))]
#[case("Y", &[(EXEMPTION, UNREADABLE), ("Owner", "ann")], Some("tagwarden:exempt-until is not a date and a reason (2026-12-31 why)"))]
#[case("Y", &[("exempt-until", "2026-12-31 why")], Some("missing tag Owner (rule 1); \"exempt-until\" exempts nothing: the key must be tagwarden:exempt-until"))]
#[case("Y", &[("Exempt-Until\u{200b}", ""), ("Owner", "ann")], Some("\"Exempt-Until\\u{200b}\" exempts nothing: the key must be tagwarden:exempt-until"))]
#[case("Y", &[("exempt-until", ENDED)], Some("missing tag Owner (rule 1); its exemption ended on 2026-11-01"))]
fn names_an_exemption_without_effect_last(
    #[case] required: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: Option<&str>,
) {
    let text = annotate(&[("Owner", required)], tags);
    assert_eq!(text.as_deref(), expected);
}

#[test]
fn leaves_out_findings_rather_than_the_exemption() {
    let keys: Vec<String> = (0..20)
        .map(|number| format!("Department{number:02}"))
        .collect();
    let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "Y")).collect();
    let text = annotate(&rules, &[(EXEMPTION, ENDED)]).unwrap();
    assert_eq!(
        text,
        "missing tag Department00 (rule 1); missing tag Department01 (rule 2); \
         missing tag Department02 (rule 3); missing tag Department03 (rule 4); \
         missing tag Department04 (rule 5); missing tag Department05 (rule 6); \
         and 14 more; its exemption ended on 2026-11-01"
    );
}

proptest! {
    #[test]
    fn every_annotation_of_an_exemption_fits(
        value in prop_oneof!["\\PC{0,256}", "2026-1[12]-[0-3][0-9] \\PC{0,245}"],
        key in prop_oneof![Just(EXEMPTION.to_owned()), "[\u{200b} -]{0,100}exempt-until"],
        keys in prop::collection::btree_set("[A-Z]{1,120}", 1..9),
    ) {
        let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "Y")).collect();
        let text = annotate(&rules, &[(key.as_str(), value.as_str())]).unwrap();
        let length = text.chars().count();
        prop_assert!((1..=MAX_ANNOTATION_CHARS).contains(&length), "{length}: {text}");
    }

    #[test]
    fn every_annotation_fits(
        keys in prop::collection::btree_set("[^\\s]\\PC{0,126}[^\\s]", 1..12),
        required in any::<bool>(),
    ) {
        prop_assume!(keys.iter().all(|key| !crate::policy::is_reserved_key(key)));
        let required = if required { "Y" } else { "N" };
        let rules: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), required)).collect();
        let swapped: Vec<String> = keys.iter().map(|key| key.to_uppercase()).collect();
        let tags: Vec<(&str, &str)> = swapped.iter().map(|key| (key.as_str(), "")).collect();
        if let Some(text) = annotate(&rules, &tags) {
            let length = text.chars().count();
            prop_assert!((1..=MAX_ANNOTATION_CHARS).contains(&length), "{length}: {text}");
        }
    }
}

/// The annotation of an instance whose `Env` has `value`, under an optional rule that allows these values.
fn not_allowed(allowed: &Value, value: &str) -> String {
    let rows = json!([
        {"RuleId": -1, "PolicyFormat": 2},
        {"RuleId": 4, "TagKey": "Env", "Action": "Notify", "Required": "N", "Allowed": allowed},
        {"RuleId": 5, "TagKey": "Owner", "Action": "Notify", "Required": "N"},
    ]);
    let rows: Vec<Row> = serde_json::from_value(rows).unwrap();
    let policy = Policy::from_rows(rows).unwrap();
    let instance = instance(&[("Env", value)]);
    annotation(&assess(&policy, &Scope::default(), &instance, now())).unwrap()
}

#[test]
fn suggests_what_a_value_should_be() {
    let allowed = json!(["Prod", "Stage", "team-*"]);
    assert_eq!(
        not_allowed(&allowed, "prod"),
        "value of tag Env not allowed (rule 4; found prod, did you mean Prod?); optional: missing tag Owner (rule 5)"
    );
    assert_eq!(
        not_allowed(&allowed, "asdf\n"),
        "value of tag Env not allowed (rule 4; found asdf\\n, allowed: Prod, Stage, team-*); optional: missing tag Owner \
         (rule 5)"
    );
}

proptest! {
    #[test]
    fn values_and_suggestions_never_make_it_too_long(
        allowed in prop::collection::vec("[a-z\u{200b}é]{1,255}", 1..20),
        value in "[A-Z\u{200b}\n所]{0,255}x",
    ) {
        let text = not_allowed(&json!(allowed.iter().map(|it| format!("{it}a")).collect::<Vec<_>>()), &value);
        prop_assert!(text.chars().count() <= MAX_ANNOTATION_CHARS, "{text}");
        prop_assert!(!text.contains(char::is_control), "{text}");
    }
}

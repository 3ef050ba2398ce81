//! Each problem at its place, and what reading makes of what can be written in more than one way.

use aws_sdk_dynamodb::types::AttributeValue;
use rstest::rstest;

use super::{problems, read};

/// A sound rule in flow style with this in the place of what it says about one attribute.
fn rule(attribute: &str, members: &str) -> String {
    let usual = [
        ("RuleId", "RuleId: 7, "),
        ("TagKey", "TagKey: Owner, "),
        ("Action", "Action: Update, "),
        ("Required", "Required: Y, "),
        ("Default", "Default: nobody, "),
    ];
    let rest: String = usual
        .iter()
        .filter(|(name, _)| *name != attribute)
        .map(|(_, text)| *text)
        .collect();
    format!("rules:\n  - {{{rest}\n     {members}}}\n")
}

#[rstest]
#[case("Action", "Action: updat", "3:14", "did you mean Update?")]
#[case("Action", "action: Update", "3:6", "did you mean Action?")]
#[case("Action", "Action: 7", "3:14", "put it in quotes: \"7\"")]
#[case("Required", "Required: 'Yes'", "3:16", "did you mean Y?")]
#[case("Required", "Required: 0", "3:16", "did you mean N?")]
#[case("RuleId", "RuleId: '7'", "3:14", "write it without quotes: 7")]
#[case("RuleId", "rule_id: 7", "3:6", "did you mean RuleId?")]
#[case("TagKey", "TagKey: 7.50", "3:14", "put it in quotes: \"7.50\"")]
#[case("TagKey", "TagKey: False", "3:14", "put it in quotes: \"false\"")]
#[case("Default", "Default: 007", "3:15", "put it in quotes: \"007\"")]
fn shows_a_typing_error_with_a_suggestion(
    #[case] attribute: &str,
    #[case] members: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let text = rule(attribute, members);
    let [problem] = &problems(&text)[..] else {
        panic!("not one problem: {:?}", problems(&text));
    };
    assert!(problem.starts_with(&format!("{place} ")), "{problem}");
    assert_eq!(read(&text).problems[0].help.as_deref(), Some(help));
}

#[test]
fn an_unknown_attribute_of_format_2_is_shown_at_its_name() {
    let text = rule("", "Comment: x, x-by: ann, Defualt2: y") + "format: 2\n";
    assert_eq!(
        problems(&text),
        [
            "3:29 rule 7: Defualt2 is not an attribute that tagwarden knows: begin the name of your own column with x-"
        ]
    );
    let text = rule("Action", "Actoin: Update") + "format: 2\n";
    assert_eq!(problems(&text), ["3:6 rule 7: Action is missing"]);
    assert_eq!(
        read(&text).problems[0].help.as_deref(),
        Some("did you mean Action?")
    );
}

#[test]
fn a_misspelt_restriction_is_an_error_although_the_file_is_of_the_older_format() {
    let text = rule("", "Alowed: [nobody]");
    assert_eq!(
        problems(&text),
        ["3:6 tagwarden does not use the attribute \"Alowed\""]
    );
    let file = read(&text);
    assert!(!file.is_valid());
    let help = file.problems[0].help.as_deref().unwrap();
    assert!(help.starts_with("did you mean Allowed?"), "{help}");
    assert!(read(&(text + "format: 1\n")).is_valid());
}

#[rstest]
#[case(
    "Allowed: []",
    "3:15 rule 7: Allowed says nothing: give it a value, or remove it"
)]
#[case(
    "Allowed: [nobody, 7]",
    "3:15 rule 7: Allowed must be a list of strings (S), found 7"
)]
#[case(
    "Allowed: [ann]",
    "2:70 rule 7: Default \"nobody\" is not a value that Allowed allows"
)]
fn shows_what_is_wrong_with_allowed_values(#[case] members: &str, #[case] expected: &str) {
    assert_eq!(problems(&rule("", members)), [expected]);
}

#[rstest]
#[case("format: 3", "4:9 rule -1: PolicyFormat 3 is newer than tagwarden")]
#[case("format: '2'", "4:1 format must be a number, this is a text")]
#[case(
    "format: {RuleId: 5, PolicyFormat: 1}",
    "4:35 rule 5: PolicyFormat must be 2"
)]
#[case(
    "format: {PolicyFormat: 2, TagKey: K}",
    "4:1 format needs RuleId and PolicyFormat"
)]
#[case(
    "fromat: 2",
    "4:1 \"fromat\" does not belong at the top of a policy file"
)]
fn a_broken_format_is_shown_at_its_place(#[case] format: &str, #[case] expected: &str) {
    let text = rule("", "x-by: ann") + format + "\n";
    let found = problems(&text);
    let is_expected = |problem: &&String| problem.starts_with(expected);
    assert_eq!(found.iter().filter(is_expected).count(), 1, "{found:?}");
}

#[test]
fn the_format_of_a_file_is_a_row_of_the_table() {
    let ids = |format: &str| -> Vec<String> {
        let file = read(&(rule("", "x-by: ann") + format));
        assert!(file.is_valid(), "{:?}", file.problems);
        let items = file.items.iter().skip(1);
        items.map(|item| format!("{:?}", item["RuleId"])).collect()
    };
    assert_eq!(ids(""), Vec::<String>::new());
    assert_eq!(ids("format: 1"), Vec::<String>::new());
    assert_eq!(ids("format: 2"), [r#"N("-1")"#]);
    assert_eq!(ids("format: {RuleId: 5, PolicyFormat: 2}"), [r#"N("5")"#]);
    assert_eq!(ids("  - {RuleId: 6, PolicyFormat: 2}"), [r#"N("6")"#]);
}

#[test]
fn a_missing_attribute_is_shown_at_the_rules_id() {
    let text = rule("Action", "");
    assert_eq!(problems(&text), ["2:6 rule 7: Action is missing"]);
}

#[rstest]
#[case("Required: Y", "Y")]
#[case("Required: 'N'", "N")]
#[case("Required: true", "Y")]
#[case("Required: False", "N")]
fn required_may_be_a_boolean(#[case] members: &str, #[case] value: &str) {
    let file = read(&rule("Required", members));
    assert_eq!(file.problems, []);
    let required = file.items[0].get("Required");
    assert_eq!(required, Some(&AttributeValue::S(value.to_owned())));
}

#[rstest]
#[case("Default: 'it''s'", "it's")]
#[case("Default: \"\\u00e9\"", "é")]
#[case("Default: 2026-11-23", "2026-11-23")]
#[case("Default: yes", "yes")]
#[case("Default: !!str 7", "7")]
#[case("Default: 0x1F", "0x1F")]
fn texts(#[case] members: &str, #[case] value: &str) {
    let file = read(&rule("Default", members));
    assert_eq!(file.problems, []);
    let default = file.items[0].get("Default");
    assert_eq!(default, Some(&AttributeValue::S(value.to_owned())));
}

#[test]
fn json_may_escape_a_character_in_two_halves() {
    let json = |value: &str| {
        format!(
            "{{\"rules\": [{{\"RuleId\": 1, \"TagKey\": \"K\", \"Required\": \"Y\", \"Default\": \"{value}\",\n\
             \"Action\": \"updat\"}}]}}"
        )
    };
    let default = |value: &str| read(&json(value)).items[0].get("Default").cloned();
    let smile = Some(AttributeValue::S("a😀b".to_owned()));
    assert_eq!(default("a\\ud83d\\ude00b"), smile);
    assert_eq!(default("a\\uD83D\\uDE00b"), smile);
    let backslashes = AttributeValue::S("\\ud83d\\ude00".to_owned());
    assert_eq!(default("\\\\ud83d\\\\ude00"), Some(backslashes));
    // What comes after keeps its place.
    assert_eq!(read(&json("\\ud83d\\ude00")).problems[0].span.len(), 7);
    assert!(problems(&json("\\ud83d\\ude00"))[0].starts_with("2:11 "));
    // One half alone is no character, nor is half of it escaped.
    assert!(problems(&json("\\\\ud83d\\ude00"))[0].contains("invalid Unicode"));
    assert!(problems(&json("\\ud83d"))[0].contains("invalid Unicode"));
}

#[rstest]
#[case("Set: {$dynamodb: {SS: [a, a]}}")]
#[case("Set: {$dynamodb: {SS: []}}")]
#[case("Set: {$dynamodb: {SS: [1]}}")]
#[case("Set: {$dynamodb: {NS: [x]}}")]
#[case("Set: {$dynamodb: {NS: [1, 1.0]}}")]
#[case("Set: {$dynamodb: {B: '*'}}")]
#[case("Set: {$dynamodb: {XX: 1}}")]
#[case("Set: {$dynamodb: {SS: [a], NS: [1]}}")]
#[case("Set: {$dynamodb: text}")]
fn refuses_what_dynamodb_would_refuse(#[case] members: &str) {
    let file = read(&rule("", members));
    let errors: Vec<_> = problems(&rule("", members))
        .into_iter()
        .filter(|problem| problem.contains("DynamoDB's types"))
        .collect();
    assert_eq!(errors.len(), 1, "{:?}", file.problems);
    assert!(!file.is_valid());
}

#[test]
fn refuses_a_number_that_dynamodb_cannot_store() {
    let text = rule("", "Number: 123456789012345678901234567890123456789");
    let found = problems(&text);
    assert!(found[1].starts_with("3:14 123456789"), "{found:?}");
}

#[test]
fn a_broken_row_does_not_hide_the_others() {
    let text = rule("Action", "Action: updat") + "  - text\n";
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("3:14 rule 7: Action"), "{found:?}");
    assert!(found[1].starts_with("4:5 a rule is a mapping"), "{found:?}");
}

#[test]
fn a_place_ends_where_the_value_ends() {
    let text = "rules:\n  - - a\n    - b\n\n  # more\n  - RuleId:\n      a: b\n\n    TagKey: x\n";
    let file = read(text);
    let shown: Vec<&str> = file
        .problems
        .iter()
        .map(|problem| &text[problem.span.clone()])
        .collect();
    // The row that is none; the id that is none; Action and Required, which are not there, at the rule's id.
    assert_eq!(
        shown,
        [
            "- a\n    - b",
            "RuleId:\n      a: b",
            "RuleId:\n      a: b",
            "a: b"
        ]
    );
}

#[test]
fn reports_an_unreadable_value_once() {
    let text = rule("Action", "Action: !!foo Update");
    assert_eq!(problems(&text), ["3:14 the tag !!foo is not supported"]);
    let text = rule("TagKey", "TagKey: {a: !!foo c}");
    assert_eq!(problems(&text), ["3:18 the tag !!foo is not supported"]);
}

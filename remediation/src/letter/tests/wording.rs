//! Letters in the words of the policy table's own template.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_core::Policy;

use super::*;

/// The customer's policy with this template.
fn policy_with(template: &str) -> Policy {
    let mut rows: Vec<Value> = vec![json!({"RuleId": 1001, "LetterTemplate": template})];
    rows.push(json!({"RuleId": 99, "PolicyFormat": 2}));
    rows.push(json!({"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "Proj007"}));
    rows.push(json!({"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y"}));
    rows.push(json!({"RuleId": 3, "TagKey": "Env", "Action": "Notify", "Required": "Y", "Allowed": "Prod, Dev"}));
    rows.push(json!({
        "RuleId": 4, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Stop", "AtMost": "14d",
    }));
    policy(&rows)
}

/// The letter about `report`, in the words of `template`.
fn message(report: &Report, template: &str, problem: Option<&str>) -> LetterMessage {
    let policy = policy_with(template);
    let wording = LetterWording::of(&policy);
    let context = LetterContext {
        wording: wording.as_ref(),
        ..context(&policy)
    };
    let letters = letters(report, context, &BTreeSet::new());
    let [letter] = letters.try_into().unwrap();
    letter.message(context, problem)
}

/// What stands in the guide between the marks of `name`.
fn shown(name: &str) -> &'static str {
    let (_, rest) = GUIDE
        .split_once(&format!("<!-- {name}: begin -->\n"))
        .unwrap();
    rest.split_once(&format!("<!-- {name}: end -->")).unwrap().0
}

fn guides_template() -> String {
    let block = shown("letter template");
    let (_, lines) = block.split_once("LetterTemplate: |\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    let lines = lines.lines();
    let lines = lines.map(|line| line.strip_prefix("    ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn guide_shows_what_its_template_makes() {
    let template = guides_template();
    assert_eq!(check_letter_template(&template), Ok(()));
    let told = message(&everything(), &template, None);
    assert_eq!(told.problem, None);
    let expected = format!("```text\n{}\n```\n", told.text.trim_end());
    let shown = shown("letter by template");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/letters.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let begin = "<!-- letter by template: begin -->\n";
        let text = guide.replacen(&format!("{begin}{shown}"), &format!("{begin}{expected}"), 1);
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(shown, expected, "UPDATE_DOCS=1 cargo test writes it anew");
}

#[test]
fn a_template_makes_every_form_that_people_read() {
    let told = message(
        &everything(),
        "Dear {{ owner }}, {{ groups | length }} things",
        None,
    );
    assert_eq!(told.text, "Dear ann@example.com, 4 things");
    let body: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(body["default"], told.text);
    // Programs and chat applications have their own forms.
    for program in ["sqs", "lambda", "http", "https"] {
        let text = body[program].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
    }
    assert_eq!(told.names.len(), 5);

    let told = message(
        &everything(),
        "{{ problem or 'none' }}",
        Some("refused\nit"),
    );
    assert_eq!(told.text, "refused it");
}

#[rstest]
#[case::it_does_not_compile("Dear\n{% for %}", "Line 2: syntax error")]
#[case::it_fails("{{ owner.name.first() }}", "Line 1: ")]
#[case::it_makes_nothing("{% if false %}x{% endif %}", "It makes an empty text")]
#[case::it_takes_too_long(
    "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "Line 1: it takes more"
)]
#[case::it_is_too_large("{{ 'x' * 99000 }}", "Its text is too large")]
fn what_is_broken_is_named_and_the_built_in_text_is_sent(
    #[case] template: &str,
    #[case] problem: &str,
) {
    let told = message(&everything(), template, None);
    let built_in = text_of(&everything(), &policy_with("x"));
    assert!(told.text == built_in, "{} bytes", told.text.len());
    assert_eq!(told.names.len(), 5);
    let said = told.problem.unwrap();
    let begin = "Letters have the built-in text: the letters' template (row 1001 of the policy table) cannot be used. ";
    assert!(said.starts_with(&format!("{begin}{problem}")), "{said}");
}

/// A template that is too large for a long letter shows fewer entries, and the next letter has the others.
#[test]
fn a_large_letter_shows_fewer_entries() {
    let template = "{% for group in groups %}{% for entry in group.entries %}{{ 'x' * 30000 }}{% endfor %}{% endfor %}{{ left }}";
    let told = message(&everything(), template, None);
    assert_eq!(told.problem, None);
    assert_eq!(told.names.len(), 2);
    assert!(told.text.ends_with("x3"), "{}", told.text.len());
}

#[test]
fn check_wants_every_variable_to_be_there() {
    for template in [
        "{{ ownr }}",
        "{% for group in groups %}{{ group.titel }}{% endfor %}",
    ] {
        let error = check_letter_template(template).unwrap_err();
        assert_eq!(error.line, Some(1));
        assert!(error.what.starts_with("undefined value"), "{error}");
    }
    assert_eq!(check_letter_template("{{ owner }} {{ exempt }}"), Ok(()));
    // An older function prints a newer variable as nothing.
    assert_eq!(message(&everything(), "{{ newer }}x", None).text, "x");
}

/// A member that the guide does not name is none that anybody uses.
#[test]
fn guide_names_every_variable() {
    let template = "{% for group in groups %}{% for name in group %}{{ name }} {% endfor %}{% for entry in group.entries %}\
                    {% for name in entry %}{{ name }} {% endfor %}{% if entry.keep %}{% for name in entry.keep %}{{ name }} \
                    {% endfor %}{% endif %}{% endfor %}{% endfor %}ok";
    let told = message(&everything(), template, None);
    assert_eq!(told.problem, None);
    let names: BTreeSet<&str> = told.text.split_whitespace().collect();
    assert!(names.len() > 18, "{names:?}");
    for name in names {
        assert!(
            name == "ok" || GUIDE.contains(&format!("`{name}`")),
            "{name}"
        );
    }
    for name in [
        "heading", "owner", "mode", "dryRun", "runId", "account", "region", "place", "groups",
        "left", "exempt", "closing", "problem",
    ] {
        assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
        let asks = format!("{{% if {name} is defined %}}there{{% endif %}}");
        assert_eq!(message(&everything(), &asks, None).text, "there", "{name}");
    }
}

/// The digest is what the report is, so that one mistake cannot hide both.
#[test]
fn the_digest_has_the_built_in_text() {
    let report = everything();
    let policy = policy_with("own words");
    let wording = LetterWording::of(&policy);
    let context = LetterContext {
        wording: wording.as_ref(),
        ..context(&policy)
    };
    let digest = Letter::digest(&report, context).message(context, None);
    assert!(!digest.text.contains("own words"), "{}", digest.text);
}

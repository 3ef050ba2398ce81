//! From items to a file and back.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use proptest::collection::{btree_set, hash_map, vec};
use proptest::prelude::*;
use rstest::rstest;
use tagwarden_aws::policy_table::Item;

use super::super::value::same;
use super::super::write::{FileFormat, write};
use super::read;

/// Texts that YAML might take for something else, and any others.
fn text() -> impl Strategy<Value = String> {
    let traps = prop::sample::select(vec![
        "",
        " ",
        "~",
        "null",
        "true",
        "Yes",
        "no",
        "on",
        "Y",
        "N",
        "1",
        "-1.5e3",
        "0x1F",
        ".inf",
        "2026-11-23",
        "12:30:45",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "a:",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "{a}",
        "[a]",
        "'a'",
        "\"a\"",
        "|",
        ">",
        "?",
        "? a",
        "a\nb",
        "a\r\nb",
        "\ta\t",
        " a ",
        "\u{feff}a",
        "a\u{85}b",
        "a\u{2028}b",
        "\u{0}\u{1b}[31m\u{7f}\u{9b}",
        "\u{ffff}",
        "😀",
        "\\ud83d\\ude00",
        "\\",
        "é",
        "today()+30d",
        "a ",
        "---",
        "...",
        "$dynamodb",
        "<<",
    ])
    .prop_map(str::to_owned);
    prop_oneof![traps, any::<String>(), "[ -~]{0,12}"]
}

/// Numbers as DynamoDB gives them: up to 38 digits, no zeros that say nothing.
fn number() -> impl Strategy<Value = String> {
    let whole = "-?[1-9][0-9]{0,37}".prop_map(|text| text);
    let fraction = "-?(0|[1-9][0-9]{0,9})\\.[0-9]{0,20}[1-9]".prop_map(|text| text);
    let large = "[1-9]0{100,124}".prop_map(|text| text);
    prop_oneof![Just("0".to_owned()), whole, fraction, large]
}

fn binary() -> impl Strategy<Value = Blob> {
    vec(any::<u8>(), 0..9).prop_map(Blob::new)
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        text().prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        binary().prop_map(AttributeValue::B),
        btree_set(text(), 1..4).prop_map(|set| AttributeValue::Ss(set.into_iter().collect())),
        btree_set(number(), 1..4).prop_map(|set| AttributeValue::Ns(set.into_iter().collect())),
        btree_set(vec(any::<u8>(), 0..9), 1..4)
            .prop_map(|set| AttributeValue::Bs(set.into_iter().map(Blob::new).collect())),
    ];
    let name = prop_oneof![Just("$dynamodb".to_owned()), Just("M".to_owned()), text()];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            hash_map(name.clone(), inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

/// Templates, which are written as blocks where YAML gives them back so.
fn template() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => prop::sample::select(vec![
            "", " ", "\t", "{{ heading }}", "  {{ heading }} ", "{% if x %}", "# no comment", "---", "...", "- a", "\ta",
            "a: b", "é 😀", "a\r", "\u{85}", "\u{2028}x", "\u{feff}", "'\"\\",
        ]).prop_map(str::to_owned),
        1 => text(),
    ];
    let lines = vec(line, 1..6).prop_map(|lines| lines.join("\n"));
    let ended = (lines, 0..3_usize).prop_map(|(text, breaks)| text + &"\n".repeat(breaks));
    ended.prop_filter("blank", |text| !text.trim().is_empty())
}

/// Rules that are sound, with any other attributes besides.
fn items() -> impl Strategy<Value = Vec<Item>> {
    let name = text().prop_filter("another attribute", |name| {
        !tagwarden_core::policy::is_own_attribute(name)
    });
    let foreign = hash_map(name, value(), 0..4).boxed();
    let template = proptest::option::of((template(), foreign.clone()));
    let reason = text().prop_filter("blank", |text| !tagwarden_core::likeness::is_blank(text));
    let hold = proptest::option::of((reason, any::<bool>(), foreign.clone()));
    let format = prop::sample::select(vec![None, Some("-1"), Some("-17")]);
    let rows = (
        vec((any::<i32>(), text(), foreign), 1..4),
        template,
        hold,
        format,
    );
    rows.prop_map(|(rules, template, hold, format)| {
        let mut items: Vec<Item> = Vec::new();
        for (at, (id, default, mut item)) in rules.into_iter().enumerate() {
            // Ids and keys of their own: the rest of an id says which rule it is.
            let id = i64::from(id) * 8 + 1 + i64::try_from(at).unwrap();
            item.insert("RuleId".to_owned(), AttributeValue::N(id.to_string()));
            item.insert("TagKey".to_owned(), AttributeValue::S(format!("key {at}")));
            item.insert("Action".to_owned(), AttributeValue::S("Notify".to_owned()));
            item.insert("Required".to_owned(), AttributeValue::S("Y".to_owned()));
            item.insert("Default".to_owned(), AttributeValue::S(default));
            items.push(item);
        }
        let letter = template.as_ref().map(|(template, _)| template.clone());
        if let Some((template, mut item)) = template {
            let id = AttributeValue::N("9223372036854775807".to_owned());
            item.insert("RuleId".to_owned(), id);
            item.insert("ReportTemplate".to_owned(), AttributeValue::S(template));
            items.push(item);
        }
        if let Some((reason, is_short, mut item)) = hold {
            // A hold with the usual id and no other attributes is written as a text.
            if is_short {
                item.clear();
            }
            let id = if is_short { "0" } else { "-9" };
            item.insert("RuleId".to_owned(), AttributeValue::N(id.to_owned()));
            item.insert("Hold".to_owned(), AttributeValue::S(reason));
            items.push(item);
        }
        if let Some(id) = format {
            // Format 2 has no foreign attributes but those with a prefix.
            for item in &mut items {
                let foreign = item.extract_if(|name, _| {
                    !tagwarden_core::policy::is_own_attribute(name) && !name.starts_with("x-")
                });
                let foreign: Vec<_> = foreign.collect();
                item.extend(
                    foreign
                        .into_iter()
                        .map(|(name, value)| (format!("x-{name}"), value)),
                );
            }
            let who = Item::from([
                (
                    "RuleId".to_owned(),
                    AttributeValue::N("-1000000000000".to_owned()),
                ),
                (
                    "Who".to_owned(),
                    AttributeValue::Ss(vec!["ann".to_owned(), "team-*".to_owned()]),
                ),
                (
                    "Tags".to_owned(),
                    AttributeValue::M(
                        [("Team".to_owned(), AttributeValue::S("shop".to_owned()))].into(),
                    ),
                ),
            ]);
            items.push(who);
            // A blank text is a problem in format 2, also where only zero-width characters are in it.
            let is_blank = |text: &String| tagwarden_core::likeness::is_blank(text);
            if let Some(letter) = letter.filter(|text| !is_blank(text)) {
                let id = AttributeValue::N("9223372036854775806".to_owned());
                let letter = AttributeValue::S(letter);
                let row = [("RuleId", id), ("LetterTemplate", letter)];
                items.push(row.map(|(name, value)| (name.to_owned(), value)).into());
            }
            let id = ("RuleId".to_owned(), AttributeValue::N(id.to_owned()));
            let number = ("PolicyFormat".to_owned(), AttributeValue::N("2".to_owned()));
            items.push([id, number].into());
        }
        items
    })
}

/// Whether both have the same rows, in any order.
fn alike(one: &[Item], other: &[Item]) -> bool {
    let row = |item: &Item| AttributeValue::M(item.clone());
    one.len() == other.len()
        && one
            .iter()
            .all(|item| other.iter().any(|other| same(&row(item), &row(other))))
}

proptest! {
    #[test]
    fn loses_and_changes_no_row(items in items(), is_json: bool) {
        let format = if is_json { FileFormat::Json } else { FileFormat::Yaml };
        let written = write(&items, format).unwrap();
        let file = read(&written);
        // The value of a Default that nobody uses may be too long for EC2.
        let errors: Vec<_> = super::problems(&written)
            .into_iter()
            .filter(|problem| !problem.contains("does not use") && !problem.contains("is not used"))
            .filter(|problem| !problem.contains("the policy has a hold"))
            .filter(|problem| !problem.contains("EC2 allows") && !problem.contains(" template: "))
            .collect();
        prop_assert_eq!(errors, Vec::<String>::new(), "{}", written);
        prop_assert!(alike(&items, &file.items), "{}\n{:?}", written, file.items);
    }

    #[test]
    fn no_text_panics(text in "(\\PC|[\\n\\t\\r &*!|>'\"%@`{}\\[\\]:,#?-]){0,80}") {
        let file = read(&text);
        let _ = file.show();
        for problem in &file.problems {
            problem.to_json(&file.path, &file.text);
        }
    }

    #[test]
    fn no_rule_panics(members in vec(("[A-Za-z$]{1,8}|RuleId|Action|Required|Default|TagKey", "\\PC{0,12}"), 0..6)) {
        let lines: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let text = format!("rules:\n  - {}", lines.join("    "));
        let file = read(&text);
        let _ = file.show();
    }
}

#[rstest]
#[case::nested_deep_in_json(&"[".repeat(5000))]
#[case::nested_deep_in_yaml(&"- ".repeat(5000))]
#[case::nested_mappings(&(0..3000).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n"))]
#[case::aliases_of_aliases("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nrules: [*c,*c]\n")]
fn refuses_inputs_that_exhaust_memory(#[case] text: &str) {
    let file = read(text);
    assert!(!file.is_valid());
}

#[test]
fn accepts_a_list_as_deep_as_dynamodb_allows() {
    let nested = |depth: usize| {
        let lists = "[".repeat(depth) + &"]".repeat(depth);
        format!("rules: [{{RuleId: 1, TagKey: K, Action: Notify, Required: Y, Deep: {lists}}}]")
    };
    assert!(read(&nested(32)).is_valid());
    assert!(!read(&nested(33)).is_valid());
}

//! Every operator and function of a condition, and every refusal of one.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::{
    Attributes, LEDGER, account_with_ledger, attributes, binary, key, names, number_set,
    string_set, used,
};
use crate::refusal;

/// The values the expressions below may use.
fn all_values() -> Attributes {
    let mut values = attributes(&json!({
        ":nine": 9, ":nine0": 9.0, ":ten": 10, ":hundred": 100, ":minus": -1, ":zero": 0, ":two": 2, ":three": 3,
        ":five": 5, ":s9": "9", ":b": "b", ":cat": "cat", ":dog": "dog", ":at": "at", ":empty": "", ":true": true,
        ":null": null, ":list": [1, "x"], ":map": {"a": 1}, ":S": "S", ":N": "N", ":BOOL": "BOOL", ":NULL": "NULL",
        ":L": "L", ":M": "M", ":B": "B", ":SS": "SS", ":NS": "NS", ":BS": "BS", ":DOG": "DOG", ":x": "x",
    }));
    values.insert(":bytes".to_owned(), binary(b"cat"));
    values.insert(":by".to_owned(), binary(b"ca"));
    values.insert(":set".to_owned(), string_set(&["b", "a"]));
    values.insert(":ns".to_owned(), number_set(&["2", "1.0"]));
    values
}

fn all_names() -> HashMap<String, String> {
    names(&[
        ("#name", "Name"),
        ("#dot", "a.b"),
        ("#in", "in"),
        ("#two", "two words"),
    ])
}

/// An update of nothing under this condition: whether it holds, or the refusal.
async fn holds(dynamodb: &Client, condition: &str) -> Result<bool, String> {
    let call = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
    let call = call.condition_expression(condition);
    let call = call.set_expression_attribute_values(used(condition, &all_values()));
    let result = call
        .set_expression_attribute_names(used(condition, &all_names()))
        .send()
        .await;
    if result.is_ok() {
        return Ok(true);
    }
    match refusal(result) {
        (code, _) if code == "ConditionalCheckFailedException" => Ok(false),
        (code, message) if code == "ValidationException" => Err(message),
        other => panic!("{condition}: {other:?}"),
    }
}

fn client() -> Client {
    let (account, dynamodb) = account_with_ledger();
    account.put_raw_item(
        LEDGER,
        json!({
            "Pk": {"S": "i-1"}, "Sk": {"N": "1"}, "Nine": {"N": "9"}, "Ten": {"N": "10"}, "Cat": {"S": "cat"},
            "Bytes": {"B": "Y2F0"}, "Yes": {"BOOL": true}, "Nothing": {"NULL": true}, "Blank": {"S": ""},
            "Strings": {"SS": ["a", "b"]}, "Numbers": {"NS": ["1", "2"]}, "Binaries": {"BS": ["Y2F0"]},
            "Things": {"L": [{"N": "9"}, {"S": "x"}, {"M": {"deep": {"L": [{"N": "1"}, {"N": "2"}]}}}]},
            "Mapped": {"M": {"a": {"N": "1"}, "in": {"S": "side"}}},
            "Name": {"S": "web"}, "a.b": {"N": "5"}, "two words": {"N": "2"},
        }),
    );
    dynamodb
}

/// Each case is a condition and whether it holds.
async fn check(cases: &[(&str, bool)]) {
    let dynamodb = client();
    for (condition, expected) in cases {
        let result = holds(&dynamodb, condition).await;
        assert_eq!(result, Ok(*expected), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_compare_by_type() {
    check(&[
        // Numbers compare as numbers, strings and binaries by their bytes.
        ("Nine = :nine", true),
        ("Nine = :nine0", true),
        ("Nine = :ten", false),
        ("Nine = :s9", false),
        ("Nine <> :ten", true),
        ("Nine <> :nine0", false),
        ("Nine <> :s9", true),
        ("Nine < :ten", true),
        ("Nine < :nine", false),
        ("Nine < :s9", false),
        ("Nine <= :nine", true),
        ("Nine <= :minus", false),
        ("Nine > :minus", true),
        ("Nine > :nine", false),
        ("Nine >= :nine", true),
        ("Nine >= :hundred", false),
        (":ten > Nine", true),
        ("Nine < Ten", true),
        ("Cat < :dog", true),
        ("Cat > :dog", false),
        ("Cat >= :cat", true),
        ("Bytes > :by", true),
        ("Bytes < :by", false),
        ("Bytes = :bytes", true),
        ("Bytes = :cat", false),
        // Everything has equality, sets whatever their order.
        ("Yes = :true", true),
        ("Nothing = :null", true),
        ("Strings = :set", true),
        ("Numbers = :ns", true),
        ("Strings = :ns", false),
        ("Things = :list", false),
        ("Blank = :empty", true),
        // What is not there equals nothing, and has no order.
        ("Gone = :nine", false),
        ("Gone <> :nine", true),
        ("Gone = Absent", false),
        ("Gone <> Absent", true),
        ("Gone < :nine", false),
        ("Gone >= Absent", false),
        ("NOT Gone = :nine", true),
        // What has no order compares as false when the item has it.
        ("Things < :nine", false),
        ("Yes >= :nine", false),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn values_lie_between_others_or_are_one_of_them() {
    check(&[
        ("Nine BETWEEN :zero AND :ten", true),
        ("Nine BETWEEN :nine AND :nine", true),
        ("Nine between :ten and :hundred", false),
        ("Cat BETWEEN :b AND :dog", true),
        ("Nine BETWEEN :b AND :dog", false),
        ("Gone BETWEEN :zero AND :ten", false),
        (":five BETWEEN Nine AND Ten", false),
        ("Nine BETWEEN Ten AND :zero", false),
        ("Nine BETWEEN :zero AND :ten AND Cat = :cat", true),
        ("Nine IN (:nine)", true),
        ("Nine IN (:cat, :nine0)", true),
        ("Nine in (:ten, :s9)", false),
        ("Nine IN (Ten, Nine)", true),
        ("Gone IN (:nine, Absent)", false),
        ("Strings IN (:set)", true),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn functions_look_at_what_is_there() {
    check(&[
        ("attribute_exists(Nine)", true),
        ("attribute_exists (Gone)", false),
        ("attribute_exists(Nothing)", true),
        ("attribute_not_exists(Gone)", true),
        ("attribute_not_exists(Nine)", false),
        ("attribute_exists(Mapped.a)", true),
        ("attribute_exists(Mapped.b)", false),
        ("attribute_exists(Nine.b)", false),
        ("attribute_exists(Things[2])", true),
        ("attribute_exists(Things[3])", false),
        ("attribute_exists(Mapped[0])", false),
        ("attribute_type(Cat, :S)", true),
        ("attribute_type(Cat, :N)", false),
        ("attribute_type(Nine, :N)", true),
        ("attribute_type(Bytes, :B)", true),
        ("attribute_type(Yes, :BOOL)", true),
        ("attribute_type(Nothing, :NULL)", true),
        ("attribute_type(Things, :L)", true),
        ("attribute_type(Mapped, :M)", true),
        ("attribute_type(Strings, :SS)", true),
        ("attribute_type(Numbers, :NS)", true),
        ("attribute_type(Binaries, :BS)", true),
        ("attribute_type(Gone, :S)", false),
        ("attribute_type(:nine, :N)", true),
        ("begins_with(Cat, :cat)", true),
        ("begins_with(Cat, :empty)", true),
        ("begins_with(Cat, :at)", false),
        ("begins_with(Bytes, :by)", true),
        ("begins_with(Bytes, :cat)", false),
        ("begins_with(Nine, :cat)", false),
        ("begins_with(Gone, :cat)", false),
        ("begins_with(:cat, Cat)", true),
        ("contains(Cat, :at)", true),
        ("contains(Cat, :dog)", false),
        ("contains(Cat, :nine)", false),
        ("contains(Bytes, :by)", true),
        ("contains(Strings, :b)", true),
        ("contains(Strings, :cat)", false),
        ("contains(Numbers, :two)", true),
        ("contains(Numbers, :s9)", false),
        ("contains(Binaries, :bytes)", true),
        ("contains(Things, :nine0)", true),
        ("contains(Things, :x)", true),
        ("contains(Things, :ten)", false),
        ("contains(Mapped, :x)", false),
        ("contains(Gone, :x)", false),
        ("size(Cat) = :three", true),
        ("size(Blank) = :zero", true),
        ("size(Bytes) > :two", true),
        ("size(Strings) = :two", true),
        ("size(Things) BETWEEN :two AND :three", true),
        ("size(Mapped) IN (:two)", true),
        ("size(Nine) = :two", false),
        ("size(Nine) <> :two", true),
        ("size(Gone) < :two", false),
        (":two < size(Cat)", true),
        ("size(Cat) = :cat", false),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn paths_lead_into_documents_and_conditions_combine() {
    check(&[
        // Paths and names
        ("Mapped.a < Things[0]", true),
        ("Things[2].deep[1] = :two", true),
        ("Things[2].deep[2] = :two", false),
        ("Mapped.#in <> :x", true),
        ("#name <> :x", true),
        ("#dot = :five", true),
        ("#two = :two", true),
        // AND, OR, NOT and parentheses
        ("Nine = :nine AND Cat = :cat", true),
        ("Nine = :nine AND Cat = :dog", false),
        ("Nine = :ten OR Cat = :cat", true),
        ("Nine = :ten OR Cat = :dog", false),
        ("Nine = :nine or Nine = :ten and Cat = :dog", true),
        ("(Nine = :nine OR Nine = :ten) AND Cat = :dog", false),
        ("NOT Nine = :ten AND Cat = :cat", true),
        ("NOT (Nine = :nine OR Cat = :dog)", false),
        ("NOT NOT NOT Nine = :ten", true),
        ("(Nine) = (:nine)", true),
        ("(attribute_exists(Nine))", true),
        (" \t(Nine\n=\r:nine) ", true),
        ("Nine=:nine", true),
        ("attribute_not_exists(Gone)OR(Gone=:nine)", true),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_not_there_has_no_attributes() {
    let (account, dynamodb) = account_with_ledger();
    for (condition, expected) in [
        ("attribute_exists(Pk)", false),
        ("attribute_not_exists(Pk)", true),
        ("Pk <> :x", true),
    ] {
        assert_eq!(
            holds(&dynamodb, condition).await,
            Ok(expected),
            "{condition}"
        );
        account.clear_table(LEDGER);
    }
}

/// Each case is a condition and the beginning of its refusal, after `prefix`.
async fn check_refusals(prefix: &str, cases: &[(&str, &str)]) {
    let dynamodb = client();
    for (condition, expected) in cases {
        let message = holds(&dynamodb, condition).await.expect_err(condition);
        let expected = format!("Invalid ConditionExpression: {prefix}{expected}");
        assert!(
            message.starts_with(&expected),
            "{condition}:\n{message}\n{expected}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_that_cannot_be_read_are_refused() {
    let empty = "The expression can not be empty;";
    check_refusals("", &[("", empty), ("   ", empty)]).await;
    check_refusals(
        "Syntax error; token: ",
        &[
            ("Nine", r#""<EOF>", near: "Nine""#),
            (":nine", r#""<EOF>", near: ":nine""#),
            ("Nine != :nine", r#""!", near: "Nine !=""#),
            ("Nine = = :nine", r#""=", near: "= = :nine""#),
            ("Nine = :nine =", r#""=", near: ":nine =""#),
            ("Nine = :nine)", r#"")", near: ":nine)""#),
            ("(Nine = :nine", r#""<EOF>", near: ":nine""#),
            ("Nine = :nine Ten = :ten", r#""Ten", near: ":nine Ten =""#),
            ("Nine = 9", r#""9", near: "= 9""#),
            ("Nine = 'x'", r#""'", near: "= 'x""#),
            ("Nine = :", r#"":", near: "= :""#),
            ("Nine IN ()", r#"")", near: "()""#),
            ("Nine IN :nine", r#"":nine", near: "IN :nine""#),
            ("Nine BETWEEN :nine", r#""<EOF>", near: ":nine""#),
            ("AND Nine = :nine", r#""AND", near: "AND Nine""#),
            ("Things[x] = :nine", r#""x", near: "[x]""#),
            ("Things[:zero] = :nine", r#"":zero", near: "[:zero]""#),
            ("Mapped. = :nine", r#""=", near: ". = :nine""#),
            ("_x = :nine", r#""_", near: "_x""#),
            ("Größe = :nine", r#""ö", near: "Grö"#),
        ],
    )
    .await;
    let redundant = "The expression has redundant parentheses;";
    check_refusals(
        "",
        &[
            ("((Nine = :nine))", redundant),
            ("((Nine)) = :nine", redundant),
        ],
    )
    .await;
    check_refusals(
        "Attribute name is a reserved keyword; reserved keyword: ",
        &[
            ("Name = :x", "Name"),
            ("attribute_exists(Mapped.status)", "status"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn wrong_functions_are_refused() {
    check_refusals(
        "Invalid function name; function: ",
        &[
            ("dog(Nine)", "dog"),
            ("BEGINS_WITH(Cat, :cat)", "BEGINS_WITH"),
        ],
    )
    .await;
    check_refusals(
        "Incorrect number of operands for operator or function; operator or function: ",
        &[
            (
                "attribute_exists(Nine, Ten)",
                "attribute_exists, number of operands: 2",
            ),
            ("size(Nine, Ten) = :two", "size, number of operands: 2"),
            ("begins_with(Cat)", "begins_with, number of operands: 1"),
            ("contains(Cat, :x, :b)", "contains, number of operands: 3"),
        ],
    )
    .await;
    check_refusals(
        "The function is not allowed to be used this way in an expression; function: ",
        &[
            ("size(Cat)", "size"),
            ("Nine = :nine AND size(Cat)", "size"),
            ("attribute_exists(Nine) = :true", "attribute_exists"),
            ("Nine = contains(Cat, :x)", "contains"),
            ("size(attribute_exists(Nine)) = :two", "attribute_exists"),
            ("if_not_exists(Nine, Ten) = :nine", "if_not_exists"),
        ],
    )
    .await;
    check_refusals(
        "Operator or function requires a document path; operator or function: ",
        &[
            ("attribute_exists(:nine)", "attribute_exists"),
            ("attribute_not_exists(size(Nine))", "attribute_not_exists"),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn wrong_operands_are_refused() {
    check_refusals(
        "Incorrect operand type for operator or function; operator or function: ",
        &[
            ("Nine < :list", "<, operand type: L"),
            (":true >= Nine", ">=, operand type: BOOL"),
            ("Nine BETWEEN :set AND :set", "BETWEEN, operand type: SS"),
            ("begins_with(Cat, :nine)", "begins_with, operand type: N"),
            ("size(:nine) = :two", "size, operand type: N"),
            (
                "attribute_type(Cat, :nine)",
                "attribute_type, operand type: N",
            ),
            (
                "attribute_type(Nine, Cat)",
                "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
            ),
        ],
    )
    .await;
    let valid = "DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}";
    let prefix = "Invalid attribute type name found; type: ";
    check_refusals(prefix, &[("attribute_type(Cat, :DOG)", valid)]).await;
    check_refusals(
        "The first operand must be distinct from the remaining operands for this operator or function; operator: ",
        &[
            ("Nine = Nine", "=, first operand: [Nine]"),
            ("Things[0] < Things[0]", "<, first operand: [Things, [0]]"),
            ("contains(Cat, Cat)", "contains, first operand: [Cat]"),
        ],
    )
    .await;
    check_refusals(
        "The BETWEEN operator requires ",
        &[
            (
                "Nine BETWEEN :ten AND :zero",
                "upper bound to be greater than or equal to lower bound; ",
            ),
            (
                "Nine BETWEEN :zero AND :cat",
                "same data type for lower and upper bounds; ",
            ),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn conditions_are_not_endless() {
    let dynamodb = client();
    let ins = |count: usize| format!("Nine IN ({})", vec![":nine"; count].join(", "));
    assert_eq!(holds(&dynamodb, &ins(99)).await, Ok(true));
    assert!(
        holds(&dynamodb, &ins(100))
            .await
            .unwrap_err()
            .contains("number of operands: 101")
    );

    let ands = |count: usize| vec!["Ten=Nine"; count].join(" OR ");
    assert_eq!(holds(&dynamodb, &ands(150)).await, Ok(false));
    let message = holds(&dynamodb, &ands(151)).await.unwrap_err();
    assert!(
        message.contains("too many operators; operator count: 301"),
        "{message}"
    );

    let long = format!("Nine = :nine{}", " ".repeat(4096));
    let message = holds(&dynamodb, &long).await.unwrap_err();
    assert!(
        message.contains("maximum allowed size; expression size: 4108"),
        "{message}"
    );

    for deep in ["(".repeat(4000), "NOT ".repeat(1000), "size(".repeat(800)] {
        let call = dynamodb
            .update_item()
            .table_name(LEDGER)
            .set_key(Some(key("i-1", 1)));
        let (code, _) = refusal(call.condition_expression(deep).send().await);
        assert_eq!(code, "SandboxUnsupported");
    }
    let nots = format!("{}Nine = :nine", "NOT ".repeat(32));
    assert_eq!(holds(&dynamodb, &nots).await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_reached_is_used_all_the_same() {
    let dynamodb = client();
    let call = dynamodb
        .update_item()
        .table_name(LEDGER)
        .set_key(Some(key("i-1", 1)));
    let call = call.condition_expression("Nine = :nine OR #name = :x");
    let call = call.expression_attribute_names("#name", "Name");
    let call = call.expression_attribute_values(":x", AttributeValue::S("x".to_owned()));
    let nine = AttributeValue::N("9".to_owned());
    call.expression_attribute_values(":nine", nine)
        .send()
        .await
        .unwrap();
}

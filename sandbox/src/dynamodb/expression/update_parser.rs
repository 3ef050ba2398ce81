//! Parses updates, and refuses those that DynamoDB refuses before it looks at any item.

use super::bindings::Bindings;
use super::cursor::Cursor;
use super::path::Path;
use super::update::{Operand, Update, Value};
use crate::dynamodb::attribute::Attribute;
use crate::wire::ApiError;

/// The words that begin a section, in any case. They are reserved: no attribute has such a name.
const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

/// Parses an `UpdateExpression`.
pub(crate) fn parse_update(source: &str, bindings: &mut Bindings) -> Result<Update, ApiError> {
    let mut cursor = Cursor::new("UpdateExpression", source, bindings)?;
    let mut update = Update::default();
    let mut seen: Vec<&str> = Vec::new();
    while !cursor.at_end() {
        let Some(section) = SECTIONS.into_iter().find(|section| cursor.takes(section)) else {
            return Err(cursor.unexpected());
        };
        if seen.contains(&section) {
            return Err(cursor.refuse(format!(
                "The \"{section}\" section can only be used once in an update expression;"
            )));
        }
        seen.push(section);
        loop {
            cursor.count_operator()?;
            let path = cursor.path(&SECTIONS)?;
            match section {
                "SET" => {
                    cursor.expect("=")?;
                    let value = parse_value(&mut cursor)?;
                    update.set.push((path, value));
                }
                "REMOVE" => update.remove.push(path),
                "ADD" => {
                    let value = parse_operand_of("ADD", &mut cursor)?;
                    update.add.push((path, value));
                }
                _ => {
                    let value = parse_operand_of("DELETE", &mut cursor)?;
                    update.delete.push((path, value));
                }
            }
            if !cursor.takes(",") {
                break;
            }
        }
    }
    check_paths(&update, &cursor)?;
    Ok(update)
}

/// Refuses an update of two places one of which is in the other.
fn check_paths(update: &Update, cursor: &Cursor<'_>) -> Result<(), ApiError> {
    let paths: Vec<&Path> = update.paths().collect();
    for (index, second) in paths.iter().enumerate() {
        for first in paths.iter().take(index) {
            if let Some(clash) = first.clash(second) {
                return Err(cursor.refuse(format!(
                    "Two document paths {clash} with each other; must remove or rewrite one of these paths; \
                     path one: {first}, path two: {second}"
                )));
            }
        }
    }
    Ok(())
}

/// `operand`, `operand + operand`, `operand - operand`, perhaps in parentheses.
fn parse_value(cursor: &mut Cursor<'_>) -> Result<Value, ApiError> {
    let in_parentheses = cursor.takes("(");
    let left = parse_operand(cursor)?;
    let value = match cursor.peek() {
        Some(sign @ ("+" | "-")) => {
            cursor.takes(sign);
            cursor.count_operator()?;
            let right = parse_operand(cursor)?;
            for operand in [&left, &right] {
                check_type(sign, "N", operand, cursor)?;
            }
            if sign == "+" {
                Value::Plus(left, right)
            } else {
                Value::Minus(left, right)
            }
        }
        _ => Value::Operand(left),
    };
    if in_parentheses {
        cursor.expect(")")?;
    }
    Ok(value)
}

/// A value, a path or a function.
fn parse_operand(cursor: &mut Cursor<'_>) -> Result<Operand, ApiError> {
    if let Some(name) = cursor.takes_function() {
        return parse_function(name, cursor);
    }
    match cursor.takes_value()? {
        Some(value) => Ok(Operand::Value(value)),
        None => Ok(Operand::Path(cursor.path(&SECTIONS)?)),
    }
}

fn parse_function(name: &str, cursor: &mut Cursor<'_>) -> Result<Operand, ApiError> {
    cursor.count_operator()?;
    cursor.deeper()?;
    let mut operands = vec![parse_operand(cursor)?];
    while cursor.takes(",") {
        operands.push(parse_operand(cursor)?);
    }
    cursor.expect(")")?;
    cursor.shallower();
    if !matches!(name, "if_not_exists" | "list_append") {
        return Err(cursor.unknown_function(name));
    }
    cursor.check_count(name, 2, operands.len())?;
    let mut operands = operands.into_iter();
    let mut next = || operands.next().ok_or_else(|| cursor.unexpected());
    let (first, second) = (next()?, next()?);
    if name == "if_not_exists" {
        let Operand::Path(path) = first else {
            return Err(cursor.needs_path(name));
        };
        return Ok(Operand::IfNotExists(path, Box::new(second)));
    }
    for operand in [&first, &second] {
        if let Operand::ListAppend(..) = operand {
            return Err(cursor.misplaced(name));
        }
        check_type(name, "L", operand, cursor)?;
    }
    Ok(Operand::ListAppend(Box::new(first), Box::new(second)))
}

/// Refuses a value of another type than an operator or a function takes.
fn check_type(
    operator: &str,
    takes: &str,
    operand: &Operand,
    cursor: &Cursor<'_>,
) -> Result<(), ApiError> {
    match operand {
        Operand::Value(value) if value.type_name() != takes => {
            Err(cursor.wrong_type(operator, value.type_name()))
        }
        _ => Ok(()),
    }
}

/// The value after the path in ADD and DELETE.
fn parse_operand_of(section: &str, cursor: &mut Cursor<'_>) -> Result<Attribute, ApiError> {
    let value = cursor.takes_value()?.ok_or_else(|| cursor.unexpected())?;
    let kind = match &value {
        Attribute::Ss(_) | Attribute::Ns(_) | Attribute::Bs(_) => return Ok(value),
        Attribute::N(_) if section == "ADD" => return Ok(value),
        Attribute::N(_) => "NUMBER",
        Attribute::S(_) => "STRING",
        Attribute::B(_) => "BINARY",
        Attribute::Bool(_) => "BOOLEAN",
        Attribute::Null | Attribute::Odd(_) => "NULL",
        Attribute::L(_) => "LIST",
        Attribute::M(_) => "MAP",
    };
    Err(cursor.refuse(format!(
        "Incorrect operand type for operator or function; operator: {section}, operand type: {kind}"
    )))
}

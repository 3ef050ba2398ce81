//! Parses conditions, and refuses those that DynamoDB refuses before it looks at any item.

use std::collections::BTreeSet;

use super::bindings::Bindings;
use super::condition::{Comparator, Condition, Operand, order};
use super::cursor::Cursor;
use crate::dynamodb::attribute::{Attribute, TYPES};
use crate::wire::ApiError;

/// The words that are part of a condition, in any case, and no attribute's name.
const KEYWORDS: [&str; 5] = ["AND", "BETWEEN", "IN", "NOT", "OR"];

/// "The maximum number of operands for the IN comparator is 100": the first counts.
const MOST_IN: usize = 100;

/// A condition on what a Query or a Scan has read.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) condition: Condition,
    /// The attributes it looks at.
    pub(crate) attributes: BTreeSet<String>,
}

/// Parses the condition in a `parameter` of a request, `ConditionExpression` for instance.
pub(crate) fn parse_condition(
    parameter: &'static str,
    source: &str,
    bindings: &mut Bindings,
) -> Result<Condition, ApiError> {
    Ok(parse_filter(parameter, source, bindings)?.condition)
}

/// As [`parse_condition`], and says which attributes the condition looks at.
pub(crate) fn parse_filter(
    parameter: &'static str,
    source: &str,
    bindings: &mut Bindings,
) -> Result<Filter, ApiError> {
    let mut parser = Parser {
        cursor: Cursor::new(parameter, source, bindings)?,
        attributes: BTreeSet::new(),
    };
    let parsed = parser.alternatives()?;
    if !parser.cursor.at_end() {
        return Err(parser.cursor.unexpected());
    }
    let condition = parser.condition(parsed)?;
    Ok(Filter {
        condition,
        attributes: parser.attributes,
    })
}

/// What a part of an expression turned out to be: parentheses may stand around either.
#[derive(Debug)]
enum Parsed {
    Operand(Operand),
    Condition(Condition),
    /// A condition that is a function, by name.
    Function(&'static str, Condition),
}

#[derive(Debug)]
struct Parser<'a> {
    cursor: Cursor<'a>,
    attributes: BTreeSet<String>,
}

impl Parser<'_> {
    /// `… OR …`
    fn alternatives(&mut self) -> Result<Parsed, ApiError> {
        let mut left = self.conjunction()?;
        while self.cursor.takes("OR") {
            self.cursor.count_operator()?;
            let first = self.condition(left)?;
            let second = self.conjunction()?;
            let second = self.condition(second)?;
            left = Parsed::Condition(Condition::Or(Box::new(first), Box::new(second)));
        }
        Ok(left)
    }

    /// `… AND …`
    fn conjunction(&mut self) -> Result<Parsed, ApiError> {
        let mut left = self.negation()?;
        while self.cursor.takes("AND") {
            self.cursor.count_operator()?;
            let first = self.condition(left)?;
            let second = self.negation()?;
            let second = self.condition(second)?;
            left = Parsed::Condition(Condition::And(Box::new(first), Box::new(second)));
        }
        Ok(left)
    }

    /// `NOT …`
    fn negation(&mut self) -> Result<Parsed, ApiError> {
        if !self.cursor.takes("NOT") {
            return self.comparison();
        }
        self.cursor.count_operator()?;
        let parsed = self.nested(Self::negation)?;
        let condition = self.condition(parsed)?;
        Ok(Parsed::Condition(Condition::Not(Box::new(condition))))
    }

    /// `a < b`, `a BETWEEN b AND c`, `a IN (b, c)`, or what stands for itself.
    fn comparison(&mut self) -> Result<Parsed, ApiError> {
        let left = self.primary()?;
        let symbol = self.cursor.peek().unwrap_or_default();
        let condition = if let Some(comparator) = Comparator::of(symbol) {
            let left = self.operand(left)?;
            self.cursor.takes(symbol);
            self.cursor.count_operator()?;
            let right = self.next_operand()?;
            self.check_distinct(symbol, &left, &right)?;
            if comparator.is_order() {
                self.check_ordered(symbol, [&left, &right])?;
            }
            Condition::Compare(left, comparator, right)
        } else if symbol.eq_ignore_ascii_case("BETWEEN") {
            let value = self.operand(left)?;
            self.cursor.takes(symbol);
            self.cursor.count_operator()?;
            let low = self.next_operand()?;
            self.cursor.expect("AND")?;
            let high = self.next_operand()?;
            self.check_ordered("BETWEEN", [&value, &low, &high])?;
            self.check_bounds(&low, &high)?;
            Condition::Between(value, low, high)
        } else if symbol.eq_ignore_ascii_case("IN") {
            let value = self.operand(left)?;
            self.cursor.takes(symbol);
            self.cursor.count_operator()?;
            self.cursor.expect("(")?;
            let list = self.operands()?;
            if list.len() >= MOST_IN {
                self.cursor.check_count("IN", MOST_IN, list.len() + 1)?;
            }
            Condition::In(value, list)
        } else {
            return Ok(left);
        };
        Ok(Parsed::Condition(condition))
    }

    /// A value, a path, a function, or anything in parentheses.
    fn primary(&mut self) -> Result<Parsed, ApiError> {
        if self.cursor.takes("(") {
            let from = self.cursor.place();
            let parsed = self.nested(Self::alternatives)?;
            let redundant = self.cursor.is_group(from, self.cursor.place());
            self.cursor.expect(")")?;
            if redundant {
                return Err(self
                    .cursor
                    .refuse("The expression has redundant parentheses;"));
            }
            // In parentheses, a function is a condition like any other.
            return Ok(match parsed {
                Parsed::Function(_, condition) => Parsed::Condition(condition),
                parsed => parsed,
            });
        }
        let is_keyword = |text: &str| KEYWORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
        if !self.cursor.peek().is_some_and(is_keyword)
            && let Some(name) = self.cursor.takes_function()
        {
            self.cursor.count_operator()?;
            let operands = self.nested(Self::operands)?;
            return self.function(name, operands);
        }
        if let Some(value) = self.cursor.takes_value()? {
            return Ok(Parsed::Operand(Operand::Value(value)));
        }
        let path = self.cursor.path(&KEYWORDS)?;
        self.attributes.insert(path.head.clone());
        Ok(Parsed::Operand(Operand::Path(path)))
    }

    /// One operand or more and the parenthesis after them.
    fn operands(&mut self) -> Result<Vec<Operand>, ApiError> {
        let mut operands = vec![self.next_operand()?];
        while self.cursor.takes(",") {
            operands.push(self.next_operand()?);
        }
        self.cursor.expect(")")?;
        Ok(operands)
    }

    fn next_operand(&mut self) -> Result<Operand, ApiError> {
        let parsed = self.primary()?;
        self.operand(parsed)
    }

    fn function(&self, name: &str, operands: Vec<Operand>) -> Result<Parsed, ApiError> {
        let cursor = &self.cursor;
        let (name, takes) = match name {
            "attribute_exists" => ("attribute_exists", 1),
            "attribute_not_exists" => ("attribute_not_exists", 1),
            "attribute_type" => ("attribute_type", 2),
            "begins_with" => ("begins_with", 2),
            "contains" => ("contains", 2),
            "size" => ("size", 1),
            "if_not_exists" | "list_append" => return Err(cursor.misplaced(name)),
            _ => return Err(cursor.unknown_function(name)),
        };
        cursor.check_count(name, takes, operands.len())?;
        let mut operands = operands.into_iter();
        let mut next = || operands.next().ok_or_else(|| cursor.unexpected());
        let first = next()?;
        if takes == 1 {
            return match (name, first) {
                ("size", operand) => self.size(operand),
                ("attribute_exists", Operand::Path(path)) => {
                    Ok(Parsed::Function(name, Condition::Exists(path)))
                }
                (_, Operand::Path(path)) => Ok(Parsed::Function(name, Condition::NotExists(path))),
                _ => Err(cursor.needs_path(name)),
            };
        }
        let second = next()?;
        self.check_distinct(name, &first, &second)?;
        let condition = match name {
            "attribute_type" => Condition::IsType(first, self.type_name(&second)?),
            "contains" => Condition::Contains(first, second),
            _ => {
                let types = [&first, &second].map(immediate_type);
                let mut types = types.into_iter().flatten();
                if let Some(kind) = types.find(|kind| !matches!(*kind, "S" | "B")) {
                    return Err(cursor.wrong_type(name, kind));
                }
                Condition::BeginsWith(first, second)
            }
        };
        Ok(Parsed::Function(name, condition))
    }

    fn size(&self, operand: Operand) -> Result<Parsed, ApiError> {
        match immediate_type(&operand) {
            Some(kind @ ("N" | "BOOL" | "NULL")) => Err(self.cursor.wrong_type("size", kind)),
            _ => Ok(Parsed::Operand(Operand::Size(Box::new(operand)))),
        }
    }

    /// The type that the second operand of `attribute_type` names.
    fn type_name(&self, operand: &Operand) -> Result<String, ApiError> {
        let Operand::Value(Attribute::S(kind)) = operand else {
            let kind = immediate_type(operand).unwrap_or("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
            return Err(self.cursor.wrong_type("attribute_type", kind));
        };
        if TYPES.contains(&kind.as_str()) {
            return Ok(kind.clone());
        }
        let valid = TYPES.join(",");
        Err(self.cursor.refuse(format!(
            "Invalid attribute type name found; type: {kind}, valid types: {{{valid}}}"
        )))
    }

    /// What must be a condition.
    fn condition(&self, parsed: Parsed) -> Result<Condition, ApiError> {
        match parsed {
            Parsed::Condition(condition) | Parsed::Function(_, condition) => Ok(condition),
            Parsed::Operand(Operand::Size(_)) => Err(self.cursor.misplaced("size")),
            Parsed::Operand(_) => Err(self.cursor.unexpected()),
        }
    }

    /// What must be an operand.
    fn operand(&self, parsed: Parsed) -> Result<Operand, ApiError> {
        match parsed {
            Parsed::Operand(operand) => Ok(operand),
            Parsed::Function(name, _) => Err(self.cursor.misplaced(name)),
            Parsed::Condition(_) => Err(self.cursor.unexpected()),
        }
    }

    /// Refuses values that have no order.
    fn check_ordered<const N: usize>(
        &self,
        operator: &str,
        operands: [&Operand; N],
    ) -> Result<(), ApiError> {
        for operand in operands {
            if let Operand::Value(value) = operand
                && !value.is_ordered()
            {
                return Err(self.cursor.wrong_type(operator, value.type_name()));
            }
        }
        Ok(())
    }

    /// Refuses an operator or a function between a path and itself.
    fn check_distinct(
        &self,
        operator: &str,
        first: &Operand,
        second: &Operand,
    ) -> Result<(), ApiError> {
        match (first, second) {
            (Operand::Path(first), Operand::Path(second)) if first == second => {
                Err(self.cursor.refuse(format!(
                    "The first operand must be distinct from the remaining operands for this operator or \
                     function; operator: {operator}, first operand: {first}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses bounds of BETWEEN between which nothing lies.
    fn check_bounds(&self, low: &Operand, high: &Operand) -> Result<(), ApiError> {
        let (Operand::Value(low), Operand::Value(high)) = (low, high) else {
            return Ok(());
        };
        let problem = match order(low, high) {
            None => "requires same data type for lower and upper bounds",
            Some(order) if order.is_gt() => {
                "requires upper bound to be greater than or equal to lower bound"
            }
            Some(_) => return Ok(()),
        };
        Err(self.cursor.refuse(format!(
            "The BETWEEN operator {problem}; lower bound operand: AttributeValue: {}, upper bound operand: \
             AttributeValue: {}",
            low.write(),
            high.write()
        )))
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.cursor.deeper()?;
        let parsed = parse(self);
        self.cursor.shallower();
        parsed
    }
}

/// The type of an operand that is a value of the request.
fn immediate_type(operand: &Operand) -> Option<&'static str> {
    match operand {
        Operand::Value(value) => Some(value.type_name()),
        Operand::Size(_) => Some("N"),
        Operand::Path(_) => None,
    }
}

//! The tokens of an expression, one after the other, and what all expressions have in common.

use super::bindings::Bindings;
use super::path::{Path, Step};
use super::reserved::is_reserved;
use crate::dynamodb::attribute::Attribute;
use crate::dynamodb::invalid;
use crate::wire::ApiError;

/// "The maximum length of any expression string is 4 KB."
const LONGEST: usize = 4096;

/// "The maximum number of operators or functions … is 300", assumed for every kind of expression.
const MOST_OPERATORS: usize = 300;

/// How deep parentheses, NOTs and functions may be nested. DynamoDB publishes no such limit: this one keeps the
/// parser from running out of stack.
const DEEPEST: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A keyword, an attribute's or a function's name.
    Word,
    /// `#name`
    Name,
    /// `:value`
    Value,
    Digits,
    /// An operator, or a character no expression has.
    Symbol,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// Where it begins and ends in the source, in bytes.
    start: usize,
    end: usize,
}

/// A place in an expression that is being parsed.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    /// The expression's parameter, `FilterExpression` for instance, which the refusals name.
    parameter: &'static str,
    source: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    operators: usize,
    depth: usize,
    bindings: &'a mut Bindings,
}

impl<'a> Cursor<'a> {
    /// At the beginning of an expression.
    pub(crate) fn new(
        parameter: &'static str,
        source: &'a str,
        bindings: &'a mut Bindings,
    ) -> Result<Self, ApiError> {
        let cursor = Self {
            parameter,
            source,
            tokens: tokens(source),
            next: 0,
            operators: 0,
            depth: 0,
            bindings,
        };
        if cursor.tokens.is_empty() {
            return Err(cursor.refuse("The expression can not be empty;"));
        }
        if source.len() > LONGEST {
            let size = source.len();
            return Err(cursor.refuse(format!(
                "Expression size has exceeded the maximum allowed size; expression size: {size}"
            )));
        }
        Ok(cursor)
    }

    /// The refusal of this expression.
    pub(crate) fn refuse(&self, why: impl AsRef<str>) -> ApiError {
        invalid(format!("Invalid {}: {}", self.parameter, why.as_ref()))
    }

    /// The refusal of the next token.
    pub(crate) fn unexpected(&self) -> ApiError {
        let before = self
            .next
            .checked_sub(1)
            .and_then(|index| self.tokens.get(index));
        let here = self.tokens.get(self.next);
        let after = self.tokens.get(self.next + 1);
        let from = before.or(here).map_or(0, |token| token.start);
        let to = after.or(here).map_or(self.source.len(), |token| token.end);
        let near = self.source.get(from..to).unwrap_or(self.source);
        let token = here.map_or("<EOF>", |token| token.text);
        self.refuse(format!(
            "Syntax error; token: \"{token}\", near: \"{near}\""
        ))
    }

    /// The next token's text, if there is one.
    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).map(|token| token.text)
    }

    /// Where the cursor stands: a number of tokens.
    pub(crate) fn place(&self) -> usize {
        self.next
    }

    pub(crate) fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// Steps over this symbol or keyword if it is next; keywords are so in any case.
    pub(crate) fn takes(&mut self, text: &str) -> bool {
        let is_next = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(text));
        self.next += usize::from(is_next);
        is_next
    }

    /// Steps over this symbol or keyword, which must be next.
    pub(crate) fn expect(&mut self, text: &str) -> Result<(), ApiError> {
        if self.takes(text) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// Counts an operator or a function.
    pub(crate) fn count_operator(&mut self) -> Result<(), ApiError> {
        self.operators += 1;
        let count = self.operators;
        if count > MOST_OPERATORS {
            return Err(self.refuse(format!(
                "The expression contains too many operators; operator count: {count};"
            )));
        }
        Ok(())
    }

    /// One level deeper, into parentheses, NOT or a function.
    pub(crate) fn deeper(&mut self) -> Result<(), ApiError> {
        if self.depth == DEEPEST {
            return Err(ApiError::unsupported("expressions nested so deeply"));
        }
        self.depth += 1;
        Ok(())
    }

    /// And back.
    pub(crate) fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether the tokens from one place to another are one pair of parentheses and what is in them.
    pub(crate) fn is_group(&self, from: usize, to: usize) -> bool {
        let mut open = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().take(to).skip(from) {
            match token.text {
                "(" => open += 1,
                ")" => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return index > from && index + 1 == to;
            }
        }
        false
    }

    /// Steps over a function's name and its opening parenthesis, if those are next.
    pub(crate) fn takes_function(&mut self) -> Option<&'a str> {
        let name = self
            .tokens
            .get(self.next)
            .filter(|token| token.kind == Kind::Word)?;
        let name = name.text;
        self.tokens
            .get(self.next + 1)
            .filter(|token| token.text == "(")?;
        self.next += 2;
        Some(name)
    }

    /// Steps over a value, `:value`, if that is next.
    pub(crate) fn takes_value(&mut self) -> Result<Option<Attribute>, ApiError> {
        let Some(token) = self
            .tokens
            .get(self.next)
            .filter(|token| token.kind == Kind::Value)
        else {
            return Ok(None);
        };
        let placeholder = token.text;
        let value = self.bindings.value(placeholder).ok_or_else(|| {
            self.refuse(format!(
                "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
            ))
        })?;
        self.next += 1;
        Ok(Some(value))
    }

    /// Steps over a document path, which must be next. `keywords` are words that cannot be in one.
    pub(crate) fn path(&mut self, keywords: &[&str]) -> Result<Path, ApiError> {
        let head = self.path_name(keywords)?;
        let mut tail = Vec::new();
        loop {
            if self.takes(".") {
                tail.push(Step::Name(self.path_name(keywords)?));
            } else if self.takes("[") {
                let index = self
                    .tokens
                    .get(self.next)
                    .filter(|token| token.kind == Kind::Digits);
                let index = index.and_then(|token| token.text.parse().ok());
                tail.push(Step::Index(index.ok_or_else(|| self.unexpected())?));
                self.next += 1;
                self.expect("]")?;
            } else {
                return Ok(Path { head, tail });
            }
        }
    }

    fn path_name(&mut self, keywords: &[&str]) -> Result<String, ApiError> {
        let is_keyword = |text: &str| {
            keywords
                .iter()
                .any(|keyword| text.eq_ignore_ascii_case(keyword))
        };
        let name = match self.tokens.get(self.next) {
            Some(token) if token.kind == Kind::Word && !is_keyword(token.text) => {
                if is_reserved(token.text) {
                    let word = token.text;
                    return Err(self.refuse(format!(
                        "Attribute name is a reserved keyword; reserved keyword: {word}"
                    )));
                }
                token.text.to_owned()
            }
            Some(token) if token.kind == Kind::Name => {
                let placeholder = token.text;
                self.bindings.name(placeholder).ok_or_else(|| {
                    self.refuse(format!(
                        "An expression attribute name used in the document path is not defined; attribute name: \
                         {placeholder}"
                    ))
                })?
            }
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(name)
    }

    /// Refuses a function that is called with another number of operands than it takes.
    pub(crate) fn check_count(
        &self,
        function: &str,
        takes: usize,
        given: usize,
    ) -> Result<(), ApiError> {
        if takes == given {
            return Ok(());
        }
        Err(self.refuse(format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, \
             number of operands: {given}"
        )))
    }

    /// The refusal of an operand whose type an operator or a function cannot take.
    pub(crate) fn wrong_type(&self, operator: &str, kind: &str) -> ApiError {
        self.refuse(format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand \
             type: {kind}"
        ))
    }

    /// The refusal of a function that needs a document path and has something else.
    pub(crate) fn needs_path(&self, function: &str) -> ApiError {
        self.refuse(format!(
            "Operator or function requires a document path; operator or function: {function}"
        ))
    }

    /// The refusal of a function in a place where it cannot be.
    pub(crate) fn misplaced(&self, function: &str) -> ApiError {
        self.refuse(format!(
            "The function is not allowed to be used this way in an expression; function: {function}"
        ))
    }

    /// The refusal of a function there is none of.
    pub(crate) fn unknown_function(&self, function: &str) -> ApiError {
        self.refuse(format!("Invalid function name; function: {function}"))
    }
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(first) = rest.chars().next() else {
            return tokens;
        };
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let run = |text: &str, holds: &dyn Fn(char) -> bool| {
            text.find(|character| !holds(character))
                .unwrap_or(text.len())
        };
        let width = first.len_utf8();
        let after = rest.get(width..).unwrap_or_default();
        let (kind, length) = match first {
            'a'..='z' | 'A'..='Z' => (Kind::Word, run(rest, &is_word)),
            '#' | ':' => {
                let length = run(after, &is_word);
                let kind = match (first, length) {
                    (_, 0) => Kind::Symbol,
                    ('#', _) => Kind::Name,
                    _ => Kind::Value,
                };
                (kind, width + length)
            }
            '0'..='9' => (
                Kind::Digits,
                run(rest, &|character| character.is_ascii_digit()),
            ),
            '<' if after.starts_with(['=', '>']) => (Kind::Symbol, 2),
            '>' if after.starts_with('=') => (Kind::Symbol, 2),
            _ => (Kind::Symbol, width),
        };
        let (text, remaining) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let start = source.len() - rest.len();
        tokens.push(Token {
            kind,
            text,
            start,
            end: start + text.len(),
        });
        rest = remaining;
    }
}

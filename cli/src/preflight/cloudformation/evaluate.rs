//! What the functions of a template come to, as far as that can be known before the stack is made.
//!
//! See [Intrinsic function reference](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).

use std::collections::BTreeMap;

use tagwarden_core::preflight::template::PropertyValue;

use super::tree::{TemplateKind, TemplateNode};

/// The most functions in functions, and conditions in conditions.
const DEEPEST: usize = 50;

/// What the stack gets beside the template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackInputs {
    /// The values of parameters, and of pseudo parameters such as `AWS::Region`. `None`: given, and not known here.
    pub parameters: BTreeMap<String, Option<String>>,
    /// The tags of the stack, which its resources get too. `None`: not known here.
    pub tags: BTreeMap<String, Option<String>>,
}

/// Evaluates the functions of one template.
#[derive(Debug)]
pub struct Evaluator<'t> {
    template: &'t TemplateNode,
    parameters: BTreeMap<&'t str, PropertyValue<'t>>,
    given: &'t StackInputs,
}

impl<'t> Evaluator<'t> {
    pub fn new(template: &'t TemplateNode, given: &'t StackInputs) -> Self {
        let parameters = template.get("Parameters").map(TemplateNode::entries);
        let parameters = parameters.into_iter().flatten().map(|entry| {
            let name = entry.name.as_str();
            (name, parameter(&entry.value, given.parameters.get(name)))
        });
        Self {
            template,
            parameters: parameters.collect(),
            given,
        }
    }

    /// The value of a property.
    pub fn value(&self, node: &'t TemplateNode) -> PropertyValue<'t> {
        self.at(node, 0)
    }

    fn at(&self, node: &'t TemplateNode, depth: usize) -> PropertyValue<'t> {
        if depth > DEEPEST {
            return PropertyValue::Unknown;
        }
        if let Some((name, argument)) = node.function() {
            return self.function(name, argument, depth + 1);
        }
        match &node.kind {
            TemplateKind::Null => PropertyValue::Absent,
            TemplateKind::Text(text) if text.contains("{{resolve:") => PropertyValue::Unknown,
            TemplateKind::Text(text) => PropertyValue::plain(text),
            TemplateKind::List(items) => {
                let items = items.iter().map(|item| self.at(item, depth + 1));
                PropertyValue::List(items.collect())
            }
            TemplateKind::Map(entries) => {
                // A loop or a macro may make any entries.
                let is_open = |name: &str| name.starts_with("Fn::");
                if entries.iter().any(|entry| is_open(&entry.name)) {
                    return PropertyValue::Unknown;
                }
                let entries = entries.iter();
                let entries = entries.map(|it| (it.name.as_str(), self.at(&it.value, depth + 1)));
                PropertyValue::Map {
                    entries: entries.collect(),
                    span: node.span.clone(),
                }
            }
        }
    }

    fn function(&self, name: &str, argument: &'t TemplateNode, depth: usize) -> PropertyValue<'t> {
        let value = |at: usize| match argument.items().get(at) {
            Some(node) => self.at(node, depth),
            None => PropertyValue::Unknown,
        };
        match name {
            "Ref" => argument
                .text()
                .map_or(PropertyValue::Unknown, |it| self.reference(it)),
            "Fn::Sub" => self.substitute(argument, depth),
            "Fn::If" => {
                let condition = argument.items().first().and_then(TemplateNode::text);
                match condition.and_then(|name| self.condition(name)) {
                    Some(true) => value(1),
                    Some(false) => value(2),
                    None => PropertyValue::either(value(1), value(2)),
                }
            }
            "Fn::Join" => joined(&value(0), &value(1)),
            "Fn::Select" => {
                let index = value(0).text().and_then(|it| it.parse::<usize>().ok());
                match (index, value(1)) {
                    (Some(index), PropertyValue::List(mut items)) if index < items.len() => {
                        items.swap_remove(index)
                    }
                    _ => PropertyValue::Unknown,
                }
            }
            "Fn::Split" => match (value(0), value(1)) {
                (
                    PropertyValue::Text {
                        text: delimiter, ..
                    },
                    PropertyValue::Text { text, is_secret },
                ) if !delimiter.is_empty() => {
                    let parts = text
                        .split(delimiter.as_str())
                        .map(|part| PropertyValue::Text {
                            text: part.to_owned(),
                            is_secret,
                        });
                    PropertyValue::List(parts.collect())
                }
                _ => PropertyValue::Unknown,
            },
            "Fn::FindInMap" => match (value(0), value(1), value(2)) {
                (
                    PropertyValue::Text { text: map, .. },
                    PropertyValue::Text { text: first, .. },
                    PropertyValue::Text { text: second, .. },
                ) => {
                    let maps = self.template.get("Mappings");
                    let found = maps.and_then(|it| it.get(&map)?.get(&first)?.get(&second));
                    found.map_or(PropertyValue::Unknown, |it| self.at(it, depth))
                }
                _ => PropertyValue::Unknown,
            },
            // Everything else is known once the stack is made, or nowhere here.
            _ => PropertyValue::Unknown,
        }
    }

    fn reference(&self, name: &str) -> PropertyValue<'t> {
        if name == "AWS::NoValue" {
            return PropertyValue::Absent;
        }
        if let Some(parameter) = self.parameters.get(name) {
            return parameter.clone();
        }
        let pseudo = name.starts_with("AWS::");
        let given = self.given.parameters.get(name).filter(|_| pseudo);
        match given {
            Some(Some(value)) => PropertyValue::plain(value),
            _ => PropertyValue::Unknown,
        }
    }

    /// `Fn::Sub`: a text with `${…}`, with or without values of its own.
    fn substitute(&self, argument: &'t TemplateNode, depth: usize) -> PropertyValue<'t> {
        let (text, own) = match argument.items() {
            [] => (argument.text(), None),
            [text, own, ..] => (text.text(), Some(own)),
            [text] => (text.text(), None),
        };
        let Some(mut rest) = text else {
            return PropertyValue::Unknown;
        };
        if rest.contains("{{resolve:") {
            return PropertyValue::Unknown;
        }
        let (mut result, mut has_secret) = (String::new(), false);
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                break;
            };
            rest = tail;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
                continue;
            }
            let value = match own.and_then(|own| own.get(name.trim())) {
                Some(node) => self.at(node, depth),
                None => self.reference(name.trim()),
            };
            let PropertyValue::Text { text, is_secret } = value else {
                return PropertyValue::Unknown;
            };
            result.push_str(&text);
            has_secret |= is_secret;
        }
        result.push_str(rest);
        PropertyValue::Text {
            text: result,
            is_secret: has_secret,
        }
    }

    /// Whether a condition of the template holds; `None` if that is not known.
    pub fn condition(&self, name: &str) -> Option<bool> {
        self.named_condition(name, 0)
    }

    fn named_condition(&self, name: &str, depth: usize) -> Option<bool> {
        let conditions = self.template.get("Conditions")?;
        self.holds(conditions.get(name)?, depth + 1)
    }

    fn holds(&self, node: &'t TemplateNode, depth: usize) -> Option<bool> {
        if depth > DEEPEST {
            return None;
        }
        let (name, argument) = node.function()?;
        let all = || argument.items().iter().map(|it| self.holds(it, depth + 1));
        match name {
            "Condition" => self.named_condition(argument.text()?, depth),
            "Fn::Equals" => {
                let [first, second] = argument.items() else {
                    return None;
                };
                let (first, second) = (self.at(first, depth), self.at(second, depth));
                Some(first.text()? == second.text()?)
            }
            "Fn::Not" => all().next()?.map(|it| !it),
            "Fn::And" => decided(all(), false),
            "Fn::Or" => decided(all(), true),
            _ => None,
        }
    }
}

/// What several conditions come to, of which one that is `decisive` decides.
fn decided(conditions: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut is_known = true;
    for condition in conditions {
        match condition {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!decisive)
}

fn joined<'t>(delimiter: &PropertyValue<'t>, list: &PropertyValue<'t>) -> PropertyValue<'t> {
    let (Some(delimiter), PropertyValue::List(items)) = (delimiter.text(), list) else {
        return PropertyValue::Unknown;
    };
    let (mut parts, mut has_secret) = (Vec::new(), false);
    for item in items {
        match item {
            PropertyValue::Text { text, is_secret } => {
                parts.push(text.as_str());
                has_secret |= is_secret;
            }
            PropertyValue::Absent => {}
            _ => return PropertyValue::Unknown,
        }
    }
    PropertyValue::Text {
        text: parts.join(delimiter),
        is_secret: has_secret,
    }
}

/// The value of a parameter: what is given, or its default.
fn parameter<'t>(
    declared: &'t TemplateNode,
    given: Option<&'t Option<String>>,
) -> PropertyValue<'t> {
    let text = |name: &str| declared.get(name).and_then(TemplateNode::text);
    let type_name = text("Type").unwrap_or_default();
    // The value is the name of another one.
    if type_name.starts_with("AWS::SSM::Parameter::Value") {
        return PropertyValue::Unknown;
    }
    let value = match given {
        Some(given) => given.as_deref(),
        None => text("Default"),
    };
    let Some(value) = value else {
        return PropertyValue::Unknown;
    };
    let is_secret = text("NoEcho").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let is_list = type_name == "CommaDelimitedList" || type_name.starts_with("List<");
    let of = |text: &str| PropertyValue::Text {
        text: text.to_owned(),
        is_secret,
    };
    if is_list {
        return PropertyValue::List(value.split(',').map(|part| of(part.trim())).collect());
    }
    of(value)
}

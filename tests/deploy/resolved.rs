//! A template as CloudFormation resolves it for given parameters.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::moto::REQUIREMENTS;
use crate::venv;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/whole.py");

/// A template, and the provider's schemas of its types.
#[derive(Debug)]
pub struct Whole {
    /// The template as it stands in the file, with the long forms of functions.
    pub template: Value,
    /// By type. Custom resources have none.
    pub schemas: Map<String, Value>,
}

/// Where a stack is created, and the parameters that it is given. The others have their defaults.
#[derive(Clone, Debug)]
pub struct Given {
    pub stack: String,
    pub region: String,
    pub parameters: BTreeMap<String, String>,
}

/// A resource of a stack.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub kind: String,
    /// What refers to other resources stays a text such as `${Topic}` or `${Queue.Arn}`.
    pub properties: Value,
    /// What happens to the resource when it is deleted, and when it is replaced.
    pub deletion: String,
    pub replacement: String,
}

impl Given {
    /// A stack of this name with the default parameters.
    pub fn named(stack: &str) -> Self {
        Self {
            stack: stack.to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: BTreeMap::new(),
        }
    }

    /// The same stack with these parameters too.
    pub fn with(mut self, parameters: &[(&str, &str)]) -> Self {
        for (name, value) in parameters {
            self.parameters
                .insert((*name).to_owned(), (*value).to_owned());
        }
        self
    }
}

impl Whole {
    /// Reads the template at the path, once for all tests.
    pub fn read(path: &str) -> Arc<Self> {
        static READ: Mutex<BTreeMap<String, Arc<Whole>>> = Mutex::new(BTreeMap::new());
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = read.entry(path.to_owned());
        Arc::clone(whole.or_insert_with(|| Arc::new(Self::parse(path))))
    }

    fn parse(path: &str) -> Self {
        let mut python = Command::new(venv::installed("moto", REQUIREMENTS).join("python"));
        let read = python.args([READER, path]).output().unwrap();
        let errors = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success(), "{errors}");
        let mut read: Value = serde_json::from_slice(&read.stdout).unwrap();
        let Value::Object(schemas) = read["schemas"].take() else {
            panic!("{path}: no schemas");
        };
        let template = read["template"].take();
        Self { template, schemas }
    }

    /// The resources that the stack has, by logical id.
    pub fn resources(&self, given: &Given) -> BTreeMap<String, Resolved> {
        self.resources_of(given, "")
    }

    /// Those of them whose type begins with the text. What is left out costs nothing.
    pub fn resources_of(&self, given: &Given, kind: &str) -> BTreeMap<String, Resolved> {
        let stack = Stack {
            template: &self.template,
            given,
        };
        let resources = self.template["Resources"].as_object().unwrap().iter();
        let wanted = resources.filter(|(_, it)| it["Type"].as_str().unwrap().starts_with(kind));
        let existing = wanted.filter(|(_, it)| stack.holds_of(it));
        existing
            .map(|(id, it)| (id.clone(), stack.resource(it)))
            .collect()
    }

    /// What the template's rules say against the parameters. CloudFormation then makes nothing.
    pub fn objections(&self, given: &Given) -> Vec<String> {
        let stack = Stack {
            template: &self.template,
            given,
        };
        let rules = self.template["Rules"].as_object().unwrap().values();
        let asked = rules.filter(|rule| stack.holds(&rule["RuleCondition"]));
        let assertions = asked.flat_map(|rule| rule["Assertions"].as_array().unwrap());
        let broken = assertions.filter(|it| !stack.holds(&it["Assert"]));
        broken.map(|it| plain(&it["AssertDescription"])).collect()
    }

    /// The outputs that the stack has, by name.
    pub fn outputs(&self, given: &Given) -> BTreeMap<String, Value> {
        let stack = Stack {
            template: &self.template,
            given,
        };
        let outputs = self.template["Outputs"].as_object().unwrap().iter();
        let existing = outputs.filter(|(_, it)| stack.holds_of(it));
        existing
            .map(|(name, it)| (name.clone(), stack.value(&it["Value"]).unwrap()))
            .collect()
    }
}

struct Stack<'a> {
    template: &'a Value,
    given: &'a Given,
}

impl Stack<'_> {
    fn resource(&self, written: &Value) -> Resolved {
        let policy = |name: &str| written[name].as_str().unwrap_or("Delete").to_owned();
        Resolved {
            kind: written["Type"].as_str().unwrap().to_owned(),
            properties: self.value(&written["Properties"]).unwrap_or(json!({})),
            deletion: policy("DeletionPolicy"),
            replacement: policy("UpdateReplacePolicy"),
        }
    }

    /// Whether the condition of a resource or output holds.
    fn holds_of(&self, written: &Value) -> bool {
        let condition = written["Condition"].as_str();
        condition.is_none_or(|name| self.holds(&self.template["Conditions"][name]))
    }

    fn holds(&self, condition: &Value) -> bool {
        let (function, of) = function(condition)
            .unwrap_or_else(|| panic!("a condition that this does not read: {condition}"));
        let all = || of.as_array().unwrap().iter();
        match function {
            "Condition" => self.holds(&self.template["Conditions"][of.as_str().unwrap()]),
            "Fn::And" => all().all(|it| self.holds(it)),
            "Fn::Or" => all().any(|it| self.holds(it)),
            "Fn::Not" => all().all(|it| !self.holds(it)),
            "Fn::Equals" => {
                let sides = all().map(|it| plain(&self.value(it).unwrap()));
                let sides: Vec<String> = sides.collect();
                sides[0] == sides[1]
            }
            other => panic!("a condition that this does not read: {other}"),
        }
    }

    /// The value; `None` for `AWS::NoValue`.
    fn value(&self, written: &Value) -> Option<Value> {
        if let Some((function, of)) = function(written) {
            return self.call(function, of);
        }
        Some(match written {
            Value::Object(members) => members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), self.value(value)?)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => items
                .iter()
                .filter_map(|item| self.value(item))
                .collect::<Vec<_>>()
                .into(),
            other => other.clone(),
        })
    }

    fn call(&self, function: &str, of: &Value) -> Option<Value> {
        let part = |at: usize| self.value(&of[at]).unwrap();
        let text = |at: usize| plain(&part(at));
        Some(match function {
            "Ref" => return self.named(of.as_str().unwrap()),
            "Fn::If" => {
                let condition = of[0].as_str().unwrap();
                let holds = self.holds(&self.template["Conditions"][condition]);
                return self.value(&of[if holds { 1 } else { 2 }]);
            }
            "Fn::GetAtt" => match of {
                Value::String(whole) => json!(format!("${{{whole}}}")),
                _ => json!(format!("${{{}.{}}}", text(0), text(1))),
            },
            "Fn::Join" => {
                let parts = part(1);
                let parts = parts.as_array().unwrap().iter().map(plain);
                json!(parts.collect::<Vec<_>>().join(&text(0)))
            }
            "Fn::Split" => {
                let (mark, whole) = (text(0), text(1));
                json!(whole.split(&mark).collect::<Vec<_>>())
            }
            "Fn::Select" => {
                let at: usize = text(0).parse().unwrap();
                part(1)[at].clone()
            }
            "Fn::FindInMap" => self.template["Mappings"][text(0)][text(1)][text(2)].clone(),
            "Fn::Sub" if of.is_string() => json!(self.substitute(&plain(of), &Map::new())),
            "Fn::Sub" => {
                let parts = part(1);
                json!(self.substitute(&text(0), parts.as_object().unwrap()))
            }
            other => panic!("a function that this does not read: {other}"),
        })
    }

    /// The value of a parameter or of what CloudFormation knows; a resource stays a text.
    fn named(&self, name: &str) -> Option<Value> {
        let known = match name {
            "AWS::NoValue" => return None,
            "AWS::AccountId" => "111122223333",
            "AWS::Partition" => "aws",
            "AWS::Region" => &self.given.region,
            "AWS::StackName" => &self.given.stack,
            "AWS::StackId" => "${AWS::StackId}",
            "AWS::URLSuffix" => "amazonaws.com",
            _ => return Some(self.parameter(name)),
        };
        Some(json!(known))
    }

    fn parameter(&self, name: &str) -> Value {
        let parameter = &self.template["Parameters"][name];
        if parameter.is_null() {
            return json!(format!("${{{name}}}"));
        }
        let given = self.given.parameters.get(name).cloned();
        let value = given.unwrap_or_else(|| plain(&parameter["Default"]));
        match parameter["Type"].as_str().unwrap() {
            "CommaDelimitedList" => value.split(',').map(str::trim).collect(),
            _ => json!(value),
        }
    }

    fn substitute(&self, text: &str, parts: &Map<String, Value>) -> String {
        let mut pieces = text.split("${");
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap();
            let value = match parts.get(name) {
                Some(part) => plain(part),
                None if name.starts_with('!') => format!("${{{}}}", &name[1..]),
                None => plain(&self.named(name).unwrap()),
            };
            whole.push_str(&value);
            whole.push_str(rest);
        }
        whole
    }
}

/// The function that the value calls, with its arguments.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (name, of) = members.iter().next()?;
    let is_condition = name == "Condition" && of.is_string();
    let is_function = name == "Ref" || name.starts_with("Fn::") || is_condition;
    (members.len() == 1 && is_function).then_some((name, of))
}

/// A text or number as a text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The paths of all templates, sorted.
pub fn every_template() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cloudformation");
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let templates = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    let mut templates: Vec<_> = templates.map(|it| it.display().to_string()).collect();
    templates.sort();
    templates
}

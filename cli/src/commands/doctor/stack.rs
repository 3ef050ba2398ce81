//! The stack: its status, its version, and the names of what it created.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::checks::{Area, STACK_CHANGING, STACK_FAILED, STACK_VERSION};
use super::exam::{Exam, Look};
use crate::aws::other::{OtherCall, OtherService};

const DESCRIBE: OtherCall = OtherCall::new(
    OtherService::CloudFormation,
    "cloudformation:DescribeStacks",
);
const LIST: OtherCall = OtherCall::new(
    OtherService::CloudFormation,
    "cloudformation:ListStackResources",
);

/// This command's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most pages of a stack's resources. A stack has at most 500, and a page 100.
const MOST_PAGES: usize = 10;

/// What CloudFormation says of the stack.
#[derive(Clone, Debug, Default)]
pub struct StackParts {
    /// Whether there is a stack of this name; `None` if that is not known.
    pub exists: Option<bool>,
    /// The physical ids by the logical ones; `None` if they are not known.
    resources: Option<BTreeMap<String, String>>,
    alarms: Vec<String>,
    parameters: BTreeMap<String, String>,
}

impl StackParts {
    /// The physical id of a resource.
    pub fn id(&self, logical: &str) -> Option<&str> {
        self.resources.as_ref()?.get(logical).map(String::as_str)
    }

    /// The value of a parameter of the stack, if the stack was seen.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The names of the stack's alarms; `None` if they are not known.
    pub fn alarms(&self) -> Option<&[String]> {
        self.resources.as_ref().map(|_| self.alarms.as_slice())
    }
}

/// Looks at the stack.
pub async fn examine(exam: &mut Exam) -> StackParts {
    let mut parts = StackParts::default();
    let name = exam.stack.clone();
    let look = Look::new(
        Area::Stack,
        "whether the stack is whole, and of which version",
    );
    let described = DESCRIBE.send(&exam.access.config, json!({"StackName": name}));
    let described = described.await;
    // CloudFormation's code for a stack that does not exist is one for every mistake.
    let is_absent = described.as_ref().is_err_and(|error| {
        error.code() == Some("ValidationError") && error.message().contains("does not exist")
    });
    if is_absent {
        parts.exists = Some(false);
        return parts;
    }
    if let Some(described) = exam.see(look, described) {
        parts.exists = Some(true);
        exam.has_stack = true;
        let stack = described.pointer("/Stacks/0").cloned().unwrap_or_default();
        parts.parameters = parameters(&stack);
        judge_status(exam, &stack);
        judge_version(exam, &stack);
    }
    list_resources(exam, &mut parts).await;
    parts
}

/// Reads the names of what the stack created.
async fn list_resources(exam: &mut Exam, parts: &mut StackParts) {
    let look = Look::new(
        Area::Stack,
        "what the stack created, so that names are those of its template",
    );
    let mut resources = BTreeMap::new();
    let mut alarms = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut parameters = json!({"StackName": exam.stack});
        if let (Some(token), Some(members)) = (&next, parameters.as_object_mut()) {
            members.insert("NextToken".to_owned(), json!(token));
        }
        let page = LIST.send(&exam.access.config, parameters).await;
        let Some(page) = exam.see(look, page) else {
            return;
        };
        let list = page.get("StackResourceSummaries").and_then(Value::as_array);
        for resource in list.into_iter().flatten() {
            let text = |name: &str| resource.get(name).and_then(Value::as_str);
            let (Some(logical), Some(id)) = (text("LogicalResourceId"), text("PhysicalResourceId"))
            else {
                continue;
            };
            if id.is_empty() {
                continue;
            }
            if text("ResourceType") == Some("AWS::CloudWatch::Alarm") {
                alarms.push(id.to_owned());
            }
            resources.insert(logical.to_owned(), id.to_owned());
        }
        next = page
            .get("NextToken")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned);
        if next.as_deref().unwrap_or_default().is_empty() {
            break;
        }
    }
    parts.resources = Some(resources);
    parts.alarms = alarms;
}

fn judge_status(exam: &mut Exam, stack: &Value) {
    let text = |name: &str| stack.get(name).and_then(Value::as_str).unwrap_or_default();
    let status = text("StackStatus");
    let name = exam.stack.clone();
    let named = ["--stack-name", name.as_str()];
    let aws =
        |exam: &Exam, command: &str| exam.aws(&[&["cloudformation", command], &named[..]].concat());
    let fixes = match status {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => vec![
            aws(exam, "describe-stack-events"),
            aws(exam, "delete-stack"),
            exam.deploy(&[]),
        ],
        "UPDATE_ROLLBACK_FAILED" => vec![
            aws(exam, "describe-stack-events"),
            aws(exam, "continue-update-rollback"),
        ],
        failed if failed.ends_with("_FAILED") => {
            vec![aws(exam, "describe-stack-events"), exam.deploy(&[])]
        }
        changing if changing.ends_with("_IN_PROGRESS") => {
            let what = format!("The stack {name} is being changed right now ({changing}).");
            let wait = aws(exam, "describe-stacks");
            exam.complain(STACK_CHANGING, what, [wait]);
            return;
        }
        _ => return,
    };
    let reason = match text("StackStatusReason") {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let what = format!("The stack {name} is in {status}{reason}.");
    exam.complain(STACK_FAILED, what, fixes);
}

fn parameters(stack: &Value) -> BTreeMap<String, String> {
    let parameters = stack.get("Parameters").and_then(Value::as_array);
    let parameters = parameters.into_iter().flatten().filter_map(|parameter| {
        let text = |name: &str| Some(parameter.get(name)?.as_str()?.to_owned());
        Some((text("ParameterKey")?, text("ParameterValue")?))
    });
    parameters.collect()
}

fn judge_version(exam: &mut Exam, stack: &Value) {
    let outputs = stack.get("Outputs").and_then(Value::as_array);
    let version = outputs.into_iter().flatten().find_map(|output| {
        let is_it = output.get("OutputKey").and_then(Value::as_str) == Some("Version");
        let value = output.get("OutputValue").and_then(Value::as_str);
        value.filter(|_| is_it)
    });
    let what = match version {
        Some(VERSION) => return,
        Some(other) => format!(
            "The stack {} is of version {other}, and this command is of version {VERSION}.",
            exam.stack
        ),
        None => format!(
            "The stack {} does not say its version, so it is older than this command ({VERSION}).",
            exam.stack
        ),
    };
    let deploy = exam.deploy(&[]);
    exam.complain(STACK_VERSION, what, [deploy]);
}

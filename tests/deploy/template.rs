//! A CloudFormation template as a value, read by `template.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::moto::REQUIREMENTS;
use crate::venv;

/// The stack's template.
pub const STACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloudformation/tagwarden.yaml");

/// The conformance pack's template.
pub const PACK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/cloudformation/conformance-pack.yaml"
);

/// The hook's template.
pub const HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloudformation/hook.yaml");

/// The template of an organization's members.
pub const MEMBERS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/cloudformation/organization.yaml"
);

/// The organization's conformance pack.
pub const MEMBERS_PACK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/cloudformation/organization-pack.yaml"
);

/// The template of the account that keeps the policy.
pub const CENTRAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cloudformation/central.yaml");

/// The parts of a template that the tests check.
#[derive(Debug, Deserialize)]
pub struct Template {
    /// The names of the top-level sections, sorted.
    pub sections: Vec<String>,
    /// The parameters, as they stand in the template.
    pub parameters: BTreeMap<String, Value>,
    /// The names of the outputs.
    pub outputs: BTreeSet<String>,
    pub resources: Vec<Resource>,
    pub statements: Vec<Statement>,
    pub suppressed: Vec<Suppressed>,
}

/// One resource.
#[derive(Debug, Deserialize)]
pub struct Resource {
    pub id: String,
    /// `AWS::…`.
    pub kind: String,
    /// The properties, as they stand in the template.
    pub properties: Value,
    /// The condition under which it is created.
    pub condition: Option<String>,
}

/// One statement of a role's policies.
#[derive(Debug, Deserialize)]
pub struct Statement {
    pub role: String,
    pub condition: Option<String>,
    pub sid: String,
    pub effect: String,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub conditions: BTreeMap<String, String>,
}

/// A suppressed check of the security linter, with the reason.
#[derive(Debug, Deserialize)]
pub struct Suppressed {
    pub resource: String,
    pub check: String,
    pub comment: String,
}

impl Template {
    /// Reads the template at the path.
    pub fn read(path: &str) -> Self {
        let read = Command::new(venv::installed("moto", REQUIREMENTS).join("python"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/deploy/template.py"
            ))
            .arg(path)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success(), "{errors}");
        serde_json::from_slice(&read.stdout).unwrap()
    }
}

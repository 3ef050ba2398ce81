//! aws-cdk-lib synthesizes stacks: does tagwarden find owners where the app put them?

use std::collections::{BTreeMap, BTreeSet};

use crate::{folder, node, preflight};

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles/cdk.js");

#[test]
fn finds_owners_where_a_cdk_app_put_them() {
    let folder = folder("cdk");
    let mut app = node::script(APP);
    let output = app.arg(folder.join("cdk.out")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stacks: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stacks.len(), 3);
    for (stack, resources) in stacks {
        let without = resources.iter().filter(|(_, owner)| *owner == "never");
        let without: BTreeSet<&String> = without.map(|(resource, _)| resource).collect();
        assert!(resources.len() > without.len());
        let template = format!("{stack}.template.json");
        let errors = preflight(&folder, "cdk.out", &template, "error");
        let found: BTreeSet<&String> = errors.iter().map(|(_, resource, _)| resource).collect();
        assert_eq!(found, without, "{stack}");
        let warnings = preflight(&folder, "cdk.out", &template, "warning");
        assert_eq!(warnings, BTreeSet::new(), "{stack}");
    }
}

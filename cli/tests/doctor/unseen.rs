//! What may not be seen is named, and never counts as sound.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tagwarden_sandbox::{Described, Fault, Service};

use super::clinic::Clinic;
use crate::support::{stderr, stdout};

/// The name of a call in IAM's policies.
fn iam_name(service: Service, operation: &str) -> String {
    let service = match service {
        Service::CloudWatch => "cloudwatch",
        other => other.as_str(),
    };
    format!("{service}:{operation}")
}

/// Every call that doctor makes on a sound account, but for the one that needs no permission.
pub fn calls(clinic: &Clinic) -> BTreeSet<(Service, String)> {
    clinic.account.forget_calls();
    clinic.examine();
    let calls = clinic.account.calls().into_iter();
    let calls = calls.filter(|call| call.service != Service::Sts);
    calls.map(|call| (call.service, call.operation)).collect()
}

fn deny(clinic: &Clinic, operation: &str) {
    let message = "User is not authorized to perform this";
    let denied = Fault::new(operation, "AccessDeniedException", message);
    clinic.account.fail(denied.status(403).always());
}

#[test]
fn names_each_call_that_is_denied_and_never_calls_its_part_sound() {
    let all = calls(&Clinic::new("denied"));
    let mut states: BTreeMap<String, i32> = BTreeMap::new();
    for (number, (service, operation)) in all.iter().enumerate() {
        let clinic = Clinic::new(&format!("denied-{number}"));
        deny(&clinic, operation);
        let report = clinic.examine();
        let name = iam_name(*service, operation);
        assert!(
            report.unseen().contains(&name),
            "{name}: {}",
            report.document
        );
        // What hides behind it is no fault that anybody saw.
        assert_eq!(report.checks(), Vec::<String>::new(), "{name}");
        for unseen in report.document["unseen"].as_array().unwrap() {
            let area = unseen["area"].as_str().unwrap();
            assert_ne!(report.state(area), "sound", "{unseen}");
            assert_ne!(report.state(area), "unused", "{unseen}");
            if unseen["call"] == json!(name) {
                let next = unseen["whatNext"].as_str().unwrap();
                assert_eq!(next, format!("Allow {name} to these credentials."));
            }
        }
        // The text has the same list. One of each kind of protocol is enough.
        if number < 4 {
            let text = clinic.text();
            assert!(text.contains(&name), "{text}");
        }
        states.insert(name, report.status);
    }
    // Only what can hide no more than a note leaves the verdict alone.
    let minor = states.iter().filter(|(_, status)| **status == 0);
    let minor: Vec<&str> = minor.map(|(name, _)| name.as_str()).collect();
    assert_eq!(minor, ["ce:ListCostAllocationTags", "logs:FilterLogEvents"]);
    assert!(
        states.values().all(|status| [0, 2].contains(status)),
        "{states:?}"
    );
}

#[test]
fn ends_with_an_error_where_nothing_may_be_seen() {
    let clinic = Clinic::new("nothing");
    for (_, operation) in calls(&clinic) {
        deny(&clinic, &operation);
    }
    let output = clinic.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(
        message.starts_with("error: nothing of the stack \"tagwarden\" in us-east-1"),
        "{message}"
    );
    assert!(
        message.contains("cloudformation:DescribeStacks"),
        "{message}"
    );
    assert!(
        message.contains("docs/doctor.md lists the permissions"),
        "{message}"
    );
}

/// Where AWS cannot be reached, doctor does not try every call.
#[test]
fn ends_soon_where_nobody_answers() {
    let clinic = Clinic::new("nobody");
    let mut command = clinic.command(&["doctor"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains("AWS could not be reached: check the network"),
        "{message}"
    );
}

/// The stack and the functions are not all that there is.
#[test]
fn looks_on_where_the_functions_may_not_be_seen() {
    let clinic = Clinic::new("partly");
    for operation in [
        "DescribeStacks",
        "ListStackResources",
        "GetFunctionConfiguration",
    ] {
        deny(&clinic, operation);
    }
    let report = clinic.examine();
    assert_eq!(report.status, 2);
    assert_eq!(report.state("recorder"), "sound");
    assert_eq!(report.state("trail"), "sound");
    assert_eq!(report.state("policy"), "unseen");
}

#[test]
fn a_member_account_learns_who_may_see_cost_allocation_tags() {
    let clinic = Clinic::new("member");
    let message = "Failed to list Cost Allocation Tag: Linked account doesn't have access to cost allocation tags.";
    let denied = Fault::new("ListCostAllocationTags", "AccessDeniedException", message);
    clinic.account.fail(denied.always());
    let report = clinic.examine();
    assert_eq!(report.status, 0, "{}", report.document);
    let next = report.document["unseen"][0]["whatNext"].as_str().unwrap();
    assert!(
        next.starts_with("Only the organization's management account"),
        "{next}"
    );
    assert_eq!(report.document["unseen"][0]["hides"], "note");
}

#[test]
fn needs_no_cloudformation_to_find_the_parts() {
    let clinic = Clinic::new("names");
    deny(&clinic, "DescribeStacks");
    deny(&clinic, "ListStackResources");
    clinic.account.put_message(&clinic.dead_letters, "{}");
    let report = clinic.examine();
    assert_eq!(report.checks(), ["dead-letters"]);
    assert_eq!(report.state("functions"), "sound");
    assert_eq!(report.state("alarms"), "sound");
    assert_eq!(report.state("stack"), "unseen");
}

#[test]
fn finds_the_parts_by_the_stack_where_the_functions_are_gone() {
    let clinic = Clinic::new("parts");
    for function in [super::clinic::RULE, super::clinic::REMEDIATION] {
        clinic
            .account
            .forget_description(Described::Function, function);
    }
    let report = clinic.examine();
    assert_eq!(report.checks(), ["function-missing", "function-missing"]);
    for area in ["policy", "ledger", "queue", "reports"] {
        assert_eq!(report.state(area), "sound", "{area}");
    }
    for area in ["config-rule", "events", "permissions"] {
        assert_eq!(report.state(area), "unseen", "{area}");
    }
}

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    who: String,
    user_identity: Value,
    value: String,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

fn name(identity: Value) -> Option<String> {
    let identity: UserIdentity = serde_json::from_value(identity).unwrap();
    identity.name()
}

#[test]
fn names_every_case() {
    for case in cases() {
        let written = name(case.user_identity);
        assert_eq!(written.as_deref(), Some(&*case.value), "{}", case.who);
    }
}

/// The table in the documentation is made from the same cases. `UPDATE_DOCS=1` writes it anew.
#[test]
fn documents_the_names_it_writes() {
    const BEGIN: &str = "<!-- identities: begin -->\n";
    const END: &str = "<!-- identities: end -->";
    let mut table = "| Who launched it | `type` | `CreatedBy` |\n|---|---|---|\n".to_owned();
    for case in cases() {
        let kind = case.user_identity["type"].as_str().unwrap();
        let value = name(case.user_identity.clone()).unwrap();
        writeln!(table, "| {} | {kind} | `{value}` |", case.who).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attribution.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(documented, table, "UPDATE_DOCS=1 writes the table anew");
    }
}

/// Members may be missing: what is left still names as well as it can.
#[test]
fn names_from_partial_identities() {
    let session = "arn:aws:sts::111111111111:assumed-role/Ci/GitHubActions";
    for (identity, expected) in [
        (
            json!({"type": "AssumedRole", "arn": session}),
            "Ci/GitHubActions",
        ),
        (
            json!({"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "Ci"}}}),
            "Ci",
        ),
        (
            json!({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
                "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"}}}),
            "autoscaling.amazonaws.com",
        ),
        (
            json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:AWSCloudFormation", "arn": "arn:aws:sts::1:assumed-role/deploy/AWSCloudFormation"}),
            "deploy/AWSCloudFormation",
        ),
        (
            json!({"type": "IAMUser", "userName": "", "arn": "arn:aws:iam::1:user/ann"}),
            "ann",
        ),
        (
            json!({"type": "Root", "accessKeyId": "", "invokedBy": ""}),
            "root",
        ),
        // Signed with temporary credentials, whose key CloudTrail need not show: a person, not the service.
        (
            json!({"type": "Root", "sessionContext": {}, "invokedBy": "cloudformation.amazonaws.com"}),
            "root",
        ),
        (
            json!({"type": "Root", "accessKeyId": "ASIAEXAMPLEKEYID00000", "invokedBy": "cloudformation.amazonaws.com"}),
            "root",
        ),
        (json!({"type": "Root", "invokedBy": "AWS Internal"}), "root"),
        (
            json!({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/AWSServiceRoleForX/x", "invokedBy": "AWS Internal"}),
            "x",
        ),
        (
            json!({"accountId": "111111111111", "invokedBy": "ec2.amazonaws.com"}),
            "ec2.amazonaws.com",
        ),
        (
            json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com", "principalId": "AIDAEXAMPLE:x"}),
            "ec2.amazonaws.com",
        ),
        // The path tells a service's role, whatever the role is called.
        (
            json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:x",
                "sessionContext": {"sessionIssuer": {"userName": "Other", "arn": "arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/Other"}}}),
            "x.amazonaws.com",
        ),
        (
            json!({"invokedBy": "spot.amazonaws.com"}),
            "spot.amazonaws.com",
        ),
        (
            json!({"type": "AWSAccount", "accountId": "", "principalId": "AIDAEXAMPLE:ann"}),
            "ann",
        ),
    ] {
        assert_eq!(
            name(identity.clone()).as_deref(),
            Some(expected),
            "{identity}"
        );
    }
}

#[test]
fn names_no_one_without_an_identity() {
    for identity in [
        json!({}),
        json!({"accountId": "111111111111", "invokedBy": "AWS Internal"}),
        json!({"type": "AWSService", "invokedBy": "AWS Internal"}),
        json!({"type": "IAMUser", "userName": " "}),
        json!({"type": "IAMUser", "userName": "\u{7}"}),
        json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:", "arn": "nothing"}),
    ] {
        assert_eq!(name(identity), None);
    }
}

#[test]
fn fits_names_into_tag_values() {
    for (given, fitting) in [
        ("é".repeat(300), "é".repeat(256)),
        (
            format!("{} {}", "a".repeat(255), "b".repeat(9)),
            "a".repeat(255),
        ),
        (" ann\n\u{0}smith ".to_owned(), "annsmith".to_owned()),
    ] {
        let identity = json!({"type": "IAMUser", "userName": given});
        assert_eq!(name(identity), Some(fitting));
    }
    // It would be written, and found empty again at every look.
    assert_eq!(tag_value("\u{200b}\u{feff}"), None);
}

#[test]
fn names_principals_by_their_arn() {
    for (arn, expected) in [
        (
            "arn:aws:sts::111111111111:assumed-role/EndUsers/ann@example.com",
            Some("ann@example.com"),
        ),
        (
            "arn:aws:sts::111111111111:assumed-role/Ci/GitHubActions",
            Some("Ci/GitHubActions"),
        ),
        ("arn:aws:iam::111111111111:user/ops/ann", Some("ann")),
        ("arn:aws-us-gov:iam::111111111111:root", Some("root")),
        ("arn:aws:iam::111111111111:role/root", Some("root")),
        ("ann", None),
        ("", None),
    ] {
        assert_eq!(
            UserIdentity::of_principal(arn).name().as_deref(),
            expected,
            "{arn}"
        );
    }
}

#[test]
fn an_arn_tells_the_kind_of_principal() {
    for (arn, kind) in [
        ("arn:aws:iam::1:root", Some("Root")),
        ("arn:aws:sts::1:assumed-role/Ci/ann", Some("AssumedRole")),
        ("arn:aws:iam::1:user/assumed-role/ann", None),
        ("arn:aws:iam::1:role/Ci", None),
        ("ann", None),
    ] {
        let identity = UserIdentity::of_principal(arn);
        assert_eq!(identity.r#type.as_deref(), kind, "{arn}");
        assert_eq!(identity.arn.as_deref(), Some(arn));
    }
}

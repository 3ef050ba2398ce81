//! Customer managed keys: what the stack uses them for, what its roles may do with them, and the policy that the guide
//! gives them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::guard_rails::{KEY, REFERENCE, TABLE, of_kind, resources, statements, variable};
use crate::pages::read;
use crate::resolved::{Given, Whole};
use crate::template::STACK;

#[test]
fn the_key_is_for_tables_topics_and_logs_and_for_nothing_else() {
    let whole = Whole::read(STACK);
    let made = resources(
        &whole,
        &[("KmsKeyArn", KEY), ("CreateLettersTopic", "true")],
    );
    let uses: BTreeSet<&str> = made
        .iter()
        .filter(|(_, it)| {
            !it.kind.starts_with("AWS::IAM::") && it.properties.to_string().contains(KEY)
        })
        .map(|(id, _)| id.as_str())
        .collect();
    let wanted = [
        "LedgerTable",
        "LettersTopic",
        "PolicyTable",
        "RemediationLogs",
        "RuleLogs",
        "SeedLogs",
        "Topic",
    ];
    assert_eq!(uses, BTreeSet::from(wanted));
    assert!(!made.contains_key("TopicKey"));
    for queue in ["Queue", "DeadLetters"] {
        assert_eq!(made[queue].properties["SqsManagedSseEnabled"], true);
    }
    let here =
        |service: &str| json!({"kms:ViaService": format!("{service}.eu-west-1.amazonaws.*")});
    for role in ["SeedRole", "RuleRole", "RemediationRole"] {
        let tables = &statements(&made, role)["DecryptTables"];
        assert_eq!(
            (&tables["Action"], &tables["Resource"]),
            (&json!("kms:Decrypt"), &json!(KEY))
        );
        assert_eq!(tables["Condition"]["StringLike"], here("dynamodb"));
    }
    let reports = &statements(&made, "RemediationRole")["EncryptReports"];
    assert_eq!(reports["Resource"], KEY);
    assert_eq!(reports["Condition"]["StringLike"], here("sns"));
    // Nothing of it without the parameter.
    let without = resources(&whole, &[]);
    assert!(without.contains_key("TopicKey"));
    assert!(!statements(&without, "RuleRole").contains_key("DecryptTables"));
    assert_eq!(
        without["LedgerTable"].properties["SSESpecification"],
        json!({"SSEEnabled": true})
    );
}

/// The guide's policy admits what the stack needs the key for: the alarms as the stack's own key does, and the logs of
/// every function. Roles have their permissions by IAM, which the first statement lets in.
#[test]
fn the_guide_has_the_policy_that_the_key_needs() {
    let guide = read("docs/deploy.md");
    let section = guide.split("### A key of your own").nth(1).unwrap();
    let block = section.split("```json\n").nth(1).unwrap();
    let policy: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
    let [account, logs, alarms] = policy["Statement"].as_array().unwrap().as_slice() else {
        panic!("{policy}");
    };
    let here = Given::named("tagwarden").with(&[]);
    let made = Whole::read(STACK).resources(&here);
    let text = made["TopicKey"].properties["KeyPolicy"].to_string();
    let of_stack: Value = serde_json::from_str(&text).unwrap();
    let [of_account, of_alarms] = of_stack["Statement"].as_array().unwrap().as_slice() else {
        panic!("{of_stack}");
    };
    for (documented, own) in [(account, of_account), (alarms, of_alarms)] {
        for member in ["Sid", "Effect", "Action", "Resource"] {
            assert_eq!(documented[member], own[member], "{member}");
        }
    }
    assert_eq!(alarms["Principal"], of_alarms["Principal"]);
    assert_eq!(
        alarms["Condition"]["StringEquals"],
        json!({"aws:SourceAccount": "111111111111"})
    );
    assert_eq!(
        logs["Principal"],
        json!({"Service": format!("logs.{}.amazonaws.com", here.region)})
    );
    let may = &logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"];
    let beginning = format!("arn:aws:logs:{}:111111111111:log-group:", here.region);
    let groups = may.as_str().unwrap().strip_prefix(&beginning).unwrap();
    for group in of_kind(&made, "AWS::Logs::LogGroup") {
        let name = made[&group].properties["LogGroupName"].as_str().unwrap();
        assert!(
            name.starts_with(groups.strip_suffix('*').unwrap()),
            "{name}"
        );
    }
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    let needed = [
        "kms:Decrypt*",
        "kms:Describe*",
        "kms:Encrypt*",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
    ];
    assert_eq!(logs["Action"], json!(needed));
}

#[test]
fn a_table_by_its_arn_is_neither_created_nor_filled_and_its_key_serves_in_its_region() {
    let whole = Whole::read(STACK);
    let through = |parameters: &[(&str, &str)]| {
        let made = resources(&whole, parameters);
        ["RuleRole", "RemediationRole"].map(|role| {
            let statement = &statements(&made, role)["DecryptPolicy"];
            assert_eq!(
                (&statement["Action"], &statement["Resource"]),
                (&json!("kms:Decrypt"), &json!(KEY))
            );
            statement["Condition"]["StringLike"]["kms:ViaService"].clone()
        })
    };
    let made = resources(&whole, &[("PolicyTableArn", TABLE)]);
    for gone in [
        "PolicyTable",
        "SamplePolicy",
        "SeedFunction",
        "SeedRole",
        "SeedLogs",
    ] {
        assert!(!made.contains_key(gone), "{gone}");
    }
    for (function, role) in [
        ("RuleFunction", "RuleRole"),
        ("RemediationFunction", "RemediationRole"),
    ] {
        assert_eq!(variable(&made, function, "TAGWARDEN_POLICY_TABLE"), TABLE);
        assert_eq!(statements(&made, role)["ReadPolicy"]["Resource"], TABLE);
        assert!(!statements(&made, role).contains_key("DecryptPolicy"));
    }
    let key = ("PolicyKeyArn", KEY);
    let there = through(&[("PolicyTableArn", TABLE), key]);
    assert_eq!(
        there,
        [
            json!("dynamodb.eu-central-1.amazonaws.*"),
            json!("dynamodb.eu-central-1.amazonaws.*")
        ]
    );
    let here = through(&[("CreatePolicyTable", "false"), key]);
    assert_eq!(
        here,
        [
            json!("dynamodb.eu-west-1.amazonaws.*"),
            json!("dynamodb.eu-west-1.amazonaws.*")
        ]
    );
    let somewhere = through(&[("PolicyTableArn", REFERENCE), key]);
    assert_eq!(
        somewhere,
        [
            json!("dynamodb.*.amazonaws.*"),
            json!("dynamodb.*.amazonaws.*")
        ]
    );
    // A table that exists here is filled, if it is empty, and so may need its key as well.
    let existing = resources(&whole, &[("CreatePolicyTable", "false"), key]);
    assert!(!existing.contains_key("PolicyTable") && existing.contains_key("SamplePolicy"));
    assert_eq!(
        statements(&existing, "SeedRole")["DecryptPolicy"]["Resource"],
        KEY
    );
}

//! The whole loop on moto, an AWS emulator that others wrote: launch, evaluation, compliance change, queue,
//! remediation, report. `tests/moto/server.py` lists what was added to moto and by which AWS document.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

#[allow(dead_code, reason = "shared with the tests on the sandbox")]
#[path = "support/aftermath.rs"]
mod aftermath;
#[path = "moto/killed.rs"]
mod killed;
#[path = "support/moto.rs"]
mod moto;
#[allow(dead_code, reason = "shared with the tests of the stack")]
#[path = "support/moto_account.rs"]
mod moto_account;
#[path = "support/moto_stack.rs"]
mod moto_stack;
#[path = "support/patience.rs"]
mod patience;
#[path = "moto/places.rs"]
mod places;
#[path = "support/server.rs"]
mod server;
#[path = "support/venv.rs"]
mod venv;

use std::collections::BTreeMap;
use std::slice;
use std::sync::LazyLock;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_sdk_config::error::ProvideErrorMetadata;
use aws_sdk_config::primitives::DateTime;
use aws_sdk_config::types::{ComplianceType, Evaluation};
use moto::Moto;
use moto_account::{ACCOUNT, Account, RULE, eventually, eventually_mailed, launch, tags, verdicts};
use serde_json::{Value, json};

/// One server for all tests of this file. Each test uses a Region of its own.
static MOTO: LazyLock<Moto> = LazyLock::new(Moto::start);

const ENFORCE: &[(&str, &str)] = &[("TAGWARDEN_MODE", "enforce")];

#[tokio::test]
async fn fixes_and_reports_what_the_rule_finds() {
    let account = Account::in_region(&MOTO, "us-east-1");
    account.create_tables().await;
    let (vpc, other_vpc) = (account.create_vpc().await, account.create_vpc().await);
    let ana = account.ec2_of_ana();
    let ben = account.ec2_of_session("ben@acme.example").await;
    let bare = launch(&ana, &vpc.subnet, &[("Name", "web")]).await;
    let half = [
        ("ProjectCode", "Apollo"),
        ("CreatedBy", ""),
        ("Expires", "2031-01-01"),
    ];
    let half = launch(&ana, &vpc.subnet, &half).await;
    let bens = launch(&ben, &vpc.subnet, &[("ProjectCode", "Apollo")]).await;
    let undated = [("ProjectCode", "Apollo"), ("CreatedBy", "carla")];
    let undated = launch(&ana, &vpc.subnet, &undated).await;
    let protected = launch(&ana, &vpc.subnet, &[]).await;
    account.protect(&protected).await;
    let untagged = launch(&ana, &vpc.subnet, &[]).await;
    let elsewhere = launch(&ana, &other_vpc.subnet, &[]).await;

    let reports = account
        .deploy_remediation(&vpc.id, &compliance_changes_pattern(), ENFORCE)
        .await;
    account.deploy_rule(&vpc.id).await;
    let today = chrono::Utc::now().date_naive();
    account.start_evaluation().await;

    // The terminated instance has left the dashboard. The protected one is still untagged.
    let expected = verdicts(&[
        (&bare, "COMPLIANT"),
        (&half, "COMPLIANT"),
        (&bens, "COMPLIANT"),
        (&undated, "COMPLIANT"),
        (&protected, "NON_COMPLIANT"),
    ]);
    eventually(async || account.verdicts().await, |now| *now == expected).await;
    assert_eq!(account.state(&untagged).await, "terminated");
    assert_eq!(account.state(&protected).await, "running");

    let date = account.tags(&bare).await["Expires"].clone();
    assert!((today..=chrono::Utc::now().date_naive()).contains(&date.parse().unwrap()));
    let bare_now = [
        ("Name", "web"),
        ("ProjectCode", "Proj007"),
        ("CreatedBy", "ana"),
        ("Expires", &date),
    ];
    let half_now = [
        ("ProjectCode", "Apollo"),
        ("CreatedBy", "ana"),
        ("Expires", "2031-01-01"),
    ];
    let bens_now = [
        ("ProjectCode", "Apollo"),
        ("CreatedBy", "ben@acme.example"),
        ("Expires", &date),
    ];
    assert_eq!(account.tags(&bare).await, tags(&bare_now));
    assert_eq!(account.tags(&half).await, tags(&half_now));
    assert_eq!(account.tags(&bens).await, tags(&bens_now));

    let mail = [
        "The following tagging policy violations occurred:\n".to_owned(),
        format!("-- Instance {bare} missing tag ProjectCode. New tag created.\n"),
        format!("-- Instance {half} empty tag CreatedBy. Value set.\n"),
        format!("-- Instance {bens} missing tag Expires. New tag created.\n"),
        format!("-- {protected} has not been terminated. Reason: No tags found. Refused: "),
        format!("-- {untagged} has been terminated. Reason: No tags found.\n"),
    ];
    eventually_mailed(&account, &reports.mailbox, &mail).await;
    let report = account.receive(&reports.queue).await.remove(0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["mode"], "enforce", "{report}");

    // A second evaluation must change no verdict, do nothing and report nothing again.
    let before = account.invocation_times().await;
    account.start_evaluation().await;
    // The rule sends only the result that is not compliant again.
    let is_newer = |now: &BTreeMap<_, _>| now.get(&protected) > before.get(&protected);
    let mut now = eventually(async || account.invocation_times().await, is_newer).await;
    now.insert(protected.clone(), before[&protected]);
    assert_eq!(now, before);
    eventually(async || account.backlog().await, |messages| *messages == 0).await;
    assert_eq!(account.verdicts().await, expected);
    assert_eq!(account.tags(&bare).await, tags(&bare_now));
    assert_eq!(
        account.receive(&reports.mailbox).await,
        Vec::<String>::new()
    );

    // The sweep fills an optional tag, which no NON_COMPLIANT verdict triggers.
    let answer = account.invoke_remediation(&sweep()).await;
    assert_eq!(
        (&answer["tagged"], &answer["refused"]),
        (&json!(1), &json!(1)),
        "{answer}"
    );
    let undated_now = account.tags(&undated).await;
    assert_eq!(
        undated_now.keys().collect::<Vec<_>>(),
        ["CreatedBy", "Expires", "ProjectCode"]
    );
    assert_eq!(undated_now["CreatedBy"], "carla");
    assert_eq!(account.state(&elsewhere).await, "running");
}

#[tokio::test]
async fn dry_run_only_reports() {
    let account = Account::in_region(&MOTO, "us-west-2");
    account.create_tables().await;
    let vpc = account.create_vpc().await;
    let bare = launch(&account.ec2_of_ana(), &vpc.subnet, &[("Name", "web")]).await;
    let untagged = launch(&account.ec2_of_ana(), &vpc.subnet, &[]).await;

    let reports = account
        .deploy_remediation(&vpc.id, &compliance_changes_pattern(), &[])
        .await;
    account.deploy_rule(&vpc.id).await;
    account.start_evaluation().await;

    let mail = [
        format!("-- Instance {bare} missing tag ProjectCode. New tag would be created.\n"),
        format!("-- {untagged} would be terminated. Reason: No tags found.\n"),
    ];
    eventually_mailed(&account, &reports.mailbox, &mail).await;
    eventually(async || account.backlog().await, |messages| *messages == 0).await;
    assert_eq!(account.tags(&bare).await, tags(&[("Name", "web")]));
    assert_eq!(account.state(&untagged).await, "running");
    let expected = verdicts(&[(&bare, "NON_COMPLIANT"), (&untagged, "NON_COMPLIANT")]);
    assert_eq!(account.verdicts().await, expected);
}

#[tokio::test]
async fn tags_a_launch_from_its_own_event() {
    let account = Account::in_region(&MOTO, "eu-west-1");
    account.create_tables().await;
    let vpc = account.create_vpc().await;
    let launches = json!({
        "source": ["aws.ec2"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": { "eventName": ["RunInstances"] },
    });
    account
        .deploy_remediation(&vpc.id, &launches, ENFORCE)
        .await;
    account.deploy_rule(&vpc.id).await;

    // The test starts no evaluation: Config notices the launch and the change of tags.
    let ben = account.ec2_of_session("ben@acme.example").await;
    let instance = launch(&ben, &vpc.subnet, &[("Name", "web")]).await;
    let expected = verdicts(&[(&instance, "COMPLIANT")]);
    eventually(async || account.verdicts().await, |now| *now == expected).await;
    assert_eq!(
        account.tags(&instance).await["CreatedBy"],
        "ben@acme.example"
    );
}

#[tokio::test]
async fn moto_refuses_evaluations_that_config_refuses() {
    let account = Account::in_region(&MOTO, "eu-north-1");
    let evaluation = |annotation: &str| {
        Evaluation::builder()
            .compliance_resource_type("AWS::EC2::Instance")
            .compliance_resource_id("i-0123456789abcdef0")
            .compliance_type(ComplianceType::NonCompliant)
            .annotation(annotation)
            .ordering_timestamp(DateTime::from_secs(1_700_000_000))
            .build()
            .unwrap()
    };
    let put = async |count: usize, annotation: &str, test_mode: bool| {
        let put = account
            .config
            .put_evaluations()
            .result_token("TESTMODE")
            .test_mode(test_mode);
        let answer = put
            .set_evaluations(Some(vec![evaluation(annotation); count]))
            .send()
            .await;
        answer
            .map(|_| ())
            .map_err(|error| error.code().unwrap().to_owned())
    };

    assert_eq!(put(100, &"x".repeat(256), true).await, Ok(()));
    assert_eq!(
        put(101, "x", true).await,
        Err("ValidationException".to_owned())
    );
    assert_eq!(
        put(1, &"x".repeat(257), true).await,
        Err("ValidationException".to_owned())
    );
    assert_eq!(
        put(1, "x", false).await,
        Err("InvalidResultTokenException".to_owned())
    );
}

#[tokio::test]
async fn moto_shows_the_launcher_of_a_launch() {
    let account = Account::in_region(&MOTO, "eu-south-1");
    let vpc = account.create_vpc().await;
    let by_ana = launch(&account.ec2_of_ana(), &vpc.subnet, &[]).await;
    let by_ben = launch(
        &account.ec2_of_session("ben@acme.example").await,
        &vpc.subnet,
        &[],
    )
    .await;
    let by_root = launch(&account.ec2, &vpc.subnet, &[]).await;

    let look_up = async |key: LookupAttributeKey, value: &str| {
        let attribute = LookupAttribute::builder()
            .attribute_key(key)
            .attribute_value(value);
        let events = account
            .cloudtrail
            .lookup_events()
            .lookup_attributes(attribute.build().unwrap())
            .max_results(1)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .unwrap();
        let launches = events.into_iter().map(|event| {
            let instance = event.resources.unwrap().remove(0).resource_name.unwrap();
            (event.username.unwrap(), instance)
        });
        launches.collect::<Vec<_>>()
    };
    let ana = ("ana".to_owned(), by_ana.clone());
    let ben = ("ben@acme.example".to_owned(), by_ben);
    let root = ("root".to_owned(), by_root);

    let one = look_up(LookupAttributeKey::ResourceName, &by_ana).await;
    assert_eq!(one, slice::from_ref(&ana));
    let all = look_up(LookupAttributeKey::EventName, "RunInstances").await;
    assert_eq!(all, [root, ben, ana]);
    assert_eq!(
        look_up(LookupAttributeKey::EventName, "StopInstances").await,
        []
    );
}

/// The event pattern of the compliance changes that the remediation receives.
fn compliance_changes_pattern() -> Value {
    json!({
        "source": ["aws.config"],
        "detail-type": ["Config Rules Compliance Change"],
        "detail": {
            "configRuleName": [RULE],
        },
    })
}

/// The stack's scheduled event for a sweep.
fn sweep() -> Value {
    json!({ "source": "aws.events", "detail-type": "Scheduled Event", "account": ACCOUNT, "detail": {} })
}

//! The memory of a sweep: that of a page and of what is wrong, not of the fleet.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tagwarden_core::settings::Environment;
use tagwarden_remediation::{Remediation, Settings};
use tagwarden_sandbox::{Account, Launch, Loopback, NewVolume};

const TABLE: &str = "acme_cloud_policy_tagging_def";

/// A fleet of so many instances with two volumes each, of which so many lack their project.
fn fleet(instances: usize, faulty: usize) -> Account {
    let account = Account::new();
    let tags = |lacks: bool| {
        let volume = NewVolume::new().tag("Name", "data");
        if lacks {
            volume
        } else {
            volume.tag("ProjectCode", "Proj042")
        }
    };
    for number in 0..instances {
        let launch = Launch::new().tag("ProjectCode", "Proj042");
        let launch = launch.tag("Name", "web").ago(TimeDelta::days(9));
        let lacks = number < faulty;
        account.launch(launch.volume(tags(lacks)).volume(tags(false)));
    }
    account.create_table(TABLE);
    for row in [
        json!({
            "RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "From": "instance",
            "ResourceTypes": "instance, volume",
        }),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ] {
        account.put_item(TABLE, row);
    }
    account
}

/// The most bytes that the function holds at a time while it sweeps. The account is in another thread, and does not count.
fn peak(account: &Account, tagged: u64) -> u64 {
    let loopback = Loopback::serve(account).unwrap();
    account.create_table_with_keys("ledger", "Pk", "Sk");
    let variables = BTreeMap::from([
        ("TAGWARDEN_MODE", "enforce"),
        ("TAGWARDEN_LEDGER_TABLE", "ledger"),
        ("TAGWARDEN_RESOURCE_TYPES", "instance,volume"),
    ]);
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let settings = Settings::from_environment(&Environment::new(&variable)).unwrap();
    let config = account.sdk_config().into_builder();
    let config = config.endpoint_url(loopback.url());
    let config = config.http_client(tagwarden_aws::http_client()).build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sweep = || {
        let answer = runtime.block_on(async {
            let remediation = Remediation::new(&config, settings.clone());
            let mut context = Context::default();
            context.deadline = (Utc::now() + TimeDelta::minutes(15))
                .timestamp_millis()
                .unsigned_abs();
            let event = json!({"detail-type": "Scheduled Event", "source": "aws.events"});
            let event = LambdaEvent::new(event, context);
            remediation.handle(event).await.unwrap()
        });
        let written = answer.get("tagged").and_then(Value::as_u64);
        assert_eq!(written, Some(tagged));
    };
    allocation_counter::measure(sweep).bytes_max
}

/// Ten times the fleet with the same number of faults needs the same memory: 10,000 instances with 20,000 volumes.
#[test]
fn a_sweep_of_ten_times_the_volumes_needs_no_more_memory() {
    let small = peak(&fleet(1_000, 100), 100);
    let large = peak(&fleet(10_000, 100), 100);
    assert!(large * 10 < small * 11, "{small} and {large} bytes");
    // More faults need more.
    let faulty = peak(&fleet(1_000, 1_000), 1_000);
    assert!(faulty > large, "{faulty} and {large} bytes");
}

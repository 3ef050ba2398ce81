//! Reading events: from Lambda's bytes to a typed request.

use tagwarden_sandbox::{Account, Launch};

const RULE: &str = "tagwarden";
const OWN_ACCOUNT: &str = "111111111111";

/// An account with one instance, and its id.
fn account() -> (Account, String) {
    let account = Account::new();
    account.create_config_rule(RULE);
    let tags = ["Name", "ProjectCode", "CreatedBy", "Expires"];
    let launch = tags
        .into_iter()
        .fold(Launch::new(), |launch, key| launch.tag(key, "value"));
    let id = account.launch(launch);
    (account, id)
}

/// The events of the Config rule.
mod rule {
    use divan::{Bencher, black_box};
    use serde_json::Value;
    use tagwarden_rule::Event;

    use super::{RULE, account};

    #[divan::bench]
    fn change(bencher: Bencher<'_, '_>) {
        let (account, id) = account();
        read(bencher, &account.change_event(RULE, &id));
    }

    #[divan::bench]
    fn oversized_change(bencher: Bencher<'_, '_>) {
        let (account, id) = account();
        read(bencher, &account.oversized_event(RULE, &id));
    }

    #[divan::bench]
    fn schedule(bencher: Bencher<'_, '_>) {
        let (account, _) = account();
        read(bencher, &account.scheduled_event(RULE));
    }

    fn read(bencher: Bencher<'_, '_>, event: &Value) {
        let bytes = event.to_string().into_bytes();
        bencher.bench_local(|| {
            let payload = serde_json::from_slice(black_box(&bytes)).unwrap();
            Event::read(payload).unwrap()
        });
    }
}

/// The triggers of the remediation.
mod remediation {
    use divan::{Bencher, black_box};
    use serde_json::{Value, json};
    use tagwarden_remediation::link::Sender;
    use tagwarden_remediation::trigger;

    use super::{OWN_ACCOUNT, RULE, account};

    #[divan::bench]
    fn compliance_change(bencher: Bencher<'_, '_>) {
        let (_, id) = account();
        read(bencher, &compliance_change_of(&id));
    }

    #[divan::bench]
    fn run_instances(bencher: Bencher<'_, '_>) {
        let (account, id) = account();
        read(bencher, &account.run_instances_event(&id).unwrap());
    }

    #[divan::bench]
    fn schedule(bencher: Bencher<'_, '_>) {
        let event = json!({
            "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": OWN_ACCOUNT, "time": "2026-11-23T12:00:00Z", "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:111111111111:rule/tagwarden-sweep"], "detail": {},
        });
        read(bencher, &event);
    }

    #[divan::bench]
    fn config_notification_through_sns(bencher: Bencher<'_, '_>) {
        let (_, id) = account();
        let event = compliance_change_of(&id);
        let message = event.get("detail").map(Value::to_string);
        read(
            bencher,
            &json!({"Type": "Notification", "Message": message}),
        );
    }

    #[divan::bench(args = [1, 1_000])]
    fn instance_ids(bencher: Bencher<'_, '_>, count: usize) {
        let ids: Vec<String> = (0..count)
            .map(|number| format!("i-0{number:016x}"))
            .collect();
        read(bencher, &json!({ "instanceIds": ids }));
    }

    fn compliance_change_of(id: &str) -> Value {
        json!({
            "version": "0", "id": "1", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
            "account": OWN_ACCOUNT, "time": "2026-11-23T12:00:00Z", "region": "us-east-1", "resources": [],
            "detail": {
                "resourceId": id, "resourceType": "AWS::EC2::Instance", "awsRegion": "us-east-1",
                "awsAccountId": OWN_ACCOUNT, "configRuleName": RULE,
                "messageType": "ComplianceChangeNotification", "recordVersion": "1.0",
                "newEvaluationResult": {"complianceType": "NON_COMPLIANT", "annotation": "missing tag ProjectCode (rule 1)"},
            },
        })
    }

    fn read(bencher: Bencher<'_, '_>, event: &Value) {
        let bytes = event.to_string().into_bytes();
        let here = Sender {
            account: Some(OWN_ACCOUNT.to_owned()),
            ..Sender::default()
        };
        bencher.bench_local(|| {
            let payload: Value = serde_json::from_slice(black_box(&bytes)).unwrap();
            trigger::read(&payload, &here).unwrap()
        });
    }
}

//! The events with which Config invokes a custom rule's function, and the one it sends when a verdict
//! changes.
//!
//! The envelopes follow
//! <https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html>.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::item::{Recorded, RecordedItem};
use super::{Rule, Stored, resource_type};
use crate::Account;
use crate::account::Contents;
use crate::ec2::is_volume;
use crate::place::{ACCOUNT_ID, REGION};
use crate::wire::{iso_millis, iso_seconds};

impl Account {
    /// The event of a rule's schedule. The rule is made if there is none.
    #[must_use]
    pub fn scheduled_event(&self, rule: &str) -> Value {
        let now = self.now();
        let invoking = json!({
            "awsAccountId": ACCOUNT_ID,
            "notificationCreationTime": iso_millis(now),
            "messageType": "ScheduledNotification",
            "recordVersion": "1.0",
        });
        self.contents().invoke(rule, &invoking, now)
    }

    /// The event of a change of this instance or volume, whose configuration is recorded with it: of its deletion
    /// if it is ending or gone. The rule is made if there is none.
    #[must_use]
    pub fn change_event(&self, rule: &str, id: &str) -> Value {
        let now = self.now();
        let mut contents = self.contents();
        let recorded = contents.record(id, now);
        contents.invoke(rule, &change(&recorded, now), now)
    }

    /// The event of a change whose configuration item is too large to send: the function must fetch it,
    /// and can, for it is recorded. The rule is made if there is none.
    #[must_use]
    pub fn oversized_event(&self, rule: &str, id: &str) -> Value {
        let now = self.now();
        let mut contents = self.contents();
        let recorded = contents.record(id, now);
        let resource_type = resource_type(id);
        let bucket = format!("config-bucket-{ACCOUNT_ID}/AWSLogs/{ACCOUNT_ID}/Config/{REGION}");
        let invoking = json!({
            "configurationItemSummary": recorded.summary(),
            "s3DeliverySummary": {
                "s3BucketLocation": format!("{bucket}/OversizedChangeNotification/{resource_type}/{id}"),
                "errorCode": null,
                "errorMessage": null,
            },
            "notificationCreationTime": iso_millis(now),
            "messageType": "OversizedConfigurationItemChangeNotification",
            "recordVersion": "1.0",
        });
        contents.invoke(rule, &invoking, now)
    }

    /// The event of this instance's or volume's deletion, whether EC2 still shows it or not. The rule is made if there
    /// is none.
    #[must_use]
    pub fn deleted_event(&self, rule: &str, id: &str) -> Value {
        let now = self.now();
        let mut contents = self.contents();
        let deleted = RecordedItem::new(id, None, true, now);
        contents.config.history.push(deleted.clone());
        contents.invoke(rule, &change(&deleted, now), now)
    }

    /// This instance's or volume's configuration item as a change event carries it, without recording it.
    #[must_use]
    pub fn configuration_item(&self, id: &str) -> Value {
        let now = self.now();
        self.contents().observe(id, now).notified()
    }

    /// Records this instance's or volume's configuration, for `GetResourceConfigHistory` to find.
    pub fn record_configuration(&self, id: &str) {
        let now = self.now();
        self.contents().record(id, now);
    }
}

fn change(recorded: &RecordedItem, now: DateTime<Utc>) -> Value {
    json!({
        "configurationItemDiff": {"changedProperties": {}, "changeType": recorded.change_type()},
        "configurationItem": recorded.notified(),
        "notificationCreationTime": iso_millis(now),
        "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    })
}

impl Contents {
    /// What Config would record of an instance or a volume now.
    fn observe(&self, id: &str, now: DateTime<Utc>) -> RecordedItem {
        let known = self.config.history.iter().any(|item| item.id == id);
        let resource = if is_volume(id) {
            self.ec2.volume(id, now).map(Recorded::Volume)
        } else {
            self.ec2.instance(id, now).map(Recorded::Instance)
        };
        RecordedItem::new(id, resource, known, now)
    }

    fn record(&mut self, id: &str, now: DateTime<Utc>) -> RecordedItem {
        let recorded = self.observe(id, now);
        self.config.history.push(recorded.clone());
        recorded
    }

    /// The envelope in which an invoking event comes, with a result token of its own.
    fn invoke(&mut self, rule: &str, invoking: &Value, now: DateTime<Utc>) -> Value {
        let token = self.ids.token();
        self.config
            .tokens
            .insert(token.clone(), (rule.to_owned(), now));
        let rule = self.config.rule(rule, &mut self.ids);
        json!({
            "version": "1.0",
            "invokingEvent": invoking.to_string(),
            "ruleParameters": rule.parameters.to_string(),
            "resultToken": token,
            "eventLeftScope": false,
            "executionRoleArn": format!(
                "arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
            ),
            "configRuleArn": rule.arn(),
            "configRuleName": rule.name,
            "configRuleId": rule.id,
            "accountId": ACCOUNT_ID,
        })
    }
}

/// The event that EventBridge delivers when a resource's compliance becomes another, see
/// <https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html>.
pub(super) fn compliance_change(
    id: &str,
    rule: &Rule,
    resource: &(String, String),
    new: &Stored,
    old: Option<&Stored>,
) -> Value {
    let (resource_type, resource_id) = resource;
    let result = |stored: &Stored| {
        let evaluation = &stored.evaluation;
        let mut result = json!({
            "evaluationResultIdentifier": {
                "evaluationResultQualifier": {
                    "configRuleName": rule.name,
                    "resourceType": resource_type,
                    "resourceId": resource_id,
                    "evaluationMode": "DETECTIVE",
                },
                "orderingTimestamp": iso_millis(evaluation.ordering_timestamp),
            },
            "complianceType": evaluation.compliance_type,
            "resultRecordedTime": iso_millis(stored.recorded),
            "configRuleInvokedTime": iso_millis(stored.invoked),
        });
        if let (Some(annotation), Some(members)) = (&evaluation.annotation, result.as_object_mut())
        {
            members.insert("annotation".to_owned(), annotation.as_str().into());
        }
        result
    };
    let mut detail = json!({
        "resourceId": resource_id,
        "awsRegion": REGION,
        "awsAccountId": ACCOUNT_ID,
        "configRuleName": rule.name,
        "recordVersion": "1.0",
        "configRuleARN": rule.arn(),
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": result(new),
        "notificationCreationTime": iso_millis(new.recorded),
        "resourceType": resource_type,
    });
    if let (Some(old), Some(members)) = (old, detail.as_object_mut()) {
        members.insert("oldEvaluationResult".to_owned(), result(old));
    }
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Config Rules Compliance Change",
        "source": "aws.config",
        "account": ACCOUNT_ID,
        "time": iso_seconds(new.recorded),
        "region": REGION,
        "resources": [],
        "detail": detail,
    })
}

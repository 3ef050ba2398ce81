//! A sound stack in an account on loopback, and the command that looks at it.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::process::Output;

use serde_json::{Value, json};
use tagwarden_sandbox::Described;

use crate::support::stdout;
use crate::world::{TABLE, World};

pub const RULE: &str = "tagwarden-rule";
pub const REMEDIATION: &str = "tagwarden-remediation";
pub const LEDGER: &str = "tagwarden-LedgerTable-1ABC";
pub const RECORDER: &str = "default";
pub const CONFIG_RULE: &str = "tagwarden";
pub const MAPPING: &str = "0f5c9a4e-0000-4000-8000-000000000001";
pub const ALARM: &str = "tagwarden-DeadLettersAlarm-1ABC";
pub const TRAIL: &str = "arn:aws:cloudtrail:us-east-1:111111111111:trail/organization";
pub const KEY: &str = "0f5c9a4e-0000-4000-8000-0000000000aa";

/// The names of the EventBridge rules.
pub const EVENT_RULES: [&str; 3] = [
    "tagwarden-ComplianceChanges-1ABC",
    "tagwarden-Launches-1ABC",
    "tagwarden-Sweep-1ABC",
];

/// A sound stack.
pub struct Clinic {
    world: World,
    pub topic: String,
    pub queue: String,
    pub dead_letters: String,
}

impl Deref for Clinic {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

pub fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:us-east-1:111111111111:{rest}")
}

pub fn role(of: &str) -> String {
    format!("arn:aws:iam::111111111111:role/tagwarden-{of}-1ABC")
}

impl Clinic {
    pub fn new(test: &str) -> Self {
        Self::around(World::new(&format!("doctor-{test}")))
    }

    /// A sound stack beside what is in the account.
    pub fn around(world: World) -> Self {
        let account = &world.account;
        let clinic = Self {
            topic: account.create_topic("tagwarden-Topic-1ABC"),
            queue: account.create_queue("tagwarden-Queue-1ABC"),
            dead_letters: account.create_queue("tagwarden-DeadLetters-1ABC"),
            world,
        };
        clinic.create_stack();
        clinic.create_functions();
        clinic.create_config();
        clinic.create_events();
        clinic.create_tables();
        clinic.create_the_rest();
        clinic
    }

    pub fn into_world(self) -> World {
        self.world
    }

    fn create_stack(&self) {
        let account = &self.account;
        let version = env!("CARGO_PKG_VERSION");
        let stack = json!({
            "StackName": "tagwarden",
            "StackStatus": "UPDATE_COMPLETE",
            "Outputs": [{"OutputKey": "Version", "OutputValue": version}],
        });
        account.describe(Described::Stack, "tagwarden", stack);
        let of = |kind: &str, logical: &str, id: &str| json!({"ResourceType": kind, "LogicalResourceId": logical, "PhysicalResourceId": id});
        let resources = json!([
            of("AWS::Lambda::Function", "RuleFunction", RULE),
            of("AWS::Lambda::Function", "RemediationFunction", REMEDIATION),
            of("AWS::SQS::Queue", "Queue", &self.queue),
            of("AWS::SNS::Topic", "Topic", &self.topic),
            of("AWS::DynamoDB::Table", "PolicyTable", TABLE),
            of("AWS::DynamoDB::Table", "LedgerTable", LEDGER),
            of("AWS::CloudWatch::Alarm", "DeadLettersAlarm", ALARM),
        ]);
        account.describe(Described::StackResources, "tagwarden", resources);
    }

    fn create_functions(&self) {
        let variables = json!({
            "TAGWARDEN_POLICY_TABLE": TABLE, "TAGWARDEN_RESOURCE_TYPES": "instance", "TAGWARDEN_VPC_IDS": "",
            "TAGWARDEN_MODE": "enforce", "TAGWARDEN_UNTAGGED": "stop", "TAGWARDEN_LEDGER_TABLE": LEDGER,
            "TAGWARDEN_TOPIC_ARN": self.topic, "TAGWARDEN_QUEUE_URL": self.queue, "TAGWARDEN_NOTICE_HOURS": "24",
        });
        for name in [RULE, REMEDIATION] {
            let account = &self.account;
            let group = format!("/aws/lambda/{name}");
            let function = json!({
                "FunctionName": name,
                "FunctionArn": arn("lambda", &format!("function:{name}")),
                "Role": role(name),
                "State": "Active",
                "LastUpdateStatus": "Successful",
                "LastModified": "2026-11-20T12:00:00.000+0000",
                "Environment": {"Variables": variables},
                "LoggingConfig": {"LogFormat": "JSON", "LogGroup": group},
            });
            account.describe(Described::Function, name, function);
            self.starts_with_version(name, env!("CARGO_PKG_VERSION"));
            account.create_role(&role(name));
        }
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "config", "Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": arn("lambda", "function:tagwarden-rule"),
            "Condition": {"StringEquals": {"AWS:SourceAccount": "111111111111"}},
        }]});
        self.account
            .describe(Described::FunctionPolicy, RULE, policy);
    }

    /// What a function wrote to its log when it started.
    pub fn starts_with_version(&self, function: &str, version: &str) {
        let line = json!({
            "timestamp": "2026-11-20T12:00:01Z", "level": "INFO",
            "fields": {"message": "tagwarden started", "version": version},
        });
        let lines = json!([{"message": line.to_string()}]);
        let group = format!("/aws/lambda/{function}");
        self.account.describe(Described::Log, &group, lines);
    }

    fn create_config(&self) {
        let account = &self.account;
        let recorder = json!({
            "name": RECORDER,
            "roleARN": "arn:aws:iam::111111111111:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
            "recordingGroup": {
                "allSupported": false, "includeGlobalResourceTypes": false,
                "resourceTypes": ["AWS::EC2::Instance", "AWS::S3::Bucket"],
                "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
            },
            "recordingMode": {"recordingFrequency": "CONTINUOUS", "recordingModeOverrides": []},
        });
        account.describe(Described::Recorder, RECORDER, recorder);
        let status = json!({"name": RECORDER, "recording": true, "lastStatus": "SUCCESS"});
        account.describe(Described::RecorderStatus, RECORDER, status);
        self.create_config_rule(CONFIG_RULE);
    }

    pub fn create_config_rule(&self, name: &str) {
        let rule = json!({
            "ConfigRuleName": name, "ConfigRuleState": "ACTIVE",
            "Scope": {"ComplianceResourceTypes": ["AWS::EC2::Instance"]},
            "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn("lambda", "function:tagwarden-rule")},
        });
        self.account.describe(Described::ConfigRule, name, rule);
        let status = json!({
            "ConfigRuleName": name, "FirstEvaluationStarted": true,
            "LastSuccessfulInvocationTime": 1_795_000_000, "LastSuccessfulEvaluationTime": 1_795_000_000,
        });
        self.account
            .describe(Described::ConfigRuleStatus, name, status);
    }

    fn create_events(&self) {
        let account = &self.account;
        let dead = arn("sqs", "tagwarden-DeadLetters-1ABC");
        let redrive = json!({"deadLetterTargetArn": dead, "maxReceiveCount": 5});
        account.set_queue_attribute(&self.queue, "RedrivePolicy", &redrive.to_string());
        account.set_queue_attribute(&self.queue, "VisibilityTimeout", "2100");
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"},
            {"Effect": "Deny", "Principal": "*", "Action": "sqs:*"},
        ]});
        account.set_queue_attribute(&self.queue, "Policy", &policy.to_string());
        let queue = arn("sqs", "tagwarden-Queue-1ABC");
        let mapping = json!({
            "UUID": MAPPING, "State": "Enabled", "EventSourceArn": queue,
            "FunctionArn": arn("lambda", "function:tagwarden-remediation"),
        });
        account.describe(Described::EventSourceMapping, MAPPING, mapping);
        let pattern = |source: &str| json!({"source": [source]}).to_string();
        let changes = json!({"source": ["aws.config"], "detail": {
            "resourceType": ["AWS::EC2::Instance"],
            "configRuleName": [CONFIG_RULE, {"prefix": "tagwarden-conformance-pack-"}],
        }});
        let sent = [
            json!({"EventPattern": changes.to_string()}),
            json!({"EventPattern": pattern("aws.ec2")}),
            json!({"ScheduleExpression": "rate(6 hours)"}),
        ];
        for (name, sent) in EVENT_RULES.iter().zip(sent) {
            let mut rule = json!({"Name": name, "State": "ENABLED", "Targets": [queue]});
            rule.as_object_mut()
                .unwrap()
                .extend(sent.as_object().unwrap().clone());
            account.describe(Described::EventRule, name, rule);
        }
    }

    fn create_tables(&self) {
        let account = &self.account;
        account.create_table_with_keys(LEDGER, "Pk", "Sk");
        account.protect_table(TABLE, true);
        account.protect_table(LEDGER, true);
    }

    fn create_the_rest(&self) {
        let account = &self.account;
        account.encrypt_topic(&self.topic, KEY);
        let key = json!({"KeyId": KEY, "Arn": arn("kms", &format!("key/{KEY}")), "KeyManager": "CUSTOMER", "KeyState": "Enabled"});
        account.describe(Described::Key, KEY, key);
        let policy = json!({"Statement": [
            {"Sid": "Account", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "kms:*", "Resource": "*"},
            {"Sid": "Alarms", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"},
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"},
        ]});
        account.describe(Described::KeyPolicy, KEY, policy);
        let trail = json!({
            "Name": "organization", "TrailARN": TRAIL, "HomeRegion": "us-east-1", "IsMultiRegionTrail": true,
        });
        account.describe(Described::Trail, TRAIL, trail);
        account.describe(Described::TrailStatus, TRAIL, json!({"IsLogging": true}));
        let selectors = json!({"TrailARN": TRAIL, "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true}]});
        account.describe(Described::TrailSelectors, TRAIL, selectors);
        let alarm = json!({
            "AlarmName": ALARM, "StateValue": "OK",
            "AlarmDescription": "tagwarden gave up on events, because they failed five times.",
        });
        account.describe(Described::Alarm, ALARM, alarm);
        for key in ["ProjectCode", "CreatedBy", "Expires"] {
            let tag = json!({"TagKey": key, "Type": "UserDefined", "Status": "Active"});
            account.describe(Described::CostTag, key, tag);
        }
    }

    /// Sets a variable of the remediation.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.set_variable_of(REMEDIATION, name, value);
    }

    /// Sets a variable of both functions.
    pub fn set_both(&self, name: &str, value: &str) {
        for function in [RULE, REMEDIATION] {
            self.set_variable_of(function, name, value);
        }
    }

    pub fn set_variable_of(&self, function: &str, name: &str, value: &str) {
        self.account
            .redescribe(Described::Function, function, |function| {
                function["Environment"]["Variables"][name] = json!(value);
            });
    }

    /// What doctor says, and how it ends.
    pub fn examine(&self) -> Report {
        let output = self.run(&["doctor", "--output", "json"]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Report {
            status: output.status.code().unwrap(),
            document,
        }
    }

    /// What doctor writes for people.
    pub fn text(&self) -> String {
        let output: Output = self.run(&["doctor"]);
        stdout(&output).to_owned()
    }
}

/// A document of doctor.
pub struct Report {
    pub status: i32,
    pub document: Value,
}

impl Report {
    /// The checks that found something.
    pub fn checks(&self) -> Vec<String> {
        let of = |list: &str| self.document[list].as_array().unwrap().clone();
        let all = of("faults").into_iter().chain(of("notes"));
        all.map(|it| it["check"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The calls that failed.
    pub fn unseen(&self) -> BTreeSet<String> {
        let unseen = self.document["unseen"].as_array().unwrap().iter();
        unseen
            .filter_map(|it| Some(it["call"].as_str()?.to_owned()))
            .collect()
    }

    /// The state of a part.
    pub fn state(&self, area: &str) -> String {
        let areas = self.document["areas"].as_array().unwrap();
        let area = areas.iter().find(|it| it["area"] == area);
        area.unwrap()["state"].as_str().unwrap().to_owned()
    }
}

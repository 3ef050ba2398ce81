//! Creates the stack's resources without CloudFormation: the tables, both functions, the Config rule, the queue and the
//! topic.

use std::path::{Path, PathBuf};

use aws_sdk_config::types::{
    ConfigRule, EventSource, MessageType, Owner, Scope, Source, SourceDetail,
};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, FunctionResponseType, Runtime};
use serde_json::Value;

use super::moto_account::{Account, Queue, REMEDIATION, RULE, role_arn};
use super::server::zip_of;

/// The ledger's table.
pub const LEDGER: &str = "tagwarden-ledger";

/// The customer's three rules: `RuleId`, `TagKey`, `Action`, `Required`, `Default`.
const POLICY: [[&str; 5]; 3] = [
    ["1", "ProjectCode", "Update", "Y", "Proj007"],
    ["2", "CreatedBy", "UserLookup", "Y", ""],
    ["3", "Expires", "Function", "N", "today()"],
];

impl Account<'_> {
    /// Creates the policy table with the customer's rules, and the ledger.
    pub async fn create_tables(&self) {
        let dynamodb = aws_sdk_dynamodb::Client::new(self.sdk_config());
        let policy = "acme_cloud_policy_tagging_def";
        self.create_table(policy, &[("RuleId", ScalarAttributeType::N)])
            .await;
        let ledger_key = ["Pk", "Sk"].map(|key| (key, ScalarAttributeType::S));
        self.create_table(LEDGER, &ledger_key).await;
        for [id, key, action, required, default] in POLICY {
            let text = |value: &str| AttributeValue::S(value.to_owned());
            dynamodb
                .put_item()
                .table_name(policy)
                .item("RuleId", AttributeValue::N(id.to_owned()))
                .item("TagKey", text(key))
                .item("Action", text(action))
                .item("Required", text(required))
                .item("Default", text(default))
                .send()
                .await
                .unwrap();
        }
    }

    async fn create_table(&self, name: &str, key: &[(&str, ScalarAttributeType)]) {
        let dynamodb = aws_sdk_dynamodb::Client::new(self.sdk_config());
        let mut table = dynamodb
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest);
        for ((attribute, kind), role) in key.iter().zip([KeyType::Hash, KeyType::Range]) {
            let definition = AttributeDefinition::builder()
                .attribute_name(*attribute)
                .attribute_type(kind.clone());
            let element = KeySchemaElement::builder()
                .attribute_name(*attribute)
                .key_type(role);
            table = table
                .attribute_definitions(definition.build().unwrap())
                .key_schema(element.build().unwrap());
        }
        table.send().await.unwrap();
    }

    /// Creates the rule's function, and the Config rule with its three triggers for instances.
    pub async fn deploy_rule(&self, vpc: &str) {
        let function = self
            .create_function(RULE, Path::new(env!("CARGO_BIN_EXE_tagwarden-rule")), &[])
            .await;
        let trigger = |message| {
            SourceDetail::builder()
                .event_source(EventSource::AwsConfig)
                .message_type(message)
                .build()
        };
        let source = Source::builder()
            .owner(Owner::CustomLambda)
            .source_identifier(function)
            .source_details(trigger(MessageType::ConfigurationItemChangeNotification))
            .source_details(trigger(
                MessageType::OversizedConfigurationItemChangeNotification,
            ))
            .source_details(trigger(MessageType::ScheduledNotification));
        let scope = Scope::builder().compliance_resource_types("AWS::EC2::Instance");
        let rule = ConfigRule::builder()
            .config_rule_name(RULE)
            .scope(scope.build())
            .source(source.build().unwrap())
            .input_parameters(serde_json::json!({ "vpcIds": vpc }).to_string())
            .build();
        self.config
            .put_config_rule()
            .config_rule(rule)
            .send()
            .await
            .unwrap();
    }

    /// Creates the remediation's function and its queue, which receives the events that match the pattern. Returns
    /// where the reports arrive.
    pub async fn deploy_remediation(
        &self,
        vpc: &str,
        pattern: &Value,
        environment: &[(&str, &str)],
    ) -> Reports {
        let (topic, reports) = self.create_topic().await;
        let common = [
            ("TAGWARDEN_VPC_IDS", vpc),
            ("TAGWARDEN_TOPIC_ARN", &topic),
            ("TAGWARDEN_LEDGER_TABLE", LEDGER),
            // Instances on moto are as young as the test.
            ("TAGWARDEN_GRACE_MINUTES", "0"),
        ];
        let function = self
            .create_function(
                REMEDIATION,
                &remediation_binary(),
                &[&common, environment].concat(),
            )
            .await;
        let queue = self.create_queue(REMEDIATION).await;
        self.lambda
            .create_event_source_mapping()
            .function_name(function)
            .event_source_arn(&queue.arn)
            .batch_size(100)
            .maximum_batching_window_in_seconds(1)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .send()
            .await
            .unwrap();
        self.send_events_to(&queue, pattern).await;
        reports
    }

    /// Creates the topic for the reports and its two subscribers: the queue of a program, and a queue that stands for a
    /// mailbox.
    pub async fn create_topic(&self) -> (String, Reports) {
        let sns = aws_sdk_sns::Client::new(self.sdk_config());
        let topic = sns.create_topic().name("reports").send().await.unwrap();
        let topic = topic.topic_arn.unwrap();
        let reports = Reports {
            queue: self.create_queue("reports").await,
            mailbox: self.create_queue("mailbox").await,
        };
        for (protocol, endpoint) in [
            ("sqs", reports.queue.arn.as_str()),
            ("email", "mailbox@acme.example"),
        ] {
            let subscribe = sns.subscribe().topic_arn(&topic).protocol(protocol);
            subscribe.endpoint(endpoint).send().await.unwrap();
        }
        (topic, reports)
    }

    async fn send_events_to(&self, queue: &Queue, pattern: &Value) {
        let events = aws_sdk_eventbridge::Client::new(self.sdk_config());
        let rule = events.put_rule().name(REMEDIATION);
        let rule = rule.event_pattern(pattern.to_string());
        rule.send().await.unwrap();
        let target = Target::builder().id("queue").arn(&queue.arn).build();
        let targets = events.put_targets().rule(REMEDIATION);
        let targets = targets.targets(target.unwrap());
        targets.send().await.unwrap();
    }

    async fn create_function(
        &self,
        name: &str,
        program: &Path,
        environment: &[(&str, &str)],
    ) -> String {
        let variables = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let code = FunctionCode::builder().zip_file(Blob::new(zip_of(program)));
        self.lambda
            .create_function()
            .function_name(name)
            .role(role_arn("function"))
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .timeout(60)
            .code(code.build())
            .environment(
                Environment::builder()
                    .set_variables(Some(variables.collect()))
                    .build(),
            )
            .send()
            .await
            .unwrap()
            .function_arn
            .unwrap()
    }
}

/// The queues in which the reports arrive.
#[derive(Debug)]
pub struct Reports {
    /// As JSON.
    pub queue: Queue,
    /// As text.
    pub mailbox: Queue,
}

/// The remediation's binary. Cargo gives a test only the path of its own package's binaries, and the remediation's is
/// beside them.
pub fn remediation_binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_tagwarden-rule")).with_file_name("tagwarden-remediation")
}

//! One Region of the account on moto: what people do in it, and the results.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_config::primitives::DateTime;
use aws_sdk_config::types::EvaluationResult;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, InstanceType, ResourceType, Tag, TagSpecification,
};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::moto::Moto;
pub use super::patience::eventually;

/// The default name of the Config rule and its function.
pub const RULE: &str = "required-tags";
/// The default name of the remediation's function, queue and event rule.
pub const REMEDIATION: &str = "remediation";
/// moto's only account.
pub const ACCOUNT: &str = "123456789012";

/// A Region that no other test uses. moto separates Regions as AWS does.
#[derive(Debug)]
pub struct Account<'a> {
    /// The moto server.
    pub moto: &'a Moto,
    /// The Region's name.
    pub region: Region,
    /// EC2, as the account's root user.
    pub ec2: aws_sdk_ec2::Client,
    /// AWS Config.
    pub config: aws_sdk_config::Client,
    /// CloudTrail, which records who launched each instance.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// The Config rule.
    pub rule: String,
    /// The remediation's function.
    pub function: String,
    /// The remediation's queue.
    pub queue: String,
    sdk_config: SdkConfig,
}

impl<'a> Account<'a> {
    /// The account in the given Region, before anything is deployed.
    pub fn in_region(moto: &'a Moto, region: &'static str) -> Self {
        Self::with_config(moto, Region::from_static(region), &moto.sdk_config())
    }

    /// The account of the credentials in the given Region.
    pub fn of(moto: &'a Moto, region: &'static str, credentials: Credentials) -> Self {
        let provider = SharedCredentialsProvider::new(credentials);
        let config = moto.sdk_config().into_builder();
        let config = config.credentials_provider(provider).build();
        Self::with_config(moto, Region::from_static(region), &config)
    }

    /// The account that the role is of, as somebody who assumed it, in the same Region.
    pub async fn of_role(&self, role: &str) -> Self {
        let config = self.sdk_config_of_role(role, "test").await;
        Self::with_config(self.moto, self.region.clone(), &config)
    }

    fn with_config(moto: &'a Moto, region: Region, config: &SdkConfig) -> Self {
        let config = in_region(config, &region);
        Self {
            moto,
            region,
            ec2: aws_sdk_ec2::Client::new(&config),
            config: aws_sdk_config::Client::new(&config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            rule: RULE.to_owned(),
            function: REMEDIATION.to_owned(),
            queue: REMEDIATION.to_owned(),
            sdk_config: config,
        }
    }

    /// The SDK's configuration for another client.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// An EC2 client of the IAM user `ana`.
    pub fn ec2_of_ana(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&in_region(&self.moto.sdk_config_as_ana(), &self.region))
    }

    /// An EC2 client of a person who assumed the role `Engineer` under the given session name.
    pub async fn ec2_of_session(&self, session: &str) -> aws_sdk_ec2::Client {
        self.ec2_of_role(&role_arn("Engineer"), session).await
    }

    /// An EC2 client with a session of the role under the given session name.
    pub async fn ec2_of_role(&self, role: &str, session: &str) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.sdk_config_of_role(role, session).await)
    }

    /// The SDK's configuration with a session of the role under the given session name.
    pub async fn sdk_config_of_role(&self, role: &str, session: &str) -> SdkConfig {
        let config = self.sdk_config();
        let role = aws_config::sts::AssumeRoleProvider::builder(role)
            .session_name(session)
            .configure(config)
            .build_from_provider(config.credentials_provider().unwrap())
            .await;
        let provider = SharedCredentialsProvider::new(role);
        config
            .clone()
            .into_builder()
            .credentials_provider(provider)
            .build()
    }

    /// Creates a VPC with one subnet.
    pub async fn create_vpc(&self) -> Vpc {
        let vpc = self
            .ec2
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .send()
            .await
            .unwrap();
        let id = vpc.vpc.unwrap().vpc_id.unwrap();
        let subnet = self
            .ec2
            .create_subnet()
            .vpc_id(&id)
            .cidr_block("10.0.0.0/24");
        let subnet = subnet.send().await.unwrap().subnet.unwrap();
        Vpc {
            id,
            subnet: subnet.subnet_id.unwrap(),
        }
    }

    /// Enables termination protection on the instance.
    pub async fn protect(&self, instance: &str) {
        let on = AttributeBooleanValue::builder().value(true).build();
        let modify = self.ec2.modify_instance_attribute().instance_id(instance);
        modify.disable_api_termination(on).send().await.unwrap();
    }

    /// Asks Config to evaluate every instance now.
    pub async fn start_evaluation(&self) {
        let start = self.config.start_config_rules_evaluation();
        start.config_rule_names(&self.rule).send().await.unwrap();
    }

    /// Invokes the remediation directly. Returns its answer.
    pub async fn invoke_remediation(&self, event: &Value) -> Value {
        let answer = self
            .lambda
            .invoke()
            .function_name(&self.function)
            .payload(Blob::new(event.to_string()))
            .send()
            .await
            .unwrap();
        let payload = answer.payload.unwrap().into_inner();
        let text = String::from_utf8(payload).unwrap();
        assert_eq!(answer.function_error, None, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A function's environment variables.
    pub async fn environment(&self, function: &str) -> HashMap<String, String> {
        let ask = self.lambda.get_function_configuration();
        let configuration = ask.function_name(function).send().await.unwrap();
        configuration.environment.unwrap().variables.unwrap()
    }

    /// The compliance dashboard: each evaluated instance and its verdict.
    pub async fn verdicts(&self) -> BTreeMap<String, String> {
        let results = self.results().await.into_iter();
        results
            .map(|(id, result)| (id, result.compliance_type.unwrap().to_string()))
            .collect()
    }

    /// The time at which the rule was invoked for each of the dashboard's results.
    pub async fn invocation_times(&self) -> BTreeMap<String, DateTime> {
        let results = self.results().await.into_iter();
        results
            .map(|(id, result)| (id, result.config_rule_invoked_time.unwrap()))
            .collect()
    }

    async fn results(&self) -> BTreeMap<String, EvaluationResult> {
        let mut pages = self
            .config
            .get_compliance_details_by_config_rule()
            .config_rule_name(&self.rule)
            .limit(2)
            .into_paginator()
            .items()
            .send();
        let mut results = BTreeMap::new();
        while let Some(result) = pages.next().await {
            let result = result.unwrap();
            let identifier = result.evaluation_result_identifier.as_ref().unwrap();
            let qualifier = identifier.evaluation_result_qualifier.as_ref().unwrap();
            results.insert(qualifier.resource_id.clone().unwrap(), result);
        }
        results
    }

    /// The instance's tags.
    pub async fn tags(&self, instance: &str) -> BTreeMap<String, String> {
        let tags = self.instance(instance).await.tags.unwrap_or_default();
        tags.into_iter()
            .map(|tag| (tag.key.unwrap(), tag.value.unwrap()))
            .collect()
    }

    /// The instance's state: `running`, `terminated` ...
    pub async fn state(&self, instance: &str) -> String {
        let state = self.instance(instance).await.state.unwrap();
        state.name.unwrap().to_string()
    }

    async fn instance(&self, id: &str) -> aws_sdk_ec2::types::Instance {
        let found = self
            .ec2
            .describe_instances()
            .instance_ids(id)
            .send()
            .await
            .unwrap();
        found
            .reservations
            .unwrap()
            .remove(0)
            .instances
            .unwrap()
            .remove(0)
    }

    /// Creates a queue.
    pub async fn create_queue(&self, name: &str) -> Queue {
        let created = self
            .sqs
            .create_queue()
            .queue_name(name)
            .send()
            .await
            .unwrap();
        Queue {
            url: created.queue_url.unwrap(),
            arn: format!("arn:aws:sqs:{}:{ACCOUNT}:{name}", self.region),
        }
    }

    /// Receives and deletes the queue's messages, unwrapped from their SNS envelopes.
    pub async fn receive(&self, queue: &Queue) -> Vec<String> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(10)
            .visibility_timeout(3600)
            .send()
            .await
            .unwrap();
        let bodies = received
            .messages
            .unwrap_or_default()
            .into_iter()
            .filter_map(|m| m.body);
        bodies
            .map(|body| {
                let notification: Value = serde_json::from_str(&body).unwrap();
                notification["Message"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    /// The number of messages that the remediation has not completed.
    pub async fn backlog(&self) -> u32 {
        let queue = self
            .sqs
            .get_queue_url()
            .queue_name(&self.queue)
            .send()
            .await
            .unwrap();
        let counts = self
            .sqs
            .get_queue_attributes()
            .queue_url(queue.queue_url.unwrap())
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .unwrap();
        counts
            .attributes
            .unwrap()
            .values()
            .map(|count| count.parse::<u32>().unwrap())
            .sum()
    }
}

/// A VPC and its only subnet.
#[derive(Debug)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// `subnet-…`.
    pub subnet: String,
}

/// A queue of SQS.
#[derive(Debug)]
pub struct Queue {
    /// The queue's URL.
    pub url: String,
    /// The queue's ARN.
    pub arn: String,
}

/// Launches an instance with the tags, as the client's principal. Returns its id.
pub async fn launch(ec2: &aws_sdk_ec2::Client, subnet: &str, tags: &[(&str, &str)]) -> String {
    let mut launch = ec2
        .run_instances()
        .image_id("ami-12c6146b") // one that moto has everywhere
        .instance_type(InstanceType::T3Micro)
        .subnet_id(subnet)
        .min_count(1)
        .max_count(1);
    if !tags.is_empty() {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let specification = TagSpecification::builder()
            .resource_type(ResourceType::Instance)
            .set_tags(Some(tags.collect()));
        launch = launch.tag_specifications(specification.build());
    }
    let reservation = launch.send().await.unwrap();
    reservation
        .instances
        .unwrap()
        .remove(0)
        .instance_id
        .unwrap()
}

fn in_region(config: &SdkConfig, region: &Region) -> SdkConfig {
    config.clone().into_builder().region(region.clone()).build()
}

/// The role's ARN.
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Waits until all lines have arrived in `mailbox`, in one message or several.
pub async fn eventually_mailed(account: &Account<'_>, mailbox: &Queue, lines: &[String]) {
    let mail = RefCell::new(String::new());
    let read = async || {
        let new = account.receive(mailbox).await.concat();
        mail.borrow_mut().push_str(&new);
        mail.borrow().clone()
    };
    eventually(read, |mail| lines.iter().all(|line| mail.contains(line))).await;
}

pub fn verdicts(of: &[(&String, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|(id, verdict)| ((*id).clone(), (*verdict).to_owned()))
        .collect()
}

pub fn tags(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

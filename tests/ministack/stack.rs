//! A stack on a ministack of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::deployment::{Deployment, run_to_success};
use crate::patience::eventually;
use crate::server::{Server, credentials, sdk_config};
use crate::venv;

/// ministack's only account.
pub const ACCOUNT: &str = "000000000000";
/// The stack's Region.
pub const REGION: &str = "eu-west-1";

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ministack/server.py");
const REQUIREMENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/ministack/requirements.txt"
);
/// The AWS CLI is installed with moto.
const CLI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/requirements.txt");

/// The real template, as `scripts/deploy` names it in the bucket.
const TEMPLATE: &str = "tagwarden.yaml";

/// The parameters of every stack here: without a Config rule, as with a conformance pack, and without waiting.
const PARAMETERS: [(&str, &str); 4] = [
    ("Architecture", "x86_64"),
    ("BatchingWindowSeconds", "1"),
    ("CreateConfigRule", "false"),
    ("GraceMinutes", "0"),
];

/// A deployed stack in an account that otherwise has only a queue for the reports.
#[derive(Debug)]
pub struct Stack {
    /// The real SDK's configuration, as the account's root user.
    pub config: SdkConfig,
    /// The resources: logical ids and physical ids.
    pub resources: BTreeMap<String, String>,
    /// The URL of the queue that receives the reports as JSON.
    pub mailbox: String,
    /// SQS, as the root user.
    pub sqs: aws_sdk_sqs::Client,
    /// EC2, as the root user.
    pub ec2: aws_sdk_ec2::Client,
    /// Lambda, as the root user.
    pub lambda: aws_sdk_lambda::Client,
    server: Server,
    deployment: Deployment,
}

impl Stack {
    /// Starts a ministack and deploys the real template with the given parameters and the functions that Cargo built.
    /// `name` separates its files from those of other tests.
    ///
    /// Installs ministack if need be (half a minute, once for each `requirements.txt`).
    pub async fn deploy(name: &str, parameters: &[(&str, &str)]) -> Self {
        Self::deploy_after(name, |_| (), parameters).await
    }

    /// As [`Stack::deploy`]. `before` makes what the stack finds in the account.
    pub async fn deploy_after(
        name: &str,
        before: impl FnOnce(&Deployment),
        parameters: &[(&str, &str)],
    ) -> Self {
        Self::deploy_template(name, TEMPLATE, before, parameters).await
    }

    /// As [`Stack::deploy_after`], but from another template beside the real one in the bucket.
    pub async fn deploy_template(
        name: &str,
        template: &str,
        before: impl FnOnce(&Deployment),
        parameters: &[(&str, &str)],
    ) -> Self {
        let programs = venv::installed("ministack", REQUIREMENTS);
        let log = venv::target_directory().join(format!("ministack-{name}.log"));
        let mut python = Command::new(programs.join("python"));
        // The functions inherit ministack's environment, which must therefore contain nothing of the tester's own AWS
        // settings.
        python.arg(SERVER).env_clear();
        python.env("PATH", std::env::var("PATH").unwrap());
        let (server, ready) = Server::start(&mut python, log);
        let endpoint = ready["endpoint"].as_str().unwrap().to_owned();

        let deployment = Deployment {
            programs: venv::installed("moto", CLI),
            endpoint: endpoint.clone(),
            key: ("test", "test"),
            region: REGION,
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ministack-{name}")),
        };
        deployment.prepare();
        deployment.run_script(&["--package-only"]);
        before(&deployment);
        apply(&deployment, "create", template, parameters).await;

        let config = sdk_config(&endpoint, credentials("test", "test"));
        let config = config
            .into_builder()
            .region(Region::from_static(REGION))
            .build();
        let sqs = aws_sdk_sqs::Client::new(&config);
        let resources = deployment.resources("tagwarden");
        let lambda = aws_sdk_lambda::Client::new(&config);
        let settings = settings(&lambda, &resources["RemediationFunction"]).await;
        let mailbox = subscribe_mailbox(&config, &sqs, &settings["TAGWARDEN_TOPIC_ARN"]).await;
        Self {
            resources,
            mailbox,
            sqs,
            ec2: aws_sdk_ec2::Client::new(&config),
            lambda,
            config,
            server,
            deployment,
        }
    }

    /// Updates the stack to the real template with these parameters.
    pub async fn update(&mut self, parameters: &[(&str, &str)]) {
        apply(&self.deployment, "update", TEMPLATE, parameters).await;
        self.resources = self.deployment.resources("tagwarden");
    }

    /// A command of the AWS CLI in the stack's account, as the root user. Returns what it printed, as JSON.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = self.aws();
        let printed = run_to_success(command.args(["--output", "json"]).args(arguments));
        serde_json::from_str(&printed).unwrap()
    }

    /// The AWS CLI in the stack's account, as the root user.
    pub fn aws(&self) -> Command {
        self.deployment.aws()
    }

    /// The environment of the function that has this logical id.
    pub async fn settings(&self, function: &str) -> HashMap<String, String> {
        settings(&self.lambda, &self.resources[function]).await
    }

    /// What the server and the functions logged so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Advances EventBridge's clock.
    pub fn let_hours_pass(&self, hours: u32) {
        self.server.tell(&(hours * 3600).to_string());
    }

    /// Says whether the next requests to AWS count as encrypted.
    pub fn encrypt(&self, encrypted: bool) {
        self.server
            .tell(if encrypted { "encrypted" } else { "plain" });
    }

    /// The SDK's configuration with a session of the role that has this logical id.
    pub async fn as_role(&self, role: &str) -> SdkConfig {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{}", self.resources[role]);
        let role = aws_config::sts::AssumeRoleProvider::builder(arn)
            .session_name("intruder")
            .configure(&self.config)
            .build_from_provider(self.config.credentials_provider().unwrap())
            .await;
        let builder = self.config.clone().into_builder();
        builder
            .credentials_provider(SharedCredentialsProvider::new(role))
            .build()
    }

    /// Launches an instance with the tags. Returns its id.
    pub async fn launch(&self, tags: &[(&str, &str)]) -> String {
        let mut launch = self.ec2.run_instances().image_id("ami-12345678");
        launch = launch
            .instance_type(InstanceType::T3Micro)
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
        let instances = launch.send().await.unwrap().instances.unwrap();
        instances[0].instance_id.clone().unwrap()
    }

    /// The instance's state and its tags.
    pub async fn instance(&self, id: &str) -> (String, BTreeMap<String, String>) {
        let describe = self.ec2.describe_instances().instance_ids(id);
        let reservations = describe.send().await.unwrap().reservations.unwrap();
        let instance = reservations[0].instances.clone().unwrap().remove(0);
        let tags = instance.tags.unwrap_or_default().into_iter();
        let state = instance.state.unwrap().name.unwrap();
        (
            state.to_string(),
            tags.map(|tag| (tag.key.unwrap(), tag.value.unwrap()))
                .collect(),
        )
    }

    /// Invokes the remediation directly. Returns its answer.
    pub async fn invoke_remediation(&self, event: &Value) -> Value {
        let invoke = self.lambda.invoke();
        let invoke = invoke.function_name(&self.resources["RemediationFunction"]);
        let payload = aws_sdk_lambda::primitives::Blob::new(event.to_string());
        let answer = invoke.payload(payload).send().await.unwrap();
        assert_eq!(answer.function_error, None);
        serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap()
    }

    /// Enables or disables the event source mapping from the queue to the function.
    pub async fn set_mapping(&self, enabled: bool) {
        let update = self.lambda.update_event_source_mapping();
        let update = update.uuid(&self.resources["QueueToRemediation"]);
        update.enabled(enabled).send().await.unwrap();
    }

    /// The number of messages that wait in a queue, and of those in flight.
    pub async fn messages(&self, url: &str) -> (u32, u32) {
        let ask = self.sqs.get_queue_attributes().queue_url(url);
        let ask = ask.attribute_names(QueueAttributeName::All);
        let attributes = ask.send().await.unwrap().attributes.unwrap();
        let number = |name| attributes[&name].parse().unwrap();
        (
            number(QueueAttributeName::ApproximateNumberOfMessages),
            number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )
    }

    /// The bodies of the messages that wait in a queue. The messages stay there.
    pub async fn peek(&self, url: &str) -> Vec<String> {
        let receive = self.sqs.receive_message().queue_url(url);
        let receive = receive.max_number_of_messages(10).visibility_timeout(0);
        let messages = receive.send().await.unwrap().messages.unwrap_or_default();
        messages.into_iter().map(|it| it.body.unwrap()).collect()
    }

    /// The reports received so far.
    pub async fn reports(&self) -> Vec<Value> {
        let notifications = self.peek(&self.mailbox).await.into_iter();
        notifications
            .map(|text| {
                let notification: Value = serde_json::from_str(&text).unwrap();
                serde_json::from_str(notification["Message"].as_str().unwrap()).unwrap()
            })
            .collect()
    }

    /// Asserts that no call of the remediation was denied.
    pub fn assert_nothing_was_denied(&self) {
        let log = self.log();
        // AWS takes SendMessageBatch for the action sqs:SendMessage:
        // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>.
        // The emulator wants an action of its own.
        let is_batch = |line: &&str| line.contains("sqs:SendMessageBatch action");
        let mut denied = log.lines().filter(|line| line.contains("not authorized"));
        let denied = denied.find(|line| !is_batch(line));
        assert_eq!(denied, None);
    }
}

/// Creates a queue to which the service `writer` may send. Returns its URL and ARN.
pub async fn create_queue(sqs: &aws_sdk_sqs::Client, name: &str, writer: &str) -> (String, String) {
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": writer },
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }],
    });
    let create = sqs.create_queue().queue_name(name);
    let create = create.attributes(QueueAttributeName::Policy, policy.to_string());
    (create.send().await.unwrap().queue_url.unwrap(), arn)
}

async fn settings(lambda: &aws_sdk_lambda::Client, function: &str) -> HashMap<String, String> {
    let read = lambda.get_function_configuration().function_name(function);
    let environment = read.send().await.unwrap().environment.unwrap();
    environment.variables.unwrap()
}

async fn subscribe_mailbox(config: &SdkConfig, sqs: &aws_sdk_sqs::Client, topic: &str) -> String {
    let (url, arn) = create_queue(sqs, "mailbox", "sns.amazonaws.com").await;
    let sns = aws_sdk_sns::Client::new(config);
    let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
    subscribe.endpoint(arn).send().await.unwrap();
    url
}

/// Creates or updates the stack from a template in the bucket and waits for completion. `aws cloudformation deploy`, which
/// `scripts/deploy` uses, would check only every half minute.
async fn apply(deployment: &Deployment, what: &str, template: &str, parameters: &[(&str, &str)]) {
    start(deployment, what, template, parameters);
    let status = async || status(deployment);
    let ended = eventually(status, |status| !status.contains("IN_PROGRESS")).await;
    assert_eq!(ended, format!("{}_COMPLETE", what.to_uppercase()));
}

/// Starts to create or update the stack from a template in the bucket.
pub fn start(deployment: &Deployment, what: &str, template: &str, parameters: &[(&str, &str)]) {
    // CloudFormation takes a template of this size from a bucket only, and `scripts/deploy` put it there.
    let template = format!("https://s3.{REGION}.amazonaws.com/zips-{REGION}/tagwarden/{template}");
    let mut command = deployment.aws();
    command
        .args(["cloudformation", &format!("{what}-stack")])
        .args(["--stack-name", "tagwarden"])
        .args(["--capabilities", "CAPABILITY_IAM"])
        .args(["--template-url", &template])
        .arg("--parameters");
    for (name, value) in PARAMETERS.iter().chain(parameters) {
        // In quotes, because a comma or a brace means something to the AWS CLI.
        command.arg(format!("ParameterKey={name},ParameterValue=\"{value}\""));
    }
    run_to_success(&mut command);
}

/// The stack's status.
pub fn status(deployment: &Deployment) -> String {
    let mut describe = deployment.aws();
    describe.args(["cloudformation", "describe-stacks"]);
    describe.args(["--stack-name", "tagwarden", "--output", "text"]);
    let printed = run_to_success(describe.args(["--query", "Stacks[0].StackStatus"]));
    printed.trim().to_owned()
}

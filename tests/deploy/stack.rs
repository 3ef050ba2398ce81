//! The stack on moto, made by `scripts/deploy`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::MOTO;
use crate::moto_account::{Account, Queue};
use crate::template::PACK;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/deploy");
const AUTOMATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/automation.py");

/// What the script and the Region made of the template.
#[derive(Debug)]
pub struct Stack {
    /// The Region, with the clients.
    pub account: Account<'static>,
    /// Logical ids and what they stand for.
    pub resources: BTreeMap<String, String>,
    /// Where reports and alarms are mailed.
    pub mailbox: Queue,
    region: &'static str,
}

impl Stack {
    /// Deploys the real template with the given parameters, and the functions that Cargo built for these tests.
    pub async fn deploy(region: &'static str, parameters: &[&str]) -> Self {
        let mut account = Account::in_region(&MOTO, region);
        let mailbox = account.create_queue("mailbox").await;
        let directory = built_for(region).join("lambda");
        fs::create_dir_all(&directory).unwrap();
        for function in ["tagwarden-rule", "tagwarden-remediation"] {
            // Cargo gives a test the path of its own package's binaries only; the other package's is beside it.
            let rule = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule"));
            let zip = MOTO.zip_of(&rule.with_file_name(function));
            fs::write(directory.join(format!("{function}.zip")), zip).unwrap();
        }
        fs::write(directory.join("architecture"), "x86_64\n").unwrap();

        succeeds(aws(region).args(["s3", "mb", &format!("s3://{}", bucket(region))]));
        // moto's instances are as old as the test, and the test does not want to wait.
        let mut given = vec!["GraceMinutes=0", "BatchingWindowSeconds=1"];
        given.push("Email=mailbox@acme.example");
        given.extend(parameters);
        let told = run_the_script(region, &given);
        assert!(told.contains(":function:tagwarden-rule"), "{told}");

        let resources = resources(region, "tagwarden");
        account
            .function
            .clone_from(&resources["RemediationFunction"]);
        queue_name(&resources["Queue"]).clone_into(&mut account.queue);
        if let Some(rule) = resources.get("ConfigRule") {
            account.rule.clone_from(rule);
        }
        Self {
            account,
            resources,
            mailbox,
            region,
        }
    }

    /// Deploys the stack once more, with other parameters.
    pub fn update(&mut self, parameters: &[&str]) {
        run_the_script(self.region, parameters);
        self.resources = resources(self.region, "tagwarden");
    }

    /// Deploys the conformance pack's resources as Config does: with the name that it gives the rule.
    pub fn deploy_pack(&mut self, rule: &str) {
        let function = format!(
            "RuleFunctionArn=arn:aws:lambda:{}:123456789012:function:{}",
            self.region, self.resources["RuleFunction"]
        );
        let document = format!(
            "RemediationDocument={}",
            self.resources["RemediationDocument"]
        );
        let automation = format!("AutomationRoleArn={}", self.automation_role());
        let mut deploy = aws(self.region);
        deploy.args(["cloudformation", "deploy", "--stack-name", "pack"]);
        deploy.args(["--template-file", PACK, "--parameter-overrides"]);
        deploy.args([
            &function,
            &document,
            &automation,
            &format!("RuleName={rule}"),
        ]);
        succeeds(&mut deploy);
        rule.clone_into(&mut self.account.rule);
        let made = resources(self.region, "pack");
        assert_eq!(made.keys().collect::<Vec<_>>(), ["Remediation", "Rule"]);
    }

    /// Deletes the stack. Gives the Region as it is then, and the names of the stack's tables.
    pub fn delete(self) -> (Account<'static>, BTreeSet<String>) {
        let mut delete = aws(self.region);
        delete.args(["cloudformation", "delete-stack", "--stack-name"]);
        succeeds(delete.arg("tagwarden"));
        let tables = ["PolicyTable", "LedgerTable"].map(|table| self.resources[table].clone());
        (self.account, tables.into())
    }

    /// Runs the stack's Systems Manager document for one instance. Gives the answer, or what it failed with.
    pub fn automate(&self, instance: &str) -> Result<Value, String> {
        let python = MOTO.programs().join("python");
        let output = in_region(&python.to_string_lossy(), self.region)
            .arg(AUTOMATION)
            .args([&self.resources["RemediationDocument"], instance])
            .arg(self.automation_role())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Puts the event into the stack's queue, as EventBridge does.
    pub async fn send(&self, event: &Value) {
        let url = self.queue_url("Queue").await;
        let send = self.account.sqs.send_message().queue_url(url);
        send.message_body(event.to_string()).send().await.unwrap();
    }

    /// The attributes of one of the stack's queues.
    pub async fn attributes(&self, queue: &str) -> BTreeMap<String, String> {
        let ask = self
            .account
            .sqs
            .get_queue_attributes()
            .queue_url(self.queue_url(queue).await)
            .attribute_names(QueueAttributeName::All);
        let attributes = ask.send().await.unwrap().attributes.unwrap();
        attributes
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }

    /// The calls that a role of the stack was used for, in the sessions that `is_session` picks.
    pub fn calls(&self, role: &str, is_session: impl Fn(&str) -> bool) -> Vec<Value> {
        let mut calls = MOTO.calls();
        let role = &self.resources[role];
        calls
            .retain(|call| call["role"] == **role && is_session(call["session"].as_str().unwrap()));
        calls
    }

    async fn queue_url(&self, queue: &str) -> String {
        let name = queue_name(&self.resources[queue]);
        let ask = self.account.sqs.get_queue_url().queue_name(name);
        ask.send().await.unwrap().queue_url.unwrap()
    }

    fn automation_role(&self) -> String {
        crate::moto_account::role_arn(&self.resources["AutomationRole"])
    }
}

/// Runs `scripts/deploy`, and gives what it printed.
fn run_the_script(region: &'static str, parameters: &[&str]) -> String {
    let mut deploy = in_region(DEPLOY, region);
    deploy.args(["--bucket", &bucket(region)]);
    succeeds(deploy.args(parameters))
}

fn bucket(region: &str) -> String {
    format!("zips-{region}")
}

/// A command of the AWS CLI.
pub fn aws(region: &'static str) -> Command {
    in_region(&MOTO.programs().join("aws").to_string_lossy(), region)
}

/// A program whose AWS is moto, and nothing but moto.
fn in_region(program: &str, region: &'static str) -> Command {
    let directory = built_for(region);
    fs::create_dir_all(&directory).unwrap();
    let settings = directory.join("aws-config");
    // Bucket names as host names are for AWS's own addresses.
    fs::write(&settings, "[default]\ns3 =\n  addressing_style = path\n").unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", format!("{}:{path}", MOTO.programs().display()))
        // moto finds a bucket in the path only where the host is so called.
        .env(
            "AWS_ENDPOINT_URL",
            MOTO.endpoint().replace("127.0.0.1", "localhost"),
        )
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("AWS_REGION", region)
        .env("AWS_DEFAULT_REGION", region)
        .env("AWS_CONFIG_FILE", settings)
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("CARGO_TARGET_DIR", directory);
    command
}

/// Stands in for Cargo's target directory, where `scripts/deploy` looks for the zips.
fn built_for(region: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("deploy-{region}"))
}

fn resources(region: &'static str, stack: &str) -> BTreeMap<String, String> {
    let mut list = aws(region);
    list.args(["cloudformation", "list-stack-resources", "--output", "json"]);
    let listed = succeeds(list.args(["--stack-name", stack]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let resources = listed["StackResourceSummaries"].as_array().unwrap().iter();
    resources
        .filter_map(|resource| {
            let text = |member: &str| resource[member].as_str().map(ToOwned::to_owned);
            // moto lists what a condition rules out, without a name.
            Some((
                text("LogicalResourceId").filter(|id| !id.is_empty())?,
                text("PhysicalResourceId")?,
            ))
        })
        .collect()
}

fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Runs the command to its end, and gives what it printed.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (printed, errors) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {errors}");
    String::from_utf8(printed).unwrap()
}

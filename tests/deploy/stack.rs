//! The stack on moto, created by `scripts/deploy`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::MOTO;
use crate::deployment::{Deployment, run_to_success};
use crate::moto_account::{Account, Queue};
use crate::template::PACK;

const AUTOMATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/automation.py");

/// The Region of the bucket that most stacks take their template and their zips from.
const PACKAGED_IN: &str = "eu-south-2";

/// A deployed stack and its Region.
#[derive(Debug)]
pub struct Stack {
    /// The clients of the stack's Region.
    pub account: Account<'static>,
    /// The resources: logical ids and physical ids.
    pub resources: BTreeMap<String, String>,
    /// The queue that receives the mail of reports and alarms.
    pub mailbox: Queue,
    deployment: Deployment,
}

impl Stack {
    /// Deploys the real template with the given parameters, and the functions that Cargo built for these tests, as
    /// `scripts/deploy` does.
    pub async fn deploy_by_the_script(region: &'static str, parameters: &[&str]) -> Self {
        let deploy = |deployment: &Deployment, given: &[&str]| {
            deployment.prepare();
            // Nothing more to look up or to change: tests/deploy/script.rs has that.
            let more = ["CreatePolicyTable=true", "ProtectTables=false"];
            let printed = deployment.run_script(&[given, &more].concat());
            assert!(printed.contains(":function:tagwarden-rule"), "{printed}");
        };
        Self::deploy_with(region, parameters, deploy).await
    }

    /// Deploys the same with one command, because the script asks CloudFormation a dozen times.
    pub async fn deploy(region: &'static str, parameters: &[&str]) -> Self {
        Self::deploy_with(region, parameters, apply).await
    }

    async fn deploy_with(
        region: &'static str,
        parameters: &[&str],
        deploy: impl Fn(&Deployment, &[&str]),
    ) -> Self {
        let mut account = Account::in_region(&MOTO, region);
        let mailbox = account.create_queue("mailbox").await;
        let deployment = deployment(region);
        // Instances on moto are as young as the test, which must not wait for the grace period.
        let mut given = vec!["GraceMinutes=0", "BatchingWindowSeconds=1"];
        given.push("Email=mailbox@acme.example");
        given.extend(parameters);
        deploy(&deployment, &given);

        let resources = deployment.resources("tagwarden");
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
            deployment,
        }
    }

    /// Deploys the stack once more, with other parameters.
    pub fn update(&mut self, parameters: &[&str]) {
        apply(&self.deployment, parameters);
        self.resources = self.deployment.resources("tagwarden");
    }

    /// Deploys the resources of the conformance pack as Config does, with the name that Config gives the rule.
    pub fn deploy_pack(&mut self, rule: &str) {
        let function = format!(
            "RuleFunctionArn=arn:aws:lambda:{}:123456789012:function:{}",
            self.deployment.region, self.resources["RuleFunction"]
        );
        let document = format!(
            "RemediationDocument={}",
            self.resources["RemediationDocument"]
        );
        let automation = format!("AutomationRoleArn={}", self.automation_role());
        let mut deploy = self.deployment.aws();
        deploy.args(["cloudformation", "deploy", "--stack-name", "pack"]);
        deploy.args(["--template-file", PACK, "--parameter-overrides"]);
        deploy.args([
            &function,
            &document,
            &automation,
            &format!("RuleName={rule}"),
        ]);
        run_to_success(&mut deploy);
        rule.clone_into(&mut self.account.rule);
        let made = self.deployment.resources("pack");
        assert_eq!(made.keys().collect::<Vec<_>>(), ["Remediation", "Rule"]);
    }

    /// Deletes the stack. Returns the Region's clients and the names of the stack's tables.
    pub fn delete(self) -> (Account<'static>, BTreeSet<String>) {
        let mut delete = self.deployment.aws();
        delete.args(["cloudformation", "delete-stack", "--stack-name"]);
        run_to_success(delete.arg("tagwarden"));
        let tables = ["PolicyTable", "LedgerTable"].map(|table| self.resources[table].clone());
        (self.account, tables.into())
    }

    /// Runs the stack's Systems Manager document for one instance. Returns its answer, or its error.
    pub fn automate(&self, instance: &str) -> Result<Value, String> {
        let python = MOTO.programs().join("python");
        let output = self
            .deployment
            .command(&python.to_string_lossy())
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

    /// A command whose AWS is moto, in the stack's Region.
    pub fn command(&self, program: &str) -> std::process::Command {
        self.deployment.command(program)
    }

    /// Sends the event to the stack's queue, as EventBridge does.
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

    /// The calls made with a role of the stack, in the sessions for which `is_session` holds.
    pub fn calls(&self, role: &str, is_session: impl Fn(&str) -> bool) -> Vec<Value> {
        let mut calls = MOTO.calls();
        let role = &self.resources[role];
        calls
            .retain(|call| call["role"] == **role && is_session(call["session"].as_str().unwrap()));
        calls
    }

    /// The permissions boundary of a role of the stack.
    pub fn boundary(&self, role: &str) -> String {
        let mut read = self.deployment.aws();
        read.args(["iam", "get-role", "--output", "text", "--query"]);
        read.arg("Role.PermissionsBoundary.PermissionsBoundaryArn");
        let read = run_to_success(read.args(["--role-name", &self.resources[role]]));
        read.trim().to_owned()
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

/// The template with its zips in a bucket, as `scripts/deploy --package-only` writes it. It serves all Regions, because moto
/// lets functions take their code from any.
pub static PACKAGED: LazyLock<PathBuf> = LazyLock::new(|| {
    let deployment = deployment(PACKAGED_IN);
    deployment.prepare();
    deployment.run_script(&["--package-only"]);
    deployment.directory.join("lambda/tagwarden.packaged.yaml")
});

/// Creates or updates the stack with these parameters.
fn apply(deployment: &Deployment, parameters: &[&str]) {
    let mut deploy = deployment.aws();
    deploy.args(["cloudformation", "deploy", "--stack-name", "tagwarden"]);
    deploy.arg("--template-file").arg(&*PACKAGED);
    deploy.args(["--s3-bucket", &format!("zips-{PACKAGED_IN}")]);
    deploy.args(["--capabilities", "CAPABILITY_IAM"]);
    deploy.args(["--no-fail-on-empty-changeset", "--parameter-overrides"]);
    run_to_success(deploy.arg("Architecture=x86_64").args(parameters));
}

/// The deployment of the stack in a Region.
pub fn deployment(region: &'static str) -> Deployment {
    Deployment {
        programs: MOTO.programs().to_owned(),
        endpoint: MOTO.endpoint().to_owned(),
        key: ("AKIAIOSFODNN7EXAMPLE", "any"),
        region,
        directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("deploy-{region}")),
    }
}

/// The name in a queue's URL.
pub fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

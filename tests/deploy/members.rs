//! Two accounts of an organization on moto, by the commands of docs/organization.md: the stacks of both act by the table of the one,
//! and report to its topic.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::MOTO;
use crate::deployment::{Deployment, run_to_success};
use crate::moto_account::{Account, eventually, launch};
use crate::pages::{read, shell_blocks};

/// The Region of the policy, the reports and the `StackSet`.
const HOME: &str = "eu-south-1";
/// Another Region with instances.
const AWAY: &str = "ap-south-1";

/// The blocks that the test runs, in this order.
const RUN: [&str; 6] = [
    "cloudformation/central.yaml",
    "scripts/publish --prefix",
    "create-stack-set",
    "list-stack-instances",
    "dynamodb delete-item",
    "delete-stack-instances",
];

/// What moto does not have, with the reason why the block is not run here. All others are.
const NOT_RUN: [(&str, &str); 8] = [
    ("organization=o-", "the test has values of its own"),
    (
        "tagwarden push",
        "the command's own tests push; here the rows are put",
    ),
    ("template=https://", "the test has the URL that was printed"),
    (
        "update-stack-instances",
        "moto takes no organizational units in it, and does not update the stacks",
    ),
    (
        "put-organization-conformance-pack",
        "moto takes a pack from a bucket only, and makes nothing of it",
    ),
    (
        "set-alarm-state",
        "moto does not carry out the actions of alarms",
    ),
    ("import-stacks-to-stack-set", "moto does not have it"),
    (
        "update-stack-set",
        "moto takes no parameters with UsePreviousValue",
    ),
];

/// The credentials of the account's administrator, as the organization's management account gets them.
fn administrator(deployment: &Deployment, account: &str) -> (&'static str, &'static str) {
    let role = format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole");
    let mut assume = deployment.aws();
    assume.args(["sts", "assume-role", "--role-session-name", "admin"]);
    assume.args(["--output", "json", "--role-arn", &role]);
    let assumed: Value = serde_json::from_str(&run_to_success(&mut assume)).unwrap();
    let text = |name: &str| {
        let text = assumed["Credentials"][name].as_str().unwrap().to_owned();
        &*Box::leak(text.into_boxed_str())
    };
    (text("AccessKeyId"), text("SecretAccessKey"))
}

/// An organization with a management account and two others in a unit, of which the first keeps the policy.
struct Organization {
    id: String,
    unit: String,
    management: Deployment,
    members: [Member; 2],
}

struct Member {
    account: String,
    deployment: Deployment,
}

impl Member {
    /// The clients of the account's administrator in a Region.
    fn in_region(&self, region: &'static str) -> Account<'static> {
        let (id, secret) = self.deployment.key;
        let credentials = Credentials::new(id, secret, None, None, "administrator");
        Account::of(&MOTO, region, credentials)
    }
}

impl Organization {
    fn new() -> Self {
        let management = Deployment {
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy-members"),
            ..crate::stack::deployment(HOME)
        };
        management.package();
        let ask = |arguments: &[&str], query: &str| {
            let mut ask = management.aws();
            ask.arg("organizations").args(arguments);
            ask.args(["--output", "text", "--query", query]);
            run_to_success(&mut ask).trim().to_owned()
        };
        let id = ask(&["create-organization"], "Organization.Id");
        let root = ask(&["list-roots"], "Roots[0].Id");
        let create = [
            "create-organizational-unit",
            "--name",
            "apps",
            "--parent-id",
            &root,
        ];
        let unit = ask(&create, "OrganizationalUnit.Id");
        let member = |name: &str| {
            let email = format!("{name}@acme.example");
            let create = ["create-account", "--account-name", name, "--email", &email];
            let account = ask(&create, "CreateAccountStatus.AccountId");
            let mut place = management.aws();
            place.args(["organizations", "move-account", "--account-id", &account]);
            run_to_success(place.args([
                "--source-parent-id",
                &root,
                "--destination-parent-id",
                &unit,
            ]));
            let deployment = Deployment {
                key: administrator(&management, &account),
                ..management.clone()
            };
            Member {
                account,
                deployment,
            }
        };
        let members = ["policy", "apps"].map(member);
        Self {
            id,
            unit,
            management,
            members,
        }
    }
}

/// The page's blocks, run with what the reader fills in.
struct Page {
    blocks: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Page {
    /// The page, for the organization.
    fn of(organization: &Organization) -> Self {
        let values = [
            ("organization", &*organization.id),
            ("unit", &*organization.unit),
            ("prefix", "acme-tagwarden"),
            ("home", HOME),
            ("regions", &format!("{HOME} {AWAY}")),
        ];
        Self {
            blocks: shell_blocks(&read("docs/organization.md")),
            values: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// Runs the first block with the text, without a line that is not for the test.
    fn run(&self, text: &str, without: &str, by: &Deployment) -> String {
        let block = self.blocks.iter().find(|it| it.contains(text));
        let block = block.unwrap_or_else(|| panic!("no block has {text}"));
        let mut shell = by.command("bash");
        shell.current_dir(env!("CARGO_MANIFEST_DIR"));
        shell.envs(&self.values).args(["-euo", "pipefail", "-c"]);
        run_to_success(shell.arg(block.replace(without, "")))
    }

    fn fill_in(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// Every block is run by the test, or is one of [`NOT_RUN`].
    fn assert_all_are_known(&self) {
        let unknown = self.blocks.iter().filter(|it| {
            let is_run = RUN.iter().any(|text| it.contains(text));
            !is_run && !NOT_RUN.iter().any(|(text, _)| it.contains(text))
        });
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

/// Puts the policy into the central table: a rule for all, and a canary.
async fn put_policy(central: &Account<'_>, canary: &str) {
    let dynamodb = aws_sdk_dynamodb::Client::new(central.sdk_config());
    let canary = format!("owner-id = {canary}");
    let rows: [&[(&str, &str)]; 3] = [
        &[("RuleId", "1"), ("PolicyFormat", "2")],
        &[
            ("RuleId", "2"),
            ("TagKey", "ProjectCode"),
            ("Default", "Central"),
        ],
        &[
            ("RuleId", "3"),
            ("TagKey", "Canary"),
            ("Default", "yes"),
            ("When", &canary),
        ],
    ];
    for row in rows {
        let mut put = dynamodb.put_item().table_name("tagwarden-policy");
        for (name, value) in row {
            let value = (*value).to_owned();
            let value = match *name {
                "RuleId" | "PolicyFormat" => AttributeValue::N(value),
                _ => AttributeValue::S(value),
            };
            put = put.item(*name, value);
        }
        if row.iter().any(|it| it.0 == "TagKey") {
            put = put.item("Action", AttributeValue::S("Update".to_owned()));
            put = put.item("Required", AttributeValue::S("Y".to_owned()));
        }
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn two_accounts_act_by_one_table_and_report_to_one_topic() {
    let organization = Organization::new();
    let [central, other] = &organization.members;
    let management = &organization.management;
    let mut page = Page::of(&organization);

    // 1. The policy and the topics.
    let at_home = central.in_region(HOME);
    let mailbox = at_home.create_queue("cloud").await;
    central.in_region(AWAY).create_queue("cloud").await;
    let printed = page.run(RUN[0], "", &central.deployment);
    for (name, value) in printed.lines().filter_map(|line| line.split_once('\t')) {
        page.fill_in(name, value);
    }
    put_policy(&at_home, &other.account).await;

    // 2. The zips and the template.
    let publish = || page.run(RUN[1], "scripts/build\n", management);
    let printed = publish();
    let mut lines = printed.lines().map(str::trim);
    let url = lines.find(|it| it.starts_with("https://")).unwrap();
    let again = publish();
    let is_same = again.contains(url) && !again.contains(" is new.");
    assert!(is_same, "{again}");
    page.fill_in("template", url);

    // 3. One StackSet. Instances on moto are as young as the test, and must not wait.
    let alarms = page.values["AlarmTopicArn"].clone();
    let more = "Mode,ParameterValue=enforce ParameterKey=Untagged,ParameterValue=notify \
                ParameterKey=GraceMinutes,ParameterValue=0 ParameterKey=BatchingWindowSeconds,ParameterValue=1";
    page.fill_in("AlarmTopicArn", &format!("{alarms} ParameterKey={more}"));
    page.run(RUN[2], "", management);
    let listed = page.run(RUN[3], "", management);
    for member in &organization.members {
        for region in [HOME, AWAY] {
            let stack = format!("{}\t{region}", member.account);
            assert!(listed.contains(&stack), "{listed}");
        }
    }

    let launched = launch_everywhere(&organization).await;
    for (member, account, id) in &launched {
        let tags = async || account.tags(id).await;
        let tagged = eventually(tags, |tags| tags.contains_key("ProjectCode")).await;
        assert_eq!(tagged["ProjectCode"], "Central");
        let is_canary = member.account == other.account;
        assert_eq!(tagged.contains_key("Canary"), is_canary, "{tagged:?}");
    }
    let mails = tokio::sync::Mutex::new(String::new());
    let mailed = async || {
        let mut mails = mails.lock().await;
        mails.push_str(&at_home.receive(&mailbox).await.concat());
        mails.clone()
    };
    let all = |text: &String| launched.iter().all(|it| text.contains(&it.2));
    eventually(mailed, all).await;
    let text = mails.into_inner();
    let place = format!("This is of account {} in {HOME}.", other.account);
    assert!(text.contains(&place), "{text}");

    assert_alarms_stay_in_the_region(other, &central.account);
    assert_central_calls_were_allowed(&central.account);
    assert_no_others_get_in(other, &page.values);
    page.run(RUN[4], "", &central.deployment);
    page.run(RUN[5], "", management);
    page.assert_all_are_known();
}

/// Launches an instance in each Region of each account.
async fn launch_everywhere(
    organization: &Organization,
) -> Vec<(&Member, Account<'static>, String)> {
    let mut launched = Vec::new();
    for member in &organization.members {
        for region in [HOME, AWAY] {
            let account = member.in_region(region);
            let vpc = account.create_vpc().await;
            let id = launch(&account.ec2, &vpc.subnet, &[("Name", "web")]).await;
            launched.push((member, account, id));
        }
    }
    launched
}

/// One `AlarmTopicArn` serves all Regions.
fn assert_alarms_stay_in_the_region(member: &Member, central: &str) {
    let mut describe = member.deployment.aws();
    describe.args(["--region", AWAY, "cloudwatch", "describe-alarms"]);
    let described = run_to_success(describe.args(["--output", "json"]));
    let described: Value = serde_json::from_str(&described).unwrap();
    let described = described["MetricAlarms"].as_array().unwrap();
    assert!(described.len() > 5, "{described:?}");
    let topic = format!("arn:aws:sns:{AWAY}:{central}:tagwarden-alarms");
    let told = |alarm: &Value| alarm["AlarmActions"] == json!([topic]);
    assert!(described.iter().all(told), "{described:?}");
}

/// By the policies of the table, the topic and its key, too.
fn assert_central_calls_were_allowed(central: &str) {
    let mut calls = MOTO.calls();
    calls.retain(|call| call["resources"].to_string().contains(central));
    for action in [
        "dynamodb:Scan",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    ] {
        let mut made = calls
            .iter()
            .filter(|call| call["action"] == action)
            .peekable();
        assert!(made.peek().is_some(), "{action}");
        assert!(made.all(|call| call["allowed"] == true), "{action}");
    }
}

/// A role of the organization that may do all that its account can allow, but has not the path.
fn assert_no_others_get_in(member: &Member, values: &BTreeMap<String, String>) {
    let deployment = &member.deployment;
    let aws = |arguments: &[&str]| {
        let mut command: Command = deployment.aws();
        command.args(arguments);
        command
    };
    let trust = r#"{"Version": "2012-10-17", "Statement": []}"#;
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    for (path, is_in) in [("/", false), ("/tagwarden/", true)] {
        let name = if is_in { "insider" } else { "intruder" };
        let create = [
            "iam",
            "create-role",
            "--role-name",
            name,
            "--path",
            path,
            "--assume-role-policy-document",
            trust,
        ];
        run_to_success(&mut aws(&create));
        let put = [
            "iam",
            "put-role-policy",
            "--role-name",
            name,
            "--policy-name",
            "all",
            "--policy-document",
            all,
        ];
        run_to_success(&mut aws(&put));
        let role = format!("arn:aws:iam::{}:role{path}{name}", member.account);
        let assume = [
            "sts",
            "assume-role",
            "--role-arn",
            &role,
            "--role-session-name",
            name,
            "--output",
            "json",
        ];
        let assumed: Value = serde_json::from_str(&run_to_success(&mut aws(&assume))).unwrap();
        let key = |name: &str| assumed["Credentials"][name].as_str().unwrap().to_owned();
        let succeeds = |arguments: &[&str]| {
            let mut command = aws(arguments);
            command.env("AWS_ACCESS_KEY_ID", key("AccessKeyId"));
            command.env("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey"));
            command.env("AWS_SESSION_TOKEN", key("SessionToken"));
            command.output().unwrap().status.success()
        };
        let (table, topic) = (&*values["PolicyTableArn"], &*values["ReportTopicArn"]);
        assert_eq!(
            succeeds(&["dynamodb", "scan", "--table-name", table]),
            is_in,
            "{name}"
        );
        assert_eq!(
            succeeds(&["sns", "publish", "--topic-arn", topic, "--message", "x"]),
            is_in,
            "{name}"
        );
        // Nobody writes, whatever the path.
        let key = r#"{"RuleId": {"N": "2"}}"#;
        assert!(
            !succeeds(&[
                "dynamodb",
                "delete-item",
                "--table-name",
                table,
                "--key",
                key
            ]),
            "{name}"
        );
    }
}

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

    /// Runs a block of the page with these values.
    fn run(&self, block: &str, by: &Deployment, values: &BTreeMap<String, String>) -> String {
        let mut shell = by.command("bash");
        shell.current_dir(env!("CARGO_MANIFEST_DIR"));
        shell.envs(values).args(["-euo", "pipefail", "-c", block]);
        run_to_success(&mut shell)
    }
}

/// The block with the text. There is one.
fn block<'a>(blocks: &'a [String], text: &str) -> &'a str {
    let mut found = blocks.iter().filter(|it| it.contains(text));
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no block has {text}"));
    first
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
    let blocks = shell_blocks(&read("docs/organization.md"));
    let organization = Organization::new();
    let [central, other] = &organization.members;
    let mut values: BTreeMap<String, String> = [
        ("organization", &*organization.id),
        ("unit", &*organization.unit),
        ("prefix", "acme-tagwarden"),
        ("home", HOME),
        ("regions", &format!("{HOME} {AWAY}")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();

    // 1. The policy and the topics.
    let at_home = central.in_region(HOME);
    let mailbox = at_home.create_queue("cloud").await;
    central.in_region(AWAY).create_queue("cloud").await;
    let deploy = block(&blocks, "cloudformation/central.yaml");
    let printed = organization.run(deploy, &central.deployment, &values);
    let outputs = printed.lines().filter_map(|line| line.split_once('\t'));
    values.extend(outputs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    put_policy(&at_home, &other.account).await;

    // 2. The zips and the template.
    let publish = block(&blocks, "scripts/publish --prefix").replace("scripts/build\n", "");
    let printed = organization.run(&publish, &organization.management, &values);
    let url = printed
        .lines()
        .map(str::trim)
        .find(|it| it.starts_with("https://"))
        .unwrap();
    values.insert("template".to_owned(), url.to_owned());
    let again = organization.run(&publish, &organization.management, &values);
    assert!(
        again.contains(url) && !again.contains(" is new."),
        "{again}"
    );

    // 3. One StackSet. Instances on moto are as young as the test, and must not wait.
    let alarms = &values["AlarmTopicArn"];
    let more = "Mode,ParameterValue=enforce ParameterKey=Untagged,ParameterValue=notify \
                ParameterKey=GraceMinutes,ParameterValue=0 ParameterKey=BatchingWindowSeconds,ParameterValue=1";
    let more = format!("{alarms} ParameterKey={more}");
    values.insert("AlarmTopicArn".to_owned(), more);
    let create = block(&blocks, "create-stack-set");
    organization.run(create, &organization.management, &values);
    let list = block(&blocks, "list-stack-instances");
    let listed = organization.run(list, &organization.management, &values);
    for member in &organization.members {
        for region in [HOME, AWAY] {
            assert!(
                listed.contains(&format!("{}\t{region}", member.account)),
                "{listed}"
            );
        }
    }

    // The functions of both accounts and Regions.
    let mut launched = Vec::new();
    for member in &organization.members {
        for region in [HOME, AWAY] {
            let account = member.in_region(region);
            let vpc = account.create_vpc().await;
            let id = launch(&account.ec2, &vpc.subnet, &[("Name", "web")]).await;
            launched.push((member, account, id));
        }
    }
    for (member, account, id) in &launched {
        let of_other = member.account == other.account;
        let tags = async || account.tags(id).await;
        let tagged = eventually(tags, |tags| tags.contains_key("ProjectCode")).await;
        assert_eq!(tagged["ProjectCode"], "Central");
        assert_eq!(tagged.contains_key("Canary"), of_other, "{tagged:?}");
    }
    let mails = tokio::sync::Mutex::new(String::new());
    let mailed = async || {
        let mut mails = mails.lock().await;
        mails.push_str(&at_home.receive(&mailbox).await.concat());
        mails.clone()
    };
    eventually(mailed, |text| {
        launched.iter().all(|it| text.contains(&it.2))
    })
    .await;
    let text = mails.into_inner();
    for member in &organization.members {
        assert!(text.contains(&member.account), "{text}");
    }

    // Alarms go to the topic of their own Region.
    let mut describe = other.deployment.aws();
    describe.args([
        "--region",
        AWAY,
        "cloudwatch",
        "describe-alarms",
        "--output",
        "json",
    ]);
    let described: Value = serde_json::from_str(&run_to_success(&mut describe)).unwrap();
    let described = described["MetricAlarms"].as_array().unwrap();
    assert!(described.len() > 5, "{described:?}");
    let topic = format!("arn:aws:sns:{AWAY}:{}:tagwarden-alarms", central.account);
    let told = |alarm: &Value| alarm["AlarmActions"] == json!([topic]);
    assert!(described.iter().all(told), "{described:?}");

    // Who was let in: by the policies of the table, the topic and its key, too.
    let calls = MOTO.calls();
    let own = |call: &&Value| call["resources"].to_string().contains(&central.account);
    let calls: Vec<&Value> = calls.iter().filter(own).collect();
    for action in [
        "dynamodb:Scan",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    ] {
        let made = calls.iter().filter(|call| call["action"] == action);
        assert!(made.clone().count() > 0, "{action}");
        assert!(made.clone().all(|call| call["allowed"] == true), "{action}");
    }
    assert_no_others_get_in(other, &values);

    // The other commands of the page.
    let central = &central.deployment;
    organization.run(block(&blocks, "dynamodb delete-item"), central, &values);
    let delete = block(&blocks, "delete-stack-instances");
    organization.run(delete, &organization.management, &values);
    let ran = [
        "central.yaml",
        "scripts/publish --prefix",
        "create-stack-set",
        "list-stack-instances",
        "dynamodb delete-item",
        "delete-stack-instances",
    ];
    let unknown = blocks.iter().filter(|it| {
        let is_run = ran.iter().any(|text| it.contains(text));
        !is_run && !NOT_RUN.iter().any(|(text, _)| it.contains(text))
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new());
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

//! What parameters make of the stack: names, keys, topics, tables, alarms and outputs, for several values of each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::pages::read;
use crate::resolved::{Given, Resolved, Whole};
use crate::template::STACK;
use crate::upgrade::takes;

pub const REFERENCE: &str = "{{resolve:ssm:/tagwarden/it}}";
pub const KEY: &str = "arn:aws:kms:eu-west-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const TOPIC: &str = "arn:aws:sns:eu-west-1:222222222222:central";
pub const TABLE: &str = "arn:aws:dynamodb:eu-central-1:222222222222:table/acme_policy";

pub type Resources = BTreeMap<String, Resolved>;

pub fn resources(whole: &Whole, parameters: &[(&str, &str)]) -> Resources {
    whole.resources(&Given::named("tagwarden").with(parameters))
}

/// The statements of a role's own policy, by their Sid.
pub fn statements(resources: &Resources, role: &str) -> BTreeMap<String, Value> {
    let policy = &resources[role].properties["Policies"][0]["PolicyDocument"];
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements
        .map(|it| (it["Sid"].as_str().unwrap().to_owned(), it.clone()))
        .collect()
}

pub fn variable(resources: &Resources, function: &str, name: &str) -> Value {
    resources[function].properties["Environment"]["Variables"][name].clone()
}

/// The ids of the resources of a type.
pub fn of_kind(resources: &Resources, kind: &str) -> BTreeSet<String> {
    let of_it = resources.iter().filter(|(_, it)| it.kind == kind);
    of_it.map(|(id, _)| id.clone()).collect()
}

/// Regional values cannot be parameters of one `StackSet` for many Regions, but their names in SSM can.
#[test]
fn every_guard_rail_takes_a_reference_and_nothing_malformed() {
    let whole = Whole::read(STACK);
    let path = "/tagwarden/";
    let boundary = "arn:aws:iam::111111111111:policy/team/boundary";
    let alarms = "arn:aws:sns:REGION:111111111111:alarms";
    for (name, value, malformed) in [
        ("PermissionsBoundary", boundary, "boundary"),
        ("RolePath", path, "tagwarden/"),
        ("KmsKeyArn", KEY, "alias/tagwarden"),
        ("PolicyTableArn", TABLE, "acme_policy"),
        ("PolicyKeyArn", KEY, "alias/aws/dynamodb"),
        (
            "ReportTopicArn",
            TOPIC,
            "arn:aws:sns:eu-west-1:222222222222:it.fifo",
        ),
        ("ReportTopicKeyArn", KEY, "alias/aws/sns"),
        ("AlarmTopicArn", alarms, "arn:aws:sns:eu-west-1:1:alarms"),
    ] {
        let parameter = &whole.template["Parameters"][name];
        for good in [value, REFERENCE, "{{resolve:ssm:/tagwarden/it:3}}"] {
            assert!(takes(parameter, good), "{name}={good}");
        }
        let secret = "{{resolve:secretsmanager:it}}";
        let two = format!("{value} {REFERENCE}");
        for bad in [malformed, secret, &two, "{{resolve:ssm:}}"] {
            assert!(!takes(parameter, bad), "{name}={bad}");
        }
        let guide = read("docs/deploy.md");
        assert!(
            guide.contains(&format!("`{name}`")),
            "docs/deploy.md: {name}"
        );
    }
    let concurrency = &whole.template["Parameters"]["ReservedConcurrency"];
    let taken = (0..=11).filter(|it| takes(concurrency, &it.to_string()));
    assert_eq!(taken.collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (keys, good) in [
        ("ProjectCode", true),
        ("", true),
        ("*", false),
        ("Cost?", false),
    ] {
        assert_eq!(
            takes(&whole.template["Parameters"]["TagKeys"], keys),
            good,
            "{keys}"
        );
    }
}

#[test]
fn boundary_and_path_are_every_roles_and_no_path_is_none() {
    let whole = Whole::read(STACK);
    let slack = [
        ("CreateLettersTopic", "true"),
        ("SlackWorkspaceId", "T0"),
        ("SlackChannelId", "C0"),
    ];
    let plain = resources(&whole, &slack);
    let roles = of_kind(&plain, "AWS::IAM::Role");
    assert_eq!(roles.len(), 5);
    for role in &roles {
        // A path of / in the template would replace the roles of stacks that had none in theirs.
        let properties = &plain[role].properties;
        assert_eq!(properties.get("Path"), None);
        assert_eq!(properties.get("PermissionsBoundary"), None);
    }
    let rails = [
        ("PermissionsBoundary", REFERENCE),
        ("RolePath", "/tagwarden/"),
    ];
    let railed = resources(&whole, &[&slack[..], &rails].concat());
    for role in &roles {
        let properties = &railed[role].properties;
        assert_eq!(properties["Path"], "/tagwarden/");
        assert_eq!(properties["PermissionsBoundary"], REFERENCE);
    }
}

/// Alarms go to `AlarmTopicArn`, else to the topic of the reports. A topic of another Region takes none.
#[test]
fn reports_go_to_a_topic_that_exists_and_alarms_only_where_it_is_here() {
    let whole = Whole::read(STACK);
    let elsewhere = "arn:aws:sns:eu-central-1:222222222222:central";
    let alarms = "arn:aws:sns:eu-west-1:111111111111:alarms";
    let anywhere = "arn:aws:sns:REGION:111111111111:alarms";
    for (parameters, topic, actions) in [
        (vec![], "${Topic}", Some("${Topic}")),
        (vec![("ReportTopicArn", TOPIC)], TOPIC, Some(TOPIC)),
        (vec![("ReportTopicArn", elsewhere)], elsewhere, None),
        (vec![("ReportTopicArn", REFERENCE)], REFERENCE, None),
        (
            vec![("ReportTopicArn", elsewhere), ("AlarmTopicArn", anywhere)],
            elsewhere,
            Some(alarms),
        ),
        (
            vec![("ReportTopicArn", TOPIC), ("AlarmTopicArn", REFERENCE)],
            TOPIC,
            Some(REFERENCE),
        ),
    ] {
        let made = resources(&whole, &parameters);
        assert_eq!(
            variable(&made, "RemediationFunction", "TAGWARDEN_TOPIC_ARN"),
            topic
        );
        assert_eq!(
            statements(&made, "RemediationRole")["Report"]["Resource"],
            topic
        );
        let outputs = whole.outputs(&Given::named("tagwarden").with(&parameters));
        assert_eq!(outputs["TopicArn"], topic);
        let wanted: Vec<&str> = actions.into_iter().collect();
        for alarm in of_kind(&made, "AWS::CloudWatch::Alarm") {
            assert_eq!(
                made[&alarm].properties["AlarmActions"],
                json!(wanted),
                "{alarm}: {parameters:?}"
            );
        }
        // It tells of a state. The others tell of events.
        assert_eq!(made["SweepsAlarm"].properties["OKActions"], json!(wanted));
        for own in ["Topic", "TopicPolicy", "TopicKey"] {
            assert_eq!(made.contains_key(own), parameters.is_empty(), "{own}");
        }
    }
    let through = |topic: &str| {
        let made = resources(
            &whole,
            &[("ReportTopicArn", topic), ("ReportTopicKeyArn", KEY)],
        );
        let statement = &statements(&made, "RemediationRole")["EncryptReportsElsewhere"];
        assert_eq!(statement["Resource"], KEY);
        statement["Condition"]["StringLike"]["kms:ViaService"].clone()
    };
    assert_eq!(through(elsewhere), "sns.eu-central-1.amazonaws.*");
    assert_eq!(through(REFERENCE), "sns.*.amazonaws.*");
    // The letters' topic still has the stack's key.
    let letters = resources(
        &whole,
        &[("ReportTopicArn", TOPIC), ("CreateLettersTopic", "true")],
    );
    assert_eq!(
        letters["LettersTopic"].properties["KmsMasterKeyId"],
        "${TopicKey}"
    );
}

#[test]
fn a_sweep_that_did_not_run_raises_an_alarm_where_it_runs_daily() {
    let whole = Whole::read(STACK);
    for (schedule, watched) in [
        ("rate(6 hours)", true),
        ("rate(1 day)", true),
        ("rate(30 minutes)", true),
        ("rate(2 days)", false),
        ("cron(0 6 * * ? *)", true),
        ("cron(0 6 ? * * *)", true),
        ("cron(0 * * * ? 2026)", false),
        ("cron(0 6 ? * MON-FRI *)", false),
        ("cron(0 6 1 * ? *)", false),
        ("cron(0 6 * 6 ? *)", false),
    ] {
        let made = resources(&whole, &[("SweepSchedule", schedule)]);
        assert_eq!(made.contains_key("SweepsAlarm"), watched, "{schedule}");
    }
    let off = resources(&whole, &[("SweepAlarm", "false")]);
    assert!(!off.contains_key("SweepsAlarm"));
    let alarm = &resources(&whole, &[])["SweepsAlarm"].properties;
    assert_eq!(
        (&alarm["MetricName"], &alarm["TreatMissingData"]),
        (&json!("sweeps"), &json!("breaching"))
    );
    let hours =
        alarm["Period"].as_u64().unwrap() * alarm["EvaluationPeriods"].as_u64().unwrap() / 3600;
    // A daily sweep that ends an hour later than the last one leaves 24 empty hours.
    assert_eq!(hours, 26);
}

/// Every alarm costs 0.10, and the guide counts them.
#[test]
fn the_guide_counts_the_alarms() {
    let made = resources(&Whole::read(STACK), &[]);
    let words = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let alarms = of_kind(&made, "AWS::CloudWatch::Alarm").len();
    let line = format!("| {} alarms | 0.{alarms}0 |", words[alarms]);
    assert!(read("docs/deploy.md").contains(&line), "{line}");
    // The visible time of a message that is repeated.
    let age = &made["QueueAgeAlarm"].properties["Threshold"];
    assert_eq!(*age, made["Queue"].properties["VisibilityTimeout"]);
    // Dead letters that join others, from one five minutes to the next.
    let more = &made["MoreDeadLettersAlarm"].properties["Metrics"];
    assert_eq!(
        more[1]["Expression"],
        "IF(letters - DIFF(letters) > 0, DIFF(letters), 0)"
    );
    assert_eq!(
        more[0]["MetricStat"]["Metric"]["MetricName"],
        made["DeadLettersAlarm"].properties["MetricName"]
    );
}

/// Lambda takes a line without a level for INFO, and CloudWatch makes the metrics of such lines.
#[test]
fn the_log_level_is_the_functions_own() {
    let made = resources(&Whole::read(STACK), &[("LogLevel", "ERROR")]);
    for function in ["RuleFunction", "RemediationFunction"] {
        let logging = &made[function].properties["LoggingConfig"];
        assert_eq!(logging["ApplicationLogLevel"], "INFO");
        assert_eq!(variable(&made, function, "TAGWARDEN_LOG_LEVEL"), "ERROR");
    }
}

#[test]
fn outputs_name_the_version_and_the_console_of_each_partition() {
    let whole = Whole::read(STACK);
    let outputs = whole.outputs(&Given::named("tagwarden"));
    assert_eq!(outputs["Version"], env!("CARGO_PKG_VERSION"));
    let url = outputs["DashboardUrl"].as_str().unwrap();
    assert!(
        url.starts_with("https://eu-west-1.console.aws.amazon.com/"),
        "{url}"
    );
    // remediation/src/report/console.rs knows the same hosts.
    let known = include_str!("../../remediation/src/report/console.rs");
    let template = std::fs::read_to_string(STACK).unwrap();
    let url = template.split("  DashboardUrl:").nth(1).unwrap();
    for (condition, host) in [
        ("InChina", "console.amazonaws.cn"),
        ("InGovCloud", "console.amazonaws-us-gov.com"),
        ("InSovereignEurope", "console.amazonaws-eusc.eu"),
    ] {
        assert!(
            known.contains(host) && url.contains(condition) && url.contains(host),
            "{host}"
        );
    }
    let without = [("CreateDashboard", "false")];
    assert!(!resources(&whole, &without).contains_key("Dashboard"));
    let outputs = whole.outputs(&Given::named("tagwarden").with(&without));
    assert!(!outputs.contains_key("DashboardUrl"));
}

#[test]
fn tables_are_protected_on_demand_and_tags_are_limited_on_demand() {
    let whole = Whole::read(STACK);
    let protected = resources(&whole, &[("ProtectTables", "true")]);
    for table in ["PolicyTable", "LedgerTable"] {
        assert_eq!(
            protected[table].properties["DeletionProtectionEnabled"],
            true
        );
        assert_eq!(protected[table].deletion, "RetainExceptOnCreate");
    }
    let both = [
        ("Mode", "enforce"),
        ("ResourceTypes", "AWS::EC2::Instance,AWS::EC2::Volume"),
    ];
    for (keys, condition) in [
        ("", None),
        (
            "ProjectCode,CreatedBy",
            Some(
                json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["ProjectCode", "CreatedBy"]}}),
            ),
        ),
    ] {
        let made = resources(&whole, &[&both[..], &[("TagKeys", keys)]].concat());
        for policy in ["TagInstances", "TagVolumes"] {
            let statement = &made[policy].properties["PolicyDocument"]["Statement"][0];
            assert_eq!(statement.get("Condition"), condition.as_ref(), "{policy}");
        }
    }
}

/// The function is updated after the policies that allow what the update asks of it, and no resource waits in a circle.
#[test]
fn enforcing_waits_for_its_policies() {
    let whole = Whole::read(STACK);
    let template = &whole.template;
    let policies = template["Resources"].as_object().unwrap().iter();
    let policies = policies.filter(|(_, it)| it["Type"] == "AWS::IAM::Policy");
    for (id, policy) in policies {
        let condition = policy["Condition"].as_str().unwrap();
        let waits = json!({"Fn::If": [condition, {"Ref": id}, ""]});
        let after = &template["Resources"]["RemediationFunction"]["Metadata"]["After"];
        assert!(after.as_array().unwrap().contains(&waits), "{id}");
        assert!(
            !policy["Properties"].to_string().contains("Function"),
            "{id}"
        );
    }
    let template = std::fs::read_to_string(STACK).unwrap();
    let tests = template.matches("Sid: EncryptedTransportOnly").count();
    assert_eq!(tests, 2, "the queues' policy and the topic's");
}

/// CloudFormation refuses what would lose subscribers or do nothing.
#[test]
fn parameters_that_contradict_each_other_are_refused() {
    let whole = Whole::read(STACK);
    let topic = ("ReportTopicArn", TOPIC);
    for (parameters, said) in [
        (vec![], None),
        (vec![topic], None),
        (
            vec![topic, ("Email", "a@example.com")],
            Some("Email must be empty"),
        ),
        (
            vec![topic, ("ReportEmail", "a@example.com")],
            Some("ReportEmail must be empty"),
        ),
        (vec![topic, ("ReportTopicKeyArn", KEY)], None),
        (
            vec![("ReportTopicKeyArn", KEY)],
            Some("ReportTopicKeyArn needs"),
        ),
        (vec![("PolicyKeyArn", KEY)], Some("PolicyKeyArn needs")),
        (
            vec![("PolicyKeyArn", KEY), ("CreatePolicyTable", "false")],
            None,
        ),
        (vec![("PolicyKeyArn", KEY), ("PolicyTableArn", TABLE)], None),
    ] {
        let given = Given::named("tagwarden").with(&parameters);
        let objections = whole.objections(&given);
        assert_eq!(
            objections.len(),
            usize::from(said.is_some()),
            "{objections:?}"
        );
        assert!(
            objections.iter().all(|it| it.starts_with(said.unwrap())),
            "{objections:?}"
        );
    }
}

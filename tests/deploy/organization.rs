//! The organization's templates: the members' is made from the stack's and differs only where it must, the pack finds what the
//! members have, and the central stack lets exactly the members in.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::moto::REQUIREMENTS;
use crate::resolved::{Given, Resolved, Whole};
use crate::template::{CENTRAL, MEMBERS, MEMBERS_PACK, STACK, Template};
use crate::venv;

const WRITER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/organization.py");
const OVERRIDES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/deploy/organization.yaml"
);

const TABLE: &str = "arn:aws:dynamodb:eu-central-1:999999999999:table/tagwarden-policy";
const TOPIC: &str = "arn:aws:sns:eu-central-1:999999999999:reports";
const LETTERS: &str = "arn:aws:sns:eu-central-1:999999999999:letters";

/// What both templates are given: what the organization's must have, and the stack's may.
const CENTRAL_PARTS: [(&str, &str); 4] = [
    ("Name", "tagwarden"),
    ("RolePath", "/tagwarden/"),
    ("PolicyTableArn", TABLE),
    ("ReportTopicArn", TOPIC),
];

/// What the stack's template must be given besides, for what the organization's does not have.
const STACK_ONLY: [(&str, &str); 4] = [
    ("SeedPolicy", "false"),
    ("CreateDashboard", "false"),
    ("NoticeHours", "24"),
    ("CreateLettersTopic", "false"),
];

/// Parameters by which the templates are compared. Whatever a condition of either asks for is there in both ways.
const CASES: [&[(&str, &str)]; 6] = [
    &[],
    &[
        ("Mode", "enforce"),
        ("ResourceTypes", "AWS::EC2::Instance,AWS::EC2::Volume"),
    ],
    &[
        ("Mode", "enforce"),
        ("Untagged", "stop"),
        ("TerminateAfterDays", "14"),
        ("RulesMayDestroy", "stop-and-terminate"),
        ("TagKeys", "Owner,Expires"),
        ("ReservedConcurrency", "2"),
        ("ContactTopics", "arn:aws:sns:*:999999999999:team-*"),
    ],
    &[
        ("KmsKeyArn", "{{resolve:ssm:/tagwarden/key}}"),
        (
            "PermissionsBoundary",
            "arn:aws:iam::111122223333:policy/boundary",
        ),
        (
            "PolicyKeyArn",
            "arn:aws:kms:eu-central-1:999999999999:key/policy",
        ),
        (
            "ReportTopicKeyArn",
            "arn:aws:kms:eu-central-1:999999999999:key/topic",
        ),
        ("ProtectTables", "true"),
        ("CreateConfigRule", "false"),
    ],
    &[
        (
            "AlarmTopicArn",
            "arn:aws:sns:REGION:999999999999:tagwarden-alarms",
        ),
        ("SweepAlarm", "false"),
        ("SweepSchedule", "rate(2 days)"),
    ],
    &[
        ("PolicyTableArn", "{{resolve:ssm:/tagwarden/table}}"),
        ("AlarmTopicArn", "arn:aws:sns:eu-west-1:999999999999:REGION"),
    ],
];

/// The differences that stay: resource, property, and why.
const EXPLAINED: [(&str, &str, &str); 5] = [
    (
        "RuleFunction",
        "Code",
        "the zips of a StackSet are in a bucket of each Region",
    ),
    (
        "RemediationFunction",
        "Code",
        "the zips of a StackSet are in a bucket of each Region",
    ),
    (
        "RuleFunction",
        "Architectures",
        "scripts/publish writes it, together with the zips",
    ),
    (
        "RemediationFunction",
        "Architectures",
        "scripts/publish writes it, together with the zips",
    ),
    (
        "AutomationRole",
        "RoleName",
        "the organization's pack works its ARN out",
    ),
];

/// Made from the stack's template, so that no change of that is forgotten here.
#[test]
fn the_members_template_is_made_from_the_stacks() {
    let python = venv::installed("moto", REQUIREMENTS).join("python");
    let made = Command::new(python)
        .args([WRITER, STACK, OVERRIDES])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(MEMBERS, &made.stdout).unwrap();
    }
    let made = String::from_utf8(made.stdout).unwrap();
    let is_current = made == fs::read_to_string(MEMBERS).unwrap();
    assert!(
        is_current,
        "run UPDATE_DOCS=1 cargo test --test deploy organization, and read the diff"
    );
}

/// The parts of a value that differ, by their paths.
fn differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let names = ones.keys().chain(others.keys());
            let names: std::collections::BTreeSet<&String> = names.collect();
            for name in names {
                let path = format!("{path}.{name}");
                differences(&path, &one[name.as_str()], &other[name.as_str()], found);
            }
        }
        _ if one != other => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            let (one, other) = (short(one), short(other));
            found.push(format!("{path}: {one} is {other} for the members"));
        }
        _ => {}
    }
}

/// What CloudFormation makes of both templates, which does not ask how one is made from the other.
#[test]
fn the_members_stack_has_what_the_stack_has() {
    let (stack, members) = (Whole::read(STACK), Whole::read(MEMBERS));
    let named = Given::named("StackSet-tagwarden-e6cac20f").with(&CENTRAL_PARTS);
    let mut found = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in CASES {
        let of_stack = stack.resources(&named.clone().with(&STACK_ONLY).with(case));
        let of_members = members.resources(&named.clone().with(case));
        let ids =
            |resources: &BTreeMap<String, Resolved>| resources.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&of_stack), ids(&of_members), "{case:?}");
        for (id, one) in &of_stack {
            *seen.entry(id.clone()).or_default() += 1;
            let other = &of_members[id];
            let policies =
                |it: &Resolved| [it.kind.clone(), it.deletion.clone(), it.replacement.clone()];
            assert_eq!(policies(one), policies(other), "{id}");
            let mut differ = Vec::new();
            differences("", &one.properties, &other.properties, &mut differ);
            let is_explained = |difference: &String| {
                let mut explained = EXPLAINED.iter();
                explained.any(|(of, property, _)| {
                    of == id && difference.starts_with(&format!(".{property}"))
                })
            };
            let differ = differ.into_iter().filter(|it| !is_explained(it));
            found.extend(differ.map(|it| format!("{id}{it}")));
        }
    }
    assert_eq!(found, Vec::<String>::new());
    // Each resource of the template was compared, but for the letters, whose topic is central.
    let written = members.template["Resources"].as_object().unwrap().keys();
    let unseen: Vec<&String> = written.filter(|id| !seen.contains_key(*id)).collect();
    assert_eq!(unseen, ["MailLetters", "PublishLetters"]);
}

/// Letters go to the central topic, by a permission for it alone. Mail needs the topic for what cannot be mailed.
#[test]
fn letters_of_members_go_to_the_central_topic() {
    let (stack, members) = (Whole::read(STACK), Whole::read(MEMBERS));
    let mail = [
        (
            "MailFrom",
            "arn:aws:ses:eu-central-1:999999999999:identity/acme.example",
        ),
        ("MailDomains", "acme.example"),
    ];
    let named = Given::named("tagwarden").with(&CENTRAL_PARTS).with(&mail);
    let of_stack = stack.resources(&named.clone().with(&[("CreateLettersTopic", "true")]));
    let of_members = members.resources(&named.clone().with(&[("LettersTopicArn", LETTERS)]));
    for id in ["MailLetters", "PublishLetters"] {
        let expected = of_stack[id]
            .properties
            .to_string()
            .replace("${LettersTopic}", LETTERS);
        assert_eq!(of_members[id].properties.to_string(), expected);
    }
    let variable = &of_members["RemediationFunction"].properties["Environment"]["Variables"];
    assert_eq!(variable["TAGWARDEN_LETTERS_TOPIC_ARN"], LETTERS);
    for absent in ["LettersTopic", "TopicKey", "Topic"] {
        assert!(!of_members.contains_key(absent), "{absent}");
    }
    let without = members.resources(&named);
    assert!(!without.contains_key("PublishLetters"));
}

/// Service-managed `StackSets` and organization packs run nothing that expands a template.
#[test]
fn nothing_has_to_be_expanded() {
    for path in [MEMBERS, CENTRAL] {
        let template = Template::read(path);
        assert!(
            !template.sections.contains(&"Transform".to_owned()),
            "{path}"
        );
        for resource in &template.resources {
            let kind = resource.kind.as_str();
            assert!(kind.starts_with("AWS::"), "{path}: {kind}");
            assert_ne!(kind, "AWS::CloudFormation::Stack", "{path}");
            assert_ne!(kind, "AWS::CloudFormation::Macro", "{path}");
        }
    }
}

/// Nothing with a fixed name outlives the stack, so that an account may leave and come back.
#[test]
fn what_stays_has_a_generated_name() {
    let members = Whole::read(MEMBERS);
    let resources = members.resources(&Given::named("tagwarden").with(&CENTRAL_PARTS));
    let staying = resources.iter().filter(|(_, it)| it.deletion != "Delete");
    let names = [
        "TableName",
        "RoleName",
        "TopicName",
        "LogGroupName",
        "FunctionName",
    ];
    let staying: Vec<&String> = staying
        .map(|(id, it)| {
            assert!(
                names.iter().all(|name| it.properties[name].is_null()),
                "{id}"
            );
            id
        })
        .collect();
    assert_eq!(staying, ["LedgerTable"]);
    let roles = resources.values().filter(|it| it.kind == "AWS::IAM::Role");
    for role in roles {
        assert_eq!(role.properties["Path"], "/tagwarden/");
    }
}

/// One set of values for all accounts, and the ARNs of each account's own function and role.
#[test]
fn the_pack_finds_what_the_members_have() {
    let pack = Template::read(MEMBERS_PACK);
    assert_eq!(pack.sections, ["Conditions", "Parameters", "Resources"]);
    for (name, parameter) in &pack.parameters {
        assert_eq!(parameter["Type"], "String", "{name}");
        assert!(
            parameter["Default"].is_string(),
            "{name} is not the same everywhere"
        );
        let text = parameter.to_string();
        assert!(!text.contains("[0-9]{12}"), "{name} may be an account's");
    }
    let (pack, members) = (Whole::read(MEMBERS_PACK), Whole::read(MEMBERS));
    for case in [
        &[][..],
        &[("Name", "acme-tags"), ("RolePath", "/cloud/tags/")],
    ] {
        let given = Given::named("any").with(&CENTRAL_PARTS).with(case);
        let made = pack.resources(&given);
        let has = members.resources(&given);
        let (rule, remediation) = (&made["Rule"].properties, &made["Remediation"].properties);
        let function = has["RuleFunction"].properties["FunctionName"]
            .as_str()
            .unwrap();
        assert_eq!(
            rule["Source"]["SourceIdentifier"],
            format!("arn:aws:lambda:eu-west-1:111122223333:function:{function}")
        );
        assert_eq!(
            remediation["TargetId"],
            has["RemediationDocument"].properties["Name"]
        );
        let automation = &has["AutomationRole"].properties;
        let path = automation["Path"].as_str().unwrap();
        let name = automation["RoleName"].as_str().unwrap();
        assert_eq!(
            remediation["Parameters"]["AutomationAssumeRole"]["StaticValue"]["Values"],
            json!([format!("arn:aws:iam::111122223333:role{path}{name}")])
        );
        // By literals, as in AWS's own packs, and by the name that the members listen to.
        let heard =
            &has["ComplianceChanges"].properties["EventPattern"]["detail"]["configRuleName"];
        assert_eq!(rule["ConfigRuleName"], "tagwarden");
        assert_eq!(remediation["ConfigRuleName"], "tagwarden");
        let suffixed = json!({ "prefix": "tagwarden-conformance-pack-" });
        assert!(heard.as_array().unwrap().contains(&suffixed), "{heard}");
    }
    let written = |path: &str, id: &str| Whole::read(path).template["Resources"][id].clone();
    let one = written(crate::template::PACK, "Remediation");
    let all = pack.template["Resources"]["Remediation"].clone();
    for property in [
        "ResourceType",
        "Automatic",
        "ExecutionControls",
        "MaximumAutomaticAttempts",
    ] {
        assert_eq!(one["Properties"][property], all["Properties"][property]);
    }
}

/// The statements of what the central stack has in a Region.
fn statements(given: &Given) -> BTreeMap<String, Vec<Value>> {
    let resources = Whole::read(CENTRAL).resources(given);
    let of = |it: &Resolved| {
        let properties = &it.properties;
        let documents = [
            &properties["PolicyDocument"],
            &properties["KeyPolicy"],
            &properties["ResourcePolicy"]["PolicyDocument"],
        ];
        let statements = documents
            .into_iter()
            .filter_map(|it| it["Statement"].as_array());
        statements.flatten().cloned().collect::<Vec<_>>()
    };
    resources
        .iter()
        .map(|(id, it)| (id.clone(), of(it)))
        .collect()
}

#[test]
fn only_members_roles_with_the_path_get_in() {
    let given = Given::named("central").with(&[
        ("OrganizationId", "o-a1b2c3d4e5"),
        ("CreateLettersTopic", "true"),
    ]);
    let statements = statements(&given);
    let allowed = |id: &str| {
        let all = statements[id].iter();
        let open =
            all.filter(|it| it["Effect"] == "Allow" && it["Principal"] == json!({ "AWS": "*" }));
        open.cloned().collect::<Vec<_>>()
    };
    for (id, actions) in [
        ("PolicyTable", json!("dynamodb:Scan")),
        (
            "ReportTopicPolicy",
            json!(["sns:GetTopicAttributes", "sns:Publish"]),
        ),
        ("LettersTopicPolicy", json!("sns:Publish")),
        ("Key", json!(["kms:Decrypt", "kms:GenerateDataKey*"])),
    ] {
        let allowed = allowed(id);
        assert_eq!(allowed.len(), 1, "{id}");
        assert_eq!(allowed[0]["Action"], actions, "{id}");
        let condition = &allowed[0]["Condition"];
        assert_eq!(
            condition["StringEquals"]["aws:PrincipalOrgID"], "o-a1b2c3d4e5",
            "{id}"
        );
        assert_eq!(
            condition["ArnLike"],
            json!({ "aws:PrincipalArn": "arn:aws:iam::*:role/tagwarden/*" }),
            "{id}"
        );
    }
    for topic in [
        "ReportTopicPolicy",
        "LettersTopicPolicy",
        "AlarmTopicPolicy",
    ] {
        let denies = |it: &Value| {
            it["Effect"] == "Deny"
                && it["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
        };
        assert!(statements[topic].iter().any(denies), "{topic}");
    }
    // Every member's roles have the path that gets in.
    let path = |template: &str| Template::read(template).parameters["RolePath"]["Default"].clone();
    assert_eq!(path(CENTRAL), path(MEMBERS));
}

/// Other accounts cannot use AWS's managed keys, neither DynamoDB's nor that of SNS.
#[test]
fn nothing_central_has_a_key_that_members_cannot_use() {
    let central = Whole::read(CENTRAL);
    let home = Given::named("central").with(&[("OrganizationId", "o-a1b2c3d4e5")]);
    let resources = central.resources(&home);
    assert_eq!(
        resources["PolicyTable"].properties["SSESpecification"],
        Value::Null
    );
    let own = home.clone().with(&[("EncryptTableWithKey", "true")]);
    let encrypted = central.resources(&own)["PolicyTable"].properties["SSESpecification"].clone();
    let expected = json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "${Key.Arn}" });
    assert_eq!(encrypted, expected);
    for topic in ["ReportTopic", "AlarmTopic"] {
        assert_eq!(resources[topic].properties["KmsMasterKeyId"], "${Key.Arn}");
    }
    // The outputs are the members' parameters.
    let outputs = central.outputs(&own.clone().with(&[("CreateLettersTopic", "true")]));
    let parameters = Template::read(MEMBERS).parameters;
    assert!(
        outputs.keys().all(|name| parameters.contains_key(name)),
        "{outputs:?}"
    );
    // In the other Regions there is the topic of the alarms, and its key.
    let elsewhere = central.resources(&home.with(&[("Home", "false")]));
    let elsewhere: Vec<&String> = elsewhere.keys().collect();
    assert_eq!(elsewhere, ["AlarmTopic", "AlarmTopicPolicy", "Key"]);
}

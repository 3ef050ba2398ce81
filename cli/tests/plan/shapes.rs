//! Recordings in the forms that people have at hand, and recordings that lost something.

use std::io::Write;
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};

use crate::fleet::RECORDED_AT;
use crate::recorded::{file, offline, policy};
use crate::support::{stderr, stdout};

/// Asks for two tags, and ends instances that lack the second.
const POLICY: &str = "\
rules:
  - {RuleId: 1, TagKey: ProjectCode, Action: Update, Required: Y, Default: Proj007}
  - {RuleId: 2, TagKey: Owner, Action: Terminate, Required: Y}
  - {RuleId: 3, TagKey: CreatedBy, Action: UserLookup, Required: Y}
";

const IDS: [&str; 2] = ["i-0a1b2c3d4e5f60001", "i-0a1b2c3d4e5f60002"];

fn plan(name: &str, bytes: &[u8], more: &[&str]) -> Output {
    let path = file(&format!("shapes-{name}"), "");
    std::fs::write(&path, bytes).unwrap();
    plan_of(name, &path, more)
}

fn plan_of(name: &str, path: &str, more: &[&str]) -> Output {
    let policy = policy(&format!("shapes-{name}"), POLICY);
    let arguments = [
        &[
            "plan",
            "--instances",
            path,
            "--policy",
            &policy,
            "--at",
            RECORDED_AT,
        ],
        more,
    ];
    offline(&arguments.concat()).output().unwrap()
}

fn described(id: &str, tags: &Value) -> Value {
    json!({
        "InstanceId": id, "State": {"Code": 16, "Name": "running"}, "VpcId": "vpc-1",
        "LaunchTime": "2026-01-01T00:00:00+00:00", "Tags": tags,
    })
}

/// One instance that lacks nothing, and one that lacks its code.
fn fleet() -> [Value; 2] {
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let owned = [tag("Owner", "ann"), tag("CreatedBy", "ann")];
    let whole = [&owned[..], &[tag("ProjectCode", "P1")]].concat();
    [
        described(IDS[0], &json!(whole)),
        described(IDS[1], &json!(owned)),
    ]
}

/// The tags of `fleet`, in Config's forms.
fn configuration(nth: usize, key: &str, value: &str) -> Value {
    let described = &fleet()[nth];
    let tags = described["Tags"].as_array().unwrap().iter();
    let tags: Vec<Value> = tags
        .map(|tag| json!({key: tag["Key"], value: tag["Value"]}))
        .collect();
    json!({
        "instanceId": described["InstanceId"], "state": {"name": "running"}, "vpcId": "vpc-1",
        "launchTime": "2026-01-01T00:00:00.000Z", "tags": tags,
    })
}

fn item(nth: usize, time: &Value, configuration: &Value) -> Value {
    json!({
        "version": "1.3", "accountId": "111111111111", "configurationItemCaptureTime": time,
        "configurationItemStatus": "OK", "resourceType": "AWS::EC2::Instance", "resourceId": IDS[nth],
        "configuration": configuration.to_string(), "supplementaryConfiguration": {},
    })
}

/// A result of an advanced query: tags beside the configuration, in a list.
fn result(nth: usize) -> Value {
    let mut configuration = configuration(nth, "key", "value");
    let tags = configuration
        .as_object_mut()
        .unwrap()
        .remove("tags")
        .unwrap();
    let result = json!({"resourceId": IDS[nth], "tags": tags, "configuration": configuration});
    result.to_string().into()
}

fn lines(values: &[Value]) -> String {
    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
    lines.join("\n")
}

fn utf_16(text: &str, mark: [u8; 2], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.into_iter()
        .chain(text.encode_utf16().flat_map(unit))
        .collect()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every form of the two instances that this version reads.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let [one, two] = fleet();
    let whole = json!({"Reservations": [{"Instances": [one, two]}]}).to_string();
    let state = |instance: &Value| {
        let mut instance = instance.clone();
        instance["State"] = instance["State"]["Name"].clone();
        instance
    };
    let pairs = |nth| configuration(nth, "key", "value");
    let (cli_2, cli_1) = (json!("2026-11-20T00:00:00+00:00"), json!(1_795_132_800.529));
    let items = |time: &Value| [item(0, time, &pairs(0)), item(1, time, &pairs(1))];
    let old_names = [0, 1].map(|nth| item(nth, &cli_2, &configuration(nth, "tagName", "tagValue")));
    let text = |value: Value| value.to_string().into_bytes();
    let marked = [&[0xef, 0xbb, 0xbf], whole.as_bytes()].concat();
    vec![
        ("whole", whole.clone().into_bytes()),
        ("gzip", compressed(whole.as_bytes())),
        ("utf-8-mark", marked.clone()),
        ("utf-8-mark-gzip", compressed(&marked)),
        ("utf-16-le", utf_16(&whole, [0xff, 0xfe], u16::to_le_bytes)),
        ("utf-16-be", utf_16(&whole, [0xfe, 0xff], u16::to_be_bytes)),
        ("lines", lines(&fleet()).into_bytes()),
        ("lines-gzip", compressed(lines(&fleet()).as_bytes())),
        (
            "reservation-lines",
            lines(&[json!({"Instances": [one]}), json!({"Instances": [two]})]).into_bytes(),
        ),
        ("nulls", text(json!([null, one, [null, two], null]))),
        (
            "null-members",
            text(
                json!({"Reservations": [null, {"Instances": null}, {"Instances": [one, null, two]}]}),
            ),
        ),
        ("state", text(json!([state(&one), state(&two)]))),
        (
            "snapshot",
            text(json!({"fileVersion": "1.0", "configurationItems": items(&cli_2)})),
        ),
        (
            "history-cli-1",
            text(json!({"configurationItems": items(&cli_1)})),
        ),
        (
            "history-null",
            text(json!({"configurationItems": [null, old_names[0], old_names[1]]})),
        ),
        (
            "batch",
            text(json!({"baseConfigurationItems": items(&cli_2), "unprocessedResourceKeys": []})),
        ),
        (
            "batch-cli-1",
            text(json!({"BaseConfigurationItems": items(&cli_1)})),
        ),
        (
            "aggregate",
            lines(&items(&cli_2).map(|item| json!({"ConfigurationItem": item}))).into_bytes(),
        ),
        ("items", lines(&items(&cli_2)).into_bytes()),
        ("item-list", text(json!(items(&cli_2)))),
        ("tag-names", text(json!({"configurationItems": old_names}))),
        (
            "query",
            text(
                json!({"Results": [result(0), result(1)], "QueryInfo": {"SelectFields": [{"Name": "tags"}]}}),
            ),
        ),
    ]
}

#[test]
fn reads_what_people_have_at_hand() {
    for (name, bytes) in forms() {
        let output = plan(name, &bytes, &["--output", "json", "--vpc-ids", "vpc-1"]);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["notes"], json!([]), "{name}");
        let verdicts = document["instances"].as_array().unwrap().iter();
        let verdicts: Vec<_> = verdicts
            .map(|it| {
                (
                    it["instanceId"].as_str().unwrap(),
                    it["verdict"].as_str().unwrap(),
                    &it["launchedAt"],
                )
            })
            .collect();
        let launched = &json!("2026-01-01T00:00:00Z");
        let expected = [
            (IDS[0], "COMPLIANT", launched),
            (IDS[1], "NON_COMPLIANT", launched),
        ];
        assert_eq!(verdicts, expected, "{name}");
    }
}

/// The last captured counts, also among times in numbers.
#[test]
fn takes_the_last_item_of_a_history() {
    let old = item(0, &json!(1_700_000_000), &configuration(1, "key", "value"));
    let new = item(
        0,
        &json!(1_795_132_800.5),
        &configuration(0, "key", "value"),
    );
    for items in [[&old, &new], [&new, &old]] {
        let history = json!({"configurationItems": items}).to_string();
        let output = plan(
            "history",
            history.as_bytes(),
            &["--fail-on", "noncompliant"],
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn a_query_has_other_resources_too() {
    let volume =
        json!({"resourceId": "vol-1", "tags": [], "configuration": {"state": {"value": "in-use"}}});
    let named_in_configuration = json!({
        "configuration": configuration(0, "key", "value"), "resourceType": "AWS::EC2::Instance",
    });
    let results = json!({"Results": [volume.to_string(), named_in_configuration.to_string()]});
    let output = plan("query-others", results.to_string().as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).starts_with("1 instance of "), "{output:?}");
    let nameless = json!({"Results": [json!({"tags": []}).to_string()]});
    let output = plan("query-nameless", nameless.to_string().as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains("Results[0]: a result has no resourceId: select it in the query"),
        "{message}"
    );
}

/// The instances without one member.
fn without(member: &str) -> Vec<Value> {
    fleet()
        .into_iter()
        .map(|mut instance| {
            instance.as_object_mut().unwrap().remove(member);
            instance
        })
        .collect()
}

#[rstest]
#[case("State", &[], "2 instances have no State, such as i-0a1b2c3d4e5f60001, and a terminated instance looks like a running one\n\nRecord without --query, or keep State in the query.")]
#[case("VpcId", &["--vpc-ids", "vpc-1"], "2 instances have no VpcId, such as i-0a1b2c3d4e5f60001, and the list of VPCs would leave them out\n\nRecord without --query, or keep VpcId in the query.")]
#[case("Tags", &[], "2 instances have no Tags, such as i-0a1b2c3d4e5f60001, and they look untagged\n\nRecord without --query, or keep Tags in the query.")]
fn refuses_a_projection_that_lost(
    #[case] member: &str,
    #[case] more: &[&str],
    #[case] expected: &str,
) {
    let bytes = json!(without(member)).to_string();
    // Two policies that agree about it would make a difference of nothing.
    for against in [false, true] {
        let policy = policy(&format!("shapes-against-{member}"), POLICY);
        let mut more = more.to_vec();
        if against {
            more.extend(["--against", &policy, "--fail-on", "destructive"]);
        }
        let name = format!("lost-{member}");
        let output = plan(&name, bytes.as_bytes(), &more);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(
            message.ends_with(&format!("{name}: {expected}\n")),
            "{message}"
        );
    }
}

#[test]
fn refuses_a_query_that_lost_something() {
    for (pointer, expected) in [
        (
            "/configuration/state",
            "no State, such as i-0a1b2c3d4e5f60001",
        ),
        ("/tags", "no Tags, such as i-0a1b2c3d4e5f60001"),
    ] {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let mut lacking: Value = serde_json::from_str(result(0).as_str().unwrap()).unwrap();
        lacking
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(member);
        let results = json!({"Results": [lacking.to_string(), result(1)]});
        let output = plan("query-lost", results.to_string().as_bytes(), &[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = stderr(&output);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("in the query as well"), "{message}");
    }
}

/// A terminated instance has no VPC, and EC2 leaves `Tags` out where there are none.
#[test]
fn takes_what_ec2_leaves_out() {
    let [one, _] = fleet();
    let gone = json!({"InstanceId": IDS[1], "State": {"Name": "terminated"}});
    let bytes = json!([one, gone]).to_string();
    let output = plan("gone", bytes.as_bytes(), &["--vpc-ids", "vpc-1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let whole: Vec<Value> = without("Tags")
        .into_iter()
        .map(|mut instance| {
            for name in ["InstanceType", "ImageId", "AmiLaunchIndex"] {
                instance[name] = json!(0);
            }
            instance
        })
        .collect();
    let output = plan("untagged", json!(whole).to_string().as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stdout(&output).contains("No instance of the recording has tags."),
        "{output:?}"
    );
}

#[rstest]
#[case::tags(
    "filtered",
    "1 instance has in the recording the list Tags: [], such as i-0a1b2c3d4e5f60002. If --query picks tags, as Tags[?Key=='…'] does, the other tags are lost"
)]
#[case::age(
    "ageless",
    "2 instances have no LaunchTime in the recording, such as i-0a1b2c3d4e5f60001"
)]
#[case::page("cut", "ends early: it has a NextToken, so instances are missing.")]
fn says_what_a_recording_lacks(#[case] name: &str, #[case] expected: &str) {
    let [one, mut two] = fleet();
    let document = match name {
        "filtered" => {
            two["Tags"] = json!([]);
            json!([one, two])
        }
        "ageless" => json!(without("LaunchTime")),
        _ => json!({"Reservations": [{"Instances": [one]}], "NextToken": "eyJ="}),
    };
    for form in ["text", "markdown", "json", "csv"] {
        let output = plan(name, document.to_string().as_bytes(), &["--output", form]);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
        let plain = stdout(&output).replace('\\', "");
        let notes = if form == "csv" {
            stderr(&output)
        } else {
            &plain
        };
        assert!(notes.contains(expected), "{form}: {notes}");
    }
}

/// Only the last page can say that there is another one.
#[test]
fn pages_one_after_the_other_are_whole() {
    let [one, two] = fleet();
    let pages = [
        json!({"Reservations": [{"Instances": [one]}], "NextToken": "t"}),
        json!({"Reservations": [{"Instances": [two]}], "NextToken": null}),
    ];
    let output = plan("pages", lines(&pages).as_bytes(), &[]);
    assert!(stdout(&output).starts_with("2 instances"), "{output:?}");
    assert!(!stdout(&output).contains("NextToken"), "{output:?}");
}

/// The plan of an instance that nobody's name is on, with these events.
fn launcher(name: &str, bytes: &[u8]) -> Output {
    let path = file(&format!("events-{name}"), "");
    std::fs::write(&path, bytes).unwrap();
    let [mut one, _] = fleet();
    one["Tags"]
        .as_array_mut()
        .unwrap()
        .retain(|tag| tag["Key"] != "CreatedBy");
    one["LaunchTime"] = json!("2026-11-20T00:00:00Z");
    let fleet = file(&format!("events-of-{name}"), &json!([one]).to_string());
    plan_of(&format!("events-{name}"), &fleet, &["--events", &path])
}

fn record(name: &str, id: &str) -> Value {
    json!({
        "eventVersion": "1.08", "eventName": name, "eventTime": "2026-11-20T00:00:00Z",
        "userIdentity": {"type": "IAMUser", "userName": "bob"},
        "responseElements": {"instancesSet": {"items": [{"instanceId": id}]}},
    })
}

#[test]
fn reads_launches_in_every_form() {
    let records = [record("RunInstances", IDS[0]), record("CreateTags", IDS[1])];
    let event = |record: &Value| json!({"EventId": "1", "EventName": record["eventName"], "CloudTrailEvent": record});
    let text = |record: &Value| json!({"EventName": record["eventName"], "CloudTrailEvent": record.to_string()});
    let strings = records.each_ref().map(Value::to_string);
    let whole = json!({"Events": [text(&records[0]), null]}).to_string();
    for (name, bytes) in [
        ("whole", whole.clone().into_bytes()),
        ("gzip", compressed(whole.as_bytes())),
        ("utf-16", utf_16(&whole, [0xff, 0xfe], u16::to_le_bytes)),
        (
            "object",
            json!({"Events": records.each_ref().map(event)})
                .to_string()
                .into_bytes(),
        ),
        (
            "event-lines",
            lines(&records.each_ref().map(text)).into_bytes(),
        ),
        ("records", json!(records).to_string().into_bytes()),
        ("record-lines", lines(&records).into_bytes()),
        ("record", records[0].to_string().into_bytes()),
        (
            "trail",
            json!({"Records": records}).to_string().into_bytes(),
        ),
        (
            "trail-gzip",
            compressed(json!({"Records": records}).to_string().as_bytes()),
        ),
        ("strings", json!(strings).to_string().into_bytes()),
    ] {
        let output = launcher(name, &bytes);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert!(
            stdout(&output).contains("+ CreatedBy = \"bob\""),
            "{name}: {output:?}"
        );
        assert!(!stdout(&output).contains("NextToken"), "{name}: {output:?}");
    }
}

#[test]
fn says_which_events_are_missing_or_none() {
    let cut = json!({"Events": [], "NextToken": "t"}).to_string();
    let output = launcher("cut", cut.as_bytes());
    assert!(
        stdout(&output)
            .contains("plan-events-cut ends early: it has a NextToken, so launches are missing."),
        "{output:?}"
    );
    for (name, document, expected) in [
        (
            "nonsense",
            json!([{"Name": "bob", "Id": 1}]),
            "Events[0]: launches are in Events, but the members of this file are Id, Name",
        ),
        (
            "number",
            json!({"Records": [7]}),
            "Records[0]: invalid type: integer `7`",
        ),
        (
            "instances",
            json!({"Reservations": []}),
            "launches are in Events, but this file has Reservations, which belong to --instances",
        ),
    ] {
        let output = launcher(name, document.to_string().as_bytes());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stderr(&output).contains(expected), "{output:?}");
    }
    let trail = file("shapes-trail", &json!({"Records": []}).to_string());
    let output = plan_of("trail", &trail, &[]);
    assert!(
        stderr(&output).contains("but this file has Records, which belong to --events"),
        "{output:?}"
    );
}

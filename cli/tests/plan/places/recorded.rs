//! A recording of several accounts, as an aggregator of AWS Config gives it.

use serde_json::{Value, json};

use super::{CLOSED, LAB, SHOP, document, places, run, unread};
use crate::support::{stderr, stdout};
use crate::world::{SAMPLE, World};

/// A row of `select-aggregate-resource-config`: JSON in a string.
fn row(account: &str, region: &str, number: usize, tags: &[(&str, &str)]) -> Value {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    let row = json!({
        "accountId": account, "awsRegion": region, "resourceId": format!("i-0000000000000{number:04}"),
        "tags": tags,
        "configuration": {
            "instanceId": format!("i-0000000000000{number:04}"), "state": {"name": "running"}, "vpcId": "vpc-1",
            "launchTime": "2026-10-01T00:00:00Z", "placement": {"availabilityZone": format!("{region}a")},
            "tags": tags,
        },
    });
    row.to_string().into()
}

pub fn world(test: &str) -> World {
    let world = World::without_table(&format!("recorded-places-{test}"));
    let whole = [
        ("ProjectCode", "P"),
        ("CreatedBy", "ann"),
        ("Expires", "2031-01-01"),
    ];
    let rows = json!({"Results": [
        row(SHOP, "us-east-1", 1, &whole),
        row(SHOP, "us-east-1", 2, &whole[1..]),
        row(LAB, "us-east-1", 3, &[]),
        row(SHOP, "eu-west-1", 4, &whole),
    ], "QueryInfo": {"SelectFields": [{"Name": "accountId"}]}});
    world.write("org.json", &rows.to_string());
    world.write("policy.yaml", SAMPLE);
    world
}

const SOURCES: &str = "--instances org.json --policy policy.yaml --at 2026-11-23T12:00:00Z";

#[test]
fn is_shown_by_account_and_region() {
    let world = world("shown");
    let output = run(
        &world,
        &format!("plan {SOURCES} --accounts all --output json"),
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let all = document(&output);
    let expected = [
        (SHOP, "eu-west-1", 1),
        (SHOP, "us-east-1", 2),
        (LAB, "us-east-1", 1),
    ];
    assert_eq!(places(&all), expected);
    // Together they are what the plan without accounts has.
    let whole = document(&run(&world, &format!("plan {SOURCES} --output json")));
    assert_eq!(all["counts"], whole["counts"]);
    let output = run(&world, &format!("plan {SOURCES} --accounts all"));
    let text = stdout(&output);
    assert!(
        text.contains(
            "2 instances of org.json, account 222222222222, us-east-1 under policy.yaml, as of"
        ),
        "{text}"
    );
    let notes = text
        .matches("A recording does not say which instances are protected")
        .count();
    assert_eq!(notes, 1, "{text}");
}

#[test]
fn an_account_that_is_not_in_it_is_not_empty() {
    let world = world("absent");
    let output = run(
        &world,
        &format!("plan {SOURCES} --accounts {LAB},{CLOSED} --output json"),
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let all = document(&output);
    assert_eq!(places(&all), [(LAB, "us-east-1", 1)]);
    assert_eq!(unread(&all), [(CLOSED, "all")]);
    let output = run(
        &world,
        &format!("plan {SOURCES} --accounts all --regions eu-west-1 --output json"),
    );
    assert_eq!(places(&document(&output)), [(SHOP, "eu-west-1", 1)]);
    let output = run(
        &world,
        &format!("plan {SOURCES} --accounts all --regions eu-north-1"),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("org.json has no instance, so it names no account"),
        "{output:?}"
    );
}

#[test]
fn a_query_without_accounts_is_refused() {
    let world = world("nameless");
    let mut nameless: Value =
        serde_json::from_str(row(SHOP, "us-east-1", 1, &[]).as_str().unwrap()).unwrap();
    nameless.as_object_mut().unwrap().remove("accountId");
    let rows = json!({"Results": [nameless.to_string()]});
    world.write("org.json", &rows.to_string());
    let output = run(&world, &format!("plan {SOURCES} --accounts all"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains("org.json does not say in which account i-00000000000000001 is"),
        "{message}"
    );
    assert!(
        message.contains("Select accountId and awsRegion"),
        "{message}"
    );
    // Without the option, it is read as before.
    let output = run(&world, &format!("plan {SOURCES}"));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn explains_an_instance_with_its_account() {
    let world = world("explained");
    let id = "i-00000000000000003";
    let output = run(&world, &format!("explain {id} {SOURCES} --accounts all"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("from org.json, account 333333333333, us-east-1"),
        "{output:?}"
    );
    let output = run(&world, &format!("explain {id} {SOURCES} --accounts {SHOP}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = run(
        &world,
        &format!("explain {id} {SOURCES} --accounts all --output json"),
    );
    let all = document(&output);
    assert_eq!(all["places"][0]["instances"][0]["account"], LAB);
    assert_eq!(all["places"][0]["instances"][0]["region"], "us-east-1");
}

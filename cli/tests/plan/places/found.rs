//! `tagwarden explain` of an instance that may be anywhere.

use serde_json::json;

use super::{ALL, CLOSED, FIRST, LAB, ROLE, SHOP, document, run, scene};
use crate::support::{stderr, stdout};

#[test]
fn finds_an_instance_wherever_it_is() {
    let (world, organization) = scene("found");
    let shop = organization.place(SHOP, "eu-west-1");
    let id = shop.instances().first().unwrap().id.clone();
    let output = run(&world, &format!("explain {id} {ALL}"));
    // Places that could not be read say nothing about an instance that was found.
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("from eu-west-1 (account 222222222222, role audit/tagwarden-reader)"),
        "{text}"
    );
    assert!(!text.contains("was not read"), "{text}");
    // Elsewhere, nothing but the instance was asked for.
    let other = organization.place(SHOP, "us-east-1");
    assert_eq!(
        (other.count("DescribeInstances"), other.count("Scan")),
        (1, 0)
    );

    let all = document(&run(&world, &format!("explain {id} {ALL} --output json")));
    assert_eq!(all["unknown"], json!([]));
    assert_eq!(all["places"][0]["account"], SHOP);
    assert_eq!(all["places"][0]["instances"][0]["instanceId"], json!(id));
    assert_eq!(all["lookedIn"].as_array().unwrap().len(), 3);
    assert_eq!(all["unreadable"].as_array().unwrap().len(), 3);
}

#[test]
fn says_in_which_places_it_looked() {
    let (world, organization) = scene("looked");
    let id = organization.place(SHOP, "us-east-1").instances()[0]
        .id
        .clone();
    let line =
        format!("explain i-00000000000000fff {id} --accounts {FIRST},{SHOP},{LAB} --role {ROLE}");
    let output = run(&world, &line);
    assert_eq!(output.status.code(), Some(1));
    // The other one is explained.
    assert!(stdout(&output).contains(&id), "{output:?}");
    let message = stderr(&output);
    let expected = "error: there is no i-00000000000000fff in 3 places: account 111111111111, us-east-1; account 222222222222, \
                    us-east-1; account 333333333333, us-east-1\n";
    assert!(message.starts_with(expected), "{message}");

    let output = run(
        &world,
        &format!("explain i-00000000000000fff --accounts {SHOP},{CLOSED} --role {ROLE}"),
    );
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("and could not be looked for in account 444444444444, us-east-1"),
        "{message}"
    );
    assert!(
        message.contains("It may be in a place that was not read"),
        "{message}"
    );
    assert!(stdout(&output).contains("cannot be assumed"), "{output:?}");

    let output = run(
        &world,
        &format!(
            "explain i-00000000000000fff --accounts {CLOSED} --role {ROLE} --regions us-east-1,eu-west-1"
        ),
    );
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    let expected = "error: i-00000000000000fff could not be looked for in account 444444444444";
    assert!(message.starts_with(expected), "{message}");
}

//! `tagwarden plan` of many accounts and Regions.

use std::process::Output;

use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Identity, Launch, Organization};

use crate::support::{stderr, stdout};
use crate::world::{World, fill};

const SHOP: &str = "222222222222";
const LAB: &str = "333333333333";
const CLOSED: &str = "444444444444";
const ROLE: &str = "audit/tagwarden-reader";

/// An account with so many instances that are compliant, that lack tags, and that have none.
pub fn stock(account: &Account, whole: usize, partial: usize, untagged: usize) {
    let hour = chrono::TimeDelta::hours(1);
    let launch = || {
        Launch::new()
            .launched_by(Identity::iam_user("ann"))
            .ago(hour)
    };
    let owned = launch()
        .tag("ProjectCode", "Proj042")
        .tag("CreatedBy", "ann")
        .tag("Expires", "2031-01-01");
    account.launch_many(owned, whole);
    account.launch_many(launch().tag("Name", "web"), partial);
    account.launch_many(launch(), untagged);
}

/// Three accounts in two Regions, of which one cannot be read, and one place is not enabled.
fn scene(test: &str) -> (World, Organization) {
    let (world, organization) = World::of_organization(&format!("places-{test}"));
    stock(&world.account, 2, 1, 0);
    for account in [SHOP, LAB] {
        organization.add_role(account, ROLE, None);
    }
    let shop = organization.place(SHOP, "us-east-1");
    fill(&shop);
    stock(&shop, 1, 2, 1);
    let shop = organization.place(SHOP, "eu-west-1");
    fill(&shop);
    stock(&shop, 0, 1, 0);
    fill(&organization.place(LAB, "us-east-1"));
    organization.disable_region(LAB, "eu-west-1");
    (world, organization)
}

fn accounts(list: &[&str]) -> String {
    list.join(",")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn shows_all_places_and_names_what_it_could_not_read() {
    let (world, _organization) = scene("all");
    let list = accounts(&[SHOP, LAB, CLOSED]);
    let options = [
        "--accounts",
        &list,
        "--role",
        ROLE,
        "--regions",
        "us-east-1,eu-west-1",
    ];
    let output = world.run(&[&["plan"], &options[..]].concat());
    println!("{}\n-----\n{}", stdout(&output), stderr(&output));
    let output = world.run(&[&["plan", "--output", "markdown"], &options[..]].concat());
    println!("{}", stdout(&output));
    let output = world.run(&[&["plan", "--output", "json"], &options[..]].concat());
    println!("{}", stdout(&output));
    let output = world.run(&[&["plan", "--output", "csv"], &options[..]].concat());
    println!("{}", stdout(&output));
    let output = world.run(&[&["plan", "--output", "junit"], &options[..]].concat());
    println!("{}", stdout(&output));
    let _ = (document(&output), json!(1));
}

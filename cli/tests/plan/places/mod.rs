//! `tagwarden plan` and `explain` of many accounts and Regions.

mod found;
mod guide;
mod recorded;
mod settings;

use std::process::Output;

use rstest::rstest;
use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Described, Fault, Identity, Launch, Loopback, Organization};

use crate::support::{stderr, stdout};
use crate::world::{TABLE, World, fill};

pub const FIRST: &str = "111111111111";
pub const SHOP: &str = "222222222222";
pub const LAB: &str = "333333333333";
pub const CLOSED: &str = "444444444444";
pub const STRICT: &str = "555555555555";
pub const ROLE: &str = "audit/tagwarden-reader";

/// An account with so many instances that are compliant, that lack tags, and that have none.
pub fn stock(account: &Account, [whole, partial, untagged]: [usize; 3]) {
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

/// An organization whose first account has the customer's table.
fn of_organization(test: &str) -> (World, Organization) {
    let account = Account::new();
    let organization = Organization::new(&account);
    let loopback = Loopback::serve_organization(&organization).unwrap();
    fill(&account);
    (World::served(test, account, loopback), organization)
}

/// Accounts in two Regions, each with its own policy table. LAB has no instances and has not enabled eu-west-1, STRICT asks
/// for an external id, and CLOSED has no role.
pub fn scene(test: &str) -> (World, Organization) {
    let (world, organization) = of_organization(&format!("places-{test}"));
    stock(&world.account, [2, 1, 0]);
    for (account, external_id) in [(SHOP, None), (LAB, None), (STRICT, Some("secret"))] {
        organization.add_role(account, ROLE, external_id);
    }
    for (account, region, stocked) in [
        (FIRST, "eu-west-1", [1, 0, 0]),
        (SHOP, "us-east-1", [1, 2, 1]),
        (SHOP, "eu-west-1", [0, 1, 0]),
        (LAB, "us-east-1", [0, 0, 0]),
        (STRICT, "us-east-1", [3, 0, 0]),
    ] {
        let place = organization.place(account, region);
        fill(&place);
        stock(&place, stocked);
    }
    organization.disable_region(LAB, "eu-west-1");
    (world, organization)
}

pub fn run(world: &World, line: &str) -> Output {
    world.run(&line.split_whitespace().collect::<Vec<_>>())
}

pub fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The instances of each place of a document.
pub fn places(document: &Value) -> Vec<(&str, &str, u64)> {
    let places = document["places"].as_array().unwrap().iter();
    places
        .map(|place| {
            let text = |name: &str| place[name].as_str().unwrap();
            let instances = place["counts"]["instances"].as_u64().unwrap();
            (text("account"), text("region"), instances)
        })
        .collect()
}

/// The account and the Region of each place that a document calls unreadable.
fn unread(document: &Value) -> Vec<(&str, &str)> {
    let unread = document["unreadable"].as_array().unwrap().iter();
    unread
        .map(|it| {
            (
                it["account"].as_str().unwrap(),
                it["region"].as_str().unwrap_or("all"),
            )
        })
        .collect()
}

#[rstest]
#[case::changes(&format!("--accounts {SHOP} --role {ROLE}"), 2, &[])]
#[case::several(&format!("--accounts {SHOP},{LAB} --role {ROLE}"), 2, &[])]
#[case::nothing_to_do(&format!("--accounts {LAB} --role {ROLE}"), 0, &[])]
#[case::nothing_destructive(&format!("--accounts {LAB},{FIRST} --role {ROLE} --fail-on destructive"), 0, &[])]
#[case::destructive_somewhere(&format!("--accounts {LAB},{SHOP} --role {ROLE} --fail-on destructive"), 2, &[])]
#[case::own_account_without_the_role(&format!("--accounts {FIRST} --role nobody"), 2, &[])]
#[case::own_account_in_regions("--regions us-east-1,eu-west-1", 2, &[])]
#[case::no_such_role(&format!("--accounts {SHOP},{CLOSED} --role {ROLE}"), 1, &["1 of 2 places could not be read: account 444444444444, us-east-1"])]
#[case::another_role(&format!("--accounts {SHOP} --role other"), 1, &["1 of 1 place could not be read"])]
#[case::no_external_id(&format!("--accounts {STRICT} --role {ROLE}"), 1, &["account 555555555555"])]
#[case::external_id(&format!("--accounts {STRICT} --role {ROLE} --external-id secret"), 0, &[])]
#[case::region_not_enabled(&format!("--accounts {LAB} --role {ROLE} --regions us-east-1,eu-west-1"), 1, &["1 of 2 places could not be read: account 333333333333, eu-west-1"])]
#[case::allowed(&format!("--accounts {SHOP},{CLOSED} --role {ROLE} --allow-unreadable"), 2, &[])]
#[case::allowed_without_changes(&format!("--accounts {LAB},{CLOSED} --role {ROLE} --allow-unreadable"), 0, &[])]
#[case::allowed_but_nothing_read(&format!("--accounts {CLOSED} --role {ROLE} --allow-unreadable"), 1, &["1 of 1 place could not be read"])]
#[case::no_table(&format!("--accounts {SHOP} --role {ROLE} --table elsewhere"), 1, &["account 222222222222"])]
#[case::one_instance(&format!("--accounts {SHOP} --role {ROLE} --instance i-00000000000000001"), 64, &["--instance is for one place"])]
#[case::saved(&format!("--accounts {SHOP} --role {ROLE} --save it.plan"), 64, &["--save is for one place"])]
fn ends_as_the_places_do(#[case] options: &str, #[case] status: i32, #[case] parts: &[&str]) {
    let test: String = options
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(char::from)
        .collect();
    let (world, _organization) = scene(&test);
    let output = run(&world, &format!("plan {options}"));
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    if parts.is_empty() {
        assert_eq!(stderr(&output), "");
    }
    for part in parts {
        assert!(stderr(&output).contains(part), "{output:?}");
    }
}

const ALL: &str = "--accounts 222222222222,333333333333,444444444444 --role audit/tagwarden-reader --regions \
                   us-east-1,eu-west-1";

#[test]
fn names_each_place_that_it_could_not_read() {
    let (world, _organization) = scene("named");
    let output = run(&world, &format!("plan {ALL}"));
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    for part in [
        "4 instances of us-east-1 (account 222222222222, role audit/tagwarden-reader) under the policy table",
        "account 333333333333, eu-west-1 was not read: the Region eu-west-1 does not know the account's credentials, as where it \
         is not enabled: sts:GetCallerIdentity: InvalidClientTokenId",
        "\n  Leave it out of --regions, or enable it in that account (aws account enable-region --region-name eu-west-1).\n",
        // One message for both Regions.
        "account 444444444444, us-east-1, eu-west-1 was not read: the role \
         arn:aws:iam::444444444444:role/audit/tagwarden-reader cannot be assumed: sts:AssumeRole: AccessDenied",
        "\n  Check that the account has this role, that the role's trust policy names the caller",
        "\n333333333333  us-east-1  0 ",
        "\n333333333333  eu-west-1  not read",
        "\n444444444444  us-east-1  not read",
        "\nall read                 5          1          4              3       0        1\n",
        "\n3 of 6 places were read: 2 accounts, 2 Regions.\nPlan: 3 instances to tag, 0 to stop, 1 to terminate.\n",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    // An empty place has no section of its own.
    assert!(!text.contains("0 instances of"), "{text}");
}

#[test]
fn the_document_has_that_of_each_place() {
    let (world, organization) = scene("document");
    let output = run(&world, &format!("plan {ALL} --output json"));
    assert_eq!(output.status.code(), Some(1));
    let all = document(&output);
    let expected = [
        (SHOP, "us-east-1", 4),
        (SHOP, "eu-west-1", 1),
        (LAB, "us-east-1", 0),
    ];
    assert_eq!(places(&all), expected);
    assert_eq!((&all["asked"], &all["read"]), (&json!(6), &json!(3)));
    let expected = [
        (LAB, "eu-west-1"),
        (CLOSED, "us-east-1"),
        (CLOSED, "eu-west-1"),
    ];
    assert_eq!(unread(&all), expected);
    let problem = all["unreadable"][1]["problem"].as_str().unwrap();
    assert!(
        problem.contains("sts:AssumeRole: AccessDenied"),
        "{problem}"
    );
    // Each is the document of that place alone, and the counts are the sums of theirs.
    for place in all["places"].as_array().unwrap() {
        let mut command = world.command(&["plan", "--output", "json"]);
        let account = place["account"].as_str().unwrap();
        command
            .env("AWS_REGION", place["region"].as_str().unwrap())
            .env("AWS_ACCESS_KEY_ID", format!("ASIA{account}ROLE"));
        let alone = document(&command.output().unwrap());
        for (name, value) in place.as_object().unwrap() {
            if name != "at" {
                assert_eq!(alone[name], *value, "{name} of {account}");
            }
        }
    }
    for (name, sum) in all["counts"].as_object().unwrap() {
        let places = all["places"].as_array().unwrap().iter();
        let expected: u64 = places.map(|it| it["counts"][name].as_u64().unwrap()).sum();
        assert_eq!(*sum, expected, "{name}");
    }
    // Each role was assumed, and nothing was changed.
    let asked = organization.asked_roles();
    assert!(
        asked.contains(&format!("arn:aws:iam::{SHOP}:role/{ROLE}")),
        "{asked:?}"
    );
    for place in [SHOP, LAB] {
        let account = organization.place(place, "us-east-1");
        assert_eq!(crate::account::writes(&account), 0);
    }
}

#[test]
fn other_forms_name_unread_places_too() {
    let (world, _organization) = scene("forms");
    let form = |form: &str| run(&world, &format!("plan {ALL} --output {form}"));
    let csv = form("csv");
    let rows: Vec<&str> = stdout(&csv).lines().collect();
    assert!(rows[0].starts_with("account,region,instance,name,vpc,state,verdict,"));
    assert!(
        rows[1].starts_with("222222222222,us-east-1,i-"),
        "{}",
        rows[1]
    );
    let unread = rows.iter().filter(|row| row.contains("not read: "));
    assert_eq!(unread.count(), 3);
    let columns = |row: &str| row.matches(',').count();
    assert!(rows.last().unwrap().starts_with("444444444444,eu-west-1,"));
    assert!(columns(rows[0]) <= columns(rows.last().unwrap()));

    let markdown = form("markdown");
    for part in [
        "## Plan: 3 instances to tag, 0 to stop, 1 to terminate.\n\n3 of 6 places were read",
        "\n- **account 444444444444, us-east-1, eu-west-1**: the role",
        "\n| 222222222222 | us-east-1 | 4 | 1 | 3 | 2 | 0 | 1 |\n",
        "\n### account 222222222222, us-east-1\n\n#### Plan: ",
    ] {
        assert!(
            stdout(&markdown).contains(part),
            "{part}\n{}",
            stdout(&markdown)
        );
    }

    let sarif = document(&form("sarif"));
    let run = &sarif["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let notes = run["invocations"][0]["toolExecutionNotifications"]
        .as_array()
        .unwrap();
    let errors = notes.iter().filter(|note| note["level"] == "error");
    assert_eq!(errors.count(), 2);
    let message = run["results"][0]["message"]["text"].as_str().unwrap();
    assert!(
        message.starts_with("account 222222222222, us-east-1: i-"),
        "{message}"
    );

    let junit = form("junit");
    assert!(
        stdout(&junit)
            .contains("<testsuite name=\"account 222222222222, us-east-1: the policy table")
    );
    let unread = stdout(&junit)
        .matches("<testcase name=\"the place can be read\"")
        .count();
    assert_eq!(unread, 3);
}

#[test]
fn compares_policies_in_every_place() {
    let (world, _organization) = scene("against");
    world.write(
        "new.yaml",
        &crate::world::SAMPLE.replace("Proj007", "Proj008"),
    );
    let line =
        format!("plan --accounts {SHOP},{LAB} --role {ROLE} --policy new.yaml --against table");
    let output = run(&world, &line);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("\n222222222222  us-east-1  4          2       0\n"),
        "{text}"
    );
    assert!(
        text.contains("\n2 of 4 instances change. Newly non-compliant 0"),
        "{text}"
    );
    let output = run(
        &world,
        &format!("{line} --fail-on destructive --output json"),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let all = document(&output);
    assert_eq!(all["counts"]["before"]["instances"], 4);
    assert_eq!(all["places"][0]["changes"].as_array().unwrap().len(), 2);
}

#[test]
fn a_throttled_place_is_tried_again_and_a_denied_one_is_named() {
    let (world, organization) = scene("throttled");
    // The settings, because the SDK waits 20 seconds after a throttled call of those that read instances.
    let variables = json!({"TAGWARDEN_POLICY_TABLE": TABLE, "TAGWARDEN_MODE": "enforce"});
    let function = json!({"Environment": {"Variables": variables}});
    for region in ["us-east-1", "eu-west-1"] {
        let place = organization.place(SHOP, region);
        place.describe(
            Described::Function,
            "tagwarden-remediation",
            function.clone(),
        );
    }
    let slow = Fault::new(
        "GetFunctionConfiguration",
        "TooManyRequestsException",
        "Rate exceeded",
    );
    organization
        .place(SHOP, "us-east-1")
        .fail(slow.status(429).times(2));
    let denied = Fault::new(
        "DescribeInstances",
        "UnauthorizedOperation",
        "You are not authorized.",
    );
    organization
        .place(SHOP, "eu-west-1")
        .fail(denied.status(403).always());
    let output = run(
        &world,
        &format!(
            "plan --accounts {SHOP} --role {ROLE} --regions us-east-1,eu-west-1 --stack tagwarden --output json"
        ),
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let all = document(&output);
    assert_eq!(places(&all), [(SHOP, "us-east-1", 4)]);
    assert_eq!(unread(&all), [(SHOP, "eu-west-1")]);
    let unread = &all["unreadable"][0];
    assert!(
        unread["problem"]
            .as_str()
            .unwrap()
            .contains("ec2:DescribeInstances: UnauthorizedOperation")
    );
    assert!(
        unread["whatNext"]
            .as_str()
            .unwrap()
            .contains("These credentials do not allow that")
    );
}

#[test]
fn reads_many_places_with_few_calls() {
    let (world, organization) = of_organization("places-many");
    let accounts: Vec<String> = (1..=20)
        .map(|nth| format!("{:012}", 700_000_000_000_u64 + nth))
        .collect();
    let regions = ["us-east-1", "eu-west-1", "ap-south-1"];
    let mut expected = [0; 3];
    let mut places = Vec::new();
    for (nth, account) in accounts.iter().enumerate() {
        organization.add_role(account, ROLE, None);
        for (at, region) in regions.iter().enumerate() {
            let place = organization.place(account, region);
            fill(&place);
            let stocked = [nth % 4, at, usize::from(nth % 5 == 0)];
            stock(&place, stocked);
            for (sum, number) in expected.iter_mut().zip(stocked) {
                *sum += number;
            }
            places.push(place);
        }
    }
    world.write(
        "accounts.txt",
        &format!("# all of them\n{}\n", accounts.join("\n")),
    );
    let regions = regions.join(",");
    let output = run(
        &world,
        &format!("plan --accounts @accounts.txt --role {ROLE} --regions {regions} --output json"),
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let all = document(&output);
    assert_eq!(all["read"], 60);
    let [whole, partial, untagged] = expected;
    let counts = &all["counts"];
    assert_eq!(counts["instances"], whole + partial + untagged);
    assert_eq!(counts["compliant"], whole);
    assert_eq!(counts["wouldTag"], partial);
    assert_eq!(counts["wouldTerminate"], untagged);
    let mut ids: Vec<&str> = all["places"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|place| place["instances"].as_array().unwrap())
        .map(|instance| instance["instanceId"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), whole + partial + untagged);
    // A role is assumed once for all Regions, and each place is read once.
    assert_eq!(organization.asked_roles().len(), 20);
    for place in places {
        assert_eq!(place.count("Scan"), 1);
        assert!(place.count("DescribeInstances") <= 2);
    }
}

#[test]
fn reads_the_accounts_of_the_organization() {
    let (world, organization) = scene("organization");
    organization.suspend(CLOSED);
    organization.add_role(CLOSED, "other", None);
    let line = format!("plan --accounts all --role {ROLE} --external-id secret --output json");
    let output = run(&world, &line);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let all = document(&output);
    // The suspended one is not asked for; the own account needs no role.
    let read: Vec<&str> = places(&all)
        .into_iter()
        .map(|(account, _, _)| account)
        .collect();
    assert_eq!(read, [FIRST, SHOP, LAB, STRICT]);
    organization.hide_accounts();
    let output = run(&world, &line);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("organizations:ListAccounts: AccessDeniedException"),
        "{message}"
    );
    assert!(message.contains("--accounts @FILE"), "{message}");
}

#[test]
fn commands_that_change_something_are_for_one_place() {
    let (world, _organization) = scene("changing");
    for command in [
        "apply --yes",
        "undo --since 1h",
        "push policy.yaml",
        "history",
    ] {
        let output = run(
            &world,
            &format!("{command} --accounts {SHOP} --role {ROLE}"),
        );
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        assert!(
            stderr(&output).contains("unexpected argument '--accounts'"),
            "{output:?}"
        );
    }
}

#[test]
fn the_first_regions_is_enough_of_a_region() {
    let (world, _organization) = scene("region");
    let mut command = world.command(&["plan", "--regions", "eu-west-1", "--output", "json"]);
    let output = command.env_remove("AWS_REGION").output().unwrap();
    assert_eq!(
        places(&document(&output)),
        [(FIRST, "eu-west-1", 1)],
        "{output:?}"
    );
    assert!(world.account.items(TABLE).len() == 3);
}

//! The page of many accounts and Regions.

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use tagwarden_sandbox::{Account, Fault, Launch, Loopback, Organization};

use crate::fleet::{self, AT};
use crate::scene::LEDGER;
use crate::support::{command, stderr};
use crate::world::{SAMPLE, World, fill};

pub const SHOP: &str = "222222222222";
pub const LAB: &str = "333333333333";

/// Two accounts that the role opens, with ledgers, and one without the role.
fn scene(test: &str) -> (World, Organization) {
    let account = Account::new();
    let organization = Organization::new(&account);
    let loopback = Loopback::serve_organization(&organization).unwrap();
    let world = World::served(&format!("report-places-{test}"), account, loopback);
    for account in [SHOP, LAB] {
        organization.add_role(account, "reader", None);
        let place = organization.place(account, "us-east-1");
        fill(&place);
        place.create_table_with_keys(LEDGER, "Pk", "Sk");
        place.launch_many(Launch::new().tag("Name", "web"), 2);
    }
    (world, organization)
}

fn run(world: &World, line: &str) -> Output {
    world.run(&line.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn shows_every_account_and_what_it_could_not_read() {
    let (world, organization) = scene("page");
    let options =
        format!("--accounts {SHOP},{LAB},444444444444 --role reader --ledger-table {LEDGER}");
    let output = run(&world, &format!("report page.html {options}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.starts_with(
            "4 instances of 2 places written to page.html\nerror: 1 of 3 places could not be read"
        ),
        "{message}"
    );
    let page = world.read("page.html");
    for part in [
        "4 instances of <b>2 accounts and 1 Region</b> under <b>the policy table",
        "<h2>1 of 3 places could not be read</h2>",
        "<li><b>account 444444444444, us-east-1</b>: the role arn:aws:iam::444444444444:role&#x2f;reader cannot be assumed",
        "<h2>By account</h2>",
        "<tr><th scope=\"row\">222222222222<td>us-east-1<td>2<td>0<td>2<td>2<td>0<td>0<td>2<td>0",
        "<td>222222222222 <small>us-east-1</small>\n",
        "from the ledgers of 2 places.",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // The ledger of a place is a part of what must be read.
    let denied = Fault::new("Query", "AccessDeniedException", "You may not.");
    organization.place(LAB, "us-east-1").fail(denied.always());
    let output = run(
        &world,
        &format!("report page.html --force {options} --allow-unreadable"),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = world.read("page.html");
    assert!(
        page.contains("<h2>2 of 3 places could not be read</h2>"),
        "{page}"
    );
    assert!(page.contains("dynamodb:Query"), "{page}");
}

#[test]
fn writes_nothing_where_nothing_was_read() {
    let (world, _organization) = scene("nothing");
    let output = run(
        &world,
        "report page.html --accounts 444444444444 --role reader --allow-unreadable",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = stderr(&output);
    assert!(
        message.contains(
            "Nothing was written.\n\naccount 444444444444, us-east-1 was not read: the role"
        ),
        "{message}"
    );
    assert!(!world.path("page.html").exists());
    let recorded = "report page.html --accounts all --instances x.json --ledger-table x";
    assert_eq!(run(&world, recorded).status.code(), Some(64));
}

/// The page of a recording of three accounts, of which a fourth has nothing.
pub fn recorded(test: &str, count: usize) -> PathBuf {
    let directory = fleet::directory(test, count);
    let recording = std::fs::read_to_string(directory.join("fleet.json")).unwrap();
    let mut recording: Value = serde_json::from_str(&recording).unwrap();
    let instances = recording["Reservations"][0]["Instances"].take();
    let mut parts = vec![Vec::new(); 3];
    for (number, mut instance) in instances.as_array().unwrap().iter().cloned().enumerate() {
        let region = ["us-east-1", "eu-west-1"][number % 2];
        instance["Placement"] = json!({"AvailabilityZone": format!("{region}b")});
        parts[number % 3].push(instance);
    }
    let accounts = ["111111111111", SHOP, LAB];
    let reservations = accounts.iter().zip(parts);
    let reservations: Vec<Value> = reservations
        .map(|(account, part)| json!({"OwnerId": account, "Instances": part}))
        .collect();
    let recording = json!({"Reservations": reservations});
    std::fs::write(directory.join("fleet.json"), recording.to_string()).unwrap();
    std::fs::write(directory.join("policy.yaml"), SAMPLE).unwrap();
    let accounts = [&accounts[..], &["444444444444"]].concat().join(",");
    let sources = [
        "--instances",
        "fleet.json",
        "--policy",
        "policy.yaml",
        "--at",
        AT,
    ];
    let options = [
        "report",
        "page.html",
        "--accounts",
        &accounts,
        "--allow-unreadable",
    ];
    let output = command(&[&options[..], &sources[..]].concat())
        .current_dir(&directory)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    directory.join("page.html")
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_browser_shows_the_page_of_several_accounts() {
    let page = recorded("browser-places", 30);
    let views = crate::browser::look(&page);
    for view in &views {
        let name = &view["name"];
        assert_eq!(
            view["under"],
            "30 instances of fleet.json: 3 accounts and 2 Regions under policy.yaml, as of 23 November 2026, 12:00 UTC"
        );
        // As of the same instances in one account.
        assert_eq!(view["figure"], "50%", "{name}");
        assert_eq!(view["rows"], 30, "{name}");
        assert_eq!(view["shares"].as_array().unwrap().len(), 4, "{name}");
        assert_eq!(view["errors"], json!([]), "{name}");
        assert_eq!(view["requests"], json!([]), "{name}");
        assert!(
            view["contrast"]["least"]["ratio"].as_f64().unwrap() >= 4.5,
            "{view}"
        );
        let width = view["innerWidth"].as_f64().unwrap();
        assert!(view["scrollWidth"].as_f64().unwrap() <= width, "{name}");
        if name != "wide-plain" {
            let found = view["did"]["web"]["visible"].as_u64().unwrap();
            assert!(found > 0, "{name}");
            assert!(
                view["did"]["openedWidth"].as_f64().unwrap() <= width,
                "{name}"
            );
            assert!(
                view["did"]["opened"]["least"]["ratio"].as_f64().unwrap() >= 4.5,
                "{view}"
            );
        }
    }
}

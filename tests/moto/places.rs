//! The command over two accounts on moto, each opened by `AssumeRole`, and one that cannot be read.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::MOTO;
use crate::moto_account::{ACCOUNT, Account, launch};

const REGION: &str = "eu-central-1";
const SHOP: &str = "222222222222";
const BARE: &str = "333333333333";

/// Runs the command on moto.
fn tagwarden(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_tagwarden-rule")).with_file_name("tagwarden");
    assert!(
        program.is_file(),
        "{} is missing: build the whole workspace with `cargo test --workspace`",
        program.display()
    );
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("AWS_") || name.starts_with("TAGWARDEN_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", MOTO.endpoint())
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .unwrap()
}

#[tokio::test]
async fn shows_two_accounts_and_names_the_one_that_it_cannot_read() {
    let own = Account::in_region(&MOTO, REGION);
    let shop = own
        .of_role(&format!("arn:aws:iam::{SHOP}:role/tagwarden-reader"))
        .await;
    let mut launched = Vec::new();
    for account in [&own, &shop] {
        account.create_tables().await;
        let vpc = account.create_vpc().await;
        launched.push(launch(&account.ec2, &vpc.subnet, &[("Name", "web")]).await);
    }
    let whole = [
        ("ProjectCode", "P"),
        ("CreatedBy", "ana"),
        ("Expires", "2031-01-01"),
    ];
    let vpc = shop.create_vpc().await;
    launched.push(launch(&shop.ec2, &vpc.subnet, &whole).await);

    let accounts = [ACCOUNT, SHOP, BARE].join(",");
    let options = ["--accounts", &accounts, "--role", "tagwarden-reader"];
    let output = tagwarden(&[&["plan", "--output", "json"], &options[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let places = plan["places"].as_array().unwrap().iter();
    let places: Vec<(&Value, &Value, Vec<&str>)> = places
        .map(|place| {
            let instances = place["instances"].as_array().unwrap().iter();
            let ids = instances.map(|it| it["instanceId"].as_str().unwrap());
            (&place["account"], &place["region"], ids.collect())
        })
        .collect();
    let (account, shop) = (json!(ACCOUNT), json!(SHOP));
    let region = json!(REGION);
    let mut of_shop = vec![launched[1].as_str(), launched[2].as_str()];
    of_shop.sort_unstable();
    let expected = [
        (&account, &region, vec![launched[0].as_str()]),
        (&shop, &region, of_shop),
    ];
    assert_eq!(places, expected);
    assert_eq!(plan["counts"]["compliant"], 1, "{plan:#}");
    assert_eq!(plan["counts"]["wouldTag"], 2);
    // It has no policy table.
    let unread = &plan["unreadable"][0];
    assert_eq!(
        (&unread["account"], &unread["region"]),
        (&json!(BARE), &region)
    );
    let problem = unread["problem"].as_str().unwrap();
    assert!(problem.contains("ResourceNotFoundException"), "{problem}");

    // The page of both.
    let output = tagwarden(&[&["report", "-"], &options[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = String::from_utf8(output.stdout).unwrap();
    for part in [
        "<b>2 accounts and 1 Region</b>",
        "1 of 3 places could not be read",
        "<b>account 333333333333, eu-central-1</b>: the policy table",
        "<tr><th scope=\"row\">222222222222<td>eu-central-1<td>2<td>1<td>1",
        "<tr><th scope=\"row\">123456789012<td>eu-central-1<td>1<td>0<td>1",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(launched.iter().all(|id| page.contains(id.as_str())));

    // An instance is found in its account.
    let id = launched[1].as_str();
    let output = tagwarden(&[&["explain", id], &options[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("from eu-central-1 (account 222222222222, role tagwarden-reader)"),
        "{text}"
    );
}

//! The settings and the policies of places.

use serde_json::json;
use tagwarden_sandbox::{Described, Fault};

use super::{CLOSED, FIRST, LAB, ROLE, SHOP, STRICT, document, places, run, scene, stock};
use crate::support::{stderr, stdout};
use crate::world::TABLE;

#[test]
fn each_place_has_the_settings_of_its_own_stack() {
    let (world, organization) = scene("stack");
    let function = |untagged: &str| {
        let variables = json!({"TAGWARDEN_POLICY_TABLE": TABLE, "TAGWARDEN_MODE": "enforce", "TAGWARDEN_UNTAGGED": untagged});
        json!({"Environment": {"Variables": variables}})
    };
    // The names of the functions of an organization.
    let name = "tagwarden-remediation";
    let shop = organization.place(SHOP, "us-east-1");
    shop.describe(Described::Function, name, function("notify"));
    let lab = organization.place(LAB, "us-east-1");
    lab.describe(Described::Function, name, function("terminate"));
    stock(&lab, [0, 0, 2]);
    let line = format!("plan --accounts {SHOP},{LAB} --role {ROLE} --stack tagwarden");
    let all = document(&run(&world, &format!("{line} --output json")));
    let terminated = |place: usize| &all["places"][place]["counts"]["wouldTerminate"];
    assert_eq!((terminated(0), terminated(1)), (&json!(0), &json!(2)));
    assert_eq!(all["places"][0]["stack"]["mode"], "enforce");
    // An option is common to all.
    let all = document(&run(
        &world,
        &format!("{line} --untagged stop --output json"),
    ));
    assert_eq!(all["counts"]["wouldStop"], 3);
    assert_eq!(
        all["places"][1]["stack"]["overridden"],
        json!(["--untagged"])
    );
    // A place without the stack is named.
    let output = run(&world, &format!("{line} --regions us-east-1,eu-west-1"));
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("account 222222222222, eu-west-1 was not read: there is no stack of tagwarden named \"tagwarden\""), "{text}");
}

#[test]
fn a_central_table_is_read_once() {
    let (world, organization) = scene("central");
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/central";
    world.account.create_table("central");
    let rule = json!({"RuleId": 1, "TagKey": "Team", "Action": "Update", "Required": "Y", "Default": "T1"});
    world.account.put_item("central", rule);
    let line = format!(
        "plan --accounts {FIRST},{SHOP},{LAB} --role {ROLE} --regions us-east-1,eu-west-1 --allow-unreadable"
    );
    let all = document(&run(&world, &format!("{line} --table {arn} --output json")));
    assert_eq!(all["read"], 5, "{all:#}");
    for place in all["places"].as_array().unwrap() {
        assert_eq!(place["policy"], format!("the policy table {arn}"));
    }
    // What a place without the tag gets is the central policy's.
    assert_eq!(
        all["places"][0]["instances"][0]["steps"][0]["tagKey"],
        "Team"
    );
    assert_eq!(world.account.count("Scan"), 1);
    assert_eq!(organization.place(SHOP, "us-east-1").count("Scan"), 0);
}

#[test]
fn a_central_table_that_only_the_roles_may_read_is_read_with_a_role() {
    let (world, organization) = scene("central-role");
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/central";
    world.account.create_table("central");
    let rule = json!({"RuleId": 1, "TagKey": "Team", "Action": "Notify", "Required": "Y"});
    world.account.put_item("central", rule);
    for account in [SHOP, LAB] {
        let place = organization.place(account, "us-east-1");
        let variables = json!({"TAGWARDEN_POLICY_TABLE": arn, "TAGWARDEN_MODE": "dry-run"});
        let function = json!({"Environment": {"Variables": variables}});
        place.describe(Described::Function, "tagwarden-remediation", function);
    }
    // The first look is that of the command's own credentials.
    let denied = Fault::new("Scan", "AccessDeniedException", "You may not.");
    world.account.fail(denied);
    let line = format!("plan --accounts {SHOP},{LAB} --role {ROLE} --stack tagwarden");
    let output = run(&world, &format!("{line} --output json"));
    let all = document(&output);
    assert_eq!(all["read"], 2, "{output:?}");
    assert_eq!(
        all["places"][1]["policy"],
        format!("the policy table {arn}")
    );
    assert_eq!(world.account.count("Scan"), 2);
    // Where neither may, every place says so.
    let denied = Fault::new("Scan", "AccessDeniedException", "You may not.");
    world.account.fail(denied.always());
    let output = run(&world, &line);
    assert_eq!(output.status.code(), Some(1));
    let unread = stdout(&output)
        .matches("dynamodb:Scan: AccessDeniedException")
        .count();
    assert_eq!(unread, 2, "{output:?}");
}

#[test]
fn a_policy_file_is_for_all_places() {
    let (world, organization) = scene("file");
    organization.add_role(CLOSED, ROLE, None);
    // An account without a policy table.
    stock(&organization.place(CLOSED, "us-east-1"), [1, 1, 1]);
    world.write("policy.yaml", crate::world::SAMPLE);
    let output = run(
        &world,
        &format!(
            "plan --accounts {SHOP},{CLOSED} --role {ROLE} --policy policy.yaml --output json"
        ),
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(
        places(&document(&output)),
        [(SHOP, "us-east-1", 4), (CLOSED, "us-east-1", 3)]
    );
    // Standard input can be read once.
    let output = run(
        &world,
        &format!("plan --accounts @- --role {ROLE} --policy -"),
    );
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

/// No accounts would look like nothing to do.
#[test]
fn an_organization_without_accounts_is_an_error() {
    let (world, organization) = scene("no-accounts");
    for account in [FIRST, SHOP, LAB, STRICT] {
        organization.suspend(account);
    }
    let output = run(&world, &format!("plan --accounts all --role {ROLE}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    let message = stderr(&output);
    assert!(message.contains("has no active account"), "{message}");
    assert!(message.contains("Check --endpoint-url"), "{message}");
}

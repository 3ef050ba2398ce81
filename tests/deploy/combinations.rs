//! What the roles may do for every combination of the parameters that permit something, as CloudFormation resolves them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::permissions::needed_by;
use crate::resolved::{Given, Resolved, Whole, plain};
use crate::template::STACK;

static TEMPLATE: LazyLock<Arc<Whole>> = LazyLock::new(|| Whole::read(STACK));

/// The parameters that permit shutdowns, with all their values. They belong together.
const SHUTDOWNS: [(&str, &[&str]); 4] = [
    ("Mode", &["dry-run", "enforce"]),
    ("Untagged", &["notify", "stop", "terminate"]),
    ("TerminateAfterDays", &["", "14"]),
    ("RulesMayDestroy", &["no", "stop", "stop-and-terminate"]),
];

/// Each other parameter that permits something, as values that are given together. The first is the default.
const OTHERS: [&[&[(&str, &str)]]; 3] = [
    &[
        &[("ResourceTypes", "AWS::EC2::Instance")],
        &[("ResourceTypes", "AWS::EC2::Instance,AWS::EC2::Volume")],
        &[("ResourceTypes", "AWS::EC2::Volume")],
    ],
    &[
        &[("CreateLettersTopic", "false")],
        &[("CreateLettersTopic", "true")],
        &[
            ("CreateLettersTopic", "true"),
            ("ContactTopics", "arn:aws:sns:eu-west-1:111122223333:team-*"),
        ],
        &[
            ("CreateLettersTopic", "true"),
            ("MailFrom", "tagwarden@acme.example"),
            ("MailDomains", "acme.example"),
        ],
    ],
    &[&[("TagKeys", "")], &[("TagKeys", "Owner,CostCenter")]],
];

/// One permission: the role, the action, on what, and only where.
type Permission = (String, String, String, String);

/// All values of `SHUTDOWNS` that the template's rules allow.
fn shutdowns() -> Vec<BTreeMap<&'static str, &'static str>> {
    let mut all = vec![BTreeMap::new()];
    for (name, values) in SHUTDOWNS {
        all = all
            .iter()
            .flat_map(|given: &BTreeMap<_, _>| {
                values.iter().map(move |value| {
                    let mut given = given.clone();
                    given.insert(name, *value);
                    given
                })
            })
            .collect();
    }
    // TerminateAfterDays needs Untagged=stop.
    all.retain(|it| it["TerminateAfterDays"].is_empty() || it["Untagged"] == "stop");
    all
}

/// Every choice of the other parameters.
fn others() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut all = vec![vec![]];
    for choices in OTHERS {
        let choices = choices.iter().map(|choice| {
            let known = |name: &str| !TEMPLATE.template["Parameters"][name].is_null();
            choice.iter().copied().filter(|it| known(it.0)).collect()
        });
        let choices: Vec<Vec<_>> = choices.collect();
        all = all
            .iter()
            .flat_map(|given: &Vec<_>| {
                choices
                    .iter()
                    .map(|it| [given.clone(), it.clone()].concat())
            })
            .collect();
    }
    all
}

/// What the roles may do in the stack with these parameters.
fn permissions(parameters: &[(&str, &str)]) -> BTreeSet<Permission> {
    let given = Given::named("tagwarden").with(parameters);
    let resources = TEMPLATE.resources_of(&given, "AWS::IAM::");
    let mut found = BTreeSet::new();
    for (id, resource) in &resources {
        for (role, document) in documents(id, resource) {
            for statement in document["Statement"].as_array().unwrap() {
                let list = |value: &Value| match value {
                    Value::Array(all) => all.iter().map(plain).collect(),
                    one => vec![plain(one)],
                };
                let tests = statement["Condition"].as_object().into_iter().flatten();
                let keys = tests.flat_map(|(_, keys)| keys.as_object().unwrap().keys());
                let keys: BTreeSet<_> = keys.map(|key| key.split('/').next().unwrap()).collect();
                let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
                for action in list(&statement["Action"]) {
                    for on in list(&statement["Resource"]) {
                        found.insert((role.clone(), action.clone(), short(&on), keys.clone()));
                    }
                }
            }
        }
    }
    found
}

/// The policies in the resource, each with its role.
fn documents<'a>(id: &str, resource: &'a Resolved) -> Vec<(String, &'a Value)> {
    let properties = &resource.properties;
    match resource.kind.as_str() {
        "AWS::IAM::Role" => {
            let own = properties["Policies"].as_array().into_iter().flatten();
            own.map(|it| (id.to_owned(), &it["PolicyDocument"]))
                .collect()
        }
        "AWS::IAM::Policy" => {
            let roles = properties["Roles"].as_array().unwrap().iter();
            let role = |it: &Value| plain(it).trim_matches(['$', '{', '}']).to_owned();
            roles
                .map(|it| (role(it), &properties["PolicyDocument"]))
                .collect()
        }
        _ => vec![],
    }
}

/// The end of an ARN.
fn short(arn: &str) -> String {
    let end = arn
        .strip_prefix("arn:")
        .and_then(|it| it.splitn(5, ':').last());
    end.unwrap_or(arn).to_owned()
}

/// What the remediation does to instances by these parameters, as `docs/safety.md` says.
fn acts(given: &BTreeMap<&str, &str>) -> BTreeSet<&'static str> {
    if given["Mode"] == "dry-run" {
        return BTreeSet::new();
    }
    let mut acts = BTreeSet::from(["ec2:CreateTags"]);
    if given["Untagged"] == "stop" || given["RulesMayDestroy"] != "no" {
        acts.insert("ec2:StopInstances");
    }
    let later = !given["TerminateAfterDays"].is_empty();
    if given["Untagged"] == "terminate" || later || given["RulesMayDestroy"] == "stop-and-terminate"
    {
        acts.insert("ec2:TerminateInstances");
    }
    acts
}

fn on<'a>(permissions: &'a BTreeSet<Permission>, what: &str) -> BTreeSet<&'a str> {
    let changes = |it: &&Permission| {
        it.1.starts_with("ec2:") && !it.1.starts_with("ec2:Describe") && it.2 == what
    };
    permissions
        .iter()
        .filter(changes)
        .map(|it| it.1.as_str())
        .collect()
}

#[test]
fn every_combination_permits_what_the_functions_do_and_nothing_else() {
    let others = others();
    let mut combinations = 0;
    let mut granted = BTreeSet::new();
    for shutdown in shutdowns() {
        for other in &others {
            let given: Vec<_> = shutdown
                .iter()
                .map(|(k, v)| (*k, *v))
                .chain(other.clone())
                .collect();
            let permitted = permissions(&given);
            let covers = |kind: &str| {
                let types = other.iter().find(|it| it.0 == "ResourceTypes").unwrap();
                types.1.contains(kind)
            };
            let wanted = acts(&shutdown);
            let instances = if covers("Instance") {
                wanted.clone()
            } else {
                BTreeSet::new()
            };
            assert_eq!(on(&permitted, "instance/*"), instances, "{given:?}");
            // A volume is tagged, and never shut down.
            let mut volumes = wanted;
            volumes.retain(|act| *act == "ec2:CreateTags" && covers("Volume"));
            assert_eq!(on(&permitted, "volume/*"), volumes, "{given:?}");
            for (role, action, ..) in permitted {
                let changes = action.starts_with("ec2:") && !action.starts_with("ec2:Describe");
                assert!(
                    !changes || role == "RemediationRole",
                    "{given:?}: {role} {action}"
                );
                granted.insert((role, action));
            }
            combinations += 1;
        }
    }
    assert!(combinations >= 24 * 12, "{combinations}");
    for (role, action) in granted {
        assert!(needed_by(&role, &action).is_some(), "{role} {action}");
    }
}

/// The tables say of each parameter what it adds. This holds only if the others do not matter to it.
#[test]
fn letters_and_tag_keys_add_the_same_to_every_combination() {
    for choices in [OTHERS[1], OTHERS[2]] {
        for choice in &choices[1..] {
            let mut added = BTreeSet::new();
            for shutdown in shutdowns() {
                let before: Vec<_> = shutdown.iter().map(|(k, v)| (*k, *v)).collect();
                let after = [before.clone(), choice.to_vec()].concat();
                let (before, after) = (permissions(&before), permissions(&after));
                let changed = |it: &&Permission| it.1 != "ec2:CreateTags";
                let new = after.difference(&before).filter(changed).cloned();
                added.insert(new.collect::<Vec<_>>());
            }
            assert_eq!(added.len(), 1, "{choice:?}: {added:?}");
        }
    }
}

/// The tables in docs/permissions.md.
pub fn tables() -> String {
    let mut text = "
## Which parameters permit what

What `RemediationRole` may do to instances, for every combination of the four parameters that decide it. Volumes, where
`ResourceTypes` has them, may be tagged wherever instances may be tagged, and nothing more.

| `Mode` | `Untagged` | `TerminateAfterDays` | `RulesMayDestroy` | tag | stop | terminate |
|---|---|---|---|---|---|---|
"
    .to_owned();
    for (given, permitted) in grouped() {
        let cells = given.iter().map(|values| values.join(", "));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let may = |action: &str| {
            if permitted.contains(action) {
                "yes"
            } else {
                "–"
            }
        };
        let _ = writeln!(
            text,
            "| {cells} | {} | {} | {} |",
            may("ec2:CreateTags"),
            may("ec2:StopInstances"),
            may("ec2:TerminateInstances"),
        );
    }
    text.push_str(
        "
IAM grants the union: it cannot know why an instance is terminated. With `Untagged=terminate` the role may terminate, and the function
alone keeps rules from it. Where nothing may terminate, IAM does not permit it either.

What other parameters change where `Mode=enforce` and `Untagged=notify`. The letters change the same in every combination. Where
`ResourceTypes` has no instances, nothing may be stopped or terminated.

| parameters | change |
|---|---|
",
    );
    let enforcing = [("Mode", "enforce"), ("Untagged", "notify")];
    for choice in OTHERS.iter().flat_map(|choices| &choices[1..]) {
        let known = |it: &(&str, &str)| !TEMPLATE.template["Parameters"][it.0].is_null();
        if !choice.iter().all(known) {
            continue;
        }
        let before = permissions(&enforcing);
        let after = permissions(&[&enforcing, *choice].concat());
        let has = |all: &BTreeSet<Permission>, it: &Permission| {
            all.iter()
                .any(|other| (&other.0, &other.1, &other.2) == (&it.0, &it.1, &it.2))
        };
        let describe = |it: &Permission| {
            let (role, action, on, only) = it;
            let was = if has(&before, it) { "only " } else { "" };
            let by = if only.is_empty() {
                String::new()
            } else {
                format!(", limited by {only}")
            };
            format!("{role}: {was}`{action}` on `{on}`{by}")
        };
        let gone = before.difference(&after).filter(|it| !has(&after, it));
        let gone = gone.map(|(role, action, on, _)| format!("{role}: not `{action}` on `{on}`"));
        let mut added: Vec<_> = after.difference(&before).map(describe).collect();
        added.extend(gone);
        let given: Vec<_> = choice.iter().map(|(k, v)| format!("`{k}={v}`")).collect();
        let _ = writeln!(text, "| {} | {} |", given.join(", "), added.join("; "));
    }
    text
}

/// A row: the values of each parameter of `SHUTDOWNS`, and what they permit.
type Row = ([Vec<String>; 4], BTreeSet<String>);

/// The combinations, with those together that differ in one parameter only and permit the same.
fn grouped() -> Vec<Row> {
    let shown = |value: &str| match value {
        "" => "empty".to_owned(),
        "14" => "days".to_owned(),
        other => other.to_owned(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for given in shutdowns() {
        let parameters: Vec<_> = given.iter().map(|(k, v)| (*k, *v)).collect();
        let permitted = permissions(&parameters);
        let permitted = on(&permitted, "instance/*")
            .into_iter()
            .map(ToOwned::to_owned);
        let values = SHUTDOWNS.map(|(name, _)| vec![shown(given[name])]);
        rows.push((values, permitted.collect()));
    }
    for column in (0..4).rev() {
        let mut merged: Vec<Row> = Vec::new();
        for row in rows {
            let fits = |other: &&mut Row| {
                let others = (0..4).filter(|it| *it != column);
                other.1 == row.1 && others.into_iter().all(|it| other.0[it] == row.0[it])
            };
            match merged.iter_mut().find(fits) {
                Some(other) => {
                    for value in &row.0[column] {
                        if !other.0[column].contains(value) {
                            other.0[column].push(value.clone());
                        }
                    }
                }
                None => merged.push(row),
            }
        }
        rows = merged;
    }
    rows
}

//! The first sweep of 10,000 instances with letters: what it sends, to whom, with how many calls. The documents show it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::{env, fs};

use serde_json::{Value, json};
use tagwarden_sandbox::{Identity, Publication};

use crate::support::{LEDGER, World, customers_rules, delivered, old};

/// The size of the fleet.
const FLEET: usize = 10_000;

/// The teams that own it.
const TEAMS: usize = 200;

/// How many instances of each team lack a project.
const WITHOUT_PROJECT: usize = 40;

/// Each of so many teams has an instance without tags, and each of as many others an instance without an environment.
const HALF: usize = TEAMS / 2;

/// The instances that lack a project and belong to nobody.
const NOBODYS: usize = 50;

/// What the sweep finds wrong: an entry of the report for each of these instances.
const FOUND: usize = TEAMS * WITHOUT_PROJECT + TEAMS + NOBODYS;

/// The most bytes of a mail, for administrators and for owners.
const MAIL: usize = 100_000;

/// The most bytes that SNS takes.
const MESSAGE: usize = 256 * 1_024;

const PERFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const LETTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/letters.md");

/// A world with the fleet in it: the customer's table and a rule that only reports. What has no tags is announced a day
/// ahead.
fn world() -> World {
    let mut rows = customers_rules();
    rows.push(json!({
        "RuleId": 4, "TagKey": "Env", "Action": "Notify", "Required": "Y", "Allowed": "Prod, Dev",
    }));
    rows.push(json!({"RuleId": 99, "PolicyFormat": 2}));
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_NOTICE_HOURS", "24");
    let account = &world.account;
    // What every report but the first has written down before.
    let mark = json!({"Pk": "told#changes", "Sk": "reported", "Edition": 1});
    account.put_item(LEDGER, mark);

    let tagged = |owner: &str, launcher: &str, missing: &str| {
        let tags = [
            ("Owner", owner),
            ("CreatedBy", launcher),
            ("Expires", "2027-03-31"),
            ("Env", "Prod"),
            ("ProjectCode", "Proj042"),
        ];
        let tags = tags.into_iter().filter(|(key, _)| *key != missing);
        old(&tags.collect::<Vec<_>>())
    };
    for number in 0..TEAMS {
        let team = team(number);
        account.launch_many(tagged(&team, "ann", "ProjectCode"), WITHOUT_PROJECT);
        if number < HALF {
            account.launch(old(&[]).launched_by(Identity::iam_user(&team)));
        } else {
            account.launch(tagged(&team, "ann", "Env"));
        }
    }
    // What a service launched by itself belongs to nobody.
    let nobodys = tagged("", "autoscaling.amazonaws.com", "ProjectCode");
    account.launch_many(nobodys, NOBODYS);
    account.launch_many(tagged(&team(0), "ann", ""), FLEET - FOUND);
    account.keep_quotas();
    account.latency(std::time::Duration::from_millis(15));
    account.forget_calls();
    let topic = account.create_topic("letters");
    world.set("TAGWARDEN_LETTERS_TOPIC_ARN", &topic)
}

fn team(number: usize) -> String {
    format!("team-{number:03}")
}

fn published(world: &World, topic: &str, audience: Option<&str>) -> Vec<Publication> {
    let mut published = world.account.published();
    published.retain(|it| {
        it.topic_arn.ends_with(topic)
            && it.attributes.get("audience").map(String::as_str) == audience
    });
    published
}

/// The instances of a document's entries.
fn ids(document: &Value) -> Vec<String> {
    let entries = document["entries"].as_array().unwrap().iter();
    let ids = entries.map(|it| it["instanceId"].as_str().unwrap().to_owned());
    ids.collect()
}

fn json_of(message: &Publication) -> Value {
    serde_json::from_str(&delivered(message, "sqs")).unwrap()
}

/// One mail to the administrators, one letter to each owner, and every entry for programs, each once.
#[tokio::test(start_paused = true)]
async fn a_first_sweep_sends_one_report_and_one_letter_to_each_owner() {
    let world = world();
    assert_eq!(world.account.instances().len(), FLEET);
    let start = world.account.now();
    let answer = world.sweep().await;
    let took = world.account.now() - start;
    assert_eq!(answer["tagged"], TEAMS * WITHOUT_PROJECT + NOBODYS);

    let [report] = world.reports().try_into().unwrap();
    assert!(report.len() < MAIL, "{} bytes", report.len());
    let documents = world.documents();
    let found: Vec<String> = documents.iter().flat_map(ids).collect();
    let different: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), different.len()), (FOUND, FOUND));

    let letters = published(&world, ":letters", Some("owner"));
    let owners: Vec<&str> = letters
        .iter()
        .map(|it| it.attributes["owner"].as_str())
        .collect();
    let teams: Vec<String> = (0..TEAMS).map(team).collect();
    assert_eq!(owners, teams);
    let mut told = BTreeSet::new();
    for letter in &letters {
        let text = delivered(letter, "email");
        assert!(
            text.len() < MAIL && letter.message.len() < MESSAGE,
            "{text}"
        );
        let document = json_of(letter);
        assert_eq!(
            (&document["left"], document.get("instanceIds")),
            (&json!(0), None)
        );
        let ids = ids(&document);
        assert_eq!(ids.len(), WITHOUT_PROJECT + 1);
        for (id, entry) in ids.into_iter().zip(document["entries"].as_array().unwrap()) {
            assert_eq!(entry["owner"], letter.attributes["owner"].as_str());
            assert!(text.contains(&id) && told.insert(id), "{text}");
        }
    }
    assert_eq!(told.len(), FOUND - NOBODYS);

    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    let mut for_letters = 0;
    for call in world.account.calls() {
        assert!(call.outcome.is_ok(), "{call:?}");
        for_letters += usize::from(call.parameters.to_string().contains("told#owners"));
        *calls.entry(call.operation).or_default() += 1;
    }
    let all: usize = calls.values().sum();
    // A letter, a part of the report or the digest for those who read it beside the letters.
    assert_eq!(calls["Publish"], TEAMS + documents.len() + 1);
    assert!(for_letters <= 4 && all <= 400, "{for_letters}: {calls:?}");

    let digest = published(&world, ":letters", Some("admins"));
    let largest =
        |messages: &[Publication]| messages.iter().map(|it| it.message.len()).max().unwrap();
    let reports = published(&world, ":reports", None);
    let rows = [
        ("the report", documents.len(), largest(&reports)),
        ("letters", letters.len(), largest(&letters)),
        ("the digest", digest.len(), largest(&digest)),
    ];
    let mut table =
        "| what | calls of `Publish` | bytes of the largest message |\n|---|---|---|\n".to_owned();
    for (what, number, bytes) in rows {
        let _ = writeln!(table, "| {what} | {number} | {} |", grouped(bytes));
    }
    let _ = writeln!(
        table,
        "\nThe text of the report has {} bytes, and its JSON all {} entries. To know who was told takes {for_letters} calls of \
         DynamoDB.\nAll in all the sweep makes {all} calls and waits {:.1} s.",
        grouped(report.len()),
        grouped(FOUND),
        took.as_seconds_f64(),
    );
    compare(PERFORMANCE, "first-sweep", &table);
    // Each run has an id of its own.
    let run_id = documents[0]["runId"].as_str().unwrap();
    let report = report.replace(run_id, "20261123T120000Z-8476a536");
    compare(LETTERS, "sweep-report", &block(&report));
    compare(
        LETTERS,
        "sweep-letter",
        &block(&delivered(&letters[0], "email")),
    );
}

/// `number` with commas.
fn grouped(number: usize) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1_000),
    }
}

/// The first entries of each group of `text`, and its other lines.
fn block(text: &str) -> String {
    const ENTRIES: usize = 2;
    let mut shown = "```text\n".to_owned();
    let mut entries = 0;
    let mut lines = text.trim_end().lines().peekable();
    while let Some(line) = lines.next() {
        let is_entry = line.starts_with("-- ");
        let is_between =
            line.is_empty() && lines.peek().is_some_and(|next| next.starts_with("-- "));
        entries = match () {
            () if is_entry => entries + 1,
            () if is_between || line.starts_with("   ") => entries,
            () => 0,
        };
        if entries <= ENTRIES && !(is_between && entries == ENTRIES) {
            let _ = writeln!(shown, "{line}");
        } else if is_entry && entries == ENTRIES + 1 {
            shown.push_str("[…]\n");
        }
    }
    shown.push_str("```\n");
    shown
}

/// Compares what the page at `path` shows between the marks with this `name`; with `UPDATE_DOCS`, writes it there.
fn compare(path: &str, name: &str, expected: &str) {
    let page = fs::read_to_string(path).unwrap();
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let (before, rest) = page.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, expected, "UPDATE_DOCS=1 cargo test writes it anew");
}

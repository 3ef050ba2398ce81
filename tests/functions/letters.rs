//! Letters: who is told, of what, where, and what happens if that fails.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Identity, Publication};

use crate::json_schema;
use crate::support::{World, customers_rules, delivered, old};

pub const LETTERS: &str = "arn:aws:sns:us-east-1:111111111111:letters";

/// A world with a topic for letters, and these rows in the policy table beside the customer's.
pub fn world(rows: &[Value]) -> World {
    let mut table = customers_rules();
    if !rows.is_empty() {
        table.push(json!({"RuleId": 99, "PolicyFormat": 2}));
        table.extend_from_slice(rows);
    }
    let world = World::with_table(&table).enforcing();
    let topic = world.account.create_topic("letters");
    assert_eq!(topic, LETTERS);
    world.set("TAGWARDEN_LETTERS_TOPIC_ARN", &topic)
}

/// What was published to `topic`.
pub fn published(world: &World, topic: &str) -> Vec<Publication> {
    let published = world.account.published().into_iter();
    published.filter(|it| it.topic_arn == topic).collect()
}

/// The letters to owners, in order, as `owner: instances` of their JSON.
pub fn told(world: &World) -> Vec<(String, Vec<String>)> {
    let letters = published(world, LETTERS).into_iter();
    let owners = letters.filter(|it| it.attributes["audience"] == "owner");
    owners
        .map(|it| (it.attributes["owner"].clone(), ids(&it)))
        .collect()
}

/// The instances of a letter, each once.
fn ids(letter: &Publication) -> Vec<String> {
    let document: Value = serde_json::from_str(&delivered(letter, "sqs")).unwrap();
    let entries = document["entries"].as_array().unwrap().iter();
    let mut ids: Vec<String> = entries
        .map(|it| it["instanceId"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    ids
}

pub fn card(letter: &Publication) -> Value {
    let card: Value = serde_json::from_str(&delivered(letter, "https")).unwrap();
    let schema = include_str!("../support/q_developer.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    assert!(json_schema::conforms(&schema, &card), "{card:#}");
    card
}

const COMPLETE: [(&str, &str); 2] = [("ProjectCode", "P"), ("Expires", "x")];

fn tagged<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    COMPLETE.iter().chain(more).copied().collect()
}

#[tokio::test(start_paused = true)]
async fn each_owner_gets_one_letter_about_their_own() {
    let world = world(&[]).set("TAGWARDEN_UNTAGGED", "notify");
    let shop = world.instance(&[("Owner", "team-shop"), ("Name", "web"), ("Expires", "x")]);
    let bobs = world.instance(&[("CreatedBy", "bob"), ("Expires", "x")]);
    let also_bobs = world.instance(&[("CreatedBy", "bob"), ("ProjectCode", "P")]);
    let untagged = world.instance(&[]);
    let _ = world.instance(&tagged(&[("CreatedBy", "zoe")]));
    world.sweep().await;
    assert_eq!(
        told(&world),
        [
            // Who launched it is looked up for an instance without tags too.
            ("ann".to_owned(), vec![untagged.clone()]),
            ("bob".to_owned(), vec![bobs, also_bobs]),
            ("team-shop".to_owned(), vec![shop.clone()]),
        ]
    );

    // One message has all forms. Programs find no instanceIds, which would trigger a remediation.
    let letter = &published(&world, LETTERS)[0];
    assert_eq!(letter.message_structure.as_deref(), Some("json"));
    for program in ["sqs", "lambda", "http"] {
        let document: Value = serde_json::from_str(&delivered(letter, program)).unwrap();
        assert_eq!(
            (&document["owner"], &document["version"]),
            (&json!("ann"), &json!(1))
        );
        assert_eq!(document.get("instanceIds"), None);
        let keep = &document["entries"][0]["keep"];
        let command = keep["command"].as_str().unwrap();
        assert_eq!(
            command,
            format!(
                "aws ec2 create-tags --region us-east-1 --resources {untagged} \
                 --tags Key=ProjectCode,Value=Proj007 Key=CreatedBy,Value=ann"
            )
        );
        assert!(delivered(letter, "email").contains(command));
    }
    let text = delivered(letter, "email");
    assert!(
        text.contains(&format!("#InstanceDetails:instanceId={untagged}")),
        "{text}"
    );
    assert!(!text.contains(&shop), "{text}");
    assert_eq!(
        card(letter)["metadata"]["relatedResources"],
        json!([untagged])
    );
    let attributes = letter.attributes.iter();
    let attributes: Vec<(&str, &str)> = attributes
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("account", "111111111111"),
            ("audience", "owner"),
            ("kind", r#"["action-needed"]"#),
            ("mode", "enforce"),
            ("owner", "ann"),
        ]
    );

    // The administrators' report is as before, and their digest is beside the letters.
    assert_eq!(world.reports().len(), 1);
    let digest = published(&world, LETTERS).pop().unwrap();
    assert_eq!(digest.attributes["audience"], "admins");
    assert!(!digest.attributes.contains_key("owner"));
    let _ = card(&digest);
}

#[tokio::test(start_paused = true)]
async fn nothing_changes_without_a_topic_for_letters() {
    let world = World::new().enforcing();
    let _ = world.instance(&[("Owner", "team-shop")]);
    world.sweep().await;
    let published = world.account.published();
    assert_eq!(published.len(), 1);
    assert!(published[0].topic_arn.ends_with(":reports"));
    let admins = ("audience".to_owned(), "admins".to_owned());
    assert_eq!(published[0].attributes, [admins].into());
}

#[tokio::test(start_paused = true)]
async fn each_reader_is_told_once() {
    let world = world(&[]).set("TAGWARDEN_UNTAGGED", "notify");
    let id = world.instance(&[]);
    world.sweep().await;
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(told(&world), [("ann".to_owned(), vec![id.clone()])]);
    assert_eq!(world.reports().len(), 1);

    // Another owner is another reader, although administrators know it already.
    let world = self::world(&[json!({
        "RuleId": 4, "TagKey": "Team", "Action": "Notify", "Required": "Y",
    })]);
    let id = world.instance(&tagged(&[("CreatedBy", "bob"), ("Owner", "ann")]));
    world.sweep().await;
    world.account.set_tag(&id, "Owner", "carl");
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    let owners: Vec<String> = told(&world).into_iter().map(|(owner, _)| owner).collect();
    assert_eq!(owners, ["ann", "carl"]);
    assert_eq!(world.reports().len(), 1);
    // The next day everybody is told again.
    world.account.advance(TimeDelta::days(1));
    world.sweep().await;
    assert_eq!(told(&world).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_names_nobody_gets_no_letter() {
    let world = world(&[json!({"RuleId": 10, "Who": "Ann@example.com", "Tags": {"Team": "a"}})]);
    let lacking = |owner: &str, launcher: Identity| {
        let tags = [
            ("Owner", owner),
            ("CreatedBy", "Undefined"),
            ("Expires", "x"),
        ];
        world.account.launch(old(&tags).launched_by(launcher));
    };
    lacking("Undefined", Identity::iam_user("zoe"));
    lacking("ann@example.com", Identity::iam_user("bob"));
    lacking("ANN@EXAMPLE.COM", Identity::iam_user("bob"));
    lacking("ci/GitHubActions", Identity::iam_user("bob"));
    lacking("autoscaling.amazonaws.com", Identity::iam_user("bob"));
    world.sweep().await;
    let told = told(&world);
    let owners: Vec<(&str, usize)> = told
        .iter()
        .map(|(owner, ids)| (owner.as_str(), ids.len()))
        .collect();
    // Two spellings are one owner, and the who row spells it.
    assert_eq!(owners, [("Ann@example.com", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_gets_the_letter_if_it_is_allowed() {
    let arn = |name: &str| format!("arn:aws:sns:us-east-1:111111111111:{name}");
    let row =
        |id: u32, who: &str, contact: &str| json!({"RuleId": id, "Who": who, "Contact": contact});
    let world = world(&[
        row(10, "team-shop", &arn("team-shop")),
        row(11, "team-other", &arn("other")),
        row(12, "team-deaf", &arn("team-deaf")),
        row(13, "team-mail", "mailto:team@example.com"),
    ])
    .set("TAGWARDEN_CONTACT_TOPICS", &arn("team-*"));
    for topic in ["team-shop", "other", "team-deaf"] {
        world.account.create_topic(topic);
    }
    world.account.refuse_publications(&arn("team-deaf"), true);
    for owner in ["team-shop", "team-other", "team-deaf", "team-mail"] {
        let _ = world.instance(&[("Owner", owner), ("CreatedBy", "bob"), ("Expires", "x")]);
    }
    world.sweep().await;

    let [letter] = published(&world, &arn("team-shop")).try_into().unwrap();
    assert_eq!(letter.attributes["owner"], "team-shop");
    assert_eq!(published(&world, &arn("other")), []);
    assert_eq!(told(&world), []);

    // Administrators get what could not be sent, and read why in the report.
    let reasons = [
        ("team-deaf", "AuthorizationError"),
        ("team-mail", "MailDomains"),
        ("team-other", "ContactTopics"),
    ];
    let report = world.reports().remove(0);
    let (_, listed) = report
        .split_once("Letters to these owners could not be sent:\n")
        .unwrap();
    let document = world.documents().remove(0);
    let letters = published(&world, LETTERS);
    assert_eq!(letters.len(), 4);
    for (number, (owner, reason)) in reasons.into_iter().enumerate() {
        let line = listed.lines().nth(number).unwrap();
        assert!(
            line.starts_with(&format!("* {owner}, to ")) && line.contains(reason),
            "{line}"
        );
        let undelivered = &document["undelivered"][number];
        assert_eq!(undelivered["owner"], owner);
        assert!(undelivered["reason"].as_str().unwrap().contains(reason));
        let mut letters = letters.iter();
        let fallback = letters.find(|it| it.attributes.get("owner").is_some_and(|of| of == owner));
        let fallback = fallback.unwrap();
        assert_eq!(fallback.attributes["audience"], "admins");
        let text = delivered(fallback, "email");
        let first = format!("This letter to {owner} could not be sent: ");
        assert!(text.starts_with(&first) && text.contains(reason), "{text}");
        let _ = card(fallback);
    }
}

/// Notices of a rule with an end date, a day ahead.
fn expiring() -> World {
    let rows = [
        json!({
            "RuleId": 1, "TagKey": "Expires", "Action": "Notify", "Required": "N", "WhenExpired": "Terminate",
            "Notice": "1d", "AtMost": "90d",
        }),
        json!({"RuleId": 99, "PolicyFormat": 2}),
    ];
    let world = World::with_table(&rows).enforcing();
    let topic = world.account.create_topic("letters");
    world.set("TAGWARDEN_LETTERS_TOPIC_ARN", &topic)
}

/// The letter says on which day, and how to keep it. The act answers in the thread of its notice.
#[tokio::test(start_paused = true)]
async fn a_notice_and_its_act_share_a_thread() {
    let world = expiring();
    let id = world.instance(&[("Expires", "2026-11-23"), ("Owner", "ann")]);
    world.sweep().await;
    let notice = published(&world, LETTERS).remove(0);
    assert_eq!(notice.attributes["kind"], r#"["notice"]"#);
    let text = delivered(&notice, "email");
    assert!(
        text.contains(&format!(
            "-- {id} will be terminated after 2026-11-24 12:00 UTC unless Expires is set to a later date. It is 2026-11-23.\n   \
             To keep it, set Expires = 2026-12-23\n   aws ec2 create-tags --region us-east-1 --resources {id} --tags \
             Key=Expires,Value=2026-12-23\n"
        )),
        "{text}"
    );
    let document: Value = serde_json::from_str(&delivered(&notice, "sqs")).unwrap();
    assert_eq!(document["entries"][0]["dueAt"], "2026-11-24T12:00:00Z");

    for _ in 0..5 {
        if world.state(&id) == "running" {
            world.account.advance(TimeDelta::hours(6));
            world.sweep().await;
        }
    }
    assert_eq!(world.state(&id), "shutting-down");
    let letters = published(&world, LETTERS).into_iter();
    let mut acts = letters.filter(|it| it.attributes["kind"].contains("shutdown"));
    let act = acts
        .find(|it| it.attributes["audience"] == "owner")
        .unwrap();
    let text = delivered(&act, "email");
    assert!(
        text.contains(&format!("-- {id} has been terminated.")),
        "{text}"
    );
    assert!(!text.contains("create-tags"), "{text}");
    let thread = |letter| card(letter)["metadata"]["threadId"].clone();
    assert_eq!(thread(&act), thread(&notice));
    assert_eq!(thread(&notice), "tagwarden-ann-2026-11-23");
}

/// SNS accepts what nobody receives, so a letter is not a notice.
#[tokio::test(start_paused = true)]
async fn a_letter_does_not_count_as_a_notice() {
    let world = expiring();
    world.set_subscriptions(0);
    let id = world.instance(&[("Expires", "2026-11-23"), ("Owner", "ann")]);
    for _ in 0..8 {
        world.sweep().await;
        world.account.advance(TimeDelta::hours(12));
    }
    assert_eq!(world.state(&id), "running");
}

/// Letters are extra: what goes wrong with them keeps nothing from being done or reported.
#[tokio::test(start_paused = true)]
async fn a_topic_that_refuses_letters_holds_nothing_up() {
    let world = expiring();
    world.account.refuse_publications(LETTERS, true);
    let id = world.instance(&[("Expires", "2026-11-23"), ("Owner", "ann")]);
    world.sweep().await;
    let report = world.reports().remove(0);
    assert!(
        report.contains(
            "* ann, to arn:aws:sns:us-east-1:111111111111:letters: sns:Publish: AuthorizationError"
        ),
        "{report}"
    );
    for _ in 0..5 {
        if world.state(&id) == "running" {
            world.account.advance(TimeDelta::hours(6));
            world.sweep().await;
        }
    }
    assert_eq!(world.state(&id), "shutting-down");
    // Once it works again, what stands is told.
    world.account.refuse_publications(LETTERS, false);
    let id = world.instance(&[("Expires", "2026-11-23"), ("Owner", "ann")]);
    world.sweep().await;
    assert_eq!(told(&world), [("ann".to_owned(), vec![id])]);
}

/// A large owner's letter fits, in every form; what it has no room for is told by a later one.
#[tokio::test(start_paused = true)]
async fn a_large_owners_letter_fits() {
    let world = world(&[]).set("TAGWARDEN_UNTAGGED", "notify");
    let ids = world.account.launch_many(old(&[]), 1_000);
    world.sweep().await;
    let letter = published(&world, LETTERS).remove(0);
    assert!(delivered(&letter, "email").len() < 100_000);
    let first = self::ids(&letter);
    assert!((50..1_000).contains(&first.len()), "{}", first.len());
    let card = card(&letter);
    let content = &card["content"];
    let steps = content["nextSteps"].as_array().unwrap().iter();
    let shown = [&content["title"], &content["description"]]
        .into_iter()
        .chain(steps);
    let characters: usize = shown.map(|it| it.as_str().unwrap().chars().count()).sum();
    assert!(characters <= 2_500, "{characters}");
    let resources = card["metadata"]["relatedResources"].as_array().unwrap();
    assert_eq!(resources.len(), 10);
    assert!(
        content["description"]
            .as_str()
            .unwrap()
            .contains("and 990 more"),
        "{card:#}"
    );

    let mut all = Vec::new();
    for _ in 0..20 {
        world.account.advance(TimeDelta::minutes(30));
        world.sweep().await;
    }
    for (owner, told) in told(&world) {
        assert_eq!(owner, "ann");
        all.extend(told);
    }
    all.sort();
    assert_eq!(all, ids);
}

/// In a dry run owners read what would be done, and that it is one.
#[tokio::test(start_paused = true)]
async fn a_dry_run_says_that_it_is_one() {
    let world = World::new().set("TAGWARDEN_LETTERS_TOPIC_ARN", LETTERS);
    world.account.create_topic("letters");
    let id = world.instance(&[]);
    world.sweep().await;
    let letter = published(&world, LETTERS).remove(0);
    assert_eq!(letter.attributes["mode"], "dry-run");
    let text = delivered(&letter, "email");
    assert!(
        text.contains("This is a dry run: nothing is changed."),
        "{text}"
    );
    assert!(
        text.contains(&format!("-- {id} would be terminated.")),
        "{text}"
    );
    assert!(letter.subject.unwrap().starts_with("Dry run: "));
}

/// Tags hold what people write: no line and no attribute is made of it.
#[tokio::test(start_paused = true)]
async fn tags_add_no_lines_to_a_letter() {
    let world = world(&[]);
    let tags = [
        ("Owner", "ann\n-- i-1 x"),
        ("Name", "web\r\n-- x"),
        ("CreatedBy", "b"),
        ("Expires", "x"),
    ];
    let _ = world.instance(&tags);
    world.sweep().await;
    let letter = published(&world, LETTERS).remove(0);
    assert_eq!(letter.attributes["owner"], "ann -- i-1 x");
    let text = delivered(&letter, "email");
    assert_eq!(
        text.lines().filter(|it| it.starts_with("-- ")).count(),
        1,
        "{text}"
    );
    assert!(!letter.subject.unwrap().contains(char::is_control));
}

/// Who launched what waits for its shutdown is looked up once, with the others, and remembered.
#[tokio::test(start_paused = true)]
async fn looks_a_launcher_up_once() {
    let world = world(&[]).set("TAGWARDEN_GRACE_MINUTES", "180");
    let _ = world.instance(&[]);
    let mut look_ups = Vec::new();
    for _ in 0..3 {
        world.sweep().await;
        look_ups.push(world.account.count("LookupEvents"));
        world.account.advance(TimeDelta::hours(1));
    }
    assert_eq!(look_ups, [1, 1, 1]);
    let entry = &world.documents()[0]["entries"][0];
    assert_eq!(
        (&entry["launcher"], &entry["owner"]),
        (&json!("ann"), &json!("ann"))
    );
    assert_eq!(entry["dueAt"], "2026-11-23T15:00:00Z");
}

/// The policy table's own words go wherever people read a letter.
#[tokio::test(start_paused = true)]
async fn letters_have_the_words_of_the_policy_table() {
    let words = "Dear {{ owner }}: {{ groups[0].entries[0].instanceId }}";
    let world = world(&[json!({"RuleId": 1001, "LetterTemplate": words})]);
    let id = world.instance(&tagged(&[("Owner", "ann"), ("CreatedBy", "")]));
    world.sweep().await;
    let letter = published(&world, LETTERS).remove(0);
    assert_eq!(delivered(&letter, "email"), format!("Dear ann: {id}"));
    assert_eq!(ids(&letter), [id]);
    let _ = card(&letter);
    let digest = published(&world, LETTERS).pop().unwrap();
    assert!(!delivered(&digest, "email").contains("Dear"));
    assert!(!world.reports().remove(0).contains("template"));
}

/// A template that is broken keeps no letter back. Administrators read what is wrong, once in each report with news.
#[tokio::test(start_paused = true)]
async fn a_broken_template_of_letters_is_named_and_not_used() {
    let world =
        world(&[json!({"RuleId": 1001, "LetterTemplate": "Dear {{ owner }}\n{% endfor %}"})]);
    for owner in ["ann", "bob"] {
        let _ = world.instance(&tagged(&[("Owner", owner), ("CreatedBy", "")]));
    }
    world.sweep().await;
    let owners: Vec<String> = told(&world).into_iter().map(|(owner, _)| owner).collect();
    assert_eq!(owners, ["ann", "bob"]);
    let letter = published(&world, LETTERS).remove(0);
    let text = delivered(&letter, "email");
    assert!(text.starts_with("1 EC2 instance: Tagged\n"), "{text}");
    let report = world.reports().remove(0);
    let line = "Letters have the built-in text: the letters' template (row 1001 of the policy table) cannot be used. Line 2: ";
    assert_eq!(report.matches(line).count(), 1, "{report}");
}

//! Letters of a hostile day: what people write into tags and tables, and what SNS refuses.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Identity, Publication};

use crate::letters::{LETTERS, card, published, told, world};
use crate::support::{World, delivered, old, sqs_batch};

/// An instance of `owner` that lacks a tag.
fn lacking(world: &World, owner: &str) -> String {
    world.instance(&[("Owner", owner), ("CreatedBy", "zoe"), ("Expires", "x")])
}

fn letters_to_owners(world: &World) -> Vec<Publication> {
    let letters = published(world, LETTERS).into_iter();
    letters
        .filter(|it| it.attributes["audience"] == "owner")
        .collect()
}

/// Letters are extra: however many of them cannot be sent, the report is.
#[tokio::test(start_paused = true)]
async fn letters_that_cannot_be_sent_do_not_outgrow_the_report() {
    const OWNERS: usize = 600;
    let world = world(&[]);
    world.account.refuse_publications(LETTERS, true);
    for number in 0..OWNERS {
        let owner = format!("{number:03}{}", "é\"".repeat(100));
        let _ = lacking(&world, &owner);
    }
    world.sweep().await;
    let report = world.reports().remove(0);
    assert!(report.contains("\n* and 580 more"), "{report}");
    let document = world.documents().remove(0);
    let listed = document["undelivered"].as_array().unwrap().len();
    assert!(listed >= 20, "{listed}");
    assert_eq!(
        document["undeliveredLeft"].as_u64().unwrap(),
        (OWNERS - listed) as u64
    );
}

/// The budget is one piece of news for administrators. Each owner has to know of each instance.
#[tokio::test(start_paused = true)]
async fn each_instance_over_the_budget_is_told_to_its_owner() {
    let world = world(&[]).set("TAGWARDEN_MAX_DESTRUCTIVE_PER_HOUR", "1");
    let first = world.account.launch_many(old(&[]), 3);
    let mut ids: BTreeSet<String> = first.into_iter().collect();
    for _ in 0..4 {
        world.sweep().await;
        world.account.advance(TimeDelta::minutes(5));
    }
    ids.insert(world.instance(&[]));
    for _ in 0..3 {
        world.sweep().await;
        world.account.advance(TimeDelta::minutes(5));
    }
    let told: BTreeSet<String> = told(&world).into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(told, ids);
}

/// A rule may list thousands of values, each of which would stand in each line of a letter.
#[tokio::test(start_paused = true)]
async fn a_long_list_of_allowed_values_keeps_no_letter_back() {
    let values: Vec<String> = (0..5_000)
        .map(|it| format!("{it:04}-{}", "é".repeat(25)))
        .collect();
    let world = world(&[json!({
        "RuleId": 4, "TagKey": "Center", "Action": "Notify", "Required": "Y", "Allowed": values,
    })]);
    let tags = [
        ("Owner", "ann"),
        ("CreatedBy", "b"),
        ("ProjectCode", "P"),
        ("Expires", "x"),
    ];
    let ids = world.account.launch_many(old(&tags), 40);
    world.sweep().await;
    let told = told(&world);
    assert_eq!(told, [("ann".to_owned(), ids)]);
    let text = delivered(&published(&world, LETTERS)[0], "email");
    assert!(text.contains("and 4980 more"), "{}", &text[..2_000]);
}

/// A template that makes more than SNS takes is one that cannot be used, however it makes it.
#[tokio::test(start_paused = true)]
async fn a_template_that_is_too_large_once_it_is_escaped_keeps_no_letter_back() {
    let words = "{% for it in range(80) %}{{ '\u{1}' * 1000 }}{% endfor %}";
    let world = world(&[json!({"RuleId": 1001, "LetterTemplate": words})]);
    let id = lacking(&world, "ann");
    world.sweep().await;
    assert_eq!(told(&world), [("ann".to_owned(), vec![id])]);
    let report = world.reports().remove(0);
    assert!(
        report.contains("Letters have the built-in text"),
        "{report}"
    );
}

/// Slack and Teams make links, mentions and code of what a text holds. Tags must not.
#[tokio::test(start_paused = true)]
async fn tags_make_no_markup_in_a_chat() {
    let world = world(&[]).set("TAGWARDEN_UNTAGGED", "notify");
    let tags = [
        ("Owner", "<!channel> [a](https://evil.example) `b`"),
        (
            "Name",
            "<https://evil.example|web> [a](https://evil.example) `c`",
        ),
        ("CreatedBy", "b"),
        ("Expires", "x"),
    ];
    let _ = world.instance(&tags);
    let launcher = Identity::iam_user("<!here>`x`");
    world.account.launch(old(&[]).launched_by(launcher));
    world.sweep().await;
    let letters = letters_to_owners(&world);
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        let content = card(letter)["content"].clone();
        let own = content["nextSteps"].to_string().matches('`').count();
        assert_eq!(own % 2, 0, "{content:#}");
        for text in [&content["title"], &content["description"]] {
            let text = text.as_str().unwrap();
            assert!(!text.contains(['<', '>', '`', '[', ']']), "{text}");
        }
        assert!(
            !content["nextSteps"].to_string().contains(['<', '>']),
            "{content:#}"
        );
    }
}

/// What is another reader is another thread, also where a thread's name has no room for the difference.
#[tokio::test(start_paused = true)]
async fn each_owner_has_a_thread_of_their_own() {
    let world = world(&[]);
    let long = "x".repeat(200);
    let owners = [
        "李雷",
        "韩梅",
        "a b",
        "a-b",
        "a/b@x",
        "admins",
        &format!("{long}1"),
        &format!("{long}2"),
        "jürgen",
        "JÜRGEN",
    ];
    for owner in owners {
        let _ = lacking(&world, owner);
    }
    world.sweep().await;
    let letters = published(&world, LETTERS);
    let thread = |it| {
        card(it)["metadata"]["threadId"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let threads: BTreeSet<String> = letters.iter().map(thread).collect();
    // The last two are one, a/b@x is nobody's name, so that it is zoe's, and the digest has one as well.
    assert_eq!(threads.len(), owners.len(), "{threads:#?}");
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "._@-".contains(it);
    assert!(
        threads
            .iter()
            .all(|it| it.len() < 200 && it.chars().all(is_plain))
    );
}

/// Some characters break lines, or turn the rest of a line around, without being control characters.
#[tokio::test(start_paused = true)]
async fn no_odd_character_of_a_tag_changes_a_letters_lines() {
    const ODD: [char; 7] = [
        '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '\u{85}', '\u{7f}', '\u{200f}',
    ];
    let world = world(&[]);
    let odd: String = ODD.iter().collect();
    let owner = format!("ann{odd}shop");
    let tags = [
        ("Owner", owner.as_str()),
        ("Name", owner.as_str()),
        ("CreatedBy", "b"),
        ("Expires", "x"),
    ];
    let _ = world.instance(&tags);
    world.sweep().await;
    let letter = letters_to_owners(&world).remove(0);
    let card = card(&letter)["content"].to_string();
    let texts = [
        ("mail", delivered(&letter, "email")),
        ("owner", letter.attributes["owner"].clone()),
        ("card", card),
        ("report", world.reports().remove(0)),
    ];
    for (what, text) in texts {
        assert!(!text.contains(ODD), "{what}: {text:?}");
    }
}

/// What shows nothing names nobody, and adds nothing to a name.
#[tokio::test(start_paused = true)]
async fn control_characters_name_nobody() {
    let world = world(&[]);
    let blank = lacking(&world, "\u{7f}\u{85}");
    let ann = [lacking(&world, "ann"), lacking(&world, "\u{85} Ann\u{7f}")];
    world.sweep().await;
    let told = told(&world);
    assert_eq!(
        told,
        [
            ("ann".to_owned(), ann.to_vec()),
            ("zoe".to_owned(), vec![blank])
        ]
    );
}

/// A letter must not advise what the rule does not allow.
#[tokio::test(start_paused = true)]
async fn a_letter_proposes_allowed_values_only() {
    let world = world(&[json!({
        "RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Allowed": "*@example.com, team-shop",
    })])
    .set("TAGWARDEN_UNTAGGED", "notify");
    let _ = world.instance(&[]);
    world.sweep().await;
    let document: Value =
        serde_json::from_str(&delivered(&letters_to_owners(&world)[0], "sqs")).unwrap();
    let keep = &document["entries"][0]["keep"]["tags"];
    assert_eq!(keep[1], json!({"key": "CreatedBy", "value": "team-shop"}));
}

/// The digest is of a report that has the rest: no next letter brings it.
#[tokio::test(start_paused = true)]
async fn a_digest_says_where_the_rest_is() {
    let world = world(&[]).set("TAGWARDEN_UNTAGGED", "notify");
    let _ = world.account.launch_many(old(&[]), 1_000);
    world.sweep().await;
    let digest = published(&world, LETTERS).pop().unwrap();
    assert_eq!(digest.attributes["audience"], "admins");
    let text = delivered(&digest, "email");
    assert!(
        !text.contains("next letter"),
        "{}",
        &text[text.len() - 300..]
    );
    assert!(
        text.contains("more are in the report."),
        "{}",
        &text[text.len() - 300..]
    );
}

/// What a template prints of a tag stays on its line.
#[tokio::test(start_paused = true)]
async fn a_template_gets_no_line_breaks_from_tags() {
    let shown =
        "{% for entry in groups[0].entries %}{{ entry.tagKey }}={{ entry.tagValue }};{% endfor %}";
    let of_report = "{% for group in groups %}{% for entry in group.entries %}{{ entry.tagValue }};{% endfor %}{% endfor %}";
    let world = world(&[
        json!({"RuleId": 4, "TagKey": "Team", "Action": "Update", "Required": "Y", "From": "tag:Owner"}),
        json!({"RuleId": 1001, "LetterTemplate": shown}),
        json!({"RuleId": 1002, "ReportTemplate": of_report}),
    ]);
    let tags = [
        ("Owner", "a\nb"),
        ("CreatedBy", "z"),
        ("ProjectCode", "P"),
        ("Expires", "x"),
    ];
    let _ = world.instance(&tags);
    world.sweep().await;
    let text = delivered(&letters_to_owners(&world)[0], "email");
    assert_eq!(text, "Team=a b;");
    assert_eq!(world.reports().remove(0).lines().next().unwrap(), "a b;");
}

/// A topic that answers nothing holds the report up for seconds, not until the function is ended.
#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_answer_holds_no_report_up() {
    let world = world(&[]);
    for number in 0..12 {
        let _ = lacking(&world, &format!("team-{number:02}"));
    }
    let slow = std::time::Duration::from_mins(2);
    world
        .account
        .on_next_call("Publish", move |account| account.latency(slow));
    let started = world.account.now();
    world.sweep().await;
    let report = world.reports().remove(0);
    assert!(report.contains("* team-11, to arn:aws:sns:us-east-1:111111111111:letters: sns:Publish: no answer in 20 seconds."), "{report}");
    assert!(started < world.account.now());
}

/// Letters of a contact that is the topic of the reports would reach whoever reads those.
#[tokio::test(start_paused = true)]
async fn no_contact_is_the_topic_of_the_reports() {
    let reports = "arn:aws:sns:us-east-1:111111111111:reports";
    let world = world(&[json!({"RuleId": 10, "Who": "ann", "Contact": reports})])
        .set("TAGWARDEN_CONTACT_TOPICS", "arn:aws:sns:*");
    let _ = lacking(&world, "ann");
    world.sweep().await;
    let report = world.reports();
    assert_eq!(report.len(), 1);
    assert!(
        report[0].contains("it is the topic of the reports"),
        "{}",
        report[0]
    );
    let [fallback, digest] = published(&world, LETTERS).try_into().unwrap();
    assert_eq!(fallback.attributes["audience"], "admins");
    assert_eq!(digest.attributes["audience"], "admins");
}

/// A topic that could take no letter, or whose readers did not ask for any, ends the start-up.
#[test]
fn letters_need_a_topic_of_their_own() {
    let error = |letters: &str| {
        let read = |name: &str| match name {
            "TAGWARDEN_TOPIC_ARN" => Some("arn:aws:sns:us-east-1:111111111111:reports".to_owned()),
            "TAGWARDEN_LETTERS_TOPIC_ARN" => Some(letters.to_owned()),
            _ => None,
        };
        let environment = tagwarden_core::settings::Environment::new(&read);
        tagwarden_remediation::Settings::from_environment(&environment)
            .err()
            .map(|it| it.to_string())
    };
    assert_eq!(error(LETTERS), None);
    let fifo = error("arn:aws:sns:us-east-1:111111111111:letters.fifo").unwrap();
    assert!(
        fifo.contains("TAGWARDEN_LETTERS_TOPIC_ARN") && fifo.contains("FIFO"),
        "{fifo}"
    );
    let same = error("arn:aws:sns:us-east-1:111111111111:reports").unwrap();
    assert!(
        same.contains("another topic than TAGWARDEN_TOPIC_ARN"),
        "{same}"
    );
}

/// No later run knows what this one did, so that what one letter has no room for follows in another.
#[tokio::test(start_paused = true)]
async fn an_owner_is_told_of_everything_that_was_done() {
    let world = world(&[]);
    let tags = [("Owner", "ann"), ("CreatedBy", "b"), ("Expires", "x")];
    let ids = world.account.launch_many(old(&tags), 1_000);
    world.sweep().await;
    let letters = letters_to_owners(&world);
    assert!((2..30).contains(&letters.len()), "{}", letters.len());
    let told: Vec<String> = told(&world).into_iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(told, ids);
    let last = delivered(letters.last().unwrap(), "email");
    assert!(!last.contains("next letter"), "{last}");
    world.account.advance(TimeDelta::hours(1));
    world.sweep().await;
    assert_eq!(letters_to_owners(&world).len(), letters.len());
}

/// A topic for reports and letters alike, or a stack that follows a topic of letters: no form of a letter makes a function
/// look at anything, fail, or send another.
#[tokio::test(start_paused = true)]
async fn no_form_of_a_letter_starts_a_run() {
    let world = world(&[]);
    let _ = lacking(&world, "ann");
    world.sweep().await;
    let so_far = world.account.published().len();
    let calls = world.account.calls().len();
    for letter in published(&world, LETTERS) {
        for form in ["email", "sqs", "https"] {
            let message = delivered(&letter, form);
            let notification = json!({"Type": "Notification", "MessageId": "1", "TopicArn": LETTERS, "Message": message});
            let wrapped = json!({"Records": [{"EventSource": "aws:sns", "Sns": notification}]});
            world.remediate(wrapped).await.unwrap();
            let queued = sqs_batch(&[("1", notification.to_string())]);
            let answer = world.remediate(queued).await.unwrap();
            assert_eq!(answer["batchItemFailures"], json!([]), "{form}: {answer}");
            if form != "email" {
                let raw = sqs_batch(&[("1", message)]);
                let answer = world.remediate(raw).await.unwrap();
                assert_eq!(answer["batchItemFailures"], json!([]), "{form}: {answer}");
            }
        }
    }
    assert_eq!(world.account.published().len(), so_far);
    assert_eq!(world.account.calls().len(), calls);
}

/// A table with a mistake in each of very many rows is reported, too.
#[tokio::test(start_paused = true)]
async fn a_policy_with_very_many_mistakes_is_reported() {
    let rows: Vec<Value> = (0..1_500)
        .map(|id| json!({"RuleId": id, "TagKey": "é".repeat(100), "Action": "\"?\"".repeat(20), "Required": "Y"}))
        .collect();
    let world = World::with_table(&rows).enforcing();
    let _ = world.remediate(crate::support::scheduled_event()).await;
    assert_eq!(world.reports().len(), 1);
    let report = world.reports().remove(0);
    assert!(report.contains("is not valid"), "{report}");
    let document = world.documents().remove(0);
    let left = document["policyProblemsLeft"].as_u64().unwrap();
    assert!(report.contains(&format!("\n{left} more are not in this text.")));
}

//! `tagwarden undo`: what it takes back, what it leaves, and what it says.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::Fault;

use crate::scene::{LEDGER, Scene, ended, text, timeless, wrote};
use crate::support::{stderr, stdout, tagwarden};
use crate::world::TABLE;

fn owned<'a>(tags: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    tags.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn json_of(told: &str) -> Value {
    serde_json::from_str(told).unwrap()
}

/// One instance with `ProjectCode` = `Proj007`, written a minute ago; and the run that wrote it.
fn one_tag(test: &str) -> (Scene, String, String) {
    let scene = Scene::new(test);
    let id = scene.launch(&[("Name", "web"), ("ProjectCode", "Proj007")]);
    let acts = [wrote(&id, "ProjectCode", "Proj007", "done")];
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    (scene, id, run)
}

/// The command that the warning about new end dates names: no run, no instance and no time.
#[test]
fn takes_a_tag_back_wherever_it_was_written() {
    let scene = Scene::new("undo-tag");
    let [web, db] = ["web", "db"].map(|name| scene.launch(&[("Name", name)]));
    for id in [&web, &db] {
        scene.remediate(&[id]);
    }
    scene.told(&["undo", "--tag", "Expires", "--yes"]);
    for id in [&web, &db] {
        let tags = scene.tags(id);
        let keys: Vec<&String> = tags.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["CreatedBy", "ProjectCode"], "{id}");
    }
}

/// As a minute later: what was done shows, and nobody has to wait for it.
fn claims_are_over(scene: &Scene) {
    for mut item in scene.account.items(LEDGER) {
        if item["ClaimedUntil"].is_number() {
            item["ClaimedUntil"] = json!(0);
            scene.account.put_item(LEDGER, item);
        } else if let Some(tags) = item["Tags"].as_object_mut() {
            for tag in tags.values_mut() {
                tag["ClaimedUntil"] = json!(0);
            }
            scene.account.put_item(LEDGER, item);
        }
    }
}

#[test]
fn undoes_a_run_once() {
    let scene = Scene::new("undo-run");
    let web = scene.launch(&[("Name", "web"), ("ProjectCode", "")]);
    let db = scene.launch(&[("Name", "db")]);
    let mail = scene.launch(&[("Name", "mail")]);
    let run = scene.remediate(&[&web, &db, &mail]);
    scene.account.set_tag(&mail, "ProjectCode", "Mail");
    scene.account.remove_tag(&mail, "Expires");
    let mails = scene.tags(&mail);

    scene.account.forget_calls();
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    insta::assert_snapshot!(timeless(&told));
    assert_eq!(scene.tags(&web), owned(&[("ProjectCode", "")]));
    assert_eq!(scene.tags(&db), []);
    let mails: Vec<_> = mails
        .into_iter()
        .filter(|(key, _)| key != "CreatedBy")
        .collect();
    assert_eq!(scene.tags(&mail), mails);
    // One call for each distinct set: web's, db's and mail's; and web's empty tag.
    assert_eq!(scene.account.count("DeleteTags"), 3);
    assert_eq!(scene.account.count("CreateTags"), 1);

    let history = scene.told(&["history", "--trigger", "undo"]);
    insta::assert_snapshot!("the_undo_in_the_history", timeless(&history));
    let open = scene.account.items(LEDGER);
    assert!(
        open.iter()
            .all(|item| item["Pk"] != "open" || item["RunId"] == run)
    );

    scene.account.forget_calls();
    let told = scene.told(&["undo", "--run", &run]);
    assert!(told.ends_with("Nothing to undo.\n"), "{told}");
    assert_eq!(scene.writes() + scene.account.count("DeleteTags"), 0);

    // As the warning said: the policy still asks for them. What is written again can be undone again.
    claims_are_over(&scene);
    let again = scene.remediate(&[&db]);
    assert_eq!(scene.tags(&db).len(), 3);
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert!(
        told.contains(&format!("run {again} wrote it again")),
        "{told}"
    );
    assert_eq!(scene.tags(&db).len(), 3);
    scene.told(&["undo", "--instance", &db, "--yes"]);
    assert_eq!(scene.tags(&db), []);
}

#[test]
fn as_json() {
    let scene = Scene::new("undo-json");
    let id = scene.launch(&[
        ("Name", "web"),
        ("ProjectCode", "Proj007"),
        ("Owner", "mine"),
    ]);
    let mut act = wrote(&id, "ProjectCode", "Proj007", "done");
    act["TagsBefore"] = json!({"ProjectCode": ""});
    let acts = [
        act,
        wrote(&id, "Owner", "nobody", "done"),
        ended("i-00000000000000009", "terminate", "done", None),
    ];
    scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let planned = scene.told(&["undo", "--since", "1h", "--dry-run", "--output", "json"]);
    insta::assert_snapshot!(timeless(&planned));
    assert_eq!(scene.writes(), 0);
    let output = scene.run(&["undo", "--since", "1h", "--yes", "--output", "json"]);
    assert_eq!(stderr(&output), "");
    let (planned, done) = (json_of(&planned), json_of(stdout(&output)));
    assert_eq!(done["tags"][0]["outcome"], "done");
    assert!(scene.runs().contains(&text(&done["runId"])));
    for part in ["left", "ends", "region"] {
        assert_eq!(planned[part], done[part]);
    }
    // Nobody can be asked here, and what is shown to a person is not JSON.
    scene.account.set_tag(&id, "ProjectCode", "Proj007");
    let acts = [wrote(&id, "ProjectCode", "Proj007", "done")];
    scene.past(TimeDelta::seconds(1), "00000002", "schedule", &acts);
    let output = scene.run(&["undo", "--since", "1h", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("To undo:"));
}

#[test]
fn does_nothing_without_consent() {
    let (scene, id, run) = one_tag("undo-consent");
    let output = scene.run(&["undo", "--run", &run]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).ends_with("1 tag on 1 instance to undo, 0 to leave as they are.\n"));
    let message = stderr(&output);
    assert!(
        message.contains("standard input is not a terminal"),
        "{message}"
    );
    assert!(message.contains("Nothing was undone."), "{message}");
    scene.told(&["undo", "--run", &run, "--dry-run"]);
    assert_eq!(scene.writes(), 0);
    assert_eq!(scene.tags(&id).len(), 1);
}

#[test]
fn undoes_only_the_selected_instances_keys_and_times() {
    let scene = Scene::new("undo-asked");
    let tags = [("Name", "x"), ("K", "v"), ("L", "v")];
    let ids: Vec<String> = (0..3).map(|_| scene.launch(&tags)).collect();
    for (hours, id) in (1..).zip(&ids) {
        let acts = ["K", "L"].map(|key| wrote(id, key, "v", "done"));
        let suffix = format!("0000000{hours}");
        scene.past(TimeDelta::hours(hours), &suffix, "schedule", &acts);
    }
    let asked = |arguments: &[&str]| {
        let fixed = ["undo", "--dry-run", "--output", "json"];
        let document = json_of(&scene.told(&[&fixed, arguments].concat()));
        let tags = document["tags"].as_array().unwrap().iter();
        let tags = tags.map(|tag| {
            let id = ids.iter().position(|id| tag["instanceId"] == **id).unwrap();
            format!("{id}{}", tag["tagKey"].as_str().unwrap())
        });
        tags.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(asked(&["--instance", &ids[1]]), "1K 1L");
    assert_eq!(asked(&["--instance", &ids[1], "--tag", "L"]), "1L");
    assert_eq!(asked(&["--since", "150m"]), "0K 0L 1K 1L");
    assert_eq!(asked(&["--since", "150m", "--until", "90m"]), "1K 1L");
    assert_eq!(
        asked(&["--since", "9h", "--tag", "K", "--tag", "M"]),
        "0K 1K 2K"
    );
    assert_eq!(
        asked(&[
            "--since",
            "9h",
            "--instance",
            &ids[0],
            "--instance",
            &ids[2]
        ]),
        "0K 0L 2K 2L"
    );
    assert_eq!(asked(&["--since", "30m"]), "");
    assert_eq!(asked(&["--instance", "i-0000000000000000f"]), "");
}

#[test]
fn undoes_all_acts_of_an_instance() {
    let scene = Scene::new("undo-year");
    let id = scene.launch(&[("Name", "x"), ("K", "v")]);
    let acts = [wrote(&id, "K", "v", "done")];
    scene.past(TimeDelta::days(399), "00000001", "schedule", &acts);
    scene.told(&["undo", "--instance", &id, "--yes"]);
    assert_eq!(scene.tags(&id), []);
}

#[test]
fn keeps_a_value_set_at_the_last_moment() {
    let (scene, id, run) = one_tag("undo-last-moment");
    let target = id.clone();
    scene.account.on_next_call("DeleteTags", move |account| {
        account.set_tag(&target, "ProjectCode", "mine");
    });
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert_eq!(scene.account.count("DeleteTags"), 1);
    assert_eq!(scene.tags(&id), owned(&[("ProjectCode", "mine")]));
    assert!(
        told.contains("somebody has changed it to \"mine\"."),
        "{told}"
    );
    assert!(
        told.contains("Done: 0 tags undone, 1 left, by run "),
        "{told}"
    );
    let acts = scene.acts();
    let act = acts.iter().find(|act| act["Remedy"] == "untag").unwrap();
    assert_eq!(act["State"], "spared");
}

#[test]
fn keeps_a_value_set_during_the_question() {
    let (scene, id, run) = one_tag("undo-while-asked");
    let target = id.clone();
    let mut looks = 0;
    scene.account.on_call("DescribeInstances", move |account| {
        looks += 1;
        if looks == 2 {
            account.set_tag(&target, "ProjectCode", "mine");
        }
    });
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert_eq!(scene.tags(&id), owned(&[("ProjectCode", "mine")]));
    assert!(told.ends_with("Done: 0 tags undone, 1 left.\n"), "{told}");
    assert_eq!(scene.account.count("DeleteTags") + scene.writes(), 0);
}

#[test]
fn empties_a_tag_only_if_its_value_is_unchanged() {
    let scene = Scene::new("undo-empty");
    let ids: Vec<String> = (0..2).map(|_| scene.launch(&[("K", "v")])).collect();
    let acts = [&ids[0], &ids[1]].map(|id| {
        let mut act = wrote(id, "K", "v", "done");
        act["TagsBefore"] = json!({"K": ""});
        act
    });
    scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let target = ids[0].clone();
    let mut looks = 0;
    scene.account.on_call("DescribeInstances", move |account| {
        looks += 1;
        if looks == 3 {
            account.set_tag(&target, "K", "mine");
        }
    });
    let told = scene.told(&["undo", "--since", "1h", "--yes"]);
    assert_eq!(scene.tags(&ids[0]), owned(&[("K", "mine")]));
    assert_eq!(scene.tags(&ids[1]), owned(&[("K", "")]));
    assert!(
        told.contains("Done: 1 tag undone, 1 left, by run "),
        "{told}"
    );
}

#[test]
fn continues_after_a_failed_call() {
    let scene = Scene::new("undo-halfway");
    let ids = ["v", "w"].map(|value| scene.launch(&[("Name", "x"), ("K", value)]));
    let acts = [
        wrote(&ids[0], "K", "v", "done"),
        wrote(&ids[1], "K", "w", "done"),
    ];
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let (first, second) = (ids[0].clone(), ids[1].clone());
    let fault = Fault::new(
        "DeleteTags",
        "UnauthorizedOperation",
        "You are not authorized.",
    )
    .status(403)
    .when(move |request| request.mentions(&first))
    .times(1);
    scene.account.fail(fault);
    let output = scene.run(&["undo", "--run", &run, "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    insta::assert_snapshot!(timeless(&format!(
        "{}---\n{}",
        stdout(&output),
        stderr(&output)
    )));
    assert_eq!(scene.tags(&ids[0]).len(), 1);
    assert_eq!(scene.tags(&second), []);
    let states: BTreeSet<String> = scene.acts().iter().map(|act| text(&act["State"])).collect();
    assert_eq!(states, ["done".to_owned(), "failed".to_owned()].into());
    // Again: only what is left.
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert!(
        told.contains("1 tag on 1 instance to undo, 1 to leave as they are."),
        "{told}"
    );
    assert_eq!(scene.tags(&ids[0]), []);
}

#[test]
fn recovers_acts_of_unknown_outcome_in_the_next_run() {
    let (scene, id, run) = one_tag("undo-unknown-end");
    // It is described to show, to confirm, and to see how it ended: that fails.
    let account = scene.account.clone();
    scene.account.on_next_call("DeleteTags", move |_| {
        let denied = Fault::new("DescribeInstances", "UnauthorizedOperation", "No.");
        account.fail(denied.status(403).times(1));
    });
    let output = scene.run(&["undo", "--run", &run, "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("did not say how it ended"),
        "{output:?}"
    );
    let state = || {
        let acts = scene.acts();
        let act = acts.iter().find(|act| act["Remedy"] == "untag").unwrap();
        text(&act["State"])
    };
    assert_eq!(state(), "begun");
    assert_eq!(scene.tags(&id), []);
    scene.remediate(&[&id]);
    assert_eq!(state(), "done");
    let open = scene.account.items(LEDGER);
    assert!(open.iter().all(|item| item["Pk"] != "open"), "{open:?}");
}

#[test]
fn does_nothing_that_the_ledger_cannot_record() {
    let (scene, id, run) = one_tag("undo-unwritten");
    let denied = Fault::new("TransactWriteItems", "AccessDeniedException", "No.");
    scene.account.fail(denied.always());
    let output = scene.run(&["undo", "--run", &run, "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("1 of 1 tag could not be undone"),
        "{output:?}"
    );
    assert_eq!(scene.account.count("DeleteTags"), 0);
    assert_eq!(scene.tags(&id).len(), 1);
}

#[test]
fn undoes_once_when_two_run_at_the_same_time() {
    let (scene, id, run) = one_tag("undo-twice-at-once");
    let arguments = ["undo", "--run", &run, "--yes", "--ledger-table", LEDGER];
    let started: Vec<_> = (0..4)
        .map(|_| {
            let mut command = scene.command(&arguments);
            command
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!(scene.tags(&id), []);
    let acts = scene.acts();
    let done = acts
        .iter()
        .filter(|act| act["Remedy"] == "untag" && act["State"] == "done");
    assert_eq!(done.count(), 1, "{acts:?}");
    assert_eq!(scene.account.count("DeleteTags"), 1);
}

#[test]
fn leaves_the_open_acts_of_a_run_in_progress() {
    let (scene, id, _) = one_tag("undo-at-work");
    let acts = [wrote(&id, "ProjectCode", "Proj007", "begun")];
    let run = scene.past(TimeDelta::seconds(5), "00000002", "schedule", &acts);
    let lease = |minutes| {
        let until = scene.account.now() + TimeDelta::minutes(minutes);
        let mark = json!({
            "Pk": "open", "Sk": run, "RunId": run, "HeldBy": run, "HeldUntil": until.timestamp_millis(),
        });
        scene.account.put_item(LEDGER, mark);
    };
    lease(5);
    let told = scene.told(&["undo", "--since", "1h", "--yes"]);
    assert!(
        told.contains(&format!("run {run} is at work on it")),
        "{told}"
    );
    assert_eq!(scene.tags(&id).len(), 1);
    lease(-1);
    scene.told(&["undo", "--since", "1h", "--yes"]);
    assert_eq!(scene.tags(&id), []);
}

#[test]
fn undoes_a_thousand_instances_in_one_call() {
    let scene = Scene::new("undo-many");
    let ids: Vec<String> = (0..1_100)
        .map(|_| scene.launch(&[("Name", "x"), ("K", "v")]))
        .collect();
    let acts: Vec<Value> = ids.iter().map(|id| wrote(id, "K", "v", "done")).collect();
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert!(told.contains("Done: 1100 tags undone, by run "), "{told}");
    assert_eq!(scene.account.count("DeleteTags"), 2);
    assert!(ids.iter().all(|id| scene.tags(id).is_empty()));
}

#[test]
fn nothing_brings_an_ended_instance_back() {
    let scene = Scene::new("undo-ends");
    let stopped = scene
        .account
        .launch(tagwarden_sandbox::Launch::new().stopped());
    let running = scene.launch(&[("Name", "x")]);
    let acts = [
        ended(&stopped, "stop", "done", None),
        ended(&running, "stop", "done", None),
        ended("i-00000000000000009", "terminate", "done", None),
    ];
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    insta::assert_snapshot!(timeless(&scene.told(&["undo", "--run", &run])));
    assert_eq!(scene.writes(), 0);
}

#[test]
fn keeps_tags_that_prevent_a_shutdown() {
    let scene = Scene::new("undo-alive");
    let lonely = scene.launch(&[("K", "v")]);
    let ruled = scene.launch(&[("Name", "x"), ("L", "v")]);
    let rule = json!({"RuleId": 7, "TagKey": "L", "Action": "Terminate", "Required": "Y"});
    scene.account.put_item(TABLE, rule);
    let acts = [
        wrote(&lonely, "K", "v", "done"),
        wrote(&ruled, "L", "v", "done"),
    ];
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    insta::assert_snapshot!(timeless(&scene.told(&["undo", "--run", &run, "--yes"])));
    assert_eq!(scene.account.count("DeleteTags"), 0);
    scene
        .account
        .set_tag(&ruled, "tagwarden:exempt-until", "9999-12-31 a reason");
    scene.told(&["undo", "--run", &run, "--yes"]);
    assert_eq!(scene.account.count("DeleteTags"), 1);
}

/// The policy may have a rule that stops or terminates an instance without the tag.
#[test]
fn undoes_nothing_while_the_policy_cannot_be_read() {
    let (scene, id, run) = one_tag("undo-no-policy");
    scene.account.delete_table(TABLE);
    let told = scene.told(&["undo", "--run", &run, "--yes"]);
    assert!(told.contains("the policy cannot be read"), "{told}");
    assert_eq!(scene.tags(&id), owned(&[("ProjectCode", "Proj007")]));
    assert_eq!(scene.account.count("DeleteTags"), 0);
}

#[test]
fn rejects_a_wrong_command_line() {
    const WHICH: &str = "<--run <ID>|--instance <ID>|--tag <KEY>|--since <WHEN>>";
    for (arguments, culprit) in [
        (&[][..], WHICH),
        (&["--until", "1h"], WHICH),
        (&["--run", "last"], "is not the id of a run"),
        (&["--instance", "i-1"], "not the id of an instance"),
        (
            &["--since", "1h", "--yes", "--dry-run"],
            "cannot be used with",
        ),
    ] {
        let output = tagwarden(&[&["undo"], arguments].concat());
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let message = stderr(&output);
        assert!(message.contains(culprit), "{message}");
    }
}

/// An instance whose only two tags were written by tagwarden, and the run that wrote them.
fn two_tags(test: &str) -> (Scene, String, String) {
    let scene = Scene::new(test);
    let id = scene.launch(&[("ProjectCode", "Proj007"), ("CreatedBy", "ann")]);
    let acts = [
        wrote(&id, "ProjectCode", "Proj007", "done"),
        wrote(&id, "CreatedBy", "ann", "done"),
    ];
    let run = scene.past(TimeDelta::minutes(1), "00000001", "schedule", &acts);
    (scene, id, run)
}

/// Two undos of different tags both see that the other tag stays.
#[test]
fn leaves_the_last_tag_if_another_undo_took_the_other_one() {
    let (scene, id, run) = two_tags("undo-two");
    let taken = id.clone();
    scene
        .account
        .on_next_call("TransactWriteItems", move |account| {
            account.remove_tag(&taken, "CreatedBy");
        });
    let told = scene.told(&["undo", "--run", &run, "--tag", "ProjectCode", "--yes"]);
    assert!(told.contains("would have no tags"), "{told}");
    assert_eq!(scene.tags(&id), owned(&[("ProjectCode", "Proj007")]));
}

#[test]
fn leaves_an_instance_to_another_undo_of_another_tag() {
    let (scene, id, run) = two_tags("undo-claimed");
    let until = (scene.account.now() + TimeDelta::minutes(10)).timestamp_millis();
    let tag = json!({"RunId": "20261123T120000Z-0000000a", "ClaimedUntil": until});
    let memory = json!({"Pk": id, "Sk": "memory", "Revision": 1, "Tags": {"CreatedBy": tag}});
    scene.account.put_item(LEDGER, memory);
    let told = scene.told(&["undo", "--run", &run, "--tag", "ProjectCode", "--yes"]);
    assert!(told.contains("another undo is at work"), "{told}");
    assert_eq!(scene.account.count("DeleteTags"), 0);
}

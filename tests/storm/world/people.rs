//! People: launches, deeds to instances, and changes of the policy.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tagwarden_sandbox::{Identity, Launch};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::World;
use super::queue::{change, sweep};
use crate::model::{EXEMPTION, GROUP, POLICY_TABLES};
use crate::scenario::{
    COMPLETE, CONTACTS, Deed, Event, Exempt, MEDDLING, Machine, ManagedBy, OTHER_VPC, Protection,
    Rule, Timed,
};

impl World {
    pub(super) fn launch(&self, machine: &Machine) -> String {
        let people = ["ann", "bob", "eve"];
        let person = people[self.state().chance.usize(..people.len())];
        let launch = launch(machine).launched_by(Identity::iam_user(person));
        let id = self.account().launch(launch);
        self.state().fleet.push(id.clone());
        self.model(|model| model.launched(&id, person));
        if machine.is_denied {
            self.deny(&id, true);
        }
        id
    }

    /// Denies every write to an instance, or allows it again.
    fn deny(&self, id: &str, is_denied: bool) {
        let account = self.account();
        for operation in ["CreateTags", "StopInstances", "TerminateInstances"] {
            if is_denied {
                account.deny(operation, id);
            } else {
                account.allow(operation, id);
            }
        }
        if is_denied {
            self.state().model.denied(id);
        }
    }

    /// Ends what hides the truth: omitted and late descriptions, and refused reports.
    pub(super) fn calm_down(&self) {
        let account = self.account();
        let fleet = self.state().fleet.clone();
        for id in &fleet {
            account.show_tags(id);
            account.lag_behind(id, TimeDelta::zero());
        }
        self.refuse_reports(false);
        self.subscribe(true);
    }

    /// Refuses reports, letters or what goes to a team's topic, or accepts all of them again.
    fn refuse_reports(&self, refuse: bool) {
        let [letters, contact] = &self.0.letter_topics;
        let topics = [&self.0.topic, letters, contact];
        let has_letters = self.storm().setup.letters;
        let refused = if has_letters && refuse {
            self.state().chance.usize(..topics.len())
        } else {
            0
        };
        for (number, topic) in topics.into_iter().enumerate() {
            if !refuse || number == refused {
                self.account().refuse_publications(topic, refuse);
            }
        }
        if refuse && topics[refused] == letters {
            self.state().model.letters_refused();
        }
    }

    fn subscribe(&self, has_subscribers: bool) {
        let subscriptions = u32::from(has_subscribers);
        self.account()
            .set_subscriptions(&self.0.topic, subscriptions);
        self.state().model.subscribed(has_subscribers);
    }

    /// Removes every tag but those that AWS set. Gives what was removed.
    fn untag_fully(&self, id: &str) -> BTreeMap<String, String> {
        let account = self.account();
        let tags = account.instance(id).map(|instance| instance.tags);
        let mut tags = tags.unwrap_or_default();
        tags.retain(|key, _| !key.starts_with("aws:"));
        for key in tags.keys() {
            account.remove_tag(id, key);
        }
        tags
    }

    fn flicker(&self, id: &str, seconds: u64) {
        let tags = self.untag_fully(id);
        let (world, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            for (key, value) in tags {
                world.account().set_tag(&id, key, value);
            }
            let deed = Deed::Flicker(seconds);
            world.state().model.record_deed(&id, deed);
        });
    }

    pub(super) fn instance_at(&self, number: usize) -> String {
        let fleet = &self.state().fleet;
        fleet.get(number % fleet.len()).cloned().unwrap_or_default()
    }

    /// Puts another of its policies in force in each policy table.
    pub(super) fn activate_policy(&self, policy: usize) {
        let first = &self.storm().policies;
        self.put_policy(POLICY_TABLES[0], first, 0, policy);
        let second = self.storm().second.as_ref();
        if let Some(policies) = second.and_then(|second| second.policies.as_ref()) {
            self.put_policy(POLICY_TABLES[1], policies, first.len(), policy);
        }
    }

    /// Puts one of `policies`, which the model numbers from `first` on, in force in a table.
    fn put_policy(&self, table: &'static str, policies: &[Vec<Rule>], first: usize, policy: usize) {
        let policy = policy % policies.len();
        self.account().clear_table(table);
        for rule in &policies[policy] {
            self.account().put_item(table, row(rule));
        }
        if table == POLICY_TABLES[0] && self.storm().setup.letters {
            self.account()
                .put_item(table, json!({"RuleId": 99, "PolicyFormat": 2}));
            for (number, (who, contact)) in (100..).zip(CONTACTS) {
                let contact = format!("arn:aws:sns:us-east-1:{}{contact}", self.account().id());
                let row = json!({"RuleId": number, "Who": who, "Contact": contact});
                self.account().put_item(table, row);
            }
        }
        self.state().model.policy_changed(table, first + policy);
    }

    /// Performs a person's deed and shows it to the model.
    fn perform(&self, id: &str, deed: Deed) {
        let account = self.account();
        match deed {
            Deed::TagFully => {
                for key in COMPLETE {
                    account.set_tag(id, key, "by hand");
                }
            }
            Deed::Tag(key, value) => account.set_tag(id, key, value),
            Deed::Untag(key) => account.remove_tag(id, key),
            Deed::UntagFully => drop(self.untag_fully(id)),
            Deed::Flicker(seconds) => self.flicker(id, seconds),
            Deed::Omit(true) => account.omit_tags(id),
            Deed::Omit(false) => account.show_tags(id),
            Deed::Lag(seconds) => account.lag_behind(id, TimeDelta::seconds(seconds)),
            Deed::Deny(is_denied) => self.deny(id, is_denied),
            Deed::DenyKey(key, true) => {
                account.deny_tag_key(key);
                self.state().model.denied(key);
            }
            Deed::DenyKey(key, false) => account.allow_tag_key(key),
            Deed::RefuseReports(refuse) => self.refuse_reports(refuse),
            Deed::Unsubscribe(is_gone) => self.subscribe(!is_gone),
            Deed::Exempt(exempt) => account.set_tag(id, EXEMPTION, exemption(exempt)),
            Deed::EndExemption => account.remove_tag(id, EXEMPTION),
            Deed::Protect(protected) => account.protect(id, protected),
            Deed::Adopt => account.set_tag(id, GROUP, "web"),
            Deed::Start => account.start(id),
            Deed::Terminate => account.terminate(id),
            Deed::ChangePolicy(policy) => self.activate_policy(policy),
        }
        self.state().model.record_deed(id, deed);
    }

    /// Sometimes performs a deed to an instance that a call names, while the call is in flight.
    pub fn meddle(&self, ids: &[String], items: &[(String, String)]) {
        let meant: Vec<&String> = ids
            .iter()
            .chain(
                items
                    .iter()
                    .map(|(pk, _)| pk)
                    .filter(|pk| pk.starts_with("i-")),
            )
            .collect();
        let (id, deed) = {
            let mut state = self.state();
            if state.is_calm || meant.is_empty() || !state.happens(self.storm().trouble.meddling) {
                return;
            }
            state.model.tally.meddled += 1;
            let id = meant[state.chance.usize(..meant.len())].clone();
            let deed = match state.chance.u32(..8) {
                0..4 => MEDDLING[state.chance.usize(..MEDDLING.len())],
                4 => Deed::ChangePolicy(state.chance.usize(..4)),
                _ => Deed::TagFully,
            };
            (id, deed)
        };
        self.perform(&id, deed);
    }
}

/// Plays the storm's events and deeds at their times.
pub(super) async fn play_events(world: World) {
    enum Occurrence {
        Event(Event),
        Deed(usize, Deed),
    }
    let storm = world.storm();
    let events = storm.events.iter().map(|event| Timed {
        at: event.at,
        what: Occurrence::Event(event.what.clone()),
    });
    let deeds = storm.deeds.iter().map(|deed| Timed {
        at: deed.at,
        what: Occurrence::Deed(deed.what.0, deed.what.1),
    });
    let mut things: Vec<Timed<Occurrence>> = events.chain(deeds).collect();
    things.sort_by_key(|thing| thing.at);
    let begun_at = world.state().begun_at;
    let mut undoing = JoinSet::new();
    for thing in things {
        sleep_until(begun_at + Duration::from_millis(thing.at)).await;
        let at = |late: &u64| thing.at + late * 1_000;
        match thing.what {
            Occurrence::Deed(who, deed) => world.perform(&world.instance_at(who), deed),
            Occurrence::Event(Event::Sweep) => world.send(&sweep(), thing.at, false),
            Occurrence::Event(Event::Ids(who)) => {
                let ids: Vec<String> = who.iter().map(|who| world.instance_at(*who)).collect();
                world.send(&json!({ "instanceIds": ids }), thing.at, true);
            }
            Occurrence::Event(Event::Undo(stack, of)) => {
                let stack = stack % world.stacks();
                let undos = of.into_iter().map(|of| world.request(stack, of));
                for request in undos.collect::<Vec<_>>() {
                    let world = world.clone();
                    undoing.spawn_local(async move { drop(world.undo(stack, request).await) });
                }
            }
            Occurrence::Event(Event::Changes(who, copies)) => {
                for who in who {
                    for late in &copies {
                        world.send(&change(&world.instance_at(who)), at(late), false);
                    }
                }
            }
            Occurrence::Event(Event::Launch(machine, copies)) => {
                let id = world.launch(&machine);
                let event = world.account().run_instances_event(&id).unwrap();
                for late in &copies {
                    world.send(&event, at(late), false);
                }
            }
        }
    }
    while undoing.join_next().await.is_some() {}
    world.0.sent.notify_one();
}

fn row(rule: &Rule) -> Value {
    let required = if rule.required { "Y" } else { "N" };
    let mut row = json!({
        "RuleId": rule.id, "TagKey": rule.key, "Action": rule.action, "Required": required,
    });
    if !rule.default.is_empty() {
        row["Default"] = rule.default.into();
    }
    row
}

fn launch(machine: &Machine) -> Launch {
    let mut launch = Launch::new().ago(TimeDelta::minutes(machine.age_minutes));
    for (key, value) in &machine.tags {
        launch = launch.tag(*key, *value);
    }
    if let Some(exempt) = machine.exempt {
        launch = launch.tag(EXEMPTION, exemption(exempt));
    }
    if machine.other_vpc {
        launch = launch.vpc(OTHER_VPC);
    }
    if machine.instance_store {
        launch = launch.instance_store_root();
    }
    if machine.other_zone {
        launch = launch.availability_zone("us-east-1b");
    }
    if machine.stopped {
        launch = launch.stopped();
    }
    launch = match machine.manager {
        None => launch,
        Some(ManagedBy::AutoScaling) => launch.tag(GROUP, "web"),
        Some(ManagedBy::Spot) => launch.spot(),
        Some(ManagedBy::Service) => launch.operated_by("eks.amazonaws.com"),
    };
    match machine.protection {
        None => launch,
        Some(Protection::Termination) => launch.protected(),
        Some(Protection::Stop) => launch.stop_protected(),
    }
}

fn exemption(exempt: Exempt) -> &'static str {
    match exempt {
        Exempt::ForLong => "2027-06-30 moves to the new account",
        Exempt::Today => "2026-11-23 is being looked at",
        Exempt::Ended => "2026-11-22 was being looked at",
        Exempt::Unreadable => "2027-06-30",
    }
}

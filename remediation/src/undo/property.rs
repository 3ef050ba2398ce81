//! Whatever tagwarden and people did to the tags of an instance: undo gives back exactly what tagwarden found, where
//! nobody has changed it since, and touches nothing else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{ID, asks_for_nothing, at, batch, instance, run, tag};
use super::*;
use crate::ledger::{Batch, Selection};
use crate::plan::ActState;

const KEYS: [&str; 3] = ["K", "L", "M"];

/// What tagwarden writes, and what people write: never the same, because the two could not be told apart afterwards.
const RULE_VALUES: [&str; 2] = ["v", "w"];
const PEOPLES_VALUES: [&str; 3] = ["mine", "V", ""];

#[derive(Clone, Debug)]
enum Event {
    /// Tagwarden finds a tag missing or empty and writes it; or is cut off, before or after EC2 has it.
    Write {
        key: usize,
        value: usize,
        how: How,
    },
    Set {
        key: usize,
        value: usize,
    },
    Remove {
        key: usize,
    },
    /// Somebody undoes what was written since this event.
    Undo {
        since: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Done,
    CutOffBefore,
    CutOffAfter,
    Failed,
}

fn event() -> impl Strategy<Value = Event> {
    let key = 0..KEYS.len();
    let how = prop_oneof![
        4 => Just(How::Done),
        1 => Just(How::CutOffBefore),
        1 => Just(How::CutOffAfter),
        1 => Just(How::Failed),
    ];
    prop_oneof![
        6 => (key.clone(), 0..RULE_VALUES.len(), how)
            .prop_map(|(key, value, how)| Event::Write { key, value, how }),
        2 => (key.clone(), 0..PEOPLES_VALUES.len()).prop_map(|(key, value)| Event::Set { key, value }),
        2 => key.prop_map(|key| Event::Remove { key }),
        1 => (0..30_usize).prop_map(|since| Event::Undo { since }),
    ]
}

/// The account, and who had the last word on each tag.
#[derive(Clone, Debug, Default)]
struct World {
    tags: BTreeMap<String, String>,
    /// The tags that tagwarden had the last word on: when, and what it found.
    ours: BTreeMap<&'static str, (usize, Before)>,
    history: Vec<Batch>,
}

impl World {
    fn happen(&mut self, now: usize, event: &Event) {
        match *event {
            Event::Write { key, value, how } => self.write(now, KEYS[key], RULE_VALUES[value], how),
            Event::Set { key, value } => {
                let value = PEOPLES_VALUES[value].to_owned();
                self.tags.insert(KEYS[key].to_owned(), value);
                self.ours.remove(KEYS[key]);
            }
            Event::Remove { key } => {
                self.tags.remove(KEYS[key]);
                self.ours.remove(KEYS[key]);
            }
            Event::Undo { since } => self.undo(now, since),
        }
    }

    fn write(&mut self, now: usize, key: &'static str, value: &str, how: How) {
        let before = match self.tags.get(key).map(String::as_str) {
            None => Before::Missing,
            Some(value @ ("" | " ")) => Before::Empty {
                value: value.to_owned(),
            },
            Some(_) => return,
        };
        let state = match how {
            How::Done => ActState::Done,
            How::CutOffBefore | How::CutOffAfter => ActState::Begun,
            How::Failed => ActState::Failed,
        };
        let act = tag(ID, key, value, before.clone(), state);
        self.history.push(batch(now, vec![act]));
        if matches!(how, How::Done | How::CutOffAfter) {
            self.tags.insert(key.to_owned(), value.to_owned());
            self.ours.insert(key, (now, before));
        }
    }

    fn plan(&self, now: usize, since: usize) -> UndoPlan {
        let selection = Selection {
            since: Some(at(since)),
            ..Selection::default()
        };
        let facts = UndoFacts {
            history: &self.history,
            at_work: &BTreeSet::new(),
            live: &[instance(ID, self.tags.clone())],
            policy: Some(&asks_for_nothing()),
            now: at(now),
        };
        plan(&selection, &facts)
    }

    /// Plans, and does it as EC2 does.
    fn undo(&mut self, now: usize, since: usize) {
        let steps = self.plan(now, since).steps;
        let mut acts: Vec<Act> = Vec::new();
        for step in steps {
            let key = &step.written.tag_key;
            match &step.before {
                Before::Missing => self.tags.remove(key),
                Before::Empty { value } => self.tags.insert(key.clone(), value.clone()),
            };
            self.ours.retain(|ours, _| ours != key);
            let mut act = step.to_act();
            act.state = ActState::Done;
            acts.push(act);
        }
        if !acts.is_empty() {
            self.history.push(batch(now, acts));
        }
    }

    /// What must become of the tags, by who had the last word.
    fn expected(&self, since: usize) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        for (key, (written, before)) in &self.ours {
            if *written >= since {
                match before {
                    Before::Missing => tags.remove(*key),
                    Before::Empty { value } => tags.insert((*key).to_owned(), value.clone()),
                };
            }
        }
        if tags.is_empty() {
            // It keeps what it would lose: an instance without any tags is ended.
            tags = self.tags.clone();
        }
        tags
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn restores_what_was_found_and_touches_nothing_else(
        has_name in prop::bool::weighted(0.7),
        events in prop::collection::vec(event(), 0..30),
        since in 0..30_usize,
    ) {
        let mut world = World::default();
        if has_name {
            world.tags.insert("Name".to_owned(), "web".to_owned());
        }
        for (now, event) in events.iter().enumerate() {
            world.happen(now, event);
        }
        let expected = world.expected(since);
        let before = world.tags.clone();
        world.undo(60, since);
        prop_assert_eq!(&world.tags, &expected);
        prop_assert_eq!(before.is_empty(), expected.is_empty());
        // Once is enough.
        prop_assert_eq!(world.plan(61, since).steps, []);
    }

    /// Every tag that is asked for is either taken back or reported, once.
    #[test]
    fn plans_for_every_selected_tag(
        events in prop::collection::vec(event(), 0..30),
        since in 0..30_usize,
    ) {
        let mut world = World::default();
        for (now, event) in events.iter().enumerate() {
            world.happen(now, event);
        }
        let plan = world.plan(60, since);
        let steps = plan.steps.iter().map(|step| &step.written);
        let told: Vec<&WrittenTag> = steps.chain(plan.left.iter().map(|left| &left.written)).collect();
        let places: BTreeSet<_> = told.iter().map(|written| written.place()).collect();
        prop_assert_eq!(told.len(), places.len());
        prop_assert!(told.iter().all(|written| written.at >= at(since)));
        for (key, (written, _)) in world.ours.iter().filter(|(_, (written, _))| *written >= since) {
            let told = told.iter().find(|it| it.tag_key == *key);
            prop_assert_eq!(told.map(|it| &it.run_id), Some(&run(*written)), "{}", key);
        }
    }
}

//! CreateTags for many instances and several tags, so that one instance, key or value does not spoil the call for the
//! others.
//!
//! EC2 refuses a call as a whole, and names at most one resource. A denied *key* looks like a denied instance, because
//! the message names an instance then too. So the named instance is set aside first, and the others are tried without
//! it. If EC2 goes on denying, the keys are tried separately.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use tagwarden_aws::{AwsError, Ec2};

use crate::calls::{self, CALL_LIMIT, names};
use crate::error_code::ErrorKind;
use crate::plan::{Outcome, Reason, StepFailure};
use crate::tag_batches::{Tag, Tags};

/// After this many denials of the same keys in a row, it is not the instances that are denied.
const DENIALS: u32 = 3;

/// The most instances for which a key is denied before it is accepted for one. After that it counts as denied for the
/// rest of the set's instances.
const MOST_DENIALS: usize = 32;

/// A key is denied for a run once this many calls wrote other tags to the same instances, and were denied this key.
const WITNESSES: u32 = 3;

/// After this many calls in which no key was accepted, keys are not tried separately before a call succeeds.
const FRUITLESS: u32 = 3;

/// Whether a call may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It may.
    Go,
    /// There is no time left for it.
    NoTime,
    /// The instances were looked at too long ago.
    Stale,
}

/// What became of one tag of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagOutcome {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) outcome: Outcome,
}

/// What a run has learned about keys and values, so that what is denied for one set of tags is not tried for each of the
/// others.
#[derive(Debug, Default)]
pub(crate) struct KeyMemory(Mutex<Learned>);

#[derive(Debug, Default)]
struct Learned {
    accepted: BTreeSet<String>,
    /// Calls that witness that a key is denied, and the last denial.
    denied: BTreeMap<String, (u32, StepFailure)>,
    /// Keys with a value that EC2 does not take from anybody.
    invalid: BTreeMap<Tag, StepFailure>,
    /// How many calls in a row had no key accepted.
    fruitless: u32,
}

/// Writes `tags`, in their order of importance, to every one of `ids`. A tag that is there already is overwritten: be
/// sure it is empty. Before each call `leave` says whether it may be sent. What `leave` finds stale has no outcome.
///
/// See [CreateTags](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html).
pub(crate) async fn create_tags(
    ec2: &Ec2,
    ids: Vec<String>,
    tags: Tags,
    memory: &KeyMemory,
    leave: impl Fn() -> Leave,
) -> Vec<TagOutcome> {
    let call = async |ids: &[String], tags: &Tags| {
        // A turn that is not needed would slow down the others.
        let asked = leave();
        if asked != Leave::Go {
            return Err(asked);
        }
        let client = ec2.to_create_tags().await;
        let asked = leave();
        if asked != Leave::Go {
            return Err(asked);
        }
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| {
            aws_sdk_ec2::types::Tag::builder()
                .key(key)
                .value(value)
                .build()
        });
        let request = client.create_tags().set_tags(Some(tags.collect()));
        let answer = request.set_resources(Some(ids.to_vec())).send().await;
        Ok(match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(AwsError::new("ec2:CreateTags", &error)),
        })
    };
    write(ids, tags, memory, call).await
}

/// Part of the work: these tags for these instances.
#[derive(Debug)]
struct Part {
    ids: Vec<String>,
    tags: Tags,
    /// How many calls in a row were denied.
    denials: u32,
    /// The instances that those denials named, and which are not in `ids` any more.
    aside: Vec<(String, StepFailure)>,
}

impl Part {
    fn new(ids: Vec<String>, tags: Tags) -> Self {
        Self {
            ids,
            tags,
            denials: 0,
            aside: Vec::new(),
        }
    }

    /// Whether `error` names some of the instances, and not all.
    fn names_some(&self, error: &AwsError) -> bool {
        let mut named = self.ids.iter().map(|id| names(error.message(), id));
        named.any(|is_named| is_named) && self.ids.iter().any(|id| !names(error.message(), id))
    }
}

async fn write<F>(ids: Vec<String>, tags: Tags, memory: &KeyMemory, call: F) -> Vec<TagOutcome>
where
    F: AsyncFn(&[String], &Tags) -> Result<Result<(), AwsError>, Leave>,
{
    let chunks = ids.chunks(CALL_LIMIT);
    let waiting = chunks.map(|ids| Part::new(ids.to_vec(), tags.clone()));
    let mut work = Work {
        memory,
        waiting: waiting.collect(),
        outcomes: Vec::new(),
        accepted: BTreeSet::new(),
        denied: BTreeMap::new(),
        invalid: Vec::new(),
        is_split: false,
    };
    while let Some(part) = work.waiting.pop() {
        let Some(part) = work.without_known(part) else {
            continue;
        };
        match call(&part.ids, &part.tags).await {
            Err(Leave::NoTime) => work.settle_all(part, &Outcome::Deferred(Reason::NoTime)),
            // Without an outcome; those that were set aside are tried again with the others.
            Err(Leave::Go | Leave::Stale) => {}
            Ok(Ok(())) => work.accept(part),
            Ok(Err(error)) => work.refuse(part, &error),
        }
    }
    work.learn();
    work.outcomes
}

/// The work of one set of tags.
struct Work<'a> {
    memory: &'a KeyMemory,
    waiting: Vec<Part>,
    outcomes: Vec<TagOutcome>,
    /// Instances that got a tag.
    accepted: BTreeSet<String>,
    /// Keys that were denied alone, with one of the instances.
    denied: BTreeMap<String, (Vec<String>, StepFailure)>,
    /// Tags that EC2 did not take alone, with the instances.
    invalid: Vec<(Tag, Vec<String>, StepFailure)>,
    /// Whether keys were tried separately.
    is_split: bool,
}

impl Work<'_> {
    /// The part without what the run knows to be denied or invalid; `None` if nothing is left of it.
    fn without_known(&mut self, mut part: Part) -> Option<Part> {
        let known: Vec<(Tag, StepFailure)> = {
            let learned = self.memory.learned();
            let tags = part.tags.iter();
            tags.filter_map(|tag| Some((tag.clone(), learned.refusal(tag)?)))
                .collect()
        };
        for ((key, value), failure) in known {
            part.tags.retain(|tag| (&tag.0, &tag.1) != (&key, &value));
            let aside = part.aside.iter().map(|(id, _)| id);
            for id in part.ids.iter().chain(aside) {
                self.outcomes.push(TagOutcome {
                    id: id.clone(),
                    key: key.clone(),
                    outcome: Outcome::Failed(failure.clone()),
                });
            }
        }
        (!part.tags.is_empty()).then_some(part)
    }

    fn accept(&mut self, part: Part) {
        let keys: Vec<String> = part.tags.iter().map(|(key, _)| key.clone()).collect();
        self.memory.learned().accept(keys);
        self.accepted.extend(part.ids.iter().cloned());
        // The same tags are allowed on others, so it is these instances that are denied.
        for (id, failure) in part.aside {
            self.settle(&[id], &part.tags, &Outcome::Failed(failure));
        }
        self.settle(&part.ids, &part.tags, &Outcome::Done);
    }

    fn refuse(&mut self, part: Part, error: &AwsError) {
        match ErrorKind::of(error.code()) {
            ErrorKind::Passing | ErrorKind::Unclear => {
                self.settle_all(part, &calls::outcome(error));
            }
            ErrorKind::Instance => self.set_aside(part, error),
            ErrorKind::TagLimit if part.ids.len() == 1 => self.shorten(part, error),
            ErrorKind::TagLimit => self.halve(part, error),
            ErrorKind::Denied => self.deny(part, error),
            ErrorKind::Permanent if part.names_some(error) => self.set_aside(part, error),
            ErrorKind::Permanent => self.try_separately(part, error),
        }
    }

    /// Tries the instances again without those that spoiled the call.
    fn set_aside(&mut self, mut part: Part, error: &AwsError) {
        let aside = calls::split(std::mem::take(&mut part.ids), error);
        self.settle(&aside.settled, &part.tags, &calls::outcome(error));
        self.push(part, aside.rest);
    }

    /// Finds the instances without room for all tags.
    fn halve(&mut self, mut part: Part, error: &AwsError) {
        let aside = calls::split(std::mem::take(&mut part.ids), error);
        let named = (!aside.settled.is_empty()).then_some(aside.settled);
        self.push(part, named.into_iter().chain(aside.rest));
    }

    /// Writes as many tags as fit, the first of them first.
    fn shorten(&mut self, part: Part, error: &AwsError) {
        if part.tags.len() == 1 {
            return self.settle_all(part, &calls::outcome(error));
        }
        self.halve_tags(part);
    }

    fn deny(&mut self, mut part: Part, error: &AwsError) {
        let failure = StepFailure::from(error);
        let (named, rest): (Vec<String>, Vec<String>) = part
            .ids
            .drain(..)
            .partition(|id| names(error.message(), id));
        part.denials = part.denials.saturating_add(1);
        let is_one_key = part.tags.len() == 1;
        // Where all instances are named or none is, the message says nothing about the others.
        let mut is_about_one = !named.is_empty() && !rest.is_empty();
        if is_about_one {
            let learned = self.memory.learned();
            is_about_one = if is_one_key {
                self.denials_alone(&part.tags) < MOST_DENIALS || learned.has_accepted(&part.tags)
            } else {
                part.denials < DENIALS && !learned.is_suspect(&part.tags)
            };
        }
        if is_about_one && is_one_key {
            self.deny_alone(&part.tags, &named, &failure);
            self.settle(&named, &part.tags, &Outcome::Failed(failure));
            // From the second denial on, halves: where only some are denied, some of the calls succeed soon.
            let batches = if part.denials > 1 && rest.len() > 1 {
                alternate(rest)
            } else {
                vec![rest]
            };
            let denials = part.denials;
            self.waiting.extend(batches.into_iter().map(|ids| Part {
                denials,
                ..Part::new(ids, part.tags.clone())
            }));
        } else if is_about_one {
            let aside = named.into_iter().map(|id| (id, failure.clone()));
            part.aside.extend(aside);
            part.ids = rest;
            self.waiting.push(part);
        } else {
            part.ids = rest;
            part.ids.extend(named);
            if is_one_key {
                self.deny_alone(&part.tags, &part.ids, &failure);
            }
            self.try_separately(part, error);
        }
    }

    /// Tries the keys separately, because one of them, or its value, may be what EC2 refused.
    fn try_separately(&mut self, part: Part, error: &AwsError) {
        let failure = StepFailure::from(error);
        if let [tag] = part.tags.as_slice() {
            if ErrorKind::of(error.code()) == ErrorKind::Permanent {
                let invalid = (tag.clone(), part.ids.clone(), failure.clone());
                self.invalid.push(invalid);
            }
            return self.settle_all(part, &Outcome::Failed(failure));
        }
        if self.memory.learned().fruitless >= FRUITLESS {
            return self.settle_all(part, &Outcome::Failed(failure));
        }
        self.is_split = true;
        self.halve_tags(part);
    }

    fn halve_tags(&mut self, mut part: Part) {
        // Those that were set aside may have been named for a key.
        part.ids.extend(part.aside.drain(..).map(|(id, _)| id));
        let mut first = part.tags;
        let second = first.split_off(first.len() / 2);
        self.waiting.push(Part::new(part.ids.clone(), second));
        // The last part is taken first.
        self.waiting.push(Part::new(part.ids, first));
    }

    fn push(&mut self, part: Part, batches: impl IntoIterator<Item = Vec<String>>) {
        let Part { tags, aside, .. } = part;
        let parts = batches.into_iter();
        let mut parts: Vec<Part> = parts.map(|ids| Part::new(ids, tags.clone())).collect();
        if let Some(part) = parts.last_mut() {
            part.aside = aside;
        } else if !aside.is_empty() {
            // Nothing is left to compare them with.
            let ids = aside.into_iter().map(|(id, _)| id).collect();
            parts.push(Part::new(ids, tags));
        }
        self.waiting.extend(parts);
    }

    /// For how many instances the key was denied alone.
    fn denials_alone(&self, tags: &Tags) -> usize {
        let denied = tags.iter().filter_map(|(key, _)| self.denied.get(key));
        denied.map(|(ids, _)| ids.len()).sum()
    }

    fn deny_alone(&mut self, tags: &Tags, ids: &[String], failure: &StepFailure) {
        for (key, _) in tags {
            let denied = self.denied.entry(key.clone());
            let (of, _) = denied.or_insert_with(|| (Vec::new(), failure.clone()));
            of.extend_from_slice(ids);
        }
    }

    fn settle_all(&mut self, part: Part, outcome: &Outcome) {
        self.settle(&part.ids, &part.tags, outcome);
        for (id, failure) in part.aside {
            // What was set aside was not carried out, whatever became of the others.
            let own = Outcome::Failed(failure);
            let is_deferred = matches!(outcome, Outcome::Deferred(_));
            self.settle(&[id], &part.tags, if is_deferred { outcome } else { &own });
        }
    }

    fn settle(&mut self, ids: &[String], tags: &Tags, outcome: &Outcome) {
        for id in ids {
            let outcomes = tags.iter().map(|(key, _)| TagOutcome {
                id: id.clone(),
                key: key.clone(),
                outcome: outcome.clone(),
            });
            self.outcomes.extend(outcomes);
        }
    }

    /// Notes for the rest of the run which keys were denied where others were accepted.
    fn learn(&mut self) {
        let mut learned = self.memory.learned();
        for (key, (ids, failure)) in std::mem::take(&mut self.denied) {
            if ids.iter().any(|id| self.accepted.contains(id)) {
                let (witnesses, last) = learned.denied.entry(key).or_insert((0, failure.clone()));
                *witnesses = witnesses.saturating_add(1);
                *last = failure;
            }
        }
        for (tag, ids, failure) in std::mem::take(&mut self.invalid) {
            if ids.iter().any(|id| self.accepted.contains(id)) {
                learned.invalid.insert(tag, failure);
            }
        }
        if self.is_split && self.accepted.is_empty() {
            learned.fruitless = learned.fruitless.saturating_add(1);
        }
    }
}

impl KeyMemory {
    fn learned(&self) -> std::sync::MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learned {
    fn accept(&mut self, keys: Vec<String>) {
        self.accepted.extend(keys);
        self.fruitless = 0;
    }

    /// Why this tag is not tried.
    fn refusal(&self, tag: &Tag) -> Option<StepFailure> {
        if let Some(failure) = self.invalid.get(tag) {
            return Some(failure.clone());
        }
        let (witnesses, failure) = self.denied.get(&tag.0)?;
        let is_denied = *witnesses >= WITNESSES && !self.accepted.contains(&tag.0);
        is_denied.then(|| StepFailure {
            code: failure.code.clone(),
            text: format!(
                "the key {} was denied for other instances of this run: {}",
                tag.0, failure.text
            ),
        })
    }

    fn has_accepted(&self, tags: &Tags) -> bool {
        tags.iter().any(|(key, _)| self.accepted.contains(key))
    }

    /// Whether one of the keys was denied before where others were accepted, and never accepted.
    fn is_suspect(&self, tags: &Tags) -> bool {
        let is_suspect = |key| self.denied.contains_key(key) && !self.accepted.contains(key);
        tags.iter().any(|(key, _)| is_suspect(key))
    }
}

/// Every second of `ids`, and the others. Neighbours often have something in common.
fn alternate(ids: Vec<String>) -> Vec<Vec<String>> {
    let (mut even, mut odd) = (Vec::new(), Vec::new());
    for (number, id) in ids.into_iter().enumerate() {
        if number % 2 == 0 {
            even.push(id);
        } else {
            odd.push(id);
        }
    }
    vec![odd, even]
}

#[cfg(test)]
mod tests;

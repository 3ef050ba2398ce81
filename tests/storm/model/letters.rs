//! Judges letters: each owner is told of what is theirs, where the policy says, once; and what cannot be sent there goes to
//! the administrators with the reason.
//!
//! Nothing that was done or announced may be missing from the letters. Two functions that are at work at the same time may
//! tell the same of what stands, as their reports do. What was done is told once, unless a function was disturbed.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tagwarden_remediation::ledger::{Act, ActState, Batch, RemedyName};
use tagwarden_sandbox::Call;

use super::{Model, Run, StackNumber};
use crate::scenario::{CONTACT, CONTACTS, LETTERS};

/// How long before a run's end no letter is begun any more, and how long the last ones take.
const RESERVE: TimeDelta = TimeDelta::seconds(90);

/// A letter that SNS accepted.
#[derive(Clone, Debug)]
pub struct SentLetter {
    by: Run,
    at: DateTime<Utc>,
    owner: String,
    /// Whether administrators got it, because it could not be sent to its owner.
    is_fallback: bool,
    entries: Vec<ToldEntry>,
}

/// What a letter, or a report, says of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ToldEntry {
    instance_id: String,
    rule_id: Option<i64>,
    remedy: String,
    outcome: String,
    reason: String,
    due_at: String,
    /// The run that did it; another than the sender where that was killed.
    done_by: Run,
}

impl ToldEntry {
    fn of(entry: &Value, by: Run, model: &Model) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        Self {
            instance_id: text("instanceId"),
            rule_id: entry["ruleId"].as_i64(),
            remedy: text("remedy"),
            outcome: text("outcome"),
            reason: text("reason"),
            due_at: text("dueAt"),
            done_by: entry["runId"].as_str().map_or(by, |id| model.run_of(id)),
        }
    }

    /// Whether an instance was changed, which is told once whoever tells it.
    fn is_act(&self) -> bool {
        self.outcome == "done" && self.remedy != "notify"
    }

    /// Whether owners are told of it: more is not judged here.
    fn is_for_owners(&self) -> bool {
        self.outcome == "done" || self.outcome == "deferred" && !self.due_at.is_empty()
    }

    fn is_same(&self, other: &Self) -> bool {
        let is_by_one = !self.is_act() || self.done_by == other.done_by;
        is_by_one
            && Self {
                done_by: other.done_by,
                ..self.clone()
            } == *other
    }

    /// Whether who was told this needs no letter about `later` on the same day: the same, or a countdown that started over.
    fn is_enough_for(&self, later: &Self) -> bool {
        let is_counting = |it: &Self| it.reason.starts_with("first seen so at ");
        let restarted = Self {
            reason: later.reason.clone(),
            due_at: later.due_at.clone(),
            ..self.clone()
        };
        self.is_same(later) || is_counting(self) && is_counting(later) && restarted.is_same(later)
    }

    fn is_of(&self, act: &Act, run: Run) -> bool {
        self.is_act()
            && self.done_by == run
            && self.instance_id == act.instance_id()
            && self.rule_id == act.rule_id()
            && self.remedy == act.remedy.as_str()
    }
}

impl Model {
    /// Records who launched an instance.
    pub fn launched(&mut self, instance_id: &str, by: &str) {
        self.launchers.insert(instance_id.to_owned(), by.to_owned());
    }

    /// Records that SNS refused letters to their topic at some time.
    pub fn letters_refused(&mut self) {
        self.has_refused_letters = true;
    }

    /// Records that CloudTrail could not be asked by a run.
    pub fn look_up_failed(&mut self, run: Run) {
        self.look_up_failed.insert(run);
    }

    /// Records and judges a letter that SNS accepted.
    pub(super) fn record_letter(&mut self, run: Run, call: &Call, topic: &str) {
        let letter = document(call);
        let Some(owner) = letter["owner"].as_str().map(ToOwned::to_owned) else {
            // The digest of a report.
            if !topic.ends_with(LETTERS) || letter["audience"] != "admins" {
                self.violate(format!("{} run {run} sent a digest to {topic}", call.at));
            }
            return;
        };
        let entries = letter["entries"].as_array().into_iter().flatten();
        let entries: Vec<ToldEntry> = entries.map(|it| ToldEntry::of(it, run, self)).collect();
        let letter = SentLetter {
            by: run,
            at: call.at,
            owner,
            is_fallback: letter["audience"] == "admins",
            entries,
        };
        self.tally.letters += 1;
        self.judge_address(&letter, topic, &document(call)["undelivered"]);
        for entry in &letter.entries {
            let id = &entry.instance_id;
            let owners = self.owners_of(run, id, self.tags_in_ledger(entry));
            if !owners.contains(&letter.owner) {
                self.violate(format!(
                    "{} run {run} told {} of what is another's: {entry:?}",
                    call.at, letter.owner
                ));
            }
            if let Some(earlier) = self.told_before(&letter, entry) {
                self.violate(format!(
                    "{} run {run} told {} again, after run {}: {entry:?}",
                    call.at, letter.owner, earlier
                ));
            }
        }
        self.letters.push(letter);
    }

    fn judge_address(&mut self, letter: &SentLetter, topic: &str, undelivered: &Value) {
        let contact = CONTACTS.iter().find(|(who, _)| *who == letter.owner);
        let is_to_contact = contact.is_some_and(|(_, contact)| topic.ends_with(contact));
        let is_right = match (contact, letter.is_fallback) {
            (None, is_fallback) => topic.ends_with(LETTERS) && !is_fallback,
            (Some((_, contact)), false) => is_to_contact && *contact == CONTACT,
            (Some(_), true) => topic.ends_with(LETTERS) && undelivered.is_string(),
        };
        if !is_right {
            self.violate(format!(
                "{} run {} sent a letter for {} to {topic}, because {undelivered}",
                letter.at, letter.by, letter.owner
            ));
        }
        self.tally.fallbacks += usize::from(letter.is_fallback);
    }

    /// Whose an instance is, by each look of a run at it and by these `tags`.
    fn owners_of<'t>(
        &'t self,
        run: Run,
        id: &str,
        tags: impl IntoIterator<Item = &'t BTreeMap<String, String>>,
    ) -> Vec<String> {
        let looks = self.runs.get(&run).and_then(|view| view.looks.get(id));
        let looks = looks.into_iter().flatten().map(|look| &look.shown.tags);
        let owners = looks.chain(tags).map(|tags| {
            let mut noted = ["Owner", "CreatedBy"]
                .iter()
                .filter_map(|key| tags.get(*key));
            let noted = noted.find(|value| !value.trim().is_empty() && *value != "Undefined");
            noted.or_else(|| self.launchers.get(id)).cloned()
        });
        owners.flatten().collect()
    }

    /// The tags with which the ledger has the act that is told.
    fn tags_in_ledger<'m>(
        &'m self,
        told: &'m ToldEntry,
    ) -> impl Iterator<Item = &'m BTreeMap<String, String>> {
        self.ledger.values().flat_map(move |batch| {
            let run = self.run_of(batch.run_id.as_str());
            let acts = batch.acts.iter().filter(move |act| told.is_of(act, run));
            acts.map(|act| &act.tags_before)
        })
    }

    /// The run that had told the same before, where it must not be told again.
    fn told_before(&self, letter: &SentLetter, entry: &ToldEntry) -> Option<Run> {
        let earlier = self.letters.iter().filter(|earlier| {
            let is_same_day = earlier.at.date_naive() == letter.at.date_naive();
            earlier.owner == letter.owner
                && (entry.is_act() || is_same_day)
                && earlier.entries.iter().any(|told| told.is_same(entry))
        });
        let started = self.runs.get(&letter.by).map_or(0, |view| view.started);
        let may_repeat = |earlier: Run| {
            let ended = self.runs.get(&earlier).and_then(|view| view.ended);
            let was_at_work = ended.is_none_or(|ended| ended > started);
            self.is_troubled(earlier)
                || self.is_troubled(letter.by)
                || was_at_work && earlier != letter.by && !entry.is_act()
        };
        let mut runs = earlier.map(|earlier| earlier.by);
        runs.find(|earlier| !may_repeat(*earlier))
    }

    /// Judges that the letters of a run have what its report has, which comes after them.
    pub(super) fn judge_report_of_letters(&mut self, run: Run, at: DateTime<Utc>, report: &Value) {
        let stack = self.stack_of(run);
        if !self.setup(stack).letters {
            return;
        }
        let members = |name: &str| report[name].as_array().into_iter().flatten();
        let undelivered: Vec<&str> = members("undelivered")
            .filter_map(|it| it["owner"].as_str())
            .collect();
        self.undelivered
            .extend(undelivered.iter().map(|owner| (run, (*owner).to_owned())));
        for owner in &undelivered {
            let has_contact = CONTACTS.iter().any(|(who, _)| who == owner);
            let is_sent = self
                .letters
                .iter()
                .any(|it| it.by == run && it.is_fallback && it.owner == **owner);
            if has_contact && !is_sent && !self.has_refused_letters && !self.is_troubled(run) {
                self.violate(format!(
                    "{at} run {run} told administrators nothing of what {owner}'s contact did not take"
                ));
            }
        }
        if self.had_no_time(run, stack, at) {
            self.late_runs.insert(run);
            return;
        }
        for entry in members("entries") {
            let Some(owner) = entry["owner"].as_str() else {
                continue;
            };
            let told = ToldEntry::of(entry, run, self);
            let is_told = |it: &SentLetter| {
                at - it.at < TimeDelta::days(1) + TimeDelta::minutes(10)
                    && it.owner == owner
                    && it.entries.iter().any(|it| it.is_enough_for(&told))
            };
            if told.is_for_owners()
                && !undelivered.contains(&owner)
                && !self.letters.iter().any(is_told)
            {
                self.violate(format!(
                    "{at} run {run} reported, but told {owner} nothing: {told:?}"
                ));
            }
        }
    }

    /// Whether a run was so late that it left letters out, because the report matters more.
    fn had_no_time(&self, run: Run, stack: StackNumber, at: DateTime<Utc>) -> bool {
        let seconds = i64::try_from(self.setup(stack).timeout_seconds).unwrap();
        let started_at = self.runs.get(&run).map(|view| view.started_at);
        started_at.is_none_or(|started_at| at - started_at > TimeDelta::seconds(seconds) - RESERVE)
    }

    /// Each act of a function that was done was told to the owner of its instance, or the report says that it could not be.
    pub fn check_letters(&mut self, batches: &[Batch]) {
        for batch in batches {
            let run = self.run_of(batch.run_id.as_str());
            if !self.setup(self.stack_of(run)).letters {
                continue;
            }
            for act in &batch.acts {
                let is_judged = act.state == ActState::Done && act.remedy != RemedyName::Untag;
                if is_judged && !self.may_be_untold(act, run) {
                    self.violate(format!("nobody was told what run {run} did: {act:?}"));
                }
            }
        }
    }

    fn may_be_untold(&self, act: &Act, run: Run) -> bool {
        let mut letters = self.letters.iter();
        let is_told = letters.any(|it| it.entries.iter().any(|told| told.is_of(act, run)));
        let mut reported = self.reported.iter().filter(|it| {
            it.done_by == run && it.instance_id == act.instance_id() && it.rule_id == act.rule_id()
        });
        is_told
            || reported.any(|it| {
                let owners = self.owners_of(it.by, act.instance_id(), [&act.tags_before]);
                self.late_runs.contains(&it.by)
                    || owners.iter().any(|owner| self.undelivered.contains(&(it.by, owner.clone())))
                    // Who launched it could not be asked.
                    || self.look_up_failed.contains(&it.by) && names_nobody(act)
            })
    }
}

/// Whether only a look-up says whose the instance is.
fn names_nobody(act: &Act) -> bool {
    let mut noted = ["Owner", "CreatedBy"].iter();
    let names = |it: &String| !it.trim().is_empty() && it != "Undefined";
    !noted.any(|key| act.tags_before.get(*key).is_some_and(names))
}

/// What programs receive.
fn document(call: &Call) -> Value {
    let message = call.parameters.get("Message").and_then(Value::as_str);
    let body: Value = serde_json::from_str(message.unwrap_or_default()).unwrap_or_default();
    serde_json::from_str(body["sqs"].as_str().unwrap_or_default()).unwrap_or_default()
}

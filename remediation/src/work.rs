//! What a run has to do, gathered from the plans of one page of instances after the other.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tagwarden_core::Instance;

use crate::ledger::Act;
use crate::plan::{Plan, Remedy, Step};

/// The work of one run. Of an instance only what is done to it is kept: half a fleet would be much to hold.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Tags to be written.
    pub(crate) tags: Vec<Act>,
    /// The stops and terminations, one an instance: what runs longest comes first, on whatever page it was.
    ends: BTreeMap<(Option<DateTime<Utc>>, String), Act>,
    /// What is done by being told.
    pub(crate) told: Vec<Step>,
    /// What the plans settle without doing anything.
    pub(crate) settled: Plan,
}

impl Work {
    /// Adds what `plan` asks for, which was made of `instances`.
    pub(crate) fn add(&mut self, plan: Plan, instances: &[Instance]) {
        let instances: BTreeMap<&str, &Instance> =
            instances.iter().map(|it| (it.id.as_str(), it)).collect();
        let instance_of = |step: &Step| instances.get(step.instance_id.as_str()).copied();
        for step in plan.steps {
            if matches!(step.remedy, Remedy::Tag { .. }) {
                let tags = instance_of(&step).map(|instance| &instance.tags);
                self.tags
                    .extend(tags.and_then(|tags| Act::begun(&step, tags)));
            } else {
                self.told.push(step);
            }
        }
        for step in plan.destructive {
            if let Some(instance) = instance_of(&step)
                && let Some(act) = Act::begun(&step, &instance.tags)
            {
                self.ends
                    .insert((instance.launched_at, step.instance_id), act);
            }
        }
        self.settled.deferred.extend(plan.deferred);
        self.settled.refused.extend(plan.refused);
        self.settled.failed.extend(plan.failed);
        self.settled.standstills.extend(plan.standstills);
    }

    /// Takes the stops and terminations, the longest running instance first.
    pub(crate) fn take_ends(&mut self) -> impl Iterator<Item = Act> + use<> {
        std::mem::take(&mut self.ends).into_values()
    }

    /// The same as one plan.
    pub(crate) fn into_plan(mut self) -> Plan {
        let ends = self.take_ends();
        let tags = self.tags.into_iter();
        Plan {
            steps: tags.filter_map(|act| act.step()).chain(self.told).collect(),
            destructive: ends.filter_map(|act| act.step()).collect(),
            ..self.settled
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tagwarden_core::settings::Environment;
    use tagwarden_core::{Policy, State};

    use super::*;
    use crate::plan::{Known, plan};
    use crate::settings::{Mode, Settings};

    fn now() -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn policy() -> Policy {
        let rows = json!([
            {"RuleId": 1, "TagKey": "ProjectCode", "Action": "Update", "Required": "Y", "Default": "P1"},
            {"RuleId": 2, "TagKey": "CreatedBy", "Action": "UserLookup", "Required": "Y", "Default": ""},
            {"RuleId": 3, "TagKey": "Data", "Action": "Notify", "Required": "Y", "Default": ""},
            {"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y", "Default": ""},
        ]);
        Policy::from_rows(serde_json::from_value::<Vec<_>>(rows).unwrap()).unwrap()
    }

    fn instance() -> impl Strategy<Value = Instance> {
        let keys = ["ProjectCode", "CreatedBy", "Data", "Owner", "Other"];
        let tags = prop::collection::btree_map(prop::sample::select(keys.to_vec()), "[ab]?", 0..=5);
        (tags, 0_i64..100_000, any::<bool>()).prop_map(|(tags, age, is_running)| Instance {
            id: String::new(),
            vpc_id: None,
            state: if is_running {
                State::Running
            } else {
                State::Stopped
            },
            launched_at: Some(now() - chrono::TimeDelta::seconds(age)),
            started_at: None,
            spot_request_id: None,
            operator: None,
            tags: tags
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        })
    }

    proptest! {
        /// What is gathered page by page is the plan of all instances at once.
        #[test]
        fn pages_make_the_plan_of_the_whole(
            mut fleet in prop::collection::vec(instance(), 0..40),
            page in 1_usize..10,
        ) {
            for (number, instance) in fleet.iter_mut().enumerate() {
                instance.id = format!("i-{number:08}");
            }
            let mut settings = Settings::from_environment(&Environment::new(&|_| None)).unwrap();
            settings.mode = Mode::Enforce;
            settings.ledger_table = Some("ledger".to_owned());
            let plan = |instances: &[Instance]| {
                plan(&policy(), &settings, instances, &Known::default(), now())
            };
            let mut work = Work::default();
            for page in fleet.chunks(page) {
                work.add(plan(page), page);
            }

            let mut gathered = work.into_plan();
            let mut whole = plan(&fleet);
            prop_assert_eq!(&gathered.destructive, &whole.destructive, "the oldest first");
            for plan in [&mut gathered, &mut whole] {
                let key = |step: &Step| (step.instance_id.clone(), step.cause.rule_id());
                plan.steps.sort_by_key(key);
                plan.deferred.sort_by_key(|(step, _)| key(step));
                plan.refused.sort_by_key(|(step, _)| key(step));
            }
            prop_assert_eq!(gathered, whole);
        }
    }
}

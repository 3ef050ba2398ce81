//! Looks at one instance by several runs, each of which does what the ledger would do with its countdowns and notices.

use super::*;

/// What the looks came to.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The shutdown that one of them asked for; the looks end there.
    pub(super) shutdown: Option<Step>,
    /// Whether any of them began a countdown, or announced one.
    pub(super) is_counted: bool,
}

/// Looks at `instance` each 12 hours for 6 days. Every notice is accepted.
pub(super) fn look_for_days(policy: &Policy, settings: &Settings, instance: &Resource) -> Looks {
    // Without a topic there is no notice, and nothing that needs one.
    let settings = Settings {
        topic_arn: Some("arn:aws:sns:us-east-1:111122223333:reports".to_owned()),
        ..settings.clone()
    };
    let mut looks = Looks::default();
    let mut running: BTreeMap<CountdownName, Countdown> = BTreeMap::new();
    for look in 0..12 {
        let at = now() + TimeDelta::hours(12 * look);
        let context = PlanContext {
            countdowns: BTreeMap::from([(ID.to_owned(), running.clone())]),
            ..PlanContext::default()
        };
        let mut plan = plan(
            policy,
            &settings,
            std::slice::from_ref(instance),
            &context,
            at,
        );
        looks.is_counted |= !plan.countdowns.is_empty() || !plan.notices.is_empty();
        if let Some((_, act)) = plan.shutdowns.pop_first() {
            looks.shutdown = Some(act.step);
            return looks;
        }
        for (name, change) in plan.countdowns {
            running.insert(name, change.new);
        }
        for (name, day) in plan.notices {
            let countdown = running[&name].announced(at, day);
            running.insert(name, countdown);
        }
        for name in plan.gone.keys() {
            running.remove(name);
        }
    }
    looks
}

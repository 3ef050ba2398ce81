//! What the ledger guarantees: acts are recorded, done once, within the budget, completed after any crash, and reported
//! once.

mod budget;
mod concurrent_runs;
pub mod crashes;
mod items;
mod memory;
mod reported_once;
mod stop_first;
mod unwritable;
mod upgrade;

use std::collections::BTreeSet;

use serde_json::json;
use tagwarden_remediation::ledger::{Act, ActState, Batch};

use crate::aftermath::{self, Deed};
use crate::support::{LEDGER, World, customers_rules};

const OWNER: (&str, &str) = ("Owner", "ops");
const PROJECT: (&str, &str) = ("ProjectCode", "P1");
const CREATOR: (&str, &str) = ("CreatedBy", "eve");
const EXPIRY: (&str, &str) = ("Expires", "2031-01-01");

type Tags = &'static [(&'static str, &'static str)];
type Deeds = &'static [&'static str];

/// An enforcing world whose instances need every kind of remedy, and the deeds expected.
fn world_of_work() -> (World, BTreeSet<Deed>) {
    let mut rules = customers_rules();
    rules.push(json!({"RuleId": 4, "TagKey": "Owner", "Action": "Stop", "Required": "Y"}));
    let world = World::with_table(&rules).enforcing();
    let fleet: [(Tags, Deeds); 6] = [
        (&[OWNER], &["ProjectCode", "CreatedBy", "Expires"]),
        (
            &[OWNER, PROJECT, ("CreatedBy", "")],
            &["CreatedBy", "Expires"],
        ),
        (&[PROJECT, CREATOR, EXPIRY], &["stop"]),
        (&[PROJECT, CREATOR, EXPIRY], &["stop"]),
        (&[], &["terminate"]),
        (&[OWNER, PROJECT, CREATOR, EXPIRY], &[]),
    ];
    let mut work = BTreeSet::new();
    for (tags, deeds) in fleet {
        let id = world.instance(tags);
        work.extend(deeds.iter().map(|what| (id.clone(), (*what).to_owned())));
    }
    (world, work)
}

fn batches(world: &World) -> Vec<Batch> {
    aftermath::batches(&world.account, LEDGER)
}

/// The acts in the ledger that are in `state`.
fn acts(world: &World, state: ActState) -> Vec<Act> {
    let acts = batches(world).into_iter().flat_map(|batch| batch.acts);
    acts.filter(|act| act.state == state).collect()
}

/// The number of these instances that are running.
fn running(world: &World, ids: &[String]) -> usize {
    ids.iter().filter(|id| world.state(id) == "running").count()
}

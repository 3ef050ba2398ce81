//! The part of the instances and steps that is asked for: `--instance`, `--tag`.

use std::collections::BTreeSet;

use tagwarden_core::{Policy, Resource};
use tagwarden_remediation::plan::Focus;

use crate::exit::CommandError;
use crate::ledger::instance_id;

/// All instances and steps.
pub static EVERYTHING: Focus = Focus {
    instances: BTreeSet::new(),
    tag_keys: BTreeSet::new(),
    remedies: BTreeSet::new(),
};

/// The options that narrow a plan and what is applied of it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct FocusArgs {
    /// Only this instance (repeatable)
    #[arg(long, value_name = "ID", value_parser = instance_id)]
    instance: Vec<String>,

    /// Only what concerns the tag with this key (repeatable)
    #[arg(long, value_name = "KEY")]
    tag: Vec<String>,
}

impl FocusArgs {
    /// What the options ask for.
    pub fn focus(&self) -> Focus {
        Focus {
            instances: self.instance.iter().cloned().collect(),
            tag_keys: self.tag.iter().cloned().collect(),
            ..Focus::default()
        }
    }
}

/// Keeps the instances that `focus` asks for. `from` is where they come from.
///
/// # Errors
/// One that is asked for is not there.
pub fn keep_instances(
    focus: &Focus,
    instances: &mut Vec<Resource>,
    from: &str,
) -> Result<(), CommandError> {
    if focus.instances.is_empty() {
        return Ok(());
    }
    instances.retain(|it| focus.instances.contains(&it.id));
    let is_there = |id: &&String| instances.iter().any(|it| it.id == **id);
    match focus.instances.iter().find(|id| !is_there(id)) {
        None => Ok(()),
        Some(id) => Err(CommandError::new(
            &format!("{from} has no instance {id}"),
            "Check the id, the account, the Region and --vpc-ids.",
        )),
    }
}

/// Makes sure that each key that `focus` asks for is one of a rule.
///
/// # Errors
/// No rule of any of `policies` has it.
pub fn check_keys<'p>(
    focus: &Focus,
    policies: &(impl Iterator<Item = &'p Policy> + Clone),
) -> Result<(), CommandError> {
    let has_rule = |key: &&String| {
        let mut rules = policies.clone().flat_map(Policy::rules);
        rules.any(|rule| rule.tag_key == **key)
    };
    match focus.tag_keys.iter().find(|key| !has_rule(key)) {
        None => Ok(()),
        Some(key) => Err(CommandError::new(
            &format!("the policy has no rule for the tag {key:?}"),
            "Check the key: upper and lower case differ.",
        )),
    }
}

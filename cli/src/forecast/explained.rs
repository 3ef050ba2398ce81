//! Reads a few instances, from AWS or from files, and has the engine explain them.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use tagwarden_aws::{Clock, Ec2, instances};
use tagwarden_core::{Instance, Policy};
use tagwarden_remediation::explain::{Explanations, explain_recorded};
use tagwarden_remediation::launcher::RecordedLaunches;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, Settings};

use super::inputs::{InputArgs, PolicySource, read_table};
use super::{recording, trouble};
use crate::aws;
use crate::exit::CommandError;
use crate::stream;

/// What is explained, and what else is known of the function.
#[derive(Clone, Copy, Debug)]
pub struct ExplainArgs<'a> {
    pub inputs: InputArgs<'a>,
    pub ids: &'a [String],
    /// The function's mode, if it is known.
    pub mode: Option<Mode>,
    /// The function's topic, if it is known.
    pub topic_arn: Option<&'a str>,
}

/// Instances, and what the engine says of them.
#[derive(Debug)]
pub struct Explained {
    /// Those that there are, in the order in which they were asked for.
    pub instances: Vec<Instance>,
    /// The ids of those that there are not.
    pub unknown: Vec<String>,
    /// Where they come from, such as `us-east-1` or `fleet.json`.
    pub from: String,
    /// Whether they come from a recording.
    pub is_recorded: bool,
    /// Where the policy comes from.
    pub policy_name: String,
    pub policy: Policy,
    pub settings: Settings,
    pub mode: Option<Mode>,
    pub at: DateTime<Utc>,
    pub explanations: Explanations,
}

impl Explained {
    /// Reads what the options ask for.
    ///
    /// # Errors
    /// A file or AWS cannot be read, or the policy has problems.
    pub fn read(args: ExplainArgs<'_>) -> Result<Self, CommandError> {
        args.inputs.check_one_reader()?;
        let sources = args.inputs.sources;
        // The file comes first, because it shows its problems without a wait and without an account.
        let policy = match &sources.policy {
            None => PolicySource::Table,
            Some(path) => PolicySource::open(path)?,
        };
        let settings = args.inputs.settings;
        let settings = settings.settings(args.inputs.table, Mode::DryRun, args.topic_arn)?;
        let runtime = aws::runtime()?;
        match &sources.instances {
            Some(path) => runtime.block_on(Self::of_recording(args, path, settings, policy)),
            None => runtime.block_on(Self::of_account(args, settings, policy)),
        }
    }

    async fn of_account(
        args: ExplainArgs<'_>,
        settings: Settings,
        policy: PolicySource,
    ) -> Result<Self, CommandError> {
        let config = args.inputs.aws.load().await?;
        let region = aws::region(&config).to_owned();
        let (policy_name, policy) = match policy {
            PolicySource::File { name, policy } => (name, policy),
            PolicySource::Table => read_table(&config, &settings).await?,
        };
        let found = instances::describe(&Ec2::new(&config), args.ids).await;
        let (instances, unknown) = in_order(args.ids, found.map_err(|error| trouble::aws(&error))?);
        let remediation = Remediation::new(&config, settings.clone());
        let explanations = remediation.explain(&policy, &instances, args.mode).await;
        Ok(Self {
            explanations: explanations.map_err(|error| trouble::remediation(&error, &region))?,
            instances,
            unknown,
            from: region,
            is_recorded: false,
            policy_name,
            policy,
            settings,
            mode: args.mode,
            at: Clock::of(&config).now(),
        })
    }

    async fn of_recording(
        args: ExplainArgs<'_>,
        path: &Path,
        settings: Settings,
        policy: PolicySource,
    ) -> Result<Self, CommandError> {
        let (fleet, mut notes) = recording::instances::read(path, &settings.policy.scope)?;
        let mut launches = RecordedLaunches::default();
        for path in &args.inputs.sources.events {
            notes.extend(recording::events::read(path, &mut launches)?);
        }
        let (policy_name, policy) = match policy {
            PolicySource::File { name, policy } => (name, policy),
            PolicySource::Table => {
                let config = args.inputs.aws.load().await?;
                read_table(&config, &settings).await?
            }
        };
        let at = args.inputs.sources.at();
        let ids: BTreeSet<String> = args.ids.iter().cloned().collect();
        let mut explanations =
            explain_recorded(&policy, &settings, &fleet, &ids, &launches, args.mode, at);
        explanations.notes.splice(..0, notes);
        let asked = fleet.into_iter().filter(|it| ids.contains(&it.id));
        let (instances, unknown) = in_order(args.ids, asked.collect());
        Ok(Self {
            instances,
            unknown,
            from: stream::name(path),
            is_recorded: true,
            policy_name,
            policy,
            settings,
            mode: args.mode,
            at,
            explanations,
        })
    }
}

/// The instances in the order of `ids`, each once, and the ids that none of them has.
fn in_order(ids: &[String], mut found: Vec<Instance>) -> (Vec<Instance>, Vec<String>) {
    let (mut instances, mut unknown) = (Vec::new(), Vec::new());
    let mut asked = BTreeSet::new();
    for id in ids.iter().filter(|id| asked.insert(*id)) {
        match found.iter().position(|it| it.id == *id) {
            Some(place) => instances.push(found.swap_remove(place)),
            None => unknown.push(id.clone()),
        }
    }
    (instances, unknown)
}

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
use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
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
    /// The account that was read. `None` if everything came from files.
    pub access: Option<AwsAccess>,
}

impl ExplainArgs<'_> {
    fn settings(&self, variables: &mut FunctionVariables) -> Result<Settings, CommandError> {
        let args = self.inputs.settings;
        args.settings(self.inputs.table, variables, Mode::DryRun, self.topic_arn)
    }

    /// The function's mode: as the option says, or the stack.
    fn mode_of(&self, variables: &FunctionVariables) -> Option<Mode> {
        let of_stack = variables.stack().map(|stack| match stack.is_dry_run() {
            true => Mode::DryRun,
            false => Mode::Enforce,
        });
        self.mode.or(of_stack)
    }
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
        let runtime = aws::runtime()?;
        match &sources.instances {
            Some(path) => runtime.block_on(Self::of_recording(args, path, policy)),
            None => runtime.block_on(Self::of_account(args, policy)),
        }
    }

    async fn of_account(args: ExplainArgs<'_>, policy: PolicySource) -> Result<Self, CommandError> {
        let mut access = args.inputs.aws.open().await?;
        let settings = args.settings(&mut access.variables)?;
        let (policy_name, policy) = match policy {
            PolicySource::File { name, policy } => (name, policy),
            PolicySource::Table => read_table(&access, &settings).await?,
        };
        let config = &access.config;
        let mode = args.mode_of(&access.variables);
        let found = instances::describe(&Ec2::new(config), args.ids).await;
        let (instances, unknown) = in_order(args.ids, found.map_err(|error| trouble::aws(&error))?);
        let remediation = Remediation::new(config, settings.clone());
        let explanations = remediation.explain(&policy, &instances, mode).await;
        Ok(Self {
            explanations: explanations.map_err(|error| trouble::remediation(&error, &access))?,
            instances,
            unknown,
            from: access.region.clone(),
            is_recorded: false,
            policy_name,
            policy,
            settings,
            mode,
            at: Clock::of(config).now(),
            access: Some(access),
        })
    }

    async fn of_recording(
        args: ExplainArgs<'_>,
        path: &Path,
        policy: PolicySource,
    ) -> Result<Self, CommandError> {
        let mut access = None;
        if args.inputs.aws.has_stack() {
            access = Some(args.inputs.aws.open().await?);
        }
        let mut process = FunctionVariables::Process;
        let variables = access
            .as_mut()
            .map_or(&mut process, |access| &mut access.variables);
        let settings = args.settings(variables)?;
        let mode = args.mode_of(variables);
        let (fleet, mut notes) = recording::instances::read(path, &settings.policy.scope)?;
        let mut launches = RecordedLaunches::default();
        for path in &args.inputs.sources.events {
            notes.extend(recording::events::read(path, &mut launches)?);
        }
        let (policy_name, policy) = match policy {
            PolicySource::File { name, policy } => (name, policy),
            PolicySource::Table => {
                let opened = match access.take() {
                    Some(access) => access,
                    None => args.inputs.aws.open().await?,
                };
                read_table(access.insert(opened), &settings).await?
            }
        };
        let at = args.inputs.sources.at();
        let ids: BTreeSet<String> = args.ids.iter().cloned().collect();
        let mut explanations =
            explain_recorded(&policy, &settings, &fleet, &ids, &launches, mode, at);
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
            mode,
            at,
            explanations,
            access,
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

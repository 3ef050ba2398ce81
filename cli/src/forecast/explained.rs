//! Reads a few instances, from AWS or from files, and has the engine explain them.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use tagwarden_aws::{Clock, Ec2, resources};
use tagwarden_core::settings::Environment;
use tagwarden_core::{Kinds, Policy, Resource};
use tagwarden_remediation::explain::{Explanations, explain_recorded};
use tagwarden_remediation::launcher::RecordedLaunches;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, Settings};

use super::inputs::InputArgs;
use super::policies::PolicySource;
use super::{recording, trouble};
use crate::aws;
use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
use crate::exit::CommandError;
use crate::places::options::{AskedAccounts, AskedPlaces};
use crate::stream;

/// What is explained, and what else is known of the function.
#[derive(Clone, Copy, Debug)]
pub struct ExplainArgs<'a> {
    pub inputs: InputArgs<'a>,
    pub ids: &'a [String],
    /// The function's mode, if an option gives it.
    pub mode: Option<Mode>,
    /// The function's topic, if an option gives it.
    pub topic_arn: Option<&'a str>,
}

impl ExplainArgs<'_> {
    /// The function's settings and its mode.
    fn settings(
        &self,
        variables: &mut FunctionVariables,
    ) -> Result<(Settings, Option<Mode>), CommandError> {
        let topic = variables.choose("--topic-arn", "TAGWARDEN_TOPIC_ARN", self.topic_arn);
        let named = self.mode.map(|mode| match mode {
            Mode::DryRun => "dry-run",
            Mode::Enforce => "enforce",
        });
        let named = variables.choose("--mode", "TAGWARDEN_MODE", named);
        let variable = |_: &str| named.clone();
        let mode =
            Environment::new(&variable).read("TAGWARDEN_MODE", None, |text| mode(text).map(Some));
        let mode = mode.map_err(|error| {
            CommandError::new(
                &error,
                "Correct the variable, or use the option of the same name.",
            )
        })?;
        let InputArgs {
            settings, table, ..
        } = self.inputs;
        let settings = settings.settings(table, variables, Mode::DryRun, topic.as_deref())?;
        Ok((settings, mode))
    }
}

/// Parses a mode.
pub fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "dry-run" => Ok(Mode::DryRun),
        "enforce" => Ok(Mode::Enforce),
        _ => Err("must be dry-run or enforce".to_owned()),
    }
}

/// Instances, and what the engine says of them.
#[derive(Debug)]
pub struct Explained {
    /// Those that there are, in the order in which they were asked for.
    pub instances: Vec<Resource>,
    /// The ids of those that there are not.
    pub unknown: Vec<String>,
    /// Where they come from, such as `us-east-1` or `fleet.json`.
    pub from: String,
    /// The account that was read. `None` if everything comes from files.
    pub access: Option<AwsAccess>,
    /// Whether they come from a recording.
    pub is_recorded: bool,
    /// Whether several accounts or Regions were asked for.
    pub is_of_many: bool,
    /// Where the policy comes from.
    pub policy_name: String,
    pub policy: Policy,
    pub settings: Settings,
    /// The function's mode, if it is known.
    pub mode: Option<Mode>,
    pub at: DateTime<Utc>,
    pub explanations: Explanations,
}

impl Explained {
    /// Where an instance is, as far as a recording of several accounts says it.
    pub fn place_of(&self, instance: &Resource) -> String {
        let details = &instance.details;
        match (&details.owner_id, details.region()) {
            (Some(account), Some(region)) if self.is_of_many && self.is_recorded => {
                format!("{}, account {account}, {region}", self.from)
            }
            _ => self.place(),
        }
    }

    /// Where the instances come from, as people know it.
    pub fn place(&self) -> String {
        match &self.access {
            Some(access) if !self.is_recorded => access.to_string(),
            _ => self.from.clone(),
        }
    }

    /// Reads what the options ask for.
    ///
    /// # Errors
    /// A file or AWS cannot be read, or the policy has problems.
    pub fn read(args: ExplainArgs<'_>) -> Result<Self, CommandError> {
        args.inputs.check_one_reader()?;
        let sources = args.inputs.sources;
        // The file comes first, because it shows its problems without a wait and without an account.
        let policy = match &sources.policy {
            None => PolicySource::Table(None),
            Some(path) => PolicySource::open(path)?,
        };
        let runtime = aws::runtime()?;
        match &sources.instances {
            Some(path) => runtime.block_on(Self::of_recording(args, path, policy, None)),
            None => runtime.block_on(async {
                let access = args.inputs.aws.open().await?;
                Self::of_access(args, access, policy).await
            }),
        }
    }

    /// Reads what the options ask for in the account that `access` opens, whatever account they name.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn of_access(
        args: ExplainArgs<'_>,
        mut access: AwsAccess,
        policy: PolicySource,
    ) -> Result<Self, CommandError> {
        let (settings, mode) = args.settings(&mut access.variables)?;
        let config = &access.config;
        let (policy_name, policy) = policy.read(&access, &settings).await?;
        let (ec2, scope) = (Ec2::new(config), &settings.policy.scope);
        let found = resources::describe(&ec2, &policy, scope, args.ids).await;
        let (instances, unknown) = in_order(args.ids, found.map_err(|error| trouble::aws(&error))?);
        let remediation = Remediation::new(config, settings.clone());
        let explanations = remediation.explain(&policy, &instances, mode).await;
        Ok(Self {
            explanations: explanations.map_err(|error| trouble::remediation(&error, &access))?,
            instances,
            unknown,
            from: access.region.clone(),
            is_recorded: false,
            is_of_many: false,
            policy_name,
            policy,
            settings,
            mode,
            at: Clock::of(config).now(),
            access: Some(access),
        })
    }

    /// Reads what the options ask for in a recording, of `places` only, if there are any.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) async fn of_recording(
        args: ExplainArgs<'_>,
        path: &Path,
        policy: PolicySource,
        places: Option<&AskedPlaces>,
    ) -> Result<Self, CommandError> {
        let mut access = None;
        if args.inputs.aws.has_stack() {
            access = Some(args.inputs.aws.open().await?);
        }
        let (settings, mode) = match &mut access {
            Some(access) => args.settings(&mut access.variables)?,
            None => args.settings(&mut FunctionVariables::Process)?,
        };
        let (mut fleet, mut notes) =
            recording::instances::read(path, &settings.policy.scope, Kinds::all())?;
        if let Some(places) = places {
            fleet.retain(|it| is_asked(it, places));
        }
        let mut launches = RecordedLaunches::default();
        for path in &args.inputs.sources.events {
            notes.extend(recording::events::read(path, &mut launches)?);
        }
        let (policy_name, policy) = match policy {
            PolicySource::File { name, policy } => (name, policy),
            table @ PolicySource::Table(_) => {
                let opened = match access.take() {
                    Some(access) => access,
                    None => args.inputs.aws.open().await?,
                };
                table.read(access.insert(opened), &settings).await?
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
            access,
            is_recorded: true,
            is_of_many: places.is_some(),
            policy_name,
            policy,
            settings,
            mode,
            at,
            explanations,
        })
    }
}

/// Whether a recorded instance is in one of the places.
fn is_asked(instance: &Resource, places: &AskedPlaces) -> bool {
    let (account, region) = (&instance.details.owner_id, instance.details.region());
    let is_account = match &places.accounts {
        AskedAccounts::These(accounts) => account.as_ref().is_some_and(|it| accounts.contains(it)),
        AskedAccounts::All | AskedAccounts::Own => true,
    };
    let regions = &places.regions;
    is_account
        && (regions.is_empty() || region.is_some_and(|it| regions.iter().any(|asked| asked == it)))
}

/// The instances in the order of `ids`, each once, and the ids that none of them has.
fn in_order(ids: &[String], mut found: Vec<Resource>) -> (Vec<Resource>, Vec<String>) {
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

//! Reads what a forecast is made of: instances, who launched them, and policies; from AWS or from files.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use tagwarden_aws::{Clock, Ec2};
use tagwarden_core::policy::PolicyExamples;
use tagwarden_core::wording::sentence;
use tagwarden_core::{Policy, Resource, assess};
use tagwarden_remediation::launcher::RecordedLaunches;
use tagwarden_remediation::plan::{Focus, Prospects};
use tagwarden_remediation::report::Report;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError, Settings, on_demand};

use super::conditions::{self, is_judged};
use super::fleet;
use super::notes;
use super::policies::{PolicySource, PolicySources};
use super::recording;
use super::settings::SettingArgs;
use super::sources::SourceArgs;
use super::trouble;
use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::end_dates::newly_ending;
use crate::exit::CommandError;
use crate::focus;
use crate::stream;

/// All options that decide what is read.
#[derive(Clone, Copy, Debug)]
pub struct InputArgs<'a> {
    pub sources: &'a SourceArgs,
    /// The policy to compare with: a file, or `table`.
    pub against: Option<&'a Path>,
    pub settings: &'a SettingArgs,
    /// The settings to compare with.
    pub against_settings: &'a SettingArgs,
    /// What of it is asked for.
    pub focus: &'a Focus,
    pub table: &'a TableArgs,
    pub aws: &'a AwsArgs,
}

impl InputArgs<'_> {
    /// The settings for a plan, which changes and publishes nothing, and those to compare with.
    fn settings(
        &self,
        variables: &mut FunctionVariables,
    ) -> Result<(Settings, Settings), CommandError> {
        let read = |args: &SettingArgs, variables: &mut FunctionVariables| {
            args.settings(self.table, variables, Mode::DryRun, None)
        };
        let other = read(self.against_settings, &mut variables.clone())?;
        Ok((read(self.settings, variables)?, other))
    }

    pub(super) fn check_one_reader(&self) -> Result<(), CommandError> {
        stream::check_one_reader(self.sources.readers(self.against))
    }
}

/// Everything that a forecast is made of.
#[derive(Debug)]
pub struct Inputs {
    pub instances: Vec<Resource>,
    /// Where the instances come from, such as `us-east-1` or `fleet.json`.
    pub from: String,
    /// The account that was read. `None` if everything came from files.
    pub access: Option<AwsAccess>,
    /// Whether the instances come from a file.
    pub is_recorded: bool,
    pub at: DateTime<Utc>,
    pub policy: PolicyPlan,
    /// The policy to compare with.
    pub against: Option<PolicyPlan>,
    /// What cannot be known, each a whole sentence.
    pub notes: Vec<String>,
}

/// A policy, and what the remediation says that it would do under it.
#[derive(Debug)]
pub struct PolicyPlan {
    /// Where the policy comes from.
    pub name: String,
    pub policy: Policy,
    pub settings: Settings,
    pub report: Report,
    /// What becomes of the instances that are shut down in the end, by id.
    pub prospects: BTreeMap<String, Prospects>,
}

impl Inputs {
    /// Reads what the options ask for.
    ///
    /// # Errors
    /// A file or AWS cannot be read, or a policy file has problems.
    pub fn read(args: InputArgs<'_>) -> Result<Self, CommandError> {
        args.check_one_reader()?;
        let policies = PolicySources::open(args.sources.policy_path(), args.against)?;
        aws::runtime()?.block_on(async {
            if let Some(path) = &args.sources.instances {
                let recorded = RecordedFleet::read(args, path, &policies).await?;
                return Box::pin(recorded.whole(args, policies)).await;
            }
            let access = args.aws.open().await?.adaptive();
            Box::pin(Self::of_access(args, access, policies)).await
        })
    }

    /// Reads the account that `access` opens, whatever account the options name.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn of_access(
        args: InputArgs<'_>,
        mut access: AwsAccess,
        policies: PolicySources,
    ) -> Result<Self, CommandError> {
        let (settings, other) = args.settings(&mut access.variables)?;
        let config = access.config.clone();
        let focused = |settings: &Settings| {
            Remediation::new(&config, settings.clone()).focused(args.focus.clone())
        };
        let (remediation, compared) = (focused(&settings), focused(&other));
        let reader = Reader::of_account(access, &settings, args.focus, &remediation).await?;
        let other = reader.with(&other, LaunchSource::Aws(&compared));
        let against = policies.against.map(|against| (other, against));
        reader.read(policies.policy, against).await
    }

    /// Reads the instances of the account and the policy in its table, as far as `focus` asks for them. `remediation` has
    /// the same focus.
    ///
    /// # Errors
    /// AWS cannot be read, or what is asked for is not there.
    pub async fn of_account(
        access: AwsAccess,
        settings: &Settings,
        focus: &Focus,
        remediation: &Remediation,
    ) -> Result<Self, CommandError> {
        let reader = Reader::of_account(access, settings, focus, remediation).await?;
        reader.read(PolicySource::Table(None), None).await
    }
}

/// A recording, and everything that its instances are judged by but the policies.
#[derive(Debug)]
pub struct RecordedFleet {
    /// Where it is from, such as `fleet.json`.
    pub name: String,
    pub instances: Vec<Resource>,
    /// What is not known of all of it, each a whole sentence.
    pub notes: Vec<String>,
    settings: Settings,
    other: Settings,
    access: Option<AwsAccess>,
    launches: RecordedLaunches,
    at: DateTime<Utc>,
}

impl RecordedFleet {
    /// Reads the recording at `path`, those of launches, and the account if a policy or the stack is in it.
    ///
    /// # Errors
    /// A file or AWS cannot be read.
    pub async fn read(
        args: InputArgs<'_>,
        path: &Path,
        policies: &PolicySources,
    ) -> Result<Self, CommandError> {
        // Files come before AWS, but for a stack: its VPCs say which of the recording's instances count.
        let mut access = None;
        if args.aws.has_stack() {
            access = Some(args.aws.open().await?);
        }
        let (settings, other) = match &mut access {
            Some(access) => args.settings(&mut access.variables)?,
            None => args.settings(&mut FunctionVariables::Process)?,
        };
        let scope = &settings.policy.scope;
        let (mut instances, mut notes) =
            recording::instances::read(path, scope, settings.policy.kinds)?;
        focus::keep_instances(args.focus, &mut instances, &stream::name(path))?;
        let mut launches = RecordedLaunches::default();
        for path in &args.sources.events {
            notes.extend(recording::events::read(path, &mut launches)?);
        }
        if access.is_none() && !policies.are_files() {
            access = Some(args.aws.open().await?);
        }
        Ok(Self {
            name: stream::name(path),
            instances,
            notes,
            settings,
            other,
            access,
            launches,
            at: args.sources.at(),
        })
    }

    /// All of it under the policies.
    async fn whole(
        mut self,
        args: InputArgs<'_>,
        policies: PolicySources,
    ) -> Result<Inputs, CommandError> {
        let (instances, notes) = (
            std::mem::take(&mut self.instances),
            std::mem::take(&mut self.notes),
        );
        let from = self.name.clone();
        Box::pin(self.part(args, policies, from, instances, notes)).await
    }

    /// Some instances of it, which come from the part `from`, under the policies.
    ///
    /// # Errors
    /// A policy table cannot be read.
    pub async fn part(
        &self,
        args: InputArgs<'_>,
        policies: PolicySources,
        from: String,
        instances: Vec<Resource>,
        notes: Vec<String>,
    ) -> Result<Inputs, CommandError> {
        let reader = Reader {
            settings: &self.settings,
            focus: args.focus,
            access: self.access.clone(),
            instances,
            from,
            launches: LaunchSource::Recordings(&self.launches),
            notes,
            at: self.at,
        };
        let other = reader.with(&self.other, LaunchSource::Recordings(&self.launches));
        let against = policies.against.map(|against| (other, against));
        reader.read(policies.policy, against).await
    }
}

/// Where launchers and protections come from.
enum LaunchSource<'a> {
    /// Recordings. They tell launchers only, and AWS is not asked.
    Recordings(&'a RecordedLaunches),
    /// AWS, which the remediation asks.
    Aws(&'a Remediation),
}

/// Reads policies for instances that are read already.
struct Reader<'a> {
    settings: &'a Settings,
    focus: &'a Focus,
    access: Option<AwsAccess>,
    instances: Vec<Resource>,
    from: String,
    launches: LaunchSource<'a>,
    at: DateTime<Utc>,
    /// What is known to be missing, each a whole sentence.
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Reads the instances of the account, and sorts them by id.
    async fn of_account(
        access: AwsAccess,
        settings: &'a Settings,
        focus: &'a Focus,
        remediation: &'a Remediation,
    ) -> Result<Self, CommandError> {
        let ec2 = Ec2::new(&access.config);
        let (scope, kinds) = (&settings.policy.scope, settings.policy.kinds);
        let read = fleet::read(&ec2, scope, kinds).await;
        let mut instances = read.map_err(|error| trouble::aws(&error))?;
        focus::keep_instances(focus, &mut instances, &access.region)?;
        instances.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(Self {
            settings,
            focus,
            instances,
            from: access.region.clone(),
            launches: LaunchSource::Aws(remediation),
            at: Clock::of(&access.config).now(),
            access: Some(access),
            notes: Vec::new(),
        })
    }

    /// The same instances under other settings.
    fn with(&self, settings: &'a Settings, launches: LaunchSource<'a>) -> Self {
        Self {
            settings,
            focus: self.focus,
            access: self.access.clone(),
            instances: self.instances.clone(),
            from: self.from.clone(),
            launches,
            at: self.at,
            notes: Vec::new(),
        }
    }

    /// Reads `policy`, and the policy to compare with under its own settings.
    async fn read(
        self,
        policy: PolicySource,
        against: Option<(Self, PolicySource)>,
    ) -> Result<Inputs, CommandError> {
        let mut notes = self.notes.clone();
        let against = match against {
            None => None,
            Some((other, against)) => {
                let against = other.policy(against, &mut notes).await?;
                Some((other, against))
            }
        };
        let policy = self.policy(policy, &mut notes).await?;
        // Both sides are judged by the same examples of what is not known.
        let compared = against.iter().map(|(_, (_, policy))| policy);
        let examples = PolicyExamples::of([&policy.1].into_iter().chain(compared));
        let against = match against {
            None => None,
            Some((other, against)) => {
                Some(other.policy_plan(against, &examples, &mut notes).await?)
            }
        };
        let policy = self.policy_plan(policy, &examples, &mut notes).await?;
        let plans = [&policy].into_iter().chain(&against);
        focus::check_keys(self.focus, &plans.map(|plan| &plan.policy))?;
        let is_recorded = matches!(self.launches, LaunchSource::Recordings(_));
        if is_recorded {
            notes.extend(notes::gaps_of_recordings(&policy.report));
        }
        notes.extend(notes::not_permitted(&policy.report));
        let (scope, at) = (&self.settings.policy.scope, self.at);
        let judged = self
            .instances
            .iter()
            .filter(|it| is_judged(assess(&policy.policy, scope, it, at).verdict));
        if let Some(against) = &against {
            notes.extend(newly_ending(&against.policy, &policy.policy));
        }
        notes.extend(conditions::notes(&policy.policy, &judged));
        Ok(Inputs {
            instances: self.instances,
            from: self.from,
            access: self.access,
            is_recorded,
            at: self.at,
            policy,
            against,
            notes,
        })
    }

    /// Reads a policy, and what to call it. What is odd about it is added to `notes`.
    async fn policy(
        &self,
        source: PolicySource,
        notes: &mut Vec<String>,
    ) -> Result<(String, Policy), CommandError> {
        let is_table = !source.is_file();
        let (name, policy) = match (source, &self.access) {
            (PolicySource::File { name, policy }, _) => (name, policy),
            (source, Some(access)) => source.read(access, self.settings).await?,
            (PolicySource::Table(_), None) => {
                return Err(CommandError::new(
                    &"no policy given",
                    "Name a policy file with --policy.",
                ));
            }
        };
        if is_table {
            // A file with these is refused.
            let cautions = policy.cautions();
            notes.extend(cautions.map(|caution| format!("{}, {caution}.", sentence(&name))));
        }
        // The name of a file stays as it is.
        let whose = if is_table {
            sentence(&name)
        } else {
            name.clone()
        };
        if let Some(uncovered) = policy.kinds().without(self.settings.policy.kinds) {
            let note = format!(
                "{whose} has rules for {}, which are not looked at: add {uncovered} to --resource-types.",
                uncovered.nouns(),
            );
            notes.push(note);
        }
        if let Some(reason) = policy.hold() {
            let note = format!(
                "{whose} has a hold, so nothing is written and nothing is shut down: {reason}"
            );
            notes.push(note);
        }
        Ok((name, policy))
    }

    /// Asks the remediation what it would do under a policy. What cannot be known is added to `notes`.
    async fn policy_plan(
        &self,
        (name, policy): (String, Policy),
        examples: &PolicyExamples,
        notes: &mut Vec<String>,
    ) -> Result<PolicyPlan, CommandError> {
        let (settings, instances) = (self.settings, &self.instances);
        let preview = match self.launches {
            LaunchSource::Recordings(launches) => {
                let focus = self.focus;
                on_demand::preview_of(
                    &policy, settings, instances, launches, focus, examples, self.at,
                )
            }
            LaunchSource::Aws(remediation) => {
                let preview = remediation.preview(&policy, instances, examples).await;
                let preview = preview.map_err(|error| self.failure(&error))?;
                if let Some(error) = &preview.unasked {
                    let note = format!("Which instances are protected is not known: {error}.");
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                preview
            }
        };
        Ok(PolicyPlan {
            name,
            policy,
            settings: settings.clone(),
            report: preview.report,
            prospects: preview.prospects,
        })
    }

    fn failure(&self, error: &RemediationError) -> CommandError {
        match &self.access {
            Some(access) => trouble::remediation(error, access),
            // Without an account, nothing can fail that a table or a call would explain.
            None => CommandError::new(error, "Run the command again."),
        }
    }
}

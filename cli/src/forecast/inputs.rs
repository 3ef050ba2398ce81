//! Reads what a forecast is made of: instances, who launched them, and policies; from AWS or from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use tagwarden_aws::policy_table::{read_policy, row};
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
use super::recording;
use super::settings::SettingArgs;
use super::trouble;
use crate::aws::access::AwsAccess;
use crate::aws::stack::FunctionVariables;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::end_dates::newly_ending;
use crate::exit::CommandError;
use crate::focus;
use crate::policy_file::PolicyFile;
use crate::stream;
use crate::when::When;

/// The options that say where the instances and the policy come from.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    /// Use this policy file (YAML or JSON), not the table
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,

    // Doc comments would have to be sentences.
    #[arg(
        long,
        value_name = "FILE",
        help = "Read the instances from this file: the output of\naws ec2 describe-instances, a snapshot or query of\nAWS Config, and others; - is standard input"
    )]
    pub instances: Option<PathBuf>,

    #[arg(
        long,
        value_name = "FILE",
        requires = "instances",
        help = "Read who launched them from this file: the output of\naws cloudtrail lookup-events, or a trail's file\n(repeatable)"
    )]
    pub(super) events: Vec<PathBuf>,

    #[arg(
        long,
        value_name = "WHEN",
        requires = "instances",
        help = "As of this age or time: 2h, 7d, 2026-11-20, or\n2026-11-20T15:30:00Z [default: now]"
    )]
    at: Option<When>,
}

impl SourceArgs {
    /// The path of the policy file, if there is one.
    pub fn policy_path(&self) -> Option<&Path> {
        self.policy.as_deref()
    }

    /// The moment of the plan.
    pub(super) fn at(&self) -> DateTime<Utc> {
        let now = Utc::now();
        self.at.map_or(now, |at| at.from(now))
    }
}

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
        let sources = self.sources;
        let readers = [
            ("--policy", sources.policy.as_deref()),
            ("--against", self.against),
            ("--instances", sources.instances.as_deref()),
        ];
        let readers = readers
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)));
        let events = sources
            .events
            .iter()
            .map(|path| ("--events", path.as_path()));
        stream::check_one_reader(readers.chain(events))
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
        // Files come first, because they show their problems without a wait and without an account.
        let policy = match &args.sources.policy {
            None => PolicySource::Table,
            Some(path) => PolicySource::open(path)?,
        };
        let against = match args.against {
            None => None,
            Some(path) if path == Path::new("table") => Some(PolicySource::Table),
            Some(path) => Some(PolicySource::open(path)?),
        };
        match &args.sources.instances {
            Some(path) => Self::of_recording(args, path, policy, against),
            None => aws::runtime()?.block_on(async {
                let mut access = args.aws.open().await?.adaptive();
                let (settings, other) = args.settings(&mut access.variables)?;
                let config = access.config.clone();
                let focused = |settings: &Settings| {
                    Remediation::new(&config, settings.clone()).focused(args.focus.clone())
                };
                let (remediation, compared) = (focused(&settings), focused(&other));
                let reader =
                    Reader::of_account(access, &settings, args.focus, &remediation).await?;
                let other = reader.with(&other, LaunchSource::Aws(&compared));
                reader
                    .read(policy, against.map(|against| (other, against)))
                    .await
            }),
        }
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
        reader.read(PolicySource::Table, None).await
    }

    fn of_recording(
        args: InputArgs<'_>,
        path: &Path,
        policy: PolicySource,
        against: Option<PolicySource>,
    ) -> Result<Self, CommandError> {
        let is_offline = policy.is_file() && against.as_ref().is_none_or(PolicySource::is_file);
        aws::runtime()?.block_on(async {
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
            if access.is_none() && !is_offline {
                access = Some(args.aws.open().await?);
            }
            let reader = Reader {
                settings: &settings,
                focus: args.focus,
                access,
                instances,
                from: stream::name(path),
                launches: LaunchSource::Recordings(&launches),
                notes,
                at: args.sources.at(),
            };
            let other = reader.with(&other, LaunchSource::Recordings(&launches));
            reader
                .read(policy, against.map(|against| (other, against)))
                .await
        })
    }
}

/// Where a policy comes from.
pub(super) enum PolicySource {
    Table,
    File { name: String, policy: Policy },
}

impl PolicySource {
    pub(super) fn open(path: &Path) -> Result<Self, CommandError> {
        let file = PolicyFile::open(path)?.valid()?;
        let policy = Policy::from_rows(file.items.into_iter().map(row));
        let policy = policy.map_err(|invalid| {
            CommandError::new(
                &invalid,
                "Fix the file; `tagwarden check` shows its problems.",
            )
        })?;
        let name = file.path;
        Ok(Self::File { name, policy })
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
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
            (PolicySource::Table, Some(access)) => self.table(access).await?,
            (PolicySource::Table, None) => {
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

    async fn table(&self, access: &AwsAccess) -> Result<(String, Policy), CommandError> {
        read_table(access, self.settings).await
    }

    fn failure(&self, error: &RemediationError) -> CommandError {
        match &self.access {
            Some(access) => trouble::remediation(error, access),
            // Without an account, nothing can fail that a table or a call would explain.
            None => CommandError::new(error, "Run the command again."),
        }
    }
}

/// The policy in its table, and what to call it.
///
/// # Errors
/// The table cannot be read, or is not valid.
pub(super) async fn read_table(
    access: &AwsAccess,
    settings: &Settings,
) -> Result<(String, Policy), CommandError> {
    let table = &settings.policy.policy_table;
    let client = aws_sdk_dynamodb::Client::new(&access.config);
    let policy = read_policy(&client, table).await;
    let policy = policy.map_err(|error| trouble::remediation(&error.into(), access))?;
    Ok((format!("the policy table {table}"), policy))
}

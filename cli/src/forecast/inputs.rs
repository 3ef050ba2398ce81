//! Reads what a forecast is made of: instances, who launched them, and policies; from AWS or from files.

use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use chrono::{DateTime, Utc};
use tagwarden_aws::instances::InstancePages;
use tagwarden_aws::policy_table::{read_policy, row};
use tagwarden_aws::{Clock, Ec2};
use tagwarden_core::wording::sentence;
use tagwarden_core::{Instance, Policy, Scope, assess};
use tagwarden_remediation::launcher::RecordedLaunches;
use tagwarden_remediation::plan::{Outcome, Remedy};
use tagwarden_remediation::report::Report;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError, Settings, on_demand};

use super::conditions::{self, is_judged};
use super::recording;
use super::settings::SettingArgs;
use super::trouble;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::CommandError;
use crate::policy_file::PolicyFile;
use crate::words::count;

/// The options that say where the instances and the policy come from.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    /// Use this policy file (YAML or JSON), not the table
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    // Doc comments would have to be sentences.
    #[arg(
        long,
        value_name = "FILE",
        help = "Read the instances from this file: the output of\naws ec2 describe-instances, or a snapshot of\nAWS Config; - is standard input"
    )]
    pub instances: Option<PathBuf>,

    #[arg(
        long,
        value_name = "FILE",
        requires = "instances",
        help = "Read who launched them from this file: the output of\naws cloudtrail lookup-events (repeatable)"
    )]
    events: Vec<PathBuf>,

    #[arg(
        long,
        value_name = "TIME",
        requires = "instances",
        help = "Plan as of this time, such as 2026-11-20T15:30:00Z\n[default: now]"
    )]
    at: Option<DateTime<Utc>>,
}

/// All options that decide what is read.
#[derive(Clone, Copy, Debug)]
pub struct InputArgs<'a> {
    pub sources: &'a SourceArgs,
    /// The policy to compare with: a file, or `table`.
    pub against: Option<&'a Path>,
    pub settings: &'a SettingArgs,
    pub table: &'a TableArgs,
    pub aws: &'a AwsArgs,
}

/// Everything that a forecast is made of.
#[derive(Debug)]
pub struct Inputs {
    pub instances: Vec<Instance>,
    /// Where the instances come from, such as `us-east-1` or `fleet.json`.
    pub from: String,
    pub at: DateTime<Utc>,
    pub scope: Scope,
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
    pub report: Report,
}

impl Inputs {
    /// Reads what the options ask for.
    ///
    /// # Errors
    /// A file or AWS cannot be read, or a policy file has problems.
    pub fn read(args: InputArgs<'_>) -> Result<Self, CommandError> {
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
        let settings = args.settings.settings(args.table, Mode::DryRun, None)?;
        match &args.sources.instances {
            Some(path) => Self::of_recording(args, path, &settings, policy, against),
            None => aws::runtime()?.block_on(async {
                let config = aws::adaptive(&args.aws.load().await?);
                let remediation = Remediation::new(&config, settings.clone());
                let reader = Reader::of_account(&config, &settings, &remediation).await?;
                reader.read(policy, against).await
            }),
        }
    }

    /// Reads the instances of the account and the policy in its table.
    ///
    /// # Errors
    /// AWS cannot be read.
    pub async fn of_account(
        config: &SdkConfig,
        settings: &Settings,
        remediation: &Remediation,
    ) -> Result<Self, CommandError> {
        let reader = Reader::of_account(config, settings, remediation).await?;
        reader.read(PolicySource::Table, None).await
    }

    fn of_recording(
        args: InputArgs<'_>,
        path: &Path,
        settings: &Settings,
        policy: PolicySource,
        against: Option<PolicySource>,
    ) -> Result<Self, CommandError> {
        let instances = recording::instances::read(path)?;
        let mut launches = RecordedLaunches::default();
        for path in &args.sources.events {
            recording::events::read(path, &mut launches)?;
        }
        let is_offline = policy.is_file() && against.as_ref().is_none_or(PolicySource::is_file);
        aws::runtime()?.block_on(async {
            let config = if is_offline {
                None
            } else {
                Some(args.aws.load().await?)
            };
            let reader = Reader {
                settings,
                config: config.as_ref(),
                instances,
                from: recording::name(path),
                launches: LaunchSource::Recordings(&launches),
                at: args.sources.at.unwrap_or_else(Utc::now),
            };
            reader.read(policy, against).await
        })
    }
}

/// Where a policy comes from.
enum PolicySource {
    Table,
    File { name: String, policy: Policy },
}

impl PolicySource {
    fn open(path: &Path) -> Result<Self, CommandError> {
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
    config: Option<&'a SdkConfig>,
    instances: Vec<Instance>,
    from: String,
    launches: LaunchSource<'a>,
    at: DateTime<Utc>,
}

impl<'a> Reader<'a> {
    /// Reads the instances of the account, and sorts them by id.
    async fn of_account(
        config: &'a SdkConfig,
        settings: &'a Settings,
        remediation: &'a Remediation,
    ) -> Result<Self, CommandError> {
        let ec2 = Ec2::new(config);
        let mut pages = InstancePages::in_scope(&ec2, &settings.policy.scope);
        let mut instances = Vec::new();
        while let Some(page) = pages.next().await {
            instances.extend(page.map_err(|error| trouble::aws(&error))?);
        }
        instances.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(Self {
            settings,
            config: Some(config),
            instances,
            from: aws::region(config).to_owned(),
            launches: LaunchSource::Aws(remediation),
            at: Clock::of(config).now(),
        })
    }

    async fn read(
        self,
        policy: PolicySource,
        against: Option<PolicySource>,
    ) -> Result<Inputs, CommandError> {
        let mut notes = Vec::new();
        let against = match against {
            None => None,
            Some(against) => Some(self.policy_plan(against, &mut notes).await?),
        };
        let policy = self.policy_plan(policy, &mut notes).await?;
        if matches!(self.launches, LaunchSource::Recordings(_)) {
            notes.extend(gaps_of_recordings(&self.instances, &policy.report));
        }
        let (scope, at) = (&self.settings.policy.scope, self.at);
        let judged = self
            .instances
            .iter()
            .filter(|it| is_judged(assess(&policy.policy, scope, it, at).verdict));
        notes.extend(conditions::notes(&policy.policy, &judged));
        Ok(Inputs {
            instances: self.instances,
            from: self.from,
            at: self.at,
            scope: self.settings.policy.scope.clone(),
            policy,
            against,
            notes,
        })
    }

    /// Reads a policy, and asks the remediation what it would do under it. What cannot be known is added to `notes`.
    async fn policy_plan(
        &self,
        source: PolicySource,
        notes: &mut Vec<String>,
    ) -> Result<PolicyPlan, CommandError> {
        let (name, policy) = match (source, self.config) {
            (PolicySource::File { name, policy }, _) => (name, policy),
            (PolicySource::Table, Some(config)) => self.table(config).await?,
            (PolicySource::Table, None) => {
                return Err(CommandError::new(
                    &"no policy given",
                    "Name a policy file with --policy.",
                ));
            }
        };
        if let Some(reason) = policy.hold() {
            let note = format!(
                "{} has a hold, so nothing is written and nothing is shut down: {reason}",
                sentence(&name)
            );
            notes.push(note);
        }
        let (settings, instances) = (self.settings, &self.instances);
        let report = match self.launches {
            LaunchSource::Recordings(launches) => {
                on_demand::preview(&policy, settings, instances, launches, self.at)
            }
            LaunchSource::Aws(remediation) => {
                let preview = remediation.preview(&policy, instances).await;
                let preview = preview.map_err(|error| self.failure(&error))?;
                if let Some(error) = preview.unasked {
                    let note = format!("Which instances are protected is not known: {error}.");
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                preview.report
            }
        };
        Ok(PolicyPlan {
            name,
            policy,
            report,
        })
    }

    async fn table(&self, config: &SdkConfig) -> Result<(String, Policy), CommandError> {
        let table = &self.settings.policy.policy_table;
        let client = aws_sdk_dynamodb::Client::new(config);
        let policy = read_policy(&client, table).await;
        let policy = policy.map_err(|error| self.failure(&error.into()))?;
        Ok((format!("the policy table {table}"), policy))
    }

    fn failure(&self, error: &RemediationError) -> CommandError {
        trouble::remediation(error, self.config.map_or("?", aws::region))
    }
}

/// What recordings do not tell about these instances, each a whole sentence.
fn gaps_of_recordings(instances: &[Instance], report: &Report) -> Vec<String> {
    let mut gaps = Vec::new();
    if recording::instances::lack_tags(instances) {
        gaps.push(
            "No instance of the recording has tags. If it was made with --query, the query may have left them out."
                .to_owned(),
        );
    }
    let would_do = |wanted: fn(&Remedy) -> bool| {
        let entries = report.entries.iter();
        entries.filter(move |it| it.outcome == Outcome::WouldDo && wanted(&it.step.remedy))
    };
    let unknown = would_do(|remedy| *remedy == Remedy::TagLauncher).count();
    if unknown > 0 {
        gaps.push(format!(
            "No recording says who launched {}: the remediation will ask CloudTrail.",
            count(unknown, "instance")
        ));
    }
    let is_shutdown = |remedy: &Remedy| matches!(remedy, Remedy::Stop { .. } | Remedy::Terminate);
    if would_do(is_shutdown).next().is_some() {
        gaps.push(
            "A recording does not say which instances are protected against being stopped or terminated."
                .to_owned(),
        );
    }
    gaps
}

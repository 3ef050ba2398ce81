//! What a plan is made of: instances, who launched them, policies; from AWS or from files.

use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use chrono::{DateTime, Utc};
use tagwarden_aws::instances::InstancePages;
use tagwarden_aws::policy_table::{read_policy, row};
use tagwarden_aws::{Clock, Ec2};
use tagwarden_core::{Instance, Policy, Scope};
use tagwarden_remediation::launcher::RecordedLaunches;
use tagwarden_remediation::plan::{Outcome, Remedy};
use tagwarden_remediation::report::Report;
use tagwarden_remediation::settings::Mode;
use tagwarden_remediation::{Remediation, RemediationError, Settings, on_demand};

use super::settings::SettingArgs;
use super::trouble;
use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::{Exit, Failure};
use crate::policy_file::{PolicyFile, count};
use crate::recording;

/// Where the instances and the policy are from that a plan is made of.
#[derive(Clone, Debug, clap::Args)]
pub struct SourceArgs {
    /// Use this policy file, YAML or JSON, not the table
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    // Doc comments would make sentences of these.
    #[arg(
        long,
        value_name = "FILE",
        help = "Look at these instances: what\naws ec2 describe-instances wrote, or a snapshot of\nAWS Config; - is standard input"
    )]
    pub instances: Option<PathBuf>,

    #[arg(
        long,
        value_name = "FILE",
        requires = "instances",
        help = "Who launched them: what\naws cloudtrail lookup-events wrote; can be given more\nthan once"
    )]
    events: Vec<PathBuf>,

    #[arg(
        long,
        value_name = "TIME",
        requires = "instances",
        help = "As of then, as 2026-11-20T15:30:00Z [default: now]"
    )]
    at: Option<DateTime<Utc>>,
}

/// All that a look is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub sources: &'a SourceArgs,
    /// The policy to compare with: a file, or `table`.
    pub against: Option<&'a Path>,
    pub settings: &'a SettingArgs,
    pub table: &'a TableArgs,
    pub aws: &'a AwsArgs,
}

/// Everything that a plan is made of.
#[derive(Debug)]
pub struct Look {
    pub instances: Vec<Instance>,
    /// Where they are from.
    pub from: String,
    pub at: DateTime<Utc>,
    pub scope: Scope,
    pub after: Judged,
    /// The policy it is compared with.
    pub before: Option<Judged>,
    /// What cannot be known, each a whole sentence.
    pub notes: Vec<String>,
}

/// A policy, and what would be done by it.
#[derive(Debug)]
pub struct Judged {
    /// Where it is from.
    pub name: String,
    pub policy: Policy,
    pub report: Report,
}

/// Where a policy is from.
enum Source {
    Table,
    File { name: String, policy: Policy },
}

/// Who knows more about the instances than what they are.
enum Beyond<'a> {
    /// Recordings; AWS is not asked.
    Recorded(&'a RecordedLaunches),
    Aws(&'a Remediation),
}

impl Look {
    /// Reads what is asked for, and looks.
    ///
    /// # Errors
    /// A file or AWS cannot be read; where a policy file has problems, these are told already, and the exit status is
    /// given.
    pub fn take(asked: Asked<'_>) -> Result<Result<Self, Exit>, Failure> {
        let after = match &asked.sources.policy {
            None => Ok(Source::Table),
            Some(path) => Source::open(path)?,
        };
        let before = match asked.against {
            None => Ok(None),
            Some(path) if path == Path::new("table") => Ok(Some(Source::Table)),
            Some(path) => Source::open(path)?.map(Some),
        };
        let (after, before) = match (after, before) {
            (Ok(after), Ok(before)) => (after, before),
            (Err(exit), _) | (_, Err(exit)) => return Ok(Err(exit)),
        };
        let settings = asked.settings.settings(asked.table, Mode::DryRun, None)?;
        let look = match &asked.sources.instances {
            Some(path) => Self::of_recording(asked, path, &settings, after, before),
            None => aws::runtime()?.block_on(async {
                let config = adaptive(&asked.aws.load().await?);
                let remediation = Remediation::new(&config, settings.clone());
                let eye = Eye::on_account(&config, &settings, &remediation).await?;
                eye.look(after, before).await
            }),
        };
        look.map(Ok)
    }

    /// Looks at the account, by the policy in its table.
    ///
    /// # Errors
    /// AWS cannot be read.
    pub async fn of_account(
        config: &SdkConfig,
        settings: &Settings,
        remediation: &Remediation,
    ) -> Result<Self, Failure> {
        let eye = Eye::on_account(config, settings, remediation).await?;
        eye.look(Source::Table, None).await
    }

    fn of_recording(
        asked: Asked<'_>,
        path: &Path,
        settings: &Settings,
        after: Source,
        before: Option<Source>,
    ) -> Result<Self, Failure> {
        let instances = recording::instances::read(path)?;
        let mut launches = RecordedLaunches::default();
        for path in &asked.sources.events {
            recording::events::read(path, &mut launches)?;
        }
        let is_offline = after.is_file() && before.as_ref().is_none_or(Source::is_file);
        aws::runtime()?.block_on(async {
            let config = if is_offline {
                None
            } else {
                Some(asked.aws.load().await?)
            };
            let eye = Eye {
                settings,
                config: config.as_ref(),
                instances,
                from: recording::name(path),
                beyond: Beyond::Recorded(&launches),
                at: asked.sources.at.unwrap_or_else(Utc::now),
                notes: Vec::new(),
            };
            eye.look(after, before).await
        })
    }
}

/// The configuration for commands that make many calls: where AWS asks for less, the client slows down.
pub fn adaptive(config: &SdkConfig) -> SdkConfig {
    let retry = RetryConfig::adaptive().with_max_attempts(5);
    config.clone().into_builder().retry_config(retry).build()
}

impl Source {
    fn open(path: &Path) -> Result<Result<Self, Exit>, Failure> {
        let file = match PolicyFile::open(path)?.sound() {
            Ok(file) => file,
            Err(exit) => return Ok(Err(exit)),
        };
        let policy = Policy::from_rows(file.items.into_iter().map(row));
        let policy = policy.map_err(|invalid| {
            Failure::new(&invalid, "Mend the file; `tagwarden check` looks at it.")
        })?;
        let name = file.path;
        Ok(Ok(Self::File { name, policy }))
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// Whoever looks.
struct Eye<'a> {
    settings: &'a Settings,
    config: Option<&'a SdkConfig>,
    instances: Vec<Instance>,
    from: String,
    beyond: Beyond<'a>,
    at: DateTime<Utc>,
    notes: Vec<String>,
}

impl<'a> Eye<'a> {
    /// Looks at the instances of the account, by id.
    async fn on_account(
        config: &'a SdkConfig,
        settings: &'a Settings,
        remediation: &'a Remediation,
    ) -> Result<Self, Failure> {
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
            beyond: Beyond::Aws(remediation),
            at: Clock::of(config).now(),
            notes: Vec::new(),
        })
    }

    async fn look(mut self, after: Source, before: Option<Source>) -> Result<Look, Failure> {
        let before = match before {
            None => None,
            Some(before) => Some(self.judge(before).await?),
        };
        let after = self.judge(after).await?;
        if matches!(self.beyond, Beyond::Recorded(_)) {
            self.note_what_recordings_lack(&after.report);
        }
        Ok(Look {
            instances: self.instances,
            from: self.from,
            at: self.at,
            scope: self.settings.policy.scope.clone(),
            after,
            before,
            notes: self.notes,
        })
    }

    async fn judge(&mut self, source: Source) -> Result<Judged, Failure> {
        let (name, policy) = match (source, self.config) {
            (Source::File { name, policy }, _) => (name, policy),
            (Source::Table, Some(config)) => self.table(config).await?,
            (Source::Table, None) => {
                return Err(Failure::new(
                    &"there is no policy",
                    "Say which with --policy.",
                ));
            }
        };
        let (settings, instances) = (self.settings, &self.instances);
        let report = match self.beyond {
            Beyond::Recorded(launches) => {
                on_demand::preview(&policy, settings, instances, launches, self.at)
            }
            Beyond::Aws(remediation) => {
                let preview = remediation.preview(&policy, instances).await;
                let preview = preview.map_err(|error| self.failure(&error))?;
                if let Some(error) = preview.unasked {
                    let note = format!("Which instances are protected is not known: {error}.");
                    self.notes.retain(|other| *other != note);
                    self.notes.push(note);
                }
                preview.report
            }
        };
        Ok(Judged {
            name,
            policy,
            report,
        })
    }

    async fn table(&self, config: &SdkConfig) -> Result<(String, Policy), Failure> {
        let table = &self.settings.policy.policy_table;
        let client = aws_sdk_dynamodb::Client::new(config);
        let policy = read_policy(&client, table).await;
        let policy = policy.map_err(|error| self.failure(&error.into()))?;
        Ok((format!("the policy table {table}"), policy))
    }

    fn failure(&self, error: &RemediationError) -> Failure {
        trouble::remediation(error, self.config.map_or("?", aws::region))
    }

    fn note_what_recordings_lack(&mut self, report: &Report) {
        if recording::instances::lack_tags(&self.instances) {
            self.notes.push(
                "No instance of the recording has tags. If it was made with --query, that may have left them out."
                    .to_owned(),
            );
        }
        let would_do = |wanted: fn(&Remedy) -> bool| {
            let entries = report.entries.iter();
            entries.filter(move |it| it.outcome == Outcome::WouldDo && wanted(&it.step.remedy))
        };
        let unknown = would_do(|remedy| *remedy == Remedy::TagLauncher).count();
        if unknown > 0 {
            self.notes.push(format!(
                "Who launched {} is in no recording: CloudTrail will be asked.",
                count(unknown, "instance")
            ));
        }
        let ends = |remedy: &Remedy| matches!(remedy, Remedy::Stop { .. } | Remedy::Terminate);
        if would_do(ends).next().is_some() {
            self.notes.push(
                "A recording does not tell which instances are protected against being stopped or terminated."
                    .to_owned(),
            );
        }
    }
}

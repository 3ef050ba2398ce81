//! The options that say where a forecast's instances and policy come from.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

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

    /// The options that read files, each with its path. `against` is the policy to compare with.
    pub(super) fn readers<'a>(
        &'a self,
        against: Option<&'a Path>,
    ) -> impl Iterator<Item = (&'static str, &'a Path)> {
        let readers = [
            ("--policy", self.policy.as_deref()),
            ("--against", against),
            ("--instances", self.instances.as_deref()),
        ];
        let readers = readers
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)));
        let events = self.events.iter().map(|path| ("--events", path.as_path()));
        readers.chain(events)
    }

    /// The moment of the plan.
    pub(super) fn at(&self) -> DateTime<Utc> {
        let now = Utc::now();
        self.at.map_or(now, |at| at.from(now))
    }
}

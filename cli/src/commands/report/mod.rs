//! `tagwarden report`: how compliant the fleet is, and what was done about it, as one HTML page.
//!
//! ```text
//! instances, policy, plan ──▶ views ──▶ shares, launches ──┐
//! ledger ──▶ acts ───────────────────────────────────────────┴──▶ page ──▶ HTML
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`instance_view`] | one instance: what is wrong with it, who launched it, what becomes of it |
//! | [`shares`] | how many are compliant, by rule, VPC and launcher |
//! | [`launches`] | how many are compliant, by the week in which they were launched |
//! | [`acts`] | what was done, by day or week, from the ledger |
//! | [`columns`] | where the columns of a chart stand |
//! | [`page`] | everything on the page, as data |
//! | [`render`] | the page as HTML |
//!
//! All but this file is pure: values go in, values come out.

mod acts;
mod columns;
mod instance_view;
mod launches;
mod page;
mod render;
mod shares;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::Client;
use chrono::{DateTime, TimeDelta, Utc};
use tagwarden_aws::Clock;
use tagwarden_core::settings::Environment;
use tagwarden_remediation::ledger;

use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit};
use crate::forecast::Forecast;
use crate::forecast::inputs::{InputArgs, Inputs, SourceArgs};
use crate::forecast::settings::SettingArgs;
use crate::ledger::OpenLedger;
use crate::output;
use crate::save::{print, save};
use crate::when::When;
use crate::words::count;
use acts::Acts;
use page::ReportPage;

const LONG_ABOUT: &str = "\
Writes a page that shows how compliant the fleet is, and what was done about it

Compliance by rule, VPC, launcher and week of launch, what the plan would do,
and every instance in a table that sorts and filters; with a ledger, what was
done. It is one HTML file that asks for nothing else: it can be sent by mail and
opened offline, on a phone, and in the dark.

It looks as `tagwarden plan` looks, at the account or at recordings, and changes
nothing.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden report page.html
  tagwarden report page.html --title 'Shop, production' --since 90d \\
    --ledger-table tagwarden-LedgerTable-1ABC2DEF3GHI
  tagwarden report - --instances fleet.json --policy policy.yaml \\
    | gzip > page.html.gz

Exit status:
  0    done, whether or not the fleet is compliant
  1    something failed; the message says what to do next
  2    the command line is wrong";

/// How long ago acts are shown from, unless something else is asked for.
const USUAL: TimeDelta = TimeDelta::days(30);

/// Writes a page that shows how compliant the fleet is
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The file to write; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace the file if there is one
    #[arg(long)]
    force: bool,

    // Doc comments would make sentences of these.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "EC2 tagging compliance",
        hide_default_value = true,
        help = "What stands at the head of the page\n[default: EC2 tagging compliance]"
    )]
    title: String,

    #[arg(
        long,
        value_name = "WHEN",
        help = "Show the ledger's acts from then on: 90d, 12w ago, or\n2026-11-20 [default: 30d ago]"
    )]
    since: Option<When>,

    #[command(flatten)]
    sources: SourceArgs,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Looks, and writes the page.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    // Before anything is asked of AWS: that can take a while.
    let out = Out::open(&args.file, args.force)?;
    let ledger_table = args.ledger_table();
    if args.since.is_some() && ledger_table.is_none() {
        return Err(CommandError::new(
            &"--since is a time of the ledger, and no ledger table is given",
            "Name it with --ledger-table; docs/ledger.md tells where its name is found.",
        ));
    }
    let inputs = Inputs::read(InputArgs {
        sources: &args.sources,
        against: None,
        settings: &args.settings,
        table: &args.table,
        aws: &args.aws,
    })?;
    let acts = match ledger_table {
        None => None,
        Some(table) => Some(args.acts(table)?),
    };
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let page = ReportPage::new(&args.title, &inputs, &forecast, acts);
    let html = render::html(&page).map_err(|error| {
        let what_next = "This is a fault of tagwarden's; nothing was written.";
        CommandError::new(&format!("the page cannot be made: {error:#}"), what_next)
    })?;
    out.write(&html)?;
    if !is_standard_output(&args.file) {
        let count = count(inputs.instances.len(), "instance");
        output::note(format_args!("{count} written to {}", args.file.display()));
    }
    Ok(Exit::Done)
}

impl Args {
    /// The ledger to read. Whoever hands in recordings may have no account: then it must be asked for in so many words.
    fn ledger_table(&self) -> Option<String> {
        let from_environment = || Environment::of_process().get("TAGWARDEN_LEDGER_TABLE");
        let said = self.settings.ledger_table.clone();
        match self.sources.instances {
            Some(_) => said,
            None => said.or_else(from_environment),
        }
    }

    /// What the ledger `table` has of the time that was asked for.
    fn acts(&self, table: String) -> Result<Acts, CommandError> {
        aws::runtime()?.block_on(async {
            let config = self.aws.load().await?;
            let clock = Clock::of(&config);
            let ledger = OpenLedger {
                inner: ledger::Ledger::new(Client::new(&config), clock.clone(), table.clone()),
                region: aws::region(&config).to_owned(),
                table,
                clock,
                config,
            };
            let now = ledger.clock.now();
            let since = self.since(now).max(ledger.inner.oldest());
            if since > now {
                return Err(CommandError::new(
                    &"--since is in the future: there is no time in between",
                    "Say a time that is earlier, such as --since 30d.",
                ));
            }
            let batches = ledger.inner.batches_since(since).await;
            let batches = batches.map_err(|error| ledger.failure(&error))?;
            let from = format!("the ledger {} in {}", ledger.table, ledger.region);
            Ok(Acts::new(from, &batches, since, now))
        })
    }

    fn since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let usual = || now.checked_sub_signed(USUAL).unwrap_or(now);
        self.since.map_or_else(usual, |since| since.from(now))
    }
}

/// Where the page goes.
#[derive(Clone, Copy, Debug)]
enum Out<'a> {
    StandardOutput,
    File { path: &'a Path, force: bool },
}

fn is_standard_output(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl<'a> Out<'a> {
    /// Says early what would only be found out once everything is read.
    fn open(path: &'a Path, force: bool) -> Result<Self, CommandError> {
        if is_standard_output(path) {
            if io::stdout().is_terminal() {
                return Err(CommandError::new(
                    &"standard output is a terminal: a page is nothing to read there",
                    "Name a file to write, or send the output on: tagwarden report - > page.html",
                ));
            }
            return Ok(Self::StandardOutput);
        }
        if !force && path.exists() {
            return Err(unwritable(path, &ErrorKind::AlreadyExists.into()));
        }
        Ok(Self::File { path, force })
    }

    fn write(self, html: &str) -> Result<(), CommandError> {
        match self {
            Self::StandardOutput => print(&mut io::stdout().lock(), html)
                .map_err(|error| CommandError::unwritten(&error)),
            Self::File { path, force } => {
                save(path, html, force).map_err(|error| unwritable(path, &error))
            }
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    let path = path.display().to_string();
    if error.kind() == ErrorKind::AlreadyExists {
        return CommandError::new(
            &format!("{path:?} is there already"),
            "Name another file, or replace this one with --force.",
        );
    }
    CommandError::new(
        &format!("{path:?} cannot be written: {error}"),
        "Look at the directory and who may write there, then run the command again.",
    )
}

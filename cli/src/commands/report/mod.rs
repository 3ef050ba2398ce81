//! `tagwarden report`: how compliant the fleet is, and what was done about it, as one HTML page.
//!
//! ```text
//! instances, policy, plan ──▶ views ──▶ shares, launches ──┐
//! ledger ──▶ acts ───────────────────────────────────────────┴──▶ page ──▶ HTML
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`instance_view`] | one instance: its defects, who launched it, what the plan does to it |
//! | [`shares`] | how many are compliant, by rule, VPC and launcher |
//! | [`launches`] | how many are compliant, by the week in which they were launched |
//! | [`acts`] | what was done, by day or week, from the ledger |
//! | [`sum`] | all of these, added up place by place |
//! | [`many`] | the page of many accounts and Regions |
//! | [`columns`] | where the columns of a chart stand |
//! | [`page`] | everything on the page, as data |
//! | [`render`] | the page as HTML |
//!
//! Only this file and `many` do I/O.

mod acts;
mod columns;
mod instance_view;
mod launches;
mod many;
mod page;
mod render;
mod shares;
mod sum;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::aws::access::AwsAccess;
use crate::aws::stack::{FunctionVariables, StackSettings};
use crate::aws::{self, AwsArgs, TableArgs};
use crate::exit::{CommandError, Exit, heard};
use crate::focus::EVERYTHING;
use crate::forecast::Forecast;
use crate::forecast::inputs::{InputArgs, Inputs};
use crate::forecast::places::asked;
use crate::forecast::settings::SettingArgs;
use crate::forecast::sources::SourceArgs;
use crate::ledger::OpenLedger;
use crate::output;
use crate::places::options::PlaceArgs;
use crate::save::{print, save};
use crate::stream::is_stream;
use crate::when::When;
use crate::words::count;
use acts::Acts;
use page::ReportPage;
use tagwarden_remediation::ledger::Batch;

const LONG_ABOUT: &str = "\
Writes a page that shows how compliant the fleet is, and what was done about it

The page shows compliance by rule, VPC, launcher and week of launch, what the
plan would do, and every instance in a table that sorts and filters. With a
ledger, it shows what tagwarden did. It is one HTML file that loads nothing
else: send it by mail, or open it offline or on a phone. It has a dark mode.

The data comes from the account or from recordings, as for `tagwarden plan`, and
nothing is changed.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden report page.html
  tagwarden report page.html --title 'Shop, production' --since 90d \\
    --ledger-table tagwarden-LedgerTable-1ABC2DEF3GHI
  tagwarden report - --instances fleet.json --policy policy.yaml \\
    | gzip > page.html.gz
  tagwarden report page.html --accounts @accounts.txt --role reader

Exit status:
  0    done, whether or not the fleet is compliant
  1    something failed, or a place could not be read; the message says what to
       do next
  64   the command line is wrong";

/// The default of `--since`: how long ago the first act shown was started.
const USUAL: TimeDelta = TimeDelta::days(30);

/// Writes a page that shows how compliant the fleet is
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// The file to write, or - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    // Doc comments would have to be sentences.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "EC2 tagging compliance",
        hide_default_value = true,
        help = "The heading of the page\n[default: EC2 tagging compliance]"
    )]
    title: String,

    #[arg(
        long,
        value_name = "WHEN",
        help = "Show the ledger's acts since this age or time:\n90d, 12w, or 2026-11-20 [default: 30d]"
    )]
    since: Option<When>,

    #[command(flatten)]
    sources: SourceArgs,

    #[command(flatten)]
    many: PlaceArgs,

    #[command(flatten)]
    settings: SettingArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// Reads everything, and writes the page.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    // The file comes first, because calls to AWS can take a while.
    let out = Out::open(&args.file, args.force)?;
    let asked = asked(&args.many, &args.sources, None)?;
    // Without a stack, what names the ledger is known before everything is read.
    if !args.aws.has_stack() {
        args.check_since(args.ledger_table(None).as_deref())?;
    }
    let inputs = InputArgs {
        sources: &args.sources,
        against: None,
        settings: &args.settings,
        against_settings: &args.settings,
        focus: &EVERYTHING,
        table: &args.table,
        aws: &args.aws,
    };
    if let Some(asked) = asked {
        return many::run(args, inputs, &asked, out);
    }
    let inputs = Inputs::read(inputs)?;
    let stack = inputs.access.as_ref();
    let stack = stack.and_then(|access| access.variables.stack());
    let ledger_table = args.ledger_table(stack);
    args.check_since(ledger_table.as_deref())?;
    let acts = match ledger_table {
        None => None,
        Some(table) => Some(args.acts(&inputs, table)?),
    };
    let forecast = Forecast::new(&inputs, &inputs.policy);
    let page = ReportPage::new(&args.title, &inputs, &forecast, acts);
    out.write_page(&page)?;
    if !is_stream(&args.file) {
        let count = count(inputs.instances.len(), "instance");
        let of = match &inputs.access {
            Some(access) if !inputs.is_recorded => format!(" of {access}"),
            _ => String::new(),
        };
        output::note(format_args!(
            "{count}{of} written to {}",
            args.file.display()
        ));
    }
    Ok(Exit::Done)
}

impl Args {
    /// The table of the ledger to read. With recordings there may be no account, so the environment does not count then.
    fn ledger_table(&self, stack: Option<&StackSettings>) -> Option<String> {
        const NAME: &str = "TAGWARDEN_LEDGER_TABLE";
        let said = self.settings.ledger_table.clone();
        said.or_else(|| match (stack, &self.sources.instances) {
            (Some(stack), _) => stack.get(NAME),
            (None, Some(_)) => None,
            (None, None) => FunctionVariables::Process.get(NAME),
        })
    }

    fn check_since(&self, ledger_table: Option<&str>) -> Result<(), CommandError> {
        if self.since.is_none() || ledger_table.is_some() {
            return Ok(());
        }
        Err(CommandError::new(
            &"--since needs a ledger, and no ledger table is given",
            "Name it with --ledger-table. docs/ledger.md says where to find its name.",
        ))
    }

    /// The acts in the ledger `table` since the time asked for.
    fn acts(&self, inputs: &Inputs, table: String) -> Result<Acts, CommandError> {
        aws::runtime()?.block_on(async {
            let access = match &inputs.access {
                Some(access) => access.clone(),
                None => self.aws.open().await?,
            };
            let from = format!("the ledger {table} in {}", access.region);
            let LedgerActs {
                since,
                now,
                batches,
            } = self.ledger_acts(access, table).await?;
            Ok(Acts::new(from, &batches, since, now))
        })
    }

    /// What the ledger `table` of an account holds since the time asked for.
    async fn ledger_acts(
        &self,
        access: AwsAccess,
        table: String,
    ) -> Result<LedgerActs, CommandError> {
        let ledger = OpenLedger::new(access, table);
        let now = ledger.clock.now();
        let since = self.since(now).max(ledger.inner.oldest());
        if since > now {
            return Err(CommandError::new(
                &"--since is in the future",
                "Give an earlier time, such as --since 30d.",
            ));
        }
        let batches = ledger.inner.batches_since(since).await;
        Ok(LedgerActs {
            since,
            now,
            batches: batches.map_err(|error| ledger.failure(&error))?,
        })
    }

    fn since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let usual = || now.checked_sub_signed(USUAL).unwrap_or(now);
        self.since.map_or_else(usual, |since| since.from(now))
    }
}

/// What a ledger holds of a period.
struct LedgerActs {
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    batches: Vec<Batch>,
}

/// Where the page goes.
#[derive(Clone, Copy, Debug)]
enum Out<'a> {
    StandardOutput,
    File { path: &'a Path, force: bool },
}

impl<'a> Out<'a> {
    /// Checks the target early, so that a mistake shows before everything is read.
    fn open(path: &'a Path, force: bool) -> Result<Self, CommandError> {
        if is_stream(path) {
            if io::stdout().is_terminal() {
                return Err(CommandError::new(
                    &"standard output is a terminal, which cannot show an HTML page",
                    "Name a file to write, or redirect the output: tagwarden report - > page.html",
                ));
            }
            return Ok(Self::StandardOutput);
        }
        if !force && path.exists() {
            return Err(unwritable(path, &ErrorKind::AlreadyExists.into()));
        }
        Ok(Self::File { path, force })
    }

    fn write_page(self, page: &ReportPage) -> Result<(), CommandError> {
        let html = render::html(page).map_err(|error| {
            let what_next = "Nothing was written. This is a defect in tagwarden: please report it with this message.";
            CommandError::new(&format!("the page cannot be made: {error:#}"), what_next)
        })?;
        self.write(&html)
    }

    fn write(self, html: &str) -> Result<(), CommandError> {
        match self {
            Self::StandardOutput => heard(print(&mut io::stdout().lock(), html)).map(|_| ()),
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
            &format!("{path:?} already exists"),
            "Name another file, or replace this one with --force.",
        );
    }
    CommandError::new(
        &format!("{path:?} cannot be written: {error}"),
        "Check that the directory exists and that you may write to it, then run the command again.",
    )
}

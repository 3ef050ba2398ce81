//! `tagwarden doctor`: what keeps tagwarden from working in an account and Region.
//!
//! Each part of a deployment has a file that looks at it. What one part learns, such as the names of tables, another needs,
//! so they come in an order. A look that fails is noted and never counts as sound.

mod alarms;
mod checks;
mod costs;
mod events;
mod exam;
mod functions;
mod key;
mod needs;
mod permissions;
mod policies;
mod queue;
mod recorder;
mod reports;
mod rule;
mod show;
mod stack;
mod tables;
mod trail;
mod versions;

use clap::ValueEnum;
use tagwarden_core::Kinds;

use crate::aws::{self, AwsArgs};
use crate::exit::{CommandError, Exit, heard};
use crate::output;

use checks::Weight;
use events::Wanted;
use exam::Exam;
use functions::FunctionPair;
use key::EncryptedParts;
use permissions::ActedOn;

const LONG_ABOUT: &str = "\
Finds what keeps tagwarden from working

Looks at a stack in an account and Region: its status and version, the
functions, AWS Config's recorder and rule, the events, the queue and its dead
letters, the policy table, the ledger, the topic, CloudTrail, the roles'
permissions, the key, the alarms and the cost allocation tags. Says what is
wrong, each with the commands that fix it. Changes nothing. Without --stack,
looks at the stack tagwarden.

A fault keeps tagwarden from working, in whole or in part. A note does not.

What it may not see, it names, with the permission that is missing. That never
counts as sound. docs/doctor.md lists every check and the permissions.";

const AFTER_LONG_HELP: &str = "\
Examples:
  tagwarden doctor
  tagwarden doctor --stack tagwarden-prod --profile prod --region eu-west-1
  tagwarden doctor --output json | jq -r '.faults[].fixes[]'
  tagwarden doctor --output markdown >> \"$GITHUB_STEP_SUMMARY\"

The JSON document:
  version         the version of this document
  account, accountProblem, region, profile
                  who was called
  stackName, mode the stack, and dry-run or enforce, or null
  sound           whether there are no faults and nothing is unseen that may
                  hide one
  faults, notes   each with check, area, means (in general), what (here), and
                  fixes (commands)
  unseen          what could not be seen: area, question, call, why, whatNext,
                  and hides, which is fault or note
  areas           every part: area and state, which is sound, fault, note,
                  unseen, or unused; with faults, notes and unseen as numbers

Exit status:
  0    no faults, and nothing is unseen that may hide one
  1    nothing could be looked at; the message says what to do next
  2    there are faults, or something is unseen that may hide one
  64   the command line is wrong";

/// The stack that is looked at where none is named: the default of scripts/deploy.
const USUAL_STACK: &str = "tagwarden";

/// Finds what keeps tagwarden from working
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// What to write: text, json or markdown
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    output: DoctorForm,

    #[command(flatten)]
    aws: AwsArgs,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "doc comments of values would become help texts, and the option's says it all"
)]
enum DoctorForm {
    #[default]
    Text,
    Json,
    Markdown,
}

/// Looks at the stack and writes what keeps it from working.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    aws::runtime()?.block_on(async {
        // The stack is not read here, because it may be broken or missing.
        let access = args.aws.open_caller(None).await?;
        let stack = args.aws.stack_name().unwrap_or(USUAL_STACK);
        let mut exam = Exam::new(access, stack.to_owned());
        let pair = examine(&mut exam).await;
        if exam.seen.is_empty() {
            return Err(nothing_seen(&exam));
        }
        exam.sort();
        let mode = pair.settings.as_ref().map(|settings| settings.mode.name());
        heard(match args.output {
            DoctorForm::Text => output::print(&show::text(&exam, mode)),
            DoctorForm::Markdown => output::print(&show::markdown(&exam, mode)),
            DoctorForm::Json => output::print_json(show::json(&exam, mode)),
        })?;
        Ok(if exam.is_sound() {
            Exit::Done
        } else {
            Exit::Differs
        })
    })
}

/// Looks at every part.
async fn examine(exam: &mut Exam) -> FunctionPair {
    let parts = stack::examine(exam).await;
    let pair = functions::examine(exam, &parts).await;
    if !exam.is_answered {
        // Dozens of further calls would not be answered either, and each takes its time.
        return pair;
    }
    versions::examine(exam, &pair).await;
    let kinds = pair.settings.as_ref().map(|it| it.policy.kinds);
    let kinds = kinds.unwrap_or_else(Kinds::default);
    recorder::examine(exam, kinds).await;
    let rules = rule::examine(exam, pair.rule.as_ref(), &parts, kinds).await;
    let queue = queue::examine(exam, &pair, &parts).await;
    let sent = Wanted {
        rules: &rules,
        kinds,
    };
    events::examine(exam, pair.remediation.as_ref(), &queue, sent).await;
    let tables = tables::examine(exam, &pair, &parts).await;
    let topic = reports::examine(exam, &pair, &parts, tables.policy.as_ref()).await;
    trail::examine(exam).await;
    let encrypted = EncryptedParts {
        topic: &topic,
        tables: &tables,
        stack: &parts,
    };
    let keys = key::examine(exam, encrypted).await;
    let on = ActedOn {
        pair: &pair,
        tables: &tables,
        queue: &queue,
        topic: &topic,
        keys: &keys,
    };
    permissions::examine(exam, on).await;
    alarms::examine(exam, &parts).await;
    costs::examine(exam, tables.policy.as_ref()).await;
    pair
}

/// The error where every look failed.
fn nothing_seen(exam: &Exam) -> CommandError {
    let first = exam.unseen.iter().find(|it| it.hides == Weight::Fault);
    let first = first.or_else(|| exam.unseen.first());
    let (why, what_next) = first.map_or_else(
        || ("no call was answered".to_owned(), String::new()),
        |unseen| (unseen.why.clone(), unseen.what_next.clone()),
    );
    CommandError::new(
        &format!(
            "nothing of the stack {:?} in {} could be looked at: {why}",
            exam.stack, exam.access
        ),
        format!("{what_next} docs/doctor.md lists the permissions that doctor needs.").trim(),
    )
}

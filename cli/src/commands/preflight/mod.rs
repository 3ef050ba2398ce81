//! `tagwarden preflight`: judges what is about to be created.

mod show;

use std::path::{Path, PathBuf};

use chrono::Utc;

use show::{PreflightForm, PreflightView};
use tagwarden_core::Scope;
use tagwarden_core::preflight::PreflightRules;

use crate::aws::{AwsArgs, TableArgs};
use crate::chosen_policy::ChosenPolicy;
use crate::exit::{CommandError, Exit, heard};
use crate::preflight::cloudformation::evaluate::StackInputs;
use crate::preflight::input::{self, InputContext};
use crate::preflight::planned::PreflightInput;
use crate::preflight::terraform::source::SourceTree;
use crate::stream;

const LONG_ABOUT: &str = "\
Judges what is about to be created by the same policy

Reads plans of Terraform and OpenTofu, as `terraform show -json` writes them,
and templates of CloudFormation and SAM, in YAML or JSON. With --policy it needs
no AWS account and no network.

An error is what would make an instance NON_COMPLIANT and what the remediation
would not fill in. A warning is what may be an error and is not known before
the launch, such as the tag that another resource gives. A note is what the
remediation would fill in. Each comes with the code to write. Values that are
sensitive in the plan, or of a parameter with NoEcho, count and are never shown.

Judged are instances, Auto Scaling groups with their launch templates and Spot
requests: in a plan where they are created or changed, in a template always.";

const AFTER_LONG_HELP: &str = "\
Examples:
  terraform plan -out=plan.tfplan
  terraform show -json plan.tfplan > plan.json
  tagwarden preflight plan.json --policy policy.yaml --source .
  terraform show -json plan.tfplan | tagwarden preflight -
  tagwarden preflight template.yaml --policy policy.yaml --output github \\
    --parameter Stage=prod --stack-tag Owner=team-shop

The JSON document:
  version    of this form
  policy     where the policy is from
  files      for each: file, format, tool, resources (how many are judged)
  counts     resources, errors, warnings, notes, notApplicable
  resources  for each: file, address, type, path, line and column (or null),
             findings, doubts (why errors are only warnings), notApplicable
             (why, or null), fix (the code to write, or null)
  findings   in a resource: level (error, warning or note), kind, ruleId,
             tagKey, defect, message, path, line and column (of the tag if it
             is there), fix (the code for it alone, or null)
  notes      what is not judged and what is not known

Exit status:
  0    there are no errors; with --strict, nothing was found
  1    a file cannot be read; the message says what it is
  2    there are errors; with --strict, also warnings and notes
  64   the command line is wrong";

/// Judges what is about to be created by the same policy
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub struct Args {
    /// Plans or templates; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Use this policy file (YAML or JSON), not the table
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    // Doc comments would have to be sentences.
    #[arg(
        long,
        value_name = "DIR",
        help = "Look up files and lines in this folder, with the\nconfiguration that a plan is of"
    )]
    source: Option<PathBuf>,

    #[arg(
        long,
        value_name = "PAIR",
        value_parser = pair,
        help = "NAME=VALUE: a parameter of the templates, or\nAWS::Region and the like (repeatable)"
    )]
    parameter: Vec<(String, String)>,

    #[arg(
        long,
        value_name = "PAIR",
        value_parser = pair,
        help = "KEY=VALUE: a tag of the stack, which its resources\nget too (repeatable)"
    )]
    stack_tag: Vec<(String, String)>,

    #[arg(
        long,
        value_name = "ID",
        value_parser = one_vpc,
        help = "The VPC of the instances, where a file does not say it"
    )]
    vpc_id: Option<String>,

    #[arg(
        long,
        value_name = "IDS",
        value_parser = vpc_list,
        help = "Only instances of these VPCs, comma-separated\n[default: TAGWARDEN_VPC_IDS, else every VPC]"
    )]
    vpc_ids: Option<String>,

    /// Count warnings and notes as errors
    #[arg(long)]
    strict: bool,

    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help = "Write text, json, markdown, sarif, junit or\ngithub"
    )]
    output: PreflightForm,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    aws: AwsArgs,
}

/// `NAME=VALUE`, in which the value may be empty.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn vpc_list(list: &str) -> Result<String, String> {
    let scope = Scope::from_list(list).map_err(|error| error.to_string())?;
    Ok(scope.vpc_ids().collect::<Vec<_>>().join(","))
}

fn one_vpc(id: &str) -> Result<String, String> {
    let scope = Scope::from_list(id).map_err(|error| error.to_string())?;
    let mut ids = scope.vpc_ids();
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(id.to_owned()),
        _ => Err("name one VPC, such as vpc-0a1b2c3d4e5f60718".to_owned()),
    }
}

/// Reads the files and the policy, and writes what is found to standard output.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let policy = args.policy.as_deref().map(|path| ("--policy", path));
    let files = args.files.iter().map(|path| ("FILE", path.as_path()));
    stream::check_one_reader(files.chain(policy))?;
    // Files come first, because they show their problems without a wait and without an account.
    let inputs = read(args)?;
    let chosen = ChosenPolicy::read(
        args.policy.as_deref(),
        args.vpc_ids.as_deref(),
        &args.table,
        &args.aws,
    )?;
    let rules = PreflightRules {
        policy: &chosen.policy,
        scope: &chosen.scope,
        at: Utc::now(),
    };
    let view = PreflightView::new(&inputs, &rules, &chosen, args.strict);
    heard(show::write(&view, args.output))?;
    Ok(if view.fails() {
        Exit::Differs
    } else {
        Exit::Done
    })
}

fn read(args: &Args) -> Result<Vec<PreflightInput>, CommandError> {
    let source = match &args.source {
        Some(folder) if !folder.is_dir() => {
            return Err(CommandError::new(
                &format!("{:?} is not a folder", folder.display().to_string()),
                "Give --source the folder of the configuration that the plan is of.",
            ));
        }
        Some(folder) => Some(SourceTree::new(own_folder(folder))),
        None => None,
    };
    let known = |pairs: &[(String, String)]| {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), Some(value.clone())));
        pairs.collect()
    };
    let mut context = InputContext {
        source,
        stack: StackInputs {
            parameters: known(&args.parameter),
            tags: known(&args.stack_tag),
        },
    };
    let inputs = args.files.iter().map(|path| {
        let mut input = input::open(path, &mut context)?;
        for resource in &mut input.resources {
            if resource.launch.vpc_id.is_none() {
                resource.launch.vpc_id.clone_from(&args.vpc_id);
            }
        }
        Ok(input)
    });
    inputs.collect()
}

/// `.` is left out before the names of its files, as people write them.
fn own_folder(folder: &Path) -> &Path {
    if folder == Path::new(".") {
        Path::new("")
    } else {
        folder
    }
}

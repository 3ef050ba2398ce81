//! Why there are no credentials, and what to do about it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;

use super::mfa::MfaError;
use super::profile::{ChosenProfile, ProfileChain, ProfileSource, is_plain};
use crate::exit::CommandError;

/// Beginnings of the SDK's errors that say nothing.
const PREAMBLES: [&str; 8] = [
    "the credentials provider was not properly configured",
    "the credential provider was not enabled",
    "an error occurred while loading credentials",
    "no credentials found in chain",
    "ProfileFile provider could not be built",
    "Error retrieving credentials from external process",
    "Error retrieving credentials",
    "service error",
];

/// What the SDK's errors say where a session of IAM Identity Center has ended, or was never begun.
const SIGNED_OUT: [&str; 4] = [
    "SSO token",
    "sso/cache",
    "UnauthorizedException",
    "InvalidGrantException",
];

/// What a failure to get credentials is explained with.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    pub chosen: &'a ChosenProfile,
    /// Where the profile's credentials come from, if that is known.
    pub chain: Option<&'a ProfileChain>,
    /// The Region that is called.
    pub region: &'a str,
}

impl Failure<'_> {
    /// What to do when there are no credentials.
    pub fn explain(&self, error: &CredentialsError) -> CommandError {
        if let Some(no_code) = find::<MfaError>(error) {
            return self.without_a_code(no_code);
        }
        let causes = causes(error);
        match self.chain.map(|chain| (chain, &chain.source)) {
            Some((chain, ProfileSource::Sso)) => self.sso(chain, &causes),
            Some((chain, ProfileSource::Login)) => self.login(chain, &causes),
            Some((chain, ProfileSource::Process)) => self.process(chain, &causes),
            _ => self.absent(error, &causes),
        }
    }

    /// The profile, and the one that its credentials come from where that is another.
    fn named(&self, chain: &ProfileChain) -> String {
        let named = self.chosen.named();
        if chain.base == self.chosen.name_or_default() {
            named
        } else {
            format!("{named}, which builds on the profile {:?},", chain.base)
        }
    }

    fn without_a_code(&self, error: &MfaError) -> CommandError {
        let what = format!("{} gives no AWS credentials: {error}", self.chosen.named());
        let MfaError::NoTerminal { .. } = error else {
            return CommandError::new(&what, "Run the command again, and type the six digits.");
        };
        let again = match self.chosen {
            ChosenProfile::Option(_) => ", without --profile",
            _ => "",
        };
        // Exported credentials come without the profile's Region.
        CommandError::new(
            &what,
            format!(
                "Run the command on a terminal. Or have the AWS CLI ask there, and then run the command again in that \
                 shell{again}:\n\n  eval \"$(aws configure export-credentials{} --format env)\"; export AWS_REGION={}",
                option(self.chosen.name_or_default()),
                self.region,
            ),
        )
    }

    fn sso(&self, chain: &ProfileChain, causes: &[String]) -> CommandError {
        let named = self.named(chain);
        let login = format!("aws sso login{}", option(&chain.base));
        let said = |parts: &[&str]| {
            causes
                .iter()
                .any(|cause| parts.iter().any(|part| cause.contains(part)))
        };
        if said(&SIGNED_OUT) {
            return CommandError::new(
                &format!(
                    "{named} is not signed in to IAM Identity Center, or its session has expired"
                ),
                format!("Sign in, then run the command again:\n\n  {login}"),
            );
        }
        let why = why(causes);
        let what = format!("{named} gives no AWS credentials: IAM Identity Center: {why}");
        if said(&["ForbiddenException"]) {
            return CommandError::new(
                &what,
                format!(
                    "Check sso_account_id and sso_role_name of the profile {:?}, and whether they are assigned to you.",
                    chain.base
                ),
            );
        }
        CommandError::new(
            &what,
            format!("Check the network and the profile. `{login}` signs in again."),
        )
    }

    fn none_of(&self, chain: &ProfileChain, causes: &[String]) -> String {
        let (profile, why) = (self.named(chain), why(causes));
        format!("{profile} gives no AWS credentials: {why}")
    }

    fn login(&self, chain: &ProfileChain, causes: &[String]) -> CommandError {
        let login = format!("aws login{}", option(&chain.base));
        CommandError::new(
            &self.none_of(chain, causes),
            format!(
                "Its console session is read by the AWS CLI (2.32 or newer), which must be on the PATH. Sign in, then run \
                 the command again:\n\n  {login}"
            ),
        )
    }

    fn process(&self, chain: &ProfileChain, causes: &[String]) -> CommandError {
        CommandError::new(
            &self.none_of(chain, causes),
            format!(
                "Run the credential_process of the profile {:?} by itself: it must print a JSON document and exit with 0.",
                chain.base
            ),
        )
    }

    fn absent(&self, error: &CredentialsError, causes: &[String]) -> CommandError {
        let why = why(causes);
        if self.chosen.name().is_some() {
            return CommandError::new(
                &format!("{} gives no AWS credentials: {why}", self.chosen.named()),
                "`aws configure list-profiles` names the profiles there are, `aws configure --profile NAME` creates or \
                 changes one.",
            );
        }
        let why = if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
            "none in the environment, none in the default profile, and none from this machine"
                .to_owned()
        } else {
            why
        };
        CommandError::new(
            &format!("there are no AWS credentials: {why}"),
            "Name a profile with --profile or AWS_PROFILE (`aws configure list-profiles`), or set AWS_ACCESS_KEY_ID. For a \
             profile of IAM Identity Center, sign in first: aws sso login --profile NAME.",
        )
    }
}

/// The reason in an error, on one line.
pub fn in_short(error: &CredentialsError) -> String {
    why(&causes(error))
}

/// ` --profile NAME`, as a shell takes it. The default profile needs no name.
fn option(profile: &str) -> String {
    match profile {
        "default" => String::new(),
        name if is_plain(name) => format!(" --profile {name}"),
        _ => " --profile NAME".to_owned(),
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    chain(error)
        .map(|error| brief(&error.to_string()))
        .collect()
}

/// The text with only one line of what a program wrote: its error, or else its last line. Usage and warnings come before.
fn brief(cause: &str) -> String {
    let Some((head, written)) = cause.split_once("Stderr: ") else {
        return cause.to_owned();
    };
    let mut lines = written.lines().filter(|line| !line.trim().is_empty());
    let error = lines
        .clone()
        .rfind(|line| line.contains("rror:") || line.contains("ERROR"));
    let line = error.or_else(|| lines.next_back()).unwrap_or("nothing");
    format!("{head}It wrote: {}", line.trim())
}

/// The causes without the beginnings that say nothing, on one line.
fn why(causes: &[String]) -> String {
    // The default chain names each place where it looked on a line of its own.
    let of_profile = causes.iter().find_map(|cause| {
        let mut lines = cause.lines();
        lines.find_map(|line| line.trim_start().strip_prefix("Profile: "))
    });
    let causes: Vec<&str> = match of_profile {
        Some(cause) => vec![cause],
        None => causes.iter().map(String::as_str).collect(),
    };
    let points: Vec<&str> = causes
        .iter()
        .map(|cause| to_the_point(cause))
        .filter(|cause| !cause.is_empty())
        .collect();
    let why = if points.is_empty() {
        causes.join(": ")
    } else {
        points.join(": ")
    };
    // A program's own message can have any form.
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    why.chars().filter(|it| !it.is_control()).collect()
}

fn to_the_point(cause: &str) -> &str {
    let preamble = PREAMBLES.iter().find_map(|it| cause.strip_prefix(it));
    match preamble {
        Some(rest) => to_the_point(rest.trim_start_matches([':', ',', ' '])),
        None => cause,
    }
}

//! Why there are no credentials, and what to do about it.

use aws_credential_types::provider::error::CredentialsError;
use tagwarden_core::settings::Environment;

use crate::exit::CommandError;

/// The profile that was asked for, and how.
enum Profile<'a> {
    Option(&'a str),
    Variable(String),
    None,
}

/// Sources of credentials that this program cannot ask, because the SDK is built without them. The SDK's error names
/// them by the names of its features. Each has the command that signs in there.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("sso", "from IAM Identity Center", "aws sso login"),
    ("credentials-login", "from a console session", "aws login"),
    ("credentials-process", "from a credential_process", ""),
];

/// Beginnings of the SDK's errors that say nothing.
const PREAMBLES: [&str; 6] = [
    "the credentials provider was not properly configured",
    "the credential provider was not enabled",
    "an error occurred while loading credentials",
    "no credentials found in chain",
    "ProfileFile provider could not be built",
    "service error",
];

/// What to do when there are no credentials. `profile` is the value of `--profile`.
pub fn failure(profile: Option<&str>, error: &CredentialsError) -> CommandError {
    let variable = || Environment::of_process().get("AWS_PROFILE");
    let profile = match profile {
        Some(name) => Profile::Option(name),
        None => variable().map_or(Profile::None, Profile::Variable),
    };
    let chain = causes(error);
    match elsewhere(&chain) {
        Some((from, login)) => handed_over(&profile, from, login),
        None => absent(&profile, error, &chain),
    }
}

/// The AWS CLI can ask, and hand the credentials over.
fn handed_over(profile: &Profile<'_>, from: &str, login: &str) -> CommandError {
    let option = match profile.name() {
        Some(name) if is_plain(name) => format!(" --profile {name}"),
        Some(_) => " --profile NAME".to_owned(),
        None => String::new(),
    };
    let login = match login {
        "" => String::new(),
        login => format!("{login}{option}; "),
    };
    let again = match profile {
        Profile::Option(_) => ", without --profile",
        _ => "",
    };
    CommandError::new(
        &format!(
            "{} has its credentials {from}, which tagwarden does not ask itself",
            profile.named()
        ),
        format!(
            "Have the AWS CLI hand them over, then run the command again{again}:\n\n  \
             {login}eval \"$(aws configure export-credentials{option} --format env)\""
        ),
    )
}

fn absent(profile: &Profile<'_>, error: &CredentialsError, causes: &[String]) -> CommandError {
    let why = why(causes);
    if profile.name().is_some() {
        return CommandError::new(
            &format!("{} gives no AWS credentials: {why}", profile.named()),
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
        "Set them with --profile, AWS_PROFILE or AWS_ACCESS_KEY_ID. After `aws sso login`, hand them over: \
         eval \"$(aws configure export-credentials --format env)\".",
    )
}

impl Profile<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Option(name) => Some(name),
            Self::Variable(name) => Some(name),
            Self::None => None,
        }
    }

    fn named(&self) -> String {
        match self {
            Self::Option(name) => format!("the profile {name:?}"),
            Self::Variable(name) => format!("the profile {name:?} (AWS_PROFILE)"),
            Self::None => "the default profile".to_owned(),
        }
    }
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect()
}

/// Where the credentials are instead, and the command that signs in there, if the SDK's error says so.
fn elsewhere(chain: &[String]) -> Option<(&'static str, &'static str)> {
    let part = chain.iter().find_map(|cause| {
        let (_, part) = cause.split_once("cargo feature(s) enabled: ")?;
        part.split(['.', ',', ' ']).next()
    })?;
    ELSEWHERE
        .into_iter()
        .find(|(name, ..)| *name == part)
        .map(|(_, from, login)| (from, login))
}

/// The causes without the beginnings that say nothing.
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
    if points.is_empty() {
        causes.join(": ")
    } else {
        points.join(": ")
    }
}

fn to_the_point(cause: &str) -> &str {
    let preamble = PREAMBLES.iter().find_map(|it| cause.strip_prefix(it));
    match preamble {
        Some(rest) => to_the_point(rest.trim_start_matches([':', ' '])),
        None => cause,
    }
}

/// Whether a shell needs no quotes around it.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte))
}

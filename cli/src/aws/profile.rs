//! The profiles of the AWS CLI's files: which one is used, which there are, and where its credentials come from.

use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::{EnvConfigSections, Profile};
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use tagwarden_core::settings::Environment;

use crate::exit::CommandError;
use crate::text::suggestion::nearest;

/// The profile that the SDK uses if none is named.
const DEFAULT: &str = "default";

/// The most profiles that a message lists.
const MOST_LISTED: usize = 20;

/// The profile that is used, and what named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChosenProfile {
    /// `--profile`. It wins over keys in the environment.
    Option(String),
    /// `AWS_PROFILE`.
    Variable(String),
    /// Nothing. The default profile is used, if there is one.
    Default,
}

/// The profiles that are defined.
#[derive(Debug)]
pub struct Profiles {
    sections: EnvConfigSections,
}

/// Where a profile's credentials come from: a first source, and the roles to assume with them, one after the other.
#[derive(Clone, Debug)]
pub struct ProfileChain {
    /// The name of the profile that has the first source.
    pub base: String,
    /// The first source.
    pub source: ProfileSource,
    /// The roles, in the order in which they are assumed.
    pub roles: Vec<ProfileRole>,
}

/// The first source of a profile's credentials.
#[derive(Clone, Debug)]
pub enum ProfileSource {
    /// IAM Identity Center.
    Sso,
    /// A console session of `aws login`.
    Login,
    /// A program that prints them.
    Process,
    /// Keys in the file.
    Keys(Credentials),
    /// What only the SDK needs to understand, such as a web identity, or nothing.
    Other,
}

/// A role that a profile assumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRole {
    /// The profile that names the role.
    pub profile: String,
    pub role_arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    /// The device whose code the role asks for.
    pub mfa_serial: Option<String>,
    /// How long the session is to last, in seconds.
    pub duration_seconds: Option<i32>,
}

impl ChosenProfile {
    /// The profile that `--profile` or the environment names.
    pub fn new(option: Option<&str>) -> Self {
        let variable = || Environment::of_process().get("AWS_PROFILE");
        match option {
            Some(name) => Self::Option(name.to_owned()),
            None => variable().map_or(Self::Default, Self::Variable),
        }
    }

    /// The name that a person gave.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Option(name) | Self::Variable(name) => Some(name),
            Self::Default => None,
        }
    }

    /// The name of the profile that the files would have to define.
    pub fn name_or_default(&self) -> &str {
        self.name().unwrap_or(DEFAULT)
    }

    /// The profile, for the middle of a sentence.
    pub fn named(&self) -> String {
        match self {
            Self::Option(name) => format!("the profile {name:?}"),
            Self::Variable(name) => format!("the profile {name:?} (AWS_PROFILE)"),
            Self::Default => "the default profile".to_owned(),
        }
    }

    /// Whether the credentials come from it, because nothing that comes before it has some.
    pub fn is_first(&self) -> bool {
        let environment = Environment::of_process();
        let has_keys = environment.get("AWS_ACCESS_KEY_ID").is_some()
            && environment.get("AWS_SECRET_ACCESS_KEY").is_some();
        matches!(self, Self::Option(_)) || !has_keys
    }
}

impl Profiles {
    /// Reads the files that every AWS tool reads. A file that is not there has no profiles.
    ///
    /// # Errors
    /// A file cannot be read or understood; the text says why.
    pub async fn read() -> Result<Self, String> {
        let source = source::load(&Env::real(), &Fs::real(), &EnvConfigFiles::default()).await;
        let sections = source
            .map_err(|error| error.to_string())
            .and_then(|source| {
                EnvConfigSections::parse(source).map_err(|error| error.to_string())
            })?;
        Ok(Self { sections })
    }

    /// Whether this profile is defined.
    pub fn has(&self, name: &str) -> bool {
        self.sections.get_profile(name).is_some()
    }

    /// Refuses a profile that a person named and that is not defined.
    ///
    /// # Errors
    /// Says which profiles there are.
    pub fn check(&self, chosen: &ChosenProfile) -> Result<(), CommandError> {
        match chosen.name() {
            Some(name) if !self.has(name) => Err(self.unknown(chosen, name)),
            _ => Ok(()),
        }
    }

    fn unknown(&self, chosen: &ChosenProfile, name: &str) -> CommandError {
        let variable = match chosen {
            ChosenProfile::Variable(_) => " (AWS_PROFILE)",
            _ => "",
        };
        let mut names: Vec<&str> = self.sections.profiles().collect();
        names.sort_unstable();
        let guess = nearest(name, &names);
        let guess = guess.map_or_else(String::new, |name| format!("Did you mean {name:?}? "));
        let more = names.len().saturating_sub(MOST_LISTED);
        let listed: Vec<String> = names.iter().take(MOST_LISTED).map(quoted).collect();
        let listed = match (listed.as_slice(), more) {
            ([], _) => {
                "There are no profiles. `aws configure sso` and `aws configure` create them."
                    .to_owned()
            }
            (some, 0) => format!("These profiles are defined: {}.", some.join(", ")),
            (some, more) => format!(
                "These profiles are defined: {}, and {more} more (`aws configure list-profiles`).",
                some.join(", ")
            ),
        };
        CommandError::new(
            &format!("there is no profile {name:?}{variable}"),
            format!("{guess}{listed}"),
        )
    }

    /// Where the credentials of this profile come from, by the rules of every AWS tool. `None` where the files are wrong
    /// in a way that the SDK explains.
    pub fn chain(&self, name: &str) -> Option<ProfileChain> {
        let mut roles: Vec<ProfileRole> = Vec::new();
        let mut visited: Vec<&str> = Vec::new();
        let mut next = name;
        loop {
            let profile = self.sections.get_profile(next)?;
            if visited.contains(&next) {
                return None;
            }
            // Of a profile that another one refers to, keys come before its role.
            let keys = keys(profile).filter(|_| !visited.is_empty());
            visited.push(next);
            let role = role(profile).filter(|_| keys.is_none());
            match (role, profile.get("source_profile")) {
                (Some(role), Some(source)) if source == next => {
                    roles.insert(0, role);
                    let source = ProfileSource::of(profile);
                    return Some(ProfileChain::new(next, source, roles));
                }
                (Some(role), Some(source)) => {
                    roles.insert(0, role);
                    next = source;
                }
                // A role with another source is for the SDK, with its source.
                (Some(_), None) => {
                    return Some(ProfileChain::new(next, ProfileSource::Other, roles));
                }
                (None, _) => {
                    let source =
                        keys.map_or_else(|| ProfileSource::of(profile), ProfileSource::Keys);
                    return Some(ProfileChain::new(next, source, roles));
                }
            }
        }
    }
}

impl ProfileChain {
    fn new(base: &str, source: ProfileSource, roles: Vec<ProfileRole>) -> Self {
        Self {
            base: base.to_owned(),
            source,
            roles,
        }
    }

    /// Whether the SDK cannot follow it by itself: it knows no MFA, and is built without console sessions.
    pub fn is_beyond_the_sdk(&self) -> bool {
        matches!(self.source, ProfileSource::Login)
            || self.roles.iter().any(|role| role.mfa_serial.is_some())
    }
}

impl ProfileSource {
    /// The order is that of the SDK.
    fn of(profile: &Profile) -> Self {
        let has = |name: &str| profile.get(name).is_some();
        if has("credential_source") || has("web_identity_token_file") {
            Self::Other
        } else if has("sso_session") || has("sso_start_url") || has("sso_account_id") {
            Self::Sso
        } else if has("login_session") {
            Self::Login
        } else if has("credential_process") {
            Self::Process
        } else {
            keys(profile).map_or(Self::Other, Self::Keys)
        }
    }
}

/// The role that a profile assumes. A web identity is a source by itself.
fn role(profile: &Profile) -> Option<ProfileRole> {
    if profile.get("web_identity_token_file").is_some() {
        return None;
    }
    let text = |name: &str| profile.get(name).map(ToOwned::to_owned);
    Some(ProfileRole {
        profile: profile.name().to_owned(),
        role_arn: text("role_arn")?,
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        mfa_serial: text("mfa_serial"),
        duration_seconds: profile
            .get("duration_seconds")
            .and_then(|seconds| seconds.trim().parse().ok()),
    })
}

/// The keys in a profile.
fn keys(profile: &Profile) -> Option<Credentials> {
    Some(Credentials::new(
        profile.get("aws_access_key_id")?,
        profile.get("aws_secret_access_key")?,
        profile.get("aws_session_token").map(ToOwned::to_owned),
        None,
        "profile",
    ))
}

fn quoted(name: &&str) -> String {
    // Names of profiles are what somebody wrote into a file.
    if is_plain(name) {
        (*name).to_owned()
    } else {
        format!("{name:?}")
    }
}

/// Whether a shell needs no quotes around it.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte))
}

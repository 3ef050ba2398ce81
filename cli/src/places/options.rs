//! The options that name places.

use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::aws::{account_id, is_region};
use crate::exit::CommandError;
use crate::stream;

/// The options that ask for more than one place.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Many accounts")]
pub struct PlaceArgs {
    #[arg(
        long,
        value_name = "IDS",
        value_delimiter = ',',
        value_parser = AccountsValue::parse,
        help = "These accounts, comma-separated: numbers, @FILE\nwith numbers, or all of the organization or of\nthe recording: all"
    )]
    accounts: Vec<AccountsValue>,

    #[arg(
        long,
        value_name = "ROLE",
        requires = "accounts",
        value_parser = role,
        help = "The role to assume in each account, by its path\nand name: audit/tagwarden-reader"
    )]
    role: Option<String>,

    /// What the role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "role", value_parser = NonEmptyStringValueParser::new())]
    external_id: Option<String>,

    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = region,
        help = "These Regions of each account, comma-separated\n[default: the command's Region]"
    )]
    regions: Vec<String>,

    // A doc comment would have to be a sentence.
    #[arg(
        long,
        help = "Do not fail because a place cannot be read;\nit is named all the same"
    )]
    allow_unreadable: bool,
}

/// A value of `--accounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AccountsValue {
    All,
    One(String),
    File(String),
}

/// Which accounts are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedAccounts {
    /// The account of the credentials.
    Own,
    /// All of the recording, or of the organization.
    All,
    /// These, each once.
    These(Vec<String>),
}

/// Which places are asked for, and how to get into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedPlaces {
    pub accounts: AskedAccounts,
    /// Empty: the Region of the command; of a recording, every Region.
    pub regions: Vec<String>,
    /// The role's path and name.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// Whether a place that cannot be read is no failure of the command.
    pub may_be_unreadable: bool,
}

impl PlaceArgs {
    /// The places that the options ask for; `None` if the command is about one place, as without these options.
    ///
    /// # Errors
    /// The options do not go together, or a file of accounts cannot be read.
    pub fn asked(&self, instances: Option<&Path>) -> Result<Option<AskedPlaces>, CommandError> {
        if self.accounts.is_empty() && self.regions.is_empty() {
            return if self.allow_unreadable {
                let what = "--allow-unreadable is for several places, and none are named";
                Err(CommandError::misused(
                    &what,
                    "Name them with --accounts or --regions.",
                ))
            } else {
                Ok(None)
            };
        }
        let accounts = self.asked_accounts()?;
        let is_recorded = instances.is_some();
        match (&accounts, &self.role) {
            (_, Some(_)) if is_recorded => {
                return Err(CommandError::misused(
                    &"--role is for accounts that are read, and --instances is a recording",
                    "Leave out one of them.",
                ));
            }
            (AskedAccounts::All | AskedAccounts::These(_), None) if !is_recorded => {
                return Err(CommandError::misused(
                    &"--accounts needs --role, the role to assume in each account",
                    "Name a role that each account has and that may read, such as --role tagwarden-reader. docs/accounts.md \
                     has its policies.",
                ));
            }
            (AskedAccounts::Own, _) if is_recorded => {
                return Err(CommandError::misused(
                    &"--regions needs --accounts where the instances come from a recording",
                    "Add --accounts all.",
                ));
            }
            _ => {}
        }
        Ok(Some(AskedPlaces {
            accounts,
            regions: once(self.regions.iter().cloned()),
            role: self.role.clone(),
            external_id: self.external_id.clone(),
            may_be_unreadable: self.allow_unreadable,
        }))
    }

    /// The files of accounts, for the check that only one option reads standard input.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.accounts.iter().filter_map(|value| match value {
            AccountsValue::File(path) => Some(Path::new(path)),
            AccountsValue::All | AccountsValue::One(_) => None,
        })
    }

    fn asked_accounts(&self) -> Result<AskedAccounts, CommandError> {
        if self.accounts.is_empty() {
            return Ok(AskedAccounts::Own);
        }
        if self.accounts.contains(&AccountsValue::All) {
            return if self.accounts.len() == 1 {
                Ok(AskedAccounts::All)
            } else {
                Err(CommandError::misused(
                    &"--accounts all is every account, and others are named beside it",
                    "Leave out all, or the others.",
                ))
            };
        }
        let mut accounts = Vec::new();
        for value in &self.accounts {
            match value {
                AccountsValue::All => {}
                AccountsValue::One(account) => accounts.push(account.clone()),
                AccountsValue::File(path) => accounts.extend(of_file(Path::new(path))?),
            }
        }
        Ok(AskedAccounts::These(once(accounts)))
    }
}

impl AccountsValue {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.strip_prefix('@') {
            Some("") => Err("@ needs the path of a file".to_owned()),
            Some(path) => Ok(Self::File(path.to_owned())),
            None if text == "all" => Ok(Self::All),
            None => account_id(text).map(Self::One).map_err(|_| {
                "not the number of an AWS account (12 digits), @FILE or all".to_owned()
            }),
        }
    }
}

/// The accounts in a file: numbers with commas, blanks or line ends between them. `#` begins a remark.
fn of_file(path: &Path) -> Result<Vec<String>, CommandError> {
    let name = stream::name(path);
    let text = stream::read(path).map_err(|error| {
        CommandError::new(
            &format!("{name} cannot be read: {error}"),
            "Give --accounts the path of a file with the numbers of accounts, after an @.",
        )
    })?;
    let mut accounts = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words = line.split(|it: char| it == ',' || it.is_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            accounts.push(account_id(word).map_err(|error| {
                CommandError::new(
                    &format!("{name}:{}: {word:?} is {error}", nth + 1),
                    "The file has numbers of accounts, with commas, blanks or line ends between them. A remark begins with #.",
                )
            })?);
        }
    }
    if accounts.is_empty() {
        return Err(CommandError::new(
            &format!("{name} names no account"),
            "Write the numbers of the accounts into it, one a line.",
        ));
    }
    Ok(accounts)
}

/// The values, each once, in their order.
fn once(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

/// A role's name, with its path.
fn role(text: &str) -> Result<String, String> {
    // A name, of which IAM's alphabet is a part; `/` separates the path's parts.
    let name = text.trim_matches('/');
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || "+=,.@_-/".contains(it);
    if text.starts_with("arn:") {
        Err(
            "must be the role's name without its account, because each account has its own"
                .to_owned(),
        )
    } else if name.is_empty() || !name.chars().all(is_allowed) {
        Err("not the name of a role, such as tagwarden-reader or audit/tagwarden-reader".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

fn region(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_region(text) {
        Ok(text.to_owned())
    } else {
        Err("not the name of an AWS Region, such as eu-west-1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        places: PlaceArgs,
    }

    fn asked(line: &str, instances: Option<&str>) -> Result<Option<AskedPlaces>, String> {
        let line = ["tagwarden"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        let asked = line.places.asked(instances.map(Path::new));
        asked.map_err(|error| format!("{error:?}"))
    }

    #[rstest]
    #[case(
        "--accounts 1",
        "not the number of an AWS account (12 digits), @FILE or all"
    )]
    #[case("--accounts @", "@ needs the path of a file")]
    #[case("--accounts 111111111111", "--accounts needs --role")]
    #[case(
        "--accounts all,111111111111 --role r",
        "--accounts all is every account"
    )]
    #[case("--role r", "--accounts")]
    #[case("--accounts all --external-id x", "--role")]
    #[case(
        "--accounts all --role arn:aws:iam::111111111111:role/x",
        "must be the role's name"
    )]
    #[case("--accounts all --role a:b", "not the name of a role")]
    #[case("--regions eu.west", "not the name of an AWS Region")]
    #[case("--allow-unreadable", "--allow-unreadable is for several places")]
    #[case("--accounts @/nowhere --role r", "/nowhere cannot be read")]
    fn refuses_what_does_not_go_together(#[case] line: &str, #[case] part: &str) {
        let refusal = asked(line, None).unwrap_err();
        assert!(refusal.contains(part), "{refusal}");
    }

    #[rstest]
    #[case("--accounts all --role r", "--role is for accounts that are read")]
    #[case("--regions eu-west-1", "--regions needs --accounts")]
    fn refuses_for_a_recording(#[case] line: &str, #[case] part: &str) {
        let refusal = asked(line, Some("fleet.json")).unwrap_err();
        assert!(refusal.contains(part), "{refusal}");
    }

    #[test]
    fn reads_lists_and_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "# production\n222222222222 shop\n";
        std::fs::write(file.path(), text).unwrap();
        let line = format!("--role /a/b --accounts @{}", file.path().display());
        let refusal = asked(&line, None).unwrap_err();
        assert!(
            refusal.contains(":2: \\\"shop\\\" is not the number"),
            "{refusal}"
        );
        std::fs::write(
            file.path(),
            "222222222222\t333333333333, # two\n111111111111\n",
        )
        .unwrap();
        let line = format!("{line},111111111111 --regions eu-west-1,us-east-1,eu-west-1");
        let places = asked(&line, None).unwrap().unwrap();
        let accounts = ["222222222222", "333333333333", "111111111111"];
        let accounts = accounts.map(ToOwned::to_owned).to_vec();
        assert_eq!(places.accounts, AskedAccounts::These(accounts));
        assert_eq!(places.regions, ["eu-west-1", "us-east-1"]);
        assert_eq!(places.role.as_deref(), Some("a/b"));
        assert_eq!(asked("", None), Ok(None));
    }
}

//! Many accounts and Regions: which they are, how each is opened, and what is said of one that cannot be read.
//!
//! | module | what it holds |
//! |---|---|
//! | [`options`] | the options that name places |
//! | [`open`] | a place with the credentials of its role |
//! | [`notes`] | what is not known of places |
//! | `organization` | the accounts of an organization |

pub mod notes;
pub mod open;
pub mod options;
mod organization;

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::CommandError;
use crate::words::{count, printable_line};

/// An account and a Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    pub account: String,
    pub region: String,
}

/// `account 222222222222, eu-west-1`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {}, {}", self.account, self.region)
    }
}

/// A place that could not be read, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadPlace {
    /// Its account; its Region as well, unless nothing of the account could be read.
    pub account: String,
    pub region: Option<String>,
    pub why: String,
    pub what_next: String,
}

impl UnreadPlace {
    /// The place, and what ended the attempt to read it.
    pub fn new(place: &Place, error: CommandError) -> Self {
        let (why, what_next) = match error {
            CommandError::Failed { what, what_next }
            | CommandError::Misused { what, what_next } => (what, what_next),
            CommandError::AlreadyShown(_) => (
                "it was not read".to_owned(),
                "Run the command again.".to_owned(),
            ),
        };
        Self {
            account: place.account.clone(),
            region: Some(place.region.clone()),
            why,
            what_next,
        }
    }

    /// Its account, with its Region.
    pub fn place(&self) -> String {
        match &self.region {
            Some(region) => format!("account {}, {region}", self.account),
            None => format!("account {}", self.account),
        }
    }

    /// For documents.
    pub fn to_json(&self) -> Value {
        json!({
            "account": self.account, "region": self.region, "problem": self.why, "whatNext": self.what_next,
        })
    }
}

/// Places of one account that could not be read for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadGroup<'a> {
    first: &'a UnreadPlace,
    regions: Vec<&'a str>,
}

impl<'a> UnreadGroup<'a> {
    /// The groups of `unread`, in the order of their first places.
    pub fn of(unread: &'a [UnreadPlace]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for place in unread {
            let is_alike = |group: &&mut Self| {
                let first = group.first;
                (&first.account, &first.why, &first.what_next)
                    == (&place.account, &place.why, &place.what_next)
            };
            let region = place.region.as_deref();
            match groups.iter_mut().find(is_alike) {
                Some(group) => group.regions.extend(region),
                None => groups.push(Self {
                    first: place,
                    regions: region.into_iter().collect(),
                }),
            }
        }
        groups
    }

    /// The account and its Regions: `account 333333333333, eu-west-1, us-east-1`.
    pub fn places(&self) -> String {
        let account = std::iter::once(self.first.account.as_str());
        let parts = account.chain(self.regions.iter().copied());
        format!("account {}", parts.collect::<Vec<_>>().join(", "))
    }

    /// Why they could not be read.
    pub fn why(&self) -> &'a str {
        &self.first.why
    }

    /// What to do about it.
    pub fn what_next(&self) -> &'a str {
        &self.first.what_next
    }
}

/// `account 333333333333, eu-west-1 was not read: …`, with what to do about it on a line of its own.
impl fmt::Display for UnreadGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, what_next) = (printable_line(self.why()), printable_line(self.what_next()));
        write!(f, "{} was not read: {why}\n  {what_next}", self.places())
    }
}

/// The most places that a message names.
const NAMED: usize = 5;

/// The places of `names`, some of them at least.
pub fn some_of(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

/// The end of a command of which `unread` places could not be read, of `asked`.
pub fn incomplete(unread: &[UnreadPlace], asked: usize) -> CommandError {
    let groups: Vec<String> = UnreadGroup::of(unread)
        .iter()
        .map(UnreadGroup::places)
        .collect();
    CommandError::new(
        &format!(
            "{} of {} could not be read: {}",
            unread.len(),
            count(asked, "place"),
            some_of(&groups),
        ),
        "The output names each with its reason, and everything else in it holds. With --allow-unreadable, the command does \
         not fail for them.",
    )
}

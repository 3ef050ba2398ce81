//! The inputs of many places, one after the other: of accounts that are read, or of a recording of several.

use std::collections::BTreeMap;
use std::path::Path;

use tagwarden_core::Resource;

use super::inputs::{InputArgs, Inputs, RecordedFleet};
use super::policies::{PolicySources, TableCache};
use super::sources::SourceArgs;
use crate::aws;
use crate::exit::CommandError;
use crate::places::open::Places;
use crate::places::options::{AskedAccounts, AskedPlaces, PlaceArgs};
use crate::places::{Place, UnreadPlace};
use crate::stream;

/// What there is to say of all places together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacesRead {
    /// How many places were asked for.
    pub asked: usize,
    /// What is not known of a recording of them, each a whole sentence.
    pub notes: Vec<String>,
}

/// The places that the options ask for; `None` if the command is about one place, as without these options.
///
/// # Errors
/// The options do not go together, or a file of accounts cannot be read.
pub fn asked(
    places: &PlaceArgs,
    sources: &SourceArgs,
    against: Option<&Path>,
) -> Result<Option<AskedPlaces>, CommandError> {
    let files = places.files().map(|path| ("--accounts", path));
    stream::check_one_reader(sources.readers(against).chain(files))?;
    places.asked(sources.instances.as_deref())
}

/// Reads the places that are asked for and hands over the inputs of each with what `more` reads there, or why it could not be
/// read. Nothing that is handed over is kept.
///
/// # Errors
/// Nothing can be read at all, or those of `take`.
pub fn each<T>(
    args: InputArgs<'_>,
    asked: &AskedPlaces,
    more: impl AsyncFn(&Inputs) -> Result<T, CommandError>,
    take: impl FnMut(&Place, Result<(Inputs, T), UnreadPlace>) -> Result<(), CommandError>,
) -> Result<PlacesRead, CommandError> {
    args.check_one_reader()?;
    let policies = PolicySources::open(args.sources.policy_path(), args.against)?;
    aws::runtime()?.block_on(async {
        match &args.sources.instances {
            Some(path) => of_recording(args, path, asked, &policies, more, take).await,
            None => of_accounts(args, asked, &policies, more, take).await,
        }
    })
}

async fn of_accounts<T>(
    args: InputArgs<'_>,
    asked: &AskedPlaces,
    policies: &PolicySources,
    more: impl AsyncFn(&Inputs) -> Result<T, CommandError>,
    take: impl FnMut(&Place, Result<(Inputs, T), UnreadPlace>) -> Result<(), CommandError>,
) -> Result<PlacesRead, CommandError> {
    let places = Places::open(asked, args.aws).await?;
    let cache = TableCache::of_accounts(places.caller.clone());
    let policies = policies.clone().with(&cache);
    let read = async |access| {
        let inputs = Box::pin(Inputs::of_access(args, access, policies.clone())).await?;
        let more = more(&inputs).await?;
        Ok((inputs, more))
    };
    places.each(read, take).await?;
    Ok(PlacesRead {
        asked: places.list.len(),
        notes: Vec::new(),
    })
}

async fn of_recording<T>(
    args: InputArgs<'_>,
    path: &Path,
    asked: &AskedPlaces,
    policies: &PolicySources,
    more: impl AsyncFn(&Inputs) -> Result<T, CommandError>,
    mut take: impl FnMut(&Place, Result<(Inputs, T), UnreadPlace>) -> Result<(), CommandError>,
) -> Result<PlacesRead, CommandError> {
    let mut recorded = RecordedFleet::read(args, path, policies).await?;
    let mut parts = by_place(std::mem::take(&mut recorded.instances), &recorded.name)?;
    if !asked.regions.is_empty() {
        parts.retain(|place, _| asked.regions.contains(&place.region));
    }
    if parts.is_empty() && asked.accounts == AskedAccounts::All {
        return Err(CommandError::new(
            &format!("{} has no instance, so it names no account", recorded.name),
            "Check the recording and --regions, or name the accounts that it should cover: --accounts 222222222222.",
        ));
    }
    let mut count = 0;
    if let AskedAccounts::These(accounts) = &asked.accounts {
        for account in accounts {
            if parts.keys().any(|place| place.account == *account) {
                continue;
            }
            count += 1;
            let place = Place {
                account: account.clone(),
                region: String::new(),
            };
            take(&place, Err(not_recorded(account, &recorded.name)))?;
        }
        parts.retain(|place, _| accounts.contains(&place.account));
    }
    count += parts.len();
    let policies = policies.clone().with(&TableCache::of_recording());
    for (place, instances) in parts {
        let from = format!("{}, {place}", recorded.name);
        let part = recorded.part(args, policies.clone(), from, instances, Vec::new());
        // What a recording lacks is the same everywhere: a failure is that of the command.
        let inputs = Box::pin(part).await?;
        let more = more(&inputs).await?;
        take(&place, Ok((inputs, more)))?;
    }
    Ok(PlacesRead {
        asked: count,
        notes: recorded.notes,
    })
}

/// The resources of a recording by their places.
fn by_place(
    resources: Vec<Resource>,
    name: &str,
) -> Result<BTreeMap<Place, Vec<Resource>>, CommandError> {
    let mut parts: BTreeMap<Place, Vec<Resource>> = BTreeMap::new();
    for resource in resources {
        let details = &resource.details;
        let place = match (&details.owner_id, details.region()) {
            (Some(account), Some(region)) => Place {
                account: account.clone(),
                region: region.to_owned(),
            },
            (account, _) => {
                let missing = if account.is_some() {
                    "Region"
                } else {
                    "account"
                };
                return Err(CommandError::new(
                    &format!("{name} does not say in which {missing} {} is", resource.id),
                    "Select accountId and awsRegion in the query, as docs/accounts.md does, or leave out --accounts.",
                ));
            }
        };
        parts.entry(place).or_default().push(resource);
    }
    Ok(parts)
}

fn not_recorded(account: &str, name: &str) -> UnreadPlace {
    UnreadPlace {
        account: account.to_owned(),
        region: None,
        why: format!("{name} has nothing of it"),
        what_next: "Either it has no instances there, or the recording does not cover it. `aws configservice \
                    describe-configuration-aggregator-sources-status` names the accounts that an aggregator reads."
            .to_owned(),
    }
}

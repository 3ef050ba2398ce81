//! Looks for instances in many places, and has the engine explain those that it finds.

use std::collections::BTreeSet;

use tagwarden_aws::{Ec2, resources};

use super::explained::{ExplainArgs, Explained};
use super::policies::{PolicySource, TableCache};
use super::trouble;
use crate::aws;
use crate::exit::CommandError;
use crate::places::UnreadPlace;
use crate::places::open::Places;
use crate::places::options::AskedPlaces;

/// What was found of the instances that were asked for.
#[derive(Debug, Default)]
pub struct FoundInstances {
    /// The places in which some of them are, each with the explanations.
    pub explained: Vec<Explained>,
    /// The ids of those that are in no place that was read.
    pub unknown: Vec<String>,
    /// The places that were looked into.
    pub looked_in: Vec<String>,
    pub unread: Vec<UnreadPlace>,
}

impl FoundInstances {
    /// Looks into the places that are asked for. A place without any of the instances is asked for nothing else.
    ///
    /// # Errors
    /// Nothing can be read at all.
    pub fn read(args: ExplainArgs<'_>, asked: &AskedPlaces) -> Result<Self, CommandError> {
        let sources = args.inputs.sources;
        let policy = match sources.policy_path() {
            None => PolicySource::Table(None),
            Some(path) => PolicySource::open(path)?,
        };
        aws::runtime()?.block_on(async {
            match &sources.instances {
                Some(path) => {
                    let explained =
                        Explained::of_recording(args, path, policy, Some(asked)).await?;
                    Ok(Self {
                        unknown: explained.unknown.clone(),
                        looked_in: vec![explained.from.clone()],
                        explained: vec![explained],
                        unread: Vec::new(),
                    })
                }
                None => Self::of_accounts(args, asked, &policy).await,
            }
        })
    }

    async fn of_accounts(
        args: ExplainArgs<'_>,
        asked: &AskedPlaces,
        policy: &PolicySource,
    ) -> Result<Self, CommandError> {
        let places = Places::open(asked, args.inputs.aws).await?;
        let policy = policy
            .clone()
            .with(&TableCache::of_accounts(places.caller.clone()));
        let mut found = Self::default();
        let read = async |access: aws::access::AwsAccess| {
            let ec2 = Ec2::new(&access.config);
            let there = resources::describe_unplaced(&ec2, args.ids).await;
            if there.map_err(|error| trouble::aws(&error))?.is_empty() {
                return Ok(None);
            }
            let explained = Explained::of_access(args, access, policy.clone()).await?;
            Ok(Some(explained))
        };
        let take = |place: &crate::places::Place,
                    result: Result<Option<Explained>, UnreadPlace>| {
            match result {
                Ok(explained) => {
                    found.looked_in.push(place.to_string());
                    found.explained.extend(explained);
                }
                Err(unread) => found.unread.push(unread),
            }
            Ok(())
        };
        places.each(read, take).await?;
        let explained = found.explained.iter();
        let known: BTreeSet<&String> = explained
            .flat_map(|it| it.instances.iter().map(|it| &it.id))
            .collect();
        let mut unknown: Vec<String> = Vec::new();
        for id in args.ids {
            if !known.contains(id) && !unknown.contains(id) {
                unknown.push(id.clone());
            }
        }
        found.unknown = unknown;
        Ok(found)
    }
}

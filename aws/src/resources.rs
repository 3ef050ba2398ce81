//! Reads resources of all kinds, each with the call of its kind.

use std::collections::VecDeque;

use tagwarden_core::{Kind, Policy, Resource, Scope};

use crate::instances::{self, InstancePages};
use crate::volumes::{self, VolumePages};
use crate::{AwsError, Ec2};

/// Reads the resources that a policy covers page by page: the instances, then the volumes. Memory does not grow with their
/// number.
#[derive(Debug)]
pub struct ResourcePages<'a> {
    ec2: &'a Ec2,
    policy: &'a Policy,
    scope: &'a Scope,
    /// The pages of each kind that is left.
    left: VecDeque<KindPages<'a>>,
}

#[derive(Debug)]
enum KindPages<'a> {
    Instances(InstancePages<'a>),
    Volumes(VolumePages<'a>),
}

impl<'a> ResourcePages<'a> {
    /// The resources of `kinds` that are not gone and may be in `scope`, at most 1,000 a page. Of what is attached to
    /// instances, those kinds for which `policy` has a rule: no call is made for the others.
    #[must_use]
    pub fn of(
        ec2: &'a Ec2,
        policy: &'a Policy,
        scope: &'a Scope,
        kinds: impl IntoIterator<Item = Kind>,
    ) -> Self {
        let kinds = kinds
            .into_iter()
            .filter(|kind| kind.attached_by().is_none() || policy.kinds().contains(*kind));
        let left = kinds.map(|kind| match kind {
            Kind::Instance => KindPages::Instances(InstancePages::in_scope(ec2, scope)),
            Kind::Volume => KindPages::Volumes(VolumePages::living(ec2)),
        });
        Self {
            ec2,
            policy,
            scope,
            left: left.collect(),
        }
    }

    /// Whether there is another page.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.left.iter().any(KindPages::has_next)
    }

    /// Reads the next page, of one kind. Gives `None` after the last page. A page can be empty.
    ///
    /// # Errors
    /// The call failed.
    pub async fn next(&mut self) -> Option<Result<Vec<Resource>, AwsError>> {
        while self.left.front().is_some_and(|pages| !pages.has_next()) {
            self.left.pop_front();
        }
        match self.left.front_mut()? {
            KindPages::Instances(pages) => pages.next().await,
            KindPages::Volumes(pages) => {
                let page = pages.next().await?;
                Some(self.placed(page).await)
            }
        }
    }

    async fn placed(
        &self,
        page: Result<Vec<Resource>, AwsError>,
    ) -> Result<Vec<Resource>, AwsError> {
        let mut page = page?;
        place(self.ec2, self.policy, self.scope, &mut page).await?;
        Ok(page)
    }
}

impl KindPages<'_> {
    fn has_next(&self) -> bool {
        match self {
            Self::Instances(pages) => pages.has_next(),
            Self::Volumes(pages) => pages.has_next(),
        }
    }
}

/// The fewest requests that [`describe`] makes for this number of ids of one kind.
#[must_use]
pub fn requests_for(ids: usize) -> usize {
    instances::requests_for(ids)
}

/// Reads those of `ids` that exist, in any state and in no particular order. What is attached is [placed](place).
///
/// Makes no call for a kind of which there is no id.
///
/// # Errors
/// A call failed.
pub async fn describe(
    ec2: &Ec2,
    policy: &Policy,
    scope: &Scope,
    ids: &[String],
) -> Result<Vec<Resource>, AwsError> {
    let mut found = describe_unplaced(ec2, ids).await?;
    place(ec2, policy, scope, &mut found).await?;
    Ok(found)
}

/// As [`describe`], without the VPCs of what is attached.
///
/// # Errors
/// A call failed.
pub async fn describe_unplaced(ec2: &Ec2, ids: &[String]) -> Result<Vec<Resource>, AwsError> {
    let (volume_ids, instance_ids): (Vec<String>, Vec<String>) = ids
        .iter()
        .cloned()
        .partition(|id| Kind::of_id(id) == Some(Kind::Volume));
    let (found, volumes) = futures_util::try_join!(
        instances::describe(ec2, &instance_ids),
        volumes::describe(ec2, &volume_ids),
    )?;
    Ok([found, volumes].concat())
}

/// Gives what is attached the VPC of its instance, where `scope` or a rule of `policy` asks for it. Of several instances it
/// is one in `scope`, if any is.
///
/// Makes no call where nothing asks, nor where nothing is attached.
///
/// # Errors
/// A call of DescribeInstances failed.
pub async fn place(
    ec2: &Ec2,
    policy: &Policy,
    scope: &Scope,
    resources: &mut [Resource],
) -> Result<(), AwsError> {
    let is_asked = scope.vpc_ids().len() > 0 || policy.asks_for_the_vpc_of_attached();
    if !is_asked {
        return Ok(());
    }
    volumes::place(ec2, scope, resources).await
}

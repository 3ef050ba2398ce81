//! The instances that the policy covers.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::Resource;

/// The VPCs whose instances the policy covers. The default is every VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    vpc_ids: BTreeSet<String>,
}

/// A list of VPC ids that names something else, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVpcList {
    /// An entry is not a VPC id.
    #[error("{0:?} is not a VPC id (such as vpc-0a1b2c3d4e5f60718)")]
    NotAVpcId(String),
    /// There are commas and no VPC id. Taken for an empty list, it would mean every VPC.
    #[error("{0:?} names no VPC id (leave it empty to mean every VPC)")]
    NoVpcId(String),
}

impl Scope {
    /// Reads a comma-separated list of VPC ids, with or without blanks around them. An empty or blank list means every VPC.
    ///
    /// # Errors
    /// [`InvalidVpcList`] names the first entry that is not `vpc-` and letters or digits, or the list if all its entries
    /// are blank: `"$A,$B"` with two unset variables must not mean every VPC.
    pub fn from_list(list: &str) -> Result<Self, InvalidVpcList> {
        let vpc_ids: BTreeSet<String> = list
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| {
                let suffix = id.strip_prefix("vpc-").unwrap_or_default();
                let is_vpc_id =
                    !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
                is_vpc_id
                    .then(|| id.to_owned())
                    .ok_or_else(|| InvalidVpcList::NotAVpcId(id.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        if vpc_ids.is_empty() && !list.trim().is_empty() {
            return Err(InvalidVpcList::NoVpcId(list.to_owned()));
        }
        Ok(Self { vpc_ids })
    }

    /// Whether the policy covers `instance`. A resource without a VPC is covered only by the scope of every VPC. The VPC of
    /// a volume is that of its instance, so that a detached one is without.
    #[must_use]
    pub fn covers(&self, instance: &Resource) -> bool {
        self.vpc_ids.is_empty()
            || instance
                .vpc_id
                .as_ref()
                .is_some_and(|vpc_id| self.vpc_ids.contains(vpc_id))
    }

    /// Gives those of `resources` that are attached to others of them the VPC of their instance; of several instances, of
    /// one that is in scope, if any is.
    pub fn place(&self, resources: &mut [Resource]) {
        let hosts = resources.iter().flat_map(|it| &it.attached_to);
        let hosts: BTreeSet<&String> = hosts.collect();
        if hosts.is_empty() {
            return;
        }
        let instances = resources.iter().filter(|it| hosts.contains(&it.id));
        let vpc_of: BTreeMap<String, Option<String>> = instances
            .map(|it| (it.id.clone(), it.vpc_id.clone()))
            .collect();
        for resource in resources {
            let ids = resource.attached_to.iter();
            let vpcs: Vec<&String> = ids.filter_map(|id| vpc_of.get(id)?.as_ref()).collect();
            let in_scope = vpcs.iter().find(|vpc| self.vpc_ids.contains(**vpc));
            if let Some(vpc) = in_scope.or(vpcs.first()) {
                resource.vpc_id = Some((*vpc).clone());
            }
        }
    }

    /// The VPC ids, sorted. No ids mean every VPC.
    pub fn vpc_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.vpc_ids.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Kind, State};

    #[test]
    fn ignores_blanks_and_empty_entries() {
        let scope = Scope::from_list(" vpc-0a1b, vpc-2c3d ,").unwrap();
        assert_eq!(
            scope.vpc_ids().collect::<Vec<_>>(),
            ["vpc-0a1b", "vpc-2c3d"]
        );
        assert_eq!(Scope::from_list(" ").unwrap(), Scope::default());
    }

    #[test]
    fn rejects_an_entry_that_is_not_a_vpc_id() {
        for (list, culprit) in [
            ("vpc-0a1b subnet-1", "vpc-0a1b subnet-1"),
            ("vpc-", "vpc-"),
            ("vpc-1,sg-2", "sg-2"),
        ] {
            assert_eq!(
                Scope::from_list(list),
                Err(InvalidVpcList::NotAVpcId(culprit.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_attached_is_where_its_instance_is() {
        let in_vpc = |id: &str, vpc: &str| {
            let mut instance = Resource::instance(id, State::Running);
            instance.vpc_id = Some(vpc.to_owned());
            instance
        };
        let attached_to = |ids: &[&str]| {
            let mut volume = Resource::new(Kind::Volume, "vol-1", State::InUse);
            volume.attached_to = ids.iter().map(|id| (*id).to_owned()).collect();
            volume
        };
        let scope = Scope::from_list("vpc-2").unwrap();
        for (ids, vpc_id) in [
            (vec!["i-1"], Some("vpc-1")),
            (vec!["i-1", "i-2"], Some("vpc-2")),
            (vec!["i-3"], None),
            (vec![], None),
        ] {
            let mut resources = [
                in_vpc("i-1", "vpc-1"),
                in_vpc("i-2", "vpc-2"),
                attached_to(&ids),
            ];
            scope.place(&mut resources);
            let [first, _, volume] = resources;
            assert_eq!(volume.vpc_id.as_deref(), vpc_id, "{ids:?}");
            assert_eq!(first.vpc_id.as_deref(), Some("vpc-1"));
        }
    }

    #[test]
    fn rejects_a_list_that_names_no_vpc() {
        for list in [",", " , ", ",,"] {
            let error = Scope::from_list(list).unwrap_err();
            assert_eq!(error, InvalidVpcList::NoVpcId(list.to_owned()));
        }
        assert_eq!(
            Scope::from_list(",").unwrap_err().to_string(),
            r#""," names no VPC id (leave it empty to mean every VPC)"#
        );
    }
}

//! Which manager an instance has, and which one counts if it has several.

use std::collections::BTreeMap;

use super::{Manager, ManagerTags};
use crate::resource::Resource;

/// The tag of an Auto Scaling group.
const AUTO_SCALING_GROUP: &str = "aws:autoscaling:groupName";

/// The beginning of the tag that tools write on the instances of a Kubernetes cluster, before the cluster's name or id.
const KUBERNETES_CLUSTER: &str = "kubernetes.io/cluster/";

/// The beginning of the tag that Cluster API's provider for AWS writes, before the cluster's name.
const CLUSTER_API_CLUSTER: &str = "sigs.k8s.io/cluster-api-provider-aws/cluster/";

impl Resource {
    /// The manager of this instance; `None` if it has none. `listed` are the keys of the organisation's own managers.
    ///
    /// Many managers launch through another manager, so that an instance has the tags of both. Gives the one that the
    /// user configures: the node group, not its Auto Scaling group.
    #[must_use]
    pub fn manager(&self, listed: &ManagerTags) -> Option<Manager<'_>> {
        let tags = Tags(&self.tags);
        // AWS services come first, because EC2 lets only them end their instances.
        self.service(tags)
            // The organisation knows best what its own tags mean.
            .or_else(|| listed.find(&self.tags))
            // Then managers that launch through an Auto Scaling group or a fleet.
            .or_else(|| tags.storage().filter(|_| self.kind.attached_by().is_some()))
            .or_else(|| tags.kubernetes())
            .or_else(|| tags.cluster())
            .or_else(|| tags.short_lived())
            .or_else(|| tags.replication())
            .or_else(|| tags.group())
            // A Spot request says the least: every manager above can launch Spot Instances.
            .or_else(|| self.spot_request())
    }

    fn service<'a>(&'a self, tags: Tags<'a>) -> Option<Manager<'a>> {
        let operator = self.operator.as_deref();
        let node_pool = tags.get("eks:kubernetes-node-pool-name");
        if operator == Some("eks.amazonaws.com") || node_pool.is_some() {
            return Some(Manager::EksAutoMode { node_pool });
        }
        operator.map(|principal| Manager::Operator { principal })
    }

    fn spot_request(&self) -> Option<Manager<'_>> {
        let id = self.spot_request_id.as_deref()?;
        let id = Some(id).filter(|id| !id.is_empty());
        Some(Manager::SpotRequest { id })
    }
}

/// The tags of an instance.
#[derive(Clone, Copy)]
struct Tags<'a>(&'a BTreeMap<String, String>);

impl<'a> Tags<'a> {
    /// The value of the tag `key`. Only ECS writes a tag with an empty value, so that an empty value counts as none.
    fn get(self, key: &str) -> Option<&'a str> {
        let value = self.0.get(key).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The rest of each key that begins with `prefix`, and the tag's value.
    fn rests(self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let tags = self.0.range(prefix.to_owned()..);
        tags.map_while(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
            .filter(|(rest, _)| !rest.is_empty())
    }

    /// The manager of the volumes of a Kubernetes cluster.
    fn storage(self) -> Option<Manager<'a>> {
        let claim = self.get("kubernetes.io/created-for/pvc/name");
        let is_driver = claim.is_some() || self.get("ebs.csi.aws.com/cluster").is_some();
        is_driver.then_some(Manager::EbsCsi { claim })
    }

    /// Managers of the nodes of a Kubernetes cluster.
    fn kubernetes(self) -> Option<Manager<'a>> {
        if let Some(name) = self.get("eks:nodegroup-name") {
            let cluster = self.get("eks:cluster-name");
            return Some(Manager::EksNodeGroup { name, cluster });
        }
        let node_pool = self.get("karpenter.sh/nodepool");
        let node_pool = node_pool.or(self.get("karpenter.sh/provisioner-name"));
        if node_pool.is_some() || self.get("karpenter.sh/nodeclaim").is_some() {
            return Some(Manager::Karpenter { node_pool });
        }
        // Spot's groups take over the instance groups and node groups of others, so they come before them.
        if let Some(manager) = self.spotinst() {
            return Some(manager);
        }
        let mut clusters = self.rests(CLUSTER_API_CLUSTER);
        if let Some((cluster, _)) = clusters.find(|(_, value)| !value.is_empty()) {
            return Some(Manager::ClusterApi { cluster });
        }
        if let Some(machine) = self.open_shift_machine() {
            return Some(Manager::OpenShift { machine });
        }
        let instance_group = self.get("kops.k8s.io/instancegroup")?;
        Some(Manager::Kops { instance_group })
    }

    fn spotinst(self) -> Option<Manager<'a>> {
        let group = self.get("spotinst:aws:ec2:group:id");
        let is_theirs = group.is_some() || self.get("spotinst:aws:ec2:group:createdBy").is_some();
        let is_detached = self.get("spotinst:aws:ec2:state") == Some("detached");
        (is_theirs && !is_detached).then_some(Manager::Spotinst { group })
    }

    /// The name of the OpenShift machine. Its cluster's id tells it from the nodes of other clusters, because the id ends
    /// in five characters that nobody chose.
    fn open_shift_machine(self) -> Option<&'a str> {
        let name = self.get("Name")?;
        let is_id = |id: &str| {
            id.rsplit_once('-').is_some_and(|(cluster, random)| {
                let is_random = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                !cluster.is_empty() && random.len() == 5 && random.bytes().all(is_random)
            })
        };
        let names_it = |id: &str| {
            let rest = name.strip_prefix(id).and_then(|it| it.strip_prefix('-'));
            rest.is_some_and(|rest| !rest.is_empty())
        };
        self.rests(KUBERNETES_CLUSTER)
            .any(|(id, value)| value == "owned" && is_id(id) && names_it(id))
            .then_some(name)
    }

    /// Managers of other clusters and environments.
    fn cluster(self) -> Option<Manager<'a>> {
        if let Some(cluster) = self.get("parallelcluster:cluster-name") {
            let is_head = self.get("parallelcluster:node-type") == Some("HeadNode");
            return Some(Manager::ParallelCluster { cluster, is_head });
        }
        if let Some(node_group) = self.get("aws:pcs:compute-node-group-id") {
            return Some(Manager::ComputingService { node_group });
        }
        let environment = self.get("aws:batch:compute-environment");
        if environment.is_some() || self.get("AWSBatchServiceTag").is_some() {
            return Some(Manager::Batch { environment });
        }
        if let Some(cluster_id) = self.get("aws:elasticmapreduce:job-flow-id") {
            return Some(Manager::Emr { cluster_id });
        }
        if let Some(environment) = self.get("elasticbeanstalk:environment-name") {
            return Some(Manager::Beanstalk { environment });
        }
        let group = self.get(AUTO_SCALING_GROUP);
        let is_ecs = self.0.contains_key("AmazonECSManaged");
        is_ecs.then_some(Manager::CapacityProvider { group })
    }

    /// Managers that end their instances when these have done their work.
    fn short_lived(self) -> Option<Manager<'a>> {
        if let Some(image) = self.get("Ec2ImageBuilderArn") {
            return Some(Manager::ImageBuilder { image });
        }
        if let Some(environment) = self.get("aws:cloud9:environment") {
            return Some(Manager::Cloud9 { environment });
        }
        self.get("jenkins_slave_type").map(|_| Manager::Jenkins)
    }

    /// Services that replicate servers into EC2.
    fn replication(self) -> Option<Manager<'a>> {
        if self.get("AWSElasticDisasterRecoveryManaged").is_some() {
            let source_server = self.get("AWSElasticDisasterRecoverySourceServerID");
            return Some(Manager::DisasterRecovery { source_server });
        }
        self.get("AWSApplicationMigrationServiceManaged")?;
        let source_server = self.get("AWSApplicationMigrationServiceSourceServerID");
        Some(Manager::ApplicationMigration { source_server })
    }

    /// EC2's own groups. Auto Scaling groups come before fleets, because they also launch through fleets.
    fn group(self) -> Option<Manager<'a>> {
        if let Some(group) = self.get(AUTO_SCALING_GROUP) {
            return Some(Manager::AutoScaling { group });
        }
        if let Some(request_id) = self.get("aws:ec2spot:fleet-request-id") {
            return Some(Manager::SpotFleet { request_id });
        }
        let id = self.get("aws:ec2:fleet-id")?;
        Some(Manager::Fleet { id })
    }
}

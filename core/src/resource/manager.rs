//! Finds the manager of an instance: what would replace the instance, or alone may end it.
//!
//! Shutting down a managed instance fixes nothing, because its manager launches the next one with the same tags. The
//! fix that lasts is a change to what the manager copies the tags from; [`Manager::fix`] names it.
//!
//! A manager is recognised by the tags that it writes on what it launches, and by two members of DescribeInstances'
//! response. Only AWS can write tags that begin with `aws:`. Anyone who may tag the instance can write the others.
//! That protects the instance from a shutdown and has no other effect.

use std::fmt;

use super::instance::Instance;

/// The manager of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager<'a> {
    /// EKS Auto Mode: operator `eks.amazonaws.com`, or the tag `eks:kubernetes-node-pool-name`.
    ///
    /// See [EKS Auto Mode managed instances](https://docs.aws.amazon.com/eks/latest/userguide/automode-learn-instances.html);
    /// for the tags, the custom policy in
    /// [Identity and access in EKS Auto Mode](https://docs.aws.amazon.com/eks/latest/userguide/auto-learn-iam.html).
    EksAutoMode {
        /// The node pool, if the tag names it.
        node_pool: Option<&'a str>,
    },
    /// Another AWS service that manages the instance. EC2 lets only that service end it.
    ///
    /// See [Amazon EC2 managed instances](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html)
    /// and [OperatorResponse](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_OperatorResponse.html).
    Operator {
        /// Such as `scaler.lambda.amazonaws.com`.
        principal: &'a str,
    },
    /// An EKS managed node group: the tag `eks:nodegroup-name`. Its instances also have the tag of its Auto Scaling
    /// group.
    ///
    /// Tags of the node group do not reach its instances, but tags in its launch template do. See
    /// [Managed node groups](https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html) and
    /// [Launch templates](https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html).
    EksNodeGroup {
        /// The node group.
        name: &'a str,
        /// The cluster, if the tag `eks:cluster-name` names it.
        cluster: Option<&'a str>,
    },
    /// Karpenter: the tag `karpenter.sh/nodepool`, or `karpenter.sh/provisioner-name` before version 0.32.
    ///
    /// See [NodeClasses, spec.tags](https://karpenter.sh/docs/concepts/nodeclasses/#spectags).
    Karpenter {
        /// The node pool or provisioner; `None` if the only tag of Karpenter is `karpenter.sh/nodeclaim`.
        node_pool: Option<&'a str>,
    },
    /// AWS Batch: the tag `AWSBatchServiceTag`, or `aws:batch:compute-environment`, which AWS does not document. Its
    /// instances also have the tag of the Auto Scaling group or Spot Fleet that it launches through.
    ///
    /// See [BatchServiceRolePolicy](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/BatchServiceRolePolicy.html).
    /// Tags of the compute environment do not reach its instances, but tags of its compute resources do: see
    /// [Tag your resources](https://docs.aws.amazon.com/batch/latest/userguide/tag-resources.html).
    Batch {
        /// The compute environment, if a tag names it.
        environment: Option<&'a str>,
    },
    /// An EMR cluster: the tag `aws:elasticmapreduce:job-flow-id`. The cluster's tags reach its instances.
    ///
    /// See [Tag and categorize Amazon EMR cluster resources](https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html).
    Emr {
        /// `j-…`.
        cluster_id: &'a str,
    },
    /// An Auto Scaling group: the tag `aws:autoscaling:groupName`.
    ///
    /// See [Tag Auto Scaling groups](https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html).
    AutoScaling {
        /// The group.
        group: &'a str,
    },
    /// A Spot Fleet: the tag `aws:ec2spot:fleet-request-id`. A fleet of the type `maintain` replaces its instances.
    ///
    /// See [Tag a Spot Fleet](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/tag-spot-fleet.html).
    SpotFleet {
        /// `sfr-…`.
        request_id: &'a str,
    },
    /// An EC2 Fleet: the tag `aws:ec2:fleet-id`. A fleet of the type `maintain` replaces its instances. Auto Scaling
    /// and Karpenter also launch through fleets.
    ///
    /// See [Tag EC2 Fleets](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/tag-ec2-fleet.html).
    Fleet {
        /// `fleet-…`.
        id: &'a str,
    },
    /// A Spot request: EC2's `spotInstanceRequestId` or `instanceLifecycle`. A persistent request launches the next
    /// instance and a one-time request does not. The description of the instance does not show which type it is.
    ///
    /// See [Work with Spot Instances](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-requests.html). Tags
    /// of the request do not reach the instance: [Tag Spot Instance requests](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts-spot-instances-request-tags.html).
    SpotRequest {
        /// `sir-…`, if EC2 names it.
        id: Option<&'a str>,
    },
}

impl Instance {
    /// The manager of this instance; `None` if it has none.
    ///
    /// Many managers launch through another manager, so that an instance has the tags of both. Gives the one that the
    /// user configures: the node group, not its Auto Scaling group.
    #[must_use]
    pub fn manager(&self) -> Option<Manager<'_>> {
        // No manager writes an empty value.
        let tag = |key: &str| {
            let value = self.tags.get(key).map(String::as_str);
            value.filter(|value| !value.is_empty())
        };
        // AWS services come first, because EC2 lets only them end their instances.
        let operator = self.operator.as_deref();
        let node_pool = tag("eks:kubernetes-node-pool-name");
        if operator == Some("eks.amazonaws.com") || node_pool.is_some() {
            return Some(Manager::EksAutoMode { node_pool });
        }
        if let Some(principal) = operator {
            return Some(Manager::Operator { principal });
        }
        // Then managers that launch through an Auto Scaling group or a fleet.
        if let Some(name) = tag("eks:nodegroup-name") {
            let cluster = tag("eks:cluster-name");
            return Some(Manager::EksNodeGroup { name, cluster });
        }
        let node_pool = tag("karpenter.sh/nodepool").or(tag("karpenter.sh/provisioner-name"));
        if node_pool.is_some() || tag("karpenter.sh/nodeclaim").is_some() {
            return Some(Manager::Karpenter { node_pool });
        }
        let environment = tag("aws:batch:compute-environment");
        if environment.is_some() || tag("AWSBatchServiceTag").is_some() {
            return Some(Manager::Batch { environment });
        }
        if let Some(cluster_id) = tag("aws:elasticmapreduce:job-flow-id") {
            return Some(Manager::Emr { cluster_id });
        }
        // Auto Scaling groups come before fleets, because they also launch through fleets.
        if let Some(group) = tag("aws:autoscaling:groupName") {
            return Some(Manager::AutoScaling { group });
        }
        if let Some(request_id) = tag("aws:ec2spot:fleet-request-id") {
            return Some(Manager::SpotFleet { request_id });
        }
        if let Some(id) = tag("aws:ec2:fleet-id") {
            return Some(Manager::Fleet { id });
        }
        // A Spot request says the least: every manager above can launch Spot Instances.
        let id = self.spot_request_id.as_deref()?;
        let id = Some(id).filter(|id| !id.is_empty());
        Some(Manager::SpotRequest { id })
    }
}

impl Manager<'_> {
    /// Why the instance must not be shut down, as a clause about the manager: `which would replace it`.
    #[must_use]
    pub fn concern(&self) -> &'static str {
        match self {
            Self::EksAutoMode { .. } | Self::Operator { .. } => "which alone may end it",
            Self::EksNodeGroup { .. }
            | Self::Karpenter { .. }
            | Self::Batch { .. }
            | Self::AutoScaling { .. } => "which would replace it",
            // It depends on what no tag shows: the type of the request, or the role of the node in its cluster.
            Self::Emr { .. }
            | Self::SpotFleet { .. }
            | Self::Fleet { .. }
            | Self::SpotRequest { .. } => "which may replace it",
        }
    }

    /// The change that lasts, as an instruction: `tag the group`.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::EksAutoMode { .. } => "put the tags in its NodeClass",
            Self::Operator { .. } => "tag it through that service",
            Self::EksNodeGroup { .. } | Self::Fleet { .. } => "put the tags in its launch template",
            Self::Karpenter { .. } => "put the tags in its EC2NodeClass",
            Self::Batch { .. } => "put the tags in its compute resources",
            Self::Emr { .. } => "tag the cluster",
            Self::AutoScaling { .. } => "tag the group",
            Self::SpotFleet { .. } => {
                "put the tags in its launch template or launch specifications"
            }
            Self::SpotRequest { .. } => "put the tags in the launch that requests it",
        }
    }
}

impl fmt::Display for Manager<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EksAutoMode { node_pool: None } => f.write_str("EKS Auto Mode"),
            Self::EksAutoMode {
                node_pool: Some(node_pool),
            } => write!(f, "the EKS Auto Mode node pool {node_pool}"),
            Self::Operator { principal } => f.write_str(principal),
            Self::EksNodeGroup { name, cluster } => {
                write!(f, "the EKS managed node group {name}")?;
                cluster.map_or(Ok(()), |cluster| write!(f, " of the cluster {cluster}"))
            }
            Self::Karpenter { node_pool: None } => f.write_str("Karpenter"),
            Self::Karpenter {
                node_pool: Some(node_pool),
            } => write!(f, "the Karpenter node pool {node_pool}"),
            Self::Batch { environment: None } => f.write_str("an AWS Batch compute environment"),
            Self::Batch {
                environment: Some(environment),
            } => write!(f, "the AWS Batch compute environment {environment}"),
            Self::Emr { cluster_id } => write!(f, "the EMR cluster {cluster_id}"),
            Self::AutoScaling { group } => write!(f, "the Auto Scaling group {group}"),
            Self::SpotFleet { request_id } => write!(f, "the Spot Fleet {request_id}"),
            Self::Fleet { id } => write!(f, "the EC2 Fleet {id}"),
            Self::SpotRequest { id: None } => f.write_str("a Spot request"),
            Self::SpotRequest { id: Some(id) } => write!(f, "the Spot request {id}"),
        }
    }
}

#[cfg(test)]
mod tests;

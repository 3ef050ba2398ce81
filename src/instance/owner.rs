//! Whose an instance is: who would replace it if it went, or whose business its end is.
//!
//! Ending such an instance mends nothing: its owner launches the next one with the same tags, for ever. What mends
//! it is a change where the owner takes the tags from, which [`Owner::fix`] names.
//!
//! Owners are known by the tags that they put on what they launch, and by two members of EC2's own. Some of these
//! tags (`aws:…`) only AWS can write. The others anybody can who may tag the instance: such a tag spares it a stop or
//! a termination, and nothing else.

use std::fmt;

use super::Instance;

/// The owner of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// EKS Auto Mode: operator `eks.amazonaws.com`, or the tag `eks:kubernetes-node-pool-name`.
    ///
    /// See [EKS Auto Mode managed instances](https://docs.aws.amazon.com/eks/latest/userguide/automode-learn-instances.html)
    /// and, for the tags, [Custom AWS tags for EKS Auto resources](https://docs.aws.amazon.com/eks/latest/userguide/auto-learn-iam.html).
    EksAutoMode {
        /// The node pool, where the tag says it.
        node_pool: Option<&'a str>,
    },
    /// Another AWS service that manages the instance, and lets nobody else end it.
    ///
    /// See [OperatorResponse](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_OperatorResponse.html).
    Operator {
        /// Such as `scaler.lambda.amazonaws.com`.
        principal: &'a str,
    },
    /// An EKS managed node group: the tag `eks:nodegroup-name`. Its Auto Scaling group's tag comes with it.
    ///
    /// See [Managed node groups](https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html); its own
    /// tags do not reach the instances, those of its launch template do:
    /// [Launch templates](https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html#launch-template-tagging).
    EksNodeGroup {
        /// The node group.
        name: &'a str,
        /// The cluster, where the tag `eks:cluster-name` says it.
        cluster: Option<&'a str>,
    },
    /// Karpenter: the tag `karpenter.sh/nodepool`, before its version 0.32 `karpenter.sh/provisioner-name`.
    ///
    /// See [NodeClasses, spec.tags](https://karpenter.sh/docs/concepts/nodeclasses/#spectags).
    Karpenter {
        /// The node pool, or the provisioner; `None` where only `karpenter.sh/nodeclaim` tells of Karpenter.
        node_pool: Option<&'a str>,
    },
    /// AWS Batch: the tag `AWSBatchServiceTag` or `aws:batch:compute-environment`. The tag of the Auto Scaling group
    /// or Spot Fleet that it launches through comes with it.
    ///
    /// See [BatchServiceRolePolicy](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/BatchServiceRolePolicy.html)
    /// and the member `tags` of [ComputeResource](https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html).
    Batch {
        /// The compute environment, where the tag says it.
        environment: Option<&'a str>,
    },
    /// An EMR cluster: the tag `aws:elasticmapreduce:job-flow-id`.
    ///
    /// See [Tag and categorize Amazon EMR cluster resources](https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html):
    /// the cluster's tags go to its instances.
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
    /// A Spot Fleet: the tag `aws:ec2spot:fleet-request-id`.
    ///
    /// See [Tag a Spot Fleet](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/tag-spot-fleet.html).
    SpotFleet {
        /// `sfr-…`.
        request_id: &'a str,
    },
    /// An EC2 Fleet: the tag `aws:ec2:fleet-id`. Auto Scaling and Karpenter launch through fleets as well: theirs is
    /// the better name. A fleet of the type `instant` does not replace its instances, which no tag tells.
    ///
    /// See [Tag EC2 Fleets](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/tag-ec2-fleet.html).
    Fleet {
        /// `fleet-…`.
        id: &'a str,
    },
    /// A Spot request. A persistent one launches the next instance, a one-time request does not, and the instance
    /// does not tell which it is.
    ///
    /// See [Terminate a Spot Instance](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-request.html#terminating-a-spot-instance).
    SpotRequest {
        /// `sir-…`, where EC2 says it.
        id: Option<&'a str>,
    },
}

impl Instance {
    /// Whose this instance is, by the name that tells most: many owners work through another one.
    #[must_use]
    pub fn owner(&self) -> Option<Owner<'_>> {
        let tag = |key: &str| self.tags.get(key).map(String::as_str);
        // A name of nothing says nothing.
        let named = |key: &str| tag(key).filter(|name| !name.is_empty());

        let auto_mode_pool = tag("eks:kubernetes-node-pool-name");
        if self.operator.as_deref() == Some("eks.amazonaws.com") || auto_mode_pool.is_some() {
            return Some(Owner::EksAutoMode {
                node_pool: auto_mode_pool.filter(|name| !name.is_empty()),
            });
        }
        if let Some(principal) = self.operator.as_deref() {
            return Some(Owner::Operator { principal });
        }
        if let Some(name) = tag("eks:nodegroup-name") {
            let cluster = named("eks:cluster-name");
            return Some(Owner::EksNodeGroup { name, cluster });
        }
        let karpenter = [
            "karpenter.sh/nodepool",
            "karpenter.sh/provisioner-name",
            "karpenter.sh/nodeclaim",
        ];
        if karpenter.into_iter().any(|key| tag(key).is_some()) {
            let [pool, provisioner, _] = karpenter;
            return Some(Owner::Karpenter {
                node_pool: named(pool).or_else(|| named(provisioner)),
            });
        }
        let batch_environment = tag("aws:batch:compute-environment");
        if batch_environment.is_some() || tag("AWSBatchServiceTag").is_some() {
            return Some(Owner::Batch {
                environment: batch_environment.filter(|name| !name.is_empty()),
            });
        }
        if let Some(cluster_id) = tag("aws:elasticmapreduce:job-flow-id") {
            return Some(Owner::Emr { cluster_id });
        }
        if let Some(group) = tag("aws:autoscaling:groupName") {
            return Some(Owner::AutoScaling { group });
        }
        if let Some(request_id) = tag("aws:ec2spot:fleet-request-id") {
            return Some(Owner::SpotFleet { request_id });
        }
        if let Some(id) = tag("aws:ec2:fleet-id") {
            return Some(Owner::Fleet { id });
        }
        let id = self.spot_request_id.as_deref()?;
        Some(Owner::SpotRequest {
            id: Some(id).filter(|id| !id.is_empty()),
        })
    }
}

impl Owner<'_> {
    /// The one change that lasts, as a request: `tag the group`.
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

impl fmt::Display for Owner<'_> {
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

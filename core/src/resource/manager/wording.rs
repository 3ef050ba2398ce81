//! What the report says about each manager.

use std::fmt;

use super::Manager;

const MAY_END: &str = "which alone may end it";
const WOULD_REPLACE: &str = "which would replace it";
const MAY_REPLACE: &str = "which may replace it";

impl Manager<'_> {
    /// Why the instance must not be shut down, as a clause about the manager: `which would replace it`.
    #[must_use]
    pub fn concern(&self) -> &'static str {
        match self {
            Self::EksAutoMode { .. }
            | Self::Operator { .. }
            | Self::ClusterApi { .. }
            | Self::OpenShift { .. }
            | Self::ParallelCluster { is_head: true, .. }
            | Self::ImageBuilder { .. }
            | Self::Cloud9 { .. }
            | Self::EbsCsi { .. }
            | Self::Jenkins => MAY_END,
            Self::EksNodeGroup { .. }
            | Self::Karpenter { .. }
            | Self::Kops { .. }
            | Self::Spotinst { .. }
            | Self::ParallelCluster { is_head: false, .. }
            | Self::ComputingService { .. }
            | Self::Batch { .. }
            | Self::Beanstalk { .. }
            | Self::CapacityProvider { .. }
            | Self::DisasterRecovery {
                source_server: None,
            }
            | Self::ApplicationMigration {
                source_server: None,
            }
            | Self::AutoScaling { .. } => WOULD_REPLACE,
            // It depends on what no tag shows: the type of the request, the role of the node in its cluster, how far the
            // recovery or migration has come.
            Self::Listed { .. }
            | Self::Emr { .. }
            | Self::DisasterRecovery { .. }
            | Self::ApplicationMigration { .. }
            | Self::SpotFleet { .. }
            | Self::Fleet { .. }
            | Self::SpotRequest { .. } => MAY_REPLACE,
        }
    }

    /// The change that lasts, as an instruction: `tag the group`.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::EksAutoMode { .. } => "put the tags in its NodeClass",
            Self::Operator { .. } => "tag it through that service",
            Self::EbsCsi { .. } => "put the tags in its StorageClass, as tagSpecification",
            Self::Listed { .. } => "put the tags where that manager takes them from",
            Self::EksNodeGroup { .. }
            | Self::Fleet { .. }
            | Self::ComputingService { .. }
            | Self::DisasterRecovery {
                source_server: Some(_),
            } => "put the tags in its launch template",
            Self::Karpenter { .. } => "put the tags in its EC2NodeClass",
            Self::ClusterApi { .. } => "put the tags in the additionalTags of its cluster",
            Self::OpenShift { .. } => "put the tags in the providerSpec of its machine set",
            Self::Kops { .. } => "put the tags in its cloudLabels",
            Self::Spotinst { .. } => "put the tags in that group",
            Self::ParallelCluster { .. } => "put the tags in its cluster configuration",
            Self::Batch { .. } => "put the tags in its compute resources",
            Self::Emr { .. } => "tag the cluster",
            Self::Beanstalk { .. } => "tag the environment",
            Self::CapacityProvider { .. } => "tag its Auto Scaling group",
            Self::ImageBuilder { .. } => "put the tags in its infrastructure configuration",
            Self::DisasterRecovery {
                source_server: None,
            }
            | Self::ApplicationMigration {
                source_server: None,
            } => "put the tags in its replication settings",
            Self::ApplicationMigration {
                source_server: Some(_),
            } => {
                "put the tags in its launch template, and after the migration remove the tag AWSApplicationMigrationServiceManaged"
            }
            Self::Cloud9 { .. } => "tag the instance, or delete the environment",
            Self::Jenkins => "put the tags in its agent template",
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
            Self::EbsCsi { claim: None } => f.write_str("the EBS CSI driver"),
            Self::EbsCsi { claim: Some(claim) } => {
                write!(f, "the EBS CSI driver, for the claim {claim}")
            }
            Self::Listed { key, value: "" } => {
                write!(f, "the manager that its tag {key} stands for")
            }
            Self::Listed { key, value } => {
                write!(f, "the manager that its tag {key} = {value} stands for")
            }
            Self::EksNodeGroup { name, cluster } => {
                write!(f, "the EKS managed node group {name}")?;
                cluster.map_or(Ok(()), |cluster| write!(f, " of the cluster {cluster}"))
            }
            Self::Karpenter { node_pool: None } => f.write_str("Karpenter"),
            Self::Karpenter {
                node_pool: Some(node_pool),
            } => write!(f, "the Karpenter node pool {node_pool}"),
            Self::ClusterApi { cluster } => write!(f, "the Cluster API cluster {cluster}"),
            Self::OpenShift { machine } => write!(f, "the OpenShift machine {machine}"),
            Self::Kops { instance_group } => write!(f, "the kops instance group {instance_group}"),
            Self::Spotinst { group: None } => f.write_str("an Elastigroup or Ocean of Spot"),
            Self::Spotinst { group: Some(group) } => {
                let kind = if group.starts_with("sig-") {
                    "Elastigroup"
                } else {
                    "Spot group"
                };
                write!(f, "the {kind} {group}")
            }
            Self::ParallelCluster { cluster, .. } => write!(f, "the ParallelCluster {cluster}"),
            Self::ComputingService { node_group } => {
                write!(f, "the PCS compute node group {node_group}")
            }
            Self::Batch { environment: None } => f.write_str("an AWS Batch compute environment"),
            Self::Batch {
                environment: Some(environment),
            } => write!(f, "the AWS Batch compute environment {environment}"),
            Self::Emr { cluster_id } => write!(f, "the EMR cluster {cluster_id}"),
            Self::Beanstalk { environment } => {
                write!(f, "the Elastic Beanstalk environment {environment}")
            }
            Self::CapacityProvider { group: None } => f.write_str("an ECS capacity provider"),
            Self::CapacityProvider { group: Some(group) } => {
                write!(
                    f,
                    "the ECS capacity provider of the Auto Scaling group {group}"
                )
            }
            Self::ImageBuilder { image } => write!(f, "the Image Builder build {image}"),
            Self::DisasterRecovery { source_server } => {
                f.write_str("AWS Elastic Disaster Recovery")?;
                source_server.map_or(Ok(()), |id| write!(f, " (source server {id})"))
            }
            Self::ApplicationMigration { source_server } => {
                f.write_str("AWS Application Migration Service")?;
                source_server.map_or(Ok(()), |id| write!(f, " (source server {id})"))
            }
            Self::Cloud9 { environment } => write!(f, "the Cloud9 environment {environment}"),
            Self::Jenkins => f.write_str("Jenkins"),
            Self::AutoScaling { group } => write!(f, "the Auto Scaling group {group}"),
            Self::SpotFleet { request_id } => write!(f, "the Spot Fleet {request_id}"),
            Self::Fleet { id } => write!(f, "the EC2 Fleet {id}"),
            Self::SpotRequest { id: None } => f.write_str("a Spot request"),
            Self::SpotRequest { id: Some(id) } => write!(f, "the Spot request {id}"),
        }
    }
}

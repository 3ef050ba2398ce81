//! Finds the manager of an instance: what would replace the instance, or alone may end it.
//!
//! Shutting down a managed instance fixes nothing, because its manager launches the next one with the same tags. The
//! fix that lasts is a change to what the manager copies the tags from; [`Manager::fix`] names it.
//!
//! A manager is recognised by the tags that it writes on what it launches, and by two members of DescribeInstances'
//! response. Only AWS can write tags that begin with `aws:`. Anyone who may tag the instance can write the others.
//! That protects the instance from a shutdown and has no other effect.
//!
//! | module | what it holds |
//! |---|---|
//! | `find` | which manager an instance has, and which of several counts |
//! | `listed` | [`ManagerTags`]: the tag keys of an organisation's own managers |
//! | `wording` | what the report says about each manager |

mod find;
mod listed;
mod wording;

pub use listed::{InvalidManagerTags, ManagerTags};

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
    /// The EBS CSI driver, which makes the volumes of Kubernetes: the tag `kubernetes.io/created-for/pvc/name`, or
    /// `ebs.csi.aws.com/cluster`. Only a volume has it.
    ///
    /// See [Tagging](https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md).
    EbsCsi {
        /// The claim that the volume was created for, if the tag names it.
        claim: Option<&'a str>,
    },
    /// A manager of the organisation's own: a tag whose key is in [`ManagerTags`].
    Listed {
        /// The tag's key.
        key: &'a str,
        /// The tag's value; may be empty.
        value: &'a str,
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
    /// Cluster API's provider for AWS: a tag `sigs.k8s.io/cluster-api-provider-aws/cluster/NAME`. Its machines cannot be
    /// changed: a controller that loses the instance of a machine keeps the machine as failed.
    ///
    /// The tag is in the provider's [`api/v1beta2/tags.go`](https://github.com/kubernetes-sigs/cluster-api-provider-aws/blob/main/api/v1beta2/tags.go).
    /// The tag `kubernetes.io/cluster/NAME` says nothing: others write it too, on instances that nothing manages.
    ClusterApi {
        /// The cluster.
        cluster: &'a str,
    },
    /// A machine of OpenShift's Machine API, which writes two tags: `kubernetes.io/cluster/ID` with the value `owned`,
    /// and `Name`, the machine's name, which begins with `ID-`. The id is the cluster's name and five random characters.
    ///
    /// The tags are in [`instances.go`](https://github.com/openshift/machine-api-provider-aws/blob/main/pkg/actuators/machine/instances.go)
    /// (`buildTagList`). A machine set keeps the machine whose instance somebody else ended, and launches no other one:
    /// [machine-api-operator#347](https://github.com/openshift/machine-api-operator/issues/347).
    OpenShift {
        /// The machine.
        machine: &'a str,
    },
    /// A kops instance group: the tag `kops.k8s.io/instancegroup`. Its instances also have the tag of its Auto Scaling
    /// group, whose own tags kops writes from the instance group.
    ///
    /// See [Instance groups, cloudLabels](https://kops.sigs.k8s.io/instance_groups/).
    Kops {
        /// The instance group.
        instance_group: &'a str,
    },
    /// Spot by NetApp, now Flexera: an Elastigroup or Ocean, by the tag `spotinst:aws:ec2:group:id`, or
    /// `spotinst:aws:ec2:group:createdBy`. Not an instance that was detached, which has the tag
    /// `spotinst:aws:ec2:state` with the value `detached`.
    ///
    /// See the policies that are bound to the tag and the question on detached instances in
    /// [Spot's documentation](https://docs.spot.io).
    Spotinst {
        /// `sig-…` for an Elastigroup, `o-…` for Ocean, if the tag names it.
        group: Option<&'a str>,
    },
    /// AWS ParallelCluster, version 3: the tag `parallelcluster:cluster-name`.
    ///
    /// See [View tags](https://docs.aws.amazon.com/parallelcluster/latest/ug/view-tagging.html) and, for the fix, the
    /// [`Tags` section](https://docs.aws.amazon.com/parallelcluster/latest/ug/Tags-v3.html).
    ParallelCluster {
        /// The cluster.
        cluster: &'a str,
        /// Whether it is the head node, which nothing replaces, and without which the cluster is lost.
        is_head: bool,
    },
    /// AWS Parallel Computing Service: the tag `aws:pcs:compute-node-group-id`.
    ///
    /// See [Finding compute node group instances](https://docs.aws.amazon.com/pcs/latest/userguide/working-with_cng_find-instances.html).
    ComputingService {
        /// `pcs_…`, the compute node group.
        node_group: &'a str,
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
    /// An Elastic Beanstalk environment: the tag `elasticbeanstalk:environment-name`. Its instances also have the tag of
    /// its Auto Scaling group, whose own tags Elastic Beanstalk writes from the environment.
    ///
    /// See [Tagging resources in your environments](https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.tagging.html).
    Beanstalk {
        /// The environment.
        environment: &'a str,
    },
    /// An ECS capacity provider: the tag `AmazonECSManaged`, whose value ECS leaves empty. ECS adds it to the Auto Scaling
    /// group of the capacity provider, from which the instances have it.
    ///
    /// See [Cluster auto scaling](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html).
    CapacityProvider {
        /// The Auto Scaling group, if its tag names it.
        group: Option<&'a str>,
    },
    /// EC2 Image Builder: the tag `Ec2ImageBuilderArn`, which nobody else may set through Image Builder. It ends its build
    /// and test instances itself.
    ///
    /// See `resourceTags` in [CreateInfrastructureConfiguration](https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateInfrastructureConfiguration.html).
    ImageBuilder {
        /// The image that is being built: an ARN.
        image: &'a str,
    },
    /// AWS Elastic Disaster Recovery: the tag `AWSElasticDisasterRecoveryManaged`. It launches replication and conversion
    /// servers, without which nothing is replicated, and drill and recovery instances, which also have the tag
    /// `AWSElasticDisasterRecoverySourceServerID`. The next drill ends the instance of the last one.
    ///
    /// See [AWSElasticDisasterRecoveryServiceRolePolicy](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSElasticDisasterRecoveryServiceRolePolicy.html),
    /// and `stagingAreaTags` in [CreateReplicationConfigurationTemplate](https://docs.aws.amazon.com/drs/latest/APIReference/API_CreateReplicationConfigurationTemplate.html).
    DisasterRecovery {
        /// `s-…`, the source server of a drill or recovery instance.
        source_server: Option<&'a str>,
    },
    /// AWS Application Migration Service: the tag `AWSApplicationMigrationServiceManaged`. As for
    /// [`DisasterRecovery`](Self::DisasterRecovery), and test and cutover instances also have the tag
    /// `AWSApplicationMigrationServiceSourceServerID`. They keep both tags after the migration, when they are ordinary
    /// instances.
    ///
    /// See [AWSApplicationMigrationServiceRolePolicy](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSApplicationMigrationServiceRolePolicy.html).
    ApplicationMigration {
        /// `s-…`, the source server of a test or cutover instance.
        source_server: Option<&'a str>,
    },
    /// An AWS Cloud9 environment: the tag `aws:cloud9:environment`. The instance ends with the environment. Tags of the
    /// environment do not reach it.
    ///
    /// See [Cloud9's TagResource](https://docs.aws.amazon.com/cloud9/latest/APIReference/API_TagResource.html).
    Cloud9 {
        /// The environment's id.
        environment: &'a str,
    },
    /// An agent of the EC2 plugin of Jenkins: the tag `jenkins_slave_type`. Jenkins launches an agent when a build needs
    /// one, and ends it.
    ///
    /// The tag is in the plugin's [`EC2Tag.java`](https://github.com/jenkinsci/ec2-plugin/blob/master/src/main/java/hudson/plugins/ec2/EC2Tag.java).
    Jenkins,
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

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::{Resource, State};

/// An instance; an empty `operator` means that it has none.
fn instance(spot_request_id: Option<&str>, operator: &str, tags: &[(&str, &str)]) -> Resource {
    Resource {
        spot_request_id: spot_request_id.map(ToOwned::to_owned),
        operator: Some(operator.to_owned()).filter(|operator| !operator.is_empty()),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..Resource::instance("i-0a1b2c3d4e5f60718", State::Running)
    }
}

fn describe(manager: Manager<'_>) -> String {
    format!("{manager}, {}: {}", manager.concern(), manager.fix())
}

const GROUP: (&str, &str) = ("aws:autoscaling:groupName", "web");
const FLEET: (&str, &str) = ("aws:ec2:fleet-id", "fleet-1");

#[rstest]
#[case::auto_scaling(&[GROUP], "the Auto Scaling group web, which would replace it: tag the group")]
#[case::node_group(&[("eks:nodegroup-name", "ng"), ("eks:cluster-name", "prod")],
    "the EKS managed node group ng of the cluster prod, which would replace it: put the tags in its launch template")]
#[case::node_group_alone(&[("eks:nodegroup-name", "ng")],
    "the EKS managed node group ng, which would replace it: put the tags in its launch template")]
#[case::auto_mode(&[("eks:kubernetes-node-pool-name", "general-purpose")],
    "the EKS Auto Mode node pool general-purpose, which alone may end it: put the tags in its NodeClass")]
#[case::karpenter(&[("karpenter.sh/nodepool", "default"), ("karpenter.sh/nodeclaim", "default-x2x9z")],
    "the Karpenter node pool default, which would replace it: put the tags in its EC2NodeClass")]
#[case::karpenter_of_old(&[("karpenter.sh/provisioner-name", "default")],
    "the Karpenter node pool default, which would replace it: put the tags in its EC2NodeClass")]
#[case::node_claim(&[("karpenter.sh/nodeclaim", "default-x2x9z")],
    "Karpenter, which would replace it: put the tags in its EC2NodeClass")]
#[case::cluster_api(&[("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned"), ("sigs.k8s.io/cluster-api-provider-aws/role", "node")],
    "the Cluster API cluster prod, which alone may end it: put the tags in the additionalTags of its cluster")]
#[case::open_shift(&[("kubernetes.io/cluster/prod-x7k2q", "owned"), ("Name", "prod-x7k2q-worker-us-east-1a-9zq4m")],
    "the OpenShift machine prod-x7k2q-worker-us-east-1a-9zq4m, which alone may end it: put the tags in the providerSpec of its machine set")]
#[case::kops(&[("kops.k8s.io/instancegroup", "nodes")],
    "the kops instance group nodes, which would replace it: put the tags in its cloudLabels")]
#[case::elastigroup(&[("spotinst:aws:ec2:group:id", "sig-12345678")],
    "the Elastigroup sig-12345678, which would replace it: put the tags in that group")]
#[case::ocean(&[("spotinst:aws:ec2:group:id", "o-12345678"), ("spotinst:aws:ec2:state", "running")],
    "the Spot group o-12345678, which would replace it: put the tags in that group")]
#[case::spot_unnamed(&[("spotinst:aws:ec2:group:createdBy", "spotinst")],
    "an Elastigroup or Ocean of Spot, which would replace it: put the tags in that group")]
#[case::parallel_cluster(&[("parallelcluster:cluster-name", "hpc"), ("parallelcluster:node-type", "Compute")],
    "the ParallelCluster hpc, which would replace it: put the tags in its cluster configuration")]
#[case::head_node(&[("parallelcluster:cluster-name", "hpc"), ("parallelcluster:node-type", "HeadNode")],
    "the ParallelCluster hpc, which alone may end it: put the tags in its cluster configuration")]
#[case::computing_service(&[("aws:pcs:compute-node-group-id", "pcs_abc")],
    "the PCS compute node group pcs_abc, which would replace it: put the tags in its launch template")]
#[case::beanstalk(&[("elasticbeanstalk:environment-name", "shop")],
    "the Elastic Beanstalk environment shop, which would replace it: tag the environment")]
#[case::capacity_provider(&[("AmazonECSManaged", "")],
    "an ECS capacity provider, which would replace it: tag its Auto Scaling group")]
#[case::capacity_provider_with_group(&[GROUP, ("AmazonECSManaged", "true")],
    "the ECS capacity provider of the Auto Scaling group web, which would replace it: tag its Auto Scaling group")]
#[case::image_builder(&[("Ec2ImageBuilderArn", "arn:aws:imagebuilder:us-east-1:111111111111:image/base/1.0.0/1")],
    "the Image Builder build arn:aws:imagebuilder:us-east-1:111111111111:image/base/1.0.0/1, which alone may end it: put the tags in its infrastructure configuration")]
#[case::replication_server(&[("AWSElasticDisasterRecoveryManaged", "drs.amazonaws.com")],
    "AWS Elastic Disaster Recovery, which would replace it: put the tags in its replication settings")]
#[case::recovery_instance(&[("AWSElasticDisasterRecoveryManaged", "drs.amazonaws.com"), ("AWSElasticDisasterRecoverySourceServerID", "s-1")],
    "AWS Elastic Disaster Recovery (source server s-1), which may replace it: put the tags in its launch template")]
#[case::migration_server(&[("AWSApplicationMigrationServiceManaged", "mgn.amazonaws.com")],
    "AWS Application Migration Service, which would replace it: put the tags in its replication settings")]
#[case::migrated(&[("AWSApplicationMigrationServiceManaged", "mgn.amazonaws.com"), ("AWSApplicationMigrationServiceSourceServerID", "s-1")],
    "AWS Application Migration Service (source server s-1), which may replace it: put the tags in its launch template, and after the migration remove the tag AWSApplicationMigrationServiceManaged")]
#[case::cloud9(&[("aws:cloud9:environment", "0123456789abcdef")],
    "the Cloud9 environment 0123456789abcdef, which alone may end it: tag the instance, or delete the environment")]
#[case::jenkins(&[("jenkins_slave_type", "demand_linux"), ("jenkins_server_url", "https://ci.example.com/")],
    "Jenkins, which alone may end it: put the tags in its agent template")]
#[case::batch(&[("AWSBatchServiceTag", "batch")],
    "an AWS Batch compute environment, which would replace it: put the tags in its compute resources")]
#[case::batch_environment(&[("aws:batch:compute-environment", "render")],
    "the AWS Batch compute environment render, which would replace it: put the tags in its compute resources")]
#[case::emr(&[("aws:elasticmapreduce:job-flow-id", "j-12345678")],
    "the EMR cluster j-12345678, which may replace it: tag the cluster")]
#[case::spot_fleet(&[("aws:ec2spot:fleet-request-id", "sfr-1")],
    "the Spot Fleet sfr-1, which may replace it: put the tags in its launch template or launch specifications")]
#[case::fleet(&[FLEET], "the EC2 Fleet fleet-1, which may replace it: put the tags in its launch template")]
fn finds_a_manager_by_its_tags(#[case] tags: &[(&str, &str)], #[case] expected: &str) {
    let managed = instance(None, "", tags);
    assert_eq!(
        managed
            .manager(&ManagerTags::default())
            .map(describe)
            .as_deref(),
        Some(expected)
    );
    // The tags are more specific than the Spot request that launched it.
    let spot = instance(Some("sir-abcd1234"), "", tags);
    assert_eq!(
        spot.manager(&ManagerTags::default())
            .map(describe)
            .as_deref(),
        Some(expected)
    );
}

#[rstest]
#[case(
    Some("sir-abcd1234"),
    "",
    "the Spot request sir-abcd1234, which may replace it: put the tags in the launch that requests it"
)]
#[case(
    Some(""),
    "",
    "a Spot request, which may replace it: put the tags in the launch that requests it"
)]
#[case(
    None,
    "eks.amazonaws.com",
    "EKS Auto Mode, which alone may end it: put the tags in its NodeClass"
)]
#[case(
    None,
    "scaler.lambda.amazonaws.com",
    "scaler.lambda.amazonaws.com, which alone may end it: tag it through that service"
)]
#[case(
    Some("sir-abcd1234"),
    "an AWS service",
    "an AWS service, which alone may end it: tag it through that service"
)]
fn finds_the_manager_of_an_untagged_instance(
    #[case] spot_request_id: Option<&str>,
    #[case] operator: &str,
    #[case] expected: &str,
) {
    let managed = instance(spot_request_id, operator, &[]);
    assert_eq!(
        managed
            .manager(&ManagerTags::default())
            .map(describe)
            .as_deref(),
        Some(expected)
    );
}

/// Many managers launch through another manager, so that an instance has the tags of both.
#[rstest]
#[case("", &[GROUP, FLEET], "the Auto Scaling group web")]
#[case("", &[GROUP, ("eks:nodegroup-name", "ng")], "the EKS managed node group ng")]
#[case("", &[GROUP, ("AWSBatchServiceTag", "batch")], "an AWS Batch compute environment")]
#[case("", &[("aws:ec2spot:fleet-request-id", "sfr-1"), ("AWSBatchServiceTag", "batch")], "an AWS Batch compute environment")]
#[case("", &[FLEET, ("karpenter.sh/nodepool", "default"), ("eks:eks-cluster-name", "prod")], "the Karpenter node pool default")]
#[case("", &[FLEET, ("aws:elasticmapreduce:job-flow-id", "j-1")], "the EMR cluster j-1")]
#[case("", &[GROUP, ("elasticbeanstalk:environment-name", "shop")], "the Elastic Beanstalk environment shop")]
#[case("", &[GROUP, ("kops.k8s.io/instancegroup", "nodes"), ("kubernetes.io/cluster/prod", "owned")], "the kops instance group nodes")]
#[case("", &[("kops.k8s.io/instancegroup", "nodes"), ("spotinst:aws:ec2:group:id", "o-1")], "the Spot group o-1")]
#[case("", &[GROUP, ("eks:nodegroup-name", "ng"), ("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned")], "the EKS managed node group ng")]
#[case("", &[GROUP, ("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned")], "the Cluster API cluster prod")]
#[case("", &[GROUP, ("parallelcluster:cluster-name", "hpc"), ("parallelcluster:node-type", "LoginNode")], "the ParallelCluster hpc")]
#[case("", &[FLEET, ("aws:pcs:compute-node-group-id", "pcs_abc")], "the PCS compute node group pcs_abc")]
#[case("", &[GROUP, ("AmazonECSManaged", ""), ("AWSBatchServiceTag", "batch")], "an AWS Batch compute environment")]
#[case("", &[FLEET, ("jenkins_slave_type", "spot_linux")], "Jenkins")]
#[case("", &[FLEET, ("AWSElasticDisasterRecoveryManaged", "drs.amazonaws.com")], "AWS Elastic Disaster Recovery")]
#[case("eks.amazonaws.com", &[FLEET, ("eks:kubernetes-node-pool-name", "system"), ("karpenter.sh/nodepool", "system")], "the EKS Auto Mode node pool system")]
#[case("ecs.amazonaws.com", &[GROUP], "ecs.amazonaws.com")]
fn prefers_the_most_specific_manager(
    #[case] operator: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: &str,
) {
    let manager = instance(None, operator, tags);
    let manager = manager
        .manager(&ManagerTags::default())
        .map(|manager| manager.to_string());
    assert_eq!(manager.as_deref(), Some(expected));
}

#[rstest]
#[case(&[])]
#[case(&[("Name", "web"), ("aws:cloudformation:stack-name", "web")])]
#[case(&[("eks:cluster-name", "prod"), ("eks:eks-cluster-name", "prod")])]
#[case(&[("kubernetes.io/cluster/prod", "owned"), ("karpenter.sh/discovery", "prod")])]
#[case::node_of_another_kind(&[("kubernetes.io/cluster/prod", "owned"), ("Name", "prod-node")])]
#[case::not_named_for_its_cluster(&[("kubernetes.io/cluster/prod-x7k2q", "owned"), ("Name", "bastion")])]
#[case::named_for_another_cluster(&[("kubernetes.io/cluster/prod-x7k2q", "owned"), ("Name", "prod-x7k2q1-worker-0")])]
#[case::nothing_after_the_id(&[("kubernetes.io/cluster/prod-x7k2q", "owned"), ("Name", "prod-x7k2q-")])]
#[case::shared_by_clusters(&[("kubernetes.io/cluster/prod-x7k2q", "shared"), ("Name", "prod-x7k2q-worker-0")])]
#[case::no_random_end(&[("kubernetes.io/cluster/prod-WORKS", "owned"), ("Name", "prod-WORKS-worker-0")])]
#[case::no_cluster(&[("kubernetes.io/cluster/-x7k2q", "owned"), ("Name", "-x7k2q-worker-0")])]
#[case::cluster_without_a_name(&[("sigs.k8s.io/cluster-api-provider-aws/cluster/", "owned"), ("sigs.k8s.io/cluster-api-provider-aws/role", "node")])]
#[case::detached_from_spot(&[("spotinst:aws:ec2:group:id", "sig-1"), ("spotinst:aws:ec2:state", "detached")])]
#[case::source_server_alone(&[("AWSElasticDisasterRecoverySourceServerID", "s-1"), ("AWSApplicationMigrationServiceSourceServerID", "s-1")])]
#[case::node_type_alone(&[("parallelcluster:node-type", "HeadNode"), ("parallelcluster:version", "3.15.1"), ("aws:pcs:cluster-id", "pcs_abc")])]
#[case::near_misses(&[("elasticbeanstalk:environment-id", "e-1"), ("amazonecsmanaged", ""), ("CreatedBy", "EC2 Image Builder"), ("jenkins_server_url", "https://ci.example.com/")])]
#[case::empty(&[("Ec2ImageBuilderArn", ""), ("aws:cloud9:environment", ""), ("kops.k8s.io/instancegroup", ""), ("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "")])]
#[case(&[("karpenter.sh/nodepool", ""), ("AWSBatchServiceTag", ""), ("eks:nodegroup-name", "")])]
#[case(&[("AWS:autoscaling:groupName", "web"), ("aws:autoscaling:groupname", "web")])]
fn finds_no_manager_without_its_exact_tag(#[case] tags: &[(&str, &str)]) {
    assert_eq!(
        instance(None, "", tags).manager(&ManagerTags::default()),
        None
    );
}

/// The description of the manager by the organisation's own tags.
fn listed(list: &str, operator: &str, tags: &[(&str, &str)]) -> Option<String> {
    let listed = ManagerTags::from_list(list).unwrap();
    instance(None, operator, tags)
        .manager(&listed)
        .map(describe)
}

#[rstest]
#[case::key("acme:scaler", &[("acme:scaler", "web")],
    "the manager that its tag acme:scaler = web stands for, which may replace it: put the tags where that manager takes them from")]
#[case::empty_value("acme:scaler", &[("acme:scaler", "")],
    "the manager that its tag acme:scaler stands for, which may replace it: put the tags where that manager takes them from")]
#[case::beginning("team , acme-pool/*", &[("acme-pool/blue", "7"), ("Name", "web")],
    "the manager that its tag acme-pool/blue = 7 stands for, which may replace it: put the tags where that manager takes them from")]
#[case::its_beginning_alone("acme-pool/*", &[("acme-pool/", "x")],
    "the manager that its tag acme-pool/ = x stands for, which may replace it: put the tags where that manager takes them from")]
#[case::before_its_group("acme:scaler", &[("acme:scaler", "web"), GROUP],
    "the manager that its tag acme:scaler = web stands for, which may replace it: put the tags where that manager takes them from")]
fn finds_the_organisations_own_manager(
    #[case] list: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: &str,
) {
    assert_eq!(listed(list, "", tags).as_deref(), Some(expected));
}

#[rstest]
#[case::longer_key("acme:scaler", &[("acme:scaler2", "web")])]
#[case::other_case("acme:scaler", &[("Acme:Scaler", "web")])]
#[case::shorter_key("acme-pool/*", &[("acme-pool", "web")])]
#[case::a_value("acme*", &[("Name", "acme")])]
fn finds_no_manager_by_another_tag(#[case] list: &str, #[case] tags: &[(&str, &str)]) {
    assert_eq!(listed(list, "", tags), None);
}

#[test]
fn names_the_service_that_alone_may_end_the_instance_before_the_organisations_manager() {
    let manager = listed(
        "acme:*",
        "scaler.lambda.amazonaws.com",
        &[("acme:scaler", "web")],
    );
    let service =
        "scaler.lambda.amazonaws.com, which alone may end it: tag it through that service";
    assert_eq!(manager.as_deref(), Some(service));
}

#[rstest]
#[case("", InvalidManagerTags::Empty)]
#[case("acme:scaler,", InvalidManagerTags::Empty)]
#[case("acme:scaler,, team", InvalidManagerTags::Empty)]
#[case("*", InvalidManagerTags::Everything)]
#[case("acme:scaler, *", InvalidManagerTags::Everything)]
#[case("acme*scaler", InvalidManagerTags::Star("acme*scaler".to_owned()))]
#[case("**", InvalidManagerTags::Star("**".to_owned()))]
#[case(&"k".repeat(129), InvalidManagerTags::TooLong("k".repeat(129)))]
fn rejects_a_list_that_is_not_tag_keys(#[case] list: &str, #[case] expected: InvalidManagerTags) {
    assert_eq!(ManagerTags::from_list(list), Err(expected));
}

#[test]
fn takes_the_longest_key() {
    assert!(ManagerTags::from_list(&"k".repeat(128)).is_ok());
    assert!(ManagerTags::from_list(&format!("{}*", "k".repeat(128))).is_ok());
}

#[test]
fn the_driver_of_kubernetes_volumes_manages_volumes_only() {
    for (tags, expected) in [
        (
            vec![
                ("kubernetes.io/created-for/pvc/name", "data-0"),
                ("ebs.csi.aws.com/cluster", "true"),
            ],
            Some(
                "the EBS CSI driver, for the claim data-0, which alone may end it: put the tags in its StorageClass, as tagSpecification",
            ),
        ),
        (
            vec![("ebs.csi.aws.com/cluster", "true")],
            Some(
                "the EBS CSI driver, which alone may end it: put the tags in its StorageClass, as tagSpecification",
            ),
        ),
        (
            vec![GROUP],
            Some("the Auto Scaling group web, which would replace it: tag the group"),
        ),
        (vec![("Name", "data")], None),
    ] {
        let mut volume = instance(None, "", &tags);
        let is_of_driver = tags[0] != GROUP;
        let none = ManagerTags::default();
        assert_eq!(volume.manager(&none).is_some(), !is_of_driver, "{tags:?}");
        volume.kind = crate::Kind::Volume;
        assert_eq!(
            volume.manager(&none).map(describe).as_deref(),
            expected,
            "{tags:?}"
        );
    }
}

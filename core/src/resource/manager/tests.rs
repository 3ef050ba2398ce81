use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::State;

/// An instance; an empty `operator` means that it has none.
fn instance(spot_request_id: Option<&str>, operator: &str, tags: &[(&str, &str)]) -> Instance {
    Instance {
        id: "i-0a1b2c3d4e5f60718".to_owned(),
        vpc_id: None,
        state: State::Running,
        launched_at: None,
        started_at: None,
        spot_request_id: spot_request_id.map(ToOwned::to_owned),
        operator: Some(operator.to_owned()).filter(|operator| !operator.is_empty()),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
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
    assert_eq!(managed.manager().map(describe).as_deref(), Some(expected));
    // The tags are more specific than the Spot request that launched it.
    let spot = instance(Some("sir-abcd1234"), "", tags);
    assert_eq!(spot.manager().map(describe).as_deref(), Some(expected));
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
    assert_eq!(managed.manager().map(describe).as_deref(), Some(expected));
}

/// Many managers launch through another manager, so that an instance has the tags of both.
#[rstest]
#[case("", &[GROUP, FLEET], "the Auto Scaling group web")]
#[case("", &[GROUP, ("eks:nodegroup-name", "ng")], "the EKS managed node group ng")]
#[case("", &[GROUP, ("AWSBatchServiceTag", "batch")], "an AWS Batch compute environment")]
#[case("", &[("aws:ec2spot:fleet-request-id", "sfr-1"), ("AWSBatchServiceTag", "batch")], "an AWS Batch compute environment")]
#[case("", &[FLEET, ("karpenter.sh/nodepool", "default"), ("eks:eks-cluster-name", "prod")], "the Karpenter node pool default")]
#[case("", &[FLEET, ("aws:elasticmapreduce:job-flow-id", "j-1")], "the EMR cluster j-1")]
#[case("eks.amazonaws.com", &[FLEET, ("eks:kubernetes-node-pool-name", "system"), ("karpenter.sh/nodepool", "system")], "the EKS Auto Mode node pool system")]
#[case("ecs.amazonaws.com", &[GROUP], "ecs.amazonaws.com")]
fn prefers_the_most_specific_manager(
    #[case] operator: &str,
    #[case] tags: &[(&str, &str)],
    #[case] expected: &str,
) {
    let manager = instance(None, operator, tags);
    let manager = manager.manager().map(|manager| manager.to_string());
    assert_eq!(manager.as_deref(), Some(expected));
}

#[rstest]
#[case(&[])]
#[case(&[("Name", "web"), ("aws:cloudformation:stack-name", "web")])]
#[case(&[("eks:cluster-name", "prod"), ("eks:eks-cluster-name", "prod")])]
#[case(&[("kubernetes.io/cluster/prod", "owned"), ("karpenter.sh/discovery", "prod")])]
#[case(&[("karpenter.sh/nodepool", ""), ("AWSBatchServiceTag", ""), ("eks:nodegroup-name", "")])]
#[case(&[("AWS:autoscaling:groupName", "web"), ("aws:autoscaling:groupname", "web")])]
fn finds_no_manager_without_its_exact_tag(#[case] tags: &[(&str, &str)]) {
    assert_eq!(instance(None, "", tags).manager(), None);
}

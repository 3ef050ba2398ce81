//! Instances with a manager, which would replace them or alone may end them: tagged, never shut down.

use rstest::rstest;
use serde_json::json;
use tagwarden_sandbox::{Fault, Launch};

use crate::support::{World, old};

/// An instance of each kind of manager, and the sentence that refuses its shutdown.
#[rstest]
#[case::auto_scaling(old(&[]).auto_scaling_group("web-asg"),
    "it belongs to the Auto Scaling group web-asg, which would replace it: tag the group")]
#[case::node_group(old(&[("eks:nodegroup-name", "ng"), ("eks:cluster-name", "prod")]).auto_scaling_group("eks-ng"),
    "it belongs to the EKS managed node group ng of the cluster prod, which would replace it: put the tags in its launch template")]
#[case::auto_mode(old(&[("eks:kubernetes-node-pool-name", "general-purpose")]).operated_by("eks.amazonaws.com"),
    "it belongs to the EKS Auto Mode node pool general-purpose, which alone may end it: put the tags in its NodeClass")]
#[case::karpenter(old(&[("karpenter.sh/nodepool", "default"), ("aws:ec2:fleet-id", "fleet-1")]).spot(),
    "it belongs to the Karpenter node pool default, which would replace it: put the tags in its EC2NodeClass")]
#[case::batch(old(&[("AWSBatchServiceTag", "batch")]).auto_scaling_group("AWSBatch-asg"),
    "it belongs to an AWS Batch compute environment, which would replace it: put the tags in its compute resources")]
#[case::emr(old(&[("aws:elasticmapreduce:job-flow-id", "j-12345678")]),
    "it belongs to the EMR cluster j-12345678, which may replace it: tag the cluster")]
#[case::fleet(old(&[("aws:ec2:fleet-id", "fleet-1")]),
    "it belongs to the EC2 Fleet fleet-1, which may replace it: put the tags in its launch template")]
#[case::spot_fleet(old(&[("aws:ec2spot:fleet-request-id", "sfr-1")]).spot(),
    "it belongs to the Spot Fleet sfr-1, which may replace it: put the tags in its launch template or launch specifications")]
#[case::elastigroup(old(&[("spotinst:aws:ec2:group:id", "sig-12345678")]).spot(),
    "it belongs to the Elastigroup sig-12345678, which would replace it: put the tags in that group")]
#[case::open_shift(old(&[("kubernetes.io/cluster/prod-x7k2q", "owned"), ("Name", "prod-x7k2q-worker-us-east-1a-9zq4m")]),
    "it belongs to the OpenShift machine prod-x7k2q-worker-us-east-1a-9zq4m, which alone may end it: put the tags in the providerSpec of its machine set")]
#[case::beanstalk(old(&[("elasticbeanstalk:environment-name", "shop")]).auto_scaling_group("awseb-e-1"),
    "it belongs to the Elastic Beanstalk environment shop, which would replace it: tag the environment")]
#[case::capacity_provider(old(&[("AmazonECSManaged", "")]).auto_scaling_group("ecs"),
    "it belongs to the ECS capacity provider of the Auto Scaling group ecs, which would replace it: tag its Auto Scaling group")]
#[case::replication_server(old(&[("AWSElasticDisasterRecoveryManaged", "drs.amazonaws.com")]),
    "it belongs to AWS Elastic Disaster Recovery, which would replace it: put the tags in its replication settings")]
#[case::spot(old(&[("Name", "web")]).spot_request("sir-abcd1234"),
    "it belongs to the Spot request sir-abcd1234, which may replace it: put the tags in the launch that requests it")]
#[case::service(old(&[("Name", "web")]).operated_by("scaler.lambda.amazonaws.com"),
    "it belongs to scaler.lambda.amazonaws.com, which alone may end it: tag it through that service")]
#[tokio::test(start_paused = true)]
async fn tags_but_never_shuts_down_a_managed_instance(
    #[case] launch: Launch,
    #[case] sentence: &str,
    #[values("Stop", "Terminate")] action: &str,
    #[values(true, false)] enforced: bool,
) {
    let rows = [
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody"}),
        json!({"RuleId": 2, "TagKey": "Team", "Action": action, "Required": "Y"}),
    ];
    let mut world = World::with_table(&rows);
    if enforced {
        world = world.enforcing();
    }
    let id = world.account.launch(launch);
    let answer = world.sweep().await;

    let ended = match action {
        "Stop" => "stopped",
        _ => "terminated",
    };
    let refusal = format!(
        "-- {id} has not been {ended}. Reason: Missing tag Team (rule 2). Refused: {sentence}."
    );
    assert!(world.lines().contains(&refusal), "{:?}", world.lines());
    assert_eq!(answer["refused"], 1);
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.writes(), usize::from(enforced));
    assert_eq!(world.tag(&id, "Owner").is_some(), enforced);
}

/// An untagged instance shows its manager only in members that EC2 sets.
#[rstest]
#[case(old(&[]).spot_request("sir-abcd1234"), "the Spot request sir-abcd1234, which may replace it")]
#[case(old(&[]).operated_by("eks.amazonaws.com"), "EKS Auto Mode, which alone may end it")]
#[tokio::test(start_paused = true)]
async fn does_not_terminate_an_untagged_managed_instance(
    #[case] launch: Launch,
    #[case] owner: &str,
    #[values(true, false)] enforced: bool,
) {
    let mut world = World::new();
    if enforced {
        world = world.enforcing();
    }
    let id = world.account.launch(launch);
    let ordinary = world.instance(&[]);
    let answer = world.sweep().await;

    assert_eq!(answer["refused"], 1);
    let belongs = format!("Refused: it belongs to {owner}: ");
    let refused = |line: &String| line.contains(&id) && line.contains(&belongs);
    assert!(world.lines().iter().any(refused), "{:?}", world.lines());
    assert_eq!(world.state(&id), "running");
    assert_eq!(world.state(&ordinary) != "running", enforced);
}

#[tokio::test(start_paused = true)]
async fn never_shuts_down_an_instance_with_a_tag_of_the_organisations_own_manager() {
    let rows = [json!({"RuleId": 1, "TagKey": "Team", "Action": "Terminate", "Required": "Y"})];
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_MANAGER_TAGS", "acme:scaler, acme-pool/*");
    let ids = [("acme:scaler", ""), ("acme-pool/blue", "7")].map(|tag| world.instance(&[tag]));
    let ordinary = world.instance(&[("acme:scaler-notes", "none")]);
    let answer = world.sweep().await;

    assert_eq!(answer["refused"], 2);
    for id in &ids {
        assert_eq!(world.state(id), "running");
    }
    assert_ne!(world.state(&ordinary), "running");
}

/// A one-time Spot request launches no other instance. EC2 says which requests are, and is asked once for all of them.
#[tokio::test(start_paused = true)]
async fn shuts_down_the_instances_of_one_time_spot_requests_only() {
    let world = World::new().enforcing();
    let one_time = world.account.launch(old(&[]).spot_request("sir-aaaaaaaa"));
    let persistent = world.account.launch(old(&[]).spot_request("sir-bbbbbbbb"));
    let unnamed = world.account.launch(old(&[]).spot_request(""));
    let in_group = world
        .account
        .launch(old(&[GROUP]).spot_request("sir-cccccccc"));
    world.account.make_one_time("sir-aaaaaaaa");
    world.account.make_one_time("sir-cccccccc");
    world.sweep().await;

    assert_ne!(world.state(&one_time), "running");
    for id in [&persistent, &unnamed, &in_group] {
        assert_eq!(world.state(id), "running", "{id}");
    }
    assert_eq!(world.account.count("DescribeSpotInstanceRequests"), 1);
}

const GROUP: (&str, &str) = ("aws:autoscaling:groupName", "web");

/// Whatever EC2 does not say, the request may launch another instance.
#[rstest]
#[case("UnauthorizedOperation")]
#[case("InternalError")]
#[tokio::test(start_paused = true)]
async fn spares_a_spot_instance_if_its_request_cannot_be_read(#[case] code: &str) {
    let world = World::new().enforcing();
    let id = world.account.launch(old(&[]).spot_request("sir-aaaaaaaa"));
    let ordinary = world.instance(&[]);
    world.account.make_one_time("sir-aaaaaaaa");
    let fault = Fault::new("DescribeSpotInstanceRequests", code, "No.");
    world.account.fail(fault.always());
    let answer = world.sweep().await;

    assert_eq!(answer["refused"], 1);
    assert_eq!(world.state(&id), "running");
    assert_ne!(world.state(&ordinary), "running");
}

#[tokio::test(start_paused = true)]
async fn asks_about_no_spot_request_unless_its_instance_may_be_shut_down() {
    let rows = [
        json!({"RuleId": 1, "TagKey": "Owner", "Action": "Update", "Required": "Y", "Default": "nobody"}),
    ];
    let world = World::with_table(&rows)
        .enforcing()
        .set("TAGWARDEN_UNTAGGED", "notify");
    world.account.launch(old(&[]).spot_request("sir-aaaaaaaa"));
    world
        .account
        .launch(old(&[("Name", "web")]).spot_request("sir-bbbbbbbb"));
    world.sweep().await;
    assert_eq!(world.account.count("DescribeSpotInstanceRequests"), 0);
}

#[tokio::test(start_paused = true)]
async fn asks_about_a_hundred_spot_requests_in_one_call() {
    let world = World::new();
    for number in 0..101 {
        let launch = old(&[]).spot_request(format!("sir-{number:08}"));
        world.account.launch(launch);
    }
    world.sweep().await;
    assert_eq!(world.account.count("DescribeSpotInstanceRequests"), 2);
}

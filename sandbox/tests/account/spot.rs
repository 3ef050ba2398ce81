//! `DescribeSpotInstanceRequests`, and stopping the instance of a one-time request.

use aws_sdk_ec2::types::Filter;
use tagwarden_sandbox::Launch;

use crate::{account_with_ec2, refusal};

#[tokio::test(start_paused = true)]
async fn describes_the_type_of_each_request_that_passes_the_filter() {
    let (account, ec2) = account_with_ec2();
    for id in ["sir-aaaaaaaa", "sir-bbbbbbbb", "sir-cccccccc"] {
        account.launch(Launch::new().spot_request(id));
    }
    account.launch(Launch::new());
    account.make_one_time("sir-bbbbbbbb");

    let filter = Filter::builder()
        .name("spot-instance-request-id")
        .values("sir-aaaaaaaa")
        .values("sir-bbbbbbbb")
        .values("sir-unknown1")
        .build();
    let call = ec2.describe_spot_instance_requests().filters(filter);
    let answer = call.send().await.unwrap();
    let types: Vec<_> = answer
        .spot_instance_requests()
        .iter()
        .map(|it| {
            let id = it.spot_instance_request_id().unwrap();
            (id, it.r#type().unwrap().as_str())
        })
        .collect();
    assert_eq!(
        types,
        [("sir-aaaaaaaa", "persistent"), ("sir-bbbbbbbb", "one-time")]
    );
}

#[tokio::test(start_paused = true)]
async fn rejects_a_filter_that_the_sandbox_does_not_know() {
    let (_, ec2) = account_with_ec2();
    let filter = Filter::builder().name("state").values("active").build();
    let call = ec2.describe_spot_instance_requests().filters(filter);
    let (code, _) = refusal(call.send().await);
    assert_eq!(code, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn stops_the_instance_of_a_persistent_request_only() {
    let (account, ec2) = account_with_ec2();
    let persistent = account.launch(Launch::new().spot_request("sir-aaaaaaaa"));
    let one_time = account.launch(Launch::new().spot_request("sir-bbbbbbbb"));
    account.make_one_time("sir-bbbbbbbb");
    let stop = |id: &str| ec2.stop_instances().instance_ids(id).send();

    stop(&persistent).await.unwrap();
    let (code, message) = refusal(stop(&one_time).await);
    assert_eq!(code, "UnsupportedOperation");
    assert!(message.contains(&one_time), "{message}");
}

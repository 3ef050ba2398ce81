//! `TerminateInstances` and `StopInstances`.

use aws_sdk_ec2::types::InstanceStateChange;
use tagwarden_sandbox::{InstanceState, Launch};

use crate::{account_with_ec2, minutes, refusal};

/// The id, the state before and the state after of each change.
fn changes(changes: &[InstanceStateChange]) -> Vec<(&str, &str, &str)> {
    changes
        .iter()
        .map(|change| {
            (
                change.instance_id().unwrap(),
                change.previous_state().unwrap().name().unwrap().as_str(),
                change.current_state().unwrap().name().unwrap().as_str(),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn terminates_and_returns_state_changes() {
    let (account, ec2) = account_with_ec2();
    let running = account.launch(Launch::new());
    let stopped = account.launch(Launch::new().stopped());
    let both = || {
        ec2.terminate_instances()
            .instance_ids(&running)
            .instance_ids(&stopped)
            .send()
    };

    let answer = both().await.unwrap();
    assert_eq!(
        changes(answer.terminating_instances()),
        [
            (running.as_str(), "running", "shutting-down"),
            (&stopped, "stopped", "terminated")
        ]
    );
    // Once more succeeds and changes nothing.
    account.advance(minutes(1));
    let answer = both().await.unwrap();
    assert_eq!(
        changes(answer.terminating_instances()),
        [
            (running.as_str(), "terminated", "terminated"),
            (&stopped, "terminated", "terminated")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn terminates_nothing_when_one_id_is_unknown() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    let unknown = "i-0fffffffffffffff0";
    let call = ec2
        .terminate_instances()
        .instance_ids(&id)
        .instance_ids(unknown)
        .send()
        .await;
    let (code, message) = refusal(call);
    assert_eq!(code, "InvalidInstanceID.NotFound");
    assert_eq!(
        message,
        format!("The instance ID '{unknown}' does not exist")
    );
    let call = ec2
        .stop_instances()
        .instance_ids(&id)
        .instance_ids(unknown)
        .send()
        .await;
    assert_eq!(refusal(call).0, "InvalidInstanceID.NotFound");
    let call = ec2.stop_instances().instance_ids("x").send().await;
    assert_eq!(refusal(call).0, "InvalidInstanceID.Malformed");
    let call = ec2.terminate_instances().send().await;
    assert_eq!(refusal(call).0, "InvalidParameterCombination");
    assert_eq!(account.instance(&id).unwrap().state, InstanceState::Running);
}

#[tokio::test(start_paused = true)]
async fn spares_only_the_zone_of_a_protected_instance() {
    let (account, ec2) = account_with_ec2();
    let zone = |zone: &str| Launch::new().availability_zone(zone);
    let a = account.launch(zone("us-east-1a"));
    let b = account.launch(zone("us-east-1a"));
    let c = account.launch(zone("us-east-1b").protected());
    let d = account.launch(zone("us-east-1b"));
    let ids = [&a, &b, &c, &d].map(ToString::to_string).to_vec();
    let call = ec2
        .terminate_instances()
        .set_instance_ids(Some(ids))
        .send()
        .await;
    let (code, message) = refusal(call);
    assert_eq!(code, "OperationNotPermitted");
    assert_eq!(
        message,
        format!(
            "The instance '{c}' may not be terminated. Modify its 'disableApiTermination' instance \
             attribute and try again."
        )
    );
    let states = [a, b, c, d].map(|id| account.instance(&id).unwrap().state);
    assert_eq!(
        states,
        [
            InstanceState::ShuttingDown,
            InstanceState::ShuttingDown,
            InstanceState::Running,
            InstanceState::Running
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_to_stop_or_terminate_a_stop_protected_instance() {
    let (account, ec2) = account_with_ec2();
    let kept = account.launch(Launch::new().stop_protected());
    let other = account.launch(Launch::new().availability_zone("us-east-1b"));
    let (code, message) = refusal(ec2.terminate_instances().instance_ids(&kept).send().await);
    assert_eq!(code, "OperationNotPermitted");
    assert!(
        message.contains("may not be terminated. Modify its 'disableApiStop'"),
        "{message}"
    );

    let call = ec2
        .stop_instances()
        .instance_ids(&other)
        .instance_ids(&kept)
        .send()
        .await;
    let (code, message) = refusal(call);
    assert_eq!(code, "OperationNotPermitted");
    assert_eq!(
        message,
        format!(
            "The instance '{kept}' may not be stopped. Modify its 'disableApiStop' instance attribute \
             and try again."
        )
    );
    assert_eq!(
        account.instance(&other).unwrap().state,
        InstanceState::Running
    );
}

#[tokio::test(start_paused = true)]
async fn stops_a_termination_protected_instance() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().protected());
    let stop = || ec2.stop_instances().instance_ids(&id).send();
    let answer = stop().await.unwrap();
    assert_eq!(
        changes(answer.stopping_instances()),
        [(id.as_str(), "running", "stopping")]
    );
    account.advance(minutes(1));
    let answer = stop().await.unwrap();
    assert_eq!(
        changes(answer.stopping_instances()),
        [(id.as_str(), "stopped", "stopped")]
    );
}

#[tokio::test(start_paused = true)]
async fn refuses_to_stop_pending_and_terminating_instances() {
    let (account, ec2) = account_with_ec2();
    for state in [
        InstanceState::ShuttingDown,
        InstanceState::Terminated,
        InstanceState::Pending,
    ] {
        let id = account.launch(Launch::new().state(state));
        let running = account.launch(Launch::new());
        let call = ec2
            .stop_instances()
            .instance_ids(&running)
            .instance_ids(&id)
            .send()
            .await;
        let (code, message) = refusal(call);
        assert_eq!(code, "IncorrectInstanceState");
        assert_eq!(
            message,
            format!("This instance '{id}' is not in a state from which it can be stopped.")
        );
        assert_eq!(
            account.instance(&running).unwrap().state,
            InstanceState::Running
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refuses_more_than_a_thousand_instances_in_a_call() {
    let (account, ec2) = account_with_ec2();
    let ids = account.launch_many(Launch::new(), 1001);
    let terminate = |ids: &[String]| {
        ec2.terminate_instances()
            .set_instance_ids(Some(ids.to_vec()))
            .send()
    };
    assert_eq!(refusal(terminate(&ids).await).0, "ResourceCountExceeded");
    let stop = ec2
        .stop_instances()
        .set_instance_ids(Some(ids.clone()))
        .send()
        .await;
    assert_eq!(refusal(stop).0, "ResourceCountExceeded");
    assert!(terminate(&ids[1..]).await.is_ok());
    let ending = account
        .instances()
        .into_iter()
        .filter(|instance| instance.state.is_ending());
    assert_eq!(ending.count(), 1000);
}

#[tokio::test(start_paused = true)]
async fn changes_no_state_in_a_dry_run() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new());
    let call = ec2
        .terminate_instances()
        .instance_ids(&id)
        .dry_run(true)
        .send()
        .await;
    let (code, message) = refusal(call);
    assert_eq!(code, "DryRunOperation");
    assert_eq!(
        message,
        "Request would have succeeded, but DryRun flag is set."
    );
    let call = ec2
        .stop_instances()
        .instance_ids(&id)
        .dry_run(true)
        .send()
        .await;
    assert_eq!(refusal(call).0, "DryRunOperation");
    assert_eq!(account.instance(&id).unwrap().state, InstanceState::Running);
}

#[tokio::test(start_paused = true)]
async fn terminates_a_protected_instance_from_a_fixture() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().protected());
    account.terminate(&id);
    assert!(account.instance(&id).unwrap().state.is_ending());
    // Nothing protects what is ending already.
    assert!(
        ec2.terminate_instances()
            .instance_ids(&id)
            .send()
            .await
            .is_ok()
    );
}

/// Only its service may stop or terminate an EC2 managed instance. EC2 denies the whole call.
#[tokio::test(start_paused = true)]
async fn refuses_a_whole_call_that_names_a_managed_instance() {
    let (account, ec2) = account_with_ec2();
    let managed = account.launch(Launch::new().operated_by("eks.amazonaws.com"));
    let other = account.launch(Launch::new().availability_zone("us-east-1b"));
    let both = [&other, &managed].map(ToString::to_string).to_vec();
    let terminate = ec2
        .terminate_instances()
        .set_instance_ids(Some(both.clone()));
    let (code, message) = refusal(terminate.send().await);
    assert_eq!(code, "UnauthorizedOperation");
    assert!(
        message.contains(&format!("ec2:TerminateInstances on resource: arn:aws:ec2:us-east-1:111111111111:instance/{managed} with an explicit deny")),
        "{message}"
    );
    let stop = ec2.stop_instances().set_instance_ids(Some(both));
    let (code, message) = refusal(stop.send().await);
    assert_eq!(code, "UnauthorizedOperation");
    assert!(message.contains("ec2:StopInstances"), "{message}");
    for id in [managed, other] {
        assert_eq!(account.instance(&id).unwrap().state, InstanceState::Running);
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_stop_an_instance_with_an_instance_store_root() {
    let (account, ec2) = account_with_ec2();
    let id = account.launch(Launch::new().instance_store_root());
    let other = account.launch(Launch::new());
    let stop = ec2.stop_instances().instance_ids(&other).instance_ids(&id);
    let (code, message) = refusal(stop.send().await);
    assert_eq!(code, "UnsupportedOperation");
    assert_eq!(
        message,
        format!(
            "The instance '{id}' does not have an 'ebs' root device type and cannot be stopped"
        )
    );
    assert_eq!(account.instance(&other).unwrap().state.as_str(), "running");
    let terminate = ec2.terminate_instances().instance_ids(&id);
    assert!(terminate.send().await.is_ok());
}

//! What policies deny.

use aws_sdk_ec2::types::Tag;
use tagwarden_sandbox::Launch;

use crate::{account_with_ec2, refusal};

fn tag(key: &str) -> Tag {
    Tag::builder().key(key).value("x").build()
}

#[tokio::test(start_paused = true)]
async fn names_the_denied_instance_and_does_nothing_to_the_others() {
    let (account, ec2) = account_with_ec2();
    let ids = account.launch_many(Launch::new(), 2);
    for operation in ["CreateTags", "StopInstances", "TerminateInstances"] {
        account.deny(operation, &ids[1]);
    }
    let all = || Some(ids.clone());
    let create = ec2.create_tags().set_resources(all()).tags(tag("a"));
    let stop = ec2.stop_instances().set_instance_ids(all());
    let terminate = ec2.terminate_instances().set_instance_ids(all());
    for (operation, (code, message)) in [
        ("CreateTags", refusal(create.clone().send().await)),
        ("StopInstances", refusal(stop.clone().send().await)),
        (
            "TerminateInstances",
            refusal(terminate.clone().send().await),
        ),
    ] {
        assert_eq!(code, "UnauthorizedOperation");
        let named = format!(
            "is not authorized to perform: ec2:{operation} on resource: \
             arn:aws:ec2:us-east-1:111111111111:instance/{} with",
            ids[1]
        );
        assert!(message.contains(&named), "{message}");
    }
    for id in &ids {
        let instance = account.instance(id).unwrap();
        assert_eq!(
            (instance.state.as_str(), instance.tags.len()),
            ("running", 0)
        );
    }
    account.allow("StopInstances", &ids[1]);
    assert!(stop.send().await.is_ok());
    assert_eq!(refusal(terminate.send().await).0, "UnauthorizedOperation");
}

#[tokio::test(start_paused = true)]
async fn denies_a_tag_key_without_naming_it() {
    let (account, ec2) = account_with_ec2();
    let ids = account.launch_many(Launch::new(), 2);
    account.deny_tag_key("CostCenter");
    let create = |keys: &[&str]| {
        let tags = keys.iter().map(|key| tag(key)).collect();
        let create = ec2.create_tags().set_resources(Some(ids.clone()));
        create.set_tags(Some(tags)).send()
    };
    let (code, message) = refusal(create(&["Owner", "CostCenter"]).await);
    assert_eq!(code, "UnauthorizedOperation");
    assert!(message.contains(&ids[0]), "{message}");
    assert!(!message.contains("CostCenter"), "{message}");
    assert!(account.instance(&ids[0]).unwrap().tags.is_empty());
    assert!(create(&["Owner", "costcenter"]).await.is_ok());
    account.allow_tag_key("CostCenter");
    assert!(create(&["CostCenter"]).await.is_ok());
}

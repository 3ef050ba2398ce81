//! Reads instances from the response of DescribeInstances.

use aws_sdk_ec2::types;
use chrono::{DateTime, Utc};
use tagwarden_core::Instance;
use tagwarden_core::resource::InstanceFacts;

/// The instance that `described` describes; `None` if it has no id, although EC2 always gives one.
#[must_use]
pub fn instance_from_ec2(described: &types::Instance) -> Option<Instance> {
    let primary_interface = described
        .network_interfaces()
        .iter()
        .filter_map(types::InstanceNetworkInterface::attachment)
        .find(|attachment| attachment.device_index() == Some(0));
    let facts = InstanceFacts {
        vpc_id: described.vpc_id().map(ToOwned::to_owned),
        state: described
            .state()
            .and_then(types::InstanceState::name)
            .map(|name| name.as_str().to_owned()),
        launch_time: described.launch_time().and_then(moment),
        attach_time: primary_interface
            .and_then(types::InstanceNetworkInterfaceAttachment::attach_time)
            .and_then(moment),
        lifecycle: described
            .instance_lifecycle()
            .map(|lifecycle| lifecycle.as_str().to_owned()),
        spot_request_id: described.spot_instance_request_id().map(ToOwned::to_owned),
        is_managed: described
            .operator()
            .and_then(types::OperatorResponse::managed),
        principal: described
            .operator()
            .and_then(types::OperatorResponse::principal)
            .map(ToOwned::to_owned),
        tags: described
            .tags()
            .iter()
            .filter_map(|tag| {
                Some((
                    tag.key()?.to_owned(),
                    tag.value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
    };
    Some(facts.into_instance(described.instance_id()?.to_owned()))
}

fn moment(time: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceLifecycleType, OperatorResponse};
    use tagwarden_core::State;

    use super::*;

    #[test]
    fn reads_every_member_that_tagwarden_needs() {
        let time = aws_smithy_types::DateTime::from_secs;
        let attachment = |index, attached_at| {
            let attachment = types::InstanceNetworkInterfaceAttachment::builder()
                .device_index(index)
                .attach_time(time(attached_at))
                .build();
            types::InstanceNetworkInterface::builder()
                .attachment(attachment)
                .build()
        };
        let described = types::Instance::builder()
            .instance_id("i-0a1b2c3d4e5f60718")
            .vpc_id("vpc-1")
            .state(
                types::InstanceState::builder()
                    .name(types::InstanceStateName::Stopped)
                    .build(),
            )
            .launch_time(time(200))
            .network_interfaces(attachment(1, 50))
            .network_interfaces(attachment(0, 100))
            .instance_lifecycle(InstanceLifecycleType::Spot)
            .spot_instance_request_id("sir-abcd1234")
            .operator(
                OperatorResponse::builder()
                    .managed(true)
                    .principal("eks.amazonaws.com")
                    .build(),
            )
            .tags(types::Tag::builder().key("Name").value("web").build())
            .tags(types::Tag::builder().key("Owner").build())
            .build();
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            instance_from_ec2(&described),
            Some(Instance {
                id: "i-0a1b2c3d4e5f60718".to_owned(),
                vpc_id: Some("vpc-1".to_owned()),
                state: State::Stopped,
                launched_at: DateTime::from_timestamp(100, 0),
                started_at: DateTime::from_timestamp(200, 0),
                spot_request_id: Some("sir-abcd1234".to_owned()),
                operator: Some("eks.amazonaws.com".to_owned()),
                tags: [tag("Name", "web"), tag("Owner", "")].into(),
            })
        );
    }

    #[test]
    fn reads_a_spot_instance_without_a_request_id() {
        let described = types::Instance::builder()
            .instance_id("i-0a1b2c3d4e5f60718")
            .instance_lifecycle(InstanceLifecycleType::Spot)
            .build();
        let instance = instance_from_ec2(&described).unwrap();
        assert_eq!(instance.spot_request_id.as_deref(), Some(""));
        assert_eq!(instance_from_ec2(&types::Instance::builder().build()), None);
    }
}

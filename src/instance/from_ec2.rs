//! From what DescribeInstances gives.

use aws_sdk_ec2::types;
use chrono::{DateTime, Utc};

use super::{Instance, State, UNNAMED_OPERATOR};

impl Instance {
    /// Takes an instance as DescribeInstances gives it; one without an id (EC2 always gives one) is `None`.
    #[must_use]
    pub fn from_ec2(described: &types::Instance) -> Option<Self> {
        let primary_interface = described
            .network_interfaces()
            .iter()
            .filter_map(types::InstanceNetworkInterface::attachment)
            .find(|attachment| attachment.device_index() == Some(0));
        let launched_at = [
            described.launch_time(),
            primary_interface.and_then(types::InstanceNetworkInterfaceAttachment::attach_time),
        ];
        Some(Self {
            id: described.instance_id()?.to_owned(),
            vpc_id: described.vpc_id().map(ToOwned::to_owned),
            state: described
                .state()
                .and_then(types::InstanceState::name)
                .map_or(State::Unknown, |name| name.as_str().into()),
            launched_at: launched_at.into_iter().flatten().filter_map(moment).min(),
            started_at: described.launch_time().and_then(moment),
            spot_request_id: spot_request_id(described),
            operator: described.operator().and_then(operator),
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
        })
    }
}

fn spot_request_id(described: &types::Instance) -> Option<String> {
    let is_spot = described.instance_lifecycle() == Some(&types::InstanceLifecycleType::Spot);
    described
        .spot_instance_request_id()
        .filter(|id| !id.is_empty())
        .map(ToOwned::to_owned)
        .or_else(|| is_spot.then(String::new))
}

fn operator(described: &types::OperatorResponse) -> Option<String> {
    let principal = described.principal().filter(|name| !name.is_empty());
    (described.managed() == Some(true)).then(|| principal.unwrap_or(UNNAMED_OPERATOR).to_owned())
}

fn moment(time: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceLifecycleType, OperatorResponse};

    use super::*;

    fn described() -> types::builders::InstanceBuilder {
        types::Instance::builder().instance_id("i-0a1b2c3d4e5f60718")
    }

    fn read(described: types::builders::InstanceBuilder) -> Instance {
        Instance::from_ec2(&described.build()).unwrap()
    }

    #[test]
    fn a_restart_moves_the_start_and_not_the_launch() {
        let time = |text| aws_smithy_types::DateTime::from_secs(text);
        let attachment = types::InstanceNetworkInterfaceAttachment::builder()
            .device_index(0)
            .attach_time(time(100))
            .build();
        let interface = types::InstanceNetworkInterface::builder().attachment(attachment);
        let instance = read(
            described()
                .launch_time(time(200))
                .network_interfaces(interface.build()),
        );
        assert_eq!(instance.launched_at, DateTime::from_timestamp(100, 0));
        assert_eq!(instance.started_at, DateTime::from_timestamp(200, 0));
    }

    #[test]
    fn a_spot_instance_has_a_request_even_where_it_is_not_named() {
        let spot = || described().instance_lifecycle(InstanceLifecycleType::Spot);
        for (described, expected) in [
            (described(), None),
            (described().spot_instance_request_id(""), None),
            (
                described().instance_lifecycle(InstanceLifecycleType::Scheduled),
                None,
            ),
            (spot(), Some("")),
            (spot().spot_instance_request_id(""), Some("")),
            (
                spot().spot_instance_request_id("sir-abcd1234"),
                Some("sir-abcd1234"),
            ),
            (
                described().spot_instance_request_id("sir-abcd1234"),
                Some("sir-abcd1234"),
            ),
        ] {
            assert_eq!(read(described).spot_request_id.as_deref(), expected);
        }
    }

    #[test]
    fn only_who_manages_it_is_the_operator() {
        let operator = OperatorResponse::builder;
        for (operator, expected) in [
            (operator(), None),
            (operator().managed(false), None),
            (operator().principal("eks.amazonaws.com"), None),
            (operator().managed(true), Some("an AWS service")),
            (
                operator().managed(true).principal(""),
                Some("an AWS service"),
            ),
            (
                operator().managed(true).principal("eks.amazonaws.com"),
                Some("eks.amazonaws.com"),
            ),
        ] {
            let instance = read(described().operator(operator.build()));
            assert_eq!(instance.operator.as_deref(), expected);
        }
        assert_eq!(read(described()).operator, None);
    }
}

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
    let principal = described.principal().unwrap_or(UNNAMED_OPERATOR);
    (described.managed() == Some(true)).then(|| principal.to_owned())
}

fn moment(time: &aws_smithy_types::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}

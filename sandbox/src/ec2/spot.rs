//! Spot requests: `DescribeSpotInstanceRequests`, and what EC2 does not do to their instances.

use super::filter::{invalid, named_values};
use super::instance::InstanceRecord;
use super::{Ec2Service, check_dry_run};
use crate::Account;
use crate::account::Contents;
use crate::calls::Request;
use crate::dispatch::Context;
use crate::wire::{Answer, ApiError, Xml};

/// The filter that the sandbox knows.
const BY_ID: &str = "spot-instance-request-id";

impl Contents {
    /// The requests of the instances that are there, all on one page, with the filter `spot-instance-request-id` alone.
    /// See <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotInstanceRequests.html>.
    pub(crate) fn describe_spot_instance_requests(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["Filter", "DryRun"])?;
        let filters = named_values(request)?;
        if let Some((name, _)) = filters.iter().find(|(name, _)| *name != BY_ID) {
            return Err(invalid(name));
        }
        check_dry_run(request)?;
        let visible = self.ec2.instances.values();
        let visible = visible.filter(|record| record.is_visible(context.now));
        let requests = visible.filter_map(|record| {
            let id = record.instance.spot_request_id.as_deref()?;
            let mut filters = filters.iter();
            let passes = filters.all(|(_, values)| values.fit(id));
            passes.then_some((id, record.instance.id.as_str()))
        });
        let mut xml = Xml::default();
        xml.items(
            "spotInstanceRequestSet",
            requests,
            |xml, (id, instance_id)| {
                xml.text("spotInstanceRequestId", id);
                let kind = if self.ec2.one_time_requests.contains(id) {
                    "one-time"
                } else {
                    "persistent"
                };
                xml.text("type", kind);
                xml.text("state", "active");
                xml.text("instanceId", instance_id);
            },
        );
        Ok(Answer::Xml(xml))
    }
}

impl Ec2Service {
    /// The refusal to stop the instance of a one-time request. Its message follows what people have reported, see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-request.html>.
    pub(super) fn check_stoppable(&self, instance: &InstanceRecord) -> Result<(), ApiError> {
        let request = instance.spot_request_id.as_ref();
        if !request.is_some_and(|id| self.one_time_requests.contains(id)) {
            return Ok(());
        }
        let message = format!(
            "You can't stop the Spot Instance '{}' because it is associated with a one-time Spot Instance request. \
             You can only stop Spot Instances associated with persistent Spot Instance requests.",
            instance.id
        );
        Err(ApiError::new("UnsupportedOperation", message))
    }
}

impl Account {
    /// The Spot request `id` is a one-time request. Without this it is persistent.
    pub fn make_one_time(&self, id: impl Into<String>) {
        self.contents().ec2.one_time_requests.insert(id.into());
    }
}

//! `TerminateInstances` and `StopInstances`.

use std::collections::BTreeSet;

use super::instance::{InstanceRecord, InstanceState};
use super::{answer, check_dry_run};
use crate::account::Contents;
use crate::calls::Request;
use crate::cloudtrail::caller;
use crate::dispatch::Context;
use crate::place::{ACCOUNT_ID, CALLER, REGION};
use crate::wire::{Answer, ApiError, Xml};

/// An instance's id, its state before a call and its state after.
type Change = (String, InstanceState, InstanceState);

impl Contents {
    /// Instances in an Availability Zone of a protected one are spared; those in other zones are
    /// terminated although the call fails, see
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>.
    pub(crate) fn terminate_instances(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["InstanceId", "DryRun", "Force", "SkipOsShutdown"])?;
        let instances = self.named_instances(request, context)?;
        check_operator(&instances, "ec2:TerminateInstances")?;
        check_dry_run(request)?;

        // Protection does not apply to an instance that is shutting down: terminating it again succeeds.
        let protected = |instance: &&InstanceRecord| {
            (instance.protected || instance.stop_protected) && !instance.state.is_ending()
        };
        let refusal = instances.iter().find(protected).map(|instance| {
            // Stop protection forbids terminating as well, and the message tells which of the two.
            let attribute = if instance.protected {
                "disableApiTermination"
            } else {
                "disableApiStop"
            };
            not_permitted(&instance.id, "terminated", attribute)
        });
        // One protected instance spares its whole zone, so collect the zones before any change.
        let spared: BTreeSet<&str> = instances
            .iter()
            .filter(protected)
            .map(|instance| instance.availability_zone.as_str())
            .collect();
        let doomed = instances
            .iter()
            .filter(|instance| !spared.contains(instance.availability_zone.as_str()));
        let mut changes = Vec::new();
        for InstanceRecord { id, .. } in doomed {
            if let Some(record) = self.ec2.get_mut(id, context.now) {
                let (before, after) = record.terminate(context.now);
                changes.push((id.clone(), before, after));
            }
        }
        self.record_changes("TerminateInstances", &changes, context);
        refusal.map_or_else(|| Ok(changes_answer(&changes)), Err)
    }

    /// Nothing is said about Availability Zones here, so one instance that may not be stopped spares
    /// them all, see <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html>.
    pub(crate) fn stop_instances(
        &mut self,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, ApiError> {
        request.only(&["InstanceId", "DryRun", "Force", "SkipOsShutdown"])?;
        let instances = self.named_instances(request, context)?;
        check_operator(&instances, "ec2:StopInstances")?;
        check_dry_run(request)?;
        for instance in &instances {
            if instance.state.is_ending() || instance.state == InstanceState::Pending {
                let id = &instance.id;
                let message =
                    format!("This instance '{id}' is not in a state from which it can be stopped.");
                return Err(ApiError::new("IncorrectInstanceState", message));
            }
            self.ec2.check_stoppable(instance)?;
            if instance.has_instance_store_root {
                let id = &instance.id;
                let message = format!(
                    "The instance '{id}' does not have an 'ebs' root device type and cannot be stopped"
                );
                return Err(ApiError::new("UnsupportedOperation", message));
            }
            if instance.stop_protected && !instance.state.is_stopping() {
                return Err(not_permitted(&instance.id, "stopped", "disableApiStop"));
            }
        }
        // Every instance has passed the checks, so the call stops all of them.
        let mut changes = Vec::new();
        for InstanceRecord { id, .. } in &instances {
            if let Some(record) = self.ec2.get_mut(id, context.now) {
                let (before, after) = record.stop(context.now);
                changes.push((id.clone(), before, after));
            }
        }
        self.record_changes("StopInstances", &changes, context);
        Ok(changes_answer(&changes))
    }

    /// The instances a request names, each once, in the request's order.
    fn named_instances(
        &self,
        request: &Request,
        context: &Context,
    ) -> Result<Vec<InstanceRecord>, ApiError> {
        let ids = request.list("InstanceId");
        if ids.is_empty() {
            let message = "No instances specified";
            return Err(ApiError::new("InvalidParameterCombination", message));
        }
        self.ec2.check_ids(&ids, context.now)?;
        let mut seen = BTreeSet::new();
        Ok(ids
            .into_iter()
            .filter(|id| seen.insert(*id))
            .filter_map(|id| self.ec2.instance(id, context.now))
            .collect())
    }

    fn record_changes(&mut self, operation: &str, changes: &[Change], context: &Context) {
        let ids: Vec<&str> = changes.iter().map(|(id, ..)| id.as_str()).collect();
        self.record_write(operation, &ids, &caller(), context.now);
    }
}

/// A managed instance belongs to its operator alone: any other caller is denied, as by IAM, and the whole call
/// with it, before anything happens. Reported by those who tried, with EKS Auto Mode:
/// <https://github.com/aws/eks-node-monitoring-agent/pull/151>. See also
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html>.
fn check_operator(instances: &[InstanceRecord], action: &str) -> Result<(), ApiError> {
    let managed = |instance: &&InstanceRecord| instance.operator.is_some();
    let Some(InstanceRecord { id, .. }) = instances.iter().find(managed) else {
        return Ok(());
    };
    let message = format!(
        "You are not authorized to perform this operation. User: {CALLER} is not authorized to perform: {action} \
         on resource: arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{id} with an explicit deny in a \
         resource-based policy"
    );
    Err(ApiError::new("UnauthorizedOperation", message).with_status(403))
}

fn not_permitted(id: &str, done: &str, attribute: &str) -> ApiError {
    let message = format!(
        "The instance '{id}' may not be {done}. Modify its '{attribute}' instance attribute and try again."
    );
    ApiError::new("OperationNotPermitted", message)
}

fn changes_answer(changes: &[Change]) -> Answer {
    let mut xml = Xml::default();
    xml.items("instancesSet", changes, |xml, (id, before, after)| {
        xml.text("instanceId", id);
        answer::state(xml, "currentState", *after);
        answer::state(xml, "previousState", *before);
    });
    Answer::Xml(xml)
}

"""TerminateInstances when one of the instances is protected against it.

moto terminates the instances before the protected one in the call. AWS terminates none in that instance's Availability
Zone. Importing this module makes moto do the same.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
"""

from moto.ec2.exceptions import OperationNotPermitted4
from moto.ec2.models.instances import InstanceBackend

moto_terminate = InstanceBackend.terminate_instances


def terminate_instances(self, instance_ids):
    instances = self.get_multi_instances_by_id(instance_ids)
    protected = [instance for instance in instances if instance.disable_api_termination]
    if not protected:
        return moto_terminate(self, instance_ids)
    zones = {instance.availability_zone for instance in protected}
    elsewhere = [instance.id for instance in instances if instance.availability_zone not in zones]
    if elsewhere:
        moto_terminate(self, elsewhere)
    raise OperationNotPermitted4(protected[0].id)


InstanceBackend.terminate_instances = terminate_instances

"""AWS Config's handling of a custom Lambda rule.

moto only stores rules. Importing this module makes it invoke a rule's function on request and when an instance or a
volume in the rule's scope changes, store the evaluations it receives, answer queries about them, and send each change of compliance to
the default event bus. Not covered: schedules, the configuration recorder (every
instance and volume counts as recorded) and the first evaluation of a new rule.
"""

import json
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.awslambda.models import lambda_backends
from moto.config.exceptions import (
    InvalidParameterValueException,
    InvalidResultTokenException,
    NoSuchConfigRuleException,
    ValidationException,
)
from moto.config.models import config_backends
from moto.config.responses import ConfigResponse
from moto.ec2.models import ec2_backends
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.tags import TagResponse
from moto.events.models import events_backends

INSTANCE, VOLUME = "AWS::EC2::Instance", "AWS::EC2::Volume"


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def region_of(rule):
    return rule.config_rule_arn.split(":")[3]


# ------------------------------------------------------------------ Config invokes the rule's function


@dataclass
class Invocation:
    """What a result token stands for: which rule was invoked, and when."""

    rule: object
    time: float


INVOCATIONS = {}  # by result token


def invoke(rule, message):
    """Invokes the rule's function with the message, and does not wait for it.

    https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html
    """
    token = secrets.token_urlsafe(48)
    recorder = "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    INVOCATIONS[token] = Invocation(rule, time.time())
    event = {
        "version": "1.0",
        "invokingEvent": json.dumps(message),
        "ruleParameters": rule.input_parameters or "{}",
        "resultToken": token,
        "eventLeftScope": False,
        "executionRoleArn": f"arn:aws:iam::{rule.account_id}:role/{recorder}",
        "configRuleArn": rule.config_rule_arn,
        "configRuleName": rule.config_rule_name,
        "configRuleId": rule.config_rule_id,
        "accountId": rule.account_id,
    }
    function = lambda_backends[rule.account_id][region_of(rule)].get_function(rule.source.source_identifier)
    threading.Thread(target=function._invoke_lambda, args=(json.dumps(event),), daemon=True).start()


def covers(rule, resource_type):
    """Whether the rule's scope has resources of this type. A rule without a scope has all."""
    types = rule.scope.compliance_resource_types if rule.scope else None
    return not types or resource_type in types


def listens_to(rule, message_type):
    return any(detail.message_type == message_type for detail in rule.source.source_details or [])


def start_config_rules_evaluation(self):
    """https://docs.aws.amazon.com/config/latest/APIReference/API_StartConfigRulesEvaluation.html

    A rule with a schedule gets the schedule's message. A rule without one gets a message for each instance.
    """
    rules = [rule_named(self, name) for name in self._get_param("ConfigRuleNames")]
    for rule in rules:
        if listens_to(rule, "ScheduledNotification"):
            scheduled = {"awsAccountId": rule.account_id, "notificationCreationTime": iso(time.time())}
            invoke(rule, {**scheduled, "messageType": "ScheduledNotification", "recordVersion": "1.0"})
        else:
            for instance in ec2_backends[rule.account_id][region_of(rule)].all_instances():
                invoke(rule, change_notification(instance))
    return "{}"


def rule_named(call, name):
    if name not in call.config_backend.config_rules:
        raise NoSuchConfigRuleException(name)
    return call.config_backend.config_rules[name]


# ------------------------------------------------------------------ a changed instance notifies the rules


def change_notification(instance):
    """The message about an instance's current state. A terminated instance is reported as deleted.

    https://docs.aws.amazon.com/config/latest/developerguide/config-item-table.html
    """
    deleted = instance.state == "terminated"
    tags = [] if deleted else instance.get_tags()
    configuration = {
        "instanceId": instance.id,
        "imageId": instance.image_id,
        "instanceType": instance.instance_type,
        "launchTime": iso(instance.launch_time.replace(tzinfo=UTC).timestamp()),
        "state": {"code": instance.state_code, "name": instance.state},
        "vpcId": instance.vpc_id,
        "subnetId": instance.subnet_id,
        "tags": [{"key": tag["key"], "value": tag["value"]} for tag in tags],
    }
    item = {
        "configurationItemCaptureTime": iso(time.time()),
        "configurationItemStatus": "ResourceDeleted" if deleted else "OK",
        "awsAccountId": instance.owner_id,
        "awsRegion": instance.region_name,
        "availabilityZone": instance.availability_zone,
        "resourceType": INSTANCE,
        "resourceId": instance.id,
        "ARN": f"arn:aws:ec2:{instance.region_name}:{instance.owner_id}:instance/{instance.id}",
        "tags": {tag["key"]: tag["value"] for tag in tags},
        "relationships": [],
        "configuration": None if deleted else configuration,
    }
    return about(item)


def about(item):
    message = {"configurationItem": item, "configurationItemDiff": None, "notificationCreationTime": iso(time.time())}
    return {**message, "messageType": "ConfigurationItemChangeNotification", "recordVersion": "1.3"}


def volume_notification(volume):
    """The message about a volume's current state. Config names the instance in the item's relationships too."""
    backend, attachment = volume.ec2_backend, volume.attachment
    tags = {tag["key"]: tag["value"] for tag in volume.get_tags()}
    configuration = {
        "attachments": [],
        "availabilityZone": volume.zone.name,
        "createTime": iso(volume.create_time.replace(tzinfo=UTC).timestamp()),
        "size": volume.size,
        "state": {"value": volume.status},
        "volumeId": volume.id,
        "volumeType": volume.volume_type,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    relationships = []
    if attachment:
        instance = attachment.instance.id
        attached = {"device": attachment.device, "instanceId": instance, "volumeId": volume.id, "state": "attached"}
        configuration["attachments"] = [attached]
        relationships = [{"resourceId": instance, "resourceType": INSTANCE, "name": "Is attached to Instance"}]
    item = {
        "configurationItemCaptureTime": iso(time.time()),
        "configurationItemStatus": "OK",
        "awsAccountId": backend.account_id,
        "awsRegion": backend.region_name,
        "availabilityZone": volume.zone.name,
        "resourceType": VOLUME,
        "resourceId": volume.id,
        "resourceCreationTime": configuration["createTime"],
        "ARN": f"arn:aws:ec2:{backend.region_name}:{backend.account_id}:volume/{volume.id}",
        "tags": tags,
        "relationships": relationships,
        "configuration": configuration,
    }
    return about(item)


def notify_of_changes(responses, action, changed):
    """Makes an EC2 action notify the rules of the instances and volumes it changed, whose ids `changed` finds in call and answer."""
    moto_action = getattr(responses, action)

    def then_notify(self):
        answer = moto_action(self)
        rules = config_backends[self.current_account][self.region].config_rules.values()
        listening = [rule for rule in rules if listens_to(rule, "ConfigurationItemChangeNotification")]
        ids = changed(self, answer) if listening else []
        instances = [it for it in ids if it.startswith("i-")]
        for instance in self.ec2_backend.get_multi_instances_by_id(instances) if instances else []:
            for rule in listening:
                if covers(rule, INSTANCE):
                    invoke(rule, change_notification(instance))
        for volume in (self.ec2_backend.get_volume(it) for it in ids if it.startswith("vol-")):
            for rule in listening:
                if covers(rule, VOLUME):
                    invoke(rule, volume_notification(volume))
        return answer

    setattr(responses, action, then_notify)


def tagged(call, _):
    return [resource for resource in call._get_param("Resources", []) if resource.startswith(("i-", "vol-"))]


def launched(_, answer):
    instances = answer.result.instances
    devices = [device for instance in instances for device in instance.block_device_mapping.values()]
    return [instance.id for instance in instances] + [device.volume_id for device in devices]


def named_volume(call, _):
    return [call._get_param("VolumeId")]


notify_of_changes(TagResponse, "create_tags", tagged)
notify_of_changes(TagResponse, "delete_tags", tagged)
notify_of_changes(InstanceResponse, "run_instances", launched)
notify_of_changes(ElasticBlockStore, "create_volume", lambda _, answer: [answer.result.id])
notify_of_changes(ElasticBlockStore, "attach_volume", named_volume)
notify_of_changes(ElasticBlockStore, "detach_volume", named_volume)
for state_change in ("start_instances", "stop_instances", "terminate_instances"):
    notify_of_changes(InstanceResponse, state_change, lambda call, _: call._get_param("InstanceIds", []))


# ------------------------------------------------------------------ the function answers with evaluations

RESULTS = {}  # by rule ARN, then by resource type and id: the members of an EvaluationResult
RESULTS_LOCK = threading.Lock()


def put_evaluations(self):
    """https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html and API_Evaluation.html

    moto accepts the call in test mode only.
    """
    evaluations, token = self._get_param("Evaluations") or [], self._get_param("ResultToken")
    if len(evaluations) > 100:
        raise too_long("evaluations", 100)
    for number, evaluation in enumerate(evaluations, start=1):
        annotation = evaluation.get("Annotation")
        if annotation is not None and not 1 <= len(annotation) <= 256:
            raise too_long(f"evaluations.{number}.member.annotation", 256)
        if evaluation["ComplianceType"] not in ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"):
            raise InvalidParameterValueException(f"The compliance type {evaluation['ComplianceType']} is not accepted.")
    if not token or not (self._get_param("TestMode") or token in INVOCATIONS):
        raise InvalidResultTokenException()
    if not self._get_param("TestMode"):
        for evaluation in evaluations:
            store(INVOCATIONS[token], evaluation)
    return json.dumps({"FailedEvaluations": []})


def too_long(member, limit):
    constraint = f"Member must have length less than or equal to {limit}"
    return ValidationException(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}"
    )


def store(invocation, evaluation):
    """Replaces the resource's earlier result, and sends an event to the bus if the verdict differs.

    Functions can answer out of order, so the newest OrderingTimestamp wins.
    """
    rule = invocation.rule
    resource = (evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"])
    qualifier = {"ConfigRuleName": rule.config_rule_name, "ResourceType": resource[0], "ResourceId": resource[1]}
    new = {
        "EvaluationResultIdentifier": {
            "EvaluationResultQualifier": {**qualifier, "EvaluationMode": "DETECTIVE"},
            "OrderingTimestamp": float(evaluation["OrderingTimestamp"]),
        },
        "ComplianceType": evaluation["ComplianceType"],
        "ResultRecordedTime": time.time(),
        "ConfigRuleInvokedTime": invocation.time,
    }
    if "Annotation" in evaluation:
        new["Annotation"] = evaluation["Annotation"]
    with RESULTS_LOCK:
        results = RESULTS.setdefault(rule.config_rule_arn, {})
        old = results.get(resource)
        if old and ordering_of(old) > ordering_of(new):
            return
        results[resource] = new
    if new["ComplianceType"] != (old["ComplianceType"] if old else "NOT_APPLICABLE"):
        compliance_changed(rule, new, old)


def ordering_of(result):
    return result["EvaluationResultIdentifier"]["OrderingTimestamp"]


def compliance_changed(rule, new, old):
    """https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html"""
    qualifier = new["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
    detail = {
        "resourceId": qualifier["ResourceId"],
        "resourceType": qualifier["ResourceType"],
        "awsRegion": region_of(rule),
        "awsAccountId": rule.account_id,
        "configRuleName": rule.config_rule_name,
        "configRuleARN": rule.config_rule_arn,
        "messageType": "ComplianceChangeNotification",
        "recordVersion": "1.0",
        "notificationCreationTime": iso(time.time()),
        "newEvaluationResult": as_in_events(new),
    }
    if old:
        detail["oldEvaluationResult"] = as_in_events(old)
    event = {"Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Detail": json.dumps(detail)}
    events_backends[rule.account_id][region_of(rule)].put_events([event])


def as_in_events(value):
    """An EvaluationResult as it stands in events: member names begin in lower case and times are ISO 8601."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: as_in_events(member) for name, member in value.items()}
    return iso(value) if isinstance(value, float) else value


def get_compliance_details_by_config_rule(self):
    """https://docs.aws.amazon.com/config/latest/APIReference/API_GetComplianceDetailsByConfigRule.html

    A resource that the rule does not apply to is not listed.
    """
    rule, wanted = rule_named(self, self._get_param("ConfigRuleName")), self._get_param("ComplianceTypes")
    wanted = wanted or ("COMPLIANT", "NON_COMPLIANT")
    results = list(RESULTS.get(rule.config_rule_arn, {}).values())
    found = [result for result in results if result["ComplianceType"] in wanted]
    limit, offset = self._get_param("Limit") or 10, int(self._get_param("NextToken") or 0)
    if limit > 100:
        raise InvalidParameterValueException("The limit may be 100 at most.")
    answer = {"EvaluationResults": found[offset : offset + limit]}
    if offset + limit < len(found):
        answer["NextToken"] = str(offset + limit)
    return json.dumps(answer)


for call in (put_evaluations, get_compliance_details_by_config_rule, start_config_rules_evaluation):
    setattr(ConfigResponse, call.__name__, call)

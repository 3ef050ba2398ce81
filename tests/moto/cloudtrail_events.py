"""CloudTrail's record of who launched which instance.

moto keeps trails but no events. Importing this module makes it record each RunInstances call, answer
LookupEvents, and put the call on the default event bus.
"""

import base64
import json
import time
import uuid
from datetime import UTC, datetime

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.ec2.responses.instances import InstanceResponse
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

# The events by account and Region, oldest first, in the shape that LookupEvents returns.
EVENTS = {}


def user_identity(account, access_key):
    """The `userIdentity` of the caller, and the name that LookupEvents lists it under.

    An access key that moto knows belongs to a user or an assumed role. Any other is taken for the root user's.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    caller = {"accountId": account, "accessKeyId": access_key}
    if user := iam_backends[account]["aws"].get_user_from_access_key_id(access_key):
        return {"type": "IAMUser", "principalId": user.id, "arn": user.arn, "userName": user.name, **caller}, user.name
    if session := sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key):
        role_id, role_name = session.user_id.split(":")[0], session.role_arn.split("/")[-1]
        issuer = {
            "type": "Role",
            "principalId": role_id,
            "arn": session.role_arn,
            "accountId": account,
            "userName": role_name,
        }
        context = {
            "sessionIssuer": issuer,
            "attributes": {"creationDate": iso(time.time()), "mfaAuthenticated": "false"},
        }
        identity = {
            "type": "AssumedRole",
            "principalId": session.user_id,
            "arn": session.arn,
            "sessionContext": context,
            **caller,
        }
        return identity, session.session_name
    return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", **caller}, "root"


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_launch(account, region, access_key, reservation):
    """Records the call for LookupEvents and sends it to EventBridge.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    identity, name = user_identity(account, access_key)
    now = time.time()
    launched = [
        {
            "instanceId": i.id,
            "imageId": i.image_id,
            "instanceState": {"code": 0, "name": "pending"},
            "instanceType": i.instance_type,
        }
        for i in reservation.instances
    ]
    record = {
        "eventVersion": "1.10",
        "userIdentity": identity,
        "eventTime": iso(now),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "moto",
        "requestParameters": {"instancesSet": {"items": [{"minCount": len(launched), "maxCount": len(launched)}]}},
        "responseElements": {"reservationId": reservation.id, "ownerId": account, "instancesSet": {"items": launched}},
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    event = {
        "EventId": record["eventID"],
        "EventName": "RunInstances",
        "ReadOnly": "false",
        "AccessKeyId": access_key,
        "EventTime": int(now),
        "EventSource": "ec2.amazonaws.com",
        "Username": name,
        "Resources": [{"ResourceType": "AWS::EC2::Instance", "ResourceName": i["instanceId"]} for i in launched],
        "CloudTrailEvent": json.dumps(record),
    }
    EVENTS.setdefault((account, region), []).append(event)
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    on_the_bus = {"Source": "aws.ec2", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(record)}
    events_backends[account][region].put_events([on_the_bus])


moto_run_instances = InstanceResponse.run_instances


def run_instances(self):
    answer = moto_run_instances(self)
    record_launch(self.current_account, self.region, self.access_key, answer.result)
    return answer


InstanceResponse.run_instances = run_instances


def lookup_events(self):
    """Newest first, by at most one attribute, 50 a page. A token is valid only for the same query.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
    """
    attributes = self._get_param("LookupAttributes") or []
    start, end = self._get_param("StartTime") or 0, self._get_param("EndTime") or float("inf")
    limit = self._get_param("MaxResults") or 50
    if len(attributes) > 1:
        raise JsonRESTError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
    if start > end:
        raise JsonRESTError("InvalidTimeRangeException", "The start time is after the end time.")
    if not 1 <= limit <= 50:
        raise JsonRESTError("InvalidMaxResultsException", "A number of results from 1 to 50 is wanted.")

    question = [attributes, start, str(end)]
    offset = 0
    if token := self._get_param("NextToken"):
        asked, offset = json.loads(base64.b64decode(token))
        if asked != question:
            raise JsonRESTError("InvalidNextTokenException", "The token was given for other parameters.")

    newest_first = reversed(EVENTS.get((self.current_account, self.region), []))
    found = [e for e in newest_first if start <= e["EventTime"] <= end and all(matches(e, a) for a in attributes)]
    answer = {"Events": found[offset : offset + limit]}
    if offset + limit < len(found):
        answer["NextToken"] = base64.b64encode(json.dumps([question, offset + limit]).encode()).decode()
    return json.dumps(answer)


def matches(event, attribute):
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key in ("ResourceName", "ResourceType"):
        return any(resource[key] == value for resource in event["Resources"])
    return event[key] == value


CloudTrailResponse.lookup_events = lookup_events

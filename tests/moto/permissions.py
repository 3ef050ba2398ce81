"""Enforces the policies of roles.

moto ignores resources and most conditions. This module checks every call signed with a role's credentials against
the role's own policies, and records it. The calls of users and of the account's root user are allowed. It works only
with the argument `--iam FILE`, because the role `function` of server.py has no policies.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import fnmatch
import json
import threading

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

import cross_account

# The operations whose IAM action has another name.
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "sqs:SendMessageBatch": "sqs:SendMessage"}

# The error codes of the services that do not use AccessDeniedException.
DENIALS = {"ec2": "UnauthorizedOperation", "iam": "AccessDenied", "sns": "AuthorizationError", "sqs": "AccessDenied"}


def resources(call, action):
    """The ARNs that the call names; "*" if AWS has no resource level for the action."""
    service = action.split(":")[0]
    prefix = f"arn:aws:{service}:{call.region}:{call.current_account}"
    if action == "dynamodb:BatchGetItem":
        return [f"{prefix}:table/{table}" for table in call.body["RequestItems"]]
    if service == "dynamodb":
        table = call.body["TableName"]
        return [table if table.startswith("arn:") else f"{prefix}:table/{table}"]
    if action == "ec2:DescribeInstanceAttribute":
        return [f"{prefix}:instance/{call._get_param('InstanceId')}"]
    if action == "ec2:CreateTags":
        kinds = {"i": "instance", "vol": "volume"}
        return [f"{prefix}:{kinds[it.split('-')[0]]}/{it}" for it in call._get_param("Resources")]
    if action in ("ec2:StopInstances", "ec2:TerminateInstances"):
        return [f"{prefix}:instance/{instance}" for instance in call._get_param("InstanceIds")]
    if action == "sqs:SendMessage":
        return [f"{prefix}:{call._get_param('QueueUrl').split('/')[-1]}"]
    if action == "ses:SendEmail":
        mail = json.loads(call.body)
        return [mail.get("FromEmailAddressIdentityArn", f"{prefix}:identity/{mail['FromEmailAddress']}")]
    if action in ("sns:GetTopicAttributes", "sns:Publish"):
        return [call._get_param("TopicArn")]
    if action == "lambda:InvokeFunction":
        return [f"{prefix}:function:{call.path.split('/functions/')[1].split('/')[0]}"]
    if action == "config:GetComplianceDetailsByConfigRule":
        name = call._get_param("ConfigRuleName")
        return [call.config_backend.config_rules[name].config_rule_arn]
    return ["*"]


def actions(call, action):
    """Each action that the call needs, with its resources. A transaction needs the actions of its parts.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    if action != "dynamodb:TransactWriteItems":
        return {ACTIONS.get(action, action): resources(call, ACTIONS.get(action, action))}
    made_of = {}
    for write in call.body["TransactItems"]:
        for kind, members in write.items():
            prefix = f"arn:aws:dynamodb:{call.region}:{call.current_account}"
            made_of.setdefault(f"dynamodb:{kind}Item", []).append(f"{prefix}:table/{members['TableName']}")
    return made_of


def values(call, key, resource):
    """The values of a condition's key."""
    if key == "aws:RequestedRegion":
        return [call.region]
    if key.startswith("aws:ResourceTag/"):
        instance = ec2_backends[call.current_account][call.region].get_instance(resource.split("/")[-1])
        return [tag["value"] for tag in instance.get_tags() if tag["key"] == key.split("/", 1)[1]]
    if key == "ses:FromAddress":
        return [json.loads(call.body)["FromEmailAddress"]]
    if key == "ses:Recipients":
        return json.loads(call.body)["Destination"]["ToAddresses"]
    if key == "aws:PrincipalOrgID":
        return [cross_account.organization_of(call.current_account)]
    if key == "aws:PrincipalArn":
        return [session_of(call).role_arn]
    if key == "aws:SecureTransport":
        # As everywhere but here.
        return ["true"]
    if key == "kms:ViaService":
        return [f"{service_of(call)}.{call.region}.amazonaws.com"]
    raise NotImplementedError(f"the condition key {key}")


def meets(call, condition, resource):
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            found = values(call, key, resource)
            if operator == "Null":
                met = (not found) == (str(wanted).lower() == "true")
            elif operator in ("StringLike", "ArnLike"):
                met = any(fnmatch.fnmatchcase(value, like) for value in found for like in as_list(wanted))
            elif operator in ("StringEquals", "Bool"):
                met = any(value in as_list(wanted) for value in found)
            elif operator == "ForAllValues:StringLike":
                met = all(any(fnmatch.fnmatchcase(value, like) for like in as_list(wanted)) for value in found)
            else:
                raise NotImplementedError(f"the condition operator {operator}")
            if not met:
                return False
    return True


def applies(call, statement, action, resource):
    return (
        any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in as_list(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        and meets(call, statement.get("Condition", {}), resource)
    )


def allowed(call, role, action, resource):
    iam = iam_backends[call.current_account]["aws"]
    documents = [as_object(iam.get_role_policy(role, name)[1]) for name in iam.list_role_policies(role)]
    # moto leaves a null where a condition excludes a statement.
    statements = [it for document in documents for it in as_list(document["Statement"]) if it]
    effects = {statement["Effect"] for statement in statements if applies(call, statement, action, resource)}
    return effects == {"Allow"}


def admitted(call, action, resource):
    """Whether another account's resource lets the caller in, by its own policy."""
    if cross_account.account_of(resource) in (None, call.current_account):
        return True
    statements = cross_account.policy_of(resource)["Statement"]
    # In a key's policy, "*" is the key.
    effects = {it["Effect"] for it in statements if is_about(call, it) and applies(call, it, action, resource)}
    return effects == {"Allow"}


def is_about(call, statement):
    """Whether the caller is a principal of the statement."""
    principal = statement["Principal"]
    named = as_list(principal if isinstance(principal, str) else principal.get("AWS", []))
    own = f"arn:aws:iam::{call.current_account}:root"
    return bool({"*", own, call.current_account, session_of(call).role_arn} & set(named))


def as_object(document):
    return json.loads(document) if isinstance(document, str) else document


def as_list(value):
    return value if isinstance(value, list) else [value]


class Denied(ServiceException):
    """A denial. moto serializes it in the format of each service."""


def session_of(call):
    return sts_backends[call.current_account]["aws"].get_assumed_role_from_access_key(call.access_key)


def service_of(call):
    """The signature names the service: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request."""
    return call.headers["Authorization"].split("Credential=")[1].split("/")[3]


def check(call, log):
    """Refuses the call if a role signed it and does not grant it, or if another account does not."""
    session = session_of(call)
    # The administrator whom AWS Organizations gives each account that it creates.
    if not session or session.role_arn.endswith(":role/OrganizationAccountAccessRole"):
        return
    service = service_of(call)
    role = session.role_arn.split("/")[-1]
    needed = actions(call, f"{service}:{call._get_action()}")
    # SNS uses the key of an encrypted topic for the publisher. Only another account's key may refuse that.
    for topic in needed.get("sns:Publish", []):
        if cross_account.account_of(topic) != call.current_account and (key := cross_account.key_of(topic)):
            needed |= {"kms:GenerateDataKey": [key], "kms:Decrypt": [key]}
    for action, about in needed.items():
        permitted = all(allowed(call, role, action, it) and admitted(call, action, it) for it in about)
        log({"role": role, "session": session.session_name, "action": action, "resources": about, "allowed": permitted})
        if not permitted:
            code = DENIALS.get(service, "AccessDeniedException")
            raise Denied(code, f"User: {session.arn} is not authorized to perform: {action} on resource: {about[0]}")



def enforce(path):
    """Starts checking, and writes each checked call to the file as a line of JSON."""
    lock, moto_call_action = threading.Lock(), BaseResponse.call_action

    def log(entry):
        with lock, open(path, "a") as file:
            file.write(json.dumps(entry) + "\n")

    def call_action(call):
        try:
            check(call, log)
        except Denied as denied:
            status, headers, body = call.serialized(ActionResult(denied))
            return 403, {**headers, "status": "403"}, body
        return moto_call_action(call)

    BaseResponse.call_action = call_action

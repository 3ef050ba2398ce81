"""Access to another account's tables, topics and keys, which moto gives to everybody or to nobody.

Importing this module lets a call name a table of another account by its ARN, as DynamoDB does, and keeps a table's resource policy
that a template has. With `policy_of`, permissions.py asks whether another account lets the caller in.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

import json
import types

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.kms.models import kms_backends
from moto.organizations.models import organizations_backends
from moto.s3.models import FakeBucket
from moto.sns.models import sns_backends


def account_of(arn):
    return arn.split(":")[4] if arn.startswith("arn:") else None


def dynamodb_backend(call):
    """The tables of the account that the ARN names, in the Region that is called: DynamoDB does not look into others."""
    account = account_of(call.body.get("TableName") or "")
    return dynamodb_backends[account or call.current_account][call.region]


DynamoHandler.dynamodb_backend = property(dynamodb_backend)
moto_create_table = Table.create_from_cloudformation_json.__func__


def create_table(cls, resource_name, cloudformation_json, account_id, region_name, **rest):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-dynamodb-table-resourcepolicy.html"""
    table = moto_create_table(cls, resource_name, cloudformation_json, account_id, region_name, **rest)
    if policy := cloudformation_json["Properties"].get("ResourcePolicy"):
        document = json.dumps(policy["PolicyDocument"])
        dynamodb_backends[account_id][region_name].put_resource_policy(table.table_arn, document, None)
    return table


Table.create_from_cloudformation_json = classmethod(create_table)


def organization_of(account):
    """The id of the organization that the account is in."""
    for backends in organizations_backends.values():
        backend = backends["aws"]
        if backend.org and any(member.id == account for member in backend.accounts):
            return backend.org.id
    return None


def policy_of(arn):
    """The policy of another account's table, topic or key; an empty one if it has none."""
    _, _, service, region, account, resource = arn.split(":", 5)
    if service == "dynamodb":
        found = dynamodb_backends[account][region].resource_policies.get(arn)
        return json.loads(found.policy_doc) if found else {"Statement": []}
    if service == "sns":
        return json.loads(sns_backends[account][region].get_topic(arn).policy)
    if service == "kms":
        policy = kms_backends[account][region].get_key_policy(resource.split("/")[-1])
        return policy if isinstance(policy, dict) else json.loads(policy)
    raise NotImplementedError(f"the policy of {arn}")


def key_of(arn):
    """The key of another account's topic."""
    _, _, service, region, account, _ = arn.split(":", 5)
    if service != "sns":
        return None
    key = sns_backends[account][region].get_topic(arn).kms_master_key_id
    return key if not key or key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"


moto_get_permission = FakeBucket.get_permission


def get_permission(bucket, action, resource):
    """moto reads no conditions in the policies of buckets: a refusal of http would be one of everything. Its callers use http."""
    document = json.loads(bucket.policy) if bucket.policy else {"Statement": []}
    if any(it["Effect"] == "Deny" and "Condition" in it for it in document["Statement"]):
        document["Statement"] = [it for it in document["Statement"] if it["Effect"] == "Allow"]
        bucket = types.SimpleNamespace(policy=json.dumps(document).encode())
    return moto_get_permission(bucket, action, resource)


FakeBucket.get_permission = get_permission

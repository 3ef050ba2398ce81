"""Runs the function that fills the policy table without AWS: `python seed.py TEMPLATE`.

Reads cases from standard input as JSON: the custom resource's `event`, the rows that the table has (`rows`), and how
many calls are denied because a permission is not in effect yet (`denied`). Prints for each the answer to
CloudFormation, the rows that were put, and how long it waited in all.
"""

import json
import sys
import time
import types

import boto3
from botocore.exceptions import ClientError
from cfnlint.decode import cfn_yaml


class Table:
    class exceptions:
        class ConditionalCheckFailedException(Exception):
            pass

    def __init__(self, case):
        self.rows = case.get("rows", 0)
        self.denied = case.get("denied", 0)
        self.put = []

    def check(self):
        if self.denied:
            self.denied -= 1
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yet"}}, "Scan")

    def scan(self, TableName, Limit):
        self.check()
        return {"Items": [{}] * min(self.rows, Limit)}

    def put_item(self, TableName, Item, ConditionExpression):
        self.check()
        assert ConditionExpression == "attribute_not_exists(RuleId)"
        self.put.append([TableName, Item["TagKey"]["S"]])


def main():
    template = cfn_yaml.load(sys.argv[1])
    code = template["Resources"]["SeedFunction"]["Properties"]["Code"]["ZipFile"]
    rules = template["Resources"]["SamplePolicy"]["Properties"]["Rules"]
    results = []
    for case in json.load(sys.stdin):
        clock, table, answers = [0.0], Table(case), []
        boto3.client = lambda *_, table=table, **__: table
        time.sleep = lambda seconds, clock=clock: clock.__setitem__(0, clock[0] + seconds)
        sys.modules["cfnresponse"] = types.SimpleNamespace(
            SUCCESS="SUCCESS",
            FAILED="FAILED",
            send=lambda event, context, status, data, name, reason=None: answers.append([status, name, reason]),
        )
        module = {}
        exec(code, module)
        event = case["event"]
        event["ResourceProperties"] = {"ServiceToken": "arn", "Rules": rules, **event["ResourceProperties"]}
        module["handler"](event, None)
        [answer] = answers
        results.append({"answer": answer, "put": table.put, "waited": clock[0]})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()

"""Runs the script of the stack's Systems Manager document without AWS: `python document.py TEMPLATE`.

Reads cases from standard input as JSON: the `resource`, how many times Lambda is too busy (`throttled`), and the
function's answer (`counts`, or `error`). Prints for each what the script returned or raised, what it sent, and how long
it waited in all.
"""

import io
import json
import sys
import time

import boto3
from cfnlint.decode import cfn_yaml


class TooManyRequestsException(Exception):
    pass


class Lambda:
    class exceptions:
        TooManyRequestsException = TooManyRequestsException

    def __init__(self, case):
        self.case = case
        self.throttled = case.get("throttled", 0)
        self.sent = []

    def invoke(self, FunctionName, Payload):
        assert FunctionName == "remediation"
        self.sent.append(json.loads(Payload))
        if self.throttled:
            self.throttled -= 1
            raise TooManyRequestsException("Rate Exceeded.")
        if "error" in self.case:
            answer = {"errorMessage": self.case["error"]}
            return {"Payload": io.StringIO(json.dumps(answer)), "FunctionError": "Unhandled"}
        return {"Payload": io.StringIO(json.dumps(self.case["counts"]))}


def main():
    template = cfn_yaml.load(sys.argv[1])
    [step] = template["Resources"]["RemediationDocument"]["Properties"]["Content"]["mainSteps"]
    results = []
    for case in json.load(sys.stdin):
        clock, function = [0.0], Lambda(case)
        boto3.client = lambda *_, function=function, **__: function
        time.monotonic = lambda clock=clock: clock[0]
        time.sleep = lambda seconds, clock=clock: clock.__setitem__(0, clock[0] + seconds)
        script = {}
        exec(step["inputs"]["Script"], script)
        event = {"FunctionName": "remediation", "InstanceId": case["resource"]}
        result = {"sent": function.sent}
        try:
            result["returned"] = script[step["inputs"]["Handler"]](event, {})
        except Exception as error:
            result["raised"] = f"{type(error).__name__}: {error}"
        results.append({**result, "waited": clock[0], "timeout": step["timeoutSeconds"]})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()

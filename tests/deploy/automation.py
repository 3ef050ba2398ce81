"""Runs a Systems Manager document whose only step is a script, as Automation does.

    python automation.py DOCUMENT INSTANCE ROLE

Prints the script's answer as JSON, or fails with its error. moto stores documents but does not run them.
https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeScript.html
"""

import json
import os
import re
import sys

import boto3
import yaml


def main():
    name, instance, role = sys.argv[1:]
    document = yaml.safe_load(boto3.client("ssm").get_document(Name=name)["Content"])
    parameters = {"InstanceId": instance, "AutomationAssumeRole": role}
    assert set(parameters) == set(document["parameters"]), document["parameters"]
    assert document["parameters"]["AutomationAssumeRole"]["default"] == role
    assert re.search(document["parameters"]["InstanceId"]["allowedPattern"], instance)

    session = boto3.client("sts").assume_role(RoleArn=fill(document["assumeRole"], parameters), RoleSessionName="ssm")
    credentials = session["Credentials"]
    os.environ["AWS_ACCESS_KEY_ID"] = credentials["AccessKeyId"]
    os.environ["AWS_SECRET_ACCESS_KEY"] = credentials["SecretAccessKey"]
    os.environ["AWS_SESSION_TOKEN"] = credentials["SessionToken"]

    [step] = document["mainSteps"]
    assert step["action"] == "aws:executeScript", step
    payload = {key: fill(value, parameters) for key, value in step["inputs"]["InputPayload"].items()}
    script = {}
    exec(step["inputs"]["Script"], script)
    print(json.dumps(script[step["inputs"]["Handler"]](payload, {})))


def fill(text, parameters):
    for key, value in parameters.items():
        text = text.replace("{{ " + key + " }}", value)
    return text


if __name__ == "__main__":
    main()

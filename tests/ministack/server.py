"""Runs the server of ministack, an AWS emulator that others wrote, until the caller closes standard input.

    python server.py

It listens on a free port of 127.0.0.1, enforces IAM, prints one line of JSON when it is ready (its `endpoint`), and
logs to standard error. It stops, with every process it started, when its standard input is closed, so it cannot
outlive the test. A line with a number on standard input advances EventBridge's clock by that many seconds. The lines
`plain` and `encrypted` say how the next requests come.
"""

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

FILES = tempfile.mkdtemp(prefix="ministack-")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
ENDPOINT = f"http://127.0.0.1:{PORT}"
# ministack reads its settings when it is imported.
os.environ.update(
    AUTH="true",
    AWS_ACCESS_KEY_ID="test",  # the account's root user
    AWS_SECRET_ACCESS_KEY="test",
    AWS_ENDPOINT_URL=ENDPOINT,  # where functions find AWS
    BIND_HOST="127.0.0.1",
    CLOUDTRAIL_RECORDING="1",
    GATEWAY_PORT=str(PORT),
    PYTHONPATH=os.path.join(os.path.dirname(os.path.abspath(__file__)), "lambda"),  # what Lambda adds to functions
    TMPDIR=FILES,
)
tempfile.tempdir = FILES

from ministack import app  # noqa: E402
from ministack.core import iam_actions  # noqa: E402
from ministack.services import eventbridge  # noqa: E402
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks  # noqa: E402

# ministack refuses a template that has a Systems Manager document. Here a document is accepted and is only a name.
provisioners._RESOURCE_HANDLERS["AWS::SSM::Document"] = {
    "create": lambda logical_id, properties, stack: (properties["Name"], {}),
    "update": lambda physical_id, old, new, stack: (new["Name"], {}),
    "delete": lambda physical_id, properties: None,
}

# ministack has no alarms on several metrics. Here such an alarm is one on the first of them: it never compares anything.
alarm_record = provisioners._cw_metric_alarm_record


def record_of_alarm(name, properties):
    if "Metrics" in properties:
        first = properties["Metrics"][0]["MetricStat"]
        properties = {**properties, **first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]}
        del properties["Metrics"]
    return alarm_record(name, properties)


provisioners._cw_metric_alarm_record = record_of_alarm

# In a condition, ministack resolves Ref and Fn::Select only. AWS also resolves Fn::Join, Fn::Split and Fn::Sub there, as
# cfn-lint knows.
_evaluate_conditions = engine._evaluate_conditions


def _resolved(expression, parameters):
    if isinstance(expression, list):
        return [_resolved(item, parameters) for item in expression]
    if not isinstance(expression, dict):
        return expression
    if expression.keys() & {"Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"}:
        return engine._resolve_refs(expression, {}, parameters, {}, {}, "", "")
    return {name: _resolved(value, parameters) for name, value in expression.items()}


def evaluate_conditions(template, parameters):
    conditions = _resolved(template.get("Conditions", {}), parameters)
    return _evaluate_conditions({**template, "Conditions": conditions}, parameters)


for module in (changesets, engine, handlers, stacks):
    module._evaluate_conditions = evaluate_conditions

# ministack looks for instances in every parameter but the one that CreateTags uses, and then authorizes "*".
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-CreateTags
resource_arn = iam_actions.extract_resource_arn


def arn_of_what_is_tagged(service, method, path, headers, body, parameters, region, account):
    tagged = iam_actions._query_param(parameters, "ResourceId.1") if service == "ec2" else None
    if tagged and tagged.startswith("i-"):
        return f"arn:aws:ec2:{region}:{account}:instance/{tagged}"
    return resource_arn(service, method, path, headers, body, parameters, region, account)


iam_actions.extract_resource_arn = arn_of_what_is_tagged

# Requests come over HTTP here. They count as encrypted, as all requests to AWS are, until the caller says otherwise.
ENCRYPTED = [True]
pin_request_origin = app.pin_request_origin
app.pin_request_origin = lambda source_ip, _: pin_request_origin(source_ip, ENCRYPTED[0])

# A test cannot wait six hours for a schedule. ministack checks schedules every ten seconds; here it checks often.
AHEAD = [0.0]
eventbridge._now_ts = lambda: time.time() + AHEAD[0]
eventbridge._SCHEDULER_TICK_INTERVAL = 0.2


def obey_caller():
    for line in sys.stdin:
        if (word := line.strip()) in ("plain", "encrypted"):
            ENCRYPTED[0] = word == "encrypted"
        else:
            AHEAD[0] += float(line)
    shutil.rmtree(FILES, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def tell_when_ready(stdout):
    while True:
        try:
            with urllib.request.urlopen(f"{ENDPOINT}/_ministack/ready"):
                break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    os.write(stdout, (json.dumps({"endpoint": ENDPOINT}) + "\n").encode())


def main():
    stdout = os.dup(1)
    os.dup2(sys.stderr.fileno(), 1)
    threading.Thread(target=obey_caller, daemon=True).start()
    threading.Thread(target=tell_when_ready, args=(stdout,), daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()

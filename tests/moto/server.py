"""moto's server, with the parts of AWS that a Config rule needs and moto 5.2.5 lacks.

    python server.py [--iam FILE]

It listens on a free port of 127.0.0.1, prints one line of JSON when it is ready (its `endpoint`, and an IAM `user`
with an access key; it also creates the roles `Engineer` and `function`), and logs to standard error. It stops, with
every process it started, when its standard input is closed, so it cannot outlive the test. With --iam, roles may only
do what their policies grant, and their calls are written to FILE.
"""

import json
import os
import signal
import sys
import threading

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

# Importing each of these fills one gap of moto's.
import cloudformation_types  # noqa: F401
import cloudtrail_events  # noqa: F401
import config_rules  # noqa: F401
import cross_account  # noqa: F401
import lambda_processes
import permissions
import protected_zones  # noqa: F401
import schedules  # noqa: F401
import ses_mail  # noqa: F401
import sns_mail  # noqa: F401


def end_with_the_caller():
    sys.stdin.buffer.read()
    lambda_processes.forget_code()
    os.killpg(0, signal.SIGKILL)


def user(iam, name):
    """A person of the account. CloudTrail identifies the launcher by the access key."""
    iam.create_user("us-east-1", name)
    key = iam.create_access_key(name)
    return {"name": name, "accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key}


def role(iam, name, principal):
    """A role that the principal may assume. moto requires that a function's role exists."""
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        path="/",
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )


def main():
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    os.environ["MOTO_PORT"] = str(server.port)
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    match sys.argv[1:]:
        case ["--iam", path]:
            permissions.enforce(path)
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    role(iam, "function", {"Service": "lambda.amazonaws.com"})
    role(iam, "Engineer", {"AWS": DEFAULT_ACCOUNT_ID})
    print(json.dumps({"endpoint": f"http://127.0.0.1:{server.port}", "user": user(iam, "ana")}), flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server.serve_forever()


if __name__ == "__main__":
    main()

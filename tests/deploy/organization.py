"""Writes the organization's template from the stack's: `python organization.py TAGWARDEN.YAML OVERRIDES.YAML`.

A parameter that the organization's template does not have has a fixed value there. What follows from it is worked out: conditions
that are always or never met go, with what they guard. Everything else stays as it is written, with its comments. OVERRIDES.YAML
says what is fixed, what is written otherwise, and why.
"""

import re
import sys

import yaml

SECTION = re.compile(r"^  # -{20,} .*\n", re.MULTILINE)


class Unknown:
    """A value that only the deployment knows. It is no other value's equal, except where it cannot be told."""

    def __init__(self, is_given):
        self.is_given = is_given


def main():
    source = open(sys.argv[1], encoding="utf-8").read()
    overrides = yaml.safe_load(open(sys.argv[2], encoding="utf-8"))
    for replaced in overrides["replace"]:
        old, new = replaced["old"], replaced["new"]
        if old not in source:
            raise SystemExit(f"the stack's template does not have {old!r} any more")
        source = source.replace(old, new)
    print(Template(source, overrides).text(), end="")


class Template:
    def __init__(self, source, overrides):
        self.source = source
        self.overrides = overrides
        self.fixed = overrides["fixed"]
        self.root = yaml.compose(source, Loader=yaml.SafeLoader)
        self.sections = {key.value: value for key, value in self.root.value}
        unknown = [name for name in self.fixed if name not in names(self.sections["Parameters"])]
        if unknown:
            raise SystemExit(f"the stack's template has no parameters {unknown}")
        self.conditions = {key.value: value for key, value in self.sections["Conditions"].value}
        self.edits = []

    def text(self):
        self.metadata()
        self.parameters()
        self.rules()
        self.drop(self.sections["Conditions"], lambda name, _: self.meets(name) is not None)
        for key, value in self.sections["Conditions"].value:
            if self.meets(key.value) is None:
                self.fold_condition(value)
        for section in ("Resources", "Outputs"):
            gone = lambda name, it: name in self.overrides["dropped"] or self.condition_of(it) is False
            self.drop(self.sections[section], gone)
            for key, value in self.sections[section].value:
                if not gone(key.value, value):
                    self.fold_resource(value)
        text = self.apply(0, len(self.source))
        text = self.without_unused(text)
        # A section without resources has no heading either.
        text = re.sub(r"  # -{20,} [^\n]*\n\n(?=  # -{20,} )", "", text)
        text = re.sub(r"\n+(?=[A-Z]\w*:\n)", "\n\n", text)
        text = re.sub(r"\n{3,}(?=(?:  )?\S)", "\n\n", text)
        return self.overrides["head"] + "\n" + text[text.index("Metadata:") :]

    # ------------------------------------------------------------ What conditions come to

    def meets(self, name):
        """Whether the condition is always (True) or never (False) met, or only the deployment knows (None)."""
        if name in self.overrides["conditions"]:
            return self.overrides["conditions"][name]
        return self.holds(self.conditions[name])

    def holds(self, node):
        match node.tag:
            case "!Condition":
                return self.meets(node.value)
            case "!Not":
                inner = self.holds(node.value[0])
                return None if inner is None else not inner
            case "!And" | "!Or":
                decisive = node.tag == "!Or"
                inner = [self.holds(each) for each in node.value]
                return decisive if decisive in inner else None if None in inner else not decisive
            case "!Equals":
                return self.equal(*(self.value(each) for each in node.value))
        raise SystemExit(f"{node.start_mark}: this reads no {node.tag} in conditions")

    def value(self, node):
        if node.tag == "!Ref" and node.value in self.fixed:
            return self.fixed[node.value]
        if node.tag == "!Ref":
            return Unknown(node.value in self.overrides["given"])
        return node.value if node.tag.startswith("tag:yaml.org") else Unknown(False)

    @staticmethod
    def equal(left, right):
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            unknown, other = (left, right) if isinstance(left, Unknown) else (right, left)
            # What must be given is not empty, and a path that must be given is not /.
            return False if unknown.is_given and other in ("", "/") else None
        return left == right

    def condition_of(self, resource):
        for key, value in resource.value:
            if key.value == "Condition":
                return self.meets(value.value)
        return None

    # ------------------------------------------------------------ The parts of the template

    def metadata(self):
        def lists(node):
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == "Parameters":
                        yield value
                    yield from lists(value)
            elif isinstance(node, yaml.SequenceNode):
                for each in node.value:
                    yield from lists(each)

        metadata = self.sections["Metadata"]
        for group in lists(metadata):
            kept = [each for each in group.value if each.value not in self.fixed]
            if len(kept) == len(group.value):
                continue
            if group.flow_style and kept:
                self.edit(group, "[" + ", ".join(each.value for each in kept) + "]")
                continue
            for each in group.value:
                if each not in kept:
                    self.edits.append((*self.lines(each.start_mark, each), ""))
            if not kept:
                self.edits.append((*self.lines_above(group), ""))
        interface = dict((key.value, value) for key, value in metadata.value)["AWS::CloudFormation::Interface"]
        labels = dict((key.value, value) for key, value in interface.value)["ParameterLabels"]
        self.drop(labels, lambda name, _: name in self.fixed)

    def lines_above(self, group):
        """The lines of a group without parameters: its label, and the list."""
        end = self.end(group)
        start = self.source.rindex("\n      - Label:", 0, group.start_mark.index) + 1
        return start, self.source.index("\n", end) + 1

    def parameters(self):
        self.drop(self.sections["Parameters"], lambda name, _: name in self.fixed)
        changes = self.overrides["parameters"]
        for key, value in self.sections["Parameters"].value:
            if key.value in self.overrides["added"]:
                end = self.source.index("\n", self.end(value)) + 1
                self.edits.append((end, end, self.overrides["added"][key.value]))
            for name, text in changes.get(key.value, {}).items():
                for inner, old in value.value:
                    if inner.value == name:
                        if text is None:
                            self.edits.append((*self.item(value, inner, old), ""))
                        else:
                            self.edit(old, text)

    def rules(self):
        for key, value in self.sections["Rules"].value:
            parts = {inner.value: part for inner, part in value.value}
            assertions = [{inner.value: part for inner, part in each.value} for each in parts["Assertions"].value]
            if self.holds(parts["RuleCondition"]) is False or all(self.holds(it["Assert"]) for it in assertions):
                self.edits.append((*self.item(self.sections["Rules"], key, value), ""))
                continue
            self.fold_condition(parts["RuleCondition"])
            for each, assertion in zip(parts["Assertions"].value, assertions):
                if self.holds(assertion["Assert"]) is True:
                    self.edits.append((*self.lines(each.start_mark, each), ""))
                else:
                    self.fold_condition(assertion["Assert"])

    def fold_condition(self, node):
        """A condition without the parts that are decided."""
        if node.tag in ("!And", "!Or"):
            open_parts = [each for each in node.value if self.holds(each) is None]
            if len(open_parts) == 1:
                self.edit(node, self.rendered(open_parts[0], node, self.fold_condition))
                return
            if len(open_parts) < len(node.value):
                raise SystemExit(f"{node.start_mark}: this does not shorten a condition to several parts")
        for each in node.value if isinstance(node, yaml.SequenceNode) else []:
            self.fold_condition(each)

    def fold_resource(self, resource):
        for key, value in resource.value:
            if key.value == "Condition" and self.meets(value.value) is True:
                self.edits.append((*self.item(resource, key, value), ""))
        self.fold(resource)

    def fold(self, node):
        """Replaces each choice that is decided."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                chosen = self.chosen(value)
                if is_nothing(chosen):
                    self.edits.append((*self.item(node, key, value), ""))
                elif chosen is not value:
                    is_block = isinstance(chosen, yaml.CollectionNode) and not chosen.flow_style and not chosen.tag.startswith("!")
                    text = self.rendered(chosen, None if is_block else value, self.fold, key.start_mark.column + 2)
                    start = self.source.index(":", key.end_mark.index) + 1
                    separator = "\n" + " " * (key.start_mark.column + 2) if is_block else " "
                    self.edits.append((start, self.end(value), separator + text))
                else:
                    self.fold(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value if node.tag != "!If" else node.value[1:]:
                chosen = self.chosen(value)
                if node.tag != "!If" and (is_nothing(chosen) or (chosen is not value and chosen.value == "")):
                    self.edits.append((*self.lines(value.start_mark, value), ""))
                elif chosen is not value:
                    self.edit(value, self.rendered(chosen, value, self.fold))
                else:
                    self.fold(value)

    def chosen(self, node):
        while node.tag == "!If" and self.meets(node.value[0].value) is not None:
            node = node.value[1 if self.meets(node.value[0].value) else 2]
        return node

    # ------------------------------------------------------------ The text

    def rendered(self, node, at, fold, column=None):
        """The text of a node, with its own edits, moved to the column of the node `at`."""
        edits, self.edits = self.edits, []
        fold(node)
        text = self.apply(node.start_mark.index, self.end(node))
        self.edits = edits
        by = (column if at is None else self.column(at)) - node.start_mark.column
        first, *rest = text.split("\n")
        return "\n".join([first, *(moved(line, by) for line in rest)])

    def column(self, node):
        """Where the lines of a value begin: after the key or dash of its own line."""
        line = self.source.rindex("\n", 0, node.start_mark.index) + 1
        before = self.source[line : node.start_mark.index]
        if before.strip(" -") == "":
            return node.start_mark.column
        # The parts of a value behind a key are two columns behind the key's.
        return len(before) - len(before.lstrip(" -")) + 2 - 2 * (not isinstance(node, yaml.CollectionNode))

    def end(self, node):
        """The end of a node's text, without the comments and blanks behind it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self.end(last[1] if isinstance(last, tuple) else last)
        return len(self.source[: node.end_mark.index].rstrip())

    def edit(self, node, text):
        self.edits.append((node.start_mark.index, self.end(node), text))

    def lines(self, start_mark, node):
        """Whole lines: from the comment right above the start to the node's end, with a blank line behind."""
        start = self.source.rindex("\n", 0, start_mark.index) + 1
        while True:
            above = self.source.rindex("\n", 0, start - 1) + 1
            line = self.source[above : start - 1]
            if not line.lstrip().startswith("#"):
                break
            start = above
        end = self.source.find("\n", self.end(node)) + 1 or len(self.source)
        if self.source[end : end + 1] == "\n":
            end += 1
        return start, end

    def item(self, mapping, key, value):
        if mapping.flow_style:
            raise SystemExit(f"{key.start_mark}: this deletes nothing from a mapping in one line")
        start, end = self.lines(key.start_mark, value)
        line = self.source[self.source.rindex("\n", 0, key.start_mark.index) + 1 : key.start_mark.index]
        if line.strip():
            raise SystemExit(f"{key.start_mark}: this does not delete the first of a list's item")
        return start, end

    def drop(self, mapping, is_dropped):
        for key, value in mapping.value:
            if is_dropped(key.value, value):
                self.edits.append((*self.item(mapping, key, value), ""))

    def apply(self, start, end):
        text, at = [], start
        for begin, stop, new in sorted(self.edits):
            if begin < at:
                # It is in what was deleted.
                continue
            text += [self.source[at:begin], new]
            at = stop
        return "".join([*text, self.source[at:end]])

    @staticmethod
    def without_unused(text):
        """Without conditions that nothing asks for any more."""
        while True:
            conditions = yaml.compose(text, Loader=yaml.SafeLoader)
            conditions = {key.value: value for key, value in conditions.value}["Conditions"]
            uses = lambda name: len(re.findall(rf"\b{name}\b", re.sub(r"#.*", "", text)))
            unused = [(key, value) for key, value in conditions.value if uses(key.value) < 2]
            if not unused:
                return text
            inner = Template.__new__(Template)
            inner.source, inner.edits = text, []
            inner.drop(conditions, lambda name, _: name in [key.value for key, _ in unused])
            text = inner.apply(0, len(text))


def names(mapping):
    return [key.value for key, _ in mapping.value]


def is_nothing(node):
    return node.tag == "!Ref" and node.value == "AWS::NoValue"


def moved(line, by):
    if by >= 0:
        return " " * by + line if line else line
    return line[min(-by, len(line) - len(line.lstrip(" "))) :]


if __name__ == "__main__":
    main()

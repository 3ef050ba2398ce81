"""Prints the calls of the AWS CLI that `python live_calls.py SCRIPT` makes, one a line. What is only known when it runs is X, and `…`
stands for options that are.
"""

import ast
import sys

for node in ast.walk(ast.parse(open(sys.argv[1]).read())):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "aws":
        words = []
        for argument in node.args:
            if isinstance(argument, ast.Constant) and str(argument.value).startswith("--"):
                words.append(argument.value)
            elif isinstance(argument, ast.Constant) and len(words) < 2:
                words.append(argument.value)
            else:
                words.append("…" if isinstance(argument, ast.Starred) else "X")
        print("aws", *words)

"""Asks Cloud Custodian's own filters. Reads a list of [filter, instance] as JSON; writes whether each filter matches.

A filter that raises an error is "error".
"""

import json
import sys
import types
import warnings

warnings.filterwarnings("ignore")

from c7n.filters.core import ValueFilter  # noqa: E402

MANAGER = types.SimpleNamespace(type="ec2", data={}, config=types.SimpleNamespace(account_id="111122223333", region="us-east-1"))


def matches(data, instance):
    try:
        found = ValueFilter(data, MANAGER)
        found.annotate = False
        return bool(found.match(instance))
    except Exception as error:  # noqa: BLE001 - any error is an answer
        return f"error: {type(error).__name__}"


json.dump([matches(data, instance) for data, instance in json.load(sys.stdin)], sys.stdout)

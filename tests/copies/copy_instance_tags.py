"""Runs Cloud Custodian's own action copy-instance-tags. Reads {tags, instances, volumes} as JSON, each as EC2 describes
it; writes the tags that the action sets, by volume.
"""

import json
import sys
import types
import warnings
from datetime import datetime

warnings.filterwarnings("ignore")

from c7n.resources.ebs import CopyInstanceTags  # noqa: E402

GIVEN = json.load(sys.stdin)
WRITTEN = {}


def create_tags(Resources, Tags, DryRun):
    for volume in Resources:
        WRITTEN.setdefault(volume, {}).update({tag["Key"]: tag["Value"] for tag in Tags})


class Manager:
    """The little of a policy's resource manager that the action asks for."""

    config = types.SimpleNamespace(dryrun=False)

    def get_resource_manager(self, _):
        return self

    def get_resources(self, ids):
        return [instance for instance in GIVEN["instances"] if instance["InstanceId"] in ids]

    def session_factory(self):
        return types.SimpleNamespace(client=lambda _: types.SimpleNamespace(create_tags=create_tags))

    def retry(self, call, **arguments):
        return call(**arguments)


for volume in GIVEN["volumes"]:
    for attachment in volume["Attachments"]:
        attachment["AttachTime"] = datetime.fromisoformat(attachment["AttachTime"])
CopyInstanceTags({"type": "copy-instance-tags", "tags": GIVEN["tags"]}, Manager()).process(GIVEN["volumes"])
json.dump(WRITTEN, sys.stdout)

"""Asks c7n-mailer whom it would write to. Reads a list of {resource, event} as JSON; writes the sorted addresses and topics.

The configuration is the nearest to tagwarden's: the same tags, in the same order, who launched the resource, an address
for what has no owner, and a domain for names that are not addresses.
"""

import json
import logging
import sys
import types

from c7n_mailer.email_delivery import EmailDelivery
from c7n_mailer.sns_delivery import SnsDelivery

CONFIG = {"contact_tags": ["Owner", "CreatedBy"], "org_domain": "acme.example", "queue_url": "", "templates_folders": []}
ACTION = {"to": ["resource-owner", "event-owner"], "owner_absent_contact": ["admins@acme.example"]}
SESSION = types.SimpleNamespace(client=lambda *_, **__: None)
LOG = logging.getLogger("c7n-mailer")
logging.disable(logging.CRITICAL)

email, sns = EmailDelivery(CONFIG, SESSION, LOG), SnsDelivery(CONFIG, SESSION, LOG)


def recipients(question):
    message = {"action": ACTION, "resources": [question["resource"]], "event": question["event"]}
    try:
        groups = email.get_emails_to_resources_map(message)
    except KeyError as error:
        return [f"fails: no {error.args[0]}"]
    addresses = {address for group in groups for address in group}
    return sorted(addresses | set(sns.get_sns_addrs_to_resources_map(message)))


json.dump([recipients(question) for question in json.load(sys.stdin)], sys.stdout)

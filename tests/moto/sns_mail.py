"""SNS's mail, which moto does not deliver.

Importing this module delivers it where a test can read it: mail to `NAME@...` goes to the queue NAME.
"""

import json

from moto.sns.models import Subscription
from moto.sqs.models import sqs_backends

moto_publish = Subscription.publish


def publish(self, message, message_id, subject=None, message_structure=None, message_attributes=None, **rest):
    """A subscriber gets the message for its protocol, or else the default.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    of_both = {"message_structure": message_structure, "message_attributes": message_attributes}
    moto_publish(self, message, message_id, subject=subject, **of_both, **rest)
    matcher = self._filter_policy_matcher
    if self.protocol == "email" and (matcher is None or matcher.matches(message_attributes, message)):
        text = self._parse_message_structure(message, "email") if message_structure == "json" else message
        region, (queue, _) = self.topic.arn.split(":")[3], self.endpoint.split("@")
        mail = json.dumps({"Subject": subject, "Message": text})
        sqs_backends[self.account_id][region].send_message(queue, mail)


Subscription.publish = publish

"""EventBridge's scheduled rules, to which moto sends every event.

Importing this module makes a rule that has only a schedule match no event:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html
"""

from moto.events.models import Rule

moto_send = Rule.send_to_targets


def send_to_targets(self, original_event, transform_input=True):
    if self.event_pattern._pattern:
        moto_send(self, original_event, transform_input)


Rule.send_to_targets = send_to_targets

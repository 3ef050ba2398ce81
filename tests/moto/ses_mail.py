"""SES's mail, which moto keeps.

Importing this module delivers it where a test can read it: mail to `NAME@...` goes to the queue NAME of SES's Region.
"""

import json

from moto.ses.models import SESBackend
from moto.sqs.models import sqs_backends

moto_send_email = SESBackend.send_email


def send_email(self, source, subject, body, destinations):
    """Refuses a sender that is not verified, as moto does.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
    """
    message = moto_send_email(self, source=source, subject=subject, body=body, destinations=destinations)
    for address in destinations["ToAddresses"]:
        mail = json.dumps({"Subject": subject, "Message": body, "From": source})
        sqs_backends[self.account_id][self.region_name].send_message(address.split("@")[0], mail)
    return message


SESBackend.send_email = send_email

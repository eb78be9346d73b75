"""The Mailer port over Amazon SES (SendEmail of its API v2, with the whole message).

SES knows no repeats: a call whose answer is lost may have sent the mail, so none is made twice
here (see `clients`), and the relay's schedule decides.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from postroom.platform.aws.clients import Clients, code_of
from postroom.platform.mailer import MailerRefused

if TYPE_CHECKING:
    from mypy_boto3_sesv2.type_defs import SendEmailRequestTypeDef

# What is wrong with the message or its addresses stays wrong. All else may pass, or be put right
# by whoever owns the account: throttling, a paused or suspended account, denied access, a
# configuration set that is not there, a MAIL FROM domain that is not verified yet.
_PERMANENT = {"MessageRejected", "BadRequestException"}


class SesMailer:
    most_recipients = 50  # SES's limit for one call
    largest_message = 40_000_000  # octets, after base64 of attachments as in the message

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def send(self, reverse_path: str, recipients: Sequence[str], message: bytes) -> str:
        request: SendEmailRequestTypeDef = {
            "Destination": {"ToAddresses": list(recipients)},  # the envelope, not the fields
            "Content": {"Raw": {"Data": message}},
        }
        if reverse_path:
            # An identity of the account: bounces go there. SES takes no null reverse-path, then
            # the From field decides.
            request["FromEmailAddress"] = reverse_path
        try:
            answer = self._clients.sesv2.send_email(**request)
        except ClientError as error:
            raise MailerRefused(f"SES: {error}", permanent=code_of(error) in _PERMANENT) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise MailerRefused(f"SES: {error}", permanent=False) from error
        return answer["MessageId"]

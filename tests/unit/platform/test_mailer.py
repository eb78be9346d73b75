"""The Mailer over SES: moto for what goes well, answers of our own for SES's refusals."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from postroom.platform.aws.clients import Clients
from postroom.platform.aws.mailer import SesMailer
from postroom.platform.mailer import MailerRefused
from tests.aws_account import account_in_process

MESSAGE = b"From: a@ours.test\r\nTo: list@else.test\r\nSubject: x\r\n\r\n\xc3\xa9\r\n"


@pytest.fixture
def clients() -> Iterator[Clients]:
    with account_in_process():
        found = Clients()
        yield found
        found.close()


def test_a_message_is_handed_over(clients: Clients) -> None:
    boto3.client("ses").verify_domain_identity(Domain="ours.test")
    name = SesMailer(clients).send("a@ours.test", ["b@else.test", "c@else.test"], MESSAGE)
    assert name
    [sent] = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
    assert sent.source == "a@ours.test"
    # moto adds those of the To field, which SES does not when there is an envelope.
    assert {"b@else.test", "c@else.test"} <= set(sent.destinations)


def test_the_request_is_the_envelope_and_the_octets(clients: Clients) -> None:
    asked: list[dict[str, Any]] = []

    def look(params: dict[str, Any], **_: object) -> AWSResponse:
        asked.append(json.loads(params["body"]))
        raise ReadTimeoutError(endpoint_url="x")

    clients.sesv2.meta.events.register("before-call.sesv2.SendEmail", look)
    for reverse_path in ("a@ours.test", ""):
        with pytest.raises(MailerRefused) as told:
            SesMailer(clients).send(reverse_path, ["b@else.test"], MESSAGE)
        assert told.value.permanent is False
    assert [request.get("FromEmailAddress") for request in asked] == ["a@ours.test", None]
    assert asked[0]["Destination"] == {"ToAddresses": ["b@else.test"]}
    assert base64.b64decode(asked[0]["Content"]["Raw"]["Data"]) == MESSAGE


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, "MessageRejected", True),
        (400, "BadRequestException", True),
        (429, "TooManyRequestsException", False),
        (400, "LimitExceededException", False),
        (400, "SendingPausedException", False),
        (400, "AccountSuspendedException", False),
        (400, "MailFromDomainNotVerifiedException", False),
        (404, "NotFoundException", False),
        (403, "AccessDeniedException", False),
        (400, "ThrottlingException", False),
        (500, "InternalFailure", False),
        (503, "ServiceUnavailable", False),
    ],
)
def test_refusals(clients: Clients, status: int, code: str, permanent: bool) -> None:
    tries = []

    def refuse(request: Any, **_: object) -> AWSResponse:
        tries.append(request)
        body = b'{"message": "so it is"}'
        return AWSResponse(request.url, status, {"x-amzn-ErrorType": code}, _Raw(body))

    clients.sesv2.meta.events.register_first("before-send.sesv2.SendEmail", refuse)
    with pytest.raises(MailerRefused, match="so it is") as told:
        SesMailer(clients).send("a@ours.test", ["b@else.test"], MESSAGE)
    assert told.value.permanent is permanent
    assert len(tries) == 1  # another one could send it twice


class _Raw:
    """An answer's body as urllib3 gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._body

    def read(self) -> bytes:
        return self._body

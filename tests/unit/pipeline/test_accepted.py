"""The queue entry: JSON that later versions of us can read, and that fits its queue."""

import json

import msgspec
import pytest

from postroom.pipeline.accepted import Accepted, Recipient
from postroom.platform.blobs import BlobKey
from postroom.platform.queue import LARGEST_BODY

PLAIN = Accepted(
    "1hf7yatfm00000aw2xevr0",
    BlobKey("1hf7yatfm00000aw2xevr0"),
    1234,
    1_700_000_000_500,
    "sender@elsewhere.test",
    (Recipient("alice@example.test"),),
)
FULL = Accepted(
    "1hf7yatfm00000aw2xevr0",
    BlobKey("1hf7yatfm00000aw2xevr0"),
    1234,
    1_700_000_000_500,
    "",
    (
        Recipient("alice@example.test", ("SUCCESS", "DELAY"), "rfc822;Bob+3Dx@example.test"),
        Recipient("grüße@example.test"),
    ),
    message_id="<é@elsewhere.test>",
    ret="HDRS",
    envid="QQ+2B314159",
    smtputf8=True,
    client="2001:db8::1",
    client_name="mx.elsewhere.test",
    helo="mx.elsewhere.test",
    tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
    account="account-1",
)


@pytest.mark.parametrize("entry", [PLAIN, FULL], ids=["plain", "full"])
def test_an_entry_survives_its_queue(entry: Accepted) -> None:
    assert Accepted.from_json(entry.to_json()) == entry


def test_what_is_not_said_takes_no_room() -> None:
    assert set(json.loads(PLAIN.to_json())) == {
        "queue_id",
        "blob",
        "size",
        "received",
        "reverse_path",
        "recipients",
    }
    assert len(PLAIN.to_json()) < 300


def test_an_older_reader_ignores_what_a_newer_writer_adds() -> None:
    body = {**json.loads(FULL.to_json()), "colour": "blue"}
    assert Accepted.from_json(json.dumps(body)) == FULL


def test_a_thousand_long_recipients_fit() -> None:
    """More octets are refused in the dialogue: SmtpLimits.envelope."""
    many = msgspec.structs.replace(
        FULL, recipients=tuple(Recipient(f"{n:060d}@example.test") for n in range(1000))
    )
    assert len(many.to_json().encode()) < LARGEST_BODY


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"queue_id": 5}',
        PLAIN.to_json()[:-1],
        PLAIN.to_json().replace("1234", '"1234"'),
        PLAIN.to_json().replace('"recipients":[', '"recipients":[5,'),
    ],
)
def test_what_is_no_entry_says_so(body: str) -> None:
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        Accepted.from_json(body)

"""Which fields are signed."""

import pytest

from postroom.authentication.dkim.header import select

ALWAYS = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b"From: a\r\nTo: b\r\nTO : c\r\n", {"From": 2, "To": 3}, id="doubled"),
        pytest.param(b"List-Id: a\r\nlist-id: b\r\n", {"List-ID": 2}, id="not oversigned"),
        pytest.param(
            b"Return-Path: <a>\r\nReceived: x\r\nBcc: b\r\nX-Y: z\r\nDKIM-Signature: v=1\r\n",
            {},
            id="what changes on the way",
        ),
        pytest.param(b"no field\r\n From: x\r\nSubject: y\r\n", {"Subject": 2}, id="no field"),
        pytest.param(b"To: x\r\n" * 21, {"To": 20}, id="an attack"),
    ],
)
def test_names(header: bytes, names: dict[str, int]) -> None:
    chosen = select(header).names
    assert {name: chosen.count(name) for name in chosen} == {**dict.fromkeys(ALWAYS, 1), **names}


def test_fields_of_one_name_are_taken_from_the_bottom_up() -> None:
    """RFC 6376 section 5.4.2; a name's fields in one place of h=, then the one that is missing."""
    selection = select(b"Sender: 1\r\nTo: 1\r\nFrom: 1\r\nTo: 2\r\n folded\r\nSender: 2\r\n")
    assert selection.fields == (
        b"From: 1",
        b"To: 2\r\n folded",
        b"To: 1",
        b"Sender: 2",
        b"Sender: 1",
    )
    assert selection.names[:5] == ("From", "From", "To", "To", "To")


def test_unsubscribing_is_covered() -> None:
    """RFC 8058 section 4: both fields, by one signature."""
    header = (
        b"List-Unsubscribe: <https://x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )
    assert {"List-Unsubscribe", "List-Unsubscribe-Post"} <= set(select(header).names)

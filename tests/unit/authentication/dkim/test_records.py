"""Tag lists and key records."""

import pytest

from postroom.authentication.dkim.records import KeyRecord, key_record, parse_key_record
from postroom.authentication.dkim.tags import parse_tags
from postroom.errors import BadSyntax
from tests.unit.authentication.dkim.material import pair


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("a=1", {"a": "1"}, id="one"),
        pytest.param("a=1;b=2;", {"a": "1", "b": "2"}, id="a semicolon at the end"),
        pytest.param(" a\r\n\t= x y ;\tb =\t", {"a": "x y", "b": ""}, id="white space"),
        pytest.param("a=b=c==", {"a": "b=c=="}, id="equals signs in a value"),
        pytest.param("A=1; a=2", {"A": "1", "a": "2"}, id="case counts"),
    ],
)
def test_tag_lists(text: str, tags: dict[str, str]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize(
    "text",
    ["", ";", "a", "a=1;;b=2", "=1", "1a=1", "a=1;a=2", "a=\x00", "a=é", "a=" + "x" * 70_000],
)
def test_no_tag_lists(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_tags(text)


def test_what_we_write_is_read() -> None:
    for algorithm, kind in (("rsa-sha256", "rsa"), ("ed25519-sha256", "ed25519")):
        public = pair(algorithm).public
        text = key_record(algorithm, public)
        assert parse_key_record(text) == KeyRecord(kind, public)
    assert len(public) == 32


@pytest.mark.parametrize(
    ("text", "record"),
    [
        pytest.param("p=AAAA", KeyRecord("rsa", b"\0\0\0"), id="the least"),
        pytest.param("v=DKIM1; p=", KeyRecord("rsa", b""), id="revoked"),
        pytest.param("p=AA AA", KeyRecord("rsa", b"\0\0\0"), id="white space within"),
        pytest.param(
            "v=DKIM1; h=sha256 : sha1; k=rsa; s=email; t=y:s; n=note; p=AAAA",
            KeyRecord("rsa", b"\0\0\0", ("sha256", "sha1"), ("email",), ("y", "s")),
            id="all tags",
        ),
        pytest.param("k=new; p=AAAA", KeyRecord("new", b"\0\0\0"), id="an unknown kind"),
    ],
)
def test_key_records(text: str, record: KeyRecord) -> None:
    assert parse_key_record(text) == record


@pytest.mark.parametrize(
    "text", ["", "v=DKIM1", "k=rsa; v=DKIM1; p=AAAA", "v=DKIM2; p=AAAA", "p=A", "p=é", "p=A*AA"]
)
def test_no_key_records(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_key_record(text)

import pytest

from postroom.mailboxes.errors import BadMailboxName
from postroom.mailboxes.names import above, canonical, is_below, reading_order


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        pytest.param("inbox", "INBOX", id="INBOX in any case"),
        pytest.param("iNbOx/a", "INBOX/a", id="and above others"),
        pytest.param("a/inbox", "a/inbox", id="only at the top"),
        pytest.param("Inbox2", "Inbox2", id="only the whole level"),
        pytest.param("Entwu\u0308rfe", "Entw\u00fcrfe", id="NFC"),
        pytest.param("日本語/☃ 100%", "日本語/☃ 100%", id="Unicode and wildcards stay"),
        pytest.param("/".join("a" * 32), "/".join("a" * 32), id="the deepest"),
    ],
)
def test_a_name_is_kept_in_one_spelling(name: str, kept: str) -> None:
    assert canonical(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("/a", id="empty first level"),
        pytest.param("a/", id="empty last level"),
        pytest.param("a//b", id="empty level"),
        pytest.param("a\r\nb", id="line end"),
        pytest.param("a\x00", id="NUL"),
        pytest.param("a\x7f", id="DEL"),
        pytest.param("a\x85", id="C1 control"),
        pytest.param("a\u2028b", id="line separator"),
        pytest.param("a\ud800", id="a surrogate alone"),
        pytest.param("é" * 128, id="level over 255 octets"),
        pytest.param("/".join(["a" * 200] * 5), id="over 900 octets"),
        pytest.param("/".join("a" * 33), id="too deep"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(BadMailboxName):
        canonical(name)


def test_levels() -> None:
    assert list(above("a/b/c")) == ["a", "a/b"]
    assert is_below("a/b", "a")
    assert not is_below("ab", "a")
    assert sorted(["b", "a-b", "a/b", "INBOX/x", "a", "INBOX"], key=reading_order) == [
        "INBOX",
        "INBOX/x",
        "a",
        "a/b",
        "a-b",
        "b",
    ]

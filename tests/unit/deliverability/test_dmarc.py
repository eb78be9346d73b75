"""DMARC records, read as their owner should write them."""

import pytest

from postroom.deliverability.dmarc import DmarcRecord, is_dmarc, parse_dmarc
from postroom.errors import BadSyntax


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1; p=none", DmarcRecord("none", "none", 100, ())),
        ("v=DMARC1;p=Reject;", DmarcRecord("reject", "reject", 100, ())),
        (
            "v=DMARC1; p=reject; sp=quarantine; pct=50; adkim=s; aspf=r; fo=1; x=y",
            DmarcRecord("reject", "quarantine", 50, ()),
        ),
        (
            "v=DMARC1; p=none; rua=mailto:a@b.test!10m, https://x.test/r, mailto:c@d.test; "
            "ruf=mailto:e@f.test",
            DmarcRecord("none", "none", 100, ("a@b.test", "c@d.test")),
        ),
    ],
)  # fmt: skip
def test_records(text: str, record: DmarcRecord) -> None:
    assert is_dmarc(text)
    assert parse_dmarc(text) == record


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1", "v=DMARC1; p=", "p=none; v=DMARC1", "v=DMARC1; sp=none; p=none",
        "v=DMARC1; p=no", "v=DMARC1; p=none; sp=x", "v=DMARC1; p=none; pct=101",
        "v=DMARC1; p=none; pct=x", "v=DMARC1; p=none; adkim=x", "v=DMARC1; p=none; p=reject",
        "v=DMARC1; p=none; rua=a@b.test", "v=DMARC1; p=none; rua=mailto:a", "v=DMARC1 p=none",
        "v=DMARC1; p=none; rua=mailto:a@b.test mailto:c@d.test", "v=DMARC2; p=none",
    ],
)  # fmt: skip
def test_no_records(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_dmarc(text)


@pytest.mark.parametrize("text", ["v=spf1", "v=DMARC10; p=none", "", "V=dmarc1", "x; v=DMARC1"])
def test_texts_about_other_things(text: str) -> None:
    assert not is_dmarc(text)

"""Whatever stands in the DNS, it is read or refused, and a check ends with an answer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.deliverability.check import check
from postroom.deliverability.dmarc import parse_dmarc
from postroom.deliverability.spf import parse_spf
from postroom.errors import BadSyntax
from tests.unit.deliverability.domains import SETUP, Websites, Zones, published

_PIECES = st.sampled_from(
    ["v=spf1", "v=DMARC1;", "v=STSv1;", "v=TLSRPTv1;", "v=DKIM1;", "v=BIMI1;", " ", ":", "/", "=",
     ";", "include:", "example.org", "redirect=", "ip4:192.0.2.1", "/24", "//", "a", "mx", "-all",
     "exists:", "%{i}", "p=none", "p=", "rua=mailto:a@b", "id=1", "10 ", "0 .", "0 1 993 ",
     "3 1 1 abcd", ".", "\udcff", "é", "\0", "AAAA", "t=y"]
)  # fmt: skip
_TEXTS = st.lists(_PIECES | st.text(max_size=3), max_size=10).map("".join) | st.lists(
    _PIECES, max_size=8
).map(" ".join)


@settings(max_examples=500, deadline=None)
@given(_TEXTS)
def test_any_record_is_read_or_refused(text: str) -> None:
    for prefix, parse in (("v=spf1 ", parse_spf), ("v=DMARC1; p=none; ", parse_dmarc)):
        for candidate in (text, prefix + text):
            try:
                parse(candidate)
            except BadSyntax:
                continue


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_zone_is_checked(data: st.DataObject) -> None:
    zones, web = published()
    names = sorted(key for key in zones.records if key[1] not in ("A", "AAAA", "PTR"))
    for key in data.draw(st.lists(st.sampled_from(names), max_size=8)):
        zones.records[key] = tuple(data.draw(st.lists(_TEXTS, max_size=3)))
    for url in web.documents:
        web.documents[url] = data.draw(st.binary(max_size=40) | st.just(web.documents[url]))
    findings = check(SETUP, zones, web)
    assert len({finding.topic for finding in findings}) >= 9
    assert check(SETUP, Zones(), Websites())

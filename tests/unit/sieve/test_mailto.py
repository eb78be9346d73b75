"""URIs that name whom to notify by mail (RFC 6068, RFC 5436)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sieve.commands.mailto import MOST_RECIPIENTS, BadMailto, Mailto, parse_mailto

_MANY = ",".join(f"{number}@example.test" for number in range(MOST_RECIPIENTS + 1))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("mailto:a@b.test", Mailto(("a@b.test",)), id="an address"),
        pytest.param("MAILTO:a@b.test", Mailto(("a@b.test",)), id="the scheme in capitals"),
        pytest.param("mailto:", Mailto(()), id="nobody"),
        pytest.param("mailto:a@b.test,c@d.test", Mailto(("a@b.test", "c@d.test")), id="two"),
        pytest.param(
            "mailto:a@b.test%2C%20c@d.test?to=e@f.test%2cg@h.test",
            Mailto(("a@b.test", "c@d.test", "e@f.test", "g@h.test")),
            id="commas as in RFC 2368",
        ),
        pytest.param(
            "mailto:0123456789@sms.example.net?to=backup@example.com",
            Mailto(("0123456789@sms.example.net", "backup@example.com")),
            id="RFC 5436 section 3",
        ),
        pytest.param(
            "mailto:?to=a@b.test&cc=c@d.test", Mailto(("a@b.test",), ("c@d.test",)), id="cc"
        ),
        pytest.param(
            "mailto:a@b.test?Subject=It%20is%0D%0ABcc:%20x&body=one%0Atwo",
            Mailto(("a@b.test",), (), "It is Bcc: x", "one\r\ntwo"),
            id="line ends only in the body",
        ),
        pytest.param(
            "mailto:a@b.test?from=x@y.test&Auto-Submitted=no&Received=x&Bcc=x@y.test&Date=x",
            Mailto(("a@b.test",)),
            id="unsafe fields are ignored",
        ),
        pytest.param(
            "mailto:a@b.test?X-Priority=1&in-reply-to=%3Cx@y%3E",
            Mailto(("a@b.test",), fields=(("X-Priority", "1"), ("in-reply-to", "<x@y>"))),
            id="other fields",
        ),
        pytest.param("mailto:a%2Bb@b.test", Mailto(("a+b@b.test",)), id="an encoded sign"),
        pytest.param("mailto:%22a%2Cb%22@b.test", Mailto(('"a,b"@b.test',)), id="an encoded comma"),
        pytest.param(
            "mailto:a@b.test?subject=gr%C3%BCn", Mailto(("a@b.test",), (), "grün"), id="UTF-8"
        ),
    ],
)
def test_a_uri_is_read(uri: str, expected: Mailto) -> None:
    assert parse_mailto(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("xmpp:a@b.test", id="another scheme"),
        pytest.param("mailto:a", id="no domain"),
        pytest.param("mailto:a%23b.test", id="an encoded sign that is no at"),
        pytest.param("mailto:a@b.test;?x=y", id="a semicolon"),
        pytest.param("mailto:a@b.test?x<=y", id="a bracket in a name"),
        pytest.param("mailto:a@b.test?x=y>z", id="a bracket in a value"),
        pytest.param("mailto:a@b.test?x:=y", id="a colon in a name"),
        pytest.param("mailto:a@b.test?x", id="a name alone"),
        pytest.param("mailto:a@b.test?=x", id="a value alone"),
        pytest.param("mailto:a@b.test?", id="a question mark alone"),
        pytest.param("mailto:a@b.test?to=c%23d.test", id="to whom"),
        pytest.param("mailto:a@b.test?x=%zz", id="a wrong escape"),
        pytest.param("mailto:a b@b.test", id="a space"),
        pytest.param("mailto:ü@b.test", id="what must be encoded"),
        pytest.param(f"mailto:{_MANY}", id="too many"),
        pytest.param("mailto:a@b.test?" + "&".join(["x=y"] * 17), id="too many fields"),
        pytest.param("mailto:a@b.test?body=" + "x" * 9000, id="too long"),
    ],
)
def test_a_wrong_uri_is_refused(uri: str) -> None:
    with pytest.raises(BadMailto):
        parse_mailto(uri)


@given(st.text(alphabet="a@.?&=%0aAdD:;,<> é\r\n", max_size=60))
def test_only_its_own_error_and_no_line_end_in_fields(rest: str) -> None:
    try:
        mailto = parse_mailto("mailto:" + rest)
    except BadMailto:
        return
    texts = [*mailto.to, *mailto.cc, mailto.subject]
    texts += [text for field in mailto.fields for text in field]
    assert not any(character in text for text in texts for character in "\r\n")

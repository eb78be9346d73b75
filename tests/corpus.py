"""A few hundred messages of every odd kind, each with a name that says what is odd about it.

They are made here, the same on every run. ``DIFFERS`` names those about which we say something
else than Dovecot 2.3 on purpose, with the reason.
"""

import base64
import random
from collections.abc import Callable, Iterator

_PLAIN = (
    b"From: Alice <alice@example.test>\r\nTo: Bob <bob@example.test>\r\nSubject: Hello\r\n"
    b"Date: Tue, 24 Nov 2026 12:58:53 +0100\r\nMessage-ID: <1@example.test>\r\n"
)

_BARE = "octets are counted as stored, Dovecot counts a CRLF for each bare LF and CR"
_LENIENT = "we read on where Dovecot gives up: what the sender meant is clear enough"
_SPACE = "a text is trimmed, its tabs and folds are spaces; Dovecot keeps tabs and the last space"
DIFFERS = {
    "bare LF": _BARE,
    "bare LF and CRLF mixed": _BARE,
    "bare CR in the body": _BARE,
    "NUL in a field": "the address after the NUL is kept",
    "address: empty Sender": "an empty item of a list is none (RFC 5322 section 4.4)",
    "message/global": "it has an envelope and a structure (RFC 9051 section 7.5.2)",
    "parameter: extended without a number, after others": (
        "Dovecot numbers it after the piece before, then finds a gap"
    ),
    "parameter: two semicolons": _LENIENT,
    "parameter: unterminated quote": _LENIENT,
    "parameter: unquoted specials": _LENIENT,
    "parameter: unquoted brackets": _LENIENT,
    "parameter: star only": "names that are no RFC 2231 names stay as written",
    "parameter: number too large": "names that are no RFC 2231 names stay as written",
    "encoding: b'quoted-printable; x'": _LENIENT,
    "encoding: b'x y'": _LENIENT,
    "Content-Language: b'(c) en,, de (d)'": _LENIENT,
    "Content-Language: b'en-US;q=1, de'": _LENIENT,
    "boundary: unquoted specials": _LENIENT,
    **{
        f"{name}: {value!r}": _SPACE
        for name in ("Content-ID", "Content-Description", "Content-MD5", "Content-Location")
        for value in (b" a\r\n b\t c ",)
    },
    **{
        f"{field}: {name}": _LENIENT
        for field in ("address", "address in To")
        for name in (
            "unterminated comment",
            "spaces around dots",
            "dot at the end",
            "empty items",
            "only commas",
            "group in a group",
            "unterminated angle",
            "unterminated angle and more",
            "unterminated quote",
            "double angle",
            "text after the angle",
            "semicolon as separator",
            "brackets in the name",
            "backslash",
            "mailto",
        )
    },
}


def odd_messages(large: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield (name, message). *large*: also those of many megabytes, made when they are reached."""
    yield from _whole()
    yield from _addresses()
    yield from _texts()
    yield from _dates()
    yield from _parameters()
    yield from _multiparts()
    yield from _nested()
    yield from _random(random.Random(2026))
    if large:
        for name, make in _LARGE.items():
            yield name, make()


def _whole() -> Iterator[tuple[str, bytes]]:
    yield "plain", _PLAIN + b"\r\nHello\r\n"
    yield "no header", b"\r\nonly a body\r\n"
    yield "no header, no empty line", b"only a line of text\r\n"
    yield "no header, several lines", b"one line\r\nanother: line\r\n\r\nbody\r\n"
    yield "one octet", b"x"
    yield "one line end", b"\r\n"
    yield "two line ends", b"\r\n\r\n"
    yield "no body", _PLAIN
    yield "no body, no last line end", _PLAIN[:-2]
    yield "empty line but no body", _PLAIN + b"\r\n"
    yield "no last line end", _PLAIN + b"\r\nHello"
    yield "bare LF", _PLAIN.replace(b"\r\n", b"\n") + b"\nHello\nthere\n"
    yield "bare LF and CRLF mixed", _PLAIN + b"\r\nHello\nthere\r\nand\n"
    yield "bare CR in the body", _PLAIN + b"\r\nHello\rthere\r\r\n"
    yield "bare CR in a field", b"Subject: a\rb\r\n" + b"From: a@b\r\n\r\nx\r\n"
    yield "NUL in the body", _PLAIN + b"\r\nHel\0lo\r\n\0\r\n"
    yield "NUL in a field", b"Subject: a\0b\r\nFrom: a\0b <c@d>\r\n\r\nx\r\n"
    yield "line of 998", _PLAIN + b"\r\n" + b"x" * 998 + b"\r\nend\r\n"
    yield "line of 100,000", _PLAIN + b"\r\n" + b"x" * 100_000 + b"\r\nend\r\n"
    yield "field of 998", b"X-Long: " + b"x" * 990 + b"\r\n" + _PLAIN + b"\r\nx\r\n"
    yield "subject of 100,000", b"Subject: " + b"x" * 100_000 + b"\r\nFrom: a@b\r\n\r\nx\r\n"
    yield "500 fields", b"".join(b"X-%d: y\r\n" % n for n in range(500)) + _PLAIN + b"\r\nx\r\n"
    yield "field without a colon", b"Subject: a\r\nnonsense\r\nFrom: a@b\r\n\r\nx\r\n"
    yield "field without a name", b": a\r\nSubject: b\r\n\r\nx\r\n"
    yield "space before the colon", b"Subject : a\r\nFrom\t: a@b\r\n\r\nx\r\n"
    yield "starts with a folded line", b" folded\r\nSubject: a\r\n\r\nx\r\n"
    yield "line of white space in the header", b"Subject: a\r\n \r\nFrom: a@b\r\n\r\nx\r\n"
    yield "From_ line", b"From alice Tue Nov 24 12:58:53 2026\r\n" + _PLAIN + b"\r\nx\r\n"
    yield "names in capitals", _PLAIN.replace(b"From", b"FROM").replace(b"To", b"tO") + b"\r\nx\r\n"
    yield "lines of dots", _PLAIN + b"\r\n.\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n"
    yield "8-bit body", _PLAIN + b"\r\ncaf\xc3\xa9 \xe9\xff\r\n"
    yield "8-bit name of a field", b"S\xc3\xbcbject: x\r\nSubject: y\r\n\r\nx\r\n"
    yield "many line ends", _PLAIN + b"\r\n" * 500


def _field(name: str, value: bytes) -> bytes:
    return name.encode() + b": " + value + b"\r\nMessage-ID: <1@b>\r\n\r\nx\r\n"


def _addresses() -> Iterator[tuple[str, bytes]]:
    odd = {
        "plain": b"a@b.example",
        "angle": b"<a@b.example>",
        "name": b"Al Ice <a@b.example>",
        "quoted name": b'"Ice, Al" <a@b.example>',
        "quoted pairs in the name": b'"A \\"B\\" \\\\C" <a@b>',
        "empty quoted name": b'"" <a@b>',
        "name with dots": b"Dr. A. B. Ice <a@b>",
        "name of words and strings": b'A "B C" D <a@b>',
        "name without space": b"Alice<a@b>",
        "comment as name": b"a@b (Al Ice)",
        "comment before": b"(c) a@b",
        "comment and name": b"Al (the) Ice (x) <a@b> (y)",
        "nested comment": b"a@b (one (two) three)",
        "comment inside": b"a(c)@(d)b(e)",
        "unterminated comment": b"a@b (one",
        "quoted local part": b'"a b"@c',
        "quoted local part with pairs": b'"a\\"b"@c',
        "dots": b"a.b.c@d.e.f",
        "spaces around dots": b"a . b @ c . d",
        "two dots": b"a..b@c",
        "dot at the end": b"a.@b, c@d.",
        "literal": b"a@[192.0.2.1]",
        "literal of IPv6": b"Al <a@[IPv6:2001:db8::1]>",
        "route": b"<@r1,@r2:a@b>",
        "named route": b"Al <@r1:a@b>",
        "list": b"a@b, c@d,e@f",
        "empty items": b",a@b,, c@d,",
        "only commas": b",,,",
        "empty": b"",
        "white space": b"   ",
        "group": b"Team: a@b, Al <c@d>;",
        "empty group": b"undisclosed-recipients:;",
        "two groups": b"A: a@b;, B: c@d;",
        "group and more": b"x@y, A: a@b; , z@w",
        "unterminated group": b"Team: a@b, c@d",
        "quoted group": b'"My Team": a@b;',
        "group in a group": b"A: B: a@b;;",
        "no domain": b"alice",
        "two words": b"alice bob",
        "quoted without address": b'"alice"',
        "domain missing": b"alice@",
        "local part missing": b"@b",
        "empty angle": b"<>",
        "name and empty angle": b"Al <>",
        "angle without domain": b"Al <a>",
        "unterminated angle": b"Al <a@b",
        "unterminated angle and more": b"Al <a@b, c@d",
        "unterminated quote": b'"Al <a@b>',
        "double angle": b"Al <<a@b>>",
        "two at signs": b"a@b@c",
        "text after the angle": b"Al <a@b> x, c@d",
        "semicolon as separator": b"a@b; c@d",
        "space as separator": b"a@b c@d",
        "encoded name": b"=?utf-8?q?Al_=C3=A9?= <a@b>",
        "encoded name in quotes": b'"=?utf-8?q?Al?=" <a@b>',
        "8-bit name": b"Al\xc3\xa9 <a@b>",
        "8-bit name in quotes": b'"Al\xe9" <a@b>',
        "8-bit address": b"al\xc3\xa9@b\xc3\xa9",
        "folded": b"Al\r\n Ice <a@b>,\r\n\tc@d",
        "folded in quotes": b'"Al\r\n Ice" <a@b>',
        "tab in the name": b"Al\tIce <a@b>",
        "several spaces in the name": b"Al   Ice <a@b>",
        "quoted spaces in the name": b'"Al   Ice" <a@b>',
        "apostrophes": b"'Al' <a@b>",
        "specials": b"!#$%&'*+-/=?^_`{|}~@b",
        "brackets in the name": b"[Al] <a@b>",
        "at sign in the name": b"al@ice <a@b>",
        "address as its name": b'"a@b" <a@b>',
        "colon in the name": b"Re: Al <a@b>",
        "backslash": b"a\\b@c",
        "mailto": b"<mailto:a@b>",
        "many": b", ".join(b"u%d@example.test" % n for n in range(1000)),
    }
    for name, value in odd.items():
        yield f"address: {name}", _field("From", value)
        yield f"address in To: {name}", _field("To", b"x@y, " + value)
    yield "address: From twice", b"From: a@b\r\nFrom: c@d\r\n\r\nx\r\n"
    yield (
        "address: every list",
        b"".join(
            b"%b: %b@x\r\n" % (name, name.lower())
            for name in (b"From", b"Sender", b"Reply-To", b"To", b"Cc", b"Bcc")
        )
        + b"\r\nx\r\n",
    )
    yield "address: empty Sender", b"From: a@b\r\nSender:\r\nReply-To: ,\r\n\r\nx\r\n"
    yield "address: Sender of several", b"From: a@b\r\nSender: c@d, e@f\r\n\r\nx\r\n"


def _texts() -> Iterator[tuple[str, bytes]]:
    odd = {
        "empty": b"",
        "spaces": b"   ",
        "8-bit UTF-8": "café".encode(),
        "8-bit Latin-1": b"caf\xe9",
        "encoded": b"=?iso-8859-1?q?caf=E9?= =?utf-8?b?w6k=?=",
        "quotes": b'a "b" \\c\\',
        "tabs": b"a\tb\t\tc",
        "many spaces": b"a   b  c",
        "folded": b"a\r\n b\r\n\tc",
        "folded with spaces": b"a  \r\n   b",
        "folded at once": b"\r\n a",
        "folded empty line": b"a\r\n \r\n b",
        "trailing space": b"a  ",
        "braces": b"{5} NIL ()",
        "control": b"a\x01\x7fb",
        "percent": b"100% *",
    }
    for name, value in odd.items():
        yield f"subject: {name}", _field("Subject", value)
    for field in ("In-Reply-To", "Message-ID", "Date", "Subject"):
        yield f"text: {field} twice", f"{field}: <a@b>\r\n{field}: <c@d>\r\n\r\nx\r\n".encode()
        yield f"text: empty {field}", f"{field}:\r\n\r\nx\r\n".encode()
        yield f"text: folded {field}", f"{field}: <a@b>\r\n <c@d>\r\n\r\nx\r\n".encode()
    yield "text: Message-ID without brackets", b"Message-ID: abc\r\n\r\nx\r\n"
    yield "text: Message-ID with a comment", b"Message-ID: <a@b> (c)\r\n\r\nx\r\n"
    yield "text: References", b"References: <a@b>\r\n\t<c@d><e@f> junk\r\n\r\nx\r\n"


def _dates() -> Iterator[tuple[str, bytes]]:
    for value in (
        "Tue, 24 Nov 2026 12:58:53 +0000 (UTC)",
        "24 Nov 26 12:58 EST",
        "Tue Nov 24 12:58:53 2026",
        "Tue, 31 Feb 2026 12:58:53 +0000",
        "yesterday",
        "Tue, 24 Nov 2026 25:61:61 +9999",
    ):
        yield f"date: {value}", f"Date: {value}\r\n\r\nx\r\n".encode()


def _typed(fields: bytes, body: bytes = b"Hello\r\n") -> bytes:
    return _PLAIN + b"MIME-Version: 1.0\r\n" + fields + b"\r\n\r\n" + body


def _parameters() -> Iterator[tuple[str, bytes]]:
    odd = {
        "capitals": b'TEXT/HTML; CHARSET="UTF-8"',
        "none": b"text/html",
        "no subtype": b"text",
        "nothing": b"",
        "semicolon only": b";",
        "slash only": b"/",
        "two slashes": b"text/plain/x",
        "no type": b"/plain",
        "spaces": b" text / plain ; charset = utf-8 ",
        "comments": b"text/plain (c); (d) charset (e) = (f) utf-8 (g)",
        "trailing semicolon": b"text/plain; charset=utf-8;",
        "two semicolons": b"text/plain;; charset=utf-8",
        "charset later": b"text/plain; format=flowed; charset=utf-8",
        "no charset": b"text/plain; format=flowed",
        "empty value": b"text/plain; charset=",
        "empty quoted value": b'text/plain; charset=""',
        "no equals sign": b"text/plain; charset",
        "no semicolon": b"text/plain charset=utf-8",
        "unterminated quote": b'application/x; name="abc',
        "quoted pairs": b'application/x; name="a\\"b\\\\c"',
        "semicolon in quotes": b'application/x; name="a;b=c"; d=e',
        "folded": b'application/x;\r\n name="a";\r\n\tb=c',
        "folded in quotes": b'application/x; name="a\r\n b"',
        "twice": b"application/x; a=1; a=2",
        "8-bit": "application/x; name=café".encode(),
        "8-bit in quotes": 'application/x; name="café"'.encode(),
        "encoded word": b'application/x; name="=?utf-8?q?caf=C3=A9?="',
        "encoded word unquoted": b"application/x; name==?utf-8?q?caf=C3=A9?=",
        "unquoted specials": b"application/x; name=a/b:c@d",
        "unquoted space": b"application/x; name=a b.txt; c=d",
        "unquoted brackets": b"application/x; name=a[1].txt",
        "apostrophes": b"application/x; name='a b'",
        "continued": b'application/x; name*0="a b"; name*1=" c"',
        "continued backwards": b'application/x; name*1="b"; name*0="a"',
        "continued with a gap": b"application/x; name*0=a; name*2=b",
        "continued from one": b"application/x; name*1=a; name*2=b",
        "extended": b"application/x; name*=utf-8'en'caf%C3%A9",
        "extended and continued": b"application/x; name*0*=utf-8''%41; name*1*=%42; name*2=\"c d\"",
        "extended without charset": b"application/x; name*=%41",
        "extended and plain": b"application/x; name=x; name*=utf-8''y",
        "extended without a number, after others": b"application/x; a*0=x; a*1=y; b*=u''z",
        "star only": b"application/x; *=x; *0=y",
        "number too large": b"application/x; a*99999999999=x",
        "many": b"application/x" + b"".join(b"; p%d=%d" % (n, n) for n in range(100)),
        "long value": b'application/x; name="' + b"x" * 5000 + b'"',
        "message/rfc822 with parameters": b"message/rfc822; a=b",
    }
    for name, value in odd.items():
        yield f"parameter: {name}", _typed(b"Content-Type: " + value)
    for name, value in {
        "attachment": b"attachment; filename=a.txt",
        "capitals": b'ATTACHMENT; FILENAME="a b.txt"',
        "inline": b"inline",
        "extended": b"attachment; filename*=utf-8''caf%C3%A9.txt",
        "continued": b'attachment; filename*0="a"; filename*1="b"; size=3',
        "empty": b"",
        "semicolon only": b"; filename=x",
        "comment": b"attachment (x); filename=y",
        "unquoted space": b"attachment; filename=a b.txt",
        "no semicolon": b"attachment filename=x",
    }.items():
        yield f"disposition: {name}", _typed(b"Content-Disposition: " + value)
        yield (
            f"disposition of a multipart: {name}",
            _typed(
                b"Content-Type: multipart/mixed; boundary=a\r\nContent-Disposition: " + value,
                b"--a\r\n\r\nx\r\n--a--\r\n",
            ),
        )
    for encoding in (
        b"BASE64",
        b"",
        b"8bit (c)",
        b"quoted-printable; x",
        b"x y",
        b'"base64"',
        b"7-bit",
    ):
        yield f"encoding: {encoding!r}", _typed(b"Content-Transfer-Encoding: " + encoding)
    for name in (b"Content-ID", b"Content-Description", b"Content-MD5", b"Content-Location"):
        for value in (
            b"",
            b"<a@b>",
            b" a\r\n b\t c ",
            b"caf\xe9",
            b'"q" (c)',
            b"=?utf-8?q?=C3=A9?=",
        ):
            yield f"{name.decode()}: {value!r}", _typed(name + b": " + value)
        yield f"{name.decode()} twice", _typed(name + b": a\r\n" + name + b": b")
    for tags in (b"en", b"en, de", b"", b"(c) en,, de (d)", b"en de", b'"en"', b"en-US;q=1, de"):
        yield f"Content-Language: {tags!r}", _typed(b"Content-Language: " + tags)
    yield "message/global", _typed(b"Content-Type: message/global", b"Subject: x\r\n\r\ny\r\n")
    yield "Content-Type twice", _typed(b"Content-Type: text/html\r\nContent-Type: text/css")
    yield (
        "Content-Disposition twice",
        _typed(b"Content-Disposition: inline\r\nContent-Disposition: attachment"),
    )


def _multipart(body: bytes, subtype: bytes = b"mixed", boundary: bytes = b"a") -> bytes:
    return _typed(b"Content-Type: multipart/%b; boundary=%b" % (subtype, boundary), body)


def _multiparts() -> Iterator[tuple[str, bytes]]:
    two = b"pre\r\n--a\r\n\r\none\r\n--a\r\nContent-Type: text/html\r\n\r\ntwo\r\n--a--\r\nepi\r\n"
    bodies = {
        "two parts": two,
        "no last boundary": two.partition(b"--a--")[0],
        "cut in a header": b"--a\r\nContent-Type: text/html",
        "cut after a boundary": b"--a\r\n\r\none\r\n--a",
        "cut after a boundary line": b"--a\r\n\r\none\r\n--a\r\n",
        "no boundary": b"just text\r\n",
        "empty body": b"",
        "last boundary only": b"--a--\r\n",
        "last boundary without line end": b"--a\r\n\r\none\r\n--a--",
        "white space after boundaries": two.replace(b"--a\r\n", b"--a \t\r\n"),
        "text after boundaries": two.replace(b"--a\r\n", b"--a x\r\n"),
        "longer lines like the boundary": b"--a\r\n\r\none\r\n--ab\r\nx\r\n--a--\r\n",
        "boundary in a line": b"--a\r\n\r\none --a\r\n --a\r\n--a--\r\n",
        "boundary after the last": two + b"--a\r\n\r\nmore\r\n",
        "empty parts": b"--a\r\n\r\n--a\r\n\r\n\r\n--a\r\n--a--\r\n",
        "part without empty line": b"--a\r\nContent-Type: text/html\r\n--a--\r\n",
        "part with only a body": b"--a\r\nbody: no\r\n--a--\r\n",
        "parts of line ends": b"--a\r\n\r\n\r\n\r\n--a\r\n\r\n\r\n--a--\r\n",
        "boundary at once": b"--a\r\n\r\none\r\n--a--",
        "dashes": b"--\r\n--a\r\n\r\n--\r\n-- \r\n---a\r\n--a--\r\n",
        "8-bit and NUL": b"--a\r\n\r\n\xff\0\r\n--a--\r\n",
        "bare CR before a boundary": b"--a\r\n\r\none\r--a\r\n\r\n--a--\r\n",
        "three dashes at the end": b"--a\r\n\r\none\r\n--a---\r\nx\r\n",
        "one dash at the end": b"--a\r\n\r\none\r\n--a-\r\n\r\nx\r\n",
        "space before the last dashes": b"--a\r\n\r\none\r\n--a --\r\n\r\nx\r\n",
        "many parts": b"".join(b"--a\r\n\r\n%d\r\n" % n for n in range(1000)) + b"--a--\r\n",
        "attachments": b"".join(
            b"--a\r\nContent-Type: image/png; name=%d.png\r\nContent-Transfer-Encoding: base64\r\n"
            b"Content-Disposition: attachment; filename=%d.png\r\n\r\n%b\r\n"
            % (n, n, base64.encodebytes(bytes(range(200))).replace(b"\n", b"\r\n"))
            for n in range(5)
        )
        + b"--a--\r\n",
    }
    for name, body in bodies.items():
        yield f"multipart: {name}", _multipart(body)
    yield "bare LF multipart", _multipart(two).replace(b"\r\n", b"\n")
    for name, boundary in {
        "quoted": b'"a"',
        "quoted with space": b'"a b"',
        "trailing space": b'"a "',
        "empty": b'""',
        "missing": b"",
        "80 octets": b"x" * 80,
        "200 octets": b"y" * 200,
        "specials": b'"=_(a)+,-./:=?\'"',
        "unquoted specials": b"a=_b/c:d",
        "8-bit": b'"\xe9"',
        "dashes": b'"--"',
        "ends in dashes": b'"a--"',
        "comment": b"a(b)",
        "capitals": b"Ab",
    }.items():
        mark = boundary.strip(b'"')
        body = b"--%b\r\n\r\none\r\n--%b\r\n\r\ntwo\r\n--%b--\r\n" % (mark, mark, mark)
        yield f"boundary: {name}", _multipart(body, boundary=boundary)
    yield "boundary: no parameter", _typed(b"Content-Type: multipart/mixed", two)
    yield "boundary: two parameters", _multipart(two, boundary=b"a; boundary=b")
    yield (
        "boundary: continued",
        _typed(
            b'Content-Type: multipart/mixed; boundary*0="a"; boundary*1="b"',
            two.replace(b"--a", b"--ab"),
        ),
    )
    yield "multipart without a subtype", _typed(b"Content-Type: multipart; boundary=a", two)
    yield (
        "multipart/signed",
        _multipart(
            b"--a\r\n\r\nx\r\n--a\r\nContent-Type: application/pgp-signature; name=s.asc\r\n\r\n"
            b"s\r\n--a--\r\n",
            b"signed; micalg=pgp-sha256; protocol=x",
        ),
    )
    yield (
        "multipart encoded",
        _typed(
            b"Content-Type: multipart/mixed; boundary=a\r\nContent-Transfer-Encoding: base64",
            base64.encodebytes(two).replace(b"\n", b"\r\n"),
        ),
    )
    yield (
        "digest",
        _multipart(
            b"--a\r\n\r\nSubject: x\r\nFrom: a@b\r\n\r\ny\r\n"
            b"--a\r\nContent-Type: text/plain\r\n\r\nz\r\n--a\r\n--a--\r\n",
            b"digest",
        ),
    )
    yield (
        "digest in capitals",
        _multipart(b"--a\r\n\r\nSubject: x\r\n\r\ny\r\n--a--\r\n", b"DIGEST"),
    )


def _nested() -> Iterator[tuple[str, bytes]]:
    for depth in (2, 10, 50, 99, 100, 101, 150):
        yield f"{depth} multiparts deep", _PLAIN + nest(depth)
        yield f"{depth} messages deep", _messages(depth)
    yield "50 multiparts deep, nothing closed", _PLAIN + nest(50, closed=False)
    yield "50 multiparts deep with one boundary", _PLAIN + nest(50, same=True)
    inner = b"--a\r\nContent-Type: multipart/alternative; boundary=%b\r\n\r\n--%b\r\n\r\none\r\n"
    for boundary in (b"ab", b"b", b"a", b"a--", b'"a-"'):
        mark = boundary.strip(b'"')
        start = inner % (boundary, mark)
        yield (
            f"inner boundary {mark!r}",
            _multipart(start + b"--%b--\r\nepi\r\n--a\r\n\r\ntwo\r\n--a--\r\n" % mark),
        )
        yield (
            f"inner boundary {mark!r}, not closed",
            _multipart(start + b"--a\r\n\r\ntwo\r\n--a--\r\n"),
        )
        yield (
            f"inner boundary {mark!r} of an outer that is longer",
            _multipart(
                b"--abc\r\nContent-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n"
                b"\r\none\r\n--%b--\r\n--abc\r\n\r\ntwo\r\n--abc--\r\n" % (boundary, mark, mark),
                boundary=b"abc",
            ),
        )
    yield (
        "outer boundary in the header of a part",
        _multipart(
            b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nSubject: x\r\n--a\r\n\r\ny\r\n--a--\r\n"
        ),
    )
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: "
    yield (
        "message in a multipart",
        _multipart(b"--a\r\n" + message + b"text/html\r\n\r\nbody\r\n--a--\r\n"),
    )
    yield (
        "multipart in a message in a multipart",
        _multipart(
            b"--a\r\n"
            + message
            + b"multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\r\n--a--\r\n"
        ),
    )
    yield "message cut by a boundary", _multipart(b"--a\r\n" + message + b"text/html\r\n--a--\r\n")
    yield (
        "message that is empty",
        _multipart(
            b"--a\r\nContent-Type: message/rfc822\r\n\r\n"
            b"--a\r\nContent-Type: message/rfc822\r\n--a--\r\n"
        ),
    )
    yield (
        "message with bad addresses",
        _multipart(
            b"--a\r\nContent-Type: message/rfc822\r\n\r\n"
            b"From: <>\r\nTo: g:;\r\n\r\nbody\r\n--a--\r\n"
        ),
    )
    yield (
        "message encoded",
        _typed(
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
            b"U3ViamVjdDogeA==\r\n",
        ),
    )
    yield (
        "message/partial",
        _typed(b'Content-Type: message/partial; id="a"; number=1', b"x: y\r\n\r\nz"),
    )
    yield (
        "message/delivery-status",
        _multipart(
            b"--a\r\nContent-Type: message/delivery-status\r\n\r\n"
            b"Reporting-MTA: dns; x\r\n\r\n--a--\r\n",
            b"report; report-type=delivery-status",
        ),
    )


def nest(depth: int, closed: bool = True, same: bool = False) -> bytes:
    """Return the fields and the body of multiparts within each other, *depth* of them."""
    names = [b"b" if same else b"b%d_" % level for level in range(depth)]
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (n, n) for n in names
    )
    ends = b"".join(b"--%b--\r\n" % name for name in reversed(names)) if closed else b""
    return opened + b"\r\nat the bottom\r\n" + ends


def _messages(depth: int) -> bytes:
    return (
        b"Subject: x\r\nContent-Type: message/rfc822\r\n\r\n" * depth + b"Subject: y\r\n\r\nz\r\n"
    )


_LINES = [
    b"--a", b"--a--", b"--b", b"--b--", b"--ab", b"--a ", b"", b"", b"", b"text", b"Subject: x",
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/digest; boundary=ab",
    b"Content-Type: message/rfc822", b"Content-Type: text/html; charset=x", b"From: a@b",
    b" folded",
]  # fmt: skip


def _random(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield lines of multiparts in no order: what a boundary ends, and what not."""
    for number in range(100):
        lines = b"\r\n".join(chance.choices(_LINES, k=chance.randrange(3, 40)))
        yield f"random lines {number}", _multipart(lines)


def _large_attachment() -> bytes:
    line = base64.b64encode(bytes(range(57))) + b"\r\n"
    content = line * (25_000_000 // len(line))
    return _multipart(
        b"--a\r\n\r\nSee below.\r\n--a\r\nContent-Type: application/pdf; name=big.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + content + b"--a--\r\n"
    )


_LARGE: dict[str, Callable[[], bytes]] = {
    "25 MB": _large_attachment,
    "10 MB in one line": lambda: _PLAIN + b"\r\n" + b"x" * 10_000_000 + b"\r\n",
}

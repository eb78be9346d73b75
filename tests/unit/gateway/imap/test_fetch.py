"""FETCH shows the prefix and the blob as one message, and searches it as one."""

from datetime import date

import pytest

from gateway.imap import commands as c
from gateway.imap import responses
from gateway.imap import search_keys as keys
from gateway.imap.fetch import Fetching, UnknownEncoding, WholeBlob, decode_transfer
from gateway.imap.search import Candidate, Context, Needs, compile_search
from gateway.imap.sequence_set import SAVED, SequenceSet
from postroom.mailboxes.records import Message
from postroom.message.structure import Part
from postroom.message.summary import Summary, summarise
from postroom.platform.blobs import BlobKey

HEAD = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.test>\r\nSubject: one\r\n two\r\nTo: a\r\n\r\n"
TEXT_HEAD = b"Content-Transfer-Encoding: base64\r\n\r\n"
TEXT = b"aGVsbG8gdwD8cmxk"  # hello w NUL ü rld
INNER_HEAD = b"Subject: inside\r\n\r\n"
INNER = b"Inner text"
BLOB = HEAD + b"--b\r\n" + TEXT_HEAD + TEXT + b"\r\n--b\r\n\r\n" + INNER_HEAD + INNER + b"\r\n--b--"
PREFIX = b"Delivered-To: me\r\n"


def _part(number: str, start: bytes, body: bytes, kind: str, *inside: Part, **more: str) -> Part:
    header = BLOB.index(start)
    at = BLOB.index(body, header)
    return Part(
        number, header, at, at + len(body), 0, *kind.split("/"),
        more.get("charset", ""), more.get("encoding", "7bit"), "", "", inside,
    )  # fmt: skip


MESSAGE_INSIDE = _part("2", INNER_HEAD, INNER, "text/plain")
STRUCTURE = Part(
    "", 0, len(HEAD), len(BLOB), 0, "multipart", "mixed", "", "7bit", "", "",
    (
        _part("1", TEXT_HEAD, TEXT, "text/plain", charset="iso-8859-1", encoding="base64"),
        _part("2", b"\r\n" + INNER_HEAD, INNER_HEAD + INNER, "message/rfc822", MESSAGE_INSIDE),
    ),
)  # fmt: skip
BODY = b'("text" "plain" NIL NIL NIL "7bit" 3 1)'
SUMMARY = Summary(
    size=len(BLOB), envelope=b'("Mon, 7 Feb 1994 23:52:25 -0800" "one two")',
    body_structure=BODY[:-1] + b" NIL NIL NIL NIL)", structure=STRUCTURE,
    message_id="", in_reply_to=(), references=(),
    sent=760693945, subject="", sender="", recipient="", preview="", has_attachment=False,
)  # fmt: skip
MESSAGE = Message(
    uid=70, mod_seq=5, flags=frozenset({"\\Seen", "k", "\\Answered"}),
    size=len(PREFIX) + len(BLOB), internal_date=760651945, saved=0, blob=BlobKey("b"),
    prefix=PREFIX,
)  # fmt: skip


def fetched(*items: c.FetchItem) -> bytes:
    """What follows ``* 3 FETCH (``; rendered and streamed alike."""
    plan = Fetching(items)
    whole = plan.render(3, MESSAGE, SUMMARY, WholeBlob(BLOB))
    assert b"".join(plan.stream(3, MESSAGE, SUMMARY, WholeBlob(BLOB))) == whole
    assert whole.startswith(b"* 3 FETCH (")
    assert whole.endswith(b")\r\n")
    return whole[11:-3]


def literal(name: bytes, octets: bytes) -> bytes:
    return b"%b {%d}\r\n%b" % (name, len(octets), octets)


def test_the_plain_items() -> None:
    assert fetched("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "ENVELOPE") == (
        b'UID 70 FLAGS (\\Answered \\Seen k) INTERNALDATE " 7-Feb-1994 20:12:25 +0000" '
        b"RFC822.SIZE %d MODSEQ (5) ENVELOPE %b" % (MESSAGE.size, SUMMARY.envelope)
    )


def test_recent_is_shown_to_the_session_that_has_it() -> None:
    message = Message(1, 1, frozenset(), 1, 0, 0, BlobKey("b"), b"")
    assert (
        Fetching(["FLAGS"]).render(1, message, recent=True) == b"* 1 FETCH (FLAGS (\\Recent))\r\n"
    )


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        pytest.param(c.BodySection(), b"BODY[]", PREFIX + BLOB, id="the whole message"),
        pytest.param(c.BodySection(text="HEADER"), b"BODY[HEADER]", PREFIX + HEAD, id="header"),
        pytest.param(c.BodySection(text="TEXT"), b"BODY[TEXT]", BLOB[len(HEAD) :], id="text"),
        pytest.param(c.BodySection("1"), b"BODY[1]", TEXT, id="a part"),
        pytest.param(c.BodySection("1", "MIME"), b"BODY[1.MIME]", TEXT_HEAD, id="a part's header"),
        pytest.param(c.BodySection("2"), b"BODY[2]", INNER_HEAD + INNER, id="a message inside"),
        pytest.param(c.BodySection("2", "HEADER"), b"BODY[2.HEADER]", INNER_HEAD, id="its header"),
        pytest.param(c.BodySection("2", "TEXT"), b"BODY[2.TEXT]", INNER, id="its text"),
        pytest.param(c.BodySection("2.1"), b"BODY[2.1]", INNER, id="its only part"),
        pytest.param(c.BodySection("2.1.1"), b"BODY[2.1.1]", None, id="a part of a leaf"),
        pytest.param(c.BodySection("3"), b"BODY[3]", None, id="no such part"),
        pytest.param(c.BodySection("1", "HEADER"), b"BODY[1.HEADER]", None, id="no message there"),
        pytest.param(
            c.BodySection(partial=(10, 20)), b"BODY[]<10>", (PREFIX + BLOB)[10:30],
            id="a partial across prefix and blob",
        ),
        pytest.param(c.BodySection("1", partial=(99, 5)), b"BODY[1]<99>", b"", id="past the end"),
        pytest.param(
            c.BodySection(text="HEADER.FIELDS", fields=(b"subject", b"DELIVERED-TO")),
            b"BODY[HEADER.FIELDS (subject DELIVERED-TO)]",
            PREFIX + b"Subject: one\r\n two\r\n\r\n",
            id="fields, folded",
        ),
        pytest.param(
            c.BodySection(text="HEADER.FIELDS.NOT", fields=(b"From", b"Subject")),
            b"BODY[HEADER.FIELDS.NOT (From Subject)]",
            PREFIX + b"To: a\r\n\r\n",
            id="other fields",
        ),
    ],
)  # fmt: skip
def test_sections(section: c.BodySection, name: bytes, expected: bytes | None) -> None:
    assert fetched(section) == (name + b" NIL" if expected is None else literal(name, expected))


def test_binary_is_decoded_and_says_when_it_holds_nul() -> None:
    assert fetched(c.BinarySection("1")) == b"BINARY[1] ~{12}\r\nhello w\x00\xfcrld"
    assert fetched(c.BinarySection("1", (0, 5))) == b"BINARY[1]<0> {5}\r\nhello"
    assert fetched("UID", c.BinarySize("1")) == b"UID 70 BINARY.SIZE[1] 12"


def test_a_nul_goes_out_in_a_literal8_only() -> None:
    """RFC 9051 section 4.3.1. Sizes and offsets are those of the octets as they are."""
    blob = WholeBlob(b"Subject: \x00\r\n\r\na\x00b")
    size = len(blob.read(0, 100))
    message = Message(
        uid=70, mod_seq=5, flags=frozenset(), size=size, internal_date=0, saved=0,
        blob=BlobKey("b"), prefix=b"",
    )  # fmt: skip
    summary = summarise(blob.read(0, size))
    items = (c.BodySection(), c.BodySection("1", partial=(1, 2)), c.BinarySection("1"))
    fields = c.BodySection(text="HEADER.FIELDS", fields=(b"Subject",))
    plan = Fetching((*items, fields))
    expected = (
        b"* 3 FETCH (BODY[] {17}\r\nSubject: \x80\r\n\r\na\x80b BODY[1]<1> {2}\r\n\x80b "
        b"BINARY[1] ~{3}\r\na\x00b "
        b"BODY[HEADER.FIELDS (Subject)] {14}\r\nSubject: \x80\r\n\r\n)\r\n"
    )
    assert plan.render(3, message, summary, blob) == expected
    assert b"".join(plan.stream(3, message, summary, blob)) == expected


def test_part_one_of_a_single_part_message_is_its_body() -> None:
    root = Part("", 0, len(HEAD), len(BLOB), 0, "text", "plain", "", "7bit", "", "")
    for part, expected in (("1", BLOB[len(HEAD) :]), ("2", None)):
        plan = Fetching([c.BodySection(part, peek=True)])
        single = type("Single", (), {"structure": root})()
        found = plan.render(1, MESSAGE, single, WholeBlob(BLOB))
        name = b"BODY[%b]" % part.encode()
        answer = name + b" NIL" if expected is None else literal(name, expected)
        assert found == b"* 1 FETCH (" + answer + b")\r\n"


def test_an_unknown_transfer_encoding_is_reported() -> None:
    with pytest.raises(UnknownEncoding):
        decode_transfer(b"x", "x-uuencode")


def test_what_must_be_read_and_what_sets_seen() -> None:
    plans = {
        "record": Fetching(["UID", "FLAGS"]),
        "summary": Fetching(["ENVELOPE"]),
        "whole": Fetching([c.BodySection(peek=True)]),
        "part": Fetching([c.BodySection("1")]),
        "old": Fetching(["RFC822.HEADER"]),
    }
    told = {
        name: (p.needs_summary, p.needs_blob, p.needs_whole_blob, p.sets_seen)
        for name, p in plans.items()
    }
    assert told == {
        "record": (False, False, False, False),
        "summary": (True, False, False, False),
        "whole": (False, True, True, False),
        "part": (True, True, False, True),
        "old": (True, True, False, False),
    }
    for mod_seq in (False, True):
        flagged = plans["part"].with_flags(mod_seq=mod_seq)
        line = flagged.render(1, MESSAGE, SUMMARY, WholeBlob(BLOB))
        assert b"FLAGS (" in line
        assert (b"MODSEQ (" in line) == mod_seq


CONTEXT = Context(largest_number=9, largest_uid=90, saved=[70], now=760651945 + 100)


@pytest.mark.parametrize(
    ("key", "expected", "needs"),
    [
        pytest.param(keys.And(()), True, Needs.RECORD, id="ALL"),
        pytest.param(keys.HasFlag("K"), True, Needs.RECORD, id="a keyword in other case"),
        pytest.param(keys.Not(keys.HasFlag("\\Seen")), False, Needs.RECORD, id="UNSEEN"),
        pytest.param(keys.InSet(SequenceSet(((3, 0),)), False), True, Needs.RECORD, id="a number"),
        pytest.param(keys.InSet(SequenceSet(((71, 0),)), True), False, Needs.RECORD, id="a UID"),
        pytest.param(keys.InSet(SAVED, False), True, Needs.RECORD, id="the saved result"),
        pytest.param(keys.Age(True, 100), True, Needs.RECORD, id="young"),
        pytest.param(keys.Age(False, 101), False, Needs.RECORD, id="not old"),
        pytest.param(keys.ModSeq(6), False, Needs.RECORD, id="MODSEQ"),
        pytest.param(keys.OnDate("internal", "on", date(1994, 2, 7)), True, Needs.RECORD, id="ON"),
        pytest.param(
            keys.OnDate("internal", "before", date(1994, 2, 7)), False, Needs.RECORD, id="BEFORE"
        ),
        pytest.param(
            keys.OnDate("sent", "on", date(1994, 2, 7)),
            True,
            Needs.SUMMARY,
            id="SENTON, as written",
        ),
        pytest.param(keys.InHeader("from", "JÜRGEN"), True, Needs.BLOB, id="an encoded word"),
        pytest.param(keys.InHeader("subject", "one two"), True, Needs.BLOB, id="a folded subject"),
        pytest.param(
            keys.InHeader("delivered-to", ""), True, Needs.BLOB, id="a field of the prefix"
        ),
        pytest.param(keys.InHeader("cc", ""), False, Needs.BLOB, id="a field that is not there"),
        pytest.param(keys.InText("ÜRLD", False), True, Needs.BLOB, id="BODY decodes"),
        pytest.param(keys.InText("inside", False), True, Needs.BLOB, id="a header inside the body"),
        pytest.param(
            keys.InText("jürgen", False), False, Needs.BLOB, id="BODY leaves the header out"
        ),
        pytest.param(keys.InText("from: jürgen", True), True, Needs.BLOB, id="TEXT takes it in"),
        pytest.param(
            keys.Or(keys.InText("nothing", True), keys.Size(True, 1)),
            True,
            Needs.BLOB,
            id="OR, cheap first",
        ),
    ],
)
def test_search(key: keys.SearchKey, expected: bool, needs: Needs) -> None:
    program = compile_search(key, CONTEXT)
    candidate = Candidate(3, MESSAGE, False, SUMMARY.encode(), BLOB)
    assert (program.record(candidate) and program.rest(candidate)) is expected
    assert program.needs is needs


def test_the_record_decides_before_anything_is_read() -> None:
    program = compile_search(keys.And((keys.InText("x", True), keys.HasFlag("\\Draft"))), CONTEXT)
    candidate = Candidate(3, MESSAGE)
    assert not program.record(candidate)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            responses.list_line("été", ["\\HasChildren"], False, child_info=["SUBSCRIBED"]),
            b'* LIST (\\HasChildren) "/" "&AOk-t&AOk-" ("CHILDINFO" ("SUBSCRIBED"))\r\n',
            id="LIST in modified UTF-7",
        ),
        pytest.param(
            responses.list_line("é", [], True), '* LIST () "/" "é"\r\n'.encode(), id="LIST in UTF-8"
        ),
        pytest.param(
            responses.tagged(b"a", b"NO", "no\r\n* BYE é"),
            b"a NO no??* BYE ?\r\n",
            id="no injection",
        ),
        pytest.param(responses.string(b'a"\\'), b'"a\\"\\\\"', id="quoted"),
        pytest.param(responses.string(b"a\r\n"), b"{3}\r\na\r\n", id="a literal"),
        pytest.param(responses.string(b"\xc3\xa9"), b"{2}\r\n\xc3\xa9", id="8-bit is a literal"),
        pytest.param(responses.copy_uid(7, [(1, 5), (2, 6)]), b"COPYUID 7 1:2 5:6", id="COPYUID"),
    ],
)
def test_responses(line: bytes, expected: bytes) -> None:
    assert line == expected

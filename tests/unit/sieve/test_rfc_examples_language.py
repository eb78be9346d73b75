"""The examples of RFC 5183, 5228, 5229, 5231, 5233, 5463, 6009 and 6609: the language itself."""

import pytest

from postroom.sieve.actions import Action, Discard, FileInto, Keep, Redirect, Reject
from postroom.sieve.world import Envelope
from tests.unit.sieve.asking import crlf
from tests.unit.sieve.worlds import ENVELOPE, TableWorld, actions, complaints, outcome

_KEPT: tuple[Action, ...] = (Keep(implicit=True),)

# RFC 5228 section 3.1.
MESSAGE_A = crlf(
    "Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\nFrom: coyote@desert.example.org\n"
    "To: roadrunner@acme.example.com\nSubject: I have a present for you\n\n"
    "Look, I'm sorry about the whole anvil thing\n"
)
MESSAGE_B = crlf(
    "From: youcouldberich!@reply-by-postal-mail.invalid\nTo: rube@landru.example.com\n"
    "Date: Mon, 31 Mar 1997 18:26:10 -0800\nSubject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$\n\n"
    "YOU MAY HAVE ALREADY WON\n"
)


@pytest.mark.parametrize(
    ("letter", "expected"), [(MESSAGE_A, Redirect("acm@example.com")), (MESSAGE_B, Discard())]
)
def test_rfc_5228_section_3_1(letter: bytes, expected: Action) -> None:
    script = """
        if header :contains ["From"] ["coyote"] { redirect "acm@example.com"; }
        elsif header :contains "Subject" "$$$" { discard; }
        else { keep; }"""
    assert actions(script, letter=letter) == (expected,)


@pytest.mark.parametrize(
    ("script", "letter", "expected"),
    [
        pytest.param(
            "if size :over 100K { # this is a comment\n discard; }", MESSAGE_A, _KEPT, id="2.3 hash"
        ),
        pytest.param(
            "if size :over 1 { /* this is a comment\n   this is still a comment */ discard /* a\n"
            " */ ;\n}",
            MESSAGE_A,
            (Discard(),),
            id="2.3 brackets",
        ),
        pytest.param(
            'if anyof (not exists ["From", "Date"],\n header :contains "from" "fool@example.edu") {'
            " discard; }",
            MESSAGE_A,
            _KEPT,
            id="2.5.1",
        ),
        pytest.param(
            'require "encoded-character";\n'
            'if header :contains "Subject" "$${hex:24 24}" { discard; }',
            MESSAGE_B,
            (Discard(),),
            id="2.4.2.4",
        ),
        pytest.param(
            'if header :contains :comparator "i;octet" "Subject" "YOU, TOO" { discard; }',
            MESSAGE_B,
            (Discard(),),
            id="2.7.3",
        ),
        pytest.param(
            'if header :contains :comparator "i;octet" "Subject" "You, too" { discard; }',
            MESSAGE_B,
            _KEPT,
            id="2.7.3, otherwise written",
        ),
        pytest.param("if size :over 500K { discard; }", MESSAGE_A, _KEPT, id="2.10.2"),
        pytest.param(
            'require ["fileinto", "reject"];\n'
            'if header :contains "from" "coyote" { discard; }\n'
            'elsif header :contains ["subject"] ["$$$"] { discard; }\n'
            'else { fileinto "INBOX"; }',
            MESSAGE_A,
            (Discard(),),
            id="3.1",
        ),
        pytest.param("if not size :under 1M { discard; }", MESSAGE_A, _KEPT, id="4.3"),
        pytest.param(
            'if not header :matches "Cc" "?*" { discard; }',
            MESSAGE_A,
            (Discard(),),
            id="4.4, alike",
        ),
        pytest.param(
            'if header :is ["To"] [""] { discard; } if not exists ["From", "Date"] { discard; }',
            MESSAGE_A,
            _KEPT,
            id="5.5 and 5.7",
        ),
    ],
)
def test_rfc_5228(script: str, letter: bytes, expected: tuple[Action, ...]) -> None:
    assert actions(script, letter=letter) == expected


def test_rfc_5228_section_5_4() -> None:
    script = 'require "envelope"; if envelope :all :is "from" "tim@example.com" { discard; }'
    assert actions(script, envelope=Envelope("tim@example.com", "bob@example.test")) == (Discard(),)
    assert actions(script) == _KEPT


# RFC 5228 section 9.
EXTENDED = """
require ["fileinto"];
if header :is "Sender" "owner-ietf-mta-filters@imc.org" { fileinto "filter"; }
elsif address :DOMAIN :is ["From", "To"] "example.com" { keep; }
elsif anyof (NOT address :all :contains ["To", "Cc", "Bcc"] "me@example.com",
    header :matches "subject" ["*make*money*fast*", "*university*dipl*mas*"]) { fileinto "spam"; }
else { fileinto "personal"; }
"""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("Sender: owner-ietf-mta-filters@imc.org\n", FileInto("filter"), id="list"),
        pytest.param("From: x@example.com\n", Keep(), id="colleague"),
        pytest.param("From: x@y.test\nTo: z@y.test\n", FileInto("spam"), id="not to me"),
        pytest.param(
            "From: x@y.test\nCc: Me@Example.com\nSubject: Make good money quite fast\n",
            FileInto("spam"),
            id="spam to me",
        ),
        pytest.param("From: x@y.test\nBcc: me@example.com\n", FileInto("personal"), id="to me"),
    ],
)
def test_rfc_5228_section_9(head: str, expected: Action) -> None:
    assert actions(EXTENDED, letter=crlf(head + "\nhi\n")) == (expected,)


def test_rfc_5229_section_3_1() -> None:
    script = """require ["encoded-character", "variables"];
        set "name" "Ethelbert";
        if header :contains "Subject" "dear${hex:20 24 7b 4e}ame}" { discard; }"""
    assert actions(script, letter=b"Subject: Dear Ethelbert\r\n\r\n") == (Discard(),)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            "List-ID: The <acme.users@example.com>\n", "INBOX.lists.acme.users", id="list"
        ),
        pytest.param(
            "Subject: [acme-users] [fwd] version 1.0 is out\n", "INBOX.lists.acme-users", id="tag"
        ),
        pytest.param("To: coyote@ACME.Example.COM\n", "INBOX.business.ACME.Example", id="address"),
    ],
)
def test_rfc_5229_section_3_2(head: str, expected: str) -> None:
    script = """require ["fileinto", "variables"];
        if header :matches "List-ID" "*<*@*" { fileinto "INBOX.lists.${2}"; stop; }
        if header :matches "Subject" "[*] *" { fileinto "INBOX.lists.${1}"; stop; }
        if address :matches ["To", "Cc"] ["coyote@**.com", "wile@**.com"] {
            fileinto "INBOX.business.${2}"; stop; }
        if anyof (true, address :domain :matches "To" "*.com") { stop; }"""
    assert actions(script, letter=crlf(head + "\n")) == (FileInto(expected),)


def test_rfc_5229_section_4() -> None:
    script = """require ["variables", "reject"];
set "honorific"  "Mr";
set "first_name" "Wile";
set "last_name"  "Coyote";
set "vacation" text:
Dear ${HONORIFIC} ${last_name},
I'm out, please leave a message after the meep.
.
;
reject "${vacation}";"""
    text = "Dear Mr Coyote,\r\nI'm out, please leave a message after the meep.\r\n"
    assert actions(script) == (Reject(text),)


def test_rfc_5229_section_5() -> None:
    script = """require "variables"; set "state" "${state} pending";
        if string :matches " ${state} " "* pending *" { discard; }"""
    assert actions(script) == (Discard(),)


_RELATED = crlf(
    "Received: a\nReceived: b\nSubject: example\nTo: foo@example.com, baz@example.com\n"
    "Cc: qux@example.com\n\n"
)
_NUMERIC = 'require ["relational", "comparator-i;ascii-numeric", "fileinto"];\n'
_COUNT = ':count "ge" :comparator "i;ascii-numeric"'


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(f'address {_COUNT} ["to", "cc"] ["3"]', True, id="addresses of both"),
        pytest.param(
            f'anyof (address {_COUNT} ["to"] ["3"], address {_COUNT} ["cc"] ["3"])',
            False,
            id="each",
        ),
        pytest.param(f'header {_COUNT} ["received"] ["3"]', False, id="two fields"),
        pytest.param(f'header {_COUNT} ["received", "subject"] ["3"]', True, id="and one more"),
        pytest.param(f'header {_COUNT} ["to", "cc"] ["3"]', False, id="fields, not addresses"),
    ],
)
def test_rfc_5231_section_6(test: str, expected: bool) -> None:
    found = actions(f"{_NUMERIC}if {test} {{ discard; }}", letter=_RELATED)
    assert found == ((Discard(),) if expected else _KEPT)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("X-Priority: 2\nFrom: a@x.test\n", "Priority", id="priority"),
        pytest.param(
            "To: a@x.test, b@x.test, c@x.test, d@x.test, e@x.test, f@x.test\n", "SPAM", id="many"
        ),
        pytest.param("From: nick@x.test\n", "From N-Z", id="N"),
        pytest.param("From: Alice@x.test\n", "From A-M", id="A"),
    ],
)
def test_rfc_5231_section_7(head: str, expected: str) -> None:
    script = f"""{_NUMERIC}
        if header :value "lt" :comparator "i;ascii-numeric" ["x-priority"] ["3"] {{
            fileinto "Priority"; }}
        elsif address :count "gt" :comparator "i;ascii-numeric" ["to"] ["5"] {{ fileinto "SPAM"; }}
        elsif address :value "gt" :all :comparator "i;ascii-casemap" ["from"] ["M"] {{
            fileinto "From N-Z"; }}
        else {{ fileinto "From A-M"; }}"""
    assert actions(script, letter=crlf(head + "\n")) == (FileInto(expected),)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("From: postmaster@x.test\n", FileInto("inbox.postmaster"), id="user"),
        pytest.param("To: ken+mta-filters@example.com\n", FileInto("inbox.ietf-mta"), id="detail"),
    ],
)
def test_rfc_5233_section_5(head: str, expected: Action) -> None:
    script = """require ["envelope", "subaddress", "fileinto"];
        if address :user "from" "postmaster" { fileinto "inbox.postmaster"; stop; }
        if address :detail :is "to" "mta-filters" { fileinto "inbox.ietf-mta"; stop; }
        if envelope :detail "to" "spam" { fileinto "spam"; }"""
    assert actions(script, letter=crlf(head + "\n")) == (expected,)


def test_rfc_5183_section_4() -> None:
    script = 'require "environment"; if environment :contains "item" "" { discard; }'
    assert actions(script) == _KEPT
    assert actions(script, world=TableWorld(items={"item": ""})) == (Discard(),)


def test_rfc_6009_section_7() -> None:
    script = """require ["copy", "redirect-deliverby", "date", "variables", "relational",
                         "comparator-i;ascii-numeric"];
        if currentdate :value "lt" :comparator "i;ascii-numeric" "hour" "22" {
            if currentdate :matches "date" "*" { set "date" "${0}"; }
            if currentdate :matches "zone" "*" { set "zone" "${0}"; }
            redirect :copy :bytimeabsolute "${date}T22:00:00${zone}" :bymode "return"
                "cellphone@example.com"; }"""
    assert actions(script) == (
        Redirect("cellphone@example.com", by=1795640400, by_mode="R"),
        *_KEPT,
    )


_SUBJECT_TESTS = b"""require ["include", "variables"];
    global ["test", "test_mailbox"];
    if header :contains "Subject" "${test}" { set "test_mailbox" "spam-${test}"; }"""


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param("$$", (FileInto("spam-$$"),), id="the first test"),
        pytest.param("make money now", (FileInto("spam-Make money"),), id="the second"),
        pytest.param("Hello", _KEPT, id="neither"),
    ],
)
def test_rfc_6609_section_3_4_1(subject: str, expected: tuple[Action, ...]) -> None:
    script = """require ["fileinto", "include", "variables", "relational"];
        global "test"; global "test_mailbox";
        set "test" "$$"; include "subject_tests";
        set "test" "Make money"; include "subject_tests";
        if string :count "eq" "${test_mailbox}" "1" { fileinto "${test_mailbox}"; stop; }"""
    world = TableWorld(scripts={("personal", "subject_tests"): _SUBJECT_TESTS})
    letter = f"Subject: {subject}\r\n\r\n".encode()
    assert actions(script, letter=letter, world=world) == expected


def test_rfc_6609_section_3_4_2() -> None:
    script = """require ["variables", "include", "reject"];
        global "i_am_on_vacation"; set "global.i_am_on_vacation" "1";
        if string :is "${i_am_on_vacation}" "1" { reject "It's true, I am on vacation."; }"""
    assert actions(script) == (Reject("It's true, I am on vacation."),)


def test_rfc_6609_section_3_2() -> None:
    scripts = {
        ("personal", "always_allow"): b'if address :is "from" "boss@example.com" { keep; }',
        ("global", "spam_tests"): b"""require "reject";
            if anyof (header :contains "Subject" "$$", header :contains "Subject" "Make money") {
                reject "No thank you."; }""",
        ("personal", "spam_tests"): b"""require "reject";
            if header :contains "Subject" "XXXX" { reject "Subject XXXX is unacceptable."; }""",
        ("personal", "mailing_lists"): b"""require "fileinto";
            if header :is "List-ID" "sieve.ietf.org" { fileinto "lists.sieve"; }""",
    }
    script = """require ["include"];
        include :personal "always_allow"; include :global "spam_tests";
        include :personal "spam_tests"; include :personal "mailing_lists";"""

    def found(head: str) -> tuple[Action, ...]:
        return actions(script, letter=crlf(head + "\n"), world=TableWorld(scripts=scripts))

    assert found("From: boss@example.com\n") == (Keep(),)
    assert found("Subject: $$\n") == (Reject("No thank you."),)
    assert found("Subject: XXXX\n") == (Reject("Subject XXXX is unacceptable."),)
    assert found("List-ID: sieve.ietf.org\n") == (FileInto("lists.sieve"),)


def test_rfc_5463_section_5() -> None:
    script = 'require "ihave"; if not ihave "nonsense" { error "nonsense is needed"; }'
    found = outcome(script, envelope=ENVELOPE)
    assert found.actions == _KEPT
    assert "nonsense is needed" in str(found.error)


def test_rfc_5228_section_2_4_2_4_errors() -> None:
    for digits in ("200000", "DF01"):
        script = f'require "encoded-character"; redirect "${{Unicode:{digits}}}";'
        assert "no character" in complaints(script)[0]

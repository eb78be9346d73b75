"""Scripts and messages given to Debian's Pigeonhole and to our engine: the same is decided."""

from collections.abc import Iterator

import pytest

from postroom.sieve.actions import Action, FileInto, Keep, Notify, Redirect, Reject, Vacation
from postroom.sieve.commands.mailto import parse_mailto
from postroom.sieve.engine import compile_script, run
from postroom.sieve.errors import ScriptError
from postroom.sieve.letter import Letter
from postroom.sieve.world import Envelope
from tests.corpus import odd_messages
from tests.peers.pigeonhole import (
    COMPILE_ERROR,
    MISSING,
    RUN_ERROR,
    Panicked,
    Pigeonhole,
    Told,
    pigeonhole,
)
from tests.peers.sieve.cases import RECIPIENT, SENDER, Case, cases
from tests.peers.sieve.chance import random_script
from tests.peers.sieve.letters import LETTERS
from tests.unit.sieve.worlds import TableWorld

pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

_STRING = "strings are compared without case (RFC 5228 section 2.7.3); theirs is i;octet"
# What we decide otherwise on purpose, and why.
DIFFERS = {
    "actions: copy into INBOX": "one copy in a mailbox (RFC 5228 section 2.10.3); it prints two",
    "actions: copy, then not": "a fileinto without :copy cancels the implicit keep (RFC 3894)",
    "actions: wrong: specialuse_exists without a backslash": "found before the script runs",
    "addresses: the null address": "its parts are empty; theirs is the text of the field",
    "answers: a method that is not there": "an error when it runs (RFC 5435 section 3.2)",
    "bodies: an empty body": "it is there after an empty line (RFC 5173 section 4)",
    "bodies: wrong: last of delete without index": "an error (RFC 5293 section 5)",
    "core: folded headers": "unfolding leaves the tab (RFC 5322 section 2.2.3)",
    "dates: dates in Received": ":index counts for dates, too (RFC 5260 section 6)",
    "dates: wrong: a part that is none": "found before the script runs",
    "dates: wrong: a zone that is none": "found before the script runs",
    "flags: variables hold flags": _STRING,
    "parts: spamtest of what nobody looked at": "its :count is 0 (RFC 5235 section 3.1)",
    "relational: i;unicode-casemap": "theirs does not know this comparator",
    "variables: RFC 5229 section 3: namespaces are not known": "an error (RFC 5229 section 3)",
    "variables: match variables beyond any glob": "an error (RFC 5229 section 3.2)",
    "variables: string": _STRING,
}
_ADDRESSES = "an address that is none: we read what we can, theirs takes the text of the field"
DIFFERS_BY_CHANCE = {
    "NUL in a field": "the NUL is one character of the value",
    "address in To: unterminated angle": _ADDRESSES,
    "address in To: unterminated angle and more": _ADDRESSES,
    "address in To: backslash": _ADDRESSES,
    "address: empty Sender": _ADDRESSES,
    "encoding: b'BASE64'": "what is no base64 is decoded as far as it goes",
}


@pytest.fixture(scope="module")
def theirs() -> Iterator[Pigeonhole]:
    with pigeonhole() as found:
        yield found


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_the_same_is_decided(theirs: Pigeonhole, case: Case) -> None:
    letter = LETTERS[case.letter]
    expected = _settled(theirs.decide(case.script, letter, SENDER, RECIPIENT))
    ours = _settled(_decide(case.script, letter))
    if case.name in DIFFERS:
        assert ours != expected, "it differs no longer"
    else:
        assert ours == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [*odd_messages(large=False)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_same_is_decided_by_chance(theirs: Pigeonhole, name: str, message: bytes) -> None:
    script = random_script(name)
    try:
        expected = _settled(theirs.decide(script, message, SENDER, RECIPIENT))
    except Panicked:
        pytest.skip("sieve-test crashes")
    ours = _settled(_decide(script, message))
    if name in DIFFERS_BY_CHANCE:
        assert ours != expected, "it differs no longer"
    else:
        assert ours == expected, script


def _decide(script: str, message: bytes) -> list[Told]:
    try:
        program = compile_script(script.encode())
    except ScriptError:
        return [COMPILE_ERROR]
    letter = Letter(message)
    score = next(iter(letter.values("x-spam-score")), None)
    world = TableWorld(
        items={"name": "Postroom", "version": "1"},
        mailboxes={"INBOX": ()},
        spam_score=None if score is None else (float(score), 10.0),
    )
    outcome = run([program], letter, Envelope(SENDER, RECIPIENT), world)
    return [RUN_ERROR] if outcome.error else [*_told(outcome.actions)]


def _told(actions: tuple[Action, ...]) -> Iterator[Told]:
    for action in actions:
        match action:
            case Keep():
                yield "file", "INBOX", _flags(action.flags)
            case FileInto():
                yield "file", action.mailbox, _flags(action.flags)
            case Redirect():
                local, _, domain = action.address.rpartition("@")
                yield "redirect", f"{local}@{domain.lower()}"
            case Reject():
                yield "reject", action.reason.strip()
            case Notify():
                mailto = parse_mailto(action.method)
                told = frozenset([*mailto.to, *mailto.cc])
                yield "notify", str(action.importance), action.message, told
            case Vacation():
                yield "vacation", str(action.seconds), action.subject, action.reason.strip()


def _flags(flags: tuple[str, ...]) -> frozenset[str]:
    return frozenset(flag.lower() for flag in flags)


def _settled(actions: list[Told]) -> list[Told]:
    """Without discards: they show in what is missing."""
    return [
        tuple(part.replace("\r\n", "\n") if isinstance(part, str) else part for part in action)
        for action in actions
        if action != ("discard",)
    ]

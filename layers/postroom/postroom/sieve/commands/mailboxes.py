"""Tests of what the account holds: mailboxes and annotations (RFC 5490), special uses (RFC 8579),
mailbox ids (RFC 9042)."""

import re

from postroom.sieve.commands.destinations import mailbox_name, mailbox_problem, special_use_problem
from postroom.sieve.language.definitions import Call, Definition, Shape, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

EXTENSIONS = ("mboxmetadata", "servermetadata")

# RFC 5464 section 4.1, and section 3.2: private or shared.
_ANNOTATION = re.compile(r"/(?i:private|shared)(?:/[^\x00-\x20\x7f-\U0010ffff/*%]+)+")


def _mailboxexists(call: Call) -> Test:
    names = call.texts(0)
    for name in call.constants(0) or ():
        if problem := mailbox_problem(name):
            call.warn(problem)
    return lambda run: all(_exists(run, name) for name in names(run))


def _exists(run: Run, name: str) -> bool:
    return not mailbox_problem(name) and run.world.mailbox_exists(mailbox_name(name))


def _mailboxidexists(call: Call) -> Test:
    ids = call.texts(0)
    return lambda run: all(run.world.mailbox_id_exists(mailbox_id) for mailbox_id in ids(run))


def _specialuse_exists(call: Call) -> Test:
    uses = call.texts(1)
    for use in call.constants(1) or ():
        if problem := special_use_problem(use):
            call.wrong(problem, 1)
    name = call.text(0) if call.has(0) else None

    def test(run: Run) -> bool:
        wanted = uses(run)
        if any(special_use_problem(use) for use in wanted):
            return False
        if name is None:
            return run.world.special_use_exists(None, wanted)
        mailbox = name(run)
        return not mailbox_problem(mailbox) and run.world.special_use_exists(
            mailbox_name(mailbox), wanted
        )

    return test


def _metadata(call: Call) -> Test:
    mailbox = call.text(0)
    annotation = call.text(1)
    _check(call, 1)
    match = matcher(call, 2)

    def test(run: Run) -> bool:
        value = _annotation(run, mailbox(run), annotation(run))
        return value is not None and match(run, (value,))

    return test


def _metadataexists(call: Call) -> Test:
    mailbox = call.text(0)
    annotations = call.texts(1)
    _check(call, 1)

    def test(run: Run) -> bool:
        name = mailbox(run)
        return all(_annotation(run, name, entry) is not None for entry in annotations(run))

    return test


def _servermetadata(call: Call) -> Test:
    annotation = call.text(0)
    _check(call, 0)
    match = matcher(call, 1)

    def test(run: Run) -> bool:
        value = _annotation(run, None, annotation(run))
        return value is not None and match(run, (value,))

    return test


def _servermetadataexists(call: Call) -> Test:
    annotations = call.texts(0)
    _check(call, 0)
    return lambda run: all(_annotation(run, None, entry) is not None for entry in annotations(run))


def _check(call: Call, key: int) -> None:
    for entry in call.constants(key) or ():
        if not _ANNOTATION.fullmatch(entry):
            call.warn(f'"{entry}" is no annotation: names begin with "/private/" or "/shared/"')


def _annotation(run: Run, mailbox: str | None, entry: str) -> str | None:
    if not _ANNOTATION.fullmatch(entry):
        return None
    if mailbox is None:
        return run.world.metadata(None, entry)
    return None if mailbox_problem(mailbox) else run.world.metadata(mailbox_name(mailbox), entry)


DEFINITIONS = (
    Definition(
        "mailboxexists", "test", _mailboxexists, takes=(Shape.STRINGS,), extension="mailbox"
    ),
    Definition(
        "mailboxidexists", "test", _mailboxidexists, takes=(Shape.STRINGS,), extension="mailboxid"
    ),
    Definition(
        "specialuse_exists",
        "test",
        _specialuse_exists,
        takes=(Shape.STRING, Shape.STRINGS),
        optional=1,
        extension="special-use",
    ),
    Definition(
        "metadata",
        "test",
        _metadata,
        takes=(Shape.STRING, Shape.STRING, Shape.STRINGS),
        tags=MATCH_TAGS,
        extension="mboxmetadata",
    ),
    Definition(
        "metadataexists",
        "test",
        _metadataexists,
        takes=(Shape.STRING, Shape.STRINGS),
        extension="mboxmetadata",
    ),
    Definition(
        "servermetadata",
        "test",
        _servermetadata,
        takes=(Shape.STRING, Shape.STRINGS),
        tags=MATCH_TAGS,
        extension="servermetadata",
    ),
    Definition(
        "servermetadataexists",
        "test",
        _servermetadataexists,
        takes=(Shape.STRINGS,),
        extension="servermetadata",
    ),
)
